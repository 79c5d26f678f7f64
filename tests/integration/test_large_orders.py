"""Orders that are large: a request at the limit of a body arrives two zones below, and hundreds of servers of one request get their places in
more than one question."""
import base64

import pytest

from lib.observe import servers, tasks
from lib.servers import stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 2}}}}}}
CAPACITY = {"vcpus": 4000, "ram_mib": 400_000, "disk_gib": 100_000}
MANY = 300


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY)


@pytest.fixture(scope="module")
def image(tree, here):
    return stock(tree.http("root"), here)


def test_a_body_at_the_limit_passes_two_hops(tree, image):
    root = tree.http("root")
    files = [{"path": f"/file-{number}", "contents": base64.b64encode(bytes([number]) * 6000).decode()} for number in range(5)]
    body = {"server": {"name": "large", "imageRef": image, "flavorRef": "1", "user_data": base64.b64encode(b"u" * 49000).decode(),
                       "personality": files}}
    answer = root.post("/servers", body)
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_for(lambda: root.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the server to be ACTIVE")
    assert tree.http("east-1").get(f"/servers/{server}").status_code == 200


def test_more_places_than_one_question_holds(tree, image, mariadb):
    root, leaf = tree.http("root"), tree["east-1"]
    answer = root.post("/servers", {"server": {"name": "many", "imageRef": image, "flavorRef": "1", "min_count": MANY, "max_count": MANY,
                                               "return_reservation_id": True}})
    assert answer.status_code == 202, answer.text
    wait_for(lambda: sum(row[0] == "active" for row in servers(leaf, mariadb).values()) >= MANY, 280,
             lambda: f"{MANY} servers; tasks at root: {tasks(tree.root, mariadb)}, rows {len(servers(leaf, mariadb))}")
    names = mariadb.sql(leaf.schema, "SELECT COUNT(DISTINCT display_name) FROM servers WHERE display_name LIKE 'many-%'")
    assert names == [[str(MANY)]]
