"""Several servers of one request, all or none, over a tree: one reservation id, names in a row, each zone only its part; with one place
too few nothing is made, and nothing is left over anywhere. Judged by SQL and virsh."""
import collections

import pytest
import requests

from lib.observe import claims, servers, tasks
from lib.servers import FLAVOR, RAM_MIB, assert_agreement, stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"hosts": 5, "children": {"east-1": {"hosts": 6}}}, "west": {"hosts": 4}}}}
ROOM_OF_A_HOST = 2
ROOM = {"root": 0, "east": 10, "east-1": 12, "west": 8}
ALL = sum(ROOM.values())
CAPACITY = {"vcpus": 64, "ram_mib": ROOM_OF_A_HOST * RAM_MIB + RAM_MIB // 2, "disk_gib": 1000}
SUBTREE = {"root": ROOM, "east": ("east", "east-1"), "east-1": ("east-1",), "west": ("west",)}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY)


@pytest.fixture(scope="module")
def image(tree, here):
    return stock(tree.http("root"), here)


@pytest.fixture
def root(tree, image, mariadb):
    """The door; what a test made is gone before the next one."""
    yield tree.http("root")
    door = tree.http("root")
    for row in door.fetch("/servers")["servers"]:
        assert door.delete(f"/servers/{row['id']}").status_code == 204
    wait_for(lambda: not held(tree, mariadb), 60, lambda: f"everything to go: {held(tree, mariadb)}")


def held(tree, mariadb):
    """All that zones hold, whatever it is."""
    found = {}
    for name, zone in tree.zones.items():
        rows = mariadb.sql(zone.schema, "SELECT HEX(server) FROM holds")
        left = [*servers(zone, mariadb), *claims(zone, mariadb), *[row for row in tasks(zone, mariadb) if row[1] != "hold_expiry"], *rows]
        left += [uuid for host in tree.hosts[name] for uuid in host.domain_uuids()]
        if left:
            found[name] = left
    return found


def ask(door, image, count, least=None, **more):
    return door.post("/servers", {"server": {"name": "many", "imageRef": image, "flavorRef": "1", "min_count": least or count,
                                             "max_count": count, **more}})


def settled(tree, mariadb):
    return all(not [task for task in tasks(zone, mariadb) if task[1] != "hold_expiry"] for zone in tree.zones.values())


def rows_of(door, reservation):
    return door.fetch(f"/servers/detail?reservation_id={reservation}")["servers"]


def reservation_of(door, server):
    return door.fetch(f"/servers/{server}", version="2.3")["server"]["OS-EXT-SRV-ATTR:reservation_id"]


def test_all_rooms_of_all_zones(tree, root, image, mariadb):
    answer = ask(root, image, ALL)
    assert answer.status_code == 202, answer.text
    first = answer.json()["server"]["id"]
    assert root.get(f"/servers/{first}").status_code == 200, "what was accepted exists"
    wait_for(lambda: settled(tree, mariadb), 60, "the builds")
    reservation = reservation_of(root, first)
    rows = rows_of(root, reservation)
    assert {row["status"] for row in rows} == {"ACTIVE"}
    assert sorted(row["name"] for row in rows) == sorted(f"many-{number}" for number in range(1, ALL + 1))
    for name, below in SUBTREE.items():
        part = rows_of(tree.http(name), reservation)
        assert len(part) == sum(ROOM[zone] for zone in below), name
    wait_for(lambda: not any(tasks(zone, mariadb) for zone in tree.zones.values()), 30, "what watches the holds to see that none is left")
    for name, zone in tree.zones.items():
        assert len(servers(zone, mariadb)) == ROOM[name]
        assert_agreement(zone, mariadb, tree.hosts[name])
    assert len({row["id"] for row in rows}) == ALL


def test_one_place_too_few(tree, root, image, mariadb):
    one = ask(root, image, 1)
    assert one.status_code == 202
    wait_for(lambda: settled(tree, mariadb), 60, "the first one")
    answer = ask(root, image, ALL)
    assert answer.status_code == 409, answer.text
    assert "No valid host was found" in answer.json()["conflictingRequest"]["message"]
    left = held(tree, mariadb)
    assert {uuid for rows in left.values() for uuid in rows} == {one.json()["server"]["id"]}


def test_as_many_as_there_is_room(tree, root, image, mariadb):
    answer = ask(root, image, ALL + 5, least=3)
    assert answer.status_code == 202, answer.text
    wait_for(lambda: settled(tree, mariadb), 60, "the builds")
    rows = root.fetch("/servers/detail")["servers"]
    assert collections.Counter(row["status"] for row in rows) == {"ACTIVE": ALL}


