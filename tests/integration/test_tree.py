"""Four zones, root -> east -> east-1 and root -> west, on test hosts: the same server from every zone, actions relayed, lists merged,
silent zones named."""
import concurrent.futures
import uuid

import pytest
import requests

from lib.clients import CLIENTS_NEWEST, CommandLine, Http, image_file
from lib.observe import assert_nothing_left
from lib.wait import wait_for

pytestmark = pytest.mark.containers
PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
OWNERS = ("east-1", "west")


@pytest.fixture(scope="module")
def tree(make_tree, here):
    tree = make_tree(PLAN, capacity=CAPACITY)
    root = CommandLine(tree.root)
    root.json("flavor", "create", "m1.tiny", "--id", "1", "--ram", "96", "--disk", "1", "--vcpus", "1")
    root.json("image", "create", "tiny", "--disk-format", "raw", "--container-format", "bare", "--public", "--file", str(image_file(here)))
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    """Plain HTTP at every zone."""
    return {name: tree.http(name) for name in tree.zones}


def create(door, name, **more):
    """A server asked for at `door`, ACTIVE."""
    image = door.fetch("/image/v2/images?name=tiny")["images"][0]["id"]
    answer = door.post("/servers", {"server": {"name": name, "imageRef": image, "flavorRef": "1", **more}})
    assert answer.status_code == 202, answer.text
    server_id = answer.json()["server"]["id"]
    wait_for(lambda: is_active(door, server_id), 60, f"server {name} to be ACTIVE")
    return server_id


def is_active(door, server_id):
    """Whether it is; AssertionError with its fault when it never will be."""
    row = door.fetch(f"/servers/{server_id}")["server"]
    assert row["status"] != "ERROR", row.get("fault")
    return row["status"] == "ACTIVE"


def delete(door, *servers):
    for server in servers:
        assert door.delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not {row["id"] for row in door.fetch("/servers")["servers"]} & set(servers), 60, f"{servers} to go")


@pytest.fixture(scope="module")
def server_of(doors):
    """{owner: a server that lives there}, made where it lives."""
    made = {owner: create(doors[owner], f"of-{owner}") for owner in OWNERS}
    yield made
    for owner, server in made.items():
        delete(doors[owner], server)


# --- the tree itself
def test_children_are_listed_where_they_are_registered(doors):
    assert {row["name"] for row in doors["root"].fetch("/os-zones")["zones"]} == {"east", "west"}
    assert {row["name"] for row in doors["east"].fetch("/os-zones/detail")["zones"]} == {"east-1"}
    assert doors["west"].fetch("/os-zones")["zones"] == []


def test_tree_is_drawn(tree):
    drawn = tree.root.cli("zone", "tree")[1]
    assert all(name in drawn for name in tree.zones)


def test_secrets_are_never_shown(doors, tree):
    text = doors["root"].get("/os-zones/detail").text
    assert "password" not in text and tree.root.password not in text


def test_unknown_zone_is_404(doors):
    assert doors["root"].get(f"/os-zones/{uuid.uuid4()}").status_code == 404
    assert doors["root"].get("/os-zones/999999").status_code == 404


def test_each_zone_has_its_own_catalog(tree, doors):
    for name, door in doors.items():
        urls = [endpoint["url"] for entry in door.body["catalog"] for endpoint in entry["endpoints"]]
        assert urls and all(url.startswith(tree[name].url) for url in urls)


def test_cloud_of_a_zone_reaches_that_zone(tree):
    before = {name: zone.requests_served("compute") for name, zone in tree.zones.items()}
    CommandLine(tree["east"], password=tree.root.password).json("server", "list")
    after = {name: zone.requests_served("compute") for name, zone in tree.zones.items()}
    assert after["east"] > before["east"] and after["root"] == before["root"]


def test_token_of_the_authority_is_good_everywhere(doors):
    for door in doors.values():
        assert door.get("/servers", token=doors["root"].token).status_code == 200


def test_registering_an_ancestor_is_refused(tree, doors):
    answer = doors["east"].post("/os-zones", {"zone": {"name": "up", "api_url": tree.root.url, "username": "admin",
                                                       "password": tree.root.password}})
    assert 400 <= answer.status_code < 500, answer.text


def test_catalogue_of_root_is_seen_below(doors):
    for door in doors.values():
        assert "m1.tiny" in {row["name"] for row in door.fetch("/flavors")["flavors"]}
        assert [row["status"] for row in door.fetch("/image/v2/images?name=tiny")["images"]] == ["active"]


