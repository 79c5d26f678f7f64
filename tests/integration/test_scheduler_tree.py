"""Where servers go in a tree: sealed entries and their weights, offset and scale, spread over zones, full children, groups whose
servers several zones own, and plans that go down the tree."""
import base64
import collections
import json

import pytest

from lib.servers import stock
from lib.wait import wait_for

NEWEST = "2.79"
PLAN = {"root": {"settings": {"scheduler": {"zone_weight_multiplier": "10"}}, "children": {
    "east": {"hosts": 1, "children": {"east-1": {"hosts": 2}}}, "west": {"hosts": 2}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 8192, "disk_gib": 200}
SPEC = {"vcpus": 1, "ram_mib": 96, "disk_gib": 1, "availability_zone": None, "host": None}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY)


@pytest.fixture(scope="module")
def image(tree, here):
    return stock(tree.http("root"), here)


@pytest.fixture(scope="module")
def root(tree, image):
    http = tree.http("root")
    wait_for(lambda: all(row["availability_zones"] is not None for row in http.fetch("/os-zones/capacity")["capacity"]), 30,
             "summaries of both children")
    return http


@pytest.fixture
def create(root, image):
    """create(hints, …) → (id, host), or the answer that was no 202; all is deleted at the end."""
    made = []

    def call(hints=None, door=root, **more):
        body = {"server": {"name": "t", "imageRef": image, "flavorRef": "1", "networks": "none", **more}}
        if hints:
            body["os:scheduler_hints"] = hints
        answer = door.post("/servers", body, version=NEWEST)
        assert answer.status_code == 202, answer.text
        made.append(answer.json()["server"]["id"])

        def look():
            shown = root.fetch(f"/servers/{made[-1]}", version=NEWEST)["server"]
            return shown if shown["status"] in ("ACTIVE", "ERROR") else None
        return made[-1], wait_for(look, 60, f"server {made[-1]} to settle")["OS-EXT-SRV-ATTR:host"]
    yield call
    for server in made:
        assert root.delete(f"/servers/{server}").status_code == 204
    for server in made:
        wait_for(lambda s=server: root.get(f"/servers/{s}").status_code == 404, 60, f"server {server} to be gone")


def sizing(**more):
    return base64.b64encode(json.dumps({**SPEC, **more}).encode()).decode()


def select(http, **more):
    answer = http.post("/os-zones/select", {"sizing": sizing(), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["weights"]


def zone_of(host):
    return host.rsplit("-h", 1)[0]


def child(root, name):
    return next(row for row in root.fetch("/os-zones/detail")["zones"] if row["name"] == name)


def test_entries_are_sealed_tagged_and_ordered(tree, root):
    rows = select(root)
    tags = {name: tree.http(name).fetch("/os-zones/info")["zone"]["tag"] for name in ("east", "east-1", "west")}
    assert collections.Counter(row["tag"] for row in rows) == {tags["east"]: 1, tags["east-1"]: 2, tags["west"]: 2}
    weights = [row["weight"] for row in rows]
    assert weights == sorted(weights, reverse=True) and all(0 <= weight <= 1 for weight in weights)
    names = [host.name.encode() for hosts in tree.hosts.values() for host in hosts]
    opened = [base64.b64decode(row["blob"]) for row in rows]
    assert len(set(opened)) == 5 == len(names) and not any(name in blob for name in names for blob in opened)
    assert len(select(root, count=2)) == 2


def test_forged_and_foreign_entries_are_refused(tree, root):
    def build(http, blob):
        return http.post("/os-zones/servers", {"uuid": "11111111-1111-4111-8111-111111111111", "blob": blob, "sizing": sizing(),
                                               "reservation_id": "r-1234512345678", "server": {"name": "x"}, "embedded": {}})
    blob = select(tree.http("west"))[0]["blob"]
    assert build(root, blob).status_code == 400, "another zone's"
    turned = bytearray(base64.b64decode(blob))
    turned[-1] ^= 1
    assert build(tree.http("west"), base64.b64encode(turned).decode()).status_code == 400
    assert build(tree.http("west"), "bm90aGluZw==").status_code == 400
    other = tree.http("west").post("/os-zones/servers", {
        "uuid": "11111111-1111-4111-8111-111111111111", "blob": blob, "sizing": sizing(vcpus=2), "reservation_id": "r-1234512345678",
        "server": {"name": "x"}, "embedded": {}})
    assert other.status_code == 400, "for another sizing"


def test_52_and_64_offset_and_scale(tree, root):
    """A preferred child comes first whatever the others have; scale turns its own order round."""
    path = f"/os-zones/{child(root, 'west')['id']}"
    tag = tree.http("west").fetch("/os-zones/info")["zone"]["tag"]

    def west():
        return [row["weight"] for row in select(root) if row["tag"] == tag]
    before = west()
    assert root.put(path, {"zone": {"weight_offset": 100, "weight_scale": 2}}).status_code == 200
    rows = wait_for(lambda: [rows for rows in [select(root)] if rows[0]["weight"] > 50], 30, "the offset to count")[0]
    after = west()
    assert root.put(path, {"zone": {"weight_offset": 0, "weight_scale": 1}}).status_code == 200
    assert [row["tag"] for row in rows[:2]] == [tag, tag] and len(rows) == 5
    assert after == pytest.approx([100 + 2 * weight for weight in before], abs=0.01)


def test_servers_are_spread_over_zones(root, image):
    answer = root.post("/servers", {"server": {"name": "many", "imageRef": image, "flavorRef": "1", "networks": "none", "min_count": 2,
                                               "max_count": 2, "return_reservation_id": True}}, version=NEWEST)
    assert answer.status_code == 202, answer.text
    path = f"/servers/detail?reservation_id={answer.json()['reservation_id']}"
    rows = wait_for(lambda: [rows for rows in [root.fetch(path, version=NEWEST)["servers"]] if len(rows) == 2], 60, "both servers")[0]
    zones = {zone_of(row["OS-EXT-SRV-ATTR:host"]) for row in rows}
    for row in rows:
        assert root.delete(f"/servers/{row['id']}").status_code == 204
    for row in rows:
        wait_for(lambda r=row: root.get(f"/servers/{r['id']}").status_code == 404, 60, "the delete")
    assert "west" in zones and zones & {"east", "east-1"}, zones


def test_the_plan_goes_down_the_tree(root):
    plan = root.post("/os-zones/plan", {"server": {"flavorRef": "1", "availability_zone": "east-1"}}).json()["plan"]
    below = {row["zone"]: row for row in plan["zones"]}
    assert plan["zone"] == "root" and plan["hosts"] == [] and "no room" in below["west"]["skipped"]
    assert {row["filter"] for row in below["east"]["hosts"]} == {"AvailabilityZoneFilter"}
    (inner,) = below["east"]["zones"]
    assert inner["zone"] == "east-1" and {row["filter"] for row in inner["hosts"]} == {None} and len(inner["hosts"]) == 2


def test_children_without_a_wanted_trait_are_left_out(tree, root, create):
    west, headers = tree.http("west"), {"OpenStack-API-Version": "placement 1.39"}
    host = west.fetch("/placement/resource_providers", headers=headers)["resource_providers"][0]
    assert west.put("/placement/traits/CUSTOM_GOLD", headers=headers).status_code == 201
    answer = west.put(f"/placement/resource_providers/{host['uuid']}/traits", headers=headers, json={
        "traits": [*west.fetch(f"/placement/resource_providers/{host['uuid']}/traits", headers=headers)["traits"], "CUSTOM_GOLD"],
        "resource_provider_generation": host["generation"]})
    assert answer.status_code == 200, answer.text
    flavor = {"name": "gold", "ram": 96, "vcpus": 1, "disk": 1, "id": "gold"}
    assert root.post("/flavors", {"flavor": flavor}).status_code == 200
    assert root.post("/flavors/gold/os-extra_specs", {"extra_specs": {"trait:CUSTOM_GOLD": "required"}}).status_code == 200

    def plan():
        rows = root.post("/os-zones/plan", {"server": {"flavorRef": "gold"}}).json()["plan"]["zones"]
        return {row["zone"]: row for row in rows}
    below = wait_for(lambda: (lambda rows: rows if "skipped" not in rows["west"] else None)(plan()), 30, "west's summary to have the trait")
    assert "traits" in below["east"]["skipped"]
    assert create(flavorRef="gold")[1] == host["name"]
    capacity = root.fetch("/os-zones/info")["zone"]["capacity"]
    assert "CUSTOM_GOLD" in capacity["traits"]
    assert "CUSTOM_GOLD" not in tree.http("east").fetch("/os-zones/info")["zone"]["capacity"]["traits"]


def test_capacity_counts_what_is_below(root):
    rows = {row["zone"]: row for row in root.fetch("/os-zones/capacity?flavor=1")["capacity"]}
    assert rows["."]["fits_at_most"] == 0 and set(rows) == {".", "east", "west"}
    assert rows["east"]["fits_at_most"] == 8192 // 96 + 2 * 8192 // 96 >= rows["west"]["fits_at_most"] > 0
    assert set(rows["east"]["availability_zones"]) == {"east", "east-1"}


def test_a_group_whose_servers_several_zones_own(root, tree, create):
    def group(policy):
        return root.post("/os-server-groups", {"server_group": {"name": policy, "policy": policy}},
                         version=NEWEST).json()["server_group"]["id"]

    def members(uuid):
        return set(root.fetch(f"/os-server-groups/{uuid}")["server_group"]["members"])
    apart = group("anti-affinity")
    made = [create({"group": apart}) for _ in range(6)]
    hosts = [host for _, host in made if host]
    assert len(hosts) == 5 == len(set(hosts)), "five hosts in three zones, each once"
    assert {server for server, host in made if host} <= members(apart)
    together = group("affinity")
    first = create({"group": together}, availability_zone="west")
    assert zone_of(first[1]) == "west"
    assert [create({"group": together})[1] for _ in range(3)] == [first[1]] * 3, "where its first server is"
    assert create({"group": together}, door=tree.http("west"))[1] == first[1], "the group is asked for at its own zone"
    assert create({"same_host": first[0]})[1] == first[1]


def test_a_batch_belongs_to_its_group(root, image):
    uuid = root.post("/os-server-groups", {"server_group": {"name": "b", "policy": "anti-affinity"}},
                     version=NEWEST).json()["server_group"]["id"]
    answer = root.post("/servers", {"server": {"name": "many", "imageRef": image, "flavorRef": "1", "networks": "none", "min_count": 4,
                                               "max_count": 4, "return_reservation_id": True},
                                    "os:scheduler_hints": {"group": uuid}}, version=NEWEST)
    assert answer.status_code == 202, answer.text
    members = wait_for(lambda: [ids for ids in [root.fetch(f"/os-server-groups/{uuid}")["server_group"]["members"]] if len(ids) == 4],
                       60, "four members")[0]
    hosts = {root.fetch(f"/servers/{server}", version=NEWEST)["server"]["OS-EXT-SRV-ATTR:host"] for server in members}
    for server in members:
        assert root.delete(f"/servers/{server}").status_code == 204
    for server in members:
        wait_for(lambda s=server: root.get(f"/servers/{s}").status_code == 404, 60, "the delete")
    assert len(hosts) == 4
