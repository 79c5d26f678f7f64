"""Requests that are repeated under an Idempotency-Key: done once, answered alike, at any door; another question under the key is refused."""
import concurrent.futures

import pytest

from lib.clients import Http
from lib.observe import servers
from lib.servers import stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY)


@pytest.fixture(scope="module")
def image(tree, here):
    return stock(tree.http("root"), here)


def create(door, image, key, name="once"):
    body = {"server": {"name": name, "imageRef": image, "flavorRef": "1"}}
    return door.request("POST", "/servers", json=body, headers={"Idempotency-Key": key})


def act(door, server, key, action="reboot"):
    return door.request("POST", f"/servers/{server}/action", json={action: {"type": "HARD"}}, headers={"Idempotency-Key": key})


def actions_of(door, server, kind):
    return [row for row in door.fetch(f"/servers/{server}/os-instance-actions")["instanceActions"] if row["action"] == kind]


def test_a_create_is_done_once(tree, image, mariadb):
    root = tree.http("root")
    before = len(servers(tree["east-1"], mariadb))
    first = create(root, image, "make-it")
    again = create(root, image, "make-it")
    assert first.status_code == again.status_code == 202
    assert again.json() == first.json() and again.headers["Location"] == first.headers["Location"]
    assert "X-Idempotent-Replay" not in first.headers and again.headers["X-Idempotent-Replay"] == "true"
    assert len(servers(tree["east-1"], mariadb)) == before + 1
    other = create(root, image, "make-it", name="another")
    assert other.status_code == 422 and "Idempotency-Key" in other.text
    assert len(servers(tree["east-1"], mariadb)) == before + 1


def test_an_action_is_done_once_at_any_door(tree, image):
    root, leaf = tree.http("root"), tree.http("east-1")
    server = create(root, image, "to-act-on").json()["server"]["id"]
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the server")
    answers = [act(door, server, "boot-it") for door in (root, tree.http("east"), leaf, root)]
    assert [answer.status_code for answer in answers] == [202] * 4, [answer.text for answer in answers]
    assert ["X-Idempotent-Replay" in answer.headers for answer in answers] == [False, True, True, True]
    assert len(actions_of(root, server, "reboot")) == 1
    assert act(root, server, "boot-it", action="os-stop").status_code == 422


def test_keys_are_the_users_own(tree, image):
    root = tree.http("root")
    root.post("/identity/v3/users", {"user": {"name": "bob", "password": "bob-secret"}}).raise_for_status()
    user = root.fetch("/identity/v3/users?name=bob")["users"][0]["id"]
    role = root.fetch("/identity/v3/roles?name=member")["roles"][0]["id"]
    root.put(f"/identity/v3/projects/{root.project}/users/{user}/roles/{role}").raise_for_status()
    bob = Http(tree.root, username="bob", password="bob-secret")
    mine, his = create(root, image, "ours", name="mine"), create(bob, image, "ours", name="his")
    assert (mine.status_code, his.status_code) == (202, 202), his.text
    assert mine.json()["server"]["id"] != his.json()["server"]["id"]


def test_at_once(tree, image, mariadb):
    """Of simultaneous ones one is carried out; the others are told so, or get its answer."""
    root = tree.http("root")
    before = len(servers(tree["east-1"], mariadb))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(root, image, "at-once"), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}, [answer.text for answer in answers]
    made = {answer.json()["server"]["id"] for answer in answers if answer.status_code == 202}
    assert len(made) == 1
    assert len(servers(tree["east-1"], mariadb)) == before + 1


def test_refusals_are_kept_and_answers_are_sealed(tree, image, mariadb):
    root = tree.http("root")
    missing = [act(root, "11111111-2222-4333-8444-555555555555", "no-such") for _ in range(2)]
    assert [answer.status_code for answer in missing] == [404, 404]
    body = {"server": {"name": "", "imageRef": image, "flavorRef": "1"}}
    refused = [root.request("POST", "/servers", json=body, headers={"Idempotency-Key": "bad"}) for _ in range(2)]
    assert [answer.status_code for answer in refused] == [400, 400] and refused[0].json() == refused[1].json()
    for key in ("", "x" * 256, "two words"):
        assert root.request("POST", "/servers", json=body, headers={"Idempotency-Key": key}).status_code == 400, key
    stored = mariadb.sql(tree.root.schema, "SELECT HEX(answer) FROM idempotency WHERE answer IS NOT NULL")
    assert stored and all("6F6E6365" not in row[0] for row in stored), "answers are sealed at rest"
