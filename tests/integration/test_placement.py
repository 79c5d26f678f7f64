"""Placement: osc-placement through the zone's own identity, the command line on the database alone, bad input over the socket."""
import json
import uuid

import pytest
import requests

from lib.clients import CommandLine, Http
from lib.process import run

NEWEST = "1.39"
INVENTORY = {"total": 16, "reserved": 0, "min_unit": 1, "max_unit": 16, "step_size": 1, "allocation_ratio": 2.0}


@pytest.fixture(scope="module")
def zone(make_zone):
    zone = make_zone("placement")
    zone.bootstrap()
    return zone.start()


@pytest.fixture(scope="module")
def osc(zone):
    """The openstack command at Placement's newest version."""
    line = CommandLine(zone)

    def run(*words, version=NEWEST, parse=True):
        words = ("--os-placement-api-version", version, *words)
        return line.json(*words) if parse else line.run(*words)

    return run


class Placement:
    """Plain requests with the admin's token."""

    def __init__(self, zone):
        self.url = f"{zone.url}/placement"
        self.token = Http(zone).token

    def call(self, method, path, version=NEWEST, **arguments):
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": f"placement {version}", **arguments.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=60, **arguments)


@pytest.fixture(scope="module")
def placement(zone):
    return Placement(zone)


@pytest.fixture
def provider(placement):
    """A provider of this test, with VCPU and MEMORY_MB."""
    name = f"p-{uuid.uuid4()}"
    made = placement.call("POST", "/resource_providers", json={"name": name}).json()
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": INVENTORY, "MEMORY_MB": {"total": 4096}}}
    assert placement.call("PUT", f"/resource_providers/{made['uuid']}/inventories", json=body).status_code == 200
    return made["uuid"]


# --- the unmodified command
def test_osc_providers(osc):
    made = osc("resource", "provider", "create", "osc-root")
    child = osc("resource", "provider", "create", "osc-child", "--parent-provider", made["uuid"])
    assert child["parent_provider_uuid"] == made["uuid"] and child["root_provider_uuid"] == made["uuid"]
    assert {row["name"] for row in osc("resource", "provider", "list", "--in-tree", child["uuid"])} == {"osc-root", "osc-child"}
    assert osc("resource", "provider", "set", child["uuid"], "--name", "osc-renamed")["name"] == "osc-renamed"
    assert osc("resource", "provider", "show", child["uuid"])["name"] == "osc-renamed"
    osc("resource", "provider", "delete", child["uuid"], parse=False)
    osc("resource", "provider", "delete", made["uuid"], parse=False)
    assert "osc-root" not in {row["name"] for row in osc("resource", "provider", "list")}


def test_osc_inventories(osc):
    provider = osc("resource", "provider", "create", "osc-inventory")["uuid"]
    osc("resource", "provider", "inventory", "set", provider, "--resource", "VCPU=8", "--resource", "VCPU:allocation_ratio=4",
        "--resource", "MEMORY_MB=2048")
    rows = {row["resource_class"]: row for row in osc("resource", "provider", "inventory", "list", provider)}
    assert float(rows["VCPU"]["allocation_ratio"]) == 4.0 and rows["MEMORY_MB"]["total"] == 2048
    osc("resource", "provider", "inventory", "class", "set", provider, "VCPU", "--total", "10")
    assert osc("resource", "provider", "inventory", "show", provider, "VCPU")["total"] == 10
    osc("resource", "provider", "inventory", "delete", provider, "--resource-class", "MEMORY_MB", parse=False)
    assert [row["resource_class"] for row in osc("resource", "provider", "inventory", "list", provider)] == ["VCPU"]


