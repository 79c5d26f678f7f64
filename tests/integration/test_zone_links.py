"""Links between zones that do not know each other: join tokens, loops refused by name, keys renewed, policies enforced, TLS by CA and by
pinned key. Every refusal is a test."""
import concurrent.futures
import base64
import hashlib
import json
import os
import subprocess
import uuid

import pytest

from lib.clients import Http
from lib.wait import free_port, wait_for
from lib.zone import binary

SETTINGS = {"zones": {"poll_interval_ms": 300}}


@pytest.fixture(scope="module")
def start_zone(make_zone):
    """start_zone(name) → a running zone with users of its own."""
    def start(name, settings=None):
        zone = make_zone(name, {**SETTINGS, **(settings or {})})
        zone.bootstrap()
        return zone.start()
    return start


@pytest.fixture(scope="module")
def parent(start_zone):
    return start_zone("upper")


@pytest.fixture(scope="module")
def child(start_zone):
    return start_zone("lower")


@pytest.fixture(scope="module")
def up(parent):
    return Http(parent)


@pytest.fixture(scope="module")
def down(child):
    return Http(child)


@pytest.fixture
def joined(parent, child, up, down):
    """The child's row at the parent, joined by a token; both sides forget it afterwards."""
    up.post("/os-zones", {"zone": {"token": token_of(down)}}).raise_for_status()
    row = wait_for(lambda: active(up, "lower"), 30, "the child to be joined")
    wait_for(lambda: parent_link(down), 30, "the child to know its parent")
    yield row
    up.delete(f"/os-zones/{row['id']}")
    down.delete(f"/os-zones/links/{parent_link(down)['id']}")


def token_of(door):
    answer = door.post("/os-zones/token")
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]["token"]


def active(door, name):
    return next((row for row in door.fetch("/os-zones")["zones"] if row["name"] == name and row["is_active"]), None)


def parent_link(door):
    return next((link for link in door.fetch("/os-zones/links")["links"] if link["side"] == "parent"), None)


def last_error(door, zone):
    return door.fetch(f"/os-zones/{zone['id']}")["zone"]["last_error"] or ""


def unpack(token):
    return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))


