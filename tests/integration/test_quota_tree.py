"""Quotas over zones: each zone keeps its own limits over all that it and the zones below it have of a project; a silent zone counts with
what it said last; and what is too much after creations at the same time is taken back."""
import concurrent.futures

import pytest

from lib.pages import missing_in
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 100, "ram_mib": 100_000, "disk_gib": 1000}
AT_ONCE = 8


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"children": {"east": {"hosts": 1, "children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}},
                     capacity=CAPACITY)


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def image(root, here):
    return stock(root, here)


def set_limit(http, project, **limits):
    assert http.put(f"/os-quota-sets/{project}", {"quota_set": {"force": True, **limits}}).status_code == 200


@pytest.fixture
def limit(tree, root):
    """limit(zone, **limits); unlimited again, and without servers, after the test."""
    limited = set()

    def do(zone, **limits):
        limited.add(zone)
        set_limit(tree.http(zone), root.project, **limits)

    yield do
    for zone in limited:
        set_limit(tree.http(zone), root.project, instances=-1, cores=-1, ram=-1, server_groups=-1)
    wait_for(lambda: not missing_in(root.get("/servers")), 60, "all zones")
    for row in root.fetch("/servers?limit=1000")["servers"]:
        root.delete(f"/servers/{row['id']}")
    wait_for(lambda: not root.fetch("/servers")["servers"], 60, "the deletes")


def create(http, image, **more):
    body = {"server": {"name": "s", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", **more}}
    return http.post("/servers", body, version="2.37", timeout=60)


def accepted(http, image, zone):
    answer = create(http, image, availability_zone=zone)
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def used(http):
    return http.fetch("/limits")["limits"]["absolute"]["totalInstancesUsed"]


def refused(answer, count, limit):
    assert answer.status_code == 403, answer.text
    assert answer.json()["forbidden"]["message"] == (
        f"Quota exceeded for instances: Requested 1, but already used {count} of {limit} instances"), answer.text


def test_what_zones_below_have_counts(tree, root, image, limit):
    limit("root", instances=3)
    servers = [accepted(root, image, "west"), accepted(root, image, "east-1"), accepted(tree.http("east"), image, "east")]
    assert (used(root), used(tree.http("east")), used(tree.http("west"))) == (3, 2, 1)
    detail = root.fetch(f"/os-quota-sets/{root.project}/detail")["quota_set"]
    assert detail["instances"] == {"limit": 3, "in_use": 3, "reserved": 0}
    assert detail["cores"]["in_use"] == root.fetch("/limits")["limits"]["absolute"]["totalCoresUsed"] == 3
    refused(create(root, image), 3, 3)
    assert accepted(tree.http("west"), image, "west")  # nothing is asked upward
    assert root.delete(f"/servers/{servers[0]}").status_code == 204
    wait_for(lambda: used(root) == 3, 60, "the delete")
    refused(create(root, image), 3, 3)
    assert root.put(f"/os-quota-sets/{root.project}", {"quota_set": {"instances": 2}}).status_code == 400  # less than is used
    limit("root", instances=4)
    assert accepted(root, image, "east-1")


def test_a_silent_zone_counts_with_what_it_said_last(tree, root, image, limit):
    limit("root", instances=3)
    for zone in ("west", "west", "east-1"):
        accepted(root, image, zone)
    assert used(root) == 3
    tree["west"].kill()
    try:
        wait_for(lambda: missing_in(root.get("/servers")) == {"west": "refused"}, 60, "west to be missed")
        answer = root.get("/limits")
        assert answer.json()["limits"]["absolute"]["totalInstancesUsed"] == 3 and missing_in(answer) == {"west": "refused"}
        assert root.get("/limits?zone.strict=1").status_code == 503
        assert root.get("/limits?zone.local=1").json()["limits"]["absolute"]["totalInstancesUsed"] == 0
        refused(create(root, image), 3, 3)
        tree["root"].stop()
        tree["root"].start()
        refused(create(tree.http("root"), image), 3, 3)
    finally:
        tree["west"].start()
    wait_for(lambda: not missing_in(root.get("/limits")), 60, "west")
    assert used(root) == 3


def test_a_zone_below_keeps_its_own_limits(tree, root, image, limit):
    limit("east-1", instances=1)
    limit("west", instances=2)
    accepted(root, image, "east-1")
    answer = create(root, image, availability_zone="east-1")
    assert answer.status_code == 202
    failed = wait_for(lambda: (lambda server: server["status"] != "BUILD" and server)(
        root.fetch(f"/servers/{answer.json()['server']['id']}")["server"]), 60, "the build")
    assert failed["status"] == "ERROR" and failed["fault"]["message"].startswith("No valid host was found."), failed
    limit("east", instances=1)  # east-1 has it
    answer = create(root, image, min_count=2, max_count=6)
    assert answer.status_code == 202, answer.text
    assert used(tree.http("west")) == 2 and used(tree.http("east")) == 1
    assert create(root, image, min_count=1, max_count=2).status_code in (202, 409)
    assert used(tree.http("west")) == 2 and used(tree.http("east")) == 1


@pytest.mark.parametrize("more", [{}, {"min_count": 2}, {"return_reservation_id": True}, {"return_reservation_id": True, "min_count": 2}])
def test_at_once_no_more_than_the_limit_stay(tree, root, image, limit, more):
    limit("root", instances=4)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: create(tree.http("root"), image, **more), range(AT_ONCE)))
    assert {answer.status_code for answer in answers} <= {202, 403}, [answer.text for answer in answers]
    assert 202 in [answer.status_code for answer in answers]
    wait_for(lambda: len(root.fetch("/servers?limit=1000")["servers"]) <= 4, 60, "what is too much to go")
    wait_for(lambda: {row["status"] for row in root.fetch("/servers/detail?limit=1000")["servers"]} <= {"ACTIVE"}, 60, "the builds")
    assert used(root) == len(root.fetch("/servers?limit=1000")["servers"]) <= 4


def test_a_users_limit(tree, root, image, limit):
    limit("root", instances=5)
    user = root.fetch("/servers/" + accepted(root, image, "east-1"))["server"]["user_id"]
    path = f"/os-quota-sets/{root.project}?user_id={user}"
    assert root.put(path, {"quota_set": {"instances": 1}}).status_code == 200
    try:
        refused(create(root, image), 1, 1)
    finally:
        assert root.delete(path).status_code == 202
    accepted(root, image, "east-1")


def test_groups_of_zones_below_count(tree, root, limit):
    group = {"server_group": {"name": "g", "policies": ["affinity"]}}
    made = tree.http("east-1").post("/os-server-groups", group).json()["server_group"]["id"]
    limit("root", server_groups=1)
    answer = root.post("/os-server-groups", group)
    assert answer.status_code == 403 and "too many server groups" in answer.text, answer.text
    assert root.fetch("/limits")["limits"]["absolute"]["totalServerGroupsUsed"] == 1
    assert root.delete(f"/os-server-groups/{made}").status_code == 204
    mine = root.post("/os-server-groups", group)
    assert mine.status_code == 200, mine.text
    assert root.delete(f"/os-server-groups/{mine.json()['server_group']['id']}").status_code == 204
