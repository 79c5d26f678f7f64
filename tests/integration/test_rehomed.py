"""A zone that is given another parent: the old one finds out where it is, takes its own row out and asks for it elsewhere; one that is
nowhere else stays a child that refuses the link. Its servers are found all the while, or named as missing, and never "not found"."""
import pytest

from lib.links import Counts
from lib.pages import missing_in
from lib.servers import stock
from lib.wait import wait_for
from test_tree import CAPACITY, create, delete

PLAN = {"root": {"children": {"a": {"children": {"leaf": {"hosts": 1, "children": {"twig": {"hosts": 1}}}}},
                              "b": {"children": {"b-1": {"hosts": 1}}}}}}
OWNERS = ("leaf", "twig", "b-1")
POLLS = 6  # in a row, with nothing new


@pytest.fixture(scope="module")
def tree(make_tree, here):
    tree = make_tree(PLAN, capacity=CAPACITY)
    stock(tree.http("root"), here)
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in tree.zones}


@pytest.fixture(scope="module")
def servers(doors):
    """{owner: a server that lives there}"""
    made = {owner: create(doors[owner], f"of-{owner}", availability_zone=owner) for owner in OWNERS}
    yield made
    for owner, server in made.items():
        delete(doors[owner], server)


# --- moving
def forget(doors, child, parent):
    """At the child: it has that parent no more."""
    assert doors[child].delete(f"/os-zones/links/{parent}").status_code == 204


def join(tree, parent, child):
    tree.join(parent, child)
    wait_for(lambda: child in tree.active_children(parent), 60, f"{child} to be joined to {parent}")


def row_of(door, name):
    return next((row for row in door.fetch("/os-zones/detail")["zones"] if row["name"] == name), None)


def error_of(door, name):
    row = row_of(door, name)
    return row["last_error"] if row else None


def wait_rehomed(doors, servers, parent, child, below):
    """The old parent says so; meanwhile no zone has ever said that a server is not there, or shown it twice."""
    def seen():
        assert_none_lost(doors, servers)
        return error_of(doors[parent], child) == f"rehomed: zone {child} is now below {below}"
    wait_for(seen, 60, lambda: f"{child} to be rehomed at {parent}: {row_of(doors[parent], child)}")
    row = row_of(doors[parent], child)
    assert row["state"] == "disabled" and row["is_active"] is False


def assert_none_lost(doors, servers):
    for name, door in doors.items():
        for owner, server in servers.items():
            answer = door.get(f"/servers/{server}")
            assert answer.status_code in (200, 503), f"{owner}'s server at {name}: {answer.status_code} {answer.text}"
            assert answer.status_code == 200 or missing_in(answer), "a 503 names a zone"
        ids = [row["id"] for row in door.fetch("/servers")["servers"]]
        assert len(ids) == len(set(ids)), f"a row twice at {name}"


# --- what must hold in the end
def find_wrong(doors, servers, below):
    """Where a server is not shown, a list is not whole, or a row is there twice; `below`: {zone: the owners in its subtree}."""
    for name, door in doors.items():
        for owner, server in servers.items():
            answer = door.get(f"/servers/{server}")
            if answer.status_code != 200:
                return f"{owner}'s server at {name}: {answer.status_code} {answer.text}"
        for query, owners in (("", below[name]), ("?zone.in=/", OWNERS)):
            listed = door.get(f"/servers{query or '?'}&zone.strict=1")
            if listed.status_code != 200 or missing_in(listed):
                return f"the list{query} of {name}: {listed.status_code} {listed.headers}"
            ids = sorted(row["id"] for row in listed.json()["servers"])
            if ids != sorted(servers[owner] for owner in owners):
                return f"the list{query} of {name}: {ids}"
    return None


def wait_whole(doors, servers, below):
    wait_for(lambda: find_wrong(doors, servers, below) is None, 60, lambda: find_wrong(doors, servers, below))


def assert_not_asked(tree, parent, child):
    """While it polls others, and lists."""
    counts = Counts(tree, [parent])
    wait_for(lambda: counts.received(parent, "root", "poll") >= POLLS, 60, f"polls at {parent}")
    assert tree.http(parent).get("/servers").status_code == 200
    assert not any(counts.sent(parent, child, kind) for kind in ("read", "mutate", "poll"))


AT_HOME = {"root": OWNERS, "a": ("leaf", "twig"), "leaf": ("leaf", "twig"), "twig": ("twig",), "b": ("b-1",), "b-1": ("b-1",)}
BELOW_B = {**AT_HOME, "a": (), "b": OWNERS}


def test_at_home(doors, servers):
    wait_whole(doors, servers, AT_HOME)


def test_who_is_nowhere_else_stays_a_child_that_refuses(tree, doors, servers):
    """As long as it is nowhere; a second way to the old parent is no other place. Then it is given another parent."""
    join(tree, "b", "a")
    forget(doors, "leaf", "a")
    wait_for(lambda: "auth" in (error_of(doors["a"], "leaf") or ""), 60, "leaf to refuse the link")
    counts = Counts(tree, ["a", "root"])
    wait_for(lambda: counts.sent("a", "leaf", "poll") >= POLLS, 60, "leaf to be polled")
    assert counts.sent("a", "root", side="parent") > 0 and counts.sent("root", "a") == 0, "asked above, and not back down"
    row = row_of(doors["a"], "leaf")
    assert "auth" in row["last_error"] and row["state"] != "disabled"
    for name in ("a", "b", "root"):
        assert "leaf" in str(missing_in(doors[name].get("/servers"))), name
        assert doors[name].get("/servers?zone.strict=1").status_code == 503, name
        assert doors[name].get(f"/servers/{servers['leaf']}").status_code == 503, name
    forget(doors, "a", "b")
    assert doors["b"].delete("/os-zones/a").status_code == 200
    join(tree, "b", "leaf")