def test_osc_classes_traits_aggregates(osc):
    osc("resource", "class", "create", "CUSTOM_OSC", parse=False)
    assert "CUSTOM_OSC" in {row["name"] for row in osc("resource", "class", "list")}
    osc("resource", "class", "delete", "CUSTOM_OSC", parse=False)
    osc("trait", "create", "CUSTOM_OSC_TRAIT", parse=False)
    assert "HW_CPU_X86_AVX" in {row["name"] for row in osc("trait", "list")}
    provider = osc("resource", "provider", "create", "osc-traits")
    rows = osc("resource", "provider", "trait", "set", provider["uuid"], "--trait", "CUSTOM_OSC_TRAIT", "--trait", "HW_CPU_X86_AVX")
    assert {row["name"] for row in rows} == {"CUSTOM_OSC_TRAIT", "HW_CPU_X86_AVX"}
    generation = osc("resource", "provider", "show", provider["uuid"])["generation"]
    aggregate = str(uuid.uuid4())
    osc("resource", "provider", "aggregate", "set", provider["uuid"], "--aggregate", aggregate, "--generation", str(generation), parse=False)
    assert [row["uuid"] for row in osc("resource", "provider", "aggregate", "list", provider["uuid"])] == [aggregate]
    osc("resource", "provider", "trait", "delete", provider["uuid"], parse=False)
    osc("trait", "delete", "CUSTOM_OSC_TRAIT", parse=False)


def test_osc_allocations_candidates_usages(osc, provider):
    consumer, project, user = (str(uuid.uuid4()) for _ in range(3))
    rows = osc("allocation", "candidate", "list", "--resource", "VCPU=2", "--resource", "MEMORY_MB=512")
    assert provider in {row["resource provider"] for row in rows}
    osc("resource", "provider", "allocation", "set", consumer, "--allocation", f"rp={provider},VCPU=2,MEMORY_MB=512",
        "--project-id", project, "--user-id", user, "--consumer-type", "INSTANCE")
    rows = osc("resource", "provider", "allocation", "show", consumer)
    assert rows[0]["resource_provider"] == provider and rows[0]["project_id"] == project
    usage = {row["resource_class"]: row["usage"] for row in osc("resource", "provider", "usage", "show", provider)}
    assert usage == {"VCPU": 2, "MEMORY_MB": 512}
    total = {row["resource_class"]: row["usage"] for row in osc("resource", "usage", "show", project, version="1.9")}
    assert total == {"VCPU": 2, "MEMORY_MB": 512}
    osc("resource", "provider", "allocation", "delete", consumer, parse=False)
    assert osc("resource", "provider", "allocation", "show", consumer) == []


# --- policy and catalog
def test_catalog_and_policy(zone, placement):
    http = Http(zone)
    catalog = {entry["type"]: entry for entry in http.body["catalog"]}
    assert {endpoint["url"] for endpoint in catalog["placement"]["endpoints"]} == {f"{zone.url}/placement"}
    assert requests.get(f"{zone.url}/placement", timeout=10).json()["versions"][0]["max_version"] == NEWEST
    assert requests.get(f"{zone.url}/placement/resource_providers", timeout=10).status_code == 401
    answer = requests.get(f"{zone.url}/placement/resource_providers", headers={"X-Auth-Token": "admin"}, timeout=10)
    assert answer.status_code == 401  # noauth2 is off
    assert placement.call("GET", "/resource_providers").status_code == 200


def test_links_have_the_mount(placement, provider):
    body = placement.call("GET", f"/resource_providers/{provider}").json()
    assert {link["href"] for link in body["links"]} > {f"/placement/resource_providers/{provider}"}


def test_noauth2_is_for_loopback(make_zone):
    zone = make_zone("open", {"placement": {"auth_strategy": "noauth2", "listen": "0.0.0.0:0"}})
    status, _, error = zone.cli("serve", check=False)
    assert status == 1 and "noauth2" in error and "0.0.0.0:0" in error


