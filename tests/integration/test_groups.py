"""Server groups, aggregates, availability zones, services, hypervisors and quotas, spoken to by the unmodified clients at one zone with
two hosts, at the lowest and the highest version, and over a tree of zones."""
import concurrent.futures

import pytest

from lib.clients import CLIENTS_NEWEST, CommandLine, Http, nova, sdk
from lib.servers import stock
from lib.wait import wait_for

OLDEST = "2.1"
SERVER = {"flavorRef": "1"}


@pytest.fixture(scope="module")
def newest():
    """The highest that the clients know; the zone's own is beyond."""
    return CLIENTS_NEWEST


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    """Two hosts, one image, one flavor, Nova's own limits."""
    zone = make_zone("groups", {"quota": {"instances": 10, "cores": 20, "ram": 51200}})
    zone.bootstrap()
    for number in range(2):
        zone.add_host(make_host(f"groups-h{number}"), vcpus=16, ram_mib=8192, disk_gib=100)
    return zone.start()


@pytest.fixture(scope="module")
def http(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def image(http, here):
    return stock(http, here)


@pytest.fixture(params=[OLDEST, "newest"])
def command(request, zone, newest):
    return CommandLine(zone, newest if request.param == "newest" else request.param)


def create(http, image, name, version=OLDEST, **more):
    return http.post("/servers", {"server": {"name": name, "imageRef": image, **SERVER, **more}}, version=version)


def created(http, image, name, **more):
    answer = create(http, image, name, **more)
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def settled(http, server):
    def look():
        shown = http.fetch(f"/servers/{server}")["server"]
        return shown if shown["status"] in ("ACTIVE", "ERROR") else None
    return wait_for(look, 60, f"server {server} to settle")


def gone(http, *servers):
    for server in servers:
        assert http.delete(f"/servers/{server}").status_code == 204
    for server in servers:
        wait_for(lambda s=server: http.get(f"/servers/{s}").status_code == 404, 60, f"server {server} to be gone")


# --- one zone, real clients
def test_server_group_commands(command, newest):
    made = command.json("server", "group", "create", "--policy", "affinity", "together")
    assert made["name"] == "together" and made["members"] in ("", [])
    listed = command.json("server", "group", "list")
    assert [row["ID"] for row in listed] == [made["id"]]
    assert command.json("server", "group", "show", "together")["id"] == made["id"]
    command.run("server", "group", "delete", "together")
    assert command.json("server", "group", "list") == []
    soft = command.run("server", "group", "create", "--policy", "soft-affinity", "soft", check=False)
    assert (soft[0] == 0) == (command.version == newest), soft
    if soft[0] == 0:
        command.run("server", "group", "delete", "soft")


def test_aggregate_commands(command):
    made = command.json("aggregate", "create", "--zone", "fast", "--property", "ssd=true", "ssds")
    assert made["availability_zone"] == "fast"
    command.run("aggregate", "add", "host", "ssds", "groups-h1")
    shown = command.json("aggregate", "show", "ssds")
    assert shown["hosts"] == ["groups-h1"] and shown["properties"] == {"ssd": "true"}
    zones = {row["Zone Name"]: row["Zone Status"] for row in command.json("availability", "zone", "list", "--compute")}
    assert zones == {"internal": "available", "groups": "available", "fast": "available"}
    assert command.run("aggregate", "delete", "ssds", check=False)[0] != 0
    command.run("aggregate", "set", "--name", "quick", "--property", "x=1", "ssds")
    command.run("aggregate", "unset", "--property", "ssd", "quick")
    assert command.json("aggregate", "show", "quick")["properties"] == {"x": "1"}
    command.run("aggregate", "remove", "host", "quick", "groups-h1")
    command.run("aggregate", "delete", "quick")
    assert command.json("aggregate", "list") == []


def test_service_commands(command):
    def compute(name):
        rows = command.json("compute", "service", "list", "--long")
        return next(row for row in rows if row["Host"] == name and row["Binary"] == "nova-compute")
    binaries = {row["Binary"] for row in command.json("compute", "service", "list")}
    assert binaries == {"nova-compute", "nova-conductor", "nova-scheduler"}
    command.run("compute", "service", "set", "--disable", "--disable-reason", "repair", "groups-h0", "nova-compute")
    assert compute("groups-h0")["Status"] == "disabled" and compute("groups-h0")["Disabled Reason"] == "repair"
    command.run("compute", "service", "set", "--enable", "groups-h0", "nova-compute")
    assert compute("groups-h0")["Status"] == "enabled"
    if command.version != OLDEST:
        command.run("compute", "service", "set", "--down", "groups-h0", "nova-compute")
        assert compute("groups-h0")["State"] == "down"
        command.run("compute", "service", "set", "--up", "groups-h0", "nova-compute")
    assert compute("groups-h0")["State"] == "up"


def test_hypervisor_commands(command):
    rows = command.json("hypervisor", "list")
    assert [row["Hypervisor Hostname"] for row in rows] == ["groups-h0", "groups-h1"]
    assert [row["Hypervisor Hostname"] for row in command.json("hypervisor", "list", "--matching", "h1")] == ["groups-h1"]
    if command.version == OLDEST:  # from 2.88 on the command cannot read the uptime of a host that has none, as test hosts
        shown = command.json("hypervisor", "show", "groups-h0")
        assert shown["hypervisor_hostname"] == "groups-h0" and shown["state"] == "up"
        assert shown["vcpus"] == 16 and command.json("hypervisor", "stats", "show")["count"] == 2


def test_quota_commands(command, http):
    command.run("quota", "set", "--cores", "30", "--key-pairs", "44", "admin")
    shown = command.json("quota", "show", "admin")
    assert (shown["cores"], shown["key-pairs"], shown["server-groups"]) == (30, 44, 10)
    assert http.delete(f"/os-quota-sets/{http.project}").status_code == 202
    command.run("quota", "set", "--class", "--key-pairs", "77", "default")
    assert http.fetch(f"/os-quota-sets/{http.project}")["quota_set"]["key_pairs"] == 77
    command.run("quota", "set", "--class", "--key-pairs", "100", "default")
    limits = {row["Name"]: row["Value"] for row in command.json("limits", "show", "--absolute")}
    assert (limits["maxTotalInstances"], limits["maxTotalCores"]) == (10, 20)


def test_novaclient(zone, newest):
    for version in (OLDEST, "2.53", newest):
        client = nova(zone, version)
        assert [service.host for service in client.services.list(binary="nova-compute")] == ["groups-h0", "groups-h1"]
        assert {found.hypervisor_hostname for found in client.hypervisors.list()} == {"groups-h0", "groups-h1"}
        aggregate = client.aggregates.create("nova", "az-nova")
        assert client.aggregates.add_host(aggregate, "groups-h0").hosts == ["groups-h0"]
        assert {area.zoneName for area in client.availability_zones.list(detailed=False)} == {"groups", "az-nova"}
        client.aggregates.remove_host(aggregate, "groups-h0")
        client.aggregates.delete(aggregate)
        group = (client.server_groups.create("nova", policy="anti-affinity") if float(version[2:]) >= 64
                 else client.server_groups.create("nova", policies=["anti-affinity"]))
        assert [found.id for found in client.server_groups.list()] == [group.id]
        client.server_groups.delete(group.id)
        assert client.quotas.get(client.client.get_project_id()).instances == 10
        assert client.limits.get().to_dict()["absolute"]["maxTotalInstances"] == 10


def test_sdk(zone):
    connection = sdk(zone)
    aggregate = connection.compute.create_aggregate(name="sdk", availability_zone="az-sdk")
    connection.compute.add_host_to_aggregate(aggregate, "groups-h1")
    assert connection.compute.get_aggregate(aggregate.id).hosts == ["groups-h1"]
    assert {found.name for found in connection.compute.availability_zones()} == {"groups", "az-sdk"}
    connection.compute.remove_host_from_aggregate(aggregate, "groups-h1")
    connection.compute.delete_aggregate(aggregate)
    assert {found.name for found in connection.compute.hypervisors(details=True)} == {"groups-h0", "groups-h1"}
    group = connection.compute.create_server_group(name="sdk", policy="anti-affinity", rules={"max_server_per_host": 2})
    assert connection.compute.get_server_group(group.id).rules == {"max_server_per_host": 2}
    connection.compute.delete_server_group(group)
    assert connection.get_compute_quotas("admin").instances == 10
    connection.set_compute_quotas("admin", instances=12)
    assert connection.get_compute_quotas("admin").instances == 12
    connection.delete_compute_quotas("admin")


# --- what it does to new servers
def test_disabled_and_forced_down_hosts_get_no_servers(http, image):
    made = []
    host = "OS-EXT-SRV-ATTR:host"
    uuids = {row["host"]: row["id"] for row in http.fetch("/os-services?binary=nova-compute", version="2.53")["services"]}
    for change, back in (({"status": "disabled"}, {"status": "enabled"}), ({"forced_down": True}, {"forced_down": False})):
        assert http.put(f"/os-services/{uuids['groups-h0']}", change, version="2.53").status_code == 200
        for number in range(3):
            made.append(created(http, image, f"away-{number}"))
            assert settled(http, made[-1])[host] == "groups-h1"
        assert http.put(f"/os-services/{uuids['groups-h1']}", change, version="2.53").status_code == 200
        nowhere = created(http, image, "nowhere")
        assert settled(http, nowhere)["status"] == "ERROR"
        made.append(nowhere)
        for name in ("groups-h0", "groups-h1"):
            assert http.put(f"/os-services/{uuids[name]}", back, version="2.53").status_code == 200
    gone(http, *made)


def test_an_aggregate_directs_servers(http, image):
    aggregate = http.post("/os-aggregates", {"aggregate": {"name": "a", "availability_zone": "az9"}}).json()["aggregate"]["id"]
    action = f"/os-aggregates/{aggregate}/action"
    assert http.post(action, {"add_host": {"host": "groups-h1"}}).status_code == 200
    servers = [created(http, image, f"az-{number}", availability_zone="az9") for number in range(3)]
    for server in servers:
        shown = settled(http, server)
        assert (shown["OS-EXT-SRV-ATTR:host"], shown["OS-EXT-AZ:availability_zone"]) == ("groups-h1", "az9")
    refused = http.put(f"/os-aggregates/{aggregate}", {"aggregate": {"availability_zone": "az8"}})
    assert refused.status_code == 400 and "contain instances" in refused.text
    assert http.post(action, {"remove_host": {"host": "groups-h1"}}).status_code == 200
    assert http.fetch(f"/servers/{servers[0]}")["server"]["OS-EXT-AZ:availability_zone"] == "groups"
    assert http.delete(f"/os-aggregates/{aggregate}").status_code == 200
    gone(http, *servers)


def test_a_host_with_servers_is_no_service_to_delete(http, image, zone):
    server = created(http, image, "keeps")
    host = settled(http, server)["OS-EXT-SRV-ATTR:host"]
    uuids = {row["host"]: row["id"] for row in http.fetch("/os-services", version="2.53")["services"] if row["binary"] == "nova-compute"}
    assert http.delete(f"/os-services/{uuids[host]}", version="2.53").status_code == 409
    gone(http, server)


# --- limits
def test_limits_of_servers(http, image):
    quota = f"/os-quota-sets/{http.project}"
    assert http.put(quota, {"quota_set": {"instances": 2, "cores": 2}}).status_code == 200
    refused = create(http, image, "many", min_count=3)
    assert refused.status_code == 403
    assert refused.json()["forbidden"]["message"] == ("Quota exceeded for cores, instances: Requested 3, 3, but already used 0, 0 of"
                                                      " 2, 2 cores, instances")
    first = created(http, image, "many", min_count=1, max_count=9)  # as many as fit
    servers = [row["id"] for row in http.fetch("/servers")["servers"]]
    assert len(servers) == 2 and first in servers
    absolute = http.fetch("/limits")["limits"]["absolute"]
    assert (absolute["maxTotalInstances"], absolute["totalInstancesUsed"], absolute["totalCoresUsed"]) == (2, 2, 2)
    refused = create(http, image, "more")
    assert refused.status_code == 403 and "already used 2, 2 of 2, 2" in refused.text
    below = http.put(quota, {"quota_set": {"instances": 1}})
    assert below.status_code == 400 and "already used" in below.text
    gone(http, *servers)
    http.delete(quota)


def test_limits_hold_when_many_ask_at_once(http, image):
    """As in Nova, some who would have fitted may be refused; never do more fit than may."""
    quota = f"/os-quota-sets/{http.project}"
    assert http.put(quota, {"quota_set": {"instances": 4}}).status_code == 200
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: create(http, image, f"race-{number}"), range(12)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {202, 403} and statuses.count(202) <= 4, statuses
    accepted = {answer.json()["server"]["id"] for answer in answers if answer.status_code == 202}
    rows = wait_for(lambda: {row["id"] for row in http.fetch("/servers")["servers"]} == accepted or None, 60,
                    "refused servers to be gone")
    assert rows
    gone(http, *accepted)
    http.delete(quota)


def test_limits_of_metadata_and_keys(http, image):
    quota = f"/os-quota-sets/{http.project}"
    assert http.put(quota, {"quota_set": {"metadata_items": 1, "key_pairs": 0, "injected_files": 0}}).status_code == 200
    refused = create(http, image, "meta", metadata={"a": "1", "b": "2"})
    assert refused.status_code == 403 and refused.json()["forbidden"]["message"] == "Maximum number of metadata items exceeds 1"
    refused = create(http, image, "file", personality=[{"path": "/x", "contents": "YQ=="}])
    assert refused.status_code == 403 and refused.json()["forbidden"]["message"] == "Personality file limit exceeded"
    refused = http.post("/os-keypairs", {"keypair": {"name": "k"}})
    assert refused.status_code == 403 and refused.json()["forbidden"]["message"] == "Quota exceeded, too many key pairs."
    server = created(http, image, "meta", metadata={"a": "1"})
    settled(http, server)
    assert http.post(f"/servers/{server}/metadata", {"metadata": {"b": "2"}}).status_code == 403
    gone(http, server)
    http.delete(quota)


def test_quota_of_an_unknown_project(http):
    answer = http.get("/os-quota-sets/" + 32 * "9")
    assert answer.status_code == 400 and "is not a valid project" in answer.text


def test_usage_counts_servers(http, image, zone, newest):
    server = created(http, image, "used")
    settled(http, server)
    usage = http.fetch(f"/os-simple-tenant-usage/{http.project}?start=2020-01-01T00:00:00")["tenant_usage"]
    assert server in {row["instance_id"] for row in usage["server_usages"]} and usage["total_vcpus_usage"] >= 0
    for version in (OLDEST, newest):
        command = CommandLine(zone, version)
        assert {row["Project"] for row in command.json("usage", "list")} == {http.project}
        assert len(command.json("usage", "show")["Servers"]) >= 1
    gone(http, server)


# --- over a tree
@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"top": {"hosts": 1, "children": {"left": {"hosts": 1, "children": {"leaf": {"hosts": 1}}}, "right": {"hosts": 1}}}},
                     capacity={"vcpus": 4, "ram_mib": 2048, "disk_gib": 20})


