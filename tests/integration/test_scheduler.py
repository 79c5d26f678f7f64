"""Where servers go: hints, groups, availability zones, aggregates and traits decide on real hosts, and the plan says who refused."""
import json

import pytest

from lib.clients import Http
from lib.servers import stock
from lib.wait import wait_for

NEWEST = "2.79"
HOSTS = ("sched-a", "sched-b")
FILTERS = "preset, AggregateInstanceExtraSpecsFilter, NumInstancesFilter, IoOpsFilter"


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    """sched-a is the bigger one."""
    zone = make_zone("sched", {"scheduler": {"filters": FILTERS, "max_io_ops_per_host": 100}})
    zone.bootstrap()
    zone.add_host(make_host(HOSTS[0]), vcpus=64, ram_mib=16384, disk_gib=200)
    zone.add_host(make_host(HOSTS[1]), vcpus=32, ram_mib=8192, disk_gib=100)
    return zone.start()


@pytest.fixture(scope="module")
def http(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def image(http, here):
    return stock(http, here)


@pytest.fixture
def ask(http, image):
    """ask(hints, **server) → the answer of a create; what was made is deleted at the end."""
    made = []

    def call(hints=None, flavor="1", **more):
        body = {"server": {"name": "s", "imageRef": image, "flavorRef": flavor, "networks": "none", **more}}
        if hints:
            body["os:scheduler_hints"] = hints
        answer = http.post("/servers", body, version=NEWEST)
        if answer.status_code == 202 and "server" in answer.json():
            made.append(answer.json()["server"]["id"])
        return answer

    yield call
    for server in made:
        assert http.delete(f"/servers/{server}").status_code in (204, 404)
    for server in made:
        wait_for(lambda s=server: http.get(f"/servers/{s}").status_code == 404, 60, f"server {server} to be gone")


@pytest.fixture
def placed(http, ask):
    """placed(…) → (id, host) of the settled server; host None: no valid host was found."""
    def call(hints=None, **more):
        answer = ask(hints, **more)
        assert answer.status_code == 202, answer.text
        server = answer.json()["server"]["id"]

        def look():
            shown = http.fetch(f"/servers/{server}", version=NEWEST)["server"]
            return shown if shown["status"] in ("ACTIVE", "ERROR") else None
        shown = wait_for(look, 60, f"server {server} to settle")
        if shown["status"] == "ERROR":
            assert "No valid host was found" in shown["fault"]["message"], shown["fault"]
        return server, shown["OS-EXT-SRV-ATTR:host"]
    return call


def group(http, policy, **rules):
    body = {"server_group": {"name": policy, "policy": policy, **({"rules": rules} if rules else {})}}
    return http.post("/os-server-groups", body, version=NEWEST).json()["server_group"]["id"]


def plan(http, body):
    """{host: row} of the plan for a body of POST /servers."""
    answer = http.post("/os-zones/plan", body)
    assert answer.status_code == 200, answer.text
    return {row["host"]: row for row in answer.json()["plan"]["hosts"]}


# --- groups
def test_anti_affinity_ends_with_the_hosts(http, placed):
    hints = {"group": group(http, "anti-affinity")}
    servers = [placed(hints) for _ in range(3)]
    assert sorted(host for _, host in servers[:2]) == list(HOSTS)
    assert servers[2][1] is None
    members = http.fetch(f"/os-server-groups/{hints['group']}")["server_group"]["members"]
    assert {server for server, _ in servers[:2]} <= set(members)


def test_anti_affinity_allows_as_many_as_its_rule(http, placed):
    hints = {"group": group(http, "anti-affinity", max_server_per_host=2)}
    hosts = [placed(hints)[1] for _ in range(5)]
    assert sorted(hosts[:4]) == [HOSTS[0]] * 2 + [HOSTS[1]] * 2 and hosts[4] is None


def test_simultaneous_creates_keep_apart(http, ask):
    hints = {"group": group(http, "anti-affinity")}
    answer = ask(hints, min_count=2, max_count=2, return_reservation_id=True)
    assert answer.status_code == 202, answer.text
    path = f"/servers?reservation_id={answer.json()['reservation_id']}"

    def look():
        rows = http.fetch(path)["servers"]
        return rows if len(rows) == 2 else None
    made = wait_for(look, 60, "both servers")
    hosts = {http.fetch(f"/servers/{row['id']}", version=NEWEST)["server"]["OS-EXT-SRV-ATTR:host"] for row in made}
    for row in made:
        assert http.delete(f"/servers/{row['id']}").status_code == 204
    for row in made:
        wait_for(lambda r=row: http.get(f"/servers/{r['id']}").status_code == 404, 60, "the delete")
    assert hosts == set(HOSTS)


def test_affinity_stays_on_one_host(http, placed):
    hints = {"group": group(http, "affinity")}
    first = placed(hints, availability_zone=f":{HOSTS[1]}")[1]
    assert [placed(hints)[1] for _ in range(3)] == [first] * 3 == [HOSTS[1]] * 3


def test_soft_affinity_gives_way(http, placed):
    hints = {"group": group(http, "soft-anti-affinity")}
    assert None not in [placed(hints)[1] for _ in range(3)]


def test_an_unknown_group_is_a_bad_request(ask):
    answer = ask({"group": "11111111-1111-4111-8111-111111111111"})
    assert answer.status_code == 400 and "could not be found" in answer.json()["badRequest"]["message"]


# --- hints
def test_same_and_different_host(placed):
    first, host = placed(availability_zone=f":{HOSTS[1]}")
    other = next(name for name in HOSTS if name != host)
    assert placed({"same_host": first})[1] == host
    assert placed({"same_host": [first]})[1] == host
    assert placed({"different_host": [first]})[1] == other
    second = placed({"different_host": first})[0]
    assert placed({"different_host": [first, second]})[1] is None
    assert placed({"same_host": "11111111-1111-4111-8111-111111111111"})[1] is None


def test_query(ask, placed):
    assert placed({"query": json.dumps(["<", "$total_usable_ram_mb", 10000])})[1] == HOSTS[1]
    assert placed({"query": json.dumps(["and", ["=", "$host", HOSTS[0]], ["not", [">", "$free_disk_mb", 10 ** 9]]])})[1] == HOSTS[0]
    assert placed({"query": json.dumps(["=", "$capabilities.arch", "none"])})[1] is None
    for bad in ("{", json.dumps(["near", 1]), json.dumps({"a": 1})):
        answer = ask({"query": bad})
        assert answer.status_code == 400 and "query" in answer.json()["badRequest"]["message"]


def test_a_network_of_hosts(placed):
    assert placed({"build_near_host_ip": "127.0.0.9", "cidr": "/24"})[1] in HOSTS
    assert placed({"build_near_host_ip": "192.0.2.1", "cidr": "/24"})[1] is None


# --- zones, aggregates, specs
@pytest.fixture
def aggregate(http):
    """aggregate(host, **metadata): in it until the test ends."""
    made = []

    def make(host, **metadata):
        created = http.post("/os-aggregates", {"aggregate": {"name": f"agg{len(made)}"}}).json()["aggregate"]["id"]
        made.append((created, host))
        assert http.post(f"/os-aggregates/{created}/action", {"add_host": {"host": host}}).status_code == 200
        assert http.post(f"/os-aggregates/{created}/action", {"set_metadata": {"metadata": metadata}}).status_code == 200
    yield make
    for created, host in made:
        assert http.post(f"/os-aggregates/{created}/action", {"remove_host": {"host": host}}).status_code == 200
        assert http.delete(f"/os-aggregates/{created}").status_code == 200


@pytest.fixture
def flavor(http):
    made = []

    def make(**specs):
        name = f"f{len(made)}"
        body = {"flavor": {"name": name, "id": name, "ram": 96, "disk": 1, "vcpus": 1}}
        assert http.post("/flavors", body).status_code == 200
        made.append(name)
        answer = http.post(f"/flavors/{name}/os-extra_specs", {"extra_specs": specs})
        assert answer.status_code == 200, answer.text
        return name
    yield make
    for name in made:
        assert http.delete(f"/flavors/{name}").status_code == 202


def test_availability_zone(aggregate, placed):
    aggregate(HOSTS[1], availability_zone="west")
    assert placed(availability_zone="west")[1] == HOSTS[1]
    assert placed(availability_zone="sched")[1] == HOSTS[0]


def test_tenant_isolation(http, aggregate, placed):
    aggregate(HOSTS[0], filter_tenant_id="0" * 32)
    assert placed()[1] == HOSTS[1]


def test_the_plan_says_who_refused(zone, http, image, aggregate, placed, here):
    aggregate(HOSTS[0], filter_tenant_id="0" * 32)
    body = {"server": {"name": "x", "flavorRef": "1", "imageRef": image}}
    rows = plan(http, body)
    assert rows[HOSTS[0]]["filter"] == "AggregateMultiTenancyIsolation" and rows[HOSTS[0]]["weight"] is None
    assert rows[HOSTS[1]]["filter"] is None and 0 < rows[HOSTS[1]]["weight"] <= 1
    assert {row["weigher"] for row in rows[HOSTS[1]]["weights"]} >= {"RAMWeigher", "CPUWeigher"}
    hints = {"group": group(http, "anti-affinity")}
    assert placed(hints)[1] == HOSTS[1]
    rows = plan(http, {**body, "os:scheduler_hints": hints})
    assert rows[HOSTS[1]]["filter"] == "ServerGroupAntiAffinityFilter" and "group" in rows[HOSTS[1]]["reason"]
    assert {row["filter"] for row in plan(http, {**body, "project": "0" * 32}).values()} == {None}
    assert http.get("/os-zones/plan?flavor=1").json()["plan"]["claim"] == {"VCPU": 1, "MEMORY_MB": 96, "DISK_GB": 1}
    for bad in ({"server": {}}, {"server": {"flavorRef": "none"}}, {}):
        assert http.post("/os-zones/plan", bad).status_code == 400
    assert http.get("/os-zones/plan").status_code == 400
    file = here / "server.json"
    file.write_text(json.dumps(body))
    printed = zone.cli("zone", "plan", "-f", str(file))[1]
    assert "refused by AggregateMultiTenancyIsolation" in printed and "weight" in printed
    assert {row["host"] for row in zone.cli_json("zone", "plan", "--file", str(file))["hosts"]} == set(HOSTS)


def test_the_plan_knows_room_and_disabled_hosts(http, flavor):
    big = flavor(**{"resources:VCPU": "100000"})
    assert all(row["filter"] == "Placement" and "VCPU" in row["reason"] for row in plan(http, {"server": {"flavorRef": big}}).values())
    service = next(row["id"] for row in http.fetch("/os-services", version="2.53")["services"] if row["host"] == HOSTS[0])
    assert http.put(f"/os-services/{service}", {"status": "disabled", "disabled_reason": "rest"}, version=NEWEST).status_code == 200
    row = plan(http, {"server": {"flavorRef": "1"}})[HOSTS[0]]
    assert http.put(f"/os-services/{service}", {"status": "enabled"}, version=NEWEST).status_code == 200
    assert row["filter"] == "ComputeFilter" and "rest" in row["reason"]


def test_capacity_says_how_many_more(zone):
    rows = {row["zone"]: row for row in zone.cli_json("zone", "capacity", "--flavor", "1")}
    assert rows["."]["fits_at_most"] == min((16384 + 8192) // 96, 300)
    assert rows["."]["availability_zones"]["sched"]["hosts"] == 2
    assert "more" in zone.cli("zone", "capacity", "--flavor", "1")[1] and "sched: 2 hosts" in zone.cli("zone", "capacity")[1]


def test_aggregate_extra_specs_and_load(aggregate, flavor, placed):
    aggregate(HOSTS[1], ssd="true, nvme", max_instances_per_host="1")
    name = flavor(**{"aggregate_instance_extra_specs:ssd": "nvme"})
    assert [placed(flavor=name)[1] for _ in range(2)] == [HOSTS[1], None]


def test_capabilities(flavor, placed):
    assert placed(flavor=flavor(**{"capabilities:vcpus": "<= 40"}))[1] == HOSTS[1]
    assert placed(flavor=flavor(**{"capabilities:nothing": "x"}))[1] is None


def test_traits_and_resources(http, flavor, placed):
    hosts = {row["name"]: row for row in http.fetch("/placement/resource_providers", headers={
        "OpenStack-API-Version": "placement 1.39"})["resource_providers"]}
    headers = {"OpenStack-API-Version": "placement 1.39"}
    host = hosts[HOSTS[1]]

    def put(path, body):
        answer = http.put(f"/placement{path}", body, headers=headers)
        assert answer.status_code in (200, 201, 204), answer.text
        return answer

    put("/traits/CUSTOM_GOLD", None)
    put("/resource_classes/CUSTOM_CARD", None)
    generation = http.fetch(f"/placement/resource_providers/{host['uuid']}", headers=headers)["generation"]
    done = put(f"/resource_providers/{host['uuid']}/traits",
               {"traits": ["CUSTOM_GOLD"], "resource_provider_generation": generation}).json()
    answer = http.post(f"/placement/resource_providers/{host['uuid']}/inventories", headers=headers, json={
        "resource_class": "CUSTOM_CARD", "total": 3, "resource_provider_generation": done["resource_provider_generation"]})
    assert answer.status_code == 201, answer.text
    assert placed(flavor=flavor(**{"trait:CUSTOM_GOLD": "required"}))[1] == HOSTS[1]
    assert placed(flavor=flavor(**{"trait:CUSTOM_GOLD": "forbidden"}))[1] == HOSTS[0]
    two_cards = flavor(**{"resources:CUSTOM_CARD": "2"})
    server, where = placed(flavor=two_cards)
    assert where == HOSTS[1]
    held = http.fetch(f"/placement/allocations/{server}", headers=headers)["allocations"][host["uuid"]]["resources"]
    assert held == {"VCPU": 1, "MEMORY_MB": 96, "DISK_GB": 1, "CUSTOM_CARD": 2}
    assert placed(flavor=two_cards)[1] is None
    assert placed(flavor=flavor(**{"trait:CUSTOM_UNHEARD_OF": "required"}))[1] is None


def test_bad_extra_specs_are_named(ask, flavor):
    answer = ask(flavor=flavor(**{"trait:CUSTOM_X": "perhaps"}))
    assert answer.status_code == 400 and "trait:CUSTOM_X" in answer.json()["badRequest"]["message"]
