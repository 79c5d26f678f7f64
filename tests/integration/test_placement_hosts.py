"""What a zone tells Placement of its hosts: traits that follow the service, aggregates that follow the host aggregates, an admin's own
labels that stay."""
import uuid

import pytest
import requests

from lib.clients import Http

NEWEST = "1.39"
QUERY = "/allocation_candidates?resources=VCPU:1"


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    zone = make_zone("labels")
    zone.bootstrap()
    zone.hosts = [make_host(f"labels-h{number}") for number in range(2)]
    for host in zone.hosts:
        zone.add_host(host, vcpus=8, ram_mib=4096, disk_gib=100)
    return zone.start()


@pytest.fixture(scope="module")
def http(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def placement(zone, http):
    def call(method, path, **arguments):
        headers = {"X-Auth-Token": http.token, "OpenStack-API-Version": f"placement {NEWEST}"}
        return requests.request(method, f"{zone.url}/placement{path}", headers=headers, timeout=60, **arguments)
    return call


@pytest.fixture(scope="module")
def providers(zone, placement):
    rows = placement("GET", "/resource_providers").json()["resource_providers"]
    return {row["name"]: row["uuid"] for row in rows}


def traits(placement, provider):
    return set(placement("GET", f"/resource_providers/{provider}/traits").json()["traits"])


def candidates(placement, more=""):
    return set(placement("GET", QUERY + more).json()["provider_summaries"])


def service(http, host, **change):
    headers = {"X-OpenStack-Nova-API-Version": "2.53"}
    rows = http.get("/os-services", headers=headers).json()["services"]
    found = next(row["id"] for row in rows if row["host"] == host and row["binary"] == "nova-compute")
    answer = http.put(f"/os-services/{found}", change, headers=headers)
    assert answer.status_code == 200, answer.text


def test_reported_traits(zone, placement, providers):
    for host in zone.hosts:
        assert {"COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_QCOW2"} <= traits(placement, providers[host.name])
        assert "COMPUTE_STATUS_DISABLED" not in traits(placement, providers[host.name])


def test_a_disabled_service_is_forbidden_at_once(zone, http, placement, providers):
    one, two = (providers[host.name] for host in zone.hosts)
    assert candidates(placement, "&required=!COMPUTE_STATUS_DISABLED") == {one, two}
    service(http, zone.hosts[0].name, status="disabled", disabled_reason="repair")
    assert "COMPUTE_STATUS_DISABLED" in traits(placement, one)
    assert candidates(placement, "&required=!COMPUTE_STATUS_DISABLED") == {two}
    zone.cli("host", "report", "--direct")  # a report does not take it away
    assert "COMPUTE_STATUS_DISABLED" in traits(placement, one)
    service(http, zone.hosts[0].name, status="enabled")
    assert candidates(placement, "&required=!COMPUTE_STATUS_DISABLED") == {one, two}


def test_an_admins_traits_stay(zone, http, placement, providers):
    one = providers[zone.hosts[0].name]
    assert placement("PUT", "/traits/CUSTOM_GOLD").status_code == 201
    body = placement("GET", f"/resource_providers/{one}/traits").json()
    body["traits"] = ["CUSTOM_GOLD", "HW_NIC_MULTIQUEUE", "COMPUTE_NODE"]
    assert placement("PUT", f"/resource_providers/{one}/traits", json=body).status_code == 200
    zone.cli("host", "report", "--direct", zone.hosts[0].name)
    assert {"CUSTOM_GOLD", "HW_NIC_MULTIQUEUE", "COMPUTE_IMAGE_TYPE_RAW"} <= traits(placement, one)
    service(http, zone.hosts[0].name, status="disabled")
    service(http, zone.hosts[0].name, status="enabled")
    assert {"CUSTOM_GOLD", "HW_NIC_MULTIQUEUE"} <= traits(placement, one)


def test_host_aggregates_are_mirrored(zone, http, placement, providers):
    one, two = (providers[host.name] for host in zone.hosts)
    headers = {"X-OpenStack-Nova-API-Version": "2.41"}
    made = http.post("/os-aggregates", {"aggregate": {"name": "gold", "availability_zone": None}}, headers=headers).json()["aggregate"]
    path = f"/os-aggregates/{made['id']}"
    member = f"&member_of={made['uuid']}"
    assert candidates(placement, member) == set()
    for host in zone.hosts:
        assert http.post(f"{path}/action", {"add_host": {"host": host.name}}).status_code == 200
    assert candidates(placement, member) == {one, two}
    admins = str(uuid.uuid4())
    body = placement("GET", f"/resource_providers/{one}/aggregates").json()
    body["aggregates"].append(admins)
    assert placement("PUT", f"/resource_providers/{one}/aggregates", json=body).status_code == 200
    assert http.post(f"{path}/action", {"remove_host": {"host": zone.hosts[0].name}}).status_code == 200
    assert placement("GET", f"/resource_providers/{one}/aggregates").json()["aggregates"] == [admins]
    zone.cli("host", "report", "--direct")
    assert candidates(placement, member) == {two} and candidates(placement, f"&member_of={admins}") == {one}
    assert http.post(f"{path}/action", {"remove_host": {"host": zone.hosts[1].name}}).status_code == 200
    assert candidates(placement, member) == set()
