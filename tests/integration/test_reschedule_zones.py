"""A build that fails on all hosts of its zone goes on in a zone below, under the same uuid, and there is no moment in which any zone does
not know it. The only host of `root` fails at the last step of each build; `leaf`, two links below, has a good one and two bad ones, and
is behind a front that can lose answers."""
import base64
import contextlib
import os
import threading

import pytest

from lib.hostile import Hostile
from lib.observe import claims, servers, tasks
from lib.servers import Door, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
COMMON = {"scheduler": {"build_failure_weight_multiplier": 0},  # or the bad hosts are soon avoided
          "compute": {"networks": "default"}}
ORDERS = "/os-zones/servers"


@pytest.fixture(scope="module")
def tree(make_tree):
    tree = make_tree({"root": {"hosts": 1, "children": {"mid": {}},
                               "settings": {"debug": {"fail_builds": "start:100:root-h0"}, **COMMON}}}, capacity=CAPACITY)
    root = tree.http("root")
    mid = root.fetch("/os-zones")["zones"][0]["id"]  # its own host is root's first choice
    assert root.put(f"/os-zones/{mid}", {"zone": {"weight_offset": -100}}).status_code == 200
    return tree


@pytest.fixture(scope="module")
def leaf(tree, make_host, make_zone):
    zone = make_zone("leaf", {"identity": {"url": f"{tree.root.url}/identity/v3"},
                              "debug": {"fail_builds": "start:100:leaf-bad:leaf-bad-2"}, **COMMON})
    zone.upgrade()
    zone.hosts = [make_host(f"leaf-{name}") for name in ("good", "bad", "bad-2")]
    for host in zone.hosts:
        zone.add_host(host, **CAPACITY)
    return zone.start()


@pytest.fixture(scope="module")
def front(tree, leaf):
    front = Hostile((leaf.address, leaf.port))
    tree["mid"].cli("zone", "add", "leaf", front.url, "--username", "admin", "--password-file", tree.root.password_file)
    wait_for(lambda: tree.active_children("mid") == {"leaf"}, 60, "leaf to be active")
    yield front
    front.close()


@pytest.fixture(scope="module")
def door(tree, front, mariadb, here):
    assert front
    return Door(tree.root, mariadb, stock(tree.http("root"), here))


@pytest.fixture(scope="module")
def doors(tree, leaf, door):
    assert door
    at_leaf = Door(leaf, None, None, password=tree.root.password).http
    return {"root": tree.http("root"), "mid": tree.http("mid"), "leaf": at_leaf}


@pytest.fixture
def only(doors):
    """only(names): the others of leaf's hosts take no builds, until the test is over."""
    def say(names):
        for row in doors["leaf"].fetch("/os-services", version="2.53")["services"]:
            status = "enabled" if row["host"] in names else "disabled"
            if row["host"].startswith("leaf-"):
                assert doors["leaf"].put(f"/os-services/{row['id']}", {"status": status}, version="2.53").status_code == 200
    yield say
    say(("leaf-good", "leaf-bad", "leaf-bad-2"))


class Everywhere:
    """Asks every zone for every id, again and again during a `with`."""

    def __init__(self, doors):
        self.doors, self.ids, self.bad, self.looks = doors, [], [], 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.is_set():
            for server in list(self.ids):
                for name, door in self.doors.items():
                    answer = door.get(f"/servers/{server}")
                    self.looks += 1
                    if answer.status_code != 200:
                        self.bad.append((name, server, answer.status_code, answer.headers.get("X-Openstack-Request-Id"), answer.text))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def show(door, server):
    return door.fetch(f"/servers/{server}", version="2.79")["server"]


def wait_status(door, server, status, seconds=120):
    wait_for(lambda: show(door, server)["status"] == status, seconds, lambda: f"{status}; it is {show(door, server)}")


