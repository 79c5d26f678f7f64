"""What a zone answers word for word as a Nova of release 26 does; the texts were read from one (tests/conformance/nova_compare.py)."""
import json

import pytest

from lib.clients import CommandLine, Http

OTHER = "11111111222233334444555555555555"
FAULTS = {400: "badRequest"}


@pytest.mark.parametrize("method, path, body, status, message", [
    ("GET", f"/{OTHER}/servers", None, 400, f"Malformed request URL: URL's project_id '{OTHER}' doesn't match Context's project_id '{{project}}'"),
    ("POST", "/flavors/like/os-extra_specs", {"extra_specs": {"hw:cpu_policy": "nonsense"}}, 400, "Validation failed; 'nonsense' is not one of: dedicated, shared, mixed."),
])
def test_error_texts(http, method, path, body, status, message):
    http.post("/flavors", {"flavor": {"name": "like", "id": "like", "ram": 64, "vcpus": 1, "disk": 1}})
    answer = http.request(method, path, json=body, version="2.93")
    assert answer.status_code == status
    assert answer.json() == {FAULTS[status]: {"code": status, "message": message.format(project=http.project.replace("-", ""))}}


@pytest.fixture(scope="module")
def alice(stocked):
    """A member of a project of her own."""
    command = CommandLine(stocked)
    command.json("project", "create", "demo")
    command.json("user", "create", "--project", "demo", "--password", "alice-secret", "alice")
    command.run("role", "add", "--project", "demo", "--user", "alice", "member")
    return Http(stocked, username="alice", password="alice-secret", project="demo")


@pytest.fixture(scope="module")
def server(alice):
    image = next(image["id"] for image in alice.fetch("/image/v2/images")["images"] if image["name"] == "tiny")
    body = json.dumps({"server": {"name": "like", "imageRef": image, "flavorRef": "1"}})
    answer = alice.request("POST", "/servers", data=body, headers={"Content-Type": "text/plain; charset=utf-8"})
    assert answer.status_code == 202, f"text/plain is what a library sends that was told nothing: {answer.text}"
    return answer.json()["server"]["id"]


@pytest.mark.parametrize("method, path, body, policy", [
    ("GET", "/os-services", None, "os-services:list"),
    ("PUT", f"/os-services/{OTHER}", {"status": "enabled"}, "os-services:update"),
    ("DELETE", "/flavors/1", None, "os-flavor-manage:delete"),
    ("POST", "/flavors/1/action", {"addTenantAccess": {"tenant": "x"}}, "os-flavor-access:add_tenant_access"),
    ("GET", "/os-hypervisors/detail", None, "os-hypervisors:list-detail"),
    ("PUT", f"/os-quota-sets/{OTHER}", {"quota_set": {"cores": 1}}, "os-quota-sets:update"),
    ("GET", "/os-availability-zone/detail", None, "os-availability-zone:detail"),
    ("GET", "/servers/{server}/diagnostics", None, "os-server-diagnostics"),
    ("GET", "/servers/{server}/migrations", None, "servers:migrations:index"),
])
def test_a_refusal_names_the_policy(alice, server, method, path, body, policy):
    answer = alice.request(method, path.format(server=server), json=body, version="2.93")
    message = f"Policy doesn't allow os_compute_api:{policy} to be performed."
    assert (answer.status_code, answer.json()) == (403, {"forbidden": {"code": 403, "message": message}})


@pytest.mark.parametrize("path, status, words", [
    ("/flavors/1/os-flavor-access", 404, "Access list not available for public flavors."),
    ("/servers/11111111-2222-3333-4444-555555555555/diagnostics", 404, "Instance 11111111-2222-3333-4444-555555555555 could not be found."),
    (f"/os-quota-sets/{OTHER}/defaults", 200, '"instances"'),
    ("/servers?_private=1&metadata=%7B%7D", 200, '"servers"'),
    ("/servers?sort_key=locked", 200, '"servers"'),
    ("/servers?ip=(", 400, "Invalid input for query parameters ip. Value: (. '(' is not a 'regex'"),
])
def test_what_a_member_is_told(alice, path, status, words):
    answer = alice.get(path)
    assert answer.status_code == status and words in answer.text, answer.text


@pytest.mark.parametrize("path, version, status, words", [
    ("/servers?metadata=%7B%7D", "2.1", 400, "Invalid filter field: metadata."),
    ("/servers?tags=none-has-it", "2.25", 200, '"id"'),
    ("/servers?tags=none-has-it", "2.26", 200, '"servers":[]'),
    ("/servers?locked=perhaps", "2.72", 200, '"id"'),
    ("/servers?locked=perhaps", "2.73", 400, "Unrecognized value 'perhaps', acceptable values are: '0', '1', 'f',"),
    ("/servers?power_state=a", "2.93", 200, '"servers":[]'),
])
def test_what_an_admin_is_told(http, server, path, version, status, words):
    answer = http.get(f"{path}&all_tenants=1", version=version)
    assert answer.status_code == status and words in answer.text, answer.text
    assert server not in answer.text or '"id"' in words


def test_empty_answers_say_what_they_would_be(http, alice, server):
    locked = alice.post(f"/servers/{server}/action", {"lock": None})
    assert (locked.status_code, locked.content, locked.headers["Content-Type"]) == (202, b"", "application/json")
    gone = alice.post(f"/servers/{server}/action", {"resetNetwork": None})
    assert gone.status_code == 410 and "No forwarding address" in gone.text
    deleted = http.delete(f"/servers/{server}")
    assert (deleted.status_code, deleted.content, deleted.headers["Content-Type"]) == (204, b"", "application/json")
