"""One zone with one test host, spoken to by the unmodified clients: from version documents to a server's whole life."""
import base64
import hashlib
import re
import uuid

import pytest
import requests

from lib.clients import CLIENTS_NEWEST, NEWEST, CommandLine, Http, image_file, nova, sdk
from lib.observe import assert_nothing_left
from lib.wait import wait_for

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# --- documents that need no token
def test_health_and_metrics(one_zone):
    assert requests.get(f"{one_zone.url}/healthcheck", timeout=10).status_code == 200
    requests.get(f"{one_zone.url}/compute/v2.1", timeout=10)
    assert one_zone.requests_served("compute") >= 1


def test_root_lists_services(one_zone):
    answer = requests.get(f"{one_zone.url}/", timeout=10)
    assert answer.status_code in (200, 300) and answer.json()


@pytest.mark.parametrize("path", ["/compute/v2.1", "/compute/v2.1/"])
def test_compute_version_document(one_zone, path):
    answer = requests.get(one_zone.url + path, timeout=10, allow_redirects=False)
    assert answer.status_code == 200
    version = answer.json()["version"]
    assert (version["id"], version["status"], version["min_version"], version["version"]) == ("v2.1", "CURRENT", "2.1", NEWEST)
    assert {"self"} <= {link["rel"] for link in version["links"]}
    self_link = next(link["href"] for link in version["links"] if link["rel"] == "self")
    assert self_link.rstrip("/") == f"{one_zone.url}/compute/v2.1"


def test_compute_version_list(one_zone):
    answer = requests.get(f"{one_zone.url}/compute/", timeout=10, allow_redirects=False)
    assert answer.status_code == 200
    versions = {version["id"]: version for version in answer.json()["versions"]}
    assert versions["v2.1"]["version"] == NEWEST and versions["v2.1"]["min_version"] == "2.1"


def test_identity_version_documents(one_zone):
    answer = requests.get(f"{one_zone.url}/identity/v3", timeout=10, allow_redirects=False)
    assert answer.status_code == 200
    version = answer.json()["version"]
    assert version["id"].startswith("v3") and version["status"] == "stable"
    assert version["links"][0]["href"].startswith(f"{one_zone.url}/identity/v3")
    roots = requests.get(f"{one_zone.url}/identity", timeout=10, allow_redirects=False)
    assert roots.status_code == 300 and roots.json()["versions"]["values"][0]["id"].startswith("v3")


def test_image_version_list(one_zone):
    answer = requests.get(f"{one_zone.url}/image", timeout=10, allow_redirects=False)
    assert answer.status_code in (200, 300)
    assert any(version["id"].startswith("v2") and version["status"] == "CURRENT" for version in answer.json()["versions"])


# --- identity
def test_login_catalog_points_here(one_zone, http):
    token = http.body
    assert {role["name"] for role in token["roles"]} >= {"admin", "member", "reader"}
    catalog = {entry["type"]: entry for entry in token["catalog"]}
    assert {"identity", "compute", "image"} <= catalog.keys()
    for entry in catalog.values():
        assert {endpoint["interface"] for endpoint in entry["endpoints"]} == {"public", "internal", "admin"}
        assert all(endpoint["url"].startswith(one_zone.url) for endpoint in entry["endpoints"])
    assert token["project"]["name"] == "admin" and not token["is_domain"]


def test_wrong_password_and_unknown_user_look_the_same(one_zone):
    answers = []
    for name, password in (("admin", "wrong"), ("nobody", "wrong")):
        body = {"auth": {"identity": {"methods": ["password"],
                                      "password": {"user": {"name": name, "password": password, "domain": {"id": "default"}}}}}}
        answer = requests.post(f"{one_zone.url}/identity/v3/auth/tokens", json=body, timeout=30)
        answers.append((answer.status_code, answer.json()["error"]["message"].split("req-")[0]))
        assert "WWW-Authenticate" in answer.headers
    assert answers[0] == answers[1] and answers[0][0] == 401


def test_token_can_be_looked_at_and_revoked(one_zone):
    http, other = Http(one_zone), Http(one_zone)
    subject = {"X-Subject-Token": other.token}
    shown = http.get("/identity/v3/auth/tokens", headers=subject)
    assert shown.status_code == 200 and shown.json()["token"]["user"]["name"] == "admin"
    assert http.request("HEAD", "/identity/v3/auth/tokens", headers=subject).status_code == 200
    assert http.delete("/identity/v3/auth/tokens", headers=subject).status_code == 204
    assert other.get("/servers").status_code == 401
    assert http.get("/servers").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "zg1.e30.AAAA", "zg1." + "A" * 4000])
