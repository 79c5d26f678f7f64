"""Users as the openstack command makes and shows them: their default project, and what a login without scope makes of it."""
import pytest

from lib.clients import CommandLine, Http


@pytest.fixture(scope="module")
def zone(make_zone):
    zone = make_zone("users")
    zone.bootstrap()
    return zone.start()


@pytest.fixture(scope="module")
def command(zone):
    return CommandLine(zone)


def scope_of(http, user):
    identity = {"methods": ["password"], "password": {"user": {"id": user, "password": "secret"}}}
    answer = http.post("/identity/v3/auth/tokens", {"auth": {"identity": identity}})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"].get("project", {}).get("name")


def test_default_project(zone, command):
    http = Http(zone)
    projects = {name: command.json("project", "create", name)["id"] for name in ("one", "two")}
    made = command.json("user", "create", "--project", "one", "--password", "secret", "--email", "ann@example.org", "--description", "a user", "ann")
    shown = command.json("user", "show", "ann")
    assert shown == made == {"default_project_id": projects["one"], "description": "a user", "domain_id": "default", "email": "ann@example.org",
                             "enabled": True, "id": made["id"], "name": "ann", "options": {}, "password_expires_at": None}
    assert scope_of(http, made["id"]) is None  # no role there yet
    command.run("role", "add", "--user", "ann", "--project", "one", "member")
    assert scope_of(http, made["id"]) == "one"
    command.run("user", "set", "--project", "two", "ann")
    row, = [row for row in command.json("user", "list", "--long") if row["Name"] == "ann"]
    assert row["Project"] == command.json("user", "show", "ann")["default_project_id"] == projects["two"]
    command.run("project", "delete", "two")
    assert "default_project_id" not in command.json("user", "show", "ann")


def test_without_default_project(zone, command):
    made = command.json("user", "create", "--password", "secret", "bob")
    assert "default_project_id" not in made
    http = Http(zone)
    project = http.fetch("/identity/v3/auth/projects")["projects"][0]["id"]
    for given, shown in ((project, project), (None, None)):
        answer = http.request("PATCH", f"/identity/v3/users/{made['id']}", json={"user": {"default_project_id": given}})
        assert answer.status_code == 200 and answer.json()["user"].get("default_project_id") == shown, answer.text
