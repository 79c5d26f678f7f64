"""Any zone shows what lives anywhere in the tree: ids that nobody below has are asked for at the parent, never as an admin, never back
down the branch that asks; actions only where the link's policy lets them up."""
import uuid

import pytest

from lib.clients import CommandLine, Http
from lib.links import Counts
from lib.servers import stock
from lib.wait import wait_for
from test_tree import CAPACITY, create, delete, missing_in

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1, "children": {"west-1": {}}}}}}


@pytest.fixture(scope="module")
def tree(make_tree, here):
    tree = make_tree(PLAN, capacity=CAPACITY)
    stock(tree.http("root"), here)
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in tree.zones}


@pytest.fixture(scope="module")
def hers(tree):
    """A member's doors at every zone."""
    command = CommandLine(tree.root)
    command.json("project", "create", "demo")
    command.json("user", "create", "--project", "demo", "--password", "alice-secret", "alice")
    command.run("role", "add", "--project", "demo", "--user", "alice", "member")
    return {name: Http(zone, None, tree.network, username="alice", password="alice-secret", project="demo")
            for name, zone in tree.zones.items()}


@pytest.fixture(scope="module")
def far(doors):
    """A server that lives in east-1."""
    server = create(doors["east-1"], "far")
    yield server
    delete(doors["east-1"], server)


def show(door, server):
    return door.get(f"/servers/{server}")


def set_policy(doors, parent, child, **policy):
    row = next(row for row in doors[parent].fetch("/os-zones")["zones"] if row["name"] == child)
    answer = doors[parent].put(f"/os-zones/{row['id']}", {"zone": {"policy": policy}})
    assert answer.status_code == 200, answer.text


def test_every_zone_shows_it_with_links_of_its_own(tree, hers):
    server = create(hers["east-1"], "everywhere")
    own = show(hers["east-1"], server)
    for name in tree.zones:
        seen = show(hers[name], server)
        assert seen.status_code == 200, f"{name}: {seen.text}"
        assert seen.text == own.text.replace(tree["east-1"].url, tree[name].url), name
    delete(hers["east-1"], server)


def test_the_openstack_command_at_west_shows_what_lives_in_east_1(tree, far):
    shown = CommandLine(tree["west"], password=tree.root.password).json("server", "show", far)
    assert shown["id"] == far and shown["name"] == "far"


def test_one_message_per_hop_and_none_back_down(tree, doors, far):
    counts = Counts(tree)
    assert show(doors["west-1"], far).status_code == 200
    assert counts.sent("west-1", "west", side="parent") == counts.sent("west", "root", side="parent") == 1
    assert counts.sent("root", "east") == counts.sent("east", "east-1") == 1
    assert counts.sent("root", "west") == counts.sent("west", "west-1") == 0
    assert counts.all() == (4, 4)


WAYS = {"west-1": ["west", "root", "east", "east-1"], "west": ["root", "east", "east-1"], "root": ["east", "east-1"], "east": ["east-1"]}


@pytest.mark.parametrize("zone", WAYS)
def test_the_way_is_told_from_the_nearest_zone_on(tree, doors, far, zone):
    """Up and down again; bodies of any length, and what was not found there, too."""
    way = "/".join(WAYS[zone])
    for path in ("", "/os-instance-actions", "/metadata", "/metadata/none"):
        answer = doors[zone].get(f"/servers/{far}{path}")
        assert answer.status_code == (404 if "none" in path else 200) and answer.headers["X-Zone-Path"] == way, path
        assert int(answer.headers["X-Zone-Asked"]) == len(WAYS[zone])
        assert answer.status_code == 200 or answer.text == doors["east-1"].get(f"/servers/{far}{path}").text
    assert doors[zone].post(f"/servers/{far}/metadata", {"metadata": {"a": "b"}}).status_code == (403 if "west" in zone else 200)
    tree["east-1"].kill()
    try:
        answer = doors[zone].get(f"/servers/{far}")
        assert answer.status_code == 503 and missing_in(answer) == {way}
        assert answer.headers.get("X-Zone-Path", "") == "/".join(WAYS[zone][:-1]), "it was the last one asked that said so"
    finally:
        tree["east-1"].start()
    wait_for(lambda: show(doors[zone], far).status_code == 200, 60, "east-1 to be back")


