"""What a zone answers to input that no good client sends: always an error in Nova's form, never a crash, never a row written."""
import json

import pytest
import requests

FAULTS = {400: "badRequest", 404: "itemNotFound", 413: "overLimit", 415: "badMediaType"}
GOOD = {"name": "x", "imageRef": "11111111-2222-4333-8444-555555555555", "flavorRef": "1"}


def assert_fault(answer, *statuses):
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:300]}"
    (name, fault), = answer.json().items()
    assert fault["code"] == answer.status_code and fault["message"]
    assert name == FAULTS.get(answer.status_code, name)


@pytest.fixture(autouse=True)
def unharmed(one_zone, http):
    """After each of these the same process still serves, and no server was made."""
    pid = one_zone.process.pid
    yield
    assert one_zone.alive and one_zone.process.pid == pid
    assert http.fetch("/servers") == {"servers": []}


def post_raw(http, data, path="/servers", **headers):
    return http.request("POST", path, data=data, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("body", [
    b"", b"{", b"[", b"{]", b'{"server": ', b"nul", b"\xff\xfe", b'{"server": "\xc3\x28"}', b'{"a":1}{"b":2}', b"\0",
    b'{"server": {"name": "a", "name": "b"}}', b'{"server": 1e999999}', b'{"server": NaN}', b'"server"', b"[]", b"1",
    b'{"server": "\\ud800"}',
])
def test_malformed_json(http, body):
    assert_fault(post_raw(http, body), 400)


@pytest.mark.parametrize("depth", [33, 1000, 100_000])
@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_deep_json(http, depth, opening, closing):
    inner = "1" if opening != "[" else ""
    assert_fault(post_raw(http, (opening * depth + inner + closing * depth).encode()), 400, 413)


@pytest.mark.parametrize("change", [
    {"name": ""}, {"name": "x" * 256}, {"name": " x"}, {"name": 1}, {"name": None}, {"name": "a\u0000b"},
    {"flavorRef": ""}, {"flavorRef": None}, {"imageRef": "no-uuid"}, {"imageRef": 7},
    {"unknown": 1}, {"metadata": []}, {"metadata": {"k": 1}}, {"metadata": {"k" * 256: "v"}}, {"metadata": {"k": "v" * 256}},
    {"min_count": 0}, {"min_count": -1}, {"min_count": "many"}, {"min_count": 2, "max_count": 1}, {"max_count": 10 ** 30},
    {"user_data": "QQ==" * 20000}, {"config_drive": "perhaps"}, {"networks": "none"}, {"networks": [{"uuid": 1}]},
    {"availability_zone": "a:b:c:d"}, {"security_groups": "default"}, {"key_name": ""}, {"OS-DCF:diskConfig": "SOMETIMES"},
    {"accessIPv4": "999.1.1.1"}, {"personality": [{"path": "/x"}]},
])
def test_bad_server_fields(http, change):
    assert_fault(http.post("/servers", {"server": {**GOOD, **change}}), 400)


@pytest.mark.parametrize("missing", ["name", "flavorRef", "imageRef"])
def test_missing_server_fields(http, missing):
    assert_fault(http.post("/servers", {"server": {key: value for key, value in GOOD.items() if key != missing}}), 400)


def test_unknown_references_are_400(http):
    assert_fault(http.post("/servers", {"server": {**GOOD, "flavorRef": "no-such-flavor"}}), 400)
    assert_fault(http.post("/servers", {"server": GOOD}), 400)


def test_networks_are_required_from_2_37(http):
    assert_fault(http.post("/servers", {"server": GOOD}, version="2.37"), 400)


def test_missing_body(http):
    answer = http.request("POST", "/servers")
    assert_fault(answer, 400)
    assert "None is not of type 'object'" in answer.text


def test_body_too_large(http):
    assert_fault(post_raw(http, json.dumps({"server": {**GOOD, "name": "x" * 120_000}}).encode()), 413)


def test_body_too_large_in_chunks(http):
    """No Content-Length: the limit holds all the same."""
    answer = http.request("POST", "/servers", data=(b" " * 8192 for _ in range(64)), headers={"Content-Type": "application/json"})
    assert_fault(answer, 413)


def test_wrong_content_type(http):
    assert_fault(http.request("POST", "/servers", data="<server/>", headers={"Content-Type": "application/xml"}), 415)


def test_header_too_large_is_refused(one_zone):
    answer = requests.get(f"{one_zone.url}/compute/v2.1", headers={"X-Large": "x" * 200_000}, timeout=30)
    assert answer.status_code in (400, 413, 431)


@pytest.mark.parametrize("path", ["/servers/../../identity", "/servers/%2e%2e/x", "/servers/%00", "/servers/%ff", "/servers/a%2fb",
                                  "/servers/%zz"])
def test_odd_paths(http, one_zone, path):
    """Sent as they stand: the client library would tidy them."""
    request = requests.Request("GET", one_zone.url).prepare()
    request.url = f"{one_zone.url}/compute/v2.1{path}"
    request.headers["X-Auth-Token"] = http.token
    assert http.session.send(request, timeout=30, allow_redirects=False).status_code in (400, 404)


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "marker=nothing-known", "sort_key=nonsense", "sort_dir=sideways",
                                   "changes-since=yesterday", "_private=1"])
def test_bad_list_queries(http, query):
    assert_fault(http.get(f"/servers?{query}"), 400)


def test_unknown_query_key_is_400_from_2_75(http):
    assert http.get("/servers?usage=False").status_code == 200
    assert_fault(http.get("/servers?usage=False", version="2.75"), 400)


@pytest.mark.parametrize("server", ["a-name", "00000000-0000-4000-8000-000000000000", "x" * 3000])
def test_unknown_server_is_404(http, server):
    answer = http.get(f"/servers/{server}")
    assert_fault(answer, 404)


def test_unknown_server_is_named(http):
    server = "00000000-0000-4000-8000-000000000000"
    assert http.get(f"/servers/{server}").json()["itemNotFound"]["message"] == f"Instance {server} could not be found."


@pytest.mark.parametrize("body", [{}, {"foo": None}, {"os-stop": None, "os-start": None}, {"reboot": {}},
                                  {"reboot": {"type": "GENTLE"}}, []])
def test_bad_actions(http, body):
    assert_fault(http.post("/servers/00000000-0000-4000-8000-000000000000/action", body), 400, 404)


@pytest.mark.parametrize("lines, right", [
    ("[zone]\nname = x\nstate_dir = /tmp/x\ncolour = red\n", "colour"),
    ("[zone]\nname = x\nstate_dir = /tmp/x\n[api]\nworkers = many\n", "workers"),
    ("[zone]\nname = x\nstate_dir = /tmp/x\n[api]\nworkers = 0\n", "2"),
    ("[nonsense]\na = b\n", "nonsense"),
    ("[zone]\nstate_dir = /tmp/x\n", "name"),
])
def test_bad_configuration_is_refused_with_its_line(one_zone, here, lines, right):
    from lib.process import run
    from lib.zone import binary
    path = here / "bad.conf"
    path.write_text(lines)
    status, _, err = run([binary(), "--config", path, "serve", "--check"], check=False)
    assert status != 0 and right in err and "bad.conf" in err


def test_good_configuration_is_checked(one_zone):
    one_zone.cli("serve", "--check")
