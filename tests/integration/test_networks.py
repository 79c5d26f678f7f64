"""Interfaces of servers on libvirt networks: what is asked for, what the host has, and what the API says of it. virsh is the judge."""
import re
import xml.etree.ElementTree as xml

import pytest

from lib.clients import CommandLine, Http, nova
from lib.observe import assert_nothing_left
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

NEWEST = "2.93"
UNKNOWN = "11111111-2222-4333-8444-555555555555"
SECOND = "5ec0d000-1111-4222-8333-444444444444"
SECOND_XML = f"""<network><name>second</name><uuid>{SECOND}</uuid><bridge name='virbr9'/><ip address='10.9.0.1' netmask='255.255.255.0'>
<dhcp><range start='10.9.0.10' end='10.9.0.12'/></dhcp></ip></network>"""
HIDDEN_XML = "<network><name>hidden</name><bridge name='virbr8'/></network>"


def give_network(host, text):
    path = host.directory / "network.xml"
    path.write_text(text)
    host.virsh("net-define", str(path))
    host.virsh("net-start", xml.fromstring(text).find("name").text)


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    """h0 has two networks that servers may use and one that they may not, h1 has one."""
    zone = make_zone("netted", {"compute": {"networks": "default, second"}})
    zone.bootstrap()
    zone.hosts = [make_host("netted-h0"), make_host("netted-h1")]
    give_network(zone.hosts[0], SECOND_XML)
    give_network(zone.hosts[0], HIDDEN_XML)
    for host in zone.hosts:
        zone.add_host(host, vcpus=1000, ram_mib=1_000_000, disk_gib=10_000)
    return zone.start()