def test_a_member_sees_tags_as_far_as_they_are_known(tree, doors, hers):
    server = create(hers["east-1"], "tagged")
    tags = {name: door.fetch("/os-zones/info")["zone"]["tag"] for name, door in doors.items()}
    ways = {"root": ["east", "east-1"], "east": ["east-1"], "west": ["root"], "west-1": ["west"]}
    for zone, way in ways.items():
        assert show(hers[zone], server).headers["X-Zone-Path"] == "/".join(tags[name] for name in way), zone
    tree["east-1"].kill()
    try:
        for zone, way in ways.items():
            answer = hers[zone].get("/servers?zone.in=/")
            assert answer.status_code == 200 and missing_in(answer) == {tags[way[-1]]}, zone
    finally:
        tree["east-1"].start()
    wait_for(lambda: show(hers["west"], server).status_code == 200, 60, "east-1 to be back")
    delete(hers["east-1"], server)


def test_nobody_has_it(tree, doors):
    counts = Counts(tree)
    assert show(doors["west-1"], uuid.uuid4()).status_code == 404
    assert counts.all() == (2, 2), "up to the top, and down nowhere"


def test_own_ids_go_nowhere(tree, doors):
    own = str(uuid.uuid4())[:-6] + doors["west"].fetch("/os-zones/info")["zone"]["tag"]
    counts = Counts(tree)
    assert show(doors["west"], own).status_code == 404
    assert counts.all() == (0, 0)


def test_sub_resources_too(doors, far):
    path = f"/servers/{far}/os-instance-actions"
    assert doors["west"].fetch(path) == doors["east-1"].fetch(path)


def test_lists_stay_the_zones_own(doors, far):
    assert far not in {row["id"] for row in doors["west"].fetch("/servers")["servers"]}
    assert far in {row["id"] for row in doors["root"].fetch("/servers")["servers"]}


def test_nobody_is_an_admin_above(doors, hers):
    """Another project's server: an admin at west is a member of his project when he asks above."""
    server = create(hers["east-1"], "hers")
    assert show(hers["west"], server).status_code == 200
    assert show(doors["root"], server).status_code == 200
    assert show(doors["west"], server).status_code == 404
    delete(hers["east-1"], server)


def test_what_only_admins_read_is_refused_of_what_is_there(doors, far):
    for path in ("diagnostics", "os-security-groups"):
        assert doors["west"].get(f"/servers/{uuid.uuid4()}/{path}").status_code == 404, path
    assert doors["west"].get(f"/servers/{far}/diagnostics").status_code == 403
    assert doors["west"].get(f"/servers/{far}/os-security-groups").status_code == 200


def test_actions_go_up_where_the_policy_says_so(tree, doors, far):
    refused = doors["west"].post(f"/servers/{far}/action", {"os-stop": None})
    assert refused.status_code == 403 and "act" in refused.text, refused.text
    assert doors["west"].delete(f"/servers/{far}").status_code == 403
    assert doors["west"].delete(f"/servers/{uuid.uuid4()}").status_code == 404, "what is nowhere is not refused"
    assert show(doors["west"], far).json()["server"]["status"] == "ACTIVE", "nothing was done"
    set_policy(doors, "root", "west", act=True)
    assert doors["west"].put(f"/servers/{far}", {"server": {"name": "acted"}}).status_code == 200
    assert show(doors["east-1"], far).json()["server"]["name"] == "acted"
    assert doors["west-1"].put(f"/servers/{far}", {"server": {"name": "far"}}).status_code == 403, "each link has its own policy"
    gone = create(doors["east-1"], "gone")
    counts = Counts(tree)
    assert doors["west"].delete(f"/servers/{gone}").status_code == 204
    assert counts.all(("mutate",)) == (3, 3)
    wait_for(lambda: show(doors["east-1"], gone).status_code == 404, 60, "it to be deleted")
    set_policy(doors, "root", "west", act=False)
    assert doors["west"].put(f"/servers/{far}", {"server": {"name": "no"}}).status_code == 403