def assert_given_up(tree, mariadb, ids):
    """Nothing of them is left at root but the record that says who has them."""
    assert not set(ids) & set(servers(tree.root, mariadb))
    assert not set(ids) & claims(tree.root, mariadb)
    assert not set(ids) & tree.hosts["root"][0].domain_uuids()
    assert not mariadb.sql(tree.root.schema, "SELECT * FROM ports")
    assert not [row for row in tasks(tree.root, mariadb) if row[0] in ids]
    rows = mariadb.sql(tree.root.schema, "SELECT LOWER(HEX(server)) FROM zone_forwardings")
    assert {server.replace("-", "") for server in ids} <= {row[0] for row in rows}


def test_it_goes_on_below(tree, leaf, door, doors, mariadb, only):
    only(("leaf-good", "leaf-bad"))
    files = [{"path": "/f", "contents": base64.b64encode(os.urandom(7680)).decode()}]
    secret = base64.b64encode(b"#!/bin/sh\necho once\n").decode()
    created = {}
    with Everywhere(doors) as everywhere:
        for number in range(4):
            server = door.ask(f"s-{number}", config_drive=True, personality=files, user_data=secret, metadata={"n": str(number)})
            everywhere.ids.append(server)
            created[server] = show(doors["root"], server)
        for server in created:
            wait_status(doors["root"], server, "ACTIVE")
    assert everywhere.looks and not everywhere.bad
    tag = doors["root"].fetch("/os-zones/info")["zone"]["tag"]
    assert {server[-6:] for server in created} == {tag}, "all were born at root"
    assert all(show(doors["root"], server)["addresses"] for server in created)
    assert_given_up(tree, mariadb, created)
    assert set(created) <= claims(leaf, mariadb)
    for server, before in created.items():
        assert servers(leaf, mariadb)[server] == ("active", None, "leaf-good")
        after = show(doors["root"], server)
        for kept in ("created", "name", "metadata", "OS-EXT-SRV-ATTR:reservation_id", "OS-EXT-SRV-ATTR:user_data", "config_drive"):
            assert after[kept] == before[kept], kept
        assert leaf.hosts[0].volume_bytes("pool-leaf", f"{server}.config") >= 7680
    for there in doors.values():
        listed = [row["id"] for row in there.fetch("/servers")["servers"]] if there is not doors["mid"] else list(created)
        assert sorted(set(listed) & set(created)) == sorted(server for server in listed if server in created) == sorted(created)
    for server in created:
        assert doors["mid"].delete(f"/servers/{server}").status_code == 204, "asked at a zone that must ask on"
    wait_for(lambda: not set(created) & claims(leaf, mariadb), 60, "the deletes")
    assert {there.get(f"/servers/{server}").status_code for server in created for there in doors.values()} == {404}


def test_a_server_that_comes_while_it_is_looked_for_above(tree, leaf, door, doors, mariadb, only):
    """leaf's own store does not show it yet, root says that leaf has it by now, and mid between them has nobody else to ask: leaf looks
    again. The row is put out of sight until leaf has asked mid."""
    only(("leaf-good",))
    server = door.ask("comes")
    wait_status(doors["root"], server, "ACTIVE")
    wait_for(lambda: server not in servers(tree.root, mariadb), 60, "root to give it up")
    hidden = ("0" if server[0] == "f" else "f") + server[1:]

    def rename(old, new):
        new, old = new.replace("-", ""), old.replace("-", "")
        mariadb.sql(leaf.schema, f"UPDATE servers SET uuid = UNHEX('{new}') WHERE uuid = UNHEX('{old}')")

    def show_it(connection, request):
        rename(hidden, server)
        connection.sendall(above._ask(request))  # pylint: disable=protected-access
    above = Hostile((tree["mid"].address, tree["mid"].port))
    with contextlib.closing(above):
        mariadb.sql(leaf.schema, f"UPDATE zones SET api_url = '{above.url}' WHERE side = 'parent'")
        leaf.restart()
        wait_for(lambda: doors["leaf"].get(f"/servers/{server}").status_code == 200, 60, "leaf")
        with above.plays(show_it, f"/servers/{server}"):
            rename(server, hidden)
            answer = doors["leaf"].get(f"/servers/{server}")
            assert above.played == 1
        assert answer.status_code == 200, answer.text
        mariadb.sql(leaf.schema, f"UPDATE zones SET api_url = '{tree['mid'].url}' WHERE side = 'parent'")
        leaf.restart()
    wait_for(lambda: tree.active_children("mid") == {"leaf"}, 60, "mid to see leaf")
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: server not in claims(leaf, mariadb), 60, "the delete")