# --- bad input
BAD_BODIES = [
    ("POST", "/resource_providers", b'{"name": "x", "name": "y"}', "Malformed JSON"),
    ("POST", "/resource_providers", b'{"name": "\xff\xfe"}', "Malformed JSON"),
    ("POST", "/resource_providers", b'{"name": "x"', "Malformed JSON"),
    ("POST", "/resource_providers", b"[" * 100000, "Malformed JSON"),
    ("POST", "/resource_providers", b"[]", "is not of type 'object'"),
    ("POST", "/resource_providers", b'{"name": 7}', "instance['name']"),
    ("POST", "/resource_providers", b'{"name": "x", "uuid": "y"}', "instance['uuid']"),
    ("POST", "/resource_providers", b'{"name": "x", "extra": 1}', "'extra' was unexpected"),
    ("POST", "/resource_providers", json.dumps({"name": "x" * 201}).encode(), "instance['name']"),
    ("PUT", "/resource_providers/{rp}/inventories", b'{"inventories": {}}', "'resource_provider_generation' is a required property"),
    ("PUT", "/resource_providers/{rp}/inventories/VCPU", b'{"total": -1, "resource_provider_generation": 1}', "instance['total']"),
    ("PUT", "/resource_providers/{rp}/inventories/VCPU", b'{"total": 2147483648, "resource_provider_generation": 1}', "instance['total']"),
    ("PUT", "/resource_providers/{rp}/inventories/VCPU", b'{"total": 99999999999999999999, "resource_provider_generation": 1}', "Malformed"),
    ("PUT", "/resource_providers/{rp}/inventories/VCPU", b'{"total": 1, "resource_provider_generation": 1, "allocation_ratio": 1e39}',
     "instance['allocation_ratio']"),
    ("PUT", "/resource_providers/{rp}/traits", b'{"traits": ["A", 1], "resource_provider_generation": 1}', "instance['traits'][1]"),
    ("PUT", "/resource_providers/{rp}/aggregates", b'{"aggregates": ["x"], "resource_provider_generation": 1}', "instance['aggregates'][0]"),
    ("PUT", "/allocations/not-a-uuid", b"{}", "Malformed consumer_uuid"),
    ("PUT", "/allocations/" + "0" * 32, b'{"allocations": {}, "project_id": "", "user_id": "u", "consumer_generation": null,'
     b' "consumer_type": "X"}', "instance['project_id']"),
    ("POST", "/allocations", b"{}", "does not have enough properties"),
    ("POST", "/reshaper", b'{"inventories": {}, "allocations": {}}', "instance['inventories']"),
]


@pytest.mark.parametrize("row", range(len(BAD_BODIES)))
def test_bad_bodies(placement, provider, row):
    method, path, body, words = BAD_BODIES[row]
    answer = placement.call(method, path.format(rp=provider), data=body, headers={"Content-Type": "application/json"})
    error = answer.json()["errors"][0]
    assert answer.status_code == 400 and words in error["detail"], answer.text
    assert error["code"] == "placement.undefined_code" and error["request_id"] == answer.headers["x-openstack-request-id"]


def test_large_bodies(placement, provider):
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"name": "x", "junk": "y" * (10 << 20)}).encode()
    assert placement.call("POST", "/resource_providers", data=body, headers=headers).status_code == 400
    answer = placement.call("POST", "/resource_providers", data=b"x" * (20 << 20), headers=headers)
    assert answer.status_code == 413 and "16777216 bytes" in answer.json()["errors"][0]["detail"]
    traits = [f"CUSTOM_{number}" for number in range(100000)]
    answer = placement.call("PUT", f"/resource_providers/{provider}/traits", json={"traits": traits, "resource_provider_generation": 1})
    assert answer.status_code == 400 and "instance['traits']" in answer.json()["errors"][0]["detail"]
    inventories = {f"CUSTOM_{number}": {"total": 1} for number in range(100000)}
    answer = placement.call("PUT", f"/resource_providers/{provider}/inventories",
                            json={"inventories": inventories, "resource_provider_generation": 1})
    assert answer.status_code == 400 and "No such resource class" in answer.json()["errors"][0]["detail"]


BAD_QUERIES = ["resources=VCPU:-1", "resources=VCPU:99999999999999999999999", "resources=VCPU:9223372036854775807&required=,,,",
               "resources=%FF%FE:1", "resources=" + "VCPU:1," * 1000, "resources=VCPU:1&limit=0", "resources=VCPU:1&limit=-1",
               "resources=VCPU:1&limit=1e3", "resources=VCPU:1&spam=eggs", "&".join(f"resources{n}=VCPU:1" for n in range(1, 80)),
               "resources=VCPU:1&member_of=" + "a" * 5000, "resources=NO_CLASS:1", "resources=VCPU:1&required=NO_TRAIT", "resources=VCPU%00:1"]


@pytest.mark.parametrize("row", range(len(BAD_QUERIES)))
def test_bad_queries(placement, row):
    answer = placement.call("GET", "/allocation_candidates?" + BAD_QUERIES[row])
    assert answer.status_code == 400 and answer.json()["errors"][0]["title"] == "Bad Request", answer.text


# --- on the database alone
def direct(zone, *words, check=True, stdin=None):
    status, out, error = zone.cli("placement", *words, check=check, stdin=stdin)
    return status, out, error


