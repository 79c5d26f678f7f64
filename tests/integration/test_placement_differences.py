"""Small print of Placement 8.0.0, each line seen at the real one: what is checked first, and whose generation a write raises."""
import itertools
import uuid

import pytest
import requests

from lib.clients import Http

NEWEST = "1.39"
INVENTORIES = {"VCPU": {"total": 8}, "MEMORY_MB": {"total": 100}}


@pytest.fixture(scope="module")
def call(make_zone):
    zone = make_zone("smallprint")
    zone.bootstrap()
    zone.start()
    token = Http(zone).token

    def call(method, path, version=NEWEST, **arguments):
        headers = {"X-Auth-Token": token, "OpenStack-API-Version": f"placement {version}"}
        return requests.request(method, f"{zone.url}/placement{path}", headers=headers, timeout=60, **arguments)
    return call


@pytest.fixture
def providers(call):
    """Two with inventories, one without."""
    made = [call("POST", "/resource_providers", json={"name": str(uuid.uuid4())}).json()["uuid"] for _ in range(3)]
    for provider in made[:2]:
        body = {"resource_provider_generation": 0, "inventories": INVENTORIES}
        assert call("PUT", f"/resource_providers/{provider}/inventories", json=body).status_code == 200
    return made


@pytest.fixture
def generations(call, providers):
    return lambda: [call("GET", f"/resource_providers/{provider}").json()["generation"] for provider in providers]


def claim(allocations, generation=None):
    return {"allocations": {provider: {"resources": resources} for provider, resources in allocations.items()}, "project_id": "p",
            "user_id": "u", "consumer_generation": generation, "consumer_type": "INSTANCE"}


def test_an_unknown_class_counts_before_room(call, providers):
    one, _, bare = providers
    path = f"/allocations/{uuid.uuid4()}"
    for resources in ({"DISK_GB": 1, "CUSTOM_NO": 1}, {"CUSTOM_NO": 1, "DISK_GB": 1}, {"VCPU": 99, "CUSTOM_NO": 1}):
        answer = call("PUT", path, json=claim({one: resources}))
        assert answer.status_code == 400 and "No such resource class CUSTOM_NO" in answer.text
    assert call("PUT", path, json=claim({bare: {"VCPU": 1}, one: {"CUSTOM_NO": 1}})).status_code == 400
    answer = call("PUT", path, json=claim({bare: {"VCPU": 1}}))
    assert answer.status_code == 409 and "Inventory for 'VCPU'" in answer.text


def test_a_write_raises_whom_it_names(call, providers, generations):
    one, two, _ = providers
    consumer, other = str(uuid.uuid4()), str(uuid.uuid4())
    path = f"/allocations/{consumer}"
    steps = [
        (lambda: call("PUT", path, json=claim({one: {"VCPU": 2}})), [2, 1, 0]),
        (lambda: call("PUT", path, json=claim({two: {"VCPU": 2}}, 1)), [2, 2, 0]),  # the one that is left is not told
        (lambda: call("PUT", path, json=claim({one: {"VCPU": 1}, two: {"VCPU": 2}}, 2)), [3, 3, 0]),
        (lambda: call("PUT", path, json=claim({}, 3)), [4, 4, 0]),  # all that it had
        (lambda: call("PUT", path, json=claim({one: {"VCPU": 2}})), [5, 4, 0]),
        (lambda: call("POST", "/allocations", json={consumer: claim({}, 1), other: claim({two: {"VCPU": 2}})}), [6, 5, 0]),
        (lambda: call("DELETE", f"/allocations/{other}"), [6, 5, 0]),
    ]
    for number, (step, expected) in enumerate(steps):
        assert step().status_code == 204
        assert generations() == expected, f"step {number}"


def test_capacity_counts_before_existence(call, providers):
    path = f"/resource_providers/{providers[0]}/inventories"
    bad, zero, good = ({"resource_class": "VCPU", "total": 1, "reserved": reserved} for reserved in (2, 1, 0))
    assert call("POST", path, json=bad).status_code == 400
    assert call("POST", path, "1.25", json=zero).status_code == 400
    assert call("POST", path, json=good).status_code == 409
    assert call("POST", path, json={**good, "resource_class": "CUSTOM_NO"}).status_code == 400


