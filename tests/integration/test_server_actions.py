"""Actions on a server that need no other host: what they do to its domain, who may, and when."""
import pytest

from lib.clients import CLIENTS_NEWEST, CommandLine, Http
from lib.observe import assert_nothing_left
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

NEWEST = "2.93"


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    zone = make_zone("acts")
    zone.bootstrap()
    zone.host = make_host("acts-h0")
    zone.add_host(zone.host, vcpus=64, ram_mib=65536, disk_gib=1000)
    return zone.start()


@pytest.fixture(scope="module")
def other_project(zone):
    """Where the admin is not the owner."""
    http = Http(zone)
    project = http.post("/identity/v3/projects", {"project": {"name": "others"}}).json()["project"]["id"]
    user = http.post("/identity/v3/users", {"user": {"name": "owner", "password": "owner-secret"}}).json()["user"]["id"]
    role, = http.fetch("/identity/v3/roles?name=member")["roles"]
    assert http.put(f"/identity/v3/projects/{project}/users/{user}/roles/{role['id']}").status_code == 204
    return "others"


@pytest.fixture(scope="module")
def admin(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def owner(zone, other_project):
    return Http(zone, username="owner", password="owner-secret", project=other_project)


@pytest.fixture(scope="module")
def image(admin, here):
    return stock(admin, here)


@pytest.fixture
def server(owner, image, zone, mariadb, admin):
    answer = owner.post("/servers", {"server": {"name": "act", "imageRef": image, "flavorRef": FLAVOR}})
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_state(owner, server, "active")
    yield server
    if admin.get(f"/servers/{server}").status_code == 200:
        assert admin.delete(f"/servers/{server}").status_code == 204
        assert_nothing_left(zone, mariadb, [zone.host], server)


def shown(http, server, version=NEWEST):
    return http.fetch(f"/servers/{server}", version=version)["server"]


def wait_state(http, server, vm_state):
    def look():
        found = shown(http, server)
        return found if found["OS-EXT-STS:vm_state"] == vm_state and found["OS-EXT-STS:task_state"] is None else None
    return wait_for(look, 60, lambda: f"{vm_state}, no task: {shown(http, server)}")


def act(http, server, key, value=None, version=None):
    return http.post(f"/servers/{server}/action", {key: value}, version=version)


def done(http, server, key, value=None, version=None):
    answer = act(http, server, key, value, version)
    assert answer.status_code == 202, f"{key}: {answer.status_code} {answer.text}"


def refused(http, server, key, status, words, value=None, version=None):
    answer = act(http, server, key, value, version)
    assert answer.status_code == status and words in answer.text, f"{key}: {answer.status_code} {answer.text}"


def domain_state(zone, server):
    return zone.host.virsh("domstate", server)[1].strip()


def names_of(http, server):
    return [action["action"] for action in http.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"]]


def test_pause_and_unpause(zone, owner, server):
    done(owner, server, "pause")
    found = wait_state(owner, server, "paused")
    assert (found["status"], found["OS-EXT-STS:power_state"]) == ("PAUSED", 3) and domain_state(zone, server) == "paused"
    refused(owner, server, "pause", 409, f"Cannot 'pause' instance {server} while it is in vm_state paused")
    refused(owner, server, "os-stop", 409, "Cannot 'stop'")
    done(owner, server, "unpause")
    assert wait_state(owner, server, "active")["OS-EXT-STS:power_state"] == 1 and domain_state(zone, server) == "running"
    refused(owner, server, "unpause", 409, f"Cannot 'unpause' instance {server} while it is in vm_state active")
    assert names_of(owner, server) == ["unpause", "pause", "create"]


def test_suspend_and_resume(zone, owner, server):
    done(owner, server, "suspend")
    assert wait_state(owner, server, "suspended")["status"] == "SUSPENDED" and domain_state(zone, server) == "shut off"
    assert "Managed save:   yes" in zone.host.virsh("dominfo", server)[1]
    refused(owner, server, "suspend", 409, "Cannot 'suspend'")
    done(owner, server, "resume")
    wait_state(owner, server, "active")
    assert domain_state(zone, server) == "running" and "Managed save:   no" in zone.host.virsh("dominfo", server)[1]
    refused(owner, server, "resume", 409, "Cannot 'resume'")
    assert names_of(owner, server) == ["resume", "suspend", "create"]


@pytest.mark.parametrize("first, state", [("pause", "paused"), ("suspend", "suspended")])
def test_a_hard_reboot_forgets_what_stood_still(zone, owner, server, first, state):
    done(owner, server, first)
    wait_state(owner, server, state)
    refused(owner, server, "reboot", 409, "Cannot 'reboot'", {"type": "SOFT"})
    done(owner, server, "reboot", {"type": "HARD"})
    wait_state(owner, server, "active")
    assert domain_state(zone, server) == "running" and "Managed save:   no" in zone.host.virsh("dominfo", server)[1]


@pytest.mark.parametrize("first, state", [("pause", "paused"), ("suspend", "suspended")])
def test_what_stands_still_can_be_deleted(zone, mariadb, owner, server, first, state):
    done(owner, server, first)
    wait_state(owner, server, state)
    assert owner.delete(f"/servers/{server}").status_code == 204
    assert_nothing_left(zone, mariadb, [zone.host], server)


def test_the_owners_lock(owner, admin, server):
    done(owner, server, "lock", {"locked_reason": "ignored"}, version="2.72")
    found = shown(owner, server)
    assert found["locked"] is True and found["locked_reason"] is None
    done(owner, server, "lock", {"locked_reason": "a second lock changes nothing"}, version="2.73")
    assert shown(owner, server)["locked_reason"] is None
    for key in ("os-stop", "pause", "suspend", "forceDelete"):
        refused(owner, server, key, 409, f"Instance {server} is locked")
    assert owner.delete(f"/servers/{server}").status_code == 409
    assert owner.post(f"/servers/{server}/metadata", {"metadata": {"a": "b"}}).status_code == 409
    done(admin, server, "pause")  # an admin may all the same
    wait_state(owner, server, "paused")
    done(owner, server, "unlock")
    found = shown(owner, server)
    assert found["locked"] is False and found["locked_reason"] is None
    done(owner, server, "unpause")
    wait_state(owner, server, "active")
    assert names_of(owner, server) == ["unpause", "unlock", "pause", "lock", "create"]


def test_an_admins_lock_is_not_the_owners_to_open(owner, admin, server):
    done(admin, server, "lock", {"locked_reason": "under repair"}, version="2.73")
    assert shown(owner, server)["locked_reason"] == "under repair"
    assert "locked_reason" not in shown(owner, server, "2.72") and "locked" not in shown(owner, server, "2.8")
    assert [found["id"] for found in owner.fetch("/servers?locked=true", version="2.73")["servers"]] == [server]
    refused(owner, server, "unlock", 403, "unlock_override")
    done(admin, server, "unlock")
    assert shown(owner, server)["locked"] is False


@pytest.mark.parametrize("version, value, status", [
    ("2.72", {"anything": 1}, 202), ("2.73", {"anything": 1}, 400), ("2.73", {"locked_reason": ""}, 400),
    ("2.73", {"locked_reason": "x" * 255}, 202), ("2.73", {"locked_reason": "x" * 256}, 400), ("2.73", {"locked_reason": None}, 400),
    ("2.73", {}, 202), (NEWEST, None, 202)])
def test_reasons(owner, server, version, value, status):
    assert act(owner, server, "lock", value, version).status_code == status


def test_reset_state(owner, admin, server):
    refused(owner, server, "os-resetState", 403, "reset_state", {"state": "error"})
    for value in (None, {}, {"state": "stopped"}, {"state": "ERROR"}, {"state": "error", "more": 1}):
        assert act(admin, server, "os-resetState", value).status_code == 400
    done(admin, server, "os-resetState", {"state": "error"})
    assert shown(owner, server)["status"] == "ERROR"
    refused(owner, server, "pause", 409, "vm_state error")
    done(admin, server, "os-resetState", {"state": "active"})
    assert shown(owner, server)["status"] == "ACTIVE"


def test_force_delete(zone, mariadb, owner, server):
    done(owner, server, "forceDelete")
    assert_nothing_left(zone, mariadb, [zone.host], server)
    assert owner.get(f"/servers/{server}").status_code == 404


def test_restore_is_for_what_was_deleted_softly(owner, server):
    refused(owner, server, "restore", 409, f"Cannot 'restore' instance {server} while it is in vm_state active")


@pytest.mark.parametrize("key", ["addSecurityGroup", "removeSecurityGroup"])
@pytest.mark.parametrize("value, status", [(None, 400), ({}, 400), ({"name": ""}, 400), ({"name": "  "}, 400), ({"name": 7}, 400),
                                           ({"name": "web"}, 404), ({"name": "default"}, 404)])
def test_security_groups_have_nothing_to_hang_on(owner, server, key, value, status):
    assert act(owner, server, key, value).status_code == status


@pytest.mark.parametrize("key", ["pause", "unpause", "suspend", "resume", "lock", "unlock", "os-resetState", "forceDelete", "restore"])
def test_of_a_server_that_is_not_there(admin, key):
    value = {"state": "error"} if key == "os-resetState" else None
    refused(admin, "11111111-2222-4333-8444-555555555555", key, 404, "could not be found", value)


def test_by_the_openstack_command(zone, owner, server):
    command = CommandLine(zone, CLIENTS_NEWEST, username="owner", password="owner-secret", project="others")
    for words, state in ((["pause"], "paused"), (["unpause"], "active"), (["suspend"], "suspended"), (["resume"], "active")):
        command.run("server", *words, server)
        wait_state(owner, server, state)
    command.run("server", "lock", "--reason", "mine", server)
    assert shown(owner, server)["locked_reason"] == "mine"
    command.run("server", "unlock", server)
    assert shown(owner, server)["locked"] is False


# A body that fits (None: of no version), and bodies that do not.
BODIES = {
    "os-start": (None, []), "os-stop": (None, []), "pause": (None, []), "unpause": (None, []), "suspend": (None, []), "resume": (None, []),
    "unlock": (None, []), "forceDelete": (None, []), "restore": (None, []),
    "lock": ({"locked_reason": "why"}, [{"locked_reason": ""}, {"locked_reason": 1}, {"other": "x"}, [], "x"]),
    "reboot": ({"type": "SOFT"}, [None, {}, {"type": "WARM"}, {"type": None}, {"type": "HARD", "more": 1}, "SOFT"]),
    "os-resetState": ({"state": "error"}, [None, {}, {"state": "stopped"}, {"state": 1}, {"state": "error", "more": 1}, "error"]),
    "os-getConsoleOutput": ({"length": 5}, [None, {"length": -2}, {"length": "five"}, {"more": 1}, [], 5]),
    "addSecurityGroup": ({"name": "default"}, [None, {}, {"name": ""}, "default", []]),
    "removeSecurityGroup": ({"name": "default"}, [None, {}, {"name": ""}, "default", []]),
}
UNKNOWN = ("11111111-2222-3333-4444-555555555555", "no-uuid")


@pytest.mark.parametrize("key", BODIES)
def test_bodies_are_judged_before_the_server_is_looked_for(admin, owner, key):
    good, bad = BODIES[key]
    for server in UNKNOWN:
        assert admin.post(f"/servers/{server}/action", {key: good}, version=NEWEST).status_code == 404
        for http in (admin, owner):
            for value in bad:
                answer = http.post(f"/servers/{server}/action", {key: value}, version=NEWEST)
                assert answer.status_code == 400, f"{server} {key} {value}: {answer.text}"
            for body in ({key: good, "more": None}, [{key: good}], {}, {key + "x": good}):
                assert http.post(f"/servers/{server}/action", body, version=NEWEST).status_code == 400, f"{server} {body}"