def test_direct_beside_a_running_zone(zone, placement):
    direct(zone, "PUT", "/traits/CUSTOM_DIRECT", "--microversion", NEWEST)
    assert placement.call("GET", "/traits/CUSTOM_DIRECT").status_code == 204
    _, out, _ = direct(zone, "GET", "/traits/CUSTOM_DIRECT", "--microversion", "1.6", "-i")
    assert out.startswith("HTTP/1.1 204 No Content\n") and "openstack-api-version: placement 1.6\n" in out.lower()
    assert placement.call("DELETE", "/traits/CUSTOM_DIRECT").status_code == 204
    assert direct(zone, "GET", "/traits/CUSTOM_DIRECT", "--microversion", "1.6", check=False)[0] == 3


def test_direct_while_no_zone_runs(zone, placement, provider, tmp_path):
    """A flat provider becomes a nested one, allocations intact; the same answer by command and over the socket."""
    consumer = str(uuid.uuid4())
    body = {"allocations": {provider: {"resources": {"VCPU": 3, "MEMORY_MB": 64}}}, "project_id": "p", "user_id": "u",
            "consumer_generation": None, "consumer_type": "INSTANCE"}
    assert placement.call("PUT", f"/allocations/{consumer}", json=body).status_code == 204
    over_socket = placement.call("GET", f"/allocations/{consumer}").json()
    zone.stop()
    assert json.loads(direct(zone, "GET", f"/allocations/{consumer}", "--microversion", NEWEST)[1]) == over_socket
    query = "/allocation_candidates?resources=VCPU:1"
    assert json.loads(direct(zone, "GET", query, "--microversion", NEWEST)[1])["allocation_requests"]
    child = json.loads(direct(zone, "POST", "/resource_providers", "--microversion", NEWEST, "--data", "-",
                              stdin=json.dumps({"name": f"numa-{consumer}", "parent_provider_uuid": provider}))[1])
    generation = json.loads(direct(zone, "GET", f"/resource_providers/{provider}")[1])["generation"]
    reshape = {
        "inventories": {
            provider: {"resource_provider_generation": generation, "inventories": {"MEMORY_MB": {"total": 4096}}},
            child["uuid"]: {"resource_provider_generation": 0, "inventories": {"VCPU": INVENTORY}}},
        "allocations": {consumer: {**body, "allocations": {provider: {"resources": {"MEMORY_MB": 64}},
                                                           child["uuid"]: {"resources": {"VCPU": 3}}},
                                   "consumer_generation": over_socket["consumer_generation"]}}}
    file = tmp_path / "reshape.json"
    file.write_text(json.dumps(reshape))
    direct(zone, "reshape", "--data", file)
    assert direct(zone, "reshape", "--data", file, check=False)[0] == 4  # the generations are gone
    zone.start()
    after = placement.call("GET", f"/allocations/{consumer}").json()["allocations"]
    assert {key: value["resources"] for key, value in after.items()} == {provider: {"MEMORY_MB": 64}, child["uuid"]: {"VCPU": 3}}


def test_direct_without_a_configuration(zone):
    command = [*zone.prefix, *zone.program("bare"), "placement", "GET", "/", "--database", zone.database]
    assert json.loads(run(command)[1])["versions"][0]["max_version"] == NEWEST


def test_hosts_are_reported_without_a_zone(make_host, make_zone):
    """Before the zone's first start: its hosts are in Placement, and a host that is gone is said to be."""
    zone = make_zone("report")
    host = make_host("report-h0")
    zone.upgrade()
    zone.cli("host", "add", host.name, host.uri, "--vcpus", "12", "--ram-mib", "2048", "--disk-gib", "100")
    assert zone.cli("host", "report", check=False)[0] == 1  # a running zone does it itself
    assert f"{host.name}: reported." in zone.cli("host", "report", "--direct")[1]
    found = json.loads(direct(zone, "GET", f"/resource_providers?name={host.name}")[1])["resource_providers"]
    inventories = json.loads(direct(zone, "GET", f"/resource_providers/{found[0]['uuid']}/inventories")[1])["inventories"]
    assert {name: row["total"] for name, row in inventories.items()} == {"VCPU": 12, "MEMORY_MB": 2048, "DISK_GB": 100}
    host.stop()
    status, out, _ = zone.cli("host", "report", "--direct", host.name, check=False)
    assert status == 1 and f"{host.name}: does not answer" in out
