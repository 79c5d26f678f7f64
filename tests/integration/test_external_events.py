"""POST /os-server-external-events: what other services tell of servers, here, through a parent, and of servers of several zones at once."""
import pytest

from lib.clients import Http
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

EVENTS = "/os-server-external-events"
NOBODY = "11111111-2222-3333-4444-555555555555"
CAPACITY = {"vcpus": 8, "ram_mib": 4096, "disk_gib": 40}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"children": {"east": {"hosts": 1, "children": {"low": {"hosts": 1}}}, "west": {"hosts": 1}}}}, capacity=CAPACITY,
                     settings={"compute": {"networks": "*"}})


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


def build(root, image, zone):
    made = root.post("/servers", {"server": {"name": f"of-{zone}", "imageRef": image, "flavorRef": FLAVOR, "availability_zone": zone}})
    assert made.status_code == 202, made.text
    server = made.json()["server"]["id"]
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the build")
    return server


@pytest.fixture(scope="module")
def image(root, here):
    return stock(root, here)


@pytest.fixture(scope="module")
def servers(root, image):
    wait_for(lambda: root.fetch("/os-networks")["networks"], 60, "the networks below")
    return {zone: build(root, image, zone) for zone in ("east", "low", "west")}


@pytest.fixture(scope="module")
def homeless(root, image):
    """A server without host."""
    flavor = root.post("/flavors", {"flavor": {"name": "huge", "ram": 1 << 20, "vcpus": 999, "disk": 1}}).json()["flavor"]["id"]
    made = root.post("/servers", {"server": {"name": "homeless", "imageRef": image, "flavorRef": flavor}})
    assert made.status_code == 202, made.text
    server = made.json()["server"]["id"]
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ERROR", 60, "the failure")
    return server


def event(server, name="network-changed", **more):
    return {"server_uuid": server, "name": name, **more}


def send(http, *events, version="2.93", **arguments):
    return http.post(EVENTS, {"events": list(events)}, version=version, **arguments)


def codes(answer):
    return [row["code"] for row in answer.json()["events"]]