def test_return_reservation_id(tree, root, image, mariadb):
    answer = ask(root, image, ALL, return_reservation_id=True)
    assert answer.status_code == 202 and set(answer.json()) == {"reservation_id"}, answer.text
    reservation = answer.json()["reservation_id"]
    wait_for(lambda: settled(tree, mariadb), 60, "the task and the builds")
    assert collections.Counter(row["status"] for row in rows_of(root, reservation)) == {"ACTIVE": ALL}
    again = ask(root, image, 3, return_reservation_id=True).json()["reservation_id"]
    wait_for(lambda: settled(tree, mariadb), 60, "the task that finds no room")
    rows = rows_of(root, again)
    assert [row["status"] for row in rows] == ["ERROR"] * 3
    assert {row["fault"]["message"] for row in rows} == {"No valid host was found. There are not enough hosts available."}


@pytest.mark.parametrize("path", ["/zones/boot", "/os-zones/boot"])
def test_boot_of_2011(tree, root, image, mariadb, path):
    body = {"name": "booted", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", "min_count": 2, "max_count": 2}
    answer = root.post(path, {"server": body}, version="2.37", timeout=60)
    assert answer.status_code == 200 and set(answer.json()) == {"reservation_id"}, answer.text
    first = answer.json()["reservation_id"]
    wait_for(lambda: settled(tree, mariadb), 60, "the task and the builds")
    assert [row["status"] for row in rows_of(root, first)] == ["ACTIVE"] * 2
    answer = root.post(path, {"server": {**body, "min_count": 1, "max_count": 1, "reservation_id": first}}, version="2.37", timeout=60)
    assert answer.status_code == 200 and answer.json()["reservation_id"] == first  # an admin's counts
    wait_for(lambda: settled(tree, mariadb), 60, "the task and the build")
    assert len(rows_of(root, first)) == 3
    for wrong in ({**body, "min_count": 0}, {**body, "reservation_id": "r-x"}, {**body, "nonsense": 1}, {"name": "x"}, [], None):
        answer = root.post(path, {"server": wrong}, version="2.37")
        assert answer.status_code == 400 and "badRequest" in answer.json(), answer.text


def test_a_reservation_is_answered_when_its_servers_are_there(tree, root, image, mariadb):
    reservation = ask(root, image, 2, return_reservation_id=True).json()["reservation_id"]
    assert len(rows_of(root, reservation)) == 2
    wait_for(lambda: settled(tree, mariadb), 60, "the builds")
    lost = ask(root, image, ALL, return_reservation_id=True).json()["reservation_id"]
    assert [row["status"] for row in rows_of(root, lost)] == ["ERROR"] * ALL


def die_at(tree, mariadb, image, step):
    """The reservation id of a batch whose entry zone killed itself at that step; the answer may not have been sent any more."""
    tree.root.restart({"debug": {"stop_after": f"{step}:begin"}})
    try:
        assert ask(tree.http("root"), image, ALL, return_reservation_id=True).status_code == 202
    except requests.ConnectionError:
        pass
    tree.root.wait_killed()
    ((reservation,),) = mariadb.sql(tree.root.schema, "SELECT JSON_VALUE(data, '$.reservation_id') FROM tasks WHERE kind = 'batch'")
    return reservation


def assert_whole(tree, mariadb, reservation):
    """Once each, active, and nothing else anywhere."""
    door = tree.http("root")
    wait_for(lambda: len(rows_of(door, reservation)) == ALL and settled(tree, mariadb), 90,
             lambda: f"all servers; {len(rows_of(door, reservation))} of {ALL}")
    rows = rows_of(door, reservation)
    assert {row["status"] for row in rows} == {"ACTIVE"}, [row.get("fault") for row in rows]
    assert sorted(row["name"] for row in rows) == sorted(f"many-{number}" for number in range(1, ALL + 1))
    wait_for(lambda: not any(tasks(zone, mariadb) for zone in tree.zones.values()), 30, "what watches the holds to see that none is left")
    for name, zone in tree.zones.items():
        assert_agreement(zone, mariadb, tree.hosts[name])


@pytest.mark.parametrize("step", ["batch:decide", "batch:commit"])
def test_the_entry_zone_dies(tree, root, image, mariadb, step):
    reservation = die_at(tree, mariadb, image, step)
    tree.root.start()
    assert_whole(tree, mariadb, reservation)


def test_a_zone_is_away_at_the_commit(tree, root, image, mariadb):
    reservation = die_at(tree, mariadb, image, "batch:commit")
    tree["west"].kill()
    tree.root.start()
    wait_for(lambda: len(servers(tree["east-1"], mariadb)) == ROOM["east-1"], 60, "the others to commit")
    assert servers(tree["west"], mariadb) == {}
    tree["west"].start()
    assert_whole(tree, mariadb, reservation)


def test_a_commit_comes_too_late(tree, root, image, mariadb):
    """The holds of one zone have expired: their room is taken anew."""
    reservation = die_at(tree, mariadb, image, "batch:commit")
    mariadb.sql(tree["west"].schema, "UPDATE holds SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    wait_for(lambda: not claims(tree["west"], mariadb), 60, "west to take its places back")
    tree.root.start()
    assert_whole(tree, mariadb, reservation)
