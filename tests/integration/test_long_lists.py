"""Lists that are longer than a window: they go out as they come, whole and in order over two hops, and a zone that falls silent while
one is on its way ends the page where it was whole, with the link to the page that names it."""
import json
import signal

import pytest

from lib.pages import created_seconds, missing_in, newest_first
from lib.rows_by_sql import copy_server
from lib.servers import Door, stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}},
                              "west": {"hosts": 1, "settings": {"api": {"max_limit": 300}}}}}}  # it gives less than it is asked for
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
MOST = 100000
COPIES = {"east-1": 9000, "west": 2500}
METADATA = 1300  # bytes: what the sockets and windows on the way hold is less than half of the whole
ANSWER_SECONDS = 120


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY, settings={"api": {"max_limit": MOST}, "zones": {"child_timeout_ms": 3000}})


@pytest.fixture(scope="module")
def order(tree, mariadb, here):
    """All ids, newest first; {zone: its ids}."""
    for name, count in COPIES.items():
        door = Door(tree[name], mariadb, stock(tree.http(name), here), password=tree.root.password)
        first = door.ask("first")
        door.wait_settled([first])
        copy_server(mariadb, tree[name].schema, first, count, METADATA)
    owned = {name: created_seconds(mariadb, [tree[name]]) for name in COPIES}
    assert {name: len(rows) for name, rows in owned.items()} == {name: count + 1 for name, count in COPIES.items()}
    return newest_first({uuid: seconds for rows in owned.values() for uuid, seconds in rows.items()})


def ids(body):
    return [row["id"] for row in body["servers"]]


def next_of(body):
    return next((link["href"] for link in body.get("servers_links", ()) if link["rel"] == "next"), None)


@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
@pytest.mark.parametrize("limit", [1001, 5000, MOST])
def test_one_page_of_many_windows(tree, order, path, limit):
    answer = tree.http("root").get(f"{path}?limit={limit}", timeout=ANSWER_SECONDS)
    body = answer.json()
    assert answer.status_code == 200 and missing_in(answer) == {}
    assert answer.headers["Transfer-Encoding"] == "chunked" and answer.headers["Content-Type"] == "application/json"
    assert ids(body) == order[:limit]
    assert bool(next_of(body)) == (limit < len(order))


def test_a_page_of_one_window_has_its_length(tree, order):
    answer = tree.http("root").get("/servers?limit=1000")
    assert int(answer.headers["Content-Length"]) == len(answer.content) and ids(answer.json()) == order[:1000]


def test_pages_of_many_windows_are_the_whole(tree, order):
    http, target, seen = tree.http("root"), "/servers?limit=3500", []
    while target:
        body = http.get(target, timeout=ANSWER_SECONDS).json()
        seen += ids(body)
        target = next_of(body) and next_of(body).removeprefix(http.zone.url)
    assert seen == order


def test_another_order(tree, order):
    answer = tree.http("root").get(f"/servers?sort_key=uuid&sort_dir=desc&limit={MOST}", timeout=ANSWER_SECONDS)
    assert ids(answer.json()) == sorted(order, reverse=True)


def test_a_client_that_leaves(tree, order):
    http = tree.http("root")
    with http.get(f"/servers/detail?limit={MOST}", stream=True, timeout=ANSWER_SECONDS) as answer:
        assert answer.raw.read(1000)
    assert ids(http.get("/servers?limit=5").json()) == order[:5]


def test_a_zone_that_falls_silent_meanwhile(tree, order):
    """What was promised at the head holds for all rows: the page ends early, and the next one says who is missing."""
    http, leaf = tree.http("root"), tree["east-1"]
    with http.get(f"/servers/detail?limit={MOST}", stream=True, timeout=ANSWER_SECONDS) as answer:
        text = answer.raw.read(1000, decode_content=True)
        leaf.process.signal(signal.SIGSTOP)
        try:
            text += answer.raw.read(decode_content=True)
            body = json.loads(text)
            seen = ids(body)
            assert answer.status_code == 200 and missing_in(answer) == {}
            assert 1000 <= len(seen) < len(order) and seen == order[:len(seen)]
            href = next_of(body)
            assert href, "a page that ended early leads on"
            target = href.removeprefix(http.zone.url)
            rest = http.get(target, timeout=ANSWER_SECONDS)
            assert set(missing_in(rest)) == {"east/east-1"}
            assert set(ids(rest.json())) < set(order[len(seen):])
            refused = http.get(f"{target}&zone.strict=1", timeout=ANSWER_SECONDS)
            assert refused.status_code == 503
        finally:
            leaf.process.signal(signal.SIGCONT)
    wait_for(lambda: not missing_in(http.get("/servers?limit=1")), 60, "east-1 to be heard again")
    assert ids(http.get(target, timeout=ANSWER_SECONDS).json()) == order[len(seen):]
