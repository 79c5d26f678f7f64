"""What the zone above shows of a server that went on beside: all builds of `east` fail; `west`, behind a front that can hold answers
back, takes them."""
import threading

import pytest

from lib.hostile import Hostile
from lib.observe import servers, tasks
from lib.servers import Door, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
COMMON = {"scheduler": {"build_failure_weight_multiplier": 0}}
BAD = {"debug": {"fail_builds": "start:100:east-h0"}}
ORDERS = "/os-zones/servers"


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"settings": COMMON, "children": {"east": {"hosts": 1, "settings": {**BAD, **COMMON}}}}}, capacity=CAPACITY)


@pytest.fixture(scope="module")
def west(tree, make_host, make_zone):
    zone = make_zone("west", {"identity": {"url": f"{tree.root.url}/identity/v3"}, **COMMON})
    zone.upgrade()
    zone.add_host(make_host("west-good"), **CAPACITY)
    return zone.start()


@pytest.fixture(scope="module")
def front(tree, west):
    front = Hostile((west.address, west.port))
    tree.root.cli("zone", "add", "west", front.url, "--username", "admin", "--password-file", tree.root.password_file)
    wait_for(lambda: tree.active_children("root") == {"east", "west"}, 60, "west to be active")
    root = tree.http("root")
    (there,) = [row["id"] for row in root.fetch("/os-zones")["zones"] if row["name"] == "west"]
    assert root.put(f"/os-zones/{there}", {"zone": {"weight_offset": -100}}).status_code == 200
    yield front
    front.close()


@pytest.fixture(scope="module")
def door(tree, front, mariadb, here):
    assert front
    return Door(tree.root, mariadb, stock(tree.http("root"), here))


def wait_at_west(tree, west, mariadb, server):
    wait_for(lambda: servers(west, mariadb).get(server) == ("active", None, "west-good"), 120, "west to build it")
    wait_for(lambda: server not in servers(tree["east"], mariadb), 60, "east to give it up")
    for zone in (tree["east"], tree.root):
        wait_for(lambda z=zone: not [row for row in tasks(z, mariadb) if row[0] == server], 60, f"the tasks of {zone.name}")


def test_a_list_meanwhile_is_whole(tree, west, front, door, mariadb):
    """West has it, and root has not heard so: west's list is no garbage, and the server is in root's once."""
    came, listed = threading.Event(), threading.Event()

    def hold(connection, request):
        answer = front._ask(request)  # pylint: disable=protected-access
        came.set()
        listed.wait(60)
        connection.sendall(answer)
    with front.plays(hold, ORDERS):
        server = door.ask("between")
        try:
            assert came.wait(120)
            assert server in servers(tree["east"], mariadb) and server in servers(west, mariadb)
            answer = door.http.get("/servers")
        finally:
            listed.set()
    assert "X-Zone-Missing" not in answer.headers, answer.headers
    assert [row["id"] for row in answer.json()["servers"]] == [server]
    wait_at_west(tree, west, mariadb, server)


def test_it_is_found_while_its_birth_zone_is_down(tree, west, door, mariadb):
    server = door.ask("orphan")
    wait_at_west(tree, west, mariadb, server)
    tree["east"].kill()
    try:
        answer = door.http.get(f"/servers/{server}")
        assert answer.status_code == 200 and answer.json()["server"]["id"] == server, answer.text
        door.ask_delete(server)
        wait_for(lambda: server not in servers(west, mariadb), 60, "the delete")
    finally:
        tree["east"].start()
    wait_for(lambda: tree.active_children("root") == {"east", "west"}, 60, "east to be back")
