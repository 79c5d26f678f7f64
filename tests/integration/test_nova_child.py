"""A plain OpenStack Nova as a child (kind nova): registered through its Keystone, listed, shown, acted on and deleted through us and
through the zone above us, read-only until an admin says otherwise. It never hears anything that only zones say."""
import json
import re
import time
import urllib.parse
import uuid

import pytest

from lib.clients import CommandLine, Http
from lib.pages import missing_in
from lib.recording_nova import RecordingNova
from lib.servers import Door, stock
from lib.wait import wait_for

PLAN = {"root": {"hosts": 1, "children": {"east": {}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
CHILD_MS = 2000
OURS, THEIRS = "4ddd07d741ff49099ab07871fa72e5b9", "5eee18e852aa50100bc18982ab83f6c0"
OLD = 1_700_000_000
SECRETS = re.compile(r"^X-Zone-|^Idempotency-Key$|^Traceparent$", re.I)


@pytest.fixture(scope="module")
def nova():
    cloud = RecordingNova({"ours": OURS, "theirs": THEIRS})
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY, settings={"zones": {"child_timeout_ms": CHILD_MS}})


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def own(tree, mariadb, here, root):
    """Two servers of root's own, newer than all of the Nova's."""
    door = Door(tree.root, mariadb, stock(root, here))
    made = [door.ask(f"own-{number}") for number in range(2)]
    door.wait_settled(made)
    return made


def state_of(http, name="cloud"):
    return next((zone for zone in http.fetch("/os-zones/detail")["zones"] if zone["name"] == name), None)


def is_known(http):
    zone = state_of(http)
    return zone and zone["is_active"] and zone["state"] == "up" and zone["nova"]["may"]["show"] == "yes"


@pytest.fixture(scope="module")
def east(tree, nova, root, here):
    """East, with the Nova as its child; root learns of it by itself."""
    for number in range(5):
        nova.add_server(f"nova-{number}", "ours", OLD + number)
    nova.add_server("foreign", "theirs", OLD + 100)
    password = here / "nova-password"
    password.write_text(nova.password + "\n")
    tree["east"].cli("zone", "add", "cloud", "--kind", "nova", "--identity-url", nova.identity_url, "--project", "ours",
                     "--local-project", root.project, "--user", nova.user, "--password-file", password)
    http = tree.http("east")
    wait_for(lambda: is_known(http), 30, lambda: f"the Nova to be known: {state_of(http)}")
    wait_for(lambda: any(zone["path"] == "east/cloud" and zone["untagged"]
                         for zone in root.fetch("/os-zones/info")["zone"]["directory"]["zones"]), 30, "root to know of it")
    return http


@pytest.fixture(scope="module")
def there(nova, east):
    """{name: id} of our project's servers there."""
    return {server["name"]: server["id"] for server in nova.servers.values() if server["tenant_id"] == OURS}


@pytest.fixture
def writable(tree, east):
    tree["east"].cli("zone", "set", "cloud", "--read-only", "no")
    wait_for(lambda: state_of(east)["nova"]["may"]["delete"] == "yes", 30, "changes to be allowed")
    yield
    tree["east"].cli("zone", "set", "cloud", "--read-only", "yes")
    wait_for(lambda: state_of(east)["nova"]["may"]["delete"] != "yes", 30, "changes to be refused")


def links_of(value):
    if isinstance(value, dict):
        yield from ([value["href"]] if "href" in value else [])
        for member in value.values():
            yield from links_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from links_of(member)


# --- registering
def test_a_nova_is_registered_and_shown_without_its_password(tree, nova, east):
    zone = state_of(east)
    assert zone["kind"] == "nova" and zone["untagged"] and zone["api_url"] == nova.endpoint
    assert zone["nova"]["identity_url"] == nova.identity_url.removesuffix("/v3")
    assert zone["nova"]["read_only"] is True and zone["nova"]["username"] == nova.user
    assert zone["nova"]["may"]["delete"] == "no: it is registered read-only"
    assert nova.password not in json.dumps(zone)


@pytest.mark.parametrize("change, word", [
    ({"identity_url": None}, "identity_url"), ({"password": None}, "password"), ({"project": None}, "project"),
    ({"identity_url": "http://203.0.113.9:5000/v3"}, "https"), ({"read_only": "no"}, "read_only"), ({"token": "x"}, "token"),
    ({"projects": ["x"]}, "projects"), ({"kind": "vmware"}, "kind"), ({"colour": "red"}, "colour"), ({"username": ""}, "username")])
def test_a_bad_registration_says_what_is_wrong_and_leaves_nothing(root, nova, change, word):
    spec = {"kind": "nova", "name": "bad", "identity_url": nova.identity_url, "username": "u", "password": "p", "project": "ours"}
    spec = {key: value for key, value in {**spec, **change}.items() if value is not None}
    answer = root.post("/os-zones", {"zone": spec})
    assert answer.status_code == 400 and word in answer.json()["badRequest"]["message"], answer.text
    assert [zone for zone in root.fetch("/os-zones/detail")["zones"] if zone["name"] == "bad"] == []


def test_the_doctor_says_what_is_wrong_with_a_login(tree, root, nova):
    spec = {"kind": "nova", "name": "locked", "identity_url": nova.identity_url, "username": nova.user, "password": "not-it-at-all",
            "project": "ours"}
    made = root.post("/os-zones", {"zone": spec})
    assert made.status_code == 200, made.text
    assert list(made.json()["zone"]["nova"]["projects"]) == [root.project], "the project of the admin who registered it"
    try:
        wait_for(lambda: (state_of(root, "locked")["last_error"] or "").startswith("auth:"), 30, "the refused login to be told")
        status, out, _ = tree.root.cli("zone", "doctor", "locked", check=False)
        assert status == 2 and "nova-login" in out and "Keystone refused the login (401)" in out, out
        assert "not-it-at-all" not in out
        nova.catalog_has_compute = False
        root.put("/os-zones/locked", {"zone": {"password": nova.password, "username": nova.user}})
        wait_for(lambda: "nova-endpoint" in tree.root.cli("zone", "doctor", "locked", check=False)[1], 30, "the endpoint to be missed")
    finally:
        nova.catalog_has_compute = True
        root.delete("/os-zones/locked")


def test_the_doctor_prints_what_may_be_done(tree, east):
    status, out, _ = tree["east"].cli("zone", "doctor", "cloud", check=False)
    assert status == 0, out
    assert re.search(r"show +yes", out) and re.search(r"delete +no: it is registered read-only", out)
    assert re.search(r"create +no", out) and "nova-read-only" in out


# --- looking
@pytest.mark.parametrize("door", ["root", "east"])
def test_a_server_is_shown_with_our_links_and_project(tree, nova, there, door):
    http = tree.http(door)
    server = http.fetch(f"/servers/{there['nova-1']}", version="2.79")["server"]
    assert server["id"] == there["nova-1"] and server["tenant_id"] == http.project
    links = list(links_of(server))
    assert links and all(link.startswith(tree[door].url + "/compute/") for link in links), links
    assert f"{tree[door].url}/compute/v2.1/servers/{there['nova-1']}" in links
    kept = ("name", "status", "created", "OS-DCF:diskConfig", "hostId", "OS-EXT-STS:power_state", "key_name")
    assert {key: server[key] for key in kept} == {key: nova.servers[there["nova-1"]][key] for key in kept}


def test_it_hears_nothing_that_only_zones_say(nova, root, there):
    nova.forget_calls()
    assert root.get(f"/servers/{there['nova-0']}").status_code == 200
    (call,) = [call for call in nova.asked("GET", "/servers/" + there["nova-0"])]
    assert [name for name in call.headers if SECRETS.search(name)] == []
    assert call.headers["x-auth-token"].startswith("gAAAAA") and "authorization" not in call.headers
    assert re.fullmatch(r"req-[0-9a-f-]{36}", call.headers["x-openstack-request-id"])


@pytest.mark.parametrize("kind", ["/servers", "/servers/detail"])
def test_lists_hold_both_in_one_order(root, east, own, there, kind):
    body = root.fetch(kind)["servers"]
    names = [server["name"] for server in body]
    assert sorted(names[:2]) == ["own-0", "own-1"] and names[2:] == [f"nova-{number}" for number in (4, 3, 2, 1, 0)]
    assert all(link.startswith(root.zone.url) for link in links_of(body))
    if kind == "/servers":
        assert all(set(server) == {"id", "name", "links"} for server in body)


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("page", [2, 1000])
def test_pages_are_the_whole(root, east, own, there, nova, limit, page):
    nova.page = page
    try:
        whole = [server["id"] for server in root.fetch("/servers")["servers"]]
        found, path = [], f"/servers?limit={limit}"
        while path:
            body = root.fetch(path)
            found += [server["id"] for server in body["servers"]]
            links = [link["href"] for link in body.get("servers_links", [])]
            path = "/servers?" + urllib.parse.urlsplit(links[0]).query if links else None
        assert found == whole and len(whole) == 7
    finally:
        nova.page = 1000


def test_another_order_is_ours(root, east, own, there):
    names = [server["name"] for server in root.fetch("/servers/detail?sort_key=display_name&sort_dir=asc")["servers"]]
    assert names == sorted(names) and len(names) == 7
    rest = root.fetch(f"/servers/detail?sort_key=display_name&sort_dir=asc&marker={there['nova-2']}")["servers"]
    assert [server["name"] for server in rest] == names[names.index("nova-2") + 1:]


def test_a_filter_goes_down(root, east, there):
    assert [server["name"] for server in root.fetch("/servers?name=nova-3")["servers"]] == ["nova-3"]


def test_servers_of_unmapped_projects_are_shown_to_nobody(nova, root, east):
    foreign = next(server["id"] for server in nova.servers.values() if server["tenant_id"] == THEIRS)
    roles, nova.roles = nova.roles, ["admin", "member"]
    try:
        assert "foreign" not in [server["name"] for server in root.fetch("/servers/detail?all_tenants=1")["servers"]]
        for http in (root, east):
            assert http.get(f"/servers/{foreign}").status_code == 404
            assert http.delete(f"/servers/{foreign}").status_code == 404
        assert foreign in nova.servers
    finally:
        nova.roles = roles


def test_a_miss_is_not_found(root, east):
    answer = root.get(f"/servers/{uuid.uuid4()}")
    assert answer.status_code == 404 and "itemNotFound" in answer.json()


def test_a_new_server_there_is_found(nova, root, east):
    made = nova.add_server("late", "ours", OLD + 50)
    try:
        assert root.get(f"/servers/{made}").status_code == 200
        assert "late" in [server["name"] for server in root.fetch("/servers")["servers"]]
    finally:
        with nova.lock:
            nova.deleted[made] = {**nova.servers.pop(made), "status": "DELETED", "_changed": time.time()}


def test_versions_it_lacks(nova, root, east, there):
    nova.max_version = "2.60"
    try:
        listed = root.get("/servers/detail", version="2.79")
        assert listed.status_code == 200 and missing_in(listed) == {"east/cloud": "version"}
        shown = root.get(f"/servers/{there['nova-1']}", version="2.79")
        assert shown.status_code == 406 and "computeFault" in shown.json()
        assert root.get(f"/servers/{there['nova-1']}", version="2.60").status_code == 200
    finally:
        nova.max_version = "2.93"


def test_other_resources_are_complete_without_it(root, east):
    for path in ("/os-hypervisors", "/os-availability-zone", "/os-services", "/os-aggregates", "/limits"):
        answer = root.get(path)
        assert answer.status_code == 200 and missing_in(answer) == {}, path


def test_the_tree_and_find_know_it(tree, root, east, there):
    assert "cloud" in tree.root.cli("zone", "tree")[1]
    found = root.fetch(f"/os-zones/find?id={there['nova-1']}")["find"]["matches"]
    assert [match["zone"] for match in found] == ["east/cloud"]


def test_a_second_project_has_its_own_servers(tree, nova, root, east, there):
    made = root.post("/identity/v3/projects", {"project": {"name": "second", "domain_id": "default"}})
    assert made.status_code == 201, made.text
    project = made.json()["project"]["id"]
    roles = {role["name"]: role["id"] for role in root.fetch("/identity/v3/roles")["roles"]}
    user = root.post("/identity/v3/users", {"user": {"name": "mia", "password": "mia-mia-mia", "domain_id": "default"}}).json()["user"]
    granted = root.put(f"/identity/v3/projects/{project}/users/{user['id']}/roles/{roles['member']}")
    assert granted.status_code == 204, granted.text
    mia = Http(tree.root, username="mia", password="mia-mia-mia", project="second")
    assert mia.fetch("/servers")["servers"] == []
    assert mia.get(f"/servers/{there['nova-1']}").status_code == 404
    twice = east.put("/os-zones/cloud", {"zone": {"projects": {project: "ours"}}})
    assert twice.status_code == 409, "one project there stands for one here"
    mapped = east.put("/os-zones/cloud", {"zone": {"projects": {project: THEIRS}}})
    assert mapped.status_code == 200 and mapped.json()["zone"]["nova"]["projects"] == {root.project: "ours", project: THEIRS}
    try:
        (server,) = mia.fetch("/servers/detail")["servers"]
        assert (server["name"], server["tenant_id"]) == ("foreign", project)
        assert mia.get(f"/servers/{server['id']}").status_code == 200
        assert mia.get(f"/servers/{there['nova-1']}").status_code == 404
        assert "foreign" not in [row["name"] for row in root.fetch("/servers/detail")["servers"]]
        everybody = {row["name"]: row["tenant_id"] for row in root.fetch("/servers/detail?all_tenants=1")["servers"]}
        assert everybody["foreign"] == project and everybody["nova-1"] == root.project
        only = root.fetch(f"/servers/detail?all_tenants=1&project_id={project}")["servers"]
        assert [row["name"] for row in only] == ["foreign"]
        assert root.get(f"/servers/{server['id']}").status_code == 200, "an admin sees it"
    finally:
        assert east.put("/os-zones/cloud", {"zone": {"projects": {project: None}}}).status_code == 200
    assert mia.fetch("/servers")["servers"] == []


# --- tokens
def test_tokens_are_kept_and_renewed_once(nova, root, there):
    root.get(f"/servers/{there['nova-1']}")
    nova.forget_calls()
    for _ in range(5):
        assert root.get(f"/servers/{there['nova-1']}").status_code == 200
    assert nova.asked("POST", "/auth/tokens") == []
    nova.expire_tokens()
    assert root.get(f"/servers/{there['nova-1']}").status_code == 200
    assert len(nova.asked("POST", "/auth/tokens")) == 1


# --- changing
def test_read_only_refuses_every_change(nova, root, there):
    path = f"/servers/{there['nova-1']}"
    before = dict(nova.servers[there["nova-1"]])
    nova.forget_calls()
    answers = [root.post(path + "/action", {"os-stop": None}), root.delete(path), root.put(path, {"server": {"name": "x"}}),
               root.post(path + "/metadata", {"metadata": {"a": "b"}})]
    for answer in answers:
        assert answer.status_code == 403 and "read-only" in answer.json()["forbidden"]["message"], answer.text
    assert [call for call in nova.asked(path="/servers") if call.method != "GET"] == []
    assert nova.servers[there["nova-1"]] == before
    assert root.post(path + "/action", {"os-getConsoleOutput": {}}).json() == {"output": "a line\n"}
    missing = root.post(f"/servers/{uuid.uuid4()}/action", {"os-stop": None})
    assert missing.status_code == 404, "what is nowhere is not found, not forbidden"


@pytest.mark.parametrize("door", ["root", "east"])
def test_an_action_arrives_verbatim(tree, nova, there, writable, door):
    body = b'{ "reboot":\n  {"type": "SOFT"} }'
    http = tree.http(door)
    nova.forget_calls()
    answer = http.request("POST", f"/servers/{there['nova-2']}/action", data=body, version="2.60",
                          headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    (call,) = nova.asked("POST", "/action")
    assert call.body == body and call.headers["openstack-api-version"] == "compute 2.60"
    assert call.headers["x-auth-token"] != http.token and [name for name in call.headers if SECRETS.search(name)] == []


def test_metadata_and_update(nova, root, there, writable):
    path = f"/servers/{there['nova-3']}"
    assert root.post(path + "/metadata", {"metadata": {"colour": "red"}}).json() == {"metadata": {"colour": "red"}}
    assert root.fetch(path + "/metadata") == {"metadata": {"colour": "red"}}
    changed = root.put(path, {"server": {"name": "renamed"}})
    assert changed.status_code == 200 and changed.json()["server"]["tenant_id"] == root.project
    assert all(link.startswith(root.zone.url) for link in links_of(changed.json()))
    root.put(path, {"server": {"name": "nova-3"}})


def test_a_token_that_ends_between_the_look_and_the_act(nova, root, there, writable):
    root.get(f"/servers/{there['nova-2']}")
    nova.expire_tokens()
    nova.forget_calls()
    assert root.post(f"/servers/{there['nova-2']}/action", {"os-start": None}).status_code == 202
    assert len([call for call in nova.asked("POST", "/action")]) == 1


@pytest.mark.parametrize("door", ["root", "east"])
def test_a_body_that_is_too_long_is_refused_and_not_sent(tree, nova, there, writable, door):
    http = tree.http(door)
    path = f"/servers/{there['nova-2']}/action"
    nova.forget_calls()
    short = http.post(path, {"rebuild": {"imageRef": "x", "user_data": "A" * 60000}})
    assert short.status_code == 202, short.text
    long = http.post(path, {"rebuild": {"imageRef": "x", "user_data": "A" * 300000}})
    assert long.status_code == 413 and "overLimit" in long.json(), long.text
    assert [len(call.body) > 60000 for call in nova.asked("POST", "/action")] == [True]


def test_delete(nova, root, writable):
    made = nova.add_server("short", "ours", OLD + 60)
    assert root.delete(f"/servers/{made}").status_code == 204
    assert made not in nova.servers
    assert root.get(f"/servers/{made}").status_code == 404
    assert "short" not in [server["name"] for server in root.fetch("/servers")["servers"]]


def test_creates_do_not_go_there(tree, nova, root, own, writable):
    nova.forget_calls()
    root.get("/servers")
    assert nova.asked("POST", "/servers$") == []
    answer = root.post("/servers", {"server": {"name": "no", "imageRef": root.fetch("/image/v2/images")["images"][0]["id"],
                                               "flavorRef": "1", "availability_zone": "nowhere"}})
    assert answer.status_code in (202, 400)
    assert nova.asked("POST", "/servers$") == []
    if answer.status_code == 202:
        root.delete(f"/servers/{answer.json()['server']['id']}")


def test_the_openstack_command(tree, there, east):
    command = CommandLine(tree.root)
    assert {row["Name"] for row in command.json("server", "list")} >= {"nova-0", "nova-4"}
    assert command.json("server", "show", "nova-1")["id"] == there["nova-1"]


# --- silence
def test_a_silent_nova_is_named_and_never_not_found(tree, nova, root, east, there):
    root.fetch("/servers/detail")
    nova.hold.clear()
    try:
        for path in (f"/servers/{there['nova-1']}", f"/servers/{uuid.uuid4()}"):
            answer = root.get(path)
            assert answer.status_code == 503, f"{path}: {answer.status_code} {answer.text}"
        refused = root.delete(f"/servers/{there['nova-1']}")
        assert refused.status_code == 503, refused.text
        listed = root.get("/servers/detail", version="2.79")
        assert "east/cloud" in missing_in(listed)
        rows = {server["id"]: server for server in listed.json()["servers"]}
        assert rows[there["nova-1"]]["status"] == "UNKNOWN"
        assert tree["east"].cli("zone", "doctor", "cloud", check=False)[0] == 2
    finally:
        nova.hold.set()
    wait_for(lambda: root.get(f"/servers/{there['nova-1']}").status_code == 200, 30, "it to be asked again")


def test_lies_do_not_get_through(nova, root, there):
    nova.extra_headers = {"X-Zone-Path": "/evil", "X-Zone-Missing": "west;reason=timeout", "X-Subject-Token": "t", "Set-Cookie": "a=b"}
    try:
        answer = root.get(f"/servers/{there['nova-1']}")
        assert answer.status_code == 200 and answer.headers["X-Zone-Path"] == "east/cloud" and missing_in(answer) == {}
        assert "Set-Cookie" not in answer.headers and "X-Subject-Token" not in answer.headers
    finally:
        nova.extra_headers = {}


# --- the end
def test_no_secret_in_any_log(tree, nova, east, mariadb):
    for zone in tree.zones.values():
        log = zone.process.log.read_text() if hasattr(zone.process, "log") else zone.process.tail(100000)
        assert nova.password not in log and "gAAAAA" not in log
    stored = mariadb.sql(tree["east"].schema, "SELECT HEX(password) FROM zone_nova")
    assert stored and nova.password.encode().hex().upper() not in stored[0][0]


def test_a_restarted_zone_finds_it_again(tree, nova, root, east, there):
    tree["east"].restart()
    wait_for(lambda: root.get(f"/servers/{there['nova-1']}").status_code == 200, 30, "the server after a restart")


def test_forgetting_it_leaves_its_servers(tree, nova, root, east, there):
    before = set(nova.servers)
    tree["east"].cli("zone", "delete", "cloud")
    wait_for(lambda: [server for server in root.fetch("/servers")["servers"] if server["id"] in before] == [], 30, "it to be gone")
    assert set(nova.servers) == before
