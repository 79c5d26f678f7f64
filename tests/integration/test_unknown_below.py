"""A zone's directory is late: root does not know `leaf`, two links below it, and servers are ordered there through the child between
them all the same."""
import json
import uuid

import pytest

from lib.hostile import Hostile, reply
from lib.servers import Door, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
COMMON = {"compute": {"networks": "default"}}
INFO = "/os-zones/info"


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"settings": COMMON}}, capacity=CAPACITY)


@pytest.fixture(scope="module")
def below(tree, make_host, make_zone):
    """`mid`, which has no hosts, and `leaf` below it."""
    zones = {}
    for name in ("mid", "leaf"):
        zones[name] = make_zone(name, {"identity": {"url": f"{tree.root.url}/identity/v3"}, **COMMON})
        zones[name].upgrade()
    zones["leaf"].hosts = [make_host("leaf-h0")]
    zones["leaf"].add_host(zones["leaf"].hosts[0], **CAPACITY)
    for zone in zones.values():
        zone.start()
    join(zones["mid"], "leaf", zones["leaf"].url, tree)
    return zones


def join(zone, name, url, tree):
    zone.cli("zone", "add", name, url, "--username", "admin", "--password-file", tree.root.password_file)
    door = Door(zone, None, None, password=tree.root.password).http
    wait_for(lambda: (name, "up") in {(row["name"], row["state"]) for row in door.fetch("/os-zones/detail")["zones"]}, 60, f"{name} to be up")


@pytest.fixture(scope="module")
def front(tree, below):
    """Between root and mid: the directories that pass it say nothing of leaf."""
    front = Hostile((below["mid"].address, below["mid"].port))

    def leave_out(connection, request):
        head, _, body = front._ask(request).partition(b"\r\n\r\n")  # pylint: disable=protected-access
        info = json.loads(body)
        directory = info["zone"]["directory"]
        directory["digest"] = "partial"  # no digest of mid's: it tells all of them in every answer
        directory["zones"] = [row for row in directory["zones"] if row["path"] == "."]
        assert head.startswith(b"HTTP/1.1 200")
        reply(json.dumps(info).encode())(connection, request)
    with front.plays(leave_out, INFO):
        join(tree.root, "mid", front.url, tree)
        yield front
    front.close()


def known(tree, mariadb):
    """Paths of zones below `mid` that root knows."""
    return {path for path, in mariadb.sql(tree.root.schema, "SELECT path FROM zone_directory")}


def left(tree, mariadb):
    """Paths of zones that root remembers to have left the tree."""
    return {path for path, in mariadb.sql(tree.root.schema, "SELECT path FROM zone_departed")}


def test_it_is_found_where_it_was_ordered(tree, below, front, here, mariadb):
    door = Door(tree.root, mariadb, stock(tree.http("root"), here))
    at_leaf = Door(below["leaf"], None, None, password=tree.root.password).http
    nobodys = f"{uuid.uuid4()}"[:-6] + at_leaf.fetch("/os-zones/info")["zone"]["tag"]
    # What mid tells by itself (a push) names leaf, and the next poll takes it back: as if root had never heard of it.
    wait_for(lambda: "mid/leaf" in left(tree, mariadb) and known(tree, mariadb) == {"."}, 60, "mid's own word about leaf to be replaced")
    mariadb.sql(tree.root.schema, "DELETE FROM zone_departed")
    wait_for(lambda: door.http.get(f"/servers/{nobodys}").status_code == 404, 60, "leaf's ids to be unknown")
    server = door.ask("below")
    assert door.http.get(f"/servers/{server}").status_code == 200
    assert at_leaf.get(f"/servers/{server}?zone.local=1").status_code == 200
    assert door.http.get(f"/servers/{nobodys}").status_code == 404
    wait_for(lambda: door.http.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the server")
    assert door.http.delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: door.http.get(f"/servers/{server}").status_code == 404, 60, "the delete")
    assert known(tree, mariadb) == {"."}