def test_the_reshaper_checks_in_its_order(call, providers, generations):
    one, two, bare = providers
    unknown, consumer = str(uuid.uuid4()), str(uuid.uuid4())

    def reshape(inventories, allocations=None):
        now = dict(zip(providers, generations()))
        body = {"inventories": {provider: {"resource_provider_generation": now.get(provider, 0), "inventories": rows}
                                for provider, rows in inventories.items()}, "allocations": allocations or {}}
        answer = call("POST", "/reshaper", json=body)
        return answer.status_code, answer.json()["errors"][0]["code"] if answer.content else None

    def told(provider, generation):
        body = {"inventories": {provider: {"resource_provider_generation": generation, "inventories": {}}}, "allocations": {}}
        return call("POST", "/reshaper", json=body).status_code

    assert reshape({unknown: {}}) == (400, "placement.resource_provider.not_found")
    assert told(one, 99) == 409
    assert reshape({one: {"CUSTOM_NO": {"total": 1}}}) == (400, "placement.undefined_code")
    assert reshape({one: INVENTORIES}, {consumer: claim({one: {"VCPU": 1}}, 5)}) == (409, "placement.concurrent_update")
    assert reshape({one: INVENTORIES}, {consumer: claim({one: {"DISK_GB": 1, "CUSTOM_NO": 1}})}) == (400, "placement.undefined_code")
    assert reshape({one: INVENTORIES}, {consumer: claim({one: {"VCPU": 100}})}) == (409, "placement.undefined_code")
    assert generations() == [1, 1, 0]
    assert reshape({bare: {"VCPU": {"total": 1, "reserved": 5}}}) == (204, None)  # only allocations are judged
    assert generations() == [1, 1, 2]
    assert reshape({one: INVENTORIES}, {consumer: claim({one: {"VCPU": 2}})}) == (204, None)
    assert generations() == [4, 1, 2]  # widened, given, narrowed
    assert reshape({one: {"MEMORY_MB": {"total": 5}}}) == (409, "placement.inventory.inuse")
    assert reshape({one: {}}) == (409, "placement.inventory.inuse")
    assert reshape({one: {"VCPU": {"total": 1}}}) == (204, None)  # over-commit is no error
    assert reshape({one: {}, two: INVENTORIES}, {consumer: claim({two: {"VCPU": 2}}, 1)}) == (204, None)
    assert call("GET", f"/allocations/{consumer}").json()["allocations"][two]["resources"] == {"VCPU": 2}


PATHS = {  # path: {method: first version}
    "/resource_providers": {"GET": 0, "POST": 0}, "/resource_providers/{id}": {"GET": 0, "PUT": 0, "DELETE": 0},
    "/resource_providers/{id}/inventories": {"GET": 0, "POST": 0, "PUT": 0, "DELETE": 5},
    "/resource_providers/{id}/traits": {"GET": 6, "PUT": 6, "DELETE": 6}, "/resource_classes": {"GET": 2, "POST": 2},
    "/traits": {"GET": 6}, "/traits/{id}": {"GET": 6, "PUT": 6, "DELETE": 6}, "/allocations": {"POST": 13},
    "/allocations/{id}": {"GET": 0, "PUT": 0, "DELETE": 0}, "/allocation_candidates": {"GET": 10}, "/usages": {"GET": 9},
    "/reshaper": {"POST": 30},
}


@pytest.mark.parametrize("path", PATHS)
def test_methods_and_versions(call, path):
    """A method that the path never has is 405 in any version, with all that it ever has; one that comes later is 404."""
    methods = PATHS[path]
    for method, version in itertools.product(("GET", "POST", "PUT", "DELETE", "PATCH"), (0, 4, 12, 29, 39)):
        answer = call(method, path.format(id=uuid.uuid4()), f"1.{version}")
        if method not in methods:
            assert answer.status_code == 405, f"{method} 1.{version}"
            assert {word.strip() for word in answer.headers["Allow"].split(",")} == set(methods)
        elif version < methods[method]:
            assert answer.status_code == (405 if path.endswith("/inventories") else 404), f"{method} 1.{version}"
        else:
            assert answer.status_code != 405


def test_parameters_that_are_repeated(call, providers):
    """The last counts, but of candidates' limit and group policy the first."""
    names = [call("GET", f"/resource_providers/{provider}").json()["name"] for provider in providers]

    def listed(query):
        return [row["uuid"] for row in call("GET", f"/resource_providers?{query}").json()["resource_providers"]]
    assert listed(f"name={names[0]}&name={names[1]}") == [providers[1]]
    assert listed(f"uuid={providers[2]}&uuid={providers[0]}") == [providers[0]]
    aggregate = str(uuid.uuid4())
    for provider in providers[:2]:
        body = {"aggregates": [aggregate], "resource_provider_generation": call("GET", f"/resource_providers/{provider}").json()["generation"]}
        assert call("PUT", f"/resource_providers/{provider}/aggregates", json=body).status_code == 200

    def candidates(query):
        answer = call("GET", f"/allocation_candidates?{query}")
        assert answer.status_code == 200, answer.text
        return len(answer.json()["allocation_requests"])
    both = f"resources=VCPU:1&member_of={aggregate}"
    assert [candidates(f"{both}{limits}") for limits in ("", "&limit=1&limit=2", "&limit=2&limit=1")] == [2, 1, 2]
    groups = f"resources1=VCPU:1&member_of1={aggregate}&resources2=MEMORY_MB:1&member_of2={aggregate}"
    none, isolate = (candidates(f"{groups}&group_policy={first}&group_policy={last}")
                     for first, last in (("none", "isolate"), ("isolate", "none")))
    assert (none, isolate) == (2, 0)
