"""Ids carry their birthplace: what a lookup costs, and that a living server is never "not found", whatever happens to the zones."""
import base64
import hashlib
import os
import uuid

import pytest

from lib.links import Counts
from lib.servers import stock
from lib.tree import Tree
from lib.wait import wait_for
from test_tree import CAPACITY, create, delete, missing_in

PLAN = {"root": {"children": {"east": {"hosts": 1, "children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
OWNERS = ("east", "east-1", "west")


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
    made = {owner: create(doors[owner], f"of-{owner}", availability_zone=owner) for owner in OWNERS}
    yield made
    delete(doors["root"], *made.values())


def show(door, server):
    return door.get(f"/servers/{server}")


def tag_of(door):
    return door.fetch("/os-zones/info")["zone"]["tag"]


def zone_uuid(door):
    return door.fetch("/os-zones/info")["zone"]["uuid"]


def id_with(tag):
    """A server id that nobody minted, of the zone with this tag."""
    return str(uuid.uuid4())[:-6] + tag


class Renamed:
    """A server under another id, as if it had been moved here or adopted: its row is changed, nothing else."""

    def __init__(self, mariadb, zone, server, other):
        self.change = lambda old, new: mariadb.sql(zone.schema, f"UPDATE servers SET uuid = UNHEX('{new.replace('-', '')}')"
                                                                f" WHERE uuid = UNHEX('{old.replace('-', '')}')")
        self.server, self.other = server, other

    def __enter__(self):
        self.change(self.server, self.other)
        return self.other

    def __exit__(self, *_):
        self.change(self.other, self.server)


# --- what it costs
def test_a_hit_is_one_message_per_hop(tree, doors, servers):
    for owner, messages in (("west", 1), ("east", 1), ("east-1", 2)):
        counts = Counts(tree)
        assert show(doors["root"], servers[owner]).status_code == 200
        assert counts.all() == (messages, messages), f"{owner}: (sent, received)"


def test_a_miss_is_none(tree, doors):
    counts = Counts(tree)
    for _ in range(50):
        assert show(doors["root"], uuid.uuid4()).status_code == 404
    assert counts.all() == (0, 0)


def test_an_own_tag_is_final(tree, doors):
    counts = Counts(tree)
    assert show(doors["root"], id_with(tag_of(doors["root"]))).status_code == 404
    assert show(doors["east"], id_with(tag_of(doors["east"]))).status_code == 404
    assert counts.all() == (0, 0)


def test_a_lost_server_of_a_child_is_asked_of_it_alone(tree, doors):
    counts = Counts(tree)
    assert show(doors["root"], id_with(tag_of(doors["east-1"]))).status_code == 404
    assert counts.sent("root", "east") == counts.sent("east", "east-1") == 1 and counts.all() == (2, 2)


# --- silence
def test_only_ids_of_the_silent_zone_are_unknown(tree, doors, servers):
    tag = tag_of(doors["west"])
    tree["west"].kill()
    assert show(doors["root"], servers["west"]).status_code == 503
    assert show(doors["root"], id_with(tag)).status_code == 503
    assert show(doors["root"], uuid.uuid4()).status_code == 404
    assert show(doors["root"], servers["east-1"]).status_code == 200
    tree["west"].start()
    wait_for(lambda: show(doors["root"], servers["west"]).status_code == 200, 30, "west to be back")


def test_a_restart_forgets_nobody(tree, doors, servers):
    """The directory is kept: a restarted root knows whose an id is though nobody can tell it."""
    tree["east"].kill()
    tree.root.restart()
    answer = show(doors["root"], servers["east-1"])
    assert answer.status_code == 503 and missing_in(answer) == {"east"}, answer.text
    tree["east"].start()
    wait_for(lambda: show(doors["root"], servers["east-1"]).status_code == 200, 30, "east to be back")


# --- forwarding records
def test_a_server_that_moved_is_found_by_its_birthplace(tree, doors, servers, mariadb):
    moved = id_with(tag_of(doors["west"]))
    owner = zone_uuid(doors["east-1"]).replace("-", "")
    mariadb.sql(tree["west"].schema, "INSERT INTO zone_forwardings (server, zone, created_at) VALUES"
                                     f" (UNHEX('{moved.replace('-', '')}'), UNHEX('{owner}'), NOW(6))")
    with Renamed(mariadb, tree["east-1"], servers["east-1"], moved):
        for name in tree.zones:
            answer = show(doors[name], moved)
            assert answer.status_code == 200 and answer.json()["server"]["id"] == moved, f"{name}: {answer.text}"
        for name, path in (("root", "east/east-1"), ("west", "root/east/east-1"), ("east", "east-1"), ("east-1", ".")):
            found = doors[name].get(f"/os-zones/find?id={moved}")
            assert found.status_code == 200 and found.json()["find"]["matches"][0]["zone"] == path, f"{name}: {found.text}"
        counts = Counts(tree)
        assert show(doors["root"], moved).status_code == 200
        assert counts.all() == (3, 3), "west says where, then east and east-1"
        answer = doors["root"].put(f"/servers/{moved}", {"server": {"name": "renamed"}})
        assert answer.status_code == 200, answer.text
        assert show(doors["west"], moved).json()["server"]["name"] == "renamed"
        tree["east-1"].kill()
        for name in ("root", "west", "east"):
            assert show(doors[name], moved).status_code == 503, name
        tree["east-1"].start()
        wait_for(lambda: show(doors["root"], moved).status_code == 200, 30, "east-1 to be back")
    assert show(doors["root"], moved).status_code == 404, "the record leads to a zone that does not have it"
    mariadb.sql(tree["west"].schema, "DELETE FROM zone_forwardings")


# --- untagged ids
def set_untagged(doors, parent, child, value):
    row = next(row for row in doors[parent].fetch("/os-zones")["zones"] if row["name"] == child)
    assert doors[parent].put(f"/os-zones/{row['id']}", {"zone": {"untagged": value}}).status_code == 200


def test_untagged_ids_are_asked_where_they_may_be_and_remembered(tree, doors, servers, mariadb):
    set_untagged(doors, "root", "west", True)
    set_untagged(doors, "root", "east", True)
    with Renamed(mariadb, tree["west"], servers["west"], str(uuid.uuid4())) as adopted:
        assert show(doors["root"], adopted).status_code == 200
        counts = Counts(tree)
        assert show(doors["root"], adopted).status_code == 200
        assert counts.sent("root", "west") == 1 and counts.sent("root", "east") == 0, "the hint was not taken"
        with Renamed(mariadb, tree["west"], adopted, id_with(tag_of(doors["east-1"]))) as chance:
            assert show(doors["root"], chance).status_code == 200, "an untagged id that ends in somebody's tag"
        tree["east"].kill()
        answer = show(doors["root"], uuid.uuid4())
        assert answer.status_code == 503 and missing_in(answer) == {"east"}, "a silent owner of untagged ids may have any"
        assert show(doors["root"], adopted).status_code == 200
        tree["east"].start()
        wait_for(lambda: show(doors["root"], servers["east-1"]).status_code == 200, 30, "east to be back")
    for child in ("west", "east"):
        set_untagged(doors, "root", child, False)
    wait_for(lambda: show(doors["root"], uuid.uuid4()).status_code == 404, 30, "nobody to own untagged ids any more")


# --- reservations
def test_a_reservation_is_listed_in_parts(doors):
    """Each zone lists what lies in its own subtree."""
    image = doors["root"].fetch("/image/v2/images?name=tiny")["images"][0]["id"]
    answer = doors["root"].post("/servers", {"server": {"name": "many", "imageRef": image, "flavorRef": "1", "min_count": 6,
                                                        "max_count": 6, "return_reservation_id": True}})
    assert answer.status_code == 202, answer.text
    reservation = answer.json()["reservation_id"]
    wait_for(lambda: [row["status"] for row in doors["root"].fetch(f"/servers/detail?reservation_id={reservation}")["servers"]] ==
             ["ACTIVE"] * 6, 60, "them to be ACTIVE")
    found = {name: {row["id"] for row in door.fetch(f"/servers?reservation_id={reservation}")["servers"]}
             for name, door in doors.items()}
    assert len(found["root"]) == 6 and found["east"] | found["west"] == found["root"] and not found["east"] & found["west"], found
    assert found["east-1"] <= found["east"]
    delete(doors["root"], *found["root"])
    assert doors["west"].fetch(f"/servers?reservation_id={reservation}")["servers"] == []


def test_a_reservation_minted_below_is_asked_there_alone(tree, doors):
    image = doors["east"].fetch("/image/v2/images?name=tiny")["images"][0]["id"]
    answer = doors["east"].post("/servers", {"server": {"name": "below", "imageRef": image, "flavorRef": "1",
                                                        "availability_zone": "east-1", "return_reservation_id": True}})
    reservation = answer.json()["reservation_id"]
    wait_for(lambda: doors["east-1"].fetch(f"/servers?reservation_id={reservation}")["servers"], 60, "the server to exist")
    counts = Counts(tree)
    rows = doors["root"].fetch(f"/servers?reservation_id={reservation}")["servers"]
    assert len(rows) == 1 and counts.sent("root", "west") == 0
    assert doors["west"].fetch(f"/servers?reservation_id={reservation}")["servers"] == []
    wait_for(lambda: show(doors["root"], rows[0]["id"]).json()["server"]["status"] == "ACTIVE", 60, "it to be ACTIVE")
    delete(doors["root"], rows[0]["id"])


# --- a restored backup
def test_a_restored_zone_does_not_deny_what_it_forgot(tree, doors, servers, mariadb):
    west, host, server = tree["west"], tree.hosts["west"][0], servers["west"]
    stranger = id_with(tag_of(doors["west"]))
    west.stop()
    lost = f"UNHEX('{server.replace('-', '')}')"
    mariadb.sql(west.schema, f"DELETE FROM servers WHERE uuid = {lost};"
                             f"DELETE a FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = {lost};"
                             f"DELETE FROM consumers WHERE uuid = {lost}")
    incarnation = west.cli_json("db", "restored")["incarnation"]
    host.pause()  # it cannot be compared with yet
    try:
        west.spawn()
        west.wait_ready()
        for door in (doors["west"], doors["root"]):
            for forgotten in (server, stranger):
                wait_for(lambda d=door, f=forgotten: show(d, f).status_code == 503, 30, "503 for what it does not know")
        wait_for(lambda: show(doors["root"], server).headers["X-Zone-Missing"] == "west;reason=store", 30, "the zone to be named")
        assert doors["west"].fetch("/os-zones/info")["zone"]["incarnation"] == incarnation
    finally:
        host.resume()
    wait_for(lambda: show(doors["root"], server).status_code == 200, 60, "the forgotten server to be taken in again")
    found = show(doors["root"], server).json()["server"]
    assert found["name"] == "of-west" and found["status"] == "ACTIVE"
    wait_for(lambda: show(doors["root"], stranger).status_code == 404, 60, "the zone to be sure again")
    assert mariadb.sql(west.schema, f"SELECT COUNT(*) FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = {lost}") == [["3"]]


# --- a zone on the move; the last test that uses the tree as it was
def test_a_zone_on_the_move_is_never_not_found(tree, doors, servers):
    server = servers["east-1"]
    tree["east"].cli("zone", "delete", "east-1")
    seen = set()

    def look(name):
        status = show(doors[name], server).status_code
        seen.add((name, status))
        return status

    for name in ("root", "east", "west") * 10:
        look(name)
    wait_for(lambda: look("root") == 503, 20, "root to hear that it left")
    tree.parents["east-1"] = "west"
    tree.join("west", "east-1")
    for name in ("west", "root", "east"):
        wait_for(lambda n=name: look(n) == 200, 30, f"{name} to find it again")
    assert not {entry for entry in seen if entry[1] not in (200, 503)}, seen
    assert show(doors["root"], server).headers["X-Zone-Path"] == "west/east-1"


# --- two zones with one tag
def tag_bytes(zone):
    return hashlib.blake2b(zone.bytes, digest_size=32).digest()[:3]


def twins():
    """Two zone uuids with one tag: of some thousands, two meet."""
    met = {}
    while True:
        zone = uuid.uuid4()
        other = met.setdefault(tag_bytes(zone), zone)
        if other is not zone:
            return other, zone


def give_uuid(zone, value):
    """A key file that says so; its database does not know the zone yet."""
    zone.upgrade()
    path = zone.directory / "state/zone.keys"
    head, encoded = path.read_text().splitlines()
    keys = base64.b64decode(encoded)
    path.write_text(f"{head}\n{base64.b64encode(value.bytes + keys[16:]).decode()}\n")
    os.chmod(path, 0o600)


def test_two_zones_with_one_tag_are_both_asked(here, mariadb, test_hosts):
    tree = Tree(here, mariadb, {"crown": {"children": {"castor": {"hosts": 1}, "pollux": {"hosts": 1}}}}, capacity=CAPACITY)
    try:
        for name, value in zip(("castor", "pollux"), twins()):
            give_uuid(tree[name], value)
        tree.start()
        crown = tree.http("crown")
        stock(crown, here)
        assert tag_of(tree.http("castor")) == tag_of(tree.http("pollux"))
        made = {name: create(tree.http(name), name) for name in ("castor", "pollux")}
        for server in made.values():
            assert show(crown, server).status_code == 200
        assert show(crown, id_with(tag_of(tree.http("castor")))).status_code == 404
        for server in made.values():
            assert crown.put(f"/servers/{server}", {"server": {"name": "both"}}).status_code == 200, "a mutation goes on to the second"
        tree["castor"].kill()
        assert show(crown, made["castor"]).status_code == 503 and show(crown, made["pollux"]).status_code == 200
        tree["castor"].start()
        wait_for(lambda: show(crown, made["castor"]).status_code == 200, 30, "castor to be back")
        for name, server in made.items():
            delete(tree.http(name), server)
    finally:
        tree.stop()


def test_a_server_that_was_shown_below_is_read_there_without_a_look_into_the_store(tree, doors, servers, mariadb):
    door, schema = doors["root"], tree["root"].schema
    other = id_with(tag_of(door))
    assert show(door, servers["west"]).status_code == 200
    mariadb.sql(schema, "RENAME TABLE servers TO servers_away")
    try:
        assert show(door, servers["west"]).status_code == 200
        assert show(door, other).status_code >= 500  # the store is looked into for other ids
    finally:
        mariadb.sql(schema, "RENAME TABLE servers_away TO servers")


def test_a_server_that_came_up_is_found_though_it_was_shown_below(tree, doors, servers, mariadb):
    door, server = doors["root"], servers["west"]
    west, root = tree["west"].schema, tree["root"].schema
    assert show(door, server).headers["X-Zone-Path"] == "west"
    row = f"uuid = UNHEX('{server.replace('-', '')}')"
    # IGNORE: columns that the server makes itself
    mariadb.sql(root, f"INSERT IGNORE INTO servers SELECT * FROM {west}.servers WHERE {row}")
    try:
        with Renamed(mariadb, tree["west"], server, id_with("000001")):
            answer = show(door, server)
            assert answer.status_code == 200 and answer.json()["server"]["id"] == server
            assert "X-Zone-Path" not in answer.headers or answer.headers["X-Zone-Path"] == "."
    finally:
        mariadb.sql(root, f"DELETE FROM servers WHERE {row}")
    assert show(door, server).headers["X-Zone-Path"] == "west"
