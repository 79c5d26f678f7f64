"""A build that fails on all hosts of its zone goes on beside it or above, under the same uuid: `east` is below `mid`, which is below
`root`; all of east's hosts fail at the last step of each build. `south` is east's sibling, `west` is mid's, and root has a host of its
own. Which of them may take builds is each test's to say."""
import base64

import pytest

from lib.observe import claims, servers, tasks
from lib.servers import Door, stock
from lib.wait import wait_for
from test_reschedule_zones import Everywhere, show, wait_status

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
PLAN = {"root": {"hosts": 1, "children": {
    "mid": {"children": {"east": {"hosts": 1, "settings": {"debug": {"fail_builds": "start:100:east-h0"}}}, "south": {"hosts": 1}}},
    "west": {"hosts": 1}}}}
HOSTS = {"root": "root-h0", "south": "south-h0", "west": "west-h0", "east": "east-h0"}


@pytest.fixture(scope="module")
def tree(make_tree):
    tree = make_tree(PLAN, settings={"scheduler": {"build_failure_weight_multiplier": 0}}, capacity=CAPACITY)
    for zone, child, offset in (("root", "mid", 100), ("mid", "east", 100)):
        door = tree.http(zone)
        rows = {row["name"]: row["id"] for row in door.fetch("/os-zones")["zones"]}
        assert door.put(f"/os-zones/{rows[child]}", {"zone": {"weight_offset": offset}}).status_code == 200
    return tree


@pytest.fixture(scope="module")
def door(tree, mariadb, here):
    door = Door(tree.root, mariadb, stock(tree.http("root"), here))
    door.tag = tree.http("east").fetch("/os-zones/info")["zone"]["tag"]
    return door


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in ("root", "mid", "east", "south", "west")}


@pytest.fixture
def only(doors):
    """only(*names): of the good zones' hosts these take builds."""
    def say(*names):
        for zone, host in HOSTS.items():
            (row,) = [row for row in doors[zone].fetch(f"/os-services?host={host}", version="2.53")["services"] if row["host"] == host]
            status = "enabled" if zone in (*names, "east") else "disabled"
            assert doors[zone].put(f"/os-services/{row['id']}", {"status": status}, version="2.53").status_code == 200
    yield say
    say(*HOSTS)


def zone_uuid(door):
    return door.fetch("/os-zones/info")["zone"]["uuid"]


def forwardings(zone, mariadb):
    return dict(mariadb.sql(zone.schema, "SELECT LOWER(HEX(server)), LOWER(HEX(zone)) FROM zone_forwardings"))


def assert_owner(tree, mariadb, server, owner):
    """It is the owner's and nobody else's: rows, claims, guests, tasks."""
    assert servers(tree[owner], mariadb)[server] == ("active", None, HOSTS[owner])
    for name in HOSTS:
        has = name == owner
        assert (server in servers(tree[name], mariadb)) == has, name
        assert (server in claims(tree[name], mariadb)) == has, name
        assert (server in tree.hosts[name][0].domain_uuids()) == has, name
    wait_for(lambda: not [row for name in tree.zones for row in tasks(tree[name], mariadb) if row[0] == server], 60, "its tasks")


def wait_all_active(tree):
    for zone, children in (("root", {"mid", "west"}), ("mid", {"east", "south"})):
        wait_for(lambda zone=zone, children=children: tree.active_children(zone) == children, 60, f"the zones below {zone}")


def restart(tree, zone, debug=None):
    tree[zone].restart({"debug": debug or {}})
    wait_all_active(tree)


def create(door, name, **more):
    """Born in east."""
    server = door.ask(name, metadata={"n": name}, **more)
    assert door.tag == server[-6:]
    return server


@pytest.mark.parametrize("owner", ["south", "west", "root"])
def test_it_goes_on_elsewhere(tree, door, doors, mariadb, only, owner):
    only(owner)
    created = {}
    with Everywhere(doors) as everywhere:
        for number in range(3):
            server = create(door, f"{owner}-{number}", user_data=base64.b64encode(b"#!/bin/sh\n").decode())
            everywhere.ids.append(server)
            created[server] = show(doors["root"], server)
        for server in created:
            wait_status(doors["root"], server, "ACTIVE")
    assert everywhere.looks and not everywhere.bad
    for server, before in created.items():
        wait_for(lambda server=server: server not in servers(tree["east"], mariadb), 60, "east to give it up")
        assert_owner(tree, mariadb, server, owner)
        after = show(doors["root"], server)
        for kept in ("created", "name", "metadata", "OS-EXT-SRV-ATTR:reservation_id", "OS-EXT-SRV-ATTR:user_data"):
            assert after[kept] == before[kept], kept
        actions = doors["root"].fetch(f"/servers/{server}/os-instance-actions")["instanceActions"]
        assert [action["action"] for action in actions] == ["create"]
        plain = server.replace("-", "")
        assert forwardings(tree["east"], mariadb)[plain] == zone_uuid(doors[owner]).replace("-", "")
    listed = [row["id"] for row in doors["root"].fetch("/servers")["servers"]]
    assert sorted(set(listed) & set(created)) == sorted(server for server in listed if server in created) == sorted(created)
    for server in created:
        assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not set(created) & claims(tree[owner], mariadb), 60, "the deletes")
    assert {there.get(f"/servers/{server}").status_code for server in created for there in doors.values()} == {404}


