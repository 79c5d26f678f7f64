"""2011's checklist by its numbers, 9, 20 to 50, 69 and 70 (1 to 19 and 51 are in test_zones_api.py): top t, its children a and b, a1 below a.
Between t and a stands a recorder, so that what is relayed is compared byte for byte, whether or not zones can do it themselves yet.
Where the design answers better than 2011 did, the test's text says so."""
import base64
import json
import uuid

import pytest

from lib.clients import Http
from lib.links import Counts
from lib.pages import missing_in
from lib.recording import Recorder, headers_of
from lib.servers import stock
from lib.wait import wait_for
from test_tree import create, delete

PLAN = {"t": {"hosts": 1, "children": {"a": {"hosts": 1, "children": {"a1": {"hosts": 1}}}, "b": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
ZONES = ("t", "a", "a1", "b")
PATHS = {"t": ".", "a": "a", "a1": "a/a1", "b": "b"}
PASSWORD = "a-secret-of-hers"


# --- the tree
@pytest.fixture(scope="module")
def tree(make_tree, here):
    tree = make_tree(PLAN, capacity=CAPACITY)
    tree.image = stock(tree.http("t"), here)
    return tree


@pytest.fixture(scope="module")
def doors(tree):
    return {name: tree.http(name) for name in ZONES}


@pytest.fixture(scope="module")
def top(doors):
    return doors["t"]


@pytest.fixture(scope="module")
def recorder(tree):
    """Between t and a from now on."""
    recorder = Recorder((tree["a"].address, tree["a"].port))
    tree["t"].cli("zone", "set", "a", "--url", recorder.url)
    wait_for(lambda: recorder.asked, 30, "the recorder's way to be taken")
    wait_for(lambda: tree.active_children("t") == {"a", "b"}, 30, "a to be active behind it")
    yield recorder
    tree["t"].cli("zone", "set", "a", "--url", tree["a"].url)
    recorder.close()


@pytest.fixture(scope="module")
def servers(doors):
    """One in each zone; a1's is stopped."""
    made = {zone: create(doors["t"], f"of-{zone}", availability_zone=zone) for zone in ZONES}
    assert doors["t"].post(f"/servers/{made['a1']}/action", {"os-stop": None}).status_code == 202
    wait_for(lambda: status_at(doors["a1"], made["a1"]) == "SHUTOFF", 60, "a1's server to stop")
    yield made
    delete(doors["t"], *made.values())


@pytest.fixture(scope="module")
def users(tree, top):
    """alice and bob, each a member of a project of their own."""
    return {name: a_user(tree, top, name) for name in ("alice", "bob")}


def a_user(tree, top, name):
    roles = {role["name"]: role["id"] for role in top.fetch("/identity/v3/roles")["roles"]}
    project = top.post("/identity/v3/projects", {"project": {"name": f"of-{name}", "domain_id": "default"}}).json()["project"]["id"]
    user = top.post("/identity/v3/users", {"user": {"name": name, "password": PASSWORD, "domain_id": "default"}}).json()["user"]["id"]
    assert top.put(f"/identity/v3/projects/{project}/users/{user}/roles/{roles['member']}").status_code == 204
    return Http(tree["t"], username=name, password=PASSWORD, project=f"of-{name}")


def status_at(door, server):
    return door.fetch(f"/servers/{server}")["server"]["status"]


def tag_of(door):
    return door.fetch("/os-zones/info")["zone"]["tag"]


def ids(door, path="/servers"):
    return {row["id"] for row in door.fetch(path)["servers"]}


# --- one server
def test_20_a_local_server_is_shown_without_a_message(tree, top, servers):
    counts = Counts(tree)
    assert top.fetch(f"/servers/{servers['t']}")["server"]["name"] == "of-t"
    assert counts.all() == (0, 0)


@pytest.mark.parametrize("number, zone", [(21, "a"), (22, "a1")])
def test_21_and_22_a_server_below_is_shown_as_its_zone_shows_it(doors, servers, recorder, number, zone):
    at_home, answer = doors[zone].get(f"/servers/{servers[zone]}"), doors["t"].get(f"/servers/{servers[zone]}")
    assert answer.status_code == 200 and answer.headers["X-Zone-Path"] == PATHS[zone], number
    assert answer.text.replace(doors["t"].zone.url, "URL") == at_home.text.replace(doors[zone].zone.url, "URL")
    assert all(link["href"].startswith(doors["t"].zone.url) for link in answer.json()["server"]["links"])


@pytest.mark.parametrize("zone", ["a", "a1"])
def test_22_a_client_that_wants_to_go_there_itself_is_told_where(doors, top, servers, users, recorder, zone):
    """zone.redirect=1 instead of the redirects that 2011's zones made of errors."""
    server, owner = servers[zone], doors[zone]
    answer = top.get(f"/servers/{server}?zone.redirect=1&x=y%20z")
    assert answer.status_code == 307 and answer.headers["Location"] == f"{owner.zone.url}/compute/v2.1/servers/{server}?x=y%20z"
    assert answer.headers["X-Zone-Path"] == PATHS[zone]
    assert top.get("/servers/" + server + "?zone.redirect=0").status_code == 200
    assert owner.get("/servers/" + server + "?zone.redirect=1").status_code == 200  # it is there
    headers = {"Idempotency-Key": f"redirect-{zone}"}
    answer = top.put(f"/servers/{server}?zone.redirect=1", {"server": {"name": "moved"}}, headers=headers)
    assert answer.status_code == 307, answer.text
    assert owner.fetch(f"/servers/{server}")["server"]["name"] == f"of-{zone}"  # nothing was done
    for _ in range(2):  # by whom it was sent there, and once more
        assert answer.headers["Location"] == f"{owner.zone.url}/compute/v2.1/servers/{server}"
        there = owner.put(answer.headers["Location"].removeprefix(owner.zone.url), {"server": {"name": "moved"}}, headers=headers)
        assert there.status_code == 200 and there.json()["server"]["name"] == "moved"
    assert top.put(f"/servers/{server}", {"server": {"name": f"of-{zone}"}}).status_code == 200
    hers = create(users["alice"], "hers", availability_zone=zone)
    assert users["alice"].get(f"/servers/{hers}?zone.redirect=1").status_code == 200  # names and URLs are for admins
    delete(users["alice"], hers)


def test_23_an_unknown_id_is_404(tree, top):
    """Better than 2011: nobody is asked, ids say where they were born."""
    counts, unknown = Counts(tree), str(uuid.uuid4())
    answer = top.get(f"/servers/{unknown}")
    assert answer.status_code == 404 and unknown in answer.json()["itemNotFound"]["message"]
    assert counts.all() == (0, 0)


def test_24_an_integer_is_404_without_a_message(tree, top):
    counts = Counts(tree)
    assert top.get("/servers/17").status_code == 404
    assert counts.all() == (0, 0)


def test_25_routing_switched_off_is_404_without_a_message(tree, top, servers):
    """2011's enable_zone_routing=false, said per request: zone.local=1."""
    counts = Counts(tree)
    assert top.get(f"/servers/{servers['a']}?zone.local=1").status_code == 404
    assert top.get(f"/servers/{servers['t']}?zone.local=1").status_code == 200
    assert counts.all() == (0, 0)


@pytest.fixture
def without_b(tree, top, servers):
    tree["b"].kill()
    yield
    tree["b"].start()
    wait_for(lambda: top.get(f"/servers/{servers['b']}").status_code == 200, 30, "b to be back")
    wait_for(lambda: not missing_in(top.get("/servers")), 30, "b to be in lists again")


def test_26_and_27_a_dead_zone_is_no_404_and_harms_nobody_else(doors, top, servers, recorder, without_b):
    """27, better than 2011: an id that cannot be the dead zone's is 404 all the same."""
    assert top.get(f"/servers/{servers['a']}").status_code == 200 == top.get(f"/servers/{servers['a1']}").status_code
    silent = top.get(f"/servers/{servers['b']}")
    assert silent.status_code == 503 and set(missing_in(silent)) == {"b"}
    unknown = str(uuid.uuid4())[:-6] + servers["b"][-6:]
    silent = top.get(f"/servers/{unknown}")
    assert silent.status_code == 503 and set(missing_in(silent)) == {"b"}
    assert top.get(f"/servers/{str(uuid.uuid4())[:-6]}{tag_of(doors['a'])}").status_code == 404
    assert top.get(f"/servers/{uuid.uuid4()}").status_code == 404


def test_28_users_see_their_own(users, top, recorder):
    hers = create(users["alice"], "hers", availability_zone="a1")
    assert users["alice"].fetch(f"/servers/{hers}")["server"]["tenant_id"] == users["alice"].project
    assert users["bob"].get(f"/servers/{hers}").status_code == 404
    assert ids(users["alice"]) == {hers} and ids(users["bob"]) == set()
    assert users["bob"].delete(f"/servers/{hers}").status_code == 404 and users["alice"].get(f"/servers/{hers}").status_code == 200
    delete(users["alice"], hers)


# --- changes
def test_29_delete_reaches_the_owner_and_nobody_else(tree, doors, top, recorder):
    """B2, B3 of spec/zones.md: success without a body is success."""
    made = create(top, "to-go", availability_zone="a")
    counts = Counts(tree)
    answer = top.delete(f"/servers/{made}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert counts.sent("t", "a", "mutate") == 1 and counts.sent("t", "b", "mutate") == counts.sent("t", "b") == 0
    wait_for(lambda: doors["a"].get(f"/servers/{made}").status_code == 404, 60, "it to be gone at a")
    assert top.get(f"/servers/{made}").status_code == 404


def test_30_a_name_is_changed_in_a_grandchild(doors, top, servers, recorder):
    """B5: arguments arrive."""
    for name in ("renamed", "of-a1"):
        answer = top.put(f"/servers/{servers['a1']}", {"server": {"name": name}})
        assert answer.status_code == 200 and answer.json()["server"]["name"] == name
        assert doors["a1"].fetch(f"/servers/{servers['a1']}")["server"]["name"] == name


SERVER = {"server": {"id": "as-the-child-says", "adminPass": "of-the-child", "odd": "}],\"x\":["}}
IMAGE = "/image/v2/images/5f1b1c1e-0000-4000-8000-000000000001"
ACTIONS = [  # number, body, the child's status, body and header
    (31, {"reboot": {"type": "SOFT"}}, "202 Accepted", b"", None),
    (31, {"reboot": {"type": "HARD"}}, "202 Accepted", b"", None),
    (32, {"pause": None}, "202 Accepted", b"", None),
    (33, {"unpause": None}, "202 Accepted", b"", None),
    (34, {"suspend": None}, "202 Accepted", b"", None),
    (35, {"resume": None}, "202 Accepted", b"", None),
    (36, {"rescue": {"adminPass": "MySecret", "rescue_image_ref": "70a599e0-31e7-49b7-b260-868f441e862b"}}, "200 OK",
     {"adminPass": "MySecret"}, None),
    (36, {"unrescue": None}, "202 Accepted", b"", None),
    (37, {"resize": {"flavorRef": "2", "OS-DCF:diskConfig": "AUTO"}}, "202 Accepted", b"", None),
    (37, {"confirmResize": None}, "204 No Content", b"", None),
    (37, {"revertResize": None}, "202 Accepted", b"", None),
    (37, {"migrate": None}, "202 Accepted", b"", None),
    (38, {"rebuild": {"imageRef": "70a599e0-31e7-49b7-b260-868f441e862b", "name": "näme", "adminPass": "seekr3t", "metadata": {"k": "v"},
                      "personality": [{"path": "/etc/motd", "contents": "YQ=="}]}}, "202 Accepted", SERVER, "Location: TOP/servers/x"),
    (39, {"changePassword": {"adminPass": "foo"}}, "202 Accepted", b"", None),
    (39, {"createImage": {"name": "img", "metadata": {"m": "v"}}}, "202 Accepted", b"", f"Location: TOP{IMAGE}"),
    (39, {"createBackup": {"name": "bak", "backup_type": "daily", "rotation": 1}}, "202 Accepted", b"", f"Location: TOP{IMAGE}"),
    (40, {"addFixedIp": {"networkId": 1}}, "202 Accepted", b"", None),
    (40, {"removeFixedIp": {"address": "10.0.0.4"}}, "202 Accepted", b"", None),
    (41, {"os-stop": None}, "202 Accepted", b"", None),
    (41, {"os-start": None}, "202 Accepted", b"", None),
    (41, {"restore": None}, "202 Accepted", b"", None),
    (41, {"forceDelete": None}, "202 Accepted", b"", None),
    (43, {"injectFile": {"path": "/etc/motd", "contents": "YQ=="}}, "202 Accepted", b"", None),
    (43, {"lock": None}, "202 Accepted", b"", None),
    (43, {"unlock": None}, "202 Accepted", b"", None),
    (43, {"resetNetwork": None}, "202 Accepted", b"", None),
    (43, {"injectNetworkInfo": None}, "202 Accepted", b"", None),
]


def check_relayed(recorder, answer, method, target, sent, expected):
    """One request reached the child, as it was; its answer came back, as it was. The request's headers."""
    (request,) = recorder.recorded
    assert (request.method, request.target, request.body) == (method, target, sent)
    status, body, header = expected
    assert answer.status_code == int(status[:3]) and answer.content == (body if isinstance(body, bytes) else json.dumps(body).encode())
    if header:
        name, value = header.split(": ", 1)
        assert answer.headers[name] == value
    headers = headers_of(request)
    assert headers["x-custom"] == "kept as it is" and headers["openstack-api-version"] == "compute 2.79"
    assert "x-zone-delegation" in headers and not {"x-auth-token", "authorization", "cookie", "x-forged-by"} & headers.keys()
    return headers


def claims_of(headers):
    payload = headers["x-zone-delegation"].split(".")[2]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


SENT_HEADERS = {"X-Custom": "kept as it is", "OpenStack-API-Version": "compute 2.79", "Cookie": "a=b", "Authorization": "Basic eDp4",
                "X-Forged-By": "x", "Connection": "X-Forged-By"}


@pytest.mark.parametrize("number, action, status, body, header", ACTIONS, ids=[f"{row[0]}_{next(iter(row[1]))}" for row in ACTIONS])
def test_31_to_43_an_action_reaches_its_owner_as_it_is(top, servers, recorder, number, action, status, body, header):
    """B4 to B7: every argument arrives, every success is one, nothing is sent twice. The body's bytes are odd on purpose."""
    sent = json.dumps(action, indent=3, ensure_ascii=False).replace(":", " :  ", 1).encode() + b"\n \n"
    header = header.replace("TOP", top.zone.url) if header else None
    path = f"/compute/v2.1/servers/{servers['a']}/action"
    with recorder.answers("/action", status, body, [header] if header else []):
        answer = top.request("POST", f"{path}?x=1&x=%20&fresh=2", data=sent, headers={**SENT_HEADERS, "Content-Type": "application/json"})
        headers = check_relayed(recorder, answer, "POST", f"{path}?x=1&x=%20&fresh=2", sent, (status, body, header))
    assert headers["content-type"] == "application/json" and headers["idempotency-key"]
    claims = claims_of(headers)
    assert claims["base"].startswith(top.zone.url), "what the child writes its links and Location with"
    assert (claims["method"], claims["project"]) == ("POST", top.project), number


@pytest.mark.parametrize("method, below, body", [
    ("GET", "diagnostics", b""), ("GET", "os-volume_attachments", b""), ("POST", "os-volume_attachments", b'{ "volumeAttachment": {}}'),
    ("PUT", "metadata/k", b'{"meta" : {"k":"v"}}'), ("POST", "remote-consoles", b'{"remote_console": {}}'), ("DELETE", "tags/x%20y", b""),
    ("GET", "os-interface/1/2", b"")])
def test_42_whatever_lies_below_a_server_is_its_owners(top, servers, recorder, method, below, body):
    """Diagnostics, and what 2011 could never route: resources that this zone itself does not know."""
    told = {"cpu0_time": 17300000000, "memory": 524288}
    target = f"/compute/v2.1/servers/{servers['a']}/{below}?a=b"
    with recorder.answers(below, "200 OK", told):
        answer = top.request(method, target, data=body or None, headers={**SENT_HEADERS, "Content-Type": "application/json"})
        check_relayed(recorder, answer, method, target, body, ("200 OK", told, None))
    assert top.request(method, f"/servers/{servers['t']}/nonsense", data=body or None).status_code == 404


def test_31_reboot_and_41_stop_and_start_are_carried_out_there(doors, top, servers, recorder):
    server = servers["a"]
    for action, status in (({"os-stop": None}, "SHUTOFF"), ({"os-start": None}, "ACTIVE"), ({"reboot": {"type": "HARD"}}, "ACTIVE")):
        assert top.post(f"/servers/{server}/action", action).status_code == 202
        wait_for(lambda s=status: status_at(doors["a"], server) == s, 60, f"{action}: {status}")
    done = [row["action"] for row in doors["a"].fetch(f"/servers/{server}/os-instance-actions")["instanceActions"]]
    assert done[:3] == ["reboot", "start", "stop"]


@pytest.mark.parametrize("status, fault, header", [
    ("400 Bad Request", "badRequest", None), ("403 Forbidden", "forbidden", None), ("409 Conflict", "conflictingRequest", None),
    ("413 Request Entity Too Large", "overLimit", "Retry-After: 17"), ("429 Too Many Requests", "overLimit", "Retry-After: 17")])
def test_44_a_fault_keeps_code_name_and_words(top, servers, recorder, status, fault, header):
    body = {fault: {"code": int(status[:3]), "message": "the child's own words", **({"retryAfter": 17} if header else {})}}
    with recorder.answers("/action", status, body, [header] if header else []):
        answer = top.post(f"/servers/{servers['a']}/action", {"pause": None}, headers=SENT_HEADERS)
        assert len(recorder.recorded) == 1
    assert answer.status_code == int(status[:3]) and answer.json() == body
    assert not header or answer.headers["Retry-After"] == "17"


def test_44_a_real_conflict_is_the_owners(doors, top, servers, recorder):
    far, own = (door.post(f"/servers/{servers['a']}/action", {"os-start": None}) for door in (top, doors["a"]))
    assert (far.status_code, far.json()) == (409, own.json()) and "conflictingRequest" in own.json()


# --- lists
@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
def test_45_a_list_is_the_union(tree, top, servers, recorder, path):
    """Recursive unless it is said otherwise, as at the end of 2011."""
    rows = 'zonegate_zone_rows_total{child="a"}'
    before = tree["t"].metrics().get(rows, 0)
    assert ids(top, path) == ids(top, f"{path}?recurse_zones=1") == set(servers.values())
    assert tree["t"].metrics()[rows] == before + 2 * 2  # those of a and a1
    counts = Counts(tree)
    for query in ("local_zone_only=1", "local_zone_only=true", "zone.local=1"):
        assert ids(top, f"{path}?{query}") == {servers["t"]}, query
    assert counts.all() == (0, 0)


def test_46_a_reservation_is_looked_for_below(doors, top, servers, recorder):
    for zone, server in servers.items():
        row = doors[zone].fetch(f"/servers/{server}", version="2.3")["server"]
        assert ids(top, f"/servers?reservation_id={row['OS-EXT-SRV-ATTR:reservation_id']}") == {server}
    assert ids(top, "/servers?reservation_id=r-00000nothing0") == set()


def test_47_filters_hold_in_all_zones(tree, top, servers, recorder):
    everybody = set(servers.values())
    host = {zone: tree.hosts[zone][0].name for zone in ZONES}
    for query, wanted in (
            ("name=of-a", {"a", "a1"}), ("name=^of-(t|b)$", {"t", "b"}), ("name=nobody", ()), ("status=SHUTOFF", {"a1"}),
            ("status=ACTIVE", {"t", "a", "b"}), ("status=ACTIVE&status=SHUTOFF", ZONES), (f"image={tree.image}", ZONES),
            (f"image={uuid.uuid4()}", ()), ("flavor=1", ZONES), ("flavor=2", ()), ("changes-since=2000-01-01T00:00:00Z", ZONES),
            ("changes-since=2100-01-01T00:00:00Z", ()), ("status=ACTIVE&name=of-a", {"a"})):
        found = ids(top, f"/servers/detail?{query}")
        assert found & everybody == {servers[zone] for zone in wanted}, query
    for zone in ZONES:
        assert ids(top, f"/servers?host={host[zone]}") == {servers[zone]}, "for admins"
    for query in ("ip=192.0.2.1", "ip6=2001:db8::1"):
        assert ids(top, f"/servers?{query}", ) == set(), "nobody has an address"


def test_47_a_users_own_filters_are_her_own(users, tree, recorder):
    """host is an admin's word: a user's is ignored, in every zone."""
    hers = {create(users["alice"], f"hers-{zone}", availability_zone=zone) for zone in ("a", "b")}
    for query in (f"host={tree.hosts['a'][0].name}", "host=nobody", "fixed_ip=192.0.2.1", "nonsense=1"):
        assert ids(users["alice"], f"/servers?{query}") == hers, query
    assert ids(users["alice"], "/servers?name=hers-b") < hers and ids(users["bob"], "/servers?name=hers") == set()
    delete(users["alice"], *hers)


@pytest.mark.parametrize("query, version", [("status=nonsense", "2.38"), ("changes-since=yesterday", None), ("marker=nonsense", None),
                                            ("marker=5f1b1c1e-0000-4000-8000-000000000001", None), ("limit=-1", None), ("limit=x", None),
                                            ("sort_key=nonsense", None), ("name=(", None)])
def test_48_bad_words_are_400_here_and_go_nowhere(tree, top, query, version):
    counts = Counts(tree)
    for path in ("/servers", "/servers/detail"):
        answer = top.get(f"{path}?{query}", version=version)
        assert answer.status_code == 400 and "badRequest" in answer.json(), answer.text
    assert counts.all() == (0, 0)


@pytest.mark.parametrize("path, members", [("/servers", {"id", "name", "links"}), ("/servers/detail", None)])
def test_49_rows_are_as_their_zones_write_them(doors, top, servers, recorder, path, members):
    """Brief stays brief, and nothing of ours is in the JSON (2011: _is_precooked)."""
    rows = {row["id"]: row for row in top.fetch(path)["servers"]}
    for zone, server in servers.items():
        (at_home,) = (row for row in doors[zone].fetch(path)["servers"] if row["id"] == server)
        assert rows[server].keys() == at_home.keys() and rows[server].keys() == (members or at_home.keys())
    assert top.fetch(path).keys() == {"servers"}


def test_49_a_child_that_says_404_to_a_list_has_nothing_to_show(top, servers, recorder):
    """Better than 2011, where it was taken for empty: no zone may say so of a list, thus its rows are missing and it is named."""
    with recorder.answers("/servers", "404 Not Found", {"itemNotFound": {"code": 404, "message": "x"}}):
        answer = top.get("/servers")
    assert {row["id"] for row in answer.json()["servers"]} == {servers["t"], servers["b"]} and set(missing_in(answer)) == {"a"}
    wait_for(lambda: not missing_in(top.get("/servers")), 30, "a to be in lists again")


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_50_pages_are_disjoint_complete_and_stable(top, servers, recorder, limit):
    def read():
        found, marker = [], ""
        while rows := top.fetch(f"/servers?limit={limit}{marker}")["servers"]:
            assert len(rows) <= limit
            found += [row["id"] for row in rows]
            marker = f"&marker={found[-1]}"
        return found
    first, second = read(), read()
    assert first == second and len(first) == len(set(first)) and set(first) == set(servers.values())
    assert first == [row["id"] for row in top.fetch("/servers")["servers"]]


# --- the rest
@pytest.mark.parametrize("path", ["/servers", "/servers/detail", "/flavors", "/flavors/detail", "/flavors/1", "/limits", "/os-keypairs", "/os-aggregates",
                                  "/os-availability-zone", "/os-hypervisors", "/os-server-groups", "/os-services", "/os-zones", "/zones/detail",
                                  "/zones/info", "SERVER", "SERVER/metadata", "SERVER/os-instance-actions", "/os-zones/tree"])
def test_69_fresh_is_ignored(top, servers, recorder, path):
    path = path.replace("SERVER", f"/servers/{servers['a1']}")
    plain, fresh = top.get(path), top.get(f"{path}?fresh=1299000000.12")
    assert plain.status_code == fresh.status_code == 200, fresh.text
    assert plain.json().keys() == fresh.json().keys()


@pytest.fixture(scope="module")
def second(tree, make_zone):
    """u: another parent of a, with users of the same authority; what goes to a through it is not recorded."""
    zone = make_zone("u", {"identity": {"url": f"{tree['t'].url}/identity/v3"}})
    zone.upgrade()
    zone.start()
    line = tree["a"].cli("zone", "token")[1].split()
    zone.cli("zone", "join", "-", stdin=line[1] if line[0] == "echo" else line[0])
    door = Http(zone, password=tree["t"].password)
    wait_for(lambda: [row["is_active"] for row in door.fetch("/os-zones/detail")["zones"]] == [True], 60, "a to be a child of u")
    return door


def test_70_two_parents_see_and_do_the_same(doors, top, second, servers, recorder):
    for zone in ("a", "a1"):
        assert second.fetch(f"/servers/{servers[zone]}")["server"]["id"] == servers[zone]
    assert ids(second) == {servers["a"], servers["a1"]} and ids(top) == set(servers.values())
    for door, action, status in ((second, "os-stop", "SHUTOFF"), (top, "os-start", "ACTIVE")):
        assert door.post(f"/servers/{servers['a']}/action", {action: None}).status_code == 202
        for other in (top, second, doors["a"]):
            wait_for(lambda o=other, s=status: status_at(o, servers["a"]) == s, 60, f"{action}: {status}")
    made = create(top, "through-t", availability_zone="a1")
    assert second.get(f"/servers/{made}").status_code == 200
    assert second.delete(f"/servers/{made}").status_code == 204
    wait_for(lambda: top.get(f"/servers/{made}").status_code == 404, 60, "it to be gone for t too")


def test_09_delete_forgets_the_row_and_leaves_the_child_alone(doors, top, second, servers, recorder):
    answer = second.delete("/os-zones/a")
    assert (answer.status_code, answer.json()) == (200, {}) and second.get("/os-zones/a").status_code == 404
    assert second.delete("/os-zones/a").status_code == 404
    assert doors["a"].get("/os-zones/info").status_code == 200
    assert top.get(f"/servers/{servers['a']}").status_code == 200, "the other parent does not notice"
