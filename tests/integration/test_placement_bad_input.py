"""Placement and input that nobody means well: every refusal is a 4xx that names what is wrong, nothing is written, and the zone goes on."""
import copy
import json
import uuid

import pytest
import requests

from lib.clients import Http

NEWEST = "1.39"
JSON = {"Content-Type": "application/json"}
MANY = 100_000
MEGABYTES = 10 << 20


@pytest.fixture(scope="module")
def zone(make_zone):
    zone = make_zone("badplacement")
    zone.bootstrap()
    return zone.start()


@pytest.fixture(scope="module")
def call(zone):
    token = Http(zone).token

    def call(method, path, version=NEWEST, **arguments):
        headers = {"X-Auth-Token": token, "OpenStack-API-Version": f"placement {version}", **arguments.pop("headers", {})}
        return requests.request(method, f"{zone.url}/placement{path}", headers=headers, timeout=120, **arguments)
    return call


@pytest.fixture(scope="module")
def provider(call):
    made = call("POST", "/resource_providers", json={"name": f"p-{uuid.uuid4()}"}).json()["uuid"]
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}}
    assert call("PUT", f"/resource_providers/{made}/inventories", json=body).status_code == 200
    return made


@pytest.fixture(autouse=True)
def nothing_is_written(zone, mariadb, call, provider):
    """Whatever a test asks for: the same rows afterwards, and the zone answers."""
    def rows():
        tables = ("resource_providers", "inventories", "allocations", "consumers", "resource_provider_traits",
                  "resource_provider_aggregates", "resource_classes", "traits")
        return [mariadb.sql(zone.schema, f"SELECT COUNT(*) FROM {table}") for table in tables] + mariadb.sql(
            zone.schema, "SELECT SUM(generation) FROM resource_providers")
    before = rows()
    yield
    assert rows() == before
    assert call("GET", f"/resource_providers/{provider}").status_code == 200


OTHER = "99652f11-9f77-46b9-80b7-4b1989be9f8c"
CLAIM = {"allocations": {"{rp}": {"resources": {"VCPU": 1}}}, "project_id": "p", "user_id": "u", "consumer_generation": None,
         "consumer_type": "INSTANCE"}
INVENTORY = {"total": 8, "reserved": 0, "min_unit": 1, "max_unit": 8, "step_size": 1, "allocation_ratio": 1.0}
RESHAPE = {"inventories": {"{rp}": {"resource_provider_generation": 1, "inventories": {"VCPU": INVENTORY}}}, "allocations": {OTHER: CLAIM}}
# What is good, and would be written.
BODIES = {
    "provider-create": ("POST", "/resource_providers", {"name": "n", "uuid": OTHER, "parent_provider_uuid": None}),
    "provider-update": ("PUT", "/resource_providers/{rp}", {"name": "n", "parent_provider_uuid": None}),
    "inventories": ("PUT", "/resource_providers/{rp}/inventories", RESHAPE["inventories"]["{rp}"]),
    "inventory-create": ("POST", "/resource_providers/{rp}/inventories", {"resource_class": "DISK_GB", **INVENTORY}),
    "inventory-update": ("PUT", "/resource_providers/{rp}/inventories/VCPU", {"resource_provider_generation": 1, **INVENTORY}),
    "traits": ("PUT", "/resource_providers/{rp}/traits", {"resource_provider_generation": 1, "traits": ["HW_CPU_X86_AVX"]}),
    "aggregates": ("PUT", "/resource_providers/{rp}/aggregates", {"resource_provider_generation": 1, "aggregates": [OTHER]}),
    "class": ("POST", "/resource_classes", {"name": "CUSTOM_GOOD"}),
    "claim": ("PUT", f"/allocations/{OTHER}", CLAIM),
    "claims": ("POST", "/allocations", {OTHER: CLAIM}),
    "reshape": ("POST", "/reshaper", RESHAPE),
}


def text_of(name, provider, change=None):
    """The body as text, with the provider in its place."""
    body = copy.deepcopy(BODIES[name][2])
    if change:
        change(body)
    return json.dumps(body).replace("{rp}", provider)


def send(call, name, provider, text):
    method, path, _ = BODIES[name]
    return call(method, path.format(rp=provider), data=text if isinstance(text, bytes) else text.encode(), headers=JSON)


def refusal(answer, *words):
    assert 400 <= answer.status_code < 500, answer.text[:500]
    error = answer.json()["errors"][0]
    assert error["status"] == answer.status_code and error["request_id"] == answer.headers["x-openstack-request-id"]
    assert all(word in error["detail"] for word in words), error["detail"][:500]
    assert len(answer.content) < 20000  # what was sent is not sent back whole
    return error["detail"]


# --- the body as such
@pytest.mark.parametrize("name", BODIES)
def test_ten_megabytes_of_one_field(call, provider, name):
    def change(body):
        body["junk"] = "x" * MEGABYTES
    answer = send(call, name, provider, text_of(name, provider, change))
    assert answer.status_code == 400
    refusal(answer, "junk")