def test_bad_token_is_401(http, token):
    answer = http.get("/servers", token=token)
    assert answer.status_code == 401
    assert REQUEST_ID.fullmatch(answer.headers["x-openstack-request-id"])


def test_token_with_one_bit_changed_is_401(http):
    head, payload, signature = http.token.split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert http.get("/servers", token=f"{head}.{payload}.{flipped}").status_code == 401


def test_openstack_token_issue(one_zone):
    issued = CommandLine(one_zone).json("token", "issue")
    assert issued["id"].startswith("zg1.") and issued["project_id"]


# --- microversions
@pytest.mark.parametrize("headers, version", [
    ({}, "2.1"),
    ({"OpenStack-API-Version": "compute 2.10"}, "2.10"),
    ({"X-OpenStack-Nova-API-Version": "2.10"}, "2.10"),
    ({"OpenStack-API-Version": "placement 1.2, compute 2.11", "X-OpenStack-Nova-API-Version": "2.10"}, "2.11"),
    ({"OpenStack-API-Version": "compute latest"}, NEWEST),
])
def test_version_negotiation(http, headers, version):
    answer = http.get("/servers", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["OpenStack-API-Version"] == f"compute {version}"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == version
    assert {"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"} <= set(re.split(r",\s*", answer.headers["Vary"]))
    assert answer.headers["x-openstack-request-id"] == answer.headers["x-compute-request-id"]


def test_version_too_new_is_406_in_words(http):
    answer = http.get("/servers", version="2.999")
    assert answer.status_code == 406
    assert answer.json() == {"computeFault": {"code": 406, "message":
                             f"Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is {NEWEST}."}}


def test_version_syntax_is_400(http):
    assert http.get("/servers", headers={"OpenStack-API-Version": "compute two"}).status_code == 400


def test_unknown_path_is_404(http):
    answer = http.get("/no-such-thing")
    assert answer.status_code == 404 and answer.json()["itemNotFound"]["code"] == 404


def test_foreign_project_in_path_is_400(http):
    assert http.get(f"/compute/v2.1/{http.project}/servers").status_code == 200
    assert http.get(f"/compute/v2.1/{uuid.uuid4().hex}/servers").status_code == 400


# --- flavors and images
def test_flavor_life(one_zone):
    command = CommandLine(one_zone)
    made = command.json("flavor", "create", "m1.brief", "--ram", "64", "--disk", "0", "--vcpus", "1", "--property", "hw:a=b")
    assert "m1.brief" in {row["Name"] for row in command.json("flavor", "list")}
    assert command.json("flavor", "show", "m1.brief")["id"] == made["id"]
    command.run("flavor", "delete", "m1.brief")
    assert "m1.brief" not in {row["Name"] for row in command.json("flavor", "list", "--all")}


def test_image_upload_download(one_zone, here):
    command = CommandLine(one_zone)
    path = image_file(here, "life.img", 300 << 10)
    made = command.json("image", "create", "life", "--disk-format", "raw", "--container-format", "bare", "--file", str(path))
    shown = command.json("image", "show", made["id"])
    assert (shown["status"], shown["size"]) == ("active", path.stat().st_size)
    assert shown["checksum"] == hashlib.md5(path.read_bytes()).hexdigest()
    command.run("image", "save", "--file", str(here / "back.img"), "life")
    assert (here / "back.img").read_bytes() == path.read_bytes()
    command.run("image", "delete", "life")
    assert command.run("image", "show", made["id"], check=False)[0] != 0


def test_image_that_points_at_a_host_file_is_refused(http):
    made = http.post("/image/v2/images", {"name": "evil", "disk_format": "qcow2", "container_format": "bare"})
    assert made.status_code == 201
    backing = b"/etc/passwd"
    header = b"QFI\xfb" + (2).to_bytes(4, "big") + (72).to_bytes(8, "big") + len(backing).to_bytes(4, "big") + (16).to_bytes(4, "big")
    header += (1 << 20).to_bytes(8, "big") + bytes(4) + (1).to_bytes(4, "big") + bytes(32) + backing
    answer = http.put(f"/image/v2/images/{made.json()['id']}/file", data=header.ljust(65536, b"\0"),
                      headers={"Content-Type": "application/octet-stream"})
    assert 400 <= answer.status_code < 500, answer.text
    assert http.fetch(f"/image/v2/images/{made.json()['id']}")["status"] != "active"
    assert http.delete(f"/image/v2/images/{made.json()['id']}").status_code == 204


# --- servers
def check_life(one_zone, mariadb, version):
    command = CommandLine(one_zone, version)
    made = command.create_server("life")
    server_id = made["id"]
    assert made["status"] == "ACTIVE", made
    assert server_id in one_zone.host.running_uuids()
    rows = command.json("server", "list", "--long")
    assert [(row["ID"], row["Name"], row["Status"]) for row in rows if row["ID"] == server_id] == [(server_id, "life", "ACTIVE")]
    assert command.json("server", "show", "life")["id"] == server_id
    command.run("server", "stop", server_id)
    wait_status(command, server_id, "SHUTOFF")
    assert server_id not in one_zone.host.running_uuids()
    command.run("server", "start", server_id)
    wait_status(command, server_id, "ACTIVE")
    command.run("server", "reboot", "--wait", server_id)
    command.run("server", "reboot", "--hard", "--wait", server_id)
    wait_status(command, server_id, "ACTIVE")
    assert server_id in one_zone.host.running_uuids()
    command.run("server", "delete", "--wait", server_id)
    assert server_id not in {row["ID"] for row in command.json("server", "list")}
    assert_nothing_left(one_zone, mariadb, [one_zone.host], server_id)


def wait_status(command, server_id, status):
    wait_for(lambda: command.json("server", "show", server_id)["status"] == status, 60, f"server {server_id} to be {status}")


def test_server_life_by_openstack_2_1(stocked, mariadb):
    check_life(stocked, mariadb, None)


def test_server_life_by_openstack_newest(stocked, mariadb):
    check_life(stocked, mariadb, CLIENTS_NEWEST)


def test_server_life_by_sdk(stocked, mariadb):
    with sdk(stocked) as connection:
        flavor, image = connection.compute.find_flavor("m1.tiny"), connection.image.find_image("tiny")
        server = connection.compute.create_server(name="sdk", flavor_id=flavor.id, image_id=image.id, networks="none")
        server = connection.compute.wait_for_server(server, wait=60)
        assert server.status == "ACTIVE"
        assert server.id in {row.id for row in connection.compute.servers()}
        connection.compute.stop_server(server)
        connection.compute.wait_for_server(server, status="SHUTOFF", wait=60)
        connection.compute.start_server(server)
        connection.compute.wait_for_server(server, wait=60)
        connection.compute.reboot_server(server, "HARD")
        connection.compute.wait_for_server(server, wait=60)
        connection.compute.delete_server(server)
        connection.compute.wait_for_delete(server, wait=60)
    assert_nothing_left(stocked, mariadb, [stocked.host], server.id)


@pytest.mark.parametrize("version", ["2.1", NEWEST])
def test_server_life_by_novaclient(stocked, mariadb, version):
    client = nova(stocked, version)
    image = sdk(stocked).image.find_image("tiny")
    nics = {"nics": "none"} if version == NEWEST else {}
    server = client.servers.create("nova", image.id, client.flavors.list()[0], **nics)

    def status():
        return client.servers.get(server.id).status

    wait_for(lambda: status() == "ACTIVE", 60, "ACTIVE")
    assert server.id in {row.id for row in client.servers.list()}
    client.servers.stop(server.id)
    wait_for(lambda: status() == "SHUTOFF", 60, "SHUTOFF")
    client.servers.start(server.id)
    wait_for(lambda: status() == "ACTIVE", 60, "ACTIVE again")
    client.servers.delete(server.id)
    wait_for(lambda: server.id not in {row.id for row in client.servers.list()}, 60, "the server to go")
    assert_nothing_left(stocked, mariadb, [stocked.host], server.id)


def make_server(http, name="plain", **more):
    """Made over plain HTTP; its id when it is ACTIVE."""
    image = http.fetch("/image/v2/images?name=tiny")["images"][0]["id"]
    answer = http.post("/servers", {"server": {"name": name, "imageRef": image, "flavorRef": "1", **more}})
    assert answer.status_code == 202, answer.text
    server_id = answer.json()["server"]["id"]
    assert answer.headers["Location"].endswith(f"/servers/{server_id}")
    wait_for(lambda: is_active(http, server_id), 60, f"server {name} to be ACTIVE")
    return server_id


def is_active(http, server_id):
    """Whether it is; AssertionError with its fault when it never will be."""
    row = http.fetch(f"/servers/{server_id}")["server"]
    assert row["status"] != "ERROR", row.get("fault")
    return row["status"] == "ACTIVE"


@pytest.fixture(scope="module")
def server(stocked, http):
    """One server for everything that only looks at it or changes it a little."""
    return make_server(http, "fixture", metadata={"a": "1"})


def test_server_shape_2_1(http, server):
    body = http.fetch(f"/servers/{server}")["server"]
    assert set(body) == {
        "id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor", "created", "updated", "addresses",
        "accessIPv4", "accessIPv6", "links", "OS-DCF:diskConfig", "progress", "OS-EXT-AZ:availability_zone", "config_drive",
        "key_name", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name",
        "OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-STS:task_state", "OS-EXT-STS:vm_state", "OS-EXT-STS:power_state",
        "os-extended-volumes:volumes_attached"} | ({"security_groups"} & set(body))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["created"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", body["OS-SRV-USG:launched_at"])
    assert (body["OS-EXT-STS:power_state"], body["config_drive"], body["metadata"]) == (1, "", {"a": "1"})
    assert re.fullmatch(r"[0-9a-f]{56}", body["hostId"]) and body["flavor"]["id"] == "1"


def test_server_shape_newest(http, server):
    body = http.fetch(f"/servers/{server}", version=NEWEST)["server"]
    assert set(body["flavor"]) == {"vcpus", "ram", "disk", "ephemeral", "swap", "original_name", "extra_specs"}
    assert {"locked", "host_status", "description", "tags", "trusted_image_certificates", "server_groups", "locked_reason"} <= set(body)
    assert body["host_status"] == "UP" and body["locked"] is False


def test_server_is_nova_uuid_with_the_zones_tag(http, server):
    assert uuid.UUID(server).version == 4
    tag = http.fetch("/os-zones/info")["zone"]["tag"]
    assert server.replace("-", "").endswith(tag)


def test_update_and_metadata(http, server):
    assert http.put(f"/servers/{server}", {"server": {"name": "renamed"}}).json()["server"]["name"] == "renamed"
    assert http.post(f"/servers/{server}/metadata", {"metadata": {"b": "2"}}).json() == {"metadata": {"a": "1", "b": "2"}}
    assert http.put(f"/servers/{server}/metadata", {"metadata": {"c": "3"}}).json() == {"metadata": {"c": "3"}}
    assert http.put(f"/servers/{server}/metadata/d", {"meta": {"d": "4"}}).json() == {"meta": {"d": "4"}}
    assert http.delete(f"/servers/{server}/metadata/c").status_code == 204
    assert http.fetch(f"/servers/{server}/metadata") == {"metadata": {"d": "4"}}


def test_tags(http, server):
    """Nova's server tags (2.26): the set, one tag, its limits and words."""
    path = f"/servers/{server}/tags"
    v = {"version": "2.26"}
    assert http.get(path, version="2.25").status_code == 404
    assert http.put(path, {"tags": ["one", "two words", "one"]}, **v).json() == {"tags": ["one", "two words"]}
    assert http.fetch(path, **v) == {"tags": ["one", "two words"]}
    assert http.get(f"{path}/two%20words", **v).status_code == 204
    made = http.put(f"{path}/b%C3%BCro", **v)
    assert made.status_code == 201 and made.headers["Location"].endswith(f"{path}/b%C3%BCro"), made.headers
    assert http.put(f"{path}/b%C3%BCro", **v).status_code == 204
    assert [s["id"] for s in http.fetch("/servers?tags=one,b%C3%BCro", **v)["servers"]] == [server]
    assert http.get(f"{path}/none", **v).json()["itemNotFound"]["message"] == f"Instance {server} has no tag 'none'"
    assert http.delete(f"{path}/none", **v).status_code == 404
    assert http.put(f"{path}/a,b", **v).status_code == 400
    assert http.put(f"{path}/{'x' * 61}", **v).json()["badRequest"]["message"].startswith(f"Tag '{'x' * 61}' is too long.")
    assert http.put(path, {"tags": [str(i) for i in range(51)]}, **v).status_code == 400
    assert http.put(path, {"tags": [str(i) for i in range(50)]}, **v).status_code == 200
    full = http.put(f"{path}/more", **v)
    assert full.status_code == 400 and "exceeded the per-server limit 50" in full.text
    assert http.put(f"{path}/49", **v).status_code == 204
    assert http.delete(f"{path}/49", **v).status_code == 204
    assert http.delete(path, **v).status_code == 204
    assert http.fetch(path, **v) == {"tags": []}


def test_instance_actions_tell_the_story(http, server):
    actions = http.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"]
    assert actions[-1]["action"] == "create"
    detail = http.fetch(f"/servers/{server}/os-instance-actions/{actions[-1]['request_id']}")["instanceAction"]
    assert all(event["result"] == "Success" for event in detail["events"])


def test_start_of_a_running_server_is_409(http, server):
    answer = http.post(f"/servers/{server}/action", {"os-start": None})
    assert answer.status_code == 409
    assert answer.json()["conflictingRequest"]["message"] == f"Cannot 'start' instance {server} while it is in vm_state active"


def test_list_pages_concatenate(stocked, http):
    ids = [make_server(http, f"page-{number}") for number in range(5)]
    whole = [row["id"] for row in http.fetch("/servers")["servers"]]
    assert set(ids) <= set(whole)
    seen, path = [], "/servers?limit=2"
    while path:
        page = http.fetch(path)
        assert len(page["servers"]) <= 2
        seen += [row["id"] for row in page["servers"]]
        assert len(seen) <= len(whole), "pages do not end"
        following = [link["href"] for link in page.get("servers_links", []) if link["rel"] == "next"]
        path = following[0].removeprefix(stocked.url) if following else None
    assert seen == whole
    for server_id in ids:
        assert http.delete(f"/servers/{server_id}").status_code == 204
    wait_for(lambda: not {row["id"] for row in http.fetch("/servers")["servers"]} & set(ids), 60, "the five servers to go")


def test_services_hypervisors_zones(stocked):
    command = CommandLine(stocked)
    assert [row["State"].lower() for row in command.json("compute", "service", "list") if row["Binary"] == "nova-compute"] == ["up"]
    assert len(command.json("hypervisor", "list")) == 1
    assert "solo" in {row["Zone Name"] for row in command.json("availability", "zone", "list", "--compute")}



def test_keypair_life(stocked, here, http):
    command = CommandLine(stocked)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes(range(32))))
    key = here / "key.pub"
    key.write_text(f"ssh-ed25519 {base64.b64encode(blob).decode()} someone@somewhere\n")
    made = command.json("keypair", "create", "--public-key", str(key), "mine")
    assert made["fingerprint"] == ":".join(f"{byte:02x}" for byte in hashlib.md5(blob).digest())
    server_id = make_server(http, "keyed", key_name="mine")
    assert http.fetch(f"/servers/{server_id}")["server"]["key_name"] == "mine"
    assert http.delete(f"/servers/{server_id}").status_code == 204
    command.run("keypair", "delete", "mine")
    assert "mine" not in {row["Name"] for row in command.json("keypair", "list")}