@pytest.mark.parametrize("zone", ["root", "low"])
def test_news_are_taken(tree, servers, zone):
    answer = send(tree.http(zone), event(servers["low"], status="in-progress"), event(servers["low"], "network-vif-plugged", tag="port"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"events": [{"server_uuid": servers["low"], "name": "network-changed", "status": "completed", "code": 200},
                                        {"server_uuid": servers["low"], "name": "network-vif-plugged", "tag": "port", "status": "completed",
                                         "code": 200}]}


def test_servers_of_several_zones(root, servers, homeless):
    rows = [event(servers["west"]), event(NOBODY), event(servers["low"]), event(homeless), event(servers["west"], "volume-extended"),
            event(servers["east"], "volume-extended", tag="volume"), event(servers["east"])]
    answer = send(root, *rows)
    assert answer.status_code == 207 and codes(answer) == [200, 404, 200, 422, 400, 422, 200], answer.text
    assert [(row["server_uuid"], row["name"]) for row in answer.json()["events"]] == [(row["server_uuid"], row["name"]) for row in rows]
    assert [row["status"] for row in answer.json()["events"]] == ["completed" if code == 200 else "failed" for code in codes(answer)]


def test_a_server_that_its_zone_does_not_know(root, servers):
    ghost = NOBODY[:-6] + servers["low"][-6:]
    assert codes(send(root, event(ghost), event(servers["low"]))) == [404, 200]
    assert send(root, event(ghost)).status_code == 404


def test_none_that_can_be_told(root, servers, homeless):
    for rows in ([event(NOBODY)], [event(homeless)], [event(servers["low"], "accelerator-request-bound", tag="x")], [event(servers["low"], "power-update")]):
        answer = send(root, *rows)
        assert answer.status_code == 404 and answer.json()["itemNotFound"]["message"] == "No instances found for any event"


@pytest.mark.parametrize("zone", ["root", "east"])
def test_power(tree, servers, zone):
    http = tree.http(zone)
    server = servers["low"]
    for tag, status, action in (("POWER_OFF", "SHUTOFF", "stop"), ("POWER_ON", "ACTIVE", "start")):
        answer = send(http, event(server, "power-update", tag=tag))
        assert answer.status_code == 200, answer.text
        wait_for(lambda wanted=status: http.fetch(f"/servers/{server}")["server"]["status"] == wanted, 60, status)
        assert http.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"][0]["action"] == action
        actions = len(http.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"])
        assert send(http, event(server, "power-update", tag=tag)).status_code == 200  # it is so already
        assert len(http.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"]) == actions


def test_power_that_cannot_be(root, servers):
    server = servers["west"]
    assert root.post(f"/servers/{server}/action", {"pause": None}).status_code == 202
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "PAUSED", 60, "the pause")
    answer = send(root, event(server), event(server, "power-update", tag="POWER_ON"), event(server, "power-update", tag="ON"))
    assert (answer.status_code, codes(answer)) == (207, [200, 422, 400]), answer.text
    assert root.fetch(f"/servers/{server}")["server"]["status"] == "PAUSED"
    assert root.post(f"/servers/{server}/action", {"unpause": None}).status_code == 202
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the end of the pause")


def test_a_port_that_is_deleted(root, servers):
    server = servers["west"]
    port, = [row["port_id"] for row in root.fetch(f"/servers/{server}/os-interface")["interfaceAttachments"]]
    assert codes(send(root, event(server), event(server, "network-vif-deleted", tag=port))) == [200, 501]  # no hot plug by this driver
    assert len(root.fetch(f"/servers/{server}/os-interface")["interfaceAttachments"]) == 1
    assert send(root, event(server, "power-update", tag="POWER_OFF")).status_code == 200
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "SHUTOFF", 60, "the stop")
    for tag in (port, port, NOBODY):  # the second time it is gone already
        told = send(root, event(server, "network-vif-deleted", tag=tag))
        assert told.status_code == 200, told.text
        assert root.fetch(f"/servers/{server}/os-interface")["interfaceAttachments"] == []


def test_what_may_not_go_up(tree, servers):
    answer = send(tree.http("west"), event(servers["west"]), event(servers["low"]))
    assert (answer.status_code, codes(answer)) == (207, [200, 422]), answer.text


@pytest.mark.parametrize("name, since", [("network-vif-deleted", 1), ("volume-extended", 51), ("power-update", 76), ("accelerator-request-bound", 82),
                                         ("volume-reimaged", 93)])
def test_names_by_version(root, servers, name, since):
    rows = [event(servers["west"]), event(servers["west"], name, tag=NOBODY)]
    assert send(root, *rows, version=f"2.{since}").status_code in (200, 207)
    if since > 1:
        assert send(root, *rows, version=f"2.{since - 1}").status_code == 400


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": [{}]}, {"events": [event("x")]}, {"events": [event(NOBODY, "other")]},
                                  {"events": [event(NOBODY, status="done")]}, {"events": [event(NOBODY, tag="x" * 256)]},
                                  {"events": [event(NOBODY, code=200)]}, {"events": [event(NOBODY)], "more": 1}])
def test_bad_events(root, body):
    assert root.post(EVENTS, body, version="2.93").status_code == 400


def test_for_admins_and_services(tree, root, servers):
    project = root.post("/identity/v3/projects", {"project": {"name": "telling"}}).json()["project"]["id"]
    roles = {role["name"]: role["id"] for role in root.fetch("/identity/v3/roles")["roles"]}
    service = roles.get("service") or root.post("/identity/v3/roles", {"role": {"name": "service"}}).json()["role"]["id"]
    for name, role, status in (("teller", service, 200), ("stranger", roles["member"], 403)):
        user = root.post("/identity/v3/users", {"user": {"name": name, "password": "secret"}}).json()["user"]["id"]
        assert root.put(f"/identity/v3/projects/{project}/users/{user}/roles/{role}").status_code == 204
        http = Http(tree["root"], username=name, password="secret", project="telling")
        answer = send(http, event(servers["low"]), event(servers["west"]))
        assert answer.status_code == status, answer.text


def test_a_repeat_is_told_once(root, servers):
    rows = [event(servers["low"]), event(servers["west"])]
    first = send(root, *rows, headers={"Idempotency-Key": "told"})
    again = send(root, *rows, headers={"Idempotency-Key": "told"})
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert again.headers["X-Idempotent-Replay"] == "true"


def test_zones_that_are_silent(tree, root, servers):
    tree["west"].stop()
    try:
        answer = send(root, event(servers["low"]), event(servers["west"]))
        assert answer.status_code == 207 and codes(answer)[0] == 200 and codes(answer)[1] in (502, 503, 504), answer.text
        assert "west" in answer.headers["X-Zone-Missing"]
        assert send(root, event(servers["west"])).status_code == 207
    finally:
        tree["west"].start()