@pytest.fixture(scope="module")
def top(tree):
    return tree.http("top")


ALL = ["leaf-h0", "left-h0", "right-h0", "top-h0"]


def test_tree_lists(top):
    assert [row["hypervisor_hostname"] for row in top.fetch("/os-hypervisors")["hypervisors"]] == ALL
    computes = {row["host"] for row in top.fetch("/os-services?binary=nova-compute")["services"]}
    assert computes == set(ALL)
    zones = {row["zoneName"] for row in top.fetch("/os-availability-zone")["availabilityZoneInfo"]}
    assert zones == {"top", "left", "leaf", "right"}
    sums = top.fetch("/os-hypervisors/statistics")["hypervisor_statistics"]
    assert (sums["count"], sums["vcpus"]) == (4, 16)


def test_tree_pages(top):
    seen, marker = [], ""
    while True:
        page = top.fetch(f"/os-hypervisors/detail?limit=3{marker}", version="2.53")
        seen += [row["hypervisor_hostname"] for row in page["hypervisors"]]
        if "hypervisors_links" not in page:
            break
        marker = f"&marker={page['hypervisors'][-1]['id']}"
    assert seen == ALL


def test_tree_changes_reach_the_owner(tree, top):
    leaf = tree.http("leaf")
    uuids = {row["host"]: row["id"] for row in top.fetch("/os-services?binary=nova-compute", version="2.53")["services"]}
    changed = top.put(f"/os-services/{uuids['leaf-h0']}", {"status": "disabled", "disabled_reason": "why"}, version="2.53")
    assert changed.status_code == 200 and changed.json()["service"]["disabled_reason"] == "why", changed.text
    assert leaf.fetch("/os-services?host=leaf-h0")["services"][0]["status"] == "disabled"
    assert top.put("/os-services/enable", {"host": "leaf-h0", "binary": "nova-compute"}).status_code == 200
    assert leaf.fetch("/os-services?host=leaf-h0")["services"][0]["status"] == "enabled"
    unknown = top.put("/os-services/enable", {"host": "nowhere", "binary": "nova-compute"})
    assert unknown.status_code == 404
    # an aggregate of the leaf's, changed from the top
    made = leaf.post("/os-aggregates", {"aggregate": {"name": "far"}}).json()["aggregate"]["id"]
    assert top.post(f"/os-aggregates/{made}/action", {"add_host": {"host": "leaf-h0"}}).json()["aggregate"]["hosts"] == ["leaf-h0"]
    assert top.put(f"/os-aggregates/{made}", {"aggregate": {"availability_zone": "distant"}}).status_code == 200
    assert [row["name"] for row in top.fetch("/os-aggregates")["aggregates"]] == ["far"]
    assert top.fetch(f"/os-aggregates/{made}")["aggregate"]["availability_zone"] == "distant"
    assert "distant" in {row["zoneName"] for row in top.fetch("/os-availability-zone")["availabilityZoneInfo"]}
    assert top.post(f"/os-aggregates/{made}/action", {"remove_host": {"host": "leaf-h0"}}).status_code == 200
    assert top.delete(f"/os-aggregates/{made}").status_code == 200
    assert top.get(f"/os-aggregates/{made}").status_code == 404 and leaf.get(f"/os-aggregates/{made}").status_code == 404