def test_moved_elsewhere_above(tree, doors, servers):
    wait_rehomed(doors, servers, "a", "leaf", "root/b")
    wait_whole(doors, servers, BELOW_B)
    assert_not_asked(tree, "a", "leaf")


def test_the_command_line_and_the_doctor_say_so(tree, doors):
    rows = tree["a"].cli_json("zone", "list")
    assert [(row["name"], row["state"]) for row in rows] == [("leaf", "disabled")] and rows[0]["last_error"].startswith("rehomed")
    status, out, _ = tree["a"].cli("zone", "doctor", check=False)
    assert status == 1 and "rehomed" in out and "now below root/b" in out
    findings = doors["a"].fetch("/os-zones/doctor?zone=leaf")["findings"]
    assert [(found["finding"], found["severity"]) for found in findings] == [("rehomed", "warning")]
    uuid = row_of(doors["a"], "leaf")["uuid"]
    assert doors["a"].fetch(f"/os-zones/{uuid}")["zone"]["name"] == "leaf"
    assert [child["name"] for child in doors["a"].fetch("/os-zones/tree")["tree"]["children"]] == []


def test_enabled_it_is_asked_and_taken_out_again(doors, servers):
    """It has this parent no more: what an admin says changes nothing of that."""
    assert doors["a"].put("/os-zones/leaf", {"zone": {"state": "enabled"}}).json()["zone"]["state"] != "disabled"
    wait_for(lambda: "auth" in (error_of(doors["a"], "leaf") or ""), 60, "leaf to refuse the link")
    wait_rehomed(doors, servers, "a", "leaf", "root/b")
    wait_whole(doors, servers, BELOW_B)


def test_joined_again_it_is_back(tree, doors, servers):
    """It takes the place of the old row; the other parent is the one that finds out now, with the zone down in between."""
    before = row_of(doors["a"], "leaf")["id"]
    join(tree, "a", "leaf")
    assert row_of(doors["a"], "leaf")["id"] != before and len(doors["a"].fetch("/os-zones")["zones"]) == 1
    listed = doors["a"].get("/servers?zone.strict=1")
    assert {row["id"] for row in listed.json()["servers"]} == {servers["leaf"], servers["twig"]}
    forget(doors, "leaf", "b")
    tree["leaf"].restart()
    doors["leaf"] = tree.http("leaf")
    wait_rehomed(doors, servers, "b", "leaf", "root/a")
    wait_whole(doors, servers, AT_HOME)


def test_deleted_it_is_forgotten(tree, doors, servers):
    tree["b"].cli("zone", "delete", "leaf")
    wait_for(lambda: row_of(doors["b"], "leaf") is None, 60, "the row to go")
    wait_whole(doors, servers, AT_HOME)


def test_moved_from_deep_down(tree, doors, servers):
    """The old parent's parent does not know, and asks on."""
    join(tree, "b", "twig")
    status, _, err = tree["twig"].cli("zone", "leave", "nowhere", check=False)
    assert status == 3 and "no parent" in err
    assert "no parent of this zone any more" in tree["twig"].cli("zone", "leave", "leaf")[1]
    wait_rehomed(doors, servers, "leaf", "twig", "a/root/b")
    wait_whole(doors, servers, {**AT_HOME, "leaf": ("leaf",), "a": ("leaf",), "b": ("b-1", "twig")})
    join(tree, "leaf", "twig")
    forget(doors, "twig", "b")
    wait_rehomed(doors, servers, "b", "twig", "root/a/leaf")
    assert doors["b"].delete("/os-zones/twig").status_code == 200
    wait_whole(doors, servers, AT_HOME)


def test_moved_below_a_sibling(tree, doors, servers):
    """Root knows by itself: b is below a now. It was joined there before it forgot root."""
    join(tree, "a", "b")
    forget(doors, "b", "root")
    wait_rehomed(doors, servers, "root", "b", "a")
    below = {**AT_HOME, "a": OWNERS}
    wait_whole(doors, servers, below)
    assert tree.root.cli("zone", "doctor", "b", check=False)[0] == 1
    create_and_delete(doors["root"], "b-1")


def test_and_back_again(tree, doors, servers):
    join(tree, "root", "b")
    forget(doors, "b", "a")
    wait_rehomed(doors, servers, "a", "b", "root")
    assert doors["a"].delete("/os-zones/b").status_code == 200
    wait_whole(doors, servers, AT_HOME)


def create_and_delete(door, zone):
    """A new server there, by its availability zone."""
    server = create(door, "new", availability_zone=zone)
    delete(door, server)


def test_only_children_ask_where_a_zone_is(doors):
    uuid = row_of(doors["a"], "leaf")["uuid"]
    assert doors["root"].get(f"/os-zones/where?zone={uuid}").status_code == 403
