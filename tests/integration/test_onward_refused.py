"""An order is given back on its ticket alone: without a good one of the child's own, for this server, the zone above makes nothing, and the
server is in error where it is. The only host of `east` fails all builds; `west` would take them."""
import base64
import json
import os

import pytest

from lib.observe import servers, tasks
from lib.servers import RAM_MIB, Door, stock
from lib.tickets import reading, sealing
from lib.wait import wait_for

CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
COMMON = {"scheduler": {"build_failure_weight_multiplier": 0}}
BAD = {"debug": {"fail_builds": "start:100:east-h0"}}
WHOLE = {"debug": {"stop_after": ""}}
OTHER = "12345678-1234-4234-8234-123456789abc"
GARBAGE = base64.b64encode(os.urandom(400)).decode()

# What is done to the order that east keeps, given (root, order): the server must stay east's.
SPOILED = {
    "no base64": lambda root, order: order["onward"].update(ticket="not a ticket!"),
    "forged": lambda root, order: order["onward"].update(ticket=GARBAGE),
    "cut": lambda root, order: order["onward"].update(ticket=order["onward"]["ticket"][:-8]),
    "expired": lambda root, order: reseal(root, order, exp=1),
    "another server's": lambda root, order: reseal(root, order, server=OTHER),
    "another child's": lambda root, order: reseal(root, order, child=OTHER),
    "another order's": lambda root, order: reseal(root, order, order="0" * 64),
    "for another purpose": lambda root, order: order["onward"].update(
        ticket=sealing(root, reading(root, order["onward"]["ticket"]), b"zonegate plan entry")),
    "another name": lambda root, order: order["server"].update(name="other"),
    "another flavor": lambda root, order: order["embedded"]["flavor"].update(ram=RAM_MIB + 1),
    "another reservation": lambda root, order: order.update(reservation_id="r-00000other"),
    "another place in the request": lambda root, order: order.update(launch_index=1),
}


def reseal(root, kept, **words):
    kept["onward"]["ticket"] = sealing(root, {**reading(root, kept["onward"]["ticket"]), **words})


@pytest.fixture(scope="module")
def tree(make_tree):
    tree = make_tree({"root": {"settings": COMMON, "children": {"east": {"hosts": 1, "settings": {**BAD, **COMMON}},
                                                               "west": {"hosts": 1, "settings": COMMON}}}}, capacity=CAPACITY)
    root = tree.http("root")
    (west,) = [row["id"] for row in root.fetch("/os-zones")["zones"] if row["name"] == "west"]
    assert root.put(f"/os-zones/{west}", {"zone": {"weight_offset": -100}}).status_code == 200
    return tree


@pytest.fixture(scope="module")
def door(tree, mariadb, here):
    door = Door(tree.root, mariadb, stock(tree.http("root"), here))
    server = door.ask("first")  # and east has the image
    wait_for(lambda: door.http.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 120, "west to build the first")
    assert server in servers(tree["west"], mariadb)
    return door


def waiting(tree, mariadb, server):
    """The data of east's task that looks for another place."""
    digits = server.replace("-", "")
    rows = mariadb.sql(tree["east"].schema, f"SELECT HEX(data) FROM tasks WHERE kind = 'reschedule' AND HEX(subject) = '{digits}'")
    return json.loads(bytes.fromhex(rows[0][0]))


@pytest.fixture
def stopped(tree, door, mariadb):
    """(server, data): east died before it looked for another place for the server."""
    tree["east"].restart({"debug": {"stop_after": "reschedule:choose:begin"}})
    wait_for(lambda: tree.active_children("root") == {"east", "west"}, 60, "all zones to be there")
    server = door.ask("stopped")
    tree["east"].wait_killed()
    yield server, waiting(tree, mariadb, server)
    if not tree["east"].alive:
        tree["east"].start(WHOLE)


def put_back(tree, mariadb, server, data):
    text = base64.b64encode(json.dumps(data).encode()).decode()
    digits = server.replace("-", "")
    mariadb.sql(tree["east"].schema, f"UPDATE tasks SET data = FROM_BASE64('{text}') WHERE HEX(subject) = '{digits}'")
    tree["east"].start(WHOLE)


def made_above(tree, mariadb, server):
    digits = server.replace("-", "")
    return mariadb.sql(tree.root.schema, f"SELECT HEX(owner) FROM onward_decisions WHERE HEX(server) = '{digits}'")


def test_an_order_that_waited_goes_on(tree, mariadb, stopped):
    server, data = stopped
    put_back(tree, mariadb, server, data)
    wait_for(lambda: server in servers(tree["west"], mariadb) and server not in servers(tree["east"], mariadb), 120, "west to have it")
    assert len(made_above(tree, mariadb, server)) == 1


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_spoiled_order_makes_nothing(tree, mariadb, stopped, spoil):
    server, data = stopped
    tree_before = len(mariadb.sql(tree.root.schema, "SELECT ticket FROM onward_decisions"))
    SPOILED[spoil](tree.root, data["order"])
    put_back(tree, mariadb, server, data)
    wait_for(lambda: servers(tree["east"], mariadb).get(server) == ("error", None, None), 120, "east to give up")
    assert not made_above(tree, mariadb, server)
    assert len(mariadb.sql(tree.root.schema, "SELECT ticket FROM onward_decisions")) == tree_before
    assert server not in servers(tree["west"], mariadb)
    assert not [row for zone in (tree.root, tree["west"]) for row in tasks(zone, mariadb) if row[0] == server]
    assert "Exhausted all hosts" in tree.http("east").fetch(f"/servers/{server}")["server"]["fault"]["message"]


def test_a_ticket_without_its_link_is_worth_nothing(tree, mariadb, stopped):
    server, data = stopped
    order = data["order"]
    answer = tree.http("root").post("/os-zones/onward", {
        "ticket": order["onward"]["ticket"], "uuid": server, "sizing": base64.b64encode(b"{}").decode(), "server": order["server"],
        "embedded": order["embedded"], "reservation_id": order["reservation_id"], "launch_index": 0,
        "moved": {"created_us": 1, "attempts": 1}})
    assert answer.status_code == 400, answer.text
    assert not made_above(tree, mariadb, server)
