"""A list by reservation id asks only the zones that got a part: each zone on an order's way keeps the set of its children that did. Builds
in `bad` fail, and go on elsewhere; only servers that are bound to no zone are sent there, and they first."""
import pytest

from lib.links import Counts
from lib.servers import stock
from lib.wait import wait_for
from test_tree import CAPACITY, delete, missing_in

PLAN = {"root": {"hosts": 1, "children": {
    "east": {"children": {"east-1": {"hosts": 1}, "east-2": {"hosts": 1}}},
    "west": {"hosts": 1},
    "bad": {"hosts": 1, "settings": {"debug": {"fail_builds": "start:100:bad-h0"}}}}}}
SETTINGS = {"scheduler": {"build_failure_weight_multiplier": 0}}


@pytest.fixture(scope="module")
def tree(make_tree, mariadb, here):
    tree = make_tree(PLAN, settings=SETTINGS, capacity=CAPACITY)
    root = tree.http("root")
    tree.image = stock(root, here)
    bad = next(row["id"] for row in root.fetch("/os-zones")["zones"] if row["name"] == "bad")
    assert root.put(f"/os-zones/{bad}", {"zone": {"weight_offset": 1000}}).status_code == 200
    wait_for(lambda: {zone["path"] for zone in root.fetch("/os-zones/info")["zone"]["directory"]["zones"]} >=
             {"east/east-1", "east/east-2", "west", "bad"}, 30, "root to know all")
    age(tree, mariadb)
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in tree.zones}


def age(tree, mariadb):
    """As if no zone had come into the tree for an hour."""
    for zone in tree.zones.values():
        mariadb.sql(zone.schema, "UPDATE reservation_zones SET created_at = created_at - INTERVAL 1 HOUR WHERE reservation = ''")


def order(tree, door, count=1, **more):
    """The reservation's id, when all its servers are ACTIVE."""
    answer = door.post("/servers", {"server": {"name": "part", "imageRef": tree.image, "flavorRef": "1", "return_reservation_id": True,
                                               "min_count": count, "max_count": count, **more}})
    assert answer.status_code == 202, answer.text
    return wait_active(door, answer.json()["reservation_id"], count)


def order_one(tree, door, **more):
    answer = door.post("/servers", {"server": {"name": "part", "imageRef": tree.image, "flavorRef": "1", **more}})
    assert answer.status_code == 202, answer.text
    shown = door.fetch(f"/servers/{answer.json()['server']['id']}", version="2.79")["server"]
    return wait_active(door, shown["OS-EXT-SRV-ATTR:reservation_id"], 1)


def wait_active(door, reservation, count):
    wait_for(lambda: [row["status"] for row in door.fetch(f"/servers/detail?reservation_id={reservation}")["servers"]] ==
             ["ACTIVE"] * count, 60, f"{count} servers of {reservation} to be ACTIVE")
    return reservation


def listed(door, reservation, more=""):
    answer = door.get(f"/servers?reservation_id={reservation}{more}")
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["servers"]}, missing_in(answer)


def asked(tree, door, reservation, count):
    """{zone: children that were asked} by a list of so many servers."""
    counts = Counts(tree)
    rows, missing = listed(door, reservation)
    assert len(rows) == count and not missing
    found = {zone: {child for child, parent in tree.parents.items() if parent == zone and counts.sent(zone, child)} for zone in tree.zones}
    return {zone: children for zone, children in found.items() if children}


def clear(door, reservation):
    delete(door, *listed(door, reservation)[0])


@pytest.mark.parametrize("zone, way", [("east-1", {"root": {"east"}, "east": {"east-1"}}), ("west", {"root": {"west"}}), ("root", {})])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_only_who_has_a_part_is_asked(tree, doors, zone, way, count):
    root = doors["root"]
    reservation = order(tree, root, count, availability_zone=zone)
    assert asked(tree, root, reservation, count) == way
    if zone == "east-1":
        assert asked(tree, doors["east"], reservation, count) == {"east": {"east-1"}}
    clear(root, reservation)


def test_of_a_server_that_was_made_alone_all_are_asked(tree, doors):
    """No create writes for a list that hardly anybody asks for."""
    reservation = order_one(tree, doors["root"], availability_zone="east-2")
    assert asked(tree, doors["root"], reservation, 1) == {"root": {"east", "west", "bad"}, "east": {"east-1", "east-2"}}
    clear(doors["root"], reservation)


def test_what_was_minted_below_is_asked_there(tree, doors):
    reservation = order(tree, doors["east"], 2, availability_zone="east-2")
    assert asked(tree, doors["root"], reservation, 2) == {"root": {"east"}, "east": {"east-2"}}
    clear(doors["root"], reservation)


def test_a_silent_zone_counts_only_if_it_has_a_part(tree, doors):
    root = doors["root"]
    east, west = order(tree, root, 2, availability_zone="east-1"), order(tree, root, availability_zone="west")
    tree["west"].kill()
    try:
        tree.root.restart()
        rows, missing = listed(root, east, "&zone.strict=1")
        assert len(rows) == 2 and not missing
        answer = root.get(f"/servers?reservation_id={west}")
        assert missing_in(answer) == {"west"}
        assert root.get(f"/servers?reservation_id={west}&zone.strict=1").status_code == 503
        assert missing_in(root.get("/servers")) == {"west"}
    finally:
        tree["west"].start()
    wait_for(lambda: tree.active_children("root") == {"east", "west", "bad"}, 30, "west to be back")
    for reservation in (east, west):
        clear(root, reservation)


def test_a_server_that_moved_adds_its_zone(tree, doors):
    """It was born in bad, which root asks, too: it may have parts that stayed."""
    root = doors["root"]
    reservation = order(tree, root)
    ways = asked(tree, root, reservation, 1)
    (server,) = listed(root, reservation)[0]
    assert server[-6:] == doors["bad"].fetch("/os-zones/info")["zone"]["tag"], "it was not born in bad"
    others = ways["root"] - {"bad"}
    assert "bad" in ways["root"] and len(others) <= 1, ways
    assert root.fetch(f"/os-zones/find?id={server}")["find"]["matches"][0]["zone"].split("/")[0] in (others or {"."}), ways
    clear(root, reservation)


def test_an_older_reservation_is_asked_of_all(tree, doors, mariadb):
    root = doors["root"]
    reservation = order(tree, root, availability_zone="west")
    mariadb.sql(tree.root.schema, f"DELETE FROM reservation_zones WHERE reservation = '{reservation}'")
    assert asked(tree, root, reservation, 1) == {"root": {"east", "west", "bad"}, "east": {"east-1", "east-2"}}
    clear(root, reservation)


def test_a_zone_that_comes_may_bring_parts_along(tree, doors, mariadb):
    root = doors["root"]
    reservation = order(tree, root, 2, availability_zone="east-2")
    assert asked(tree, root, reservation, 2) == {"root": {"east"}, "east": {"east-2"}}
    tree["east"].cli("zone", "delete", "east-2")
    tree.parents["east-2"] = "west"
    tree.join("west", "east-2")
    tree.wait_joined()
    wait_for(lambda: len(listed(root, reservation)[0]) == 2, 30, "them to be listed by their new way")
    assert asked(tree, root, reservation, 2) == {"root": {"east", "west", "bad"}, "west": {"east-2"}}
    clear(root, reservation)
    age(tree, mariadb)
    fresh = order(tree, root, availability_zone="east-2")
    assert asked(tree, root, fresh, 1) == {"root": {"west"}, "west": {"east-2"}}
    clear(root, fresh)
