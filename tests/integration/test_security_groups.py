"""Security groups: the API as Nova's proxies speak it, and what becomes of them on a host with packet filters (virsh is the judge)."""
import xml.etree.ElementTree as xml

import pytest

from lib import hosts
from lib.clients import Http
from lib.observe import assert_nothing_left, tasks
from lib.servers import FLAVOR, stock
from lib.wait import wait_for
from test_networks import built, give_network, refused

UNKNOWN = "11111111-2222-4333-8444-555555555555"
NETWORK = "<network><name>fenced</name><bridge name='virbr74'/><ip address='10.74.0.1' netmask='255.255.255.0'><dhcp><range start='10.74.0.10' end='10.74.0.90'/></dhcp></ip></network>"


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    zone = make_zone("fence", {"compute": {"networks": "fenced", "virt_type": "qemu"}})
    zone.bootstrap()
    zone.host = make_host("fence-h0", hosts.QemuHost)
    give_network(zone.host, NETWORK)
    zone.add_host(zone.host, vcpus=100, ram_mib=100_000, disk_gib=1000)
    yield zone.start()
    zone.host.virsh("net-destroy", "fenced", check=False)


@pytest.fixture(scope="module")
def http(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def image(http, here):
    return stock(http, here)


def make_group(http, name, description="for a test"):
    answer = http.post("/os-security-groups", {"security_group": {"name": name, "description": description}})
    assert answer.status_code == 200, answer.text
    return answer.json()["security_group"]


def add_rule(http, group, **rule):
    return http.post("/os-security-group-rules", {"security_group_rule": {"parent_group_id": group["id"], **rule}})


def quiet(zone, mariadb):
    wait_for(lambda: not [task for task in tasks(zone, mariadb) if task[1] == "firewall"], 60, "the filters to be made")


def accepts(host, server):
    """The rules of the server's filter that accept something by its groups: [(protocol, {attribute: value})]."""
    document = xml.fromstring(host.virsh("nwfilter-dumpxml", f"zonegate-{server['id']}")[1])
    rules = [rule[0] for rule in document.iter("rule") if rule.get("action") == "accept" and rule.get("direction") == "in"]
    return [(rule.tag, dict(rule.attrib)) for rule in rules if "state" not in rule.attrib and rule.get("srcportstart") != "67"]


def test_groups_are_made_shown_changed_and_deleted(http):
    group = make_group(http, "web", "the web")
    assert group == {"id": group["id"], "name": "web", "description": "the web", "tenant_id": http.project, "rules": []}
    assert http.fetch(f"/os-security-groups/{group['id']}")["security_group"] == group
    assert [row["name"] for row in http.fetch("/os-security-groups")["security_groups"]] == ["default", "web"]
    assert [row["name"] for row in http.fetch("/os-security-groups?limit=1&offset=1")["security_groups"]] == ["web"]
    assert http.fetch("/limits")["limits"]["absolute"]["totalSecurityGroupsUsed"] == 2
    changed = http.put(f"/os-security-groups/{group['id']}", {"security_group": {"name": "web2", "description": "more"}})
    assert changed.status_code == 200 and changed.json()["security_group"]["name"] == "web2", changed.text
    assert http.delete(f"/os-security-groups/{group['id']}").status_code == 202
    refused(http.get(f"/os-security-groups/{group['id']}"), 404, "not found")
    assert http.get("/os-security-groups", version="2.36").status_code == 404
    assert http.get("/os-security-group-default-rules").status_code == 410


@pytest.mark.parametrize("body, words", [
    ({}, "Missing parameter security_group"), ({"security_group": {"name": "x"}}, "description is not a string"),
    ({"security_group": {"name": " ", "description": "d"}}, "name cannot be empty"),
    ({"security_group": {"name": "x" * 256, "description": "d"}}, "not be greater than 255"),
    ({"security_group": {"name": "default", "description": "d"}}, "already exists"),
])
def test_bad_groups_are_400(http, body, words):
    http.fetch("/os-security-groups")
    refused(http.post("/os-security-groups", body), 400, words)


def test_the_default_group_stays(http):
    default, = [row for row in http.fetch("/os-security-groups")["security_groups"] if row["name"] == "default"]
    refused(http.delete(f"/os-security-groups/{default['id']}"), 400, "default")
    refused(http.put(f"/os-security-groups/{default['id']}", {"security_group": {"name": "x", "description": "d"}}), 400, "default")
    refused(http.delete("/os-security-groups/x"), 400, "should be uuid")
    refused(http.delete("/os-security-groups/7"), 404, "not found")
    refused(http.delete(f"/os-security-groups/{UNKNOWN}"), 404, "not found")


@pytest.mark.parametrize("rule, status, words", [
    ({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr": "10.0.0.0/8"}, 200, ""),
    ({"ip_protocol": "TCP", "from_port": "80", "to_port": "90"}, 200, "0.0.0.0/0"),
    ({"ip_protocol": "icmp", "from_port": -1, "to_port": -1, "cidr": "2001:db8::/32"}, 200, ""),
    ({"ip_protocol": "icmp", "from_port": 8, "to_port": 0, "cidr": "10.1.2.3"}, 200, "10.1.2.3/32"),
    ({"ip_protocol": "sctp", "from_port": 1, "to_port": 2}, 400, "Invalid IP protocol sctp"),
    ({"ip_protocol": "tcp", "from_port": 0, "to_port": 2}, 400, "Invalid port range"), ({"ip_protocol": "tcp", "from_port": 3, "to_port": 2}, 400, "Invalid port range"),
    ({"ip_protocol": "tcp", "from_port": 1, "to_port": 65536}, 400, "Invalid port range"), ({"ip_protocol": "udp", "from_port": "a", "to_port": 2}, 400, "Invalid port range"),
    ({"ip_protocol": "icmp", "from_port": 256, "to_port": 0}, 400, "Invalid port range"),
    ({"ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "10.0.0.0/33"}, 400, "Invalid cidr"),
    ({"ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "everywhere"}, 400, "Invalid cidr"),
    ({"from_port": 1, "to_port": 2}, 400, "Not enough parameters"), ({}, 400, "Not enough parameters"),
    ({"ip_protocol": "tcp", "from_port": 1, "to_port": 2, "group_id": UNKNOWN}, 404, "not found"),
])
def test_rules(http, rule, status, words):
    group = make_group(http, "ruled")
    answer = add_rule(http, group, **rule)
    refused(answer, status, words)
    if status == 200:
        made = answer.json()["security_group_rule"]
        assert http.fetch(f"/os-security-groups/{group['id']}")["security_group"]["rules"] == [made]
        refused(add_rule(http, group, **rule), 400, "already exists")
        assert http.delete(f"/os-security-group-rules/{made['id']}").status_code == 202
        refused(http.delete(f"/os-security-group-rules/{made['id']}"), 404, "not found")
    assert http.delete(f"/os-security-groups/{group['id']}").status_code == 202


def test_rules_of_no_group_are_refused(http):
    refused(add_rule(http, {"id": UNKNOWN}, ip_protocol="tcp", from_port=1, to_port=2), 404, "not found")
    refused(add_rule(http, {"id": "x"}, ip_protocol="tcp", from_port=1, to_port=2), 400, "should be uuid")
    refused(add_rule(http, {"id": 7}, ip_protocol="tcp", from_port=1, to_port=2), 404, "not found")
    refused(http.delete("/os-security-group-rules/x"), 400, "should be uuid")
    refused(http.delete("/os-security-group-rules/7"), 404, "not found")


def test_groups_become_filters_of_running_guests(zone, http, image, mariadb):
    web, base = make_group(http, "web"), make_group(http, "base")
    assert add_rule(http, web, ip_protocol="tcp", from_port=80, to_port=81, cidr="10.0.0.0/8").status_code == 200
    refused(http.post("/servers", {"server": {"name": "x", "imageRef": image, "flavorRef": FLAVOR, "security_groups": [{"name": "none"}]}}), 400,
            "Security group none not found for project")
    server = built(http, http.post("/servers", {"server": {"name": "one", "imageRef": image, "flavorRef": FLAVOR,
                                                           "security_groups": [{"name": "web"}]}}))
    assert server["security_groups"] == [{"name": "web"}]
    document = xml.fromstring(zone.host.virsh("dumpxml", server["id"])[1])
    assert [nic.find("filterref").get("filter") for nic in document.iter("interface")] == [f"zonegate-{server['id']}"]
    quiet(zone, mariadb)
    http_rule = ("tcp", {"srcipaddr": "10.0.0.0", "srcipmask": "8", "dstportstart": "80", "dstportend": "81"})
    assert accepts(zone.host, server) == [http_rule]
    # a new rule, at once
    ping = add_rule(http, web, ip_protocol="icmp", from_port=-1, to_port=-1).json()["security_group_rule"]
    quiet(zone, mariadb)
    assert accepts(zone.host, server) == [http_rule, ("icmp", {"srcipaddr": "0.0.0.0", "srcipmask": "0"})]
    assert http.delete(f"/os-security-group-rules/{ping['id']}").status_code == 202
    quiet(zone, mariadb)
    assert accepts(zone.host, server) == [http_rule]
    # the servers of another group as a source
    assert add_rule(http, base, ip_protocol="tcp", from_port=22, to_port=22, group_id=web["id"]).status_code == 200
    action = f"/servers/{server['id']}/action"
    assert http.post(action, {"addSecurityGroup": {"name": "base"}}).status_code == 202
    quiet(zone, mariadb)
    address = server["addresses"]["fenced"][0]["addr"]
    ssh_rule = ("tcp", {"srcipaddr": address, "srcipmask": "32", "dstportstart": "22", "dstportend": "22"})
    assert sorted(accepts(zone.host, server), key=str) == sorted([http_rule, ssh_rule], key=str)
    groups = http.fetch(f"/servers/{server['id']}/os-security-groups")["security_groups"]
    assert [row["name"] for row in groups] == ["base", "web"] and groups[0]["rules"][0]["group"] == {"tenant_id": http.project, "name": "web"}
    refused(http.delete(f"/os-security-groups/{web['id']}"), 400, "in use")
    # who leaves is no source any more
    assert http.post(action, {"removeSecurityGroup": {"name": "web"}}).status_code == 202
    quiet(zone, mariadb)
    assert accepts(zone.host, server) == []
    refused(http.post(action, {"removeSecurityGroup": {"name": "web"}}), 404, "not associated with the instance")
    refused(http.post(action, {"addSecurityGroup": {"name": "none"}}), 404, "not found for project")
    refused(http.post(action, {"addSecurityGroup": {"name": " "}}), 400, "cannot be empty")
    assert http.fetch(f"/servers/{server['id']}")["server"]["security_groups"] == [{"name": "base"}]
    assert http.delete(f"/os-security-groups/{web['id']}").status_code == 202
    assert http.fetch(f"/os-security-groups/{base['id']}")["security_group"]["rules"] == [], "the rule that named it went with it"
    # the end
    assert http.delete(f"/servers/{server['id']}").status_code == 204
    assert_nothing_left(zone, mariadb, [zone.host], server["id"])
    assert f"zonegate-{server['id']}" not in zone.host.virsh("nwfilter-list")[1]
    assert http.delete(f"/os-security-groups/{base['id']}").status_code == 202


def test_interfaces_of_a_running_guest_come_and_go(zone, http, image, mariadb):
    """Hot plug, with its filter; the test driver has none (test_networks.py)."""
    network, = http.fetch("/os-networks")["networks"]
    server = built(http, http.post("/servers", {"server": {"name": "plug", "imageRef": image, "flavorRef": FLAVOR}}))
    path = f"/servers/{server['id']}/os-interface"
    answer = http.post(path, {"interfaceAttachment": {"net_id": network["id"]}})
    assert answer.status_code == 200, answer.text
    nic = answer.json()["interfaceAttachment"]
    running = xml.fromstring(zone.host.virsh("dumpxml", server["id"])[1])
    there = {entry.find("mac").get("address"): entry.find("filterref").get("filter") for entry in running.iter("interface")}
    assert there[nic["mac_addr"]] == f"zonegate-{server['id']}" and len(there) == 2
    assert len(http.fetch(f"/servers/{server['id']}")["server"]["addresses"]["fenced"]) == 2
    assert http.delete(f"{path}/{nic['port_id']}").status_code == 202
    assert len(http.fetch(path)["interfaceAttachments"]) == 1
    assert http.delete(f"/servers/{server['id']}").status_code == 204
    assert_nothing_left(zone, mariadb, [zone.host], server["id"])


def test_a_server_without_interfaces_is_in_no_group(http, image):
    server = built(http, http.post("/servers", {"server": {"name": "bare", "imageRef": image, "flavorRef": FLAVOR, "networks": "none"}},
                                   version="2.93"))
    assert http.fetch(f"/servers/{server['id']}/os-security-groups")["security_groups"] == []
    refused(http.post(f"/servers/{server['id']}/action", {"addSecurityGroup": {"name": "default"}}), 404, "any ports")
    assert http.delete(f"/servers/{server['id']}").status_code == 204
