"""/os-zones on a real tree, root -> east -> east-1 and root -> west: 2011's checklist by its numbers (1-19, 51, 69), then health, tree,
find, drain, and the command line that shows them."""
import json
import re
import uuid

import pytest

from lib.clients import CommandLine, Http, image_file
from lib.wait import free_port, wait_for
from lib.zone import ROOT
from test_tree import create, delete, missing_in

PLAN = {"root": {"settings": {"zone": {"capabilities": "hypervisor=kvm;xen, os=linux"}},
                 "children": {"east": {"children": {"east-1": {"hosts": 2}}}, "west": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
SECRET = "never-to-be-shown"
DOORS_2011 = ("/os-zones", "/zones")


@pytest.fixture(scope="module")
def tree(make_tree, here):
    tree = make_tree(PLAN, capacity=CAPACITY)
    root = CommandLine(tree.root)
    root.json("flavor", "create", "m1.tiny", "--id", "1", "--ram", "96", "--disk", "1", "--vcpus", "1")
    root.json("image", "create", "tiny", "--disk-format", "raw", "--container-format", "bare", "--public", "--file", str(image_file(here)))
    root.json("project", "create", "demo")
    root.json("user", "create", "--project", "demo", "--password", "alice-secret", "alice")
    root.run("role", "add", "--project", "demo", "--user", "alice", "member")
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in tree.zones}


@pytest.fixture(scope="module")
def alice(tree):
    return Http(tree.root, username="alice", password="alice-secret", project="demo")


@pytest.fixture
def spare(doors):
    """A child that is registered at root and down; forgotten afterwards."""
    body = {"name": f"spare-{uuid.uuid4().hex[:6]}", "api_url": f"http://127.0.0.1:{free_port()}/v1.1", "username": "admin", "password": SECRET}
    answer = doors["root"].post("/os-zones", {"zone": body})
    assert answer.status_code == 200, answer.text
    zone = answer.json()["zone"]
    yield zone
    doors["root"].delete(f"/os-zones/{zone['id']}")


def row_of(door, name, path="/os-zones"):
    return next(row for row in door.fetch(path)["zones"] if row["name"] == name)


# --- 2011's checklist
@pytest.mark.parametrize("path", DOORS_2011)
def test_01_a_leaf_has_no_children(doors, path):
    assert doors["west"].fetch(path) == {"zones": []}


def test_02_a_child_that_is_down_is_registered(doors, spare):
    assert isinstance(spare["id"], int) and spare["state"] == "unknown" and spare["uuid"] is None and not spare["is_active"]
    assert spare["api_url"].endswith(":" + spare["api_url"].rsplit(":", 1)[1]) and "/v1.1" not in spare["api_url"]
    shown = doors["root"].get(f"/os-zones/{spare['id']}").text + doors["root"].get("/os-zones/detail").text
    assert SECRET not in shown and "password" not in json.dumps(spare) and "username" not in json.dumps(spare)


def test_03_weights_have_defaults(doors, spare):
    shown = doors["root"].fetch(f"/os-zones/{spare['id']}")["zone"]
    assert (shown["weight_offset"], shown["weight_scale"]) == (0.0, 1.0)


@pytest.mark.parametrize("path", DOORS_2011)
def test_04_only_admins_change_and_show(doors, alice, spare, path):
    before = doors["root"].fetch(f"/os-zones/{spare['id']}")["zone"]
    assert alice.post(path, {"zone": {"api_url": "http://127.0.0.1:1", "username": "a", "password": "b"}}).status_code == 403
    assert alice.put(f"{path}/{spare['id']}", {"zone": {"weight_scale": 5}}).status_code == 403
    assert alice.delete(f"{path}/{spare['id']}").status_code == 403
    assert alice.get(f"{path}/{spare['id']}").status_code == 403
    after = doors["root"].fetch(f"/os-zones/{spare['id']}")["zone"]
    assert {key: after[key] for key in ("name", "api_url", "weight_scale", "state")} == {
        key: before[key] for key in ("name", "api_url", "weight_scale", "state")}


def test_04_users_see_tags_not_names(doors, alice):
    tags = {row["tag"] for row in doors["root"].fetch("/os-zones")["zones"] if row["uuid"]}
    text = alice.get("/os-zones/detail")
    assert text.status_code == 200 and tags <= {row["name"] for row in text.json()["zones"]}
    assert "west" not in text.text and "api_url" not in text.text
    info = alice.fetch("/os-zones/info")["zone"]
    assert "directory" not in info and "capacity" not in info


@pytest.mark.parametrize("body", [{}, {"zone": {}}, {"zone": 5}, {"zone": {"name": "x"}}, {"zone": {"name": "x", "username": "a", "password": "b"}},
                                  {"zone": {"api_url": "http://127.0.0.1:1", "username": "a", "password": "b", "id": 5}},
                                  {"zone": {"api_url": "http://127.0.0.1:1", "username": "a", "password": "b", "tls_pin": "sha256//x"}},
                                  {"zone": {"api_url": "ftp://127.0.0.1:1", "username": "a", "password": "b"}},
                                  {"zone": {"api_url": "http://127.0.0.1:1", "username": "a", "password": "b", "delete_when_empty": True}},
                                  {"zone": {"api_url": "http://127.0.0.1:1", "username": "a", "password": "b", "policy": {"read_only": True}}}])
def test_05_a_bad_body_is_400(doors, body):
    answer = doors["root"].post("/os-zones", body)
    assert answer.status_code == 400 and "badRequest" in answer.json(), answer.text


@pytest.mark.parametrize("wrong", ["999999", "nowhere", str(uuid.uuid4()), "-1", "1%20or%201"])
def test_06_unknown_is_404(doors, wrong):
    assert doors["root"].get(f"/os-zones/{wrong}").status_code == 404


def test_06_a_zone_is_shown_by_id_name_and_uuid(doors):
    west = row_of(doors["root"], "west")
    for word in (west["id"], "west", west["uuid"]):
        assert doors["root"].fetch(f"/zones/{word}")["zone"]["tag"] == west["tag"]


def test_07_put_changes_what_it_names(doors, spare):
    root, path = doors["root"], f"/os-zones/{spare['id']}"
    changed = root.put(path, {"zone": {"weight_offset": 1000.5, "weight_scale": "0.5"}})
    assert changed.status_code == 200 and changed.json()["zone"]["weight_scale"] == 0.5
    assert root.put(path, {"zone": {"weight_offset": 0}}).json()["zone"]["weight_offset"] == 0
    shown = root.fetch(path)["zone"]
    assert shown["weight_scale"] == 0.5 and shown["name"] == spare["name"] and shown["api_url"] == spare["api_url"]
    assert root.put(path, {"zone": {"nonsense": 1}}).status_code == 400
    assert root.put("/os-zones/999999", {"zone": {"weight_scale": 1}}).status_code == 404


def test_08_and_18_a_new_password_joins(tree, doors, make_zone):
    child = make_zone("pw")
    child.bootstrap()
    child.start()
    zone = doors["root"].post("/os-zones", {"zone": {"name": "pw", "api_url": child.url, "username": "admin", "password": "wrong"}}).json()["zone"]
    path = f"/os-zones/{zone['id']}"
    wait_for(lambda: "password" in (doors["root"].fetch(path)["zone"]["last_error"] or ""), 30, "the refusal to be named")
    assert not doors["root"].fetch(path)["zone"]["is_active"]
    changed = doors["root"].put(path, {"zone": {"password": child.password}})
    assert changed.status_code == 200 and child.password not in changed.text
    wait_for(lambda: doors["root"].fetch(path)["zone"]["is_active"], 30, "the child to be joined")
    # 9: the parent's row goes, the child stays
    gone = doors["root"].delete(path)
    assert (gone.status_code, gone.json()) == (200, {})
    assert doors["root"].get(path).status_code == 404 and doors["root"].delete(path).status_code == 404
    assert Http(child).get("/os-zones/info").status_code == 200


@pytest.mark.parametrize("path", ["/os-zones", "/os-zones/detail", "/zones", "/zones/detail"])
def test_10_list_has_2011s_members(doors, path):
    for row in doors["root"].fetch(path)["zones"]:
        assert {"id", "name", "api_url", "is_active", "capabilities", "weight_offset", "weight_scale"} <= row.keys()
    assert isinstance(row_of(doors["root"], "west", path)["capabilities"], dict)


def test_10_pages(doors, spare):
    root = doors["root"]
    whole = [row["id"] for row in root.fetch("/os-zones")["zones"]]
    assert len(whole) == 3 and spare["id"] in whole
    assert [row["id"] for row in root.fetch("/os-zones?limit=2&offset=1")["zones"]] == whole[1:3]
    read, target = [], "/os-zones?limit=1"
    while target:
        page = root.fetch(target)
        read += [row["id"] for row in page["zones"]]
        links = page.get("zones_links", [])
        target = links[0]["href"].removeprefix(root.zone.url) if links else None
    assert read == whole
    for wrong in ("limit=-1", "offset=-1", "limit=x", "marker=999999", "marker=x"):
        assert root.get(f"/os-zones?{wrong}").status_code == 400, wrong


@pytest.mark.parametrize("path", ["/os-zones/info", "/zones/info"])
def test_11_info_has_name_and_capabilities(doors, alice, path):
    for door in (doors["root"], alice):
        zone = door.fetch(path)["zone"]
        assert zone["name"] == "root" and zone["hypervisor"] == "kvm;xen" and zone["os"] == "linux"
        assert zone["capabilities"] == {"hypervisor": "kvm;xen", "os": "linux"}, "a zone without hosts has nothing to roll up"


def test_12_and_13_hosts_are_rolled_up(tree, doors, mariadb):
    def memory():
        return doors["east-1"].fetch("/os-zones/info")["zone"].get("compute_host_memory_free")
    wait_for(lambda: memory() == "65536,65536", 30, "both hosts to be free")
    first, second = (host.name for host in tree.hosts["east-1"])
    mariadb.sql(tree["east-1"].schema, f"UPDATE hosts SET disabled = 1 WHERE name = '{first}'")
    def capacity():
        return doors["east-1"].fetch("/os-zones/info")["zone"]["capacity"]["availability_zones"]["east-1"]
    wait_for(lambda: capacity()["ram_mib"] == capacity()["largest"]["ram_mib"] == 65536, 30, "one host to be out")
    mariadb.sql(tree["east-1"].schema, f"UPDATE hosts SET disabled = 1 WHERE name = '{second}'")
    wait_for(lambda: memory() is None, 30, "no host to be rolled up")
    mariadb.sql(tree["east-1"].schema, "UPDATE hosts SET disabled = 0")
    wait_for(lambda: memory() == "65536,65536", 30, "both hosts to be back")


def test_14_a_childs_capabilities_are_shown(doors):
    shown = wait_for(lambda: row_of(doors["root"], "west")["capabilities"], 30, "west's capabilities")
    assert shown["hypervisor"] == "libvirt" and "compute_host_memory_free" in shown


def test_15_a_row_changed_in_the_store_is_seen(tree, doors, spare, mariadb):
    mariadb.sql(tree.root.schema, f"UPDATE zones SET weight_offset = 7 WHERE id = {spare['id']}")
    wait_for(lambda: doors["root"].fetch(f"/os-zones/{spare['id']}")["zone"]["weight_offset"] == 7, 30, "the row to be read again")
    mariadb.sql(tree.root.schema, f"DELETE FROM zones WHERE id = {spare['id']}")
    wait_for(lambda: doors["root"].get(f"/os-zones/{spare['id']}").status_code == 404, 30, "the row to be gone")


def test_19_children_are_listed_right_after_a_start(tree, doors):
    tree.root.restart()
    assert {"east", "west"} <= {row["name"] for row in doors["root"].fetch("/os-zones")["zones"]}
    wait_for(lambda: {"east", "west"} <= tree.active_children("root"), 60, "both to be active")


@pytest.mark.parametrize("wrap", [lambda spec: json.dumps(json.dumps(spec)), json.dumps], ids=["2011", "plain"])
@pytest.mark.parametrize("path", ["/os-zones/select", "/zones/select"])
def test_51_select_reads_2011s_bodies(doors, wrap, path):
    spec = {"instance_type": {"vcpus": 1, "memory_mb": 96, "local_gb": 1}, "instance_properties": {}, "num_instances": 2, "filter": None}
    answer = doors["root"].request("POST", path, data=wrap(spec), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    weights = answer.json()["weights"]
    assert 1 <= len(weights) <= 2 and all({"weight", "blob"} <= row.keys() for row in weights)
    assert not any(host.name in answer.text for hosts in doors["root"].zone.host_names for host in hosts)
    for wrong in ('"{"', '"5"', "[]", '"[]"', "{}"):
        answer = doors["root"].request("POST", path, data=wrong, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (wrong, answer.text)


@pytest.mark.parametrize("path", ["/os-zones", "/os-zones/detail", "/os-zones/info", "/zones", "/servers", "/servers/detail"])
def test_69_fresh_is_ignored(doors, path):
    assert doors["root"].get(f"{path}?fresh=1299000000.12").status_code == 200


def test_recurse_zones_and_local_zone_only(doors):
    server = create(doors["west"], "below")
    for query, seen in (("", True), ("?recurse_zones=1", True), ("?local_zone_only=1", False), ("?local_zone_only=true", False),
                        ("?local_zone_only=false", True)):
        assert (server in {row["id"] for row in doors["root"].fetch(f"/servers{query}")["servers"]}) == seen, query
    delete(doors["root"], server)


# --- health
def test_health_of_a_child(doors):
    west = row_of(doors["root"], "west")
    health = doors["root"].fetch(f"/os-zones/{west['id']}/health")["health"]
    assert health["state"] == "up" and health["is_active"] and health["last_error"] is None and health["reason"] is None
    assert health["since"] <= health["last_seen"] and health["in_flight"] >= 0 and health["incarnation"] == 1
    assert health["breakers"].keys() == {"read", "mutate", "poll"}
    poll = health["breakers"]["poll"]
    assert poll["state"] == "up" and not poll["open"] and poll["latency_p50_ms"] >= 1 and poll["latency_p99_ms"] >= poll["latency_p50_ms"]
    assert health["protocol"] == [1, 1] and health["microversion"][0] == "2.1" and health["clock_skew_s"] == 0
    assert health["certificate_days_left"] is None, "plain http"


def test_health_of_nobody_and_by_nobody(doors, alice):
    assert doors["root"].get("/os-zones/999999/health").status_code == 404
    assert alice.get("/os-zones/1/health").status_code == 403


# --- tree
def test_tree_is_whole(doors):
    tree = doors["root"].fetch("/os-zones/tree")["tree"]
    assert tree["name"] == "root" and tree["state"] == "up" and tree["capacity"]["servers"] == 0
    east, west = tree["children"]
    assert [child["name"] for child in east["children"]] == ["east-1"] and west["children"] == []
    assert east["children"][0]["capacity"]["availability_zones"]["east-1"]["ram_mib"] == 2 * 65536
    assert all("latency_ms" in node for node in (east, west, east["children"][0]))
    assert [node["path"] for node in (tree, east, west, east["children"][0])] == [".", "east", "west", "east/east-1"]


def test_tree_asks_each_zone_once(tree, doors):
    def drawn():
        return {name: sum("/os-zones/tree" in line for line in zone.process.lines) for name, zone in tree.zones.items()}
    before = drawn()
    doors["root"].fetch("/os-zones/tree")
    doors["root"].fetch("/os-zones/tree")
    wait_for(lambda: drawn() == {name: count + 2 for name, count in before.items()}, 30, lambda: f"two lines per zone: {before} {drawn()}")


@pytest.mark.parametrize("depth, levels", [(0, 1), (1, 2), (2, 3), (99, 3)])
def test_tree_has_a_depth(doors, depth, levels):
    def height(node):
        return 1 + max((height(child) for child in node["children"]), default=0)
    assert height(doors["root"].fetch(f"/os-zones/tree?depth={depth}")["tree"]) == levels


@pytest.mark.parametrize("depth", ["-1", "x", ""])
def test_tree_refuses_a_bad_depth(doors, depth):
    assert doors["root"].get(f"/os-zones/tree?depth={depth}").status_code == 400


def test_tree_is_for_admins(alice):
    assert alice.get("/os-zones/tree").status_code == 403


# --- find
@pytest.fixture(scope="module")
def server(doors):
    made = create(doors["east-1"], "find-me", accessIPv4="192.0.2.7")
    yield made
    delete(doors["east-1"], made)


@pytest.mark.parametrize("name, path", [("root", "east/east-1"), ("east", "east-1"), ("east-1", ".")])
def test_find_by_id(doors, server, name, path):
    found = doors[name].fetch(f"/os-zones/find?id={server}")["find"]
    (match,) = found["matches"]
    hops = [] if path == "." else path.split("/")
    assert (match["id"], match["name"], match["zone"], match["status"]) == (server, "find-me", path, "ACTIVE")
    assert [hop["zone"] for hop in match["hops"]] == ["/".join(hops[:n + 1]) for n in range(len(hops))]
    assert found["messages"] == len(hops) and all(hop["ms"] >= 0 for hop in match["hops"])


def test_find_goes_up_from_a_sibling(doors, server):
    found = doors["west"].fetch(f"/os-zones/find?id={server}")["find"]
    assert found["matches"][0]["zone"] == "root/east/east-1" and found["messages"] == 3


def test_reads_up_by_policy(tree, doors, server):
    assert doors["west"].get(f"/servers/{server}").status_code == 200, "a sibling's server, by way of root"
    assert tree.root.cli_json("zone", "policy", "west", "--reads-up", "no")["resolve"] is False
    assert doors["west"].get(f"/servers/{server}").status_code in (403, 404)
    assert doors["west"].get(f"/os-zones/find?id={server}").status_code == 404
    assert "m1.tiny" in doors["west"].get("/flavors").text, "the catalogue is another matter"
    assert tree.root.cli_json("zone", "policy", "west", "--reads-up", "yes")["resolve"] is True
    wait_for(lambda: doors["west"].get(f"/servers/{server}").status_code == 200, 30, "reads to go up again")


def test_find_by_name_ip_and_reservation(doors, server):
    reservation = doors["root"].fetch(f"/os-zones/find?id={server}")["find"]["matches"][0]["reservation_id"]
    for query in ("name=find-me", "ip=192.0.2.7", f"reservation_id={reservation}"):
        found = doors["root"].fetch(f"/os-zones/find?{query}")["find"]
        assert [match["id"] for match in found["matches"]] == [server] and found["messages"] == 3, query
    assert doors["root"].fetch("/os-zones/find?name=find-m")["find"]["matches"] == []


def test_find_is_for_ones_own(doors, alice, server):
    assert alice.get(f"/os-zones/find?id={server}").status_code == 404
    assert alice.fetch("/os-zones/find?name=find-me")["find"]["matches"] == []
    hers = create(alice, "hers")
    found = alice.fetch(f"/os-zones/find?id={hers}")
    assert found["find"]["matches"][0]["zone"] == hers.replace("-", "")[-6:]
    assert "east" not in json.dumps(found) and "west" not in json.dumps(found)
    delete(alice, hers)


@pytest.mark.parametrize("query", ["", "id=", "id=nonsense", "ip=nonsense", "id=1&name=2"])
def test_find_refuses_a_bad_question(doors, query):
    assert doors["root"].get(f"/os-zones/find?{query}").status_code == 400


def test_find_says_404_for_what_is_nowhere(doors):
    assert doors["root"].get(f"/os-zones/find?id={uuid.uuid4()}").status_code == 404


# --- drain, disable, enable
def test_a_draining_child_takes_no_new_servers_and_serves_all_else(doors):
    root = doors["root"]
    kept = create(doors["west"], "kept")
    assert root.put("/os-zones/west", {"zone": {"state": "draining"}}).json()["zone"]["state"] == "draining"
    made = [create(root, f"elsewhere-{n}") for n in range(4)]
    assert {root.fetch(f"/os-zones/find?id={server}")["find"]["matches"][0]["zone"] for server in made} == {"east/east-1"}
    assert root.post(f"/servers/{kept}/action", {"os-stop": None}).status_code == 202
    wait_for(lambda: root.fetch(f"/servers/{kept}")["server"]["status"] == "SHUTOFF", 60, "the kept server to stop")
    assert kept in {row["id"] for row in root.fetch("/servers")["servers"]}
    assert root.put("/os-zones/west", {"zone": {"state": "enabled"}}).json()["zone"]["state"] == "up"
    delete(root, kept, *made)


def test_a_disabled_child_is_not_asked(doors):
    root = doors["root"]
    kept = create(doors["west"], "kept")
    assert root.put("/os-zones/west", {"zone": {"state": "disabled"}}).json()["zone"]["is_active"] is False
    silent = root.get(f"/servers/{kept}")
    assert silent.status_code == 503 and "disabled" in silent.headers["X-Zone-Missing"]
    assert missing_in(root.get("/servers")) == {"west"}
    assert root.get(f"/os-zones/find?id={kept}").status_code == 503
    assert root.put("/os-zones/west", {"zone": {"state": "enabled"}}).status_code == 200
    wait_for(lambda: root.get(f"/servers/{kept}").status_code == 200, 30, "west to be asked again")
    delete(root, kept)


def test_drain_then_delete_waits_for_the_last_server(tree, doors, make_zone, make_host):
    child = make_zone("leaving")
    child.bootstrap()
    host = make_host("leaving-h0")
    child.add_host(host, **CAPACITY)
    child.start()
    own = Http(child)
    own.post("/flavors", {"flavor": {"name": "m1.tiny", "id": "1", "ram": 96, "vcpus": 1, "disk": 1}}).raise_for_status()
    image = own.post("/image/v2/images", {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"}).json()
    own.put(f"/image/v2/images/{image['id']}/file", data=bytes(1 << 20), headers={"Content-Type": "application/octet-stream"}).raise_for_status()
    server = create(own, "last")
    root = doors["root"]
    root.post("/os-zones", {"zone": {"name": "leaving", "api_url": child.url, "username": "admin", "password": child.password}}).raise_for_status()
    wait_for(lambda: row_of(root, "leaving")["is_active"], 60, "the child to be joined")
    answer = root.delete("/os-zones/leaving?drain=1")
    assert answer.status_code == 202 and answer.json()["zone"]["delete_when_empty"] is True
    root.put("/os-zones/leaving", {"zone": {"state": "enabled"}})
    assert row_of(root, "leaving")["delete_when_empty"] is False, "enabling takes it back"
    assert root.delete("/os-zones/leaving?drain=1").status_code == 202
    assert root.get("/os-zones/leaving").status_code == 200 and root.get(f"/servers/{server}").status_code == 200
    delete(own, server)
    wait_for(lambda: root.get("/os-zones/leaving").status_code == 404, 60, "the empty child to be forgotten")
    assert tree.root.process.find_line(r"event=zone\.drained\b")


# --- the command line
def test_cli_tree_has_its_corners(tree):
    lines = tree.root.cli("zone", "tree")[1].splitlines()
    assert [line.split("  up  ")[0].rstrip() for line in lines] == ["root", "├─ east", "│  └─ east-1", "└─ west"]
    columns = {line.index(" up ") for line in lines}
    assert len(columns) == 1, "states stand below each other"
    assert "\033[" not in "".join(lines), "no colours but on a terminal"
    assert tree.root.cli_json("zone", "tree")["children"][0]["children"][0]["name"] == "east-1"
    assert len(tree.root.cli("zone", "tree", "--depth", "1")[1].splitlines()) == 3


def test_cli_find(tree, server):
    out = tree.root.cli("zone", "find", server)[1]
    assert f"{server}  find-me  ACTIVE  in east/east-1" in out and "→ east/east-1" in out and "2 messages" in out
    assert tree.root.cli_json("zone", "find", "find-me")["matches"][0]["id"] == server
    assert tree.root.cli_json("zone", "find", "192.0.2.7")["matches"][0]["id"] == server
    status, _, err = tree.root.cli("zone", "find", str(uuid.uuid4()), check=False)
    assert status == 3 and "could not be found" in err


def test_cli_states(tree):
    root = tree.root
    assert "draining" in root.cli("zone", "drain", "west")[1]
    assert root.cli_json("zone", "health", "west")["state"] == "draining"
    assert "disabled" in root.cli("zone", "disable", "west")[1]
    assert root.cli_json("zone", "enable", "west")["state"] == "up"
    assert re.search(r"^breaker read +up, p50 ", root.cli("zone", "health", "west")[1], re.M)
    assert [row["name"] for row in root.cli_json("zone", "health")] == ["east", "west"]
    table = root.cli("zone", "health")[1].splitlines()
    assert table[0].split()[:3] == ["name", "state", "since"] and [line.split()[:2] for line in table[1:]] == [["east", "up"], ["west", "up"]]
    status, _, err = root.cli("zone", "drain", "nowhere", check=False)
    assert status == 3 and "nowhere" in err


def test_cli_doctor_verdicts(tree, doors):
    root = tree.root
    wait_for(lambda: root.cli("zone", "doctor", check=False)[0] == 0, 30, lambda: root.cli("zone", "doctor", check=False)[1])
    assert root.cli_json("zone", "doctor") == []
    assert "2 links looked at, 0 findings" in root.cli("zone", "doctor")[1]
    doors["root"].put("/os-zones/west", {"zone": {"state": "draining"}})
    status, out, _ = root.cli("zone", "doctor", "west", check=False)
    assert status == 1 and "draining" in out
    doors["root"].put("/os-zones/west", {"zone": {"state": "enabled"}})
    assert root.cli("zone", "doctor", "nowhere", check=False)[0] == 3
    assert tree["west"].cli("zone", "doctor")[0] == 0, "a leaf looks at its parent"


def test_findings_and_states_are_anchors_in_readme():
    readme = (ROOT / "README.md").read_text()
    findings = re.findall(r'X\([A-Z_]+, "([a-z-]+)"', (ROOT / "gateway/api/zones_doctor.c").read_text())
    states = re.findall(r'X\(HEALTH_[A-Z]+, "([a-z]+)"\)', (ROOT / "zones/health.h").read_text())
    assert len(findings) >= 20 and len(states) == 5
    missing = [name for name in (*findings, *states, "draining", "disabled", "not-running") if f'<a id="{name}"></a>' not in readme]
    assert not missing


# --- the dead, last: they are started again
def test_16_and_17_a_dead_child_is_not_active_and_comes_back(tree, doors, server):
    root = doors["root"]
    assert row_of(root, "west")["is_active"]
    tree["west"].kill()
    wait_for(lambda: not row_of(root, "west")["is_active"], 30, "west to be seen dead")
    health = root.fetch("/os-zones/west/health")["health"]
    assert health["state"] in ("down", "probing") and health["reason"] == "refused" and health["since"] >= health["last_seen"]
    assert health["breakers"]["read"]["open"]
    drawn = root.fetch("/os-zones/tree")["tree"]["children"]
    assert drawn[1]["name"] == "west" and drawn[1]["remembered"] and drawn[1]["reason"] == "refused" and drawn[1]["tag"]
    assert drawn[0]["children"][0]["state"] == "up"
    status, out, _ = tree.root.cli("zone", "doctor", check=False)
    assert status == 2 and {"unreachable", "breaker-open"} <= {row["finding"] for row in json.loads(
        tree.root.cli("zone", "doctor", "--json", check=False)[1])}, out
    assert "west" in tree.root.cli("zone", "tree")[1]
    assert root.get(f"/os-zones/find?id={server}").status_code == 200, "who is dead does not matter to others"
    assert missing_in(root.get("/os-zones/find?name=find-me")) == {"west"}
    tree["west"].start()
    wait_for(lambda: row_of(root, "west")["is_active"], 30, "west to be active again")
    assert row_of(root, "west")["capabilities"]


def test_a_dead_branch_is_drawn_from_memory(tree, doors, server):
    tree["east"].kill()
    root = doors["root"]
    wait_for(lambda: not row_of(root, "east")["is_active"], 30, "east to be seen dead")
    east = root.fetch("/os-zones/tree")["tree"]["children"][0]
    assert east["remembered"] and [child["name"] for child in east["children"]] == ["east-1"]
    assert east["children"][0]["path"] == "east/east-1" and "east-1" in tree.root.cli("zone", "tree")[1]
    assert root.get(f"/os-zones/find?id={server}").status_code == 503
    tree["east"].start()
    wait_for(lambda: root.get(f"/os-zones/find?id={server}").status_code == 200, 30, "the server to be found again")


def test_cli_says_when_no_zone_runs(tree):
    tree["west"].stop()
    status, out, _ = tree["west"].cli("zone", "doctor", check=False)
    assert status == 2 and "not-running" in out
    status, _, err = tree["west"].cli("zone", "tree", check=False)
    assert status == 1 and "zonegate serve" in err
    tree["west"].start()