def test_a_lost_answer_makes_no_second_server(tree, leaf, front, door, doors, mariadb, only):
    only(("leaf-good",))

    def lose(connection, request):
        answer = front._ask(request)  # pylint: disable=protected-access
        if front.played > 2:
            connection.sendall(answer)
    with front.plays(lose, ORDERS), Everywhere(doors) as everywhere:
        server = door.ask("lost")
        everywhere.ids.append(server)
        wait_status(doors["root"], server, "ACTIVE")
        wait_for(lambda: server not in servers(tree.root, mariadb), 60, "root to give it up")
        assert front.played > 2, "the answer was not lost"
    assert not everywhere.bad
    assert servers(leaf, mariadb)[server] == ("active", None, "leaf-good")
    assert [row["id"] for row in doors["root"].fetch("/servers?name=lost")["servers"]] == [server]
    wait_for(lambda: not [row for row in tasks(tree.root, mariadb) if row[0] == server], 60, "root's task")
    assert_given_up(tree, mariadb, [server])


def test_a_zone_that_dies_before_it_knows_goes_on(tree, leaf, front, door, doors, mariadb, only):
    """Killed when leaf has the server and root has not heard of it: what root finds in the task leads to the same place."""
    only(("leaf-good",))
    killed = threading.Event()

    def kill(connection, request):
        answer = front._ask(request)  # pylint: disable=protected-access
        if front.played == 1:
            tree.root.kill()
            killed.set()
        else:
            connection.sendall(answer)
    with front.plays(kill, ORDERS):
        server = door.ask("killed")
        assert killed.wait(60)
        assert tasks(tree.root, mariadb) and server in servers(tree.root, mariadb) and server in servers(leaf, mariadb)
        tree.root.start()
        wait_for(lambda: server not in servers(tree.root, mariadb), 60, "root to give it up")
        assert front.played > 1
    wait_status(doors["root"], server, "ACTIVE")
    assert servers(leaf, mariadb)[server] == ("active", None, "leaf-good")
    wait_for(lambda: not [row for row in tasks(tree.root, mariadb) if row[0] == server], 60, "root's task")
    assert_given_up(tree, mariadb, [server])


def test_a_delete_while_the_outcome_is_unknown_leaves_nothing(tree, leaf, front, door, doors, mariadb, only):
    only(("leaf-good",))
    arrived, told = threading.Event(), threading.Event()

    def lose(connection, request):
        answer = front._ask(request)  # pylint: disable=protected-access
        arrived.set()
        if told.is_set():
            connection.sendall(answer)
    with front.plays(lose, ORDERS):
        server = door.ask("unwanted")
        assert arrived.wait(60)
        door.ask_delete(server)
        told.set()
        wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 404, 90, "the delete")
        wait_for(lambda: server not in servers(leaf, mariadb) and server not in claims(leaf, mariadb), 60, "leaf to be rid of it")
    assert server not in leaf.hosts[0].domain_uuids()
    assert not [row for row in tasks(tree.root, mariadb) if row[0] == server]


def test_the_builds_of_all_zones_count(leaf, door, doors, mariadb, only):
    only(("leaf-bad", "leaf-bad-2"))
    server = door.ask("thrice")
    wait_status(doors["root"], server, "ERROR")
    shown = show(doors["root"], server)
    assert "Exceeded max scheduling attempts 3" in shown["fault"]["message"], shown["fault"]
    assert servers(leaf, mariadb)[server] == ("error", None, None) and server not in claims(leaf, mariadb)
    assert doors["root"].delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 404, 60, "the delete")


def test_no_room_below_says_why(tree, door, doors, mariadb, only):
    only(())
    server = door.ask("nowhere")
    wait_status(doors["root"], server, "ERROR")
    assert "Exhausted all hosts" in show(doors["root"], server)["fault"]["message"]
    assert servers(tree.root, mariadb)[server] == ("error", None, None)
