"""Server groups whose servers other zones own: one host for all of an affinity group also when many ask at once, and members that are
deleted elsewhere stop being members."""
import concurrent.futures

import pytest

from lib.servers import FLAVOR, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 100, "ram_mib": 100_000, "disk_gib": 1000}
AT_ONCE = 5  # two servers each are as many as a group may have


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"children": {"east": {"hosts": 2}, "west": {"hosts": 2}}}}, capacity=CAPACITY)


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def image(root, here):
    return stock(root, here)


def new_group(root, policy):
    return root.post("/os-server-groups", {"server_group": {"name": policy, "policies": [policy]}}).json()["server_group"]["id"]


def create(root, image, group, **more):
    body = {"server": {"name": "member", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", **more},
            "os:scheduler_hints": {"group": group}}
    answer = root.post("/servers", body, version="2.37", timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def reserve(root, image, group, **more):
    body = {"server": {"name": "member", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", "return_reservation_id": True, **more},
            "os:scheduler_hints": {"group": group}}
    answer = root.post("/servers", body, version="2.37", timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.json()["reservation_id"]


def of_reservation(root, reservation, count):
    def listed():
        found = [row["id"] for row in root.fetch(f"/servers?reservation_id={reservation}")["servers"]]
        return found if len(found) == count else None
    return wait_for(listed, 60, "the reservation's servers")


def built(root, server):
    def ended():
        shown = root.fetch(f"/servers/{server}")["server"]
        return shown if shown["status"] != "BUILD" else None
    return wait_for(ended, 60, "the build")


def members(root, group):
    return set(root.fetch(f"/os-server-groups/{group}")["server_group"]["members"])


def gone(http, *servers):
    for server in servers:
        assert http.delete(f"/servers/{server}").status_code == 204
    for server in servers:
        wait_for(lambda: http.get(f"/servers/{server}").status_code == 404, 60, "the delete")


def test_many_at_once_share_a_host(tree, root, image):
    for _ in range(3):
        group = new_group(root, "affinity")
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            servers = list(pool.map(lambda _: create(tree.http("root"), image, group), range(AT_ONCE)))
        shown = [built(root, server) for server in servers]
        assert {server["status"] for server in shown} == {"ACTIVE"}, shown
        assert len({server["OS-EXT-SRV-ATTR:host"] for server in shown}) == 1, [server["OS-EXT-SRV-ATTR:host"] for server in shown]
        assert members(root, group) == set(servers)
        gone(root, *servers)


def test_several_of_one_request_and_one_more(root, image):
    group = new_group(root, "affinity")
    first = create(root, image, group, min_count=3, max_count=3)
    wait_for(lambda: len(members(root, group)) == 3, 60, "all to be members")
    assert first in members(root, group)
    create(root, image, group)
    servers = members(root, group)
    assert len(servers) == 4
    assert len({built(root, server)["OS-EXT-SRV-ATTR:host"] for server in servers}) == 1
    gone(root, *servers)


def test_reservations_at_once_share_a_host(tree, root, image):
    for _ in range(3):
        group = new_group(root, "affinity")
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            reservations = list(pool.map(lambda _: reserve(tree.http("root"), image, group, min_count=2), range(AT_ONCE)))
        servers = [server for reservation in reservations for server in of_reservation(root, reservation, 2)]
        shown = [built(root, server) for server in servers]
        assert {server["status"] for server in shown} == {"ACTIVE"}, shown
        assert len({server["OS-EXT-SRV-ATTR:host"] for server in shown}) == 1, [server["OS-EXT-SRV-ATTR:host"] for server in shown]
        wait_for(lambda: members(root, group) == set(servers), 60, "all to be members")
        gone(root, *servers)


@pytest.mark.parametrize("door", ["root", "owner"])
def test_a_group_whose_members_were_deleted_elsewhere(tree, root, image, door):
    group = new_group(root, "affinity")
    for _ in range(2):
        server = create(root, image, group)
        assert built(root, server)["status"] == "ACTIVE"
        assert members(root, group) == {server}
        owner = root.get(f"/servers/{server}").headers["X-Zone-Path"]
        gone(tree.http(owner) if door == "owner" else root, server)
        if door == "root":
            assert members(root, group) == set()


def test_the_limit_of_members_counts_who_lives(tree, root, image):
    group = new_group(root, "anti-affinity")
    assert root.put(f"/os-quota-sets/{root.project}", {"quota_set": {"server_group_members": 1}}).status_code == 200
    try:
        for _ in range(2):
            server = create(root, image, group)
            owner = root.get(f"/servers/{server}").headers["X-Zone-Path"]
            assert built(root, server)["status"] == "ACTIVE"
            gone(tree.http(owner), server)
    finally:
        assert root.put(f"/os-quota-sets/{root.project}", {"quota_set": {"server_group_members": 10}}).status_code == 200


# --- groups of another zone than the one that is asked for servers

def test_a_group_of_another_zone_lists_its_members(tree, root, image):
    group = new_group(tree.http("west"), "anti-affinity")
    first = create(root, image, group, availability_zone="east")
    second = create(tree.http("east"), image, group)
    batch = create(root, image, group, availability_zone="west", min_count=2, max_count=2)
    wait_for(lambda: len(members(root, group)) == 4, 60, "all to be members")
    assert {first, second, batch} < members(root, group)
    assert members(tree.http("west"), group) == members(tree.http("east"), group)
    shown = [built(root, server) for server in members(root, group)]
    assert {server["status"] for server in shown} == {"ACTIVE"}
    assert len({server["OS-EXT-SRV-ATTR:host"] for server in shown}) == 4
    gone(root, *members(root, group))


def test_many_at_once_share_a_host_of_a_group_of_another_zone(tree, root, image):
    for _ in range(3):
        group = new_group(tree.http("west"), "affinity")
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            servers = list(pool.map(lambda _: create(tree.http("root"), image, group), range(AT_ONCE)))
        shown = [built(root, server) for server in servers]
        assert {server["status"] for server in shown} == {"ACTIVE"}, shown
        assert len({server["OS-EXT-SRV-ATTR:host"] for server in shown}) == 1, [server["OS-EXT-SRV-ATTR:host"] for server in shown]
        assert members(root, group) == set(servers)
        gone(root, *servers)


def test_reservations_share_a_host_of_a_group_of_another_zone(tree, root, image):
    group = new_group(tree.http("east"), "affinity")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        reservations = list(pool.map(lambda _: reserve(tree.http("root"), image, group, min_count=2), range(AT_ONCE)))
    servers = [server for reservation in reservations for server in of_reservation(root, reservation, 2)]
    shown = [built(root, server) for server in servers]
    assert {server["status"] for server in shown} == {"ACTIVE"}, shown
    assert len({server["OS-EXT-SRV-ATTR:host"] for server in shown}) == 1, [server["OS-EXT-SRV-ATTR:host"] for server in shown]
    wait_for(lambda: members(root, group) == set(servers), 60, "all to be members")
    gone(root, *servers)


def test_without_the_groups_zone_nothing_is_made(tree, root, image):
    group = new_group(tree.http("west"), "anti-affinity")
    tree["west"].kill()
    try:
        wait_for(lambda: "west" in root.get("/servers").headers.get("X-Zone-Missing", ""), 60, "west to be missed")
        body = {"server": {"name": "member", "imageRef": image, "flavorRef": FLAVOR, "networks": "none"}, "os:scheduler_hints": {"group": group}}
        answer = root.post("/servers", body, version="2.37", timeout=60)
        assert answer.status_code == 503 and "west" in answer.text, answer.text
    finally:
        tree["west"].start()
    wait_for(lambda: not root.get("/servers").headers.get("X-Zone-Missing"), 60, "west")
    assert not root.fetch("/servers")["servers"]


def test_a_claim_that_is_not_kept_is_no_member(tree, root, image):
    group = new_group(tree.http("west"), "anti-affinity")
    create(root, image, group, availability_zone="east", min_count=2, max_count=2)
    wait_for(lambda: len(members(root, group)) == 2, 60, "the members")
    body = {"server": {"name": "member", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", "availability_zone": "east"},
            "os:scheduler_hints": {"group": group}}
    answer = root.post("/servers", body, version="2.37", timeout=60)  # both hosts have one
    assert answer.status_code == 202 and built(root, answer.json()["server"]["id"])["status"] == "ERROR"
    assert len(members(root, group)) == 2
    gone(root, *[row["id"] for row in root.fetch("/servers")["servers"]])


def test_only_zones_tell_of_members(tree, root, image):
    group = new_group(tree.http("west"), "affinity")
    body = {"action": "claim", "servers": ["5f1b1c1e-0000-4000-8000-000000000001"], "known": []}
    assert root.post(f"/os-zones/groups/{group}", {"action": "steal", "servers": [], "known": []}).status_code == 400
    assert root.post(f"/os-zones/groups/{group}", {"action": "claim", "servers": ["x"], "known": []}).status_code == 400
    assert root.post(f"/os-zones/groups/{group}", {"action": "claim", "known": []}).status_code == 400
    assert root.post("/os-zones/groups/x", body).status_code == 404
    assert root.post(f"/os-zones/groups/{group}", body).status_code == 204
    assert members(root, group) == set(body["servers"])
    other = dict(body, servers=["5f1b1c1e-0000-4000-8000-000000000002"])
    assert root.post(f"/os-zones/groups/{group}", dict(other, known=body["servers"])).status_code == 429
    assert root.post(f"/os-zones/groups/{group}", dict(body, action="confirm")).status_code == 204
    assert root.post(f"/os-zones/groups/{group}", other).status_code == 409
    assert root.post(f"/os-zones/groups/{group}", dict(other, known=body["servers"])).status_code == 204
    assert root.post(f"/os-zones/groups/{group}", dict(other, known=body["servers"])).status_code == 204  # again
    for claim in (body, other):
        assert root.post(f"/os-zones/groups/{group}", dict(claim, action="release")).status_code == 204
    assert members(root, group) == set(body["servers"])  # it is no claim any more