def test_a_link_that_lets_no_reads_up(doors, far):
    set_policy(doors, "root", "west", resolve=False)
    assert show(doors["west"], far).status_code == 403
    assert show(doors["east"], far).status_code == 200
    set_policy(doors, "root", "west", resolve=None)
    assert show(doors["west"], far).status_code == 200


def test_a_silent_parent_is_named(tree, doors, far):
    near = create(doors["west"], "near")
    tree.root.kill()
    answer = show(doors["west"], far)
    assert answer.status_code == 503 and missing_in(answer) == {"root"}, answer.text
    assert show(doors["west"], near).status_code == 200
    tree.root.start()
    wait_for(lambda: show(doors["west"], far).status_code == 200, 30, "root to be back")
    delete(doors["west"], near)


def test_users_of_another_authority_do_not_look_above(tree, make_zone, make_host):
    """A zone that keeps its own users asks nobody above."""
    other = make_zone("other")
    other.bootstrap()
    other.add_host(make_host("other-h0"), **CAPACITY)
    other.start()
    tree.root.cli("zone", "add", "other", other.url, "--username", "admin", "--password-file", other.password_file)
    wait_for(lambda: "other" in tree.active_children("root"), 30, "the other zone to be joined")
    before = other.metrics().get('zonegate_zone_requests_total{parent="root",class="read"}', 0)
    assert Http(other).get(f"/servers/{uuid.uuid4()}").status_code == 404
    assert other.metrics().get('zonegate_zone_requests_total{parent="root",class="read"}', 0) == before
    tree.root.cli("zone", "delete", "other")


# --- lists of a part of the tree, and of the whole
@pytest.fixture(scope="module")
def everywhere(hers):
    """{zone: her server there}"""
    made = {name: create(hers[name], f"list-{name}") for name in ("east-1", "west")}
    yield made
    for name, server in made.items():
        delete(hers[name], server)


def listed(door, query="", path="/servers"):
    return {row["id"] for row in door.fetch(f"{path}?{query}")["servers"]}


@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
def test_zone_in_is_the_whole_tree_from_everywhere(hers, everywhere, path):
    for name in hers:
        assert listed(hers[name], "zone.in=/", path) == set(everywhere.values()), name
    assert listed(hers["west"], "", path) == {everywhere["west"]}, "else a list stays in its own subtree"
    assert listed(hers["west-1"], "", path) == set()


def test_zone_in_is_a_path(hers, everywhere):
    assert listed(hers["root"], "zone.in=east") == listed(hers["root"], "zone.in=east/east-1") == {everywhere["east-1"]}
    assert listed(hers["root"], "zone.in=west/west-1") == set()
    assert hers["root"].get("/servers?zone.in=nowhere").status_code == 404
    gone = hers["root"].get("/servers?zone.in=east/nowhere")
    assert gone.json()["servers"] == [] and len(missing_in(gone)) == 1


def test_pages_of_the_whole_tree(hers, everywhere):
    first = hers["west-1"].fetch("/servers?zone.in=/&limit=1")
    second = hers["west-1"].fetch(f"/servers?zone.in=/&limit=1&marker={first['servers'][0]['id']}")
    assert {row["id"] for page in (first, second) for row in page["servers"]} == set(everywhere.values())
    assert "zone.in=%2F" in first["servers_links"][0]["href"] or "zone.in=/" in first["servers_links"][0]["href"]