# --- one server
@pytest.mark.parametrize("version", ["2.1", CLIENTS_NEWEST])
@pytest.mark.parametrize("owner, others", [("east-1", ("root", "east")), ("west", ("root",))])
def test_same_body_from_every_zone(tree, doors, server_of, owner, others, version):
    path = f"/servers/{server_of[owner]}"
    own = doors[owner].get(path, version=version)
    assert own.status_code == 200
    for name in others:
        seen = doors[name].get(path, version=version)
        assert seen.status_code == 200 and seen.headers["Content-Type"] == own.headers["Content-Type"]
        assert seen.text == own.text.replace(tree[owner].url, tree[name].url)


def test_uuid_carries_its_owners_tag(doors, server_of):
    for owner, server in server_of.items():
        assert server.replace("-", "").endswith(doors[owner].fetch("/os-zones/info")["zone"]["tag"])


def test_created_at_root_lives_in_a_leaf(tree, doors, mariadb):
    server = create(doors["root"], "from-root", metadata={"a": "1"})
    owner = next(name for name in OWNERS if doors[name].fetch("/os-zones/info")["zone"]["tag"] == server.replace("-", "")[-6:])
    assert any(server in host.running_uuids() for host in tree.hosts[owner])
    assert mariadb.sql(tree.root.schema, f"SELECT COUNT(*) FROM servers WHERE HEX(uuid) = '{server.replace('-', '')}'") == [["0"]]
    delete(doors["root"], server)
    assert_nothing_left(tree[owner], mariadb, tree.hosts[owner], server)


def test_life_from_root_by_openstack(tree, mariadb):
    command = CommandLine(tree.root, CLIENTS_NEWEST)
    made = command.create_server("life")
    assert made["status"] == "ACTIVE"
    for words, status in ((["stop"], "SHUTOFF"), (["start"], "ACTIVE")):
        command.run("server", *words, made["id"])
        wait_for(lambda s=status: command.json("server", "show", made["id"])["status"] == s, 60, status)
    command.run("server", "reboot", "--hard", "--wait", made["id"])
    command.run("server", "set", "--property", "k=v", made["id"])
    assert command.json("server", "show", made["id"])["properties"] == {"k": "v"}
    command.run("server", "delete", "--wait", made["id"])
    for owner in OWNERS:
        assert_nothing_left(tree[owner], mariadb, tree.hosts[owner], made["id"])


def test_faults_of_the_owner_are_relayed_as_they_are(doors, server_of):
    server = server_of["east-1"]
    own = doors["east-1"].post(f"/servers/{server}/action", {"os-start": None})
    far = doors["root"].post(f"/servers/{server}/action", {"os-start": None})
    assert (far.status_code, far.json()) == (own.status_code, own.json()) == (409, own.json())
    assert doors["root"].post(f"/servers/{server}/action", {"nonsense": None}).status_code == 400


def test_query_and_headers_reach_the_owner(doors, server_of):
    path = f"/servers/{server_of['east-1']}/os-instance-actions"
    actions = doors["root"].fetch(path, version="2.58")["instanceActions"]
    assert "updated_at" in actions[0], "the version did not reach the owner"
    nothing = doors["root"].fetch(f"{path}?changes-since=2100-01-01T00:00:00Z", version="2.58")["instanceActions"]
    assert nothing == [], "the query did not reach the owner"


def test_members_are_routed_like_admins(tree, doors):
    command = CommandLine(tree.root)
    command.json("project", "create", "demo")
    command.json("user", "create", "--project", "demo", "--password", "alice-secret", "alice")
    command.run("role", "add", "--project", "demo", "--user", "alice", "member")
    alice = {"username": "alice", "password": "alice-secret", "project": "demo"}
    hers = {name: Http(zone, None, tree.network, **alice) for name, zone in tree.zones.items()}
    server = create(hers["root"], "hers")
    assert hers["root"].fetch("/servers")["servers"][0]["id"] == server
    assert doors["root"].get(f"/servers/{server}").status_code == 200
    other = create(doors["root"], "not-hers")
    assert hers["root"].get(f"/servers/{other}").status_code == 404
    delete(hers["root"], server)
    delete(doors["root"], other)


# --- lists
def read_pages(door, limit, path="/servers"):
    ids, target = [], f"{path}?limit={limit}"
    while target:
        page = door.fetch(target)
        assert len(page["servers"]) <= limit
        ids += [row["id"] for row in page["servers"]]
        following = [link["href"] for link in page.get("servers_links", []) if link["rel"] == "next"]
        assert not following or following[0].startswith(door.zone.url)
        target = following[0].removeprefix(door.zone.url) if following else None
        assert len(ids) == len(set(ids)), "a server twice"
    return ids