# --- other people
@pytest.fixture(scope="module")
def alice(one_zone):
    """A member of a project of her own."""
    command = CommandLine(one_zone)
    command.json("project", "create", "demo")
    command.json("user", "create", "--project", "demo", "--password", "alice-secret", "alice")
    command.run("role", "add", "--project", "demo", "--user", "alice", "member")
    return {"username": "alice", "password": "alice-secret", "project": "demo"}


def test_member_sees_only_her_own(stocked, server, alice):
    hers = Http(stocked, **alice)
    assert hers.get(f"/servers/{server}").status_code == 404
    assert hers.delete(f"/servers/{server}").status_code == 404
    assert hers.fetch("/servers") == {"servers": []}
    own = make_server(hers, "hers")
    assert "OS-EXT-SRV-ATTR:host" not in hers.fetch(f"/servers/{own}")["server"]
    assert hers.delete(f"/servers/{own}").status_code == 204


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/flavors", {"flavor": {"name": "x", "ram": 1, "vcpus": 1, "disk": 0}}),
    ("GET", "/os-hypervisors", None),
    ("GET", "/os-services", None),
    ("GET", "/servers?all_tenants=1", None),
    ("POST", "/os-zones", {"zone": {"name": "x", "api_url": "http://127.0.0.1:1", "username": "u", "password": "p"}}),
    ("POST", "/identity/v3/projects", {"project": {"name": "x"}}),
])
def test_member_may_not(one_zone, alice, method, path, body):
    assert Http(one_zone, **alice).request(method, path, json=body).status_code == 403


# --- the command line
def test_command_line_shows_help_and_version(one_zone):
    assert re.match(r"zonegate \d+\.\d+\.\d+", one_zone.cli("--version")[1])
    for words in (["--help"], ["serve", "--help"], ["db", "--help"], ["zone", "--help"], ["host", "--help"], ["user", "--help"]):
        assert one_zone.cli(*words)[1].strip()


def test_command_line_lists_the_host(one_zone):
    assert "solo-h0" in one_zone.cli("host", "list")[1]
    assert "solo-h0" in str(one_zone.cli_json("host", "list"))


def test_second_daemon_on_the_port_says_so(one_zone):
    status, _, err = one_zone.cli("serve", check=False, seconds=60)
    assert status != 0 and str(one_zone.port) in err and "in use" in err


def test_restart_keeps_everything(stocked, server):
    stocked.restart()
    body = Http(stocked).fetch(f"/servers/{server}")["server"]
    assert body["status"] == "ACTIVE"
    assert server in stocked.host.running_uuids()
