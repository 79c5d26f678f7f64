"""Forwarding records end: a zone that a server has left forgets it when its owner has, and not before. What is built in `east` fails, and
goes on in `west`; east and root keep a record of it."""
import re
import uuid

import pytest

from lib.links import state_of
from lib.servers import Door, stock
from lib.wait import wait_for
from test_reschedule_up import forwardings, zone_uuid
from test_reschedule_zones import show, wait_status

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
KEEP_S = 3
ASKED, KEPT = r"event=forwarding\.asked .*removed=0\b", r"event=forwarding\.kept "
PLAN = {"root": {"children": {"east": {"hosts": 1, "settings": {"debug": {"fail_builds": "start:100:east-h0"}}}, "west": {"hosts": 1}}}}


@pytest.fixture(scope="module")
def tree(make_tree):
    settings = {"scheduler": {"build_failure_weight_multiplier": 0}, "zones": {"poll_interval_ms": 300, "forwarding_keep_s": KEEP_S}}
    tree = make_tree(PLAN, settings=settings, capacity=CAPACITY)
    root = tree.http("root")
    east = next(row["id"] for row in root.fetch("/os-zones")["zones"] if row["name"] == "east")
    assert root.put(f"/os-zones/{east}", {"zone": {"weight_offset": 100}}).status_code == 200
    return tree


@pytest.fixture(scope="module")
def door(tree, mariadb, here):
    return Door(tree.root, mariadb, stock(tree.http("root"), here))


@pytest.fixture(scope="module")
def doors(tree, door):
    assert door
    return {name: tree.http(name) for name in tree.zones}


def move(tree, door, doors, mariadb, name):
    """A server that was born in east and is west's, which root must know to be back."""
    wait_for(lambda: state_of(tree, "root", "west") == "up", 60, "root to see west")
    server = door.ask(name)
    wait_status(doors["root"], server, "ACTIVE")
    owner = zone_uuid(doors["west"]).replace("-", "")
    for zone in ("east", "root"):
        wait_for(lambda zone=zone: forwardings(tree[zone], mariadb).get(server.replace("-", "")) == owner, 60, f"{zone}'s record")
    return server


def lines(zone, pattern):
    return sum(bool(re.search(pattern, line)) for line in zone.process.lines)


def wait_more(zone, pattern):
    """Two more lines like it: the first may be about what was before."""
    before = lines(zone, pattern)
    wait_for(lambda: lines(zone, pattern) > before + 1, 60, f"{zone.name} to say {pattern} again")


def has_record(tree, mariadb, server, zones=("east", "root")):
    return {zone for zone in zones if server.replace("-", "") in forwardings(tree[zone], mariadb)}


def test_a_living_server_keeps_its_records(tree, door, doors, mariadb):
    server = move(tree, door, doors, mariadb, "living")
    for zone in ("east", "root"):
        wait_more(tree[zone], ASKED)
    assert has_record(tree, mariadb, server) == {"east", "root"}
    for name, there in doors.items():
        assert there.get(f"/servers/{server}").status_code == 200, name
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not has_record(tree, mariadb, server), 60, "the records to go")
    assert {there.get(f"/servers/{server}").status_code for there in doors.values()} == {404}


def test_a_silent_owner_keeps_them_and_a_restart_forgets_nothing(tree, door, doors, mariadb):
    server = move(tree, door, doors, mariadb, "silent")
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 404, 60, "the delete")
    tree["west"].kill()
    for zone in ("east", "root"):
        tree[zone].kill()
        tree[zone].start()
        wait_more(tree[zone], KEPT)
    assert has_record(tree, mariadb, server) == {"east", "root"}
    assert doors["root"].get(f"/servers/{server}").status_code == 503, "the owner may have it"
    tree["west"].start()
    wait_for(lambda: not has_record(tree, mariadb, server), 60, "the records to go")
    assert {there.get(f"/servers/{server}").status_code for there in doors.values()} == {404}


def test_a_server_is_forgotten_only_after_its_time(tree, door, doors, mariadb):
    """The owner's own time counts; here it does not forget."""
    tree["west"].restart({"zones": {"poll_interval_ms": 300, "forwarding_keep_s": 86400}})
    server = move(tree, door, doors, mariadb, "deleted")
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 404, 60, "the delete")
    for zone in ("east", "root"):
        wait_more(tree[zone], ASKED)
    assert has_record(tree, mariadb, server) == {"east", "root"}
    tree["west"].restart()
    wait_for(lambda: not has_record(tree, mariadb, server), 60, "the records to go")


def test_a_restored_owner_says_nothing(tree, door, doors, mariadb):
    server = move(tree, door, doors, mariadb, "restored")
    west, host = tree["west"], tree.hosts["west"][0]
    west.stop()
    mariadb.sql(west.schema, f"DELETE FROM servers WHERE uuid = UNHEX('{server.replace('-', '')}')")
    west.cli_json("db", "restored")
    host.pause()  # it cannot be compared with yet
    try:
        west.spawn()
        west.wait_ready()
        for zone in ("east", "root"):
            wait_more(tree[zone], KEPT)
        assert has_record(tree, mariadb, server) == {"east", "root"}
    finally:
        host.resume()
    wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 200, 60, "the server to be taken in again")
    assert show(doors["east"], server)["status"] == "ACTIVE"
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not has_record(tree, mariadb, server), 60, "the records to go")


def test_who_asks_wrongly_is_told(doors):
    root = doors["root"]
    zone, other = zone_uuid(root), zone_uuid(doors["west"])
    assert root.get("/os-zones/forgotten").status_code == 400
    assert root.get(f"/os-zones/forgotten?zone={zone}&servers=x").status_code == 400
    assert root.get(f"/os-zones/forgotten?zone={zone}&servers={other},").json() == {"forgotten": [other]}
    assert root.get(f"/os-zones/forgotten?zone={other}&servers={other},{zone}").json() == {"forgotten": [other, zone]}
    assert root.get(f"/os-zones/forgotten?zone={uuid.uuid4()}&servers={zone}").status_code == 503, "nobody knows that zone"