def newest_first(door, servers):
    """The order that Nova promises, made by ourselves: created_at descending, then uuid."""
    rows = [door.fetch(f"/servers/{server}")["server"] for server in servers]
    rows.sort(key=lambda row: row["id"])
    rows.sort(key=lambda row: row["created"], reverse=True)
    return [row["id"] for row in rows]


@pytest.mark.parametrize("count, limit", [(12, 5), pytest.param(200, 7, marks=pytest.mark.slow)])
def test_pages_of_all_zones_concatenate(doors, count, limit):
    before = {row["id"] for row in doors["root"].fetch("/servers")["servers"]}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: create(doors[OWNERS[number % 2]], f"page-{number}"), range(count)))
    expected = newest_first(doors["root"], {*before, *made})
    assert read_pages(doors["root"], limit) == expected
    assert [row["id"] for row in doors["root"].fetch("/servers/detail")["servers"]] == expected
    below = {row["id"] for row in doors["east-1"].fetch("/servers")["servers"]}
    assert read_pages(doors["east"], limit) == [server for server in expected if server in below]
    delete(doors["root"], *made)


# --- silence
def missing_in(answer):
    return {part.strip().split(";")[0] for part in answer.headers.get("X-Zone-Missing", "").split(",") if part.strip()}


def test_dead_zone_is_named_and_never_a_404(tree, doors, server_of):
    tree["west"].kill()
    listed = doors["root"].get("/servers")
    assert listed.status_code == 200 and missing_in(listed) == {"west"}
    assert server_of["east-1"] in {row["id"] for row in listed.json()["servers"]}
    silent = doors["root"].get(f"/servers/{server_of['west']}")
    assert silent.status_code == 503 and "west" in silent.text
    assert doors["root"].get(f"/servers/{server_of['east-1']}").status_code == 200
    tree["west"].start()
    wait_for(lambda: doors["root"].get(f"/servers/{server_of['west']}").status_code == 200, 30, "west to be seen again")
    wait_for(lambda: not missing_in(doors["root"].get("/servers")), 30, "west to be in lists again")


def test_subtree_lives_without_root(tree, doors, server_of):
    tree.root.kill()
    assert doors["east"].get(f"/servers/{server_of['east-1']}").status_code == 200, "a known token goes on working"
    with pytest.raises(requests.ConnectionError):
        doors["root"].get("/servers")
    tree.root.start()
    wait_for(lambda: doors["root"].get(f"/servers/{server_of['east-1']}").status_code == 200, 30, "root to see east-1 again")


def test_unknown_server_is_404_when_nobody_is_silent(doors):
    server = str(uuid.uuid4())
    answer = doors["root"].get(f"/servers/{server}")
    assert answer.status_code == 404
    assert answer.json()["itemNotFound"]["message"] == f"Instance {server} could not be found."


# --- seeing it
def test_one_trace_and_one_request_id_over_all_zones(tree, doors, server_of):
    trace = uuid.uuid4().hex
    answer = doors["root"].get(f"/servers/{server_of['east-1']}", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.status_code == 200
    request = answer.headers["x-openstack-request-id"]
    for name in ("root", "east", "east-1"):
        tree[name].wait_log(rf"event=http.request\b.*request={request}\b.*trace={trace}\b", 10)
    assert not tree["west"].process.find_line(trace), "a zone that was not asked"


def test_changes_and_refusals_leave_an_audit_line(tree, doors):
    server = create(doors["root"], "audited")
    delete(doors["root"], server)
    for name in ("root", "east", "east-1") if server in audited(tree["east-1"]) else ("root", "west"):
        origin = "client" if name == "root" else "link"
        tree[name].wait_log(rf'event=audit\b.*who="admin" .*origin={origin} .*method=DELETE target="\S*/servers/{server}" .*outcome=done', 10)
    refused = requests.get(f"{tree.root.url}/compute/v2.1/servers", headers={"X-Auth-Token": "gone"}, timeout=10)
    assert refused.status_code == 401
    tree.root.wait_log(r'event=audit\b.*who=- .*method=GET target="/compute/v2.1/servers" status=401 outcome=refused', 10)


def audited(zone):
    return "\n".join(line for line in zone.process.lines if "event=audit" in line)