def test_several_of_one_request_go_on(tree, door, doors, mariadb, only):
    only("south")
    answer = door.http.post("/servers", {"server": {"name": "many", "imageRef": door.image, "flavorRef": "1", "networks": "none",
                                                    "min_count": 3, "max_count": 3}}, version="2.37")
    assert answer.status_code == 202
    created = [row["id"] for row in doors["root"].fetch("/servers?name=many")["servers"]]
    assert len(created) == 3 and door.tag in {server[-6:] for server in created}, "some were born in east"
    for server in created:
        wait_status(doors["root"], server, "ACTIVE")
        wait_for(lambda server=server: server not in servers(tree["east"], mariadb), 60, "east to give it up")
        assert_owner(tree, mariadb, server, "south")
    reservation = show(doors["root"], created[0])["OS-EXT-SRV-ATTR:reservation_id"]
    listed = doors["root"].fetch(f"/servers?reservation_id={reservation}")["servers"]
    assert sorted(row["id"] for row in listed) == sorted(created)
    for server in created:
        assert door.http.delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not set(created) & claims(tree["south"], mariadb), 60, "the deletes")


def test_nobody_takes_it(tree, door, doors, mariadb, only):
    only()
    server = create(door, "nowhere")
    wait_status(doors["root"], server, "ERROR")
    assert "Exhausted all hosts" in show(doors["root"], server)["fault"]["message"]
    assert servers(tree["east"], mariadb)[server] == ("error", None, None)
    assert not [name for name in HOSTS if server in claims(tree[name], mariadb)]
    for zone in ("root", "mid"):
        assert not mariadb.sql(tree[zone].schema, f"SELECT 1 FROM zone_forwardings WHERE server = UNHEX('{server.replace('-', '')}')")
    assert door.http.delete(f"/servers/{server}").status_code == 204


def test_it_goes_on_from_zone_to_zone(tree, door, doors, mariadb, only):
    """South fails it too: what mid said of it before does not count any more, and no zone is asked twice."""
    only("south", "west")
    restart(tree, "south", {"fail_builds": "start:100:south-h0"})
    try:
        server = create(door, "twice")
        wait_status(doors["root"], server, "ACTIVE")
        wait_for(lambda: server not in servers(tree["south"], mariadb), 60, "south to give it up")
        assert_owner(tree, mariadb, server, "west")
        assert mariadb.sql(tree["west"].schema, "SELECT JSON_VALUE(request_spec, '$.attempts') FROM servers"
                                                f" WHERE uuid = UNHEX('{server.replace('-', '')}')") == [["3"]]
        for name in ("mid", "east", "south"):
            assert doors[name].get(f"/servers/{server}").status_code == 200, name
        assert door.http.delete(f"/servers/{server}").status_code == 204
        wait_for(lambda: server not in claims(tree["west"], mariadb), 60, "the delete")
    finally:
        restart(tree, "south")


@pytest.mark.parametrize("zone, point", [("mid", "onward:find:begin"), ("mid", "onward:find"), ("root", "onward:find:begin"),
                                         ("root", "onward:find"), ("east", "reschedule:choose:begin"), ("east", "reschedule:choose")])
def test_a_zone_that_dies_in_between_goes_on(tree, door, doors, mariadb, only, zone, point):
    only("west")
    restart(tree, zone, {"stop_after": point, **({"fail_builds": "start:100:east-h0"} if zone == "east" else {})})
    server = create(door, f"killed-{zone}-{point.count(':')}")
    tree[zone].wait_killed()
    tree[zone].start()
    wait_all_active(tree)
    wait_for(lambda: doors["root"].get(f"/servers/{server}", version="2.79").status_code == 200, 60, "the zone")
    wait_status(doors["root"], server, "ACTIVE")
    wait_for(lambda: server not in servers(tree["east"], mariadb), 60, "east to give it up")
    assert_owner(tree, mariadb, server, "west")
    assert door.http.delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: server not in claims(tree["west"], mariadb), 60, "the delete")
    assert doors["root"].get(f"/servers/{server}").status_code == 404


@pytest.mark.parametrize("owner, zone", [("west", "root"), ("root", "root"), ("south", "mid")])
def test_a_delete_while_it_is_looked_for_leaves_nothing(tree, door, doors, mariadb, only, owner, zone):
    """The zone that would look dies before it does; east's server is deleted meanwhile, which that zone hears when it is back and has
    found somebody."""
    only(owner)
    restart(tree, zone, {"stop_after": "onward:find:begin"})
    server = create(door, f"unwanted-{owner}")
    tree[zone].wait_killed()
    wait_for(lambda: (server, "reschedule") in tasks(tree["east"], mariadb), 60, "east to wait")
    assert doors["east"].delete(f"/servers/{server}").status_code == 204
    tree[zone].start()
    wait_for(lambda: doors["east"].get(f"/servers/{server}").status_code == 404, 120, "the delete")
    wait_for(lambda: not [row for name in tree.zones for row in tasks(tree[name], mariadb) if row[0] == server], 120, "its tasks")
    wait_all_active(tree)
    assert {there.get(f"/servers/{server}").status_code for there in doors.values()} == {404}
    for name in HOSTS:
        assert server not in claims(tree[name], mariadb) and server not in tree.hosts[name][0].domain_uuids(), name