@pytest.fixture(scope="module")
def http(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def image(http, here):
    return stock(http, here)


@pytest.fixture(scope="module")
def default(http):
    """The id of the network that both hosts have."""
    return next(row["id"] for row in http.fetch("/os-networks")["networks"] if row["label"] == "default")


def ask(http, image, version=NEWEST, **more):
    return http.post("/servers", {"server": {"name": "netted", "imageRef": image, "flavorRef": FLAVOR, **more}}, version=version)


def refused(answer, status, words):
    assert answer.status_code == status and words in answer.text, f"{answer.status_code} {answer.text}"


def built(http, answer):
    """The server's document once it is ACTIVE."""
    assert answer.status_code == 202, answer.text
    path = f"/servers/{answer.json()['server']['id']}"

    def active():
        server = http.fetch(path, version=NEWEST)["server"]
        assert server["status"] != "ERROR", server
        return server if server["status"] == "ACTIVE" else None
    return wait_for(active, 60, "the build")


def host_of(zone, server):
    return next(host for host in zone.hosts if host.name == server["OS-EXT-SRV-ATTR:host"])


def interfaces(host, server):
    """[(network, mac)] in the guest's order, as virsh says."""
    document = xml.fromstring(host.virsh("dumpxml", server["id"])[1])
    return [(nic.find("source").get("network"), nic.find("mac").get("address")) for nic in document.iter("interface")]


def reservations(host, network):
    """{mac: address} of the network's DHCP."""
    document = xml.fromstring(host.virsh("net-dumpxml", network)[1])
    return {entry.get("mac"): entry.get("ip") for entry in document.iter("host")}


def removed(http, zone, mariadb, *servers):
    for server in servers:
        assert http.delete(f"/servers/{server['id']}").status_code == 204
    for server in servers:
        assert_nothing_left(zone, mariadb, zone.hosts, server["id"])


def test_networks_are_listed_and_shown_up_to_2_35(http, default):
    rows = {row["label"]: row for row in http.fetch("/os-networks")["networks"]}
    assert set(rows) == {"default", "second"}, "a network that is not offered is not shown"
    assert rows["second"]["id"] == SECOND and rows["second"]["cidr"] == "10.9.0.0/24" and rows["second"]["gateway"] == "10.9.0.1"
    assert rows["second"]["netmask"] == "255.255.255.0" and rows["second"]["broadcast"] == "10.9.0.255" and rows["second"]["bridge"] == "virbr9"
    assert http.fetch(f"/os-networks/{SECOND}")["network"] == rows["second"]
    assert http.fetch(f"/os-tenant-networks/{default}")["network"] == {"id": default, "label": "default", "cidr": "192.168.122.0/24"}
    assert len(http.fetch("/os-tenant-networks")["networks"]) == 2
    refused(http.get("/os-networks/second"), 404, "Network not found")
    refused(http.get(f"/os-tenant-networks/{UNKNOWN}"), 404, "Network not found")
    assert http.get("/os-networks", version="2.36").status_code == 404
    assert http.post("/os-networks", {"network": {"label": "x"}}).status_code == 410
    assert http.delete(f"/os-networks/{SECOND}").status_code == 410


def test_none_named_of_several_is_409(http, image):
    refused(ask(http, image, version="2.1"), 409, "Multiple possible networks found")
    refused(ask(http, image, version="2.36", networks=[]), 409, "Multiple possible networks found")
    refused(ask(http, image, networks="auto"), 409, "Multiple possible networks found")


@pytest.mark.parametrize("networks, words", [
    ([{"uuid": UNKNOWN}], f"Network {UNKNOWN} could not be found."), ([{"port": UNKNOWN}], f"Port id {UNKNOWN} could not be found."),
    ([{"uuid": SECOND}, {"port": UNKNOWN}], "Port id"), ([{}], "network uuid is not in proper format"),
    ([{"uuid": SECOND, "fixed_ip": "10.8.0.11"}], "Fixed IP 10.8.0.11 is not a valid ip address for network"),
    ([{"uuid": SECOND, "fixed_ip": "10.9.0.1"}], "not a valid ip address"), ([{"uuid": SECOND, "fixed_ip": "10.9.0.255"}], "not a valid ip address"),
    ([{"uuid": SECOND, "fixed_ip": "2001:db8::1"}], "not a valid ip address"),
])
def test_what_cannot_be_had_is_400_and_makes_nothing(http, image, networks, words):
    refused(ask(http, image, networks=networks), 400, words)
    assert not http.fetch("/servers")["servers"]


def test_no_interface_with_none(zone, http, image, mariadb):
    server = built(http, ask(http, image, networks="none"))
    assert server["addresses"] == {} and "security_groups" not in server
    assert interfaces(host_of(zone, server), server) == []
    removed(http, zone, mariadb, server)


def test_one_interface_per_entry_in_order(zone, http, image, default, mariadb):
    networks = [{"uuid": SECOND, "tag": "front"}, {"uuid": default}, {"uuid": SECOND}]
    server = built(http, ask(http, image, networks=networks))
    host = host_of(zone, server)
    assert host is zone.hosts[0], "only that one has both"
    there = interfaces(host, server)
    assert [network for network, _ in there] == ["second", "default", "second"] and len({mac for _, mac in there}) == 3
    told = http.fetch(f"/servers/{server['id']}/os-interface", version=NEWEST)["interfaceAttachments"]
    assert [(nic["net_id"], nic["mac_addr"], nic["tag"]) for nic in told] == \
        [(SECOND, there[0][1], "front"), (default, there[1][1], None), (SECOND, there[2][1], None)]
    assert all(nic["port_state"] == "ACTIVE" for nic in told)
    given = {nic["mac_addr"]: nic["fixed_ips"][0]["ip_address"] for nic in told}
    assert {**reservations(host, "second"), **reservations(host, "default")} == given
    shown = [(label, row["OS-EXT-IPS-MAC:mac_addr"], row["addr"]) for label, rows in server["addresses"].items() for row in rows]
    assert sorted(shown) == sorted((network, mac, given[mac]) for network, mac in there)
    assert all(row["version"] == 4 and row["OS-EXT-IPS:type"] == "fixed" for rows in server["addresses"].values() for row in rows)
    assert server["security_groups"] == [{"name": "default"}]
    ips = http.fetch(f"/servers/{server['id']}/ips")["addresses"]
    assert sorted(row["addr"] for rows in ips.values() for row in rows) == sorted(given.values())
    assert http.fetch(f"/servers/{server['id']}/ips/default") == {"default": ips["default"]}
    refused(http.get(f"/servers/{server['id']}/ips/other"), 404, "not a member of specified network")
    one = http.fetch(f"/servers/{server['id']}/os-interface/{told[0]['port_id']}")["interfaceAttachment"]
    assert one["mac_addr"] == there[0][1] and "tag" not in one, "the tag is shown from 2.70"
    refused(http.get(f"/servers/{server['id']}/os-interface/{UNKNOWN}"), 404, "could not be found")
    removed(http, zone, mariadb, server)
    assert not reservations(host, "second") and not reservations(host, "default")
    assert mariadb.sql(zone.schema, "SELECT COUNT(*) FROM ports") == [["0"]]


def test_a_fixed_address_is_had_by_one_server(zone, http, image, mariadb):
    wish = [{"uuid": SECOND, "fixed_ip": "10.9.0.200"}]
    refused(ask(http, image, networks=wish, max_count=2), 400, "max_count cannot be greater than 1 if an fixed_ip is specified")
    server = built(http, ask(http, image, networks=wish))
    assert [row["addr"] for row in server["addresses"]["second"]] == ["10.9.0.200"]
    assert list(reservations(zone.hosts[0], "second").values()) == ["10.9.0.200"]
    for expression, found in (("10.9.0.200", True), (r"^10\.9\.", True), ("^9", False)):
        assert [row["id"] for row in http.fetch(f"/servers?ip={expression}")["servers"]] == [server["id"]] * found, expression
    refused(ask(http, image, networks=wish), 400, "Fixed IP address 10.9.0.200 is already in use.")
    removed(http, zone, mariadb, server)
    again = built(http, ask(http, image, networks=wish))
    removed(http, zone, mariadb, again)


def test_a_network_gives_out_what_it_has(zone, http, image, mariadb):
    """Three addresses: several servers of one request get one each; the fourth is refused and makes nothing."""
    made = ask(http, image, networks=[{"uuid": SECOND}], min_count=3, max_count=3)
    first = built(http, made)
    rows = wait_for(lambda: next((rows for rows in [http.fetch("/servers/detail")["servers"]] if all(row["status"] == "ACTIVE" for row in rows)),
                                 None), 60, "three builds")
    assert sorted(row["addresses"]["second"][0]["addr"] for row in rows) == ["10.9.0.10", "10.9.0.11", "10.9.0.12"]
    refused(ask(http, image, networks=[{"uuid": SECOND}]), 400, "No fixed IP addresses available")
    assert len(http.fetch("/servers")["servers"]) == 3 and first["id"] in {row["id"] for row in rows}
    removed(http, zone, mariadb, *rows)


def stopped(http, server):
    assert http.post(f"/servers/{server['id']}/action", {"os-stop": None}).status_code == 202
    wait_for(lambda: http.fetch(f"/servers/{server['id']}")["server"]["status"] == "SHUTOFF", 60, "the stop")


def test_interfaces_come_and_go(zone, http, image, default, mariadb):
    server = built(http, ask(http, image, networks="none", availability_zone="netted:netted-h0"))
    path, host = f"/servers/{server['id']}/os-interface", zone.hosts[0]
    # the test driver has no hot plug: an honest refusal that leaves nothing
    refused(http.post(path, {"interfaceAttachment": {"net_id": default}}), 501, "not supported by the connection driver")
    assert http.fetch(path)["interfaceAttachments"] == [] and not reservations(host, "default")
    stopped(http, server)
    refused(http.post(path, {"interfaceAttachment": {}}), 409, "Multiple possible networks found")
    refused(http.post(path, {"interfaceAttachment": {"net_id": default, "port_id": UNKNOWN}}), 400, "Must not input both")
    refused(http.post(path, {"interfaceAttachment": {"fixed_ips": [{"ip_address": "10.9.0.9"}]}}), 400, "Must input network_id")
    refused(http.post(path, {"interfaceAttachment": {"port_id": UNKNOWN}}), 404, "Port id")
    refused(http.post(path, {"interfaceAttachment": {"net_id": UNKNOWN}}), 400, "could not be found")
    refused(http.post(path, {"interfaceAttachment": {"net_id": SECOND, "tag": "t"}}, version="2.48"), 400, "tag")
    answer = http.post(path, {"interfaceAttachment": {"net_id": SECOND, "fixed_ips": [{"ip_address": "10.9.0.77"}], "tag": "t"}}, version=NEWEST)
    assert answer.status_code == 200, answer.text
    nic = answer.json()["interfaceAttachment"]
    assert nic["fixed_ips"][0]["ip_address"] == "10.9.0.77" and nic["tag"] == "t" and nic["port_state"] == "ACTIVE"
    assert interfaces(host, server) == [("second", nic["mac_addr"])] and reservations(host, "second") == {nic["mac_addr"]: "10.9.0.77"}
    shown = http.fetch(f"/servers/{server['id']}")["server"]
    assert shown["addresses"]["second"][0]["addr"] == "10.9.0.77" and shown["security_groups"] == [{"name": "default"}]
    refused(http.delete(f"{path}/{UNKNOWN}"), 404, "not found")
    assert http.delete(f"{path}/{nic['port_id']}").status_code == 202
    assert interfaces(host, server) == [] and not reservations(host, "second") and http.fetch(path)["interfaceAttachments"] == []
    assert "security_groups" not in http.fetch(f"/servers/{server['id']}")["server"]
    assert http.post(f"/servers/{server['id']}/action", {"lock": None}).status_code == 202
    removed(http, zone, mariadb, server)


def test_a_server_of_a_member_goes_on_a_network_by_novaclient(zone, http, image, mariadb, default):
    """What `nova boot --nic net-id=` sends, and what novaclient makes of the interfaces."""
    client = nova(zone)
    server = client.servers.create("by-client", image, FLAVOR, nics=[{"net-id": default}])
    wait_for(lambda: client.servers.get(server.id).status == "ACTIVE", 60, "the build")
    assert re.fullmatch(r"192\.168\.122\.\d+", client.servers.ips(server.id)["default"][0]["addr"])
    assert [nic.net_id for nic in client.servers.interface_list(server.id)] == [default]
    removed(http, zone, mariadb, {"id": server.id})


@pytest.mark.parametrize("version", [None, "2.92"])
def test_the_openstack_command_names_a_network(zone, http, image, mariadb, version):
    """Without a network endpoint it resolves names by /os-networks, and groups by /os-security-groups."""
    command = CommandLine(zone, version)
    words = ["server", "create", "--flavor", FLAVOR, "--image", image, "--network", "default", "--security-group", "default", "--wait", "by-command"]
    server = command.json(*words)
    shown = http.fetch(f"/servers/{server['id']}")["server"]
    assert list(shown["addresses"]) == ["default"]
    assert [row["Name"] for row in command.json("network", "list")] == ["default", "second"]
    removed(http, zone, mariadb, server)


def test_the_only_network_is_taken(zone, http, image, mariadb):
    """Absent and auto, where exactly one network is offered."""
    zone.restart({"compute": {"networks": "default"}})
    wait_for(lambda: len(http.fetch("/os-networks")["networks"]) == 1, 60, "the hosts to be reported again")
    for more in ({"version": "2.1"}, {"networks": "auto"}):
        server = built(http, ask(http, image, **more))
        assert [network for network, _ in interfaces(host_of(zone, server), server)] == ["default"]
        removed(http, zone, mariadb, server)
    zone.restart()


def test_a_lost_row_comes_back_with_its_interfaces(zone, http, image, mariadb):
    """After a restored backup the guest's own record says what it has; its address is given to nobody else."""
    server = built(http, ask(http, image, networks=[{"uuid": SECOND, "fixed_ip": "10.9.0.88", "tag": "t"}]))
    zone.stop()
    lost = f"UNHEX('{server['id'].replace('-', '')}')"
    mariadb.sql(zone.schema, f"DELETE FROM servers WHERE uuid = {lost}; DELETE FROM ports WHERE server = {lost};"
                             f"DELETE FROM server_security_groups WHERE server = {lost};"
                             f"DELETE a FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = {lost};"
                             f"DELETE FROM consumers WHERE uuid = {lost}")
    zone.cli("db", "restored")
    zone.start()
    wait_for(lambda: http.get(f"/servers/{server['id']}").status_code == 200, 60, "the forgotten server to be taken in again")
    found = http.fetch(f"/servers/{server['id']}", version=NEWEST)["server"]
    assert found["addresses"] == server["addresses"] and found["security_groups"] == [{"name": "default"}]
    assert [row["name"] for row in http.fetch(f"/servers/{server['id']}/os-security-groups")["security_groups"]] == ["default"]
    refused(ask(http, image, networks=[{"uuid": SECOND, "fixed_ip": "10.9.0.88"}]), 400, "already in use")
    removed(http, zone, mariadb, server)
    assert mariadb.sql(zone.schema, "SELECT COUNT(*) FROM ports") == [["0"]]


def test_networks_of_a_zone_below(make_tree, here, mariadb):
    """The root has no hosts: a network is named by its id, the server lands where it is, and no interface is lost on the way."""
    tree = make_tree({"up": {"children": {"down": {"hosts": 1}}}}, settings={"compute": {"networks": "*"}})
    door = tree.http("up")
    image = stock(door, here)
    network = wait_for(lambda: door.fetch("/os-networks")["networks"], 60, "the networks below")[0]
    server = built(door, ask(door, image, networks=[{"uuid": network["id"]}]))
    assert list(server["addresses"]) == ["default"]
    assert door.fetch(f"/servers/{server['id']}/ips")["addresses"]["default"][0]["addr"] == server["addresses"]["default"][0]["addr"]
    refused(ask(door, image, networks=[{"uuid": UNKNOWN}]), 400, "could not be found")
    wish = [{"uuid": network["id"], "fixed_ip": "192.168.122.250"}]
    assert built(door, ask(door, image, networks=wish))["addresses"]["default"][0]["addr"] == "192.168.122.250"
    taken = ask(door, image, networks=wish)
    assert taken.status_code == 202, taken.text
    fault = wait_for(lambda: door.fetch(f"/servers/{taken.json()['server']['id']}")["server"].get("fault"), 60, "the refusal")
    assert "No valid host" in fault["message"], "taken below: no host can have it"
    any_of = built(door, ask(door, image, version="2.1"))
    assert list(any_of["addresses"]) == ["default"]
    assert door.delete(f"/servers/{server['id']}").status_code == 204