def pack(values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def server_of(row):
    """A server's uuid that the child would have made."""
    digits = uuid.uuid4().hex[:26] + row["tag"]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


# --- joining
def test_the_printed_line_joins(tmp_path, parent, child, up, down):
    if parent.engine:
        pytest.skip("the line is run by a shell here, not in the container")
    line = child.cli("zone", "token")[1].strip()
    assert line.startswith("echo ") and line.endswith(" | zonegate zone join -") and "\n" not in line
    (tmp_path / "zonegate").symlink_to(binary().resolve())
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ZONEGATE_CONFIG": str(parent.config)})
    assert done.returncode == 0 and "Zone lower is joined" in done.stdout, done.stderr
    assert active(up, "lower")["uuid"] == down.fetch("/os-zones/info")["zone"]["uuid"]
    # the same token is good once
    up.delete(f"/os-zones/{active(up, 'lower')['id']}")
    again = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60, check=False,
                           env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ZONEGATE_CONFIG": str(parent.config)})
    assert again.returncode == 1 and "used already" in again.stderr, again.stderr
    up.delete("/os-zones/lower")
    down.delete(f"/os-zones/links/{parent_link(down)['id']}")


def test_a_used_token_is_refused(joined, up, down):
    token = token_of(down)
    up.delete(f"/os-zones/{joined['id']}")
    up.post("/os-zones", {"zone": {"token": token}}).raise_for_status()
    wait_for(lambda: active(up, "lower"), 30, "the child to be joined")
    second = up.post("/os-zones", {"zone": {"token": token, "name": "twice"}})
    assert second.status_code == 200
    wait_for(lambda: "used already" in last_error(up, second.json()["zone"]), 30, "the refusal to be named")
    assert not up.fetch("/os-zones/twice")["zone"]["is_active"]
    assert up.delete("/os-zones/twice").status_code == 200
    joined["id"] = active(up, "lower")["id"]


def test_an_expired_token_is_refused_by_the_parent(up, down):
    values = unpack(token_of(down))
    answer = up.post("/os-zones", {"zone": {"token": pack({**values, "exp": values["exp"] - 3600})}})
    assert answer.status_code == 400 and "too old" in answer.text


def test_an_expired_token_is_refused_by_the_child(up, down, child, mariadb):
    token = token_of(down)
    mariadb.sql(child.schema, "UPDATE zone_join_tokens SET expires_at = '2020-01-01'")
    zone = up.post("/os-zones", {"zone": {"token": token}}).json()["zone"]
    wait_for(lambda: "too old" in last_error(up, zone), 30, "the refusal to be named")
    assert up.delete(f"/os-zones/{zone['id']}").status_code == 200


@pytest.mark.parametrize("change", ["secret", "link_key", "uuid"])
def test_a_forged_token_is_refused(up, down, change):
    values = unpack(token_of(down))
    values[change] = str(uuid.uuid4()) if change == "uuid" else base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    zone = up.post("/os-zones", {"zone": {"token": pack(values)}}).json()["zone"]
    wait_for(lambda: last_error(up, zone), 30, "the refusal to be named")
    assert not up.fetch(f"/os-zones/{zone['id']}")["zone"]["is_active"]
    assert up.delete(f"/os-zones/{zone['id']}").status_code == 200
    link = parent_link(down)
    if link:  # the secret was good: the child agreed, and it was the parent who saw that it is not the one that was meant
        down.delete(f"/os-zones/links/{link['id']}")


@pytest.mark.parametrize("token", ["", "x", "bm90IGEgdG9rZW4", 5])
def test_a_damaged_token_is_400(up, token):
    assert up.post("/os-zones", {"zone": {"token": token}}).status_code == 400


def test_a_token_is_for_admins(up, parent, child):
    up.post("/identity/v3/users", {"user": {"name": "bob", "password": "bob-secret"}}).raise_for_status()
    user = up.fetch("/identity/v3/users?name=bob")["users"][0]["id"]
    roles = {role["name"]: role["id"] for role in up.fetch("/identity/v3/roles")["roles"]}
    up.put(f"/identity/v3/projects/{up.project}/users/{user}/roles/{roles['member']}").raise_for_status()
    bob = Http(parent, username="bob", password="bob-secret")
    for method, path in (("POST", "/os-zones/token"), ("GET", "/os-zones/links"), ("GET", "/os-zones/doctor"), ("POST", "/os-zones/1/rekey"),
                         ("DELETE", "/os-zones/links/1")):
        assert bob.request(method, path).status_code == 403, path
    assert bob.put("/os-zones/links/1", {"link": {}}).status_code == 403
    assert up.request("POST", "/os-zones/token", token="nonsense").status_code == 401


def test_cli_join_says_what_is_wrong(parent, child, joined):
    for words, stdin, status, wanted in ((("join", "-"), "", 1, "no join token"), (("join", "-"), "x\n", 1, "damaged"),
                                         (("join", "--token-file", "/nowhere"), None, 1, "cannot be read"),
                                         (("rekey", "nowhere"), None, 3, "nowhere"), (("policy", "nowhere"), None, 3, "nowhere"),
                                         (("policy", "lower", "--catalog", "perhaps"), None, 1, "yes or no")):
        done = parent.cli("zone", *words, check=False, stdin=stdin)
        assert done[0] == status and wanted in done[2], (words, done)


# --- relatives
def test_oneself_is_refused_by_name(up, parent):
    refused = up.post("/os-zones", {"zone": {"token": token_of(up)}})
    assert refused.status_code == 409 and "upper is this zone itself" in refused.text
    other_name = parent.url.replace("127.0.0.1", "localhost")
    refused = up.post("/os-zones", {"zone": {"name": "me", "api_url": other_name, "username": "admin", "password": parent.password}})
    assert refused.status_code == 409 and "upper is this zone itself" in refused.text
    assert up.get("/os-zones/me").status_code == 404, "nothing is left of it"


def test_a_parent_is_refused_by_name(joined, up, down, parent):
    refused = down.post("/os-zones", {"zone": {"token": token_of(up)}})
    assert refused.status_code == 409 and "upper is a parent of this zone" in refused.text
    refused = down.post("/os-zones", {"zone": {"api_url": parent.url, "username": "admin", "password": parent.password}})
    assert refused.status_code == 409 and "upper" in refused.text


@pytest.mark.parametrize("form", ["token", "password"])
def test_a_grandparent_is_refused_by_name(joined, up, down, parent, start_zone, form):
    lowest = start_zone(f"lowest-{form}")
    door = Http(lowest)
    down.post("/os-zones", {"zone": {"token": token_of(door)}}).raise_for_status()
    wait_for(lambda: any(row["path"] == f"lower/{lowest.name}" for row in up.fetch("/os-zones/info")["zone"]["directory"]["zones"]), 30,
             "the grandchild to be known")
    spec = {"token": token_of(up)} if form == "token" else {"name": "top", "api_url": parent.url, "username": "admin",
                                                            "password": parent.password}
    refused = door.post("/os-zones", {"zone": spec})
    assert refused.status_code == 409 and f"{lowest.name} lives below zone upper (as lower/{lowest.name})" in refused.text
    assert door.fetch("/os-zones")["zones"] == []
    down.delete(f"/os-zones/{lowest.name}")


# --- keys
def test_keys_are_renewed_without_a_restart(joined, up, down, parent):
    first = up.fetch("/os-zones/links/lower")["link"]["keys"]
    answer = up.post(f"/os-zones/{joined['id']}/rekey")
    assert answer.status_code == 200, answer.text
    second = answer.json()["link"]["keys"]
    assert second[0] != first[0] and second[1] == first[0], "two generations are live"
    assert parent_link(down)["keys"] == second
    assert up.get(f"/servers/{server_of(joined)}").status_code == 404, "asked with the new keys"
    assert "new keys" in parent.cli("zone", "rekey", "lower")[1]
    third = up.fetch("/os-zones/links/lower")["link"]["keys"]
    assert third[1] == second[0] and len(third) == 2 and parent_link(down)["keys"] == third
    wait_for(lambda: up.fetch("/os-zones/tree")["tree"]["children"][0]["state"] == "up", 30, "the child to be up")
    assert "remembered" not in up.fetch("/os-zones/tree")["tree"]["children"][0]


def test_keys_live_through_restarts(joined, up, child):
    up.post("/os-zones/lower/rekey").raise_for_status()
    child.restart()
    wait_for(lambda: up.get(f"/servers/{server_of(joined)}").status_code == 404, 30, "the child to answer under the new keys")


def test_keys_of_a_stranger_are_409(up):
    zone = up.post("/os-zones", {"zone": {"name": "far", "api_url": f"http://127.0.0.1:{free_port()}", "username": "a", "password": "b"}}).json()["zone"]
    assert up.post(f"/os-zones/{zone['id']}/rekey").status_code == 409
    up.delete(f"/os-zones/{zone['id']}")
    assert up.post("/os-zones/999999/rekey").status_code == 404


# --- policy
@pytest.fixture
def policy(down):
    """Sets the policy of the child for its parent; everything is allowed again afterwards."""
    def change(values):
        answer = down.put(f"/os-zones/links/{parent_link(down)['id']}", {"link": {"policy": values}})
        assert answer.status_code == 200, answer.text
        return answer.json()["link"]["policy"]
    yield change
    change(None)


def test_policy_is_shown_and_changed(joined, policy, down, child):
    free = {"roles": None, "projects": None, "read_only": False}
    assert policy({}) == free
    assert policy({"read_only": True}) == {**free, "read_only": True}
    assert policy({"projects": ["p"]}) == {**free, "read_only": True, "projects": ["p"]}, "a member that is not named stays"
    assert policy({"projects": None, "read_only": None}) == free
    assert "parent upper" in child.cli("zone", "policy", "upper")[1]
    assert child.cli_json("zone", "policy", "upper", "--read-only", "yes", "--roles", "member,reader") == {
        **free, "read_only": True, "roles": ["member", "reader"]}
    assert child.cli_json("zone", "policy", "upper", "--read-only", "no", "--roles", "*")["roles"] is None
    assert "upper" in child.cli("zone", "links")[1]
    assert child.cli_json("zone", "links")[0]["policy"]["read_only"] is False


@pytest.mark.parametrize("wrong", [5, [], {"read_only": 1}, {"roles": "admin"}, {"projects": [1]}, {"resolve": True}, {"nonsense": True}])
def test_a_bad_policy_is_400(joined, down, wrong):
    assert down.put(f"/os-zones/links/{parent_link(down)['id']}", {"link": {"policy": wrong}}).status_code == 400


def test_a_parent_has_few_settings(joined, down):
    path = f"/os-zones/links/{parent_link(down)['id']}"
    for wrong in ({"name": "x"}, {"api_url": "http://127.0.0.1:1"}, {"token": "x"}, {"state": "draining"}, {"weight_scale": 2}):
        assert down.put(path, {"link": wrong}).status_code == 400, wrong
    assert down.get("/os-zones/links/999999").status_code == 404 and down.put(path, {}).status_code == 400


def test_a_read_only_link_refuses_a_post(joined, policy, up):
    server = server_of(joined)
    act = {"os-start": None}
    assert up.get(f"/servers/{server}").status_code == up.post(f"/servers/{server}/action", act).status_code == 404
    policy({"read_only": True})
    refused = up.post(f"/servers/{server}/action", act)
    assert refused.status_code == 403 and "read-only" in refused.text
    assert up.delete(f"/servers/{server}").status_code == 403
    assert up.get(f"/servers/{server}").status_code == 404, "reads go on"


def test_a_project_that_is_not_in_the_policy_is_refused(joined, policy, up):
    server = server_of(joined)
    policy({"projects": [uuid.uuid4().hex]})
    refused = up.get(f"/servers/{server}")
    assert refused.status_code == 403 and "project" in refused.text
    policy({"projects": [up.project]})
    assert up.get(f"/servers/{server}").status_code == 404
    policy({"projects": []})
    assert up.get(f"/servers/{server}").status_code == 403, "an empty list is nobody"


def test_a_role_that_is_not_in_the_policy_does_not_cross(joined, policy, up):
    server = server_of(joined)
    policy({"roles": ["nobody"]})
    assert up.get(f"/servers/{server}").status_code == 403
    policy({"roles": ["member", "reader"]})
    assert up.get(f"/servers/{server}").status_code == 404
    node = up.fetch("/os-zones/tree")["tree"]["children"][0]
    assert node["reason"] == "answered 403", "an admin above is none below"


def test_a_refused_link_still_lives(joined, policy, up):
    policy({"projects": [], "read_only": True, "roles": []})
    wait_for(lambda: up.fetch("/os-zones/lower/health")["health"]["state"] == "up", 30, "polls to go on")
    assert up.post("/os-zones/lower/rekey").status_code == 200, "keys can be renewed whatever the policy says"


def test_what_a_child_may_do_above_is_a_policy_too(joined, up):
    free = {"roles": None, "resolve": True, "catalog": True, "act": False}
    assert up.fetch("/os-zones/lower")["zone"]["policy"] == free
    changed = up.put("/os-zones/lower", {"zone": {"policy": {"resolve": False}}})
    assert changed.status_code == 200 and changed.json()["zone"]["policy"] == {**free, "resolve": False}
    assert up.put("/os-zones/lower", {"zone": {"policy": {"read_only": True}}}).status_code == 400
    assert up.put("/os-zones/lower", {"zone": {"policy": None}}).json()["zone"]["policy"] == free


def test_a_disabled_parent_is_refused(joined, up, down):
    path = f"/os-zones/links/{parent_link(down)['id']}"
    assert down.put(path, {"link": {"state": "disabled"}}).json()["link"]["state"] == "disabled"
    assert up.get(f"/servers/{server_of(joined)}").status_code == 403
    assert down.put(path, {"link": {"state": "enabled"}}).status_code == 200
    wait_for(lambda: up.get(f"/servers/{server_of(joined)}").status_code == 404, 30, "the parent to be heard again")


def test_a_forgotten_parent_is_unknown(up, down):
    up.post("/os-zones", {"zone": {"token": token_of(down)}}).raise_for_status()
    row = wait_for(lambda: active(up, "lower"), 30, "the child to be joined")
    assert down.delete(f"/os-zones/links/{parent_link(down)['id']}").status_code == 204
    silent = up.get(f"/servers/{server_of(row)}")
    assert silent.status_code == 503 and "lower;reason=auth" in silent.headers["X-Zone-Missing"]
    wait_for(lambda: "auth" in last_error(up, row), 30, "the refusal to be named")
    found = {row["finding"] for row in up.fetch("/os-zones/doctor")["findings"]}
    assert "link-refused" in found
    up.delete(f"/os-zones/{row['id']}")


# --- the doctor's findings that need no TLS
def test_old_keys_are_found(joined, up, parent, mariadb):
    wait_for(lambda: findings(up, "lower") == set(), 30, lambda: findings(up, "lower"))
    mariadb.sql(parent.schema, f"UPDATE zone_sessions SET created_at = '2020-01-01' WHERE zone_id = {joined['id']}")
    wait_for(lambda: findings(up, "lower") == {"key-age"}, 30, lambda: findings(up, "lower"))
    up.post("/os-zones/lower/rekey").raise_for_status()
    assert findings(up, "lower") == set(), "new keys are the remedy"


def test_an_unknown_host_and_a_closed_port_are_found(up):
    for url, wanted in (("https://no-such-host.invalid", "dns"), (f"http://127.0.0.1:{free_port()}", "unreachable")):
        body = {"name": "far", "api_url": url, "username": "a", "password": "b"}
        up.post("/os-zones", {"zone": body}).raise_for_status()
        assert {wanted, "not-joined"} <= findings(up, "far"), url
        up.delete("/os-zones/far").raise_for_status()


def test_disabled_is_found_and_a_stranger_is_404(joined, up):
    up.put("/os-zones/lower", {"zone": {"state": "disabled"}}).raise_for_status()
    assert findings(up, "lower") == {"disabled"}
    up.put("/os-zones/lower", {"zone": {"state": "enabled"}}).raise_for_status()
    assert up.get("/os-zones/doctor?zone=nowhere").status_code == 404


# --- TLS
@pytest.fixture(scope="module")
def secure(make_zone, here):
    """A zone that speaks TLS with a certificate of its own, good for 20 days."""
    zone = make_zone("secure", SETTINGS)
    if zone.engine:
        pytest.skip("its certificate is made on this machine")
    cert, key = here / "secure.pem", here / "secure.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "20", "-subj",
                    "/CN=secure", "-addext", "subjectAltName=IP:127.0.0.1", "-out", cert, "-keyout", key], check=True, capture_output=True)
    zone.https = f"https://127.0.0.1:{zone.port}"
    zone.settings = {**SETTINGS, "api": {"tls_cert": cert, "tls_key": key, "public_url": zone.https}}
    zone.certificate = cert
    zone.write_config()
    zone.bootstrap()
    return zone.start()