def test_tree_server_groups(tree, top):
    right, leaf = tree.http("right"), tree.http("leaf")
    body = {"server_group": {"name": "g", "policies": ["affinity"]}}
    ids = {name: tree.http(name).post("/os-server-groups", body).json()["server_group"]["id"] for name in ("leaf", "right", "top")}
    assert {row["id"] for row in top.fetch("/os-server-groups")["server_groups"]} == set(ids.values())
    pages = [top.fetch(f"/os-server-groups?limit=1&offset={number}")["server_groups"] for number in range(4)]
    assert sorted(row["id"] for page in pages for row in page) == sorted(ids.values()) and pages[3] == []
    assert top.fetch(f"/os-server-groups/{ids['leaf']}")["server_group"]["name"] == "g"
    assert right.fetch(f"/os-server-groups/{ids['leaf']}")["server_group"]["name"] == "g"  # up, over and down
    assert leaf.fetch("/os-server-groups")["server_groups"][0]["id"] == ids["leaf"]
    for group in ids.values():
        assert top.delete(f"/os-server-groups/{group}").status_code == 204
        assert top.get(f"/os-server-groups/{group}").status_code == 404
    assert top.fetch("/os-server-groups")["server_groups"] == []


def test_tree_usage(tree, top, here):
    image = stock(top, here)
    server = created(top, image, "below", availability_zone="leaf")
    settled(top, server)
    for path in ("/os-simple-tenant-usage?detailed=1&start=2020-01-01T00:00:00", f"/os-simple-tenant-usage/{top.project}"):
        answer = top.fetch(path + ("" if "?" in path else "?start=2020-01-01T00:00:00"))
        usages = answer["tenant_usages"] if "tenant_usages" in answer else [answer["tenant_usage"]]
        assert [row["instance_id"] for usage in usages for row in usage["server_usages"]] == [server]
    gone(top, server)


