"""What admins and old clients look at: diagnostics, hosts up to 2.42, migrations, passwords and topologies that servers have none of; here
and through a parent."""
import datetime

import pytest

from lib.clients import CommandLine
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 8, "ram_mib": 4096, "disk_gib": 40}
DISK = {"read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count"}
COUNTED = {"state", "driver", "hypervisor", "hypervisor_os", "uptime", "config_drive", "num_cpus", "num_nics", "num_disks", "cpu_details",
           "disk_details", "nic_details", "memory_details"}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"children": {"leaf": {"hosts": 1}}}}, capacity=CAPACITY)


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def member(tree, root):
    """Somebody without the role admin."""
    user = root.post("/identity/v3/users", {"user": {"name": "reader", "password": "secret", "email": "reader@example.org"}})
    assert user.status_code == 201 and user.json()["user"]["email"] == "reader@example.org", user.text
    roles = {role["name"]: role["id"] for role in root.get("/identity/v3/roles").json()["roles"]}
    granted = root.put(f"/identity/v3/projects/{root.project}/users/{user.json()['user']['id']}/roles/{roles['member']}")
    assert granted.status_code == 204, granted.text
    scope = {"project": {"id": root.project}}
    identity = {"methods": ["password"], "password": {"user": {"id": user.json()["user"]["id"], "password": "secret"}}}
    answer = root.post("/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


@pytest.fixture(scope="module")
def server(root, here):
    made = root.post("/servers", {"server": {"name": "seen", "imageRef": stock(root, here), "flavorRef": FLAVOR}})
    assert made.status_code == 202, made.text
    server = made.json()["server"]["id"]
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the build")
    return server


@pytest.fixture(params=["root", "leaf"])
def door(request, tree):
    return tree.http(request.param)


def test_diagnostics(door, server):
    new = door.fetch(f"/servers/{server}/diagnostics", version="2.48")
    assert set(new) == COUNTED and (new["state"], new["driver"], new["hypervisor"]) == ("running", "libvirt", "test")
    assert new["memory_details"] == {"maximum": 96, "used": 96} and new["uptime"] >= 0
    assert new["num_disks"] == len(new["disk_details"]) >= 1 and all(set(disk) == DISK for disk in new["disk_details"])
    assert new["num_cpus"] == 1 and new["cpu_details"][0]["id"] == 0 and new["cpu_details"][0]["time"] > 0
    assert new["num_nics"] == 0 and new["nic_details"] == [] and new["config_drive"] is False
    old = door.fetch(f"/servers/{server}/diagnostics", version="2.47")
    assert old["memory"] == 96 * 1024 and old["cpu0_time"] > 0 and {"vda_read", "vda_read_req", "vda_write", "vda_write_req"} <= set(old)


def test_diagnostics_are_for_admins_and_guests_that_exist(root, server, member):
    assert root.get(f"/servers/{server}/diagnostics", token=member).status_code == 403
    for path in ("diagnostics", "migrations"):
        assert root.get(f"/servers/11111111-2222-3333-4444-555555555555/{path}", version="2.48").status_code == 404


def test_what_servers_have_none_of(door, server):
    assert door.fetch(f"/servers/{server}/os-server-password") == {"password": ""}
    assert door.delete(f"/servers/{server}/os-server-password").status_code == 204
    assert door.fetch(f"/servers/{server}/topology", version="2.78") == {"nodes": [], "pagesize_kb": None}
    assert door.get(f"/servers/{server}/topology", version="2.77").status_code == 404
    assert door.fetch(f"/servers/{server}/migrations", version="2.23") == {"migrations": []}
    assert door.get(f"/servers/{server}/migrations", version="2.22").status_code == 404
    assert door.get(f"/servers/{server}/migrations/1", version="2.23").status_code == 404
    assert door.fetch("/os-migrations") == {"migrations": []}
    assert door.fetch(f"/servers/{server}/os-volume_attachments") == {"volumeAttachments": []}
    assert door.get(f"/servers/{server}/os-volume_attachments/{server}").status_code == 404
    for path in ("os-server-password", "topology"):
        assert door.get(f"/servers/11111111-2222-3333-4444-555555555555/{path}", version="2.78").status_code == 404


def test_hosts_are_listed_and_shown(door, server):
    rows = [row for row in door.fetch("/os-hosts", version="2.42")["hosts"] if row["service"] == "compute"]
    assert rows == [{"host_name": "leaf-h0", "service": "compute", "zone": "leaf"}]
    assert [row["host_name"] for row in door.fetch("/os-hosts?zone=leaf")["hosts"]] == ["leaf-h0"]
    assert door.fetch("/os-hosts?zone=nowhere")["hosts"] == []
    shown = {row["resource"]["project"]: row["resource"] for row in door.fetch("/os-hosts/leaf-h0")["host"]}
    project = door.fetch(f"/servers/{server}")["server"]["tenant_id"]
    assert set(shown) == {"(total)", "(used_now)", "(used_max)", project}
    assert shown["(total)"] == {"host": "leaf-h0", "project": "(total)", "cpu": 8, "memory_mb": 4096, "disk_gb": 40}
    assert [shown[key]["memory_mb"] for key in ("(used_now)", "(used_max)", project)] == [96] * 3


def test_hosts_of_old_clients_only(root, member):
    assert root.get("/os-hosts", version="2.43").status_code == 404
    assert root.get("/os-hosts", token=member).status_code == 403
    assert root.get("/os-hosts/nowhere").status_code == 404


@pytest.mark.parametrize("path, body", [("startup", None), ("shutdown", None), ("reboot", None), ("", {"status": "disable"}),
                                        ("", {"maintenance_mode": "enable"})])
def test_what_libvirt_cannot_do_to_a_host(door, path, body):
    def ask(host):
        return door.put(f"/os-hosts/{host}", body) if body else door.get(f"/os-hosts/{host}/{path}")
    assert ask("leaf-h0").status_code == 501 and "Virt driver does not implement host" in ask("leaf-h0").text
    assert ask("nowhere").status_code == 404


@pytest.mark.parametrize("body", [{}, {"status": "off"}, {"other": "enable"}, {"status": 1}])
def test_bad_changes_of_a_host(root, body):
    assert root.put("/os-hosts/leaf-h0", body).status_code == 400


@pytest.mark.parametrize("query, version, status", [
    ("limit=a", "2.59", 400), ("limit=a", "2.58", 200), ("marker=11111111-2222-3333-4444-555555555555", "2.59", 400),
    ("changes-since=nonsense", "2.59", 400), ("changes-since=2020-01-01T00:00:00Z", "2.59", 200),
    ("changes-before=2020-01-01T00:00:00Z", "2.65", 400), ("changes-before=2020-01-01T00:00:00Z", "2.66", 200),
    ("user_id=a", "2.79", 400), ("user_id=a&project_id=b", "2.80", 200), ("unknown=1", "2.59", 400), ("unknown=1", "2.23", 200)])
def test_parameters_of_migrations(root, query, version, status):
    assert root.get(f"/os-migrations?{query}", version=version).status_code == status


@pytest.mark.parametrize("path", ["/os-agents", "/os-cells", "/os-cells/detail", "/os-certificates/root", "/os-cloudpipe", "/os-fixed-ips/1",
                                  "/os-floating-ip-dns", "/os-floating-ips-bulk", "/os-fping", "/os-security-group-default-rules",
                                  "/servers/1/consoles", "/servers/1/os-virtual-interfaces"])
def test_what_nova_has_removed(root, path):
    for version in ("2.1", "2.93"):
        answer = root.get(path, version=version)
        assert answer.status_code == 410, f"{path}: {answer.status_code} {answer.text}"
        assert answer.json() == {"computeFault": {"code": 410, "message": "This resource is no longer available. No forwarding address is given."}}
    assert root.get(path, token="x").status_code == 401


AUDIT = "/os-instance_usage_audit_log"
NOT_RUN = {"num_hosts": 1, "num_hosts_done": 0, "num_hosts_running": 0, "num_hosts_not_run": 1, "hosts_not_run": ["leaf-h0"],
           "total_instances": 0, "total_errors": 0, "overall_status": "0 of 1 hosts done. 0 errors.", "log": {}}


@pytest.mark.parametrize("before, begin, end", [
    ("2026-03-15 12:00:00", "2026-02-01", "2026-03-01"), ("2026-03-15 12:00:00.5", "2026-02-01", "2026-03-01"),
    ("2026-03-01 00:00:00", "2026-01-01", "2026-02-01"), ("2026-03-01 00:00:00.000001", "2026-02-01", "2026-03-01"),
    ("2026-02-01 00:00:00", "2025-12-01", "2026-01-01"), ("2026-01-01 00:00:00.000000", "2025-11-01", "2025-12-01"),
    ("1960-06-30 23:59:59", "1960-05-01", "1960-06-01")])
def test_audits_do_not_run_here(door, server, before, begin, end):
    shown = door.fetch(f"{AUDIT}/{before}")["instance_usage_audit_log"]
    assert shown == {**NOT_RUN, "period_beginning": f"{begin} 00:00:00", "period_ending": f"{end} 00:00:00"}


def test_audits_of_the_last_month(door):
    shown = door.fetch(AUDIT)["instance_usage_audit_logs"]
    today = datetime.datetime.now(datetime.timezone.utc)
    assert {key: shown[key] for key in NOT_RUN} == NOT_RUN and len(shown) == len(NOT_RUN) + 2
    end = datetime.datetime.fromisoformat(shown["period_ending"])
    assert end.day == 1 and 0 <= (today.replace(tzinfo=None) - end).days <= 31
    assert datetime.datetime.fromisoformat(shown["period_beginning"]) == (end - datetime.timedelta(days=1)).replace(day=1)


def test_audits_of_this_zone_alone(root):
    shown = root.fetch(f"{AUDIT}?zone.local=1")["instance_usage_audit_logs"]
    assert (shown["num_hosts"], shown["hosts_not_run"], shown["overall_status"]) == (0, [], "ALL hosts done. 0 errors.")


@pytest.mark.parametrize("before", ["yesterday", "2026-03-15", "2026-03-15T12:00:00", "2026-02-30 00:00:00", "2026-03-15 12:00:60",
                                    "26-03-15 12:00:00", "2026-03-15 12:00:00.", "2026-03-15 12:00:00.1234567", "2026-03-15 12:00:00 x"])
def test_audits_before_no_date(door, member, before):
    answer = door.get(f"{AUDIT}/{before}")
    assert answer.status_code == 400 and answer.json()["badRequest"]["message"] == f"Invalid timestamp for date {before}"
    assert door.get(f"{AUDIT}/{before}", token=member).status_code == 403


def test_parameters_that_are_repeated(door, server):
    """The last counts; what Nova takes once only is 400."""
    name = door.fetch(f"/servers/{server}")["server"]["name"]
    assert [row["id"] for row in door.fetch(f"/servers?name=nobody&name={name}")["servers"]] == [server]
    assert door.fetch(f"/servers?name={name}&name=nobody")["servers"] == []
    assert door.fetch("/os-hosts?zone=leaf&zone=nowhere")["hosts"] == []
    assert {row["host"] for row in door.fetch("/os-services?host=nowhere&host=leaf-h0")["services"]} == {"leaf-h0"}
    assert len(door.fetch("/servers?limit=0&limit=1")["servers"]) == 1
    assert door.get("/servers?limit=x&limit=1").status_code == 400
    for query in ("limit=1&limit=1", "hypervisor_hostname_pattern=leaf&hypervisor_hostname_pattern=leaf", "with_servers=1&with_servers=0"):
        assert door.get(f"/os-hypervisors?{query}", version="2.53").status_code == 400
        assert door.get(f"/os-hypervisors?{query}", version="2.33").status_code == 200


@pytest.mark.parametrize("method, path, body, version", [
    ("POST", "action", {"sing": None}, "2.1"), ("POST", "action", {}, "2.1"), ("POST", "action", {"os-start": None, "os-stop": None}, "2.1"),
    ("POST", "action", {"reboot": {"type": "GENTLE"}}, "2.1"), ("POST", "action", {"reboot": None}, "2.1"),
    ("POST", "action", {"os-resetState": {"state": "x"}}, "2.1"), ("POST", "action", {"lock": {"locked_reason": ""}}, "2.73"),
    ("POST", "action", {"os-getConsoleOutput": {"length": "x"}}, "2.1"), ("PUT", "", {"server": {"name": ""}}, "2.1"),
    ("POST", "metadata", {"metadata": {"a": 1}}, "2.1"), ("PUT", "metadata/a", {"meta": {"a": 1}}, "2.1"), ("PUT", "tags", {"tags": ["a,b"]}, "2.26"),
    ("POST", "os-interface", {"interfaceAttachment": {"net_id": "x"}}, "2.1")])
def test_a_bad_body_is_400_for_a_server_that_is_not_there_too(door, method, path, body, version):
    answer = door.request(method, f"/servers/11111111-2222-3333-4444-555555555555/{path}".rstrip("/"), json=body, version=version)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("value, kept", [(None, None), ("a" * 32, "a" * 32), ("", 400), (5, 400), ("x" * 65, 400), ("with blank", 400)])
def test_default_projects_that_are_sent(door, value, kept):
    """Keystone keeps the id of a project that is not there, and does not show what is none."""
    name = f"sent {value!r}"[:50] + door.zone.name
    answer = door.post("/identity/v3/users", {"user": {"name": name, "default_project_id": value}})
    if kept == 400:
        assert answer.status_code == 400, answer.text
        return
    assert answer.status_code == 201 and answer.json()["user"].get("default_project_id") == kept, answer.text
    user = answer.json()["user"]["id"]
    for change, shown in (("b" * 32, "b" * 32), (None, None)):
        changed = door.request("PATCH", f"/identity/v3/users/{user}", json={"user": {"default_project_id": change}})
        assert changed.status_code == 200 and changed.json()["user"].get("default_project_id") == shown, changed.text
        assert door.fetch(f"/identity/v3/users/{user}")["user"].get("default_project_id") == shown