@pytest.fixture(scope="module")
def pin(secure):
    spki = subprocess.run(f"openssl x509 -in {secure.certificate} -pubkey -noout | openssl pkey -pubin -outform der", shell=True, check=True,
                          capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def register(up, secure, **more):
    body = {"name": "secure", "api_url": secure.https, "username": "admin", "password": secure.password, **more}
    answer = up.post("/os-zones", {"zone": body})
    assert answer.status_code == 200, answer.text
    return answer.json()["zone"]


def findings(up, name):
    return {row["finding"] for row in up.fetch(f"/os-zones/doctor?zone={name}")["findings"]}


def test_the_command_line_trusts_its_own_certificate(secure):
    assert secure.cli("zone", "tree")[1].startswith("secure")


@pytest.mark.parametrize("wrong", ["nothing", "pin", "ca"])
def test_an_unknown_certificate_is_refused(up, secure, here, wrong):
    more = {}
    if wrong == "pin":
        more = {"tls_pin": "sha256//" + base64.b64encode(bytes(32)).decode()}
    if wrong == "ca":
        other = here / "other.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "20", "-subj",
                        "/CN=other", "-out", other, "-keyout", here / "other.key"], check=True, capture_output=True)
        more = {"tls_ca": other.read_text()}
    zone = register(up, secure, **more)
    wait_for(lambda: "refused" in last_error(up, zone), 30, "the refusal to be named")
    assert "tls" in findings(up, "secure")
    assert not up.fetch("/os-zones/secure")["zone"]["is_active"]
    up.delete("/os-zones/secure")