@pytest.mark.parametrize("name", BODIES)
def test_duplicate_keys(call, provider, name):
    text = text_of(name, provider)
    key = json.dumps(next(iter(json.loads(text))))
    refusal(send(call, name, provider, text[:-1] + f", {key}: 1}}"), "Malformed JSON", key.strip('"'))


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("junk", [b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
def test_invalid_utf8(call, provider, name, junk):
    text = text_of(name, provider).encode()
    refusal(send(call, name, provider, text[:-1] + b', "' + junk + b'": 1}'), "Malformed JSON")


@pytest.mark.parametrize("name", BODIES)
def test_other_documents(call, provider, name):
    for text in ("", "null", "7", '"x"', "[]", "{}", "[[" * 50000, '{"a":' * 50000, "{", "\x00", "NaN", "{} {}"):
        refusal(send(call, name, provider, text))


# --- numbers
NUMBERS = {
    "total": (-1, 0, 2147483648, 1.5, True, None, "8", 1e300, [], {}),
    "reserved": (-1, 2147483648, 0.5, "0"),
    "min_unit": (-1, 0, 2147483648, "1"),
    "max_unit": (-1, 0, 2147483648, "1"),
    "step_size": (-1, 0, 2147483648, "1"),
    "allocation_ratio": (1e39, "1", None, []),
}


@pytest.mark.parametrize("name", ["inventories", "inventory-create", "inventory-update", "reshape"])
@pytest.mark.parametrize("field", NUMBERS)
def test_numbers_of_inventories(call, provider, name, field):
    for value in NUMBERS[field]:
        def change(body, value=value):
            place = {"inventories": lambda: body["inventories"]["VCPU"], "reshape": lambda: body["inventories"]["{rp}"]["inventories"]["VCPU"]}
            place.get(name, lambda: body)()[field] = value
        refusal(send(call, name, provider, text_of(name, provider, change)), f"['{field}']")


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1e400", "-1e400", "0x10", "01", "+1", "1.", ".5"])
@pytest.mark.parametrize("name", ["inventories", "inventory-create", "inventory-update", "reshape", "claim", "claims"])
def test_numbers_that_are_none(call, provider, name, text):
    body = text_of(name, provider)
    for good in ('"total": 8', '"VCPU": 1'):
        body = body.replace(good, good.split(": ")[0] + ": " + text)
    refusal(send(call, name, provider, body), "Malformed JSON")


@pytest.mark.parametrize("value", [-1, 0, 1.5, "1", None, True])
@pytest.mark.parametrize("name", ["claim", "claims", "reshape"])
def test_amounts_of_claims(call, provider, name, value):
    def change(body):
        claim = {"claim": lambda: body, "claims": lambda: body[OTHER], "reshape": lambda: body["allocations"][OTHER]}[name]()
        claim["allocations"]["{rp}"]["resources"]["VCPU"] = value
    refusal(send(call, name, provider, text_of(name, provider, change)), "['VCPU']")


def test_amounts_beyond_any_provider(call, provider):
    """A number that JSON holds and no inventory: there is no room for it."""
    for amount in (2147483648, 9223372036854775807):
        text = text_of("claim", provider).replace('"VCPU": 1', f'"VCPU": {amount}')
        assert send(call, "claim", provider, text).status_code == 409


@pytest.mark.parametrize("name", ["inventories", "inventory-update", "traits", "aggregates", "reshape"])
@pytest.mark.parametrize("value", ["1", 1.5, None, [], "x" * 1000])
def test_generations(call, provider, name, value):
    def change(body):
        (body["inventories"]["{rp}"] if name == "reshape" else body)["resource_provider_generation"] = value
    refusal(send(call, name, provider, text_of(name, provider, change)), "['resource_provider_generation']")


# --- names that no schema knows, and the values behind them
def test_names_of_classes(call, provider):
    for name in ("vcpu", "VCPU ", "", "Ä", "VCPU\u0000", "X" * 300):
        body = {"resource_provider_generation": 1, "inventories": {name: {"total": -(2 ** 63), "reserved": 2 ** 63 - 1}}}
        refusal(call("PUT", f"/resource_providers/{provider}/inventories", json=body))
        body["inventories"][name] = {"total": 1}
        refusal(call("PUT", f"/resource_providers/{provider}/inventories", json=body))
        body["inventories"][name] = 7
        refusal(call("PUT", f"/resource_providers/{provider}/inventories", json=body))


# --- lists and objects of a hundred thousand
def fill(name, body):
    uuids = [str(uuid.UUID(int=number)) for number in range(MANY)]
    if name == "traits":
        body["traits"] = [f"CUSTOM_{number}" for number in range(MANY)]
    elif name == "aggregates":
        body["aggregates"] = uuids
    elif name == "inventories":
        body["inventories"] = {f"CUSTOM_{number}": {"total": 1} for number in range(MANY)}
    elif name == "claim":
        body["allocations"] = {one: {"resources": {"VCPU": 1}} for one in uuids}
    elif name == "claims":
        body.update({one: CLAIM for one in uuids})
    else:
        body["inventories"] = {one: {"resource_provider_generation": 0, "inventories": {}} for one in uuids}


@pytest.mark.parametrize("name,words", [("traits", "['traits']"), ("aggregates", "aggregates"), ("inventories", "resource class"),
                                        ("claim", "allocations"), ("claims", "consumers"), ("reshape", "resource providers")])
def test_a_hundred_thousand(call, provider, name, words):
    answer = send(call, name, provider, text_of(name, provider, lambda body: fill(name, body)))
    assert answer.status_code in (400, 413)
    refusal(answer, words if answer.status_code == 400 else "16777216 bytes")


# --- query strings
LONG = ",".join(["CUSTOM_X"] * MANY)
QUERIES = {
    "/allocation_candidates": [
        "", "resources", "resources=", "resources=VCPU", "resources=VCPU:1:1", "resources=VCPU:-1", "resources=VCPU:0", "resources=VCPU:1.5",
        "resources=VCPU:0x1", "resources=VCPU:9223372036854775808", "resources=VCPU:1e3", "resources=:1", "resources=%00:1",
        "resources=%FF:1", "resources=VCPU:1&resources=%C3%28:1", "resources=VCPU:1&limit=", "resources=VCPU:1&limit=0",
        "resources=VCPU:1&limit=99999999999999999999x", "resources=VCPU:1&limit=%2B1", "resources=VCPU:1&required=",
        "resources=VCPU:1&required=!!A", "resources=VCPU:1&required=in:", "resources=VCPU:1&required=NO_SUCH", "resources=VCPU:1&in_tree=x",
        "resources=VCPU:1&member_of=", "resources=VCPU:1&member_of=in:", "resources=VCPU:1&member_of=!in:x", "resources=VCPU:1&spam=1",
        "resources=VCPU:1&group_policy=none&group_policy=some", "resources1=VCPU:1&resources2=VCPU:1", "resources" + "x" * 65 + "=VCPU:1",
        "resources_A=VCPU:1&same_subtree=_B", "resources=VCPU:1&same_subtree=", "resources=VCPU:1&root_required=A&root_required=B",
        "resources=VCPU:1&root_required=in:A,B", "resources=VCPU:1&in_tree=" + "f" * 5000, "%ZZ=1", "resources=VCPU:1&required=%"],
    "/resource_providers": ["uuid=x", "in_tree=x", "resources=VCPU:-1", "member_of=x", "required=NO_SUCH", "spam=1", "resources=VCPU:0",
                            "resources=NO_SUCH:1", "name=%FF"],
    "/usages": ["", "project_id=", "user_id=u", "project_id=p&spam=1", "project_id=" + "x" * 300, "project_id=%FF",
                "project_id=p&consumer_type=" + "x" * 300],
    "/traits": ["name=x", "associated=maybe", "spam=1", "name=%FF"],
}


@pytest.mark.parametrize("path", QUERIES)
def test_queries(call, path):
    for query in QUERIES[path]:
        answer = call("GET", f"{path}?{query}")
        assert answer.status_code == 400, f"{query[:200]}: {answer.status_code} {answer.text[:300]}"
        refusal(answer)


@pytest.mark.parametrize("path,query", [("/allocation_candidates", "resources=VCPU:1&required="), ("/resource_providers", "required="),
                                        ("/traits", "name=in:"), ("/allocation_candidates", "resources=")])
def test_long_queries(call, path, query):
    answer = call("GET", f"{path}?{query}{LONG}")
    assert answer.status_code in (400, 414, 431), answer.text[:300]


def test_paths(call, provider):
    for path in ("/resource_providers/x", "/resource_providers/%FF", "/resource_providers/" + "f" * 5000, "/traits/%00", "/traits/x",
                 "/resource_classes/%FF", "/resource_classes/" + "X" * 300, f"/resource_providers/{provider}/inventories/%FF",
                 "/allocations/x/y", "/resource_providers/../../etc"):
        assert call("GET", path).status_code in (400, 404), path
    for path in ("/traits/lower", "/traits/CUSTOM_" + "X" * 300, "/traits/HW_CPU_X86_AVX_NOT", "/resource_classes/VCPU_NOT", "/allocations/x"):
        answer = call("PUT", path, data=b"{}", headers=JSON)
        assert answer.status_code in (400, 404), f"{path}: {answer.status_code}"


def test_heads(call):
    """What is wrong is said before anything is read."""
    body = json.dumps({"name": "n"})
    assert call("POST", "/resource_providers", data=body, headers={"Content-Type": "text/plain"}).status_code == 415
    assert call("POST", "/resource_providers", version="1.99", data=body, headers=JSON).status_code == 406
    assert call("POST", "/resource_providers", version="x", data=body, headers=JSON).status_code == 400
    answer = call("POST", "/resource_providers", data=b"[" * (17 << 20), headers=JSON)
    assert answer.status_code == 413 and "16777216" in answer.text