def test_tree_with_two_ways_to_a_zone(tree, top):
    """The leaf is reached through left and right from here on: it counts once, and a change is sent there once."""
    tree.join("right", "leaf")
    wait_for(lambda: "leaf" in tree.active_children("right"), 60, "the leaf to be a child of right")
    assert [row["hypervisor_hostname"] for row in top.fetch("/os-hypervisors")["hypervisors"]] == ALL
    assert top.fetch("/os-hypervisors/statistics")["hypervisor_statistics"]["count"] == 4
    assert len(top.fetch("/os-services?binary=nova-compute")["services"]) == 4
    for version in (OLDEST, "2.53"):
        shown = {row["hypervisor_hostname"]: row["id"] for row in top.fetch("/os-hypervisors", version=version)["hypervisors"]}
        assert top.fetch(f"/os-hypervisors/{shown['leaf-h0']}", version=version)["hypervisor"]["hypervisor_hostname"] == "leaf-h0"
    made = tree.http("leaf").post("/os-aggregates", {"aggregate": {"name": "twice"}}).json()["aggregate"]["id"]
    assert [row["name"] for row in top.fetch("/os-aggregates")["aggregates"]] == ["twice"]
    assert top.fetch(f"/os-aggregates/{made}")["aggregate"]["name"] == "twice"
    added = top.post(f"/os-aggregates/{made}/action", {"add_host": {"host": "leaf-h0"}})
    assert added.status_code == 200, added.text  # a second one would be refused: it has the host already
    assert top.post(f"/os-aggregates/{made}/action", {"remove_host": {"host": "leaf-h0"}}).status_code == 200
    assert top.delete(f"/os-aggregates/{made}").status_code == 200
    assert top.put("/os-services/enable", {"host": "leaf-h0", "binary": "nova-compute"}).status_code == 200


def test_tree_with_a_silent_child(tree, top):
    """Last: the leaf does not come back."""
    aggregate = tree.http("leaf").post("/os-aggregates", {"aggregate": {"name": "mute"}}).json()["aggregate"]["id"]
    tree["leaf"].kill()
    answer = top.get("/os-hypervisors")
    assert answer.status_code == 200 and "leaf" in answer.headers["X-Zone-Missing"]
    assert [row["hypervisor_hostname"] for row in answer.json()["hypervisors"]] == ["left-h0", "right-h0", "top-h0"]
    assert top.get("/os-hypervisors?zone.strict=1").status_code == 503
    for silent in (top.put(f"/os-aggregates/{aggregate}", {"aggregate": {"name": "x"}}), top.delete(f"/os-aggregates/{aggregate}"),
                   top.put("/os-services/disable", {"host": "leaf-h0", "binary": "nova-compute"})):
        assert silent.status_code == 503, silent.text