@pytest.mark.parametrize("proof", ["pin", "ca"])
def test_a_known_certificate_is_good_and_its_days_are_counted(up, parent, secure, pin, proof):
    register(up, secure, **({"tls_pin": pin} if proof == "pin" else {"tls_ca": secure.certificate.read_text()}))
    wait_for(lambda: active(up, "secure"), 30, lambda: up.get("/os-zones/secure").text)
    shown = up.fetch("/os-zones/secure")["zone"]
    assert shown["certificate_days_left"] in (19, 20) and shown["tls_pin"] == (pin if proof == "pin" else None)
    assert up.fetch("/os-zones/secure/health")["health"]["certificate_days_left"] in (19, 20)
    assert parent.metrics()['zonegate_zone_certificate_days{child="secure"}'] in (19, 20)
    assert findings(up, "secure") == {"certificate-days"}, "less than 30 days"
    assert parent.cli("zone", "doctor", "secure", check=False)[0] == 1
    up.delete("/os-zones/secure")
    link = next(row for row in secure.cli_json("zone", "links") if row["side"] == "parent")
    assert link["name"] == "upper"


def test_a_pin_that_does_not_fit_any_more_ends_the_link(up, secure, pin):
    register(up, secure, tls_pin=pin)
    row = wait_for(lambda: active(up, "secure"), 30, lambda: up.get("/os-zones/secure").text)
    up.put("/os-zones/secure", {"zone": {"tls_pin": "sha256//" + base64.b64encode(bytes(32)).decode()}}).raise_for_status()
    wait_for(lambda: "tls" in findings(up, "secure"), 30, "the wrong key to be named")
    wait_for(lambda: up.get(f"/servers/{server_of(row)}").status_code == 503, 60, "the link to be closed")
    up.delete("/os-zones/secure")


def test_who_changed_a_child_sees_it_changed(parent, up):
    """Also while others change theirs: what was read before a change is not shown after it."""
    writers, changes = 8, 40
    dead = f"http://127.0.0.1:{free_port()}"

    def write(number):
        http, name = Http(parent), f"own-{number}"
        http.post("/os-zones", {"zone": {"name": name, "api_url": f"{dead}/{name}", "username": "u", "password": "p"}}).raise_for_status()
        for i in range(1, changes + 1):
            http.put(f"/os-zones/{name}", {"zone": {"weight_offset": i}}).raise_for_status()
            assert http.fetch(f"/os-zones/{name}")["zone"]["weight_offset"] == i
        http.delete(f"/os-zones/{name}").raise_for_status()
        return http.get(f"/os-zones/{name}").status_code

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        assert list(pool.map(write, range(writers))) == [404] * writers
