"""Concatenated pages are the sorted whole: of one zone by several keys, and of a tree, from every zone of it, while servers come and
while a leaf falls silent. The order is computed from what the test itself created."""
import concurrent.futures
import itertools
import signal

import pytest

from lib.clients import Http
from lib.observe import servers
from lib.pages import ANSWER_SECONDS, Pager, created_seconds, missing_in, newest_first
from lib.servers import Door, stock
from lib.wait import wait_for

LIMIT = 7
HERE_COUNT = 60
NAMES = ("alpha", "Alpha", "alpha-2", "ärger", "z", "za", "日本", "0")  # in no order; sixty servers share them
DESCRIPTIONS = (None, "b", "a", "B")
CAPACITY = {"vcpus": 128, "ram_mib": 131072, "disk_gib": 2000}
NEW_ENOUGH = "2.19"  # knows descriptions


# --- one zone
class Made:
    """What the test asked for: {id: (name, description)}."""

    def __init__(self, door, count):
        pairs = list(itertools.islice(zip(itertools.cycle(NAMES), itertools.cycle(itertools.chain.from_iterable(
            itertools.repeat(each, len(NAMES)) for each in DESCRIPTIONS))), count))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda pair: ask(door, *pair), pairs))
        self.of = dict(zip(ids, pairs))


def ask(door, name, description):
    body = {"name": name, "imageRef": door.image, "flavorRef": "1", **({"description": description} if description else {})}
    answer = door.http.post("/servers", {"server": body}, version=NEW_ENOUGH)
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


@pytest.fixture(scope="module")
def door(one_zone, mariadb, here):
    return Door(one_zone, mariadb, stock(Http(one_zone), here))


@pytest.fixture(scope="module")
def made(door, mariadb):
    """Fast machines make sixty in a second: their times of creation are spread over some, which must matter."""
    made = Made(door, HERE_COUNT)
    door.wait_settled(made.of)
    mariadb.sql(door.zone.schema, "UPDATE servers SET created_at = created_at - INTERVAL CRC32(uuid) % 7 SECOND")
    return made.of


def text_order(value):
    """Bytes of UTF-8, nulls first."""
    return (value is not None, (value or "").encode())


COLUMNS = {"display_name": lambda made, created, uuid: text_order(made[uuid][0]),
           "display_description": lambda made, created, uuid: text_order(made[uuid][1]),
           "created_at": lambda made, created, uuid: created[uuid],
           "uuid": lambda made, created, uuid: uuid}


def sorted_by(made, created, keys):
    """By (column, direction) pairs, then as Nova does without any."""
    order = newest_first({uuid: created[uuid] for uuid in made})
    for column, direction in reversed(keys):
        order.sort(key=lambda uuid, key=COLUMNS[column]: key(made, created, uuid), reverse=direction == "desc")
    return order


SORTS = [[("display_name", "asc")], [("display_name", "desc")], [("created_at", "asc")], [("uuid", "desc")],
         [("display_description", "asc"), ("display_name", "desc")], [("display_description", "desc"), ("created_at", "asc")]]


@pytest.mark.parametrize("keys", [[], *SORTS], ids=lambda keys: "+".join(f"{column}-{direction}" for column, direction in keys) or "none")
@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
def test_pages_of_one_zone(door, made, mariadb, keys, path):
    query = "&".join(f"sort_key={column}&sort_dir={direction}" for column, direction in keys)
    expected = sorted_by(made, created_seconds(mariadb, [door.zone]), keys)
    assert Pager(door.http, LIMIT, query, path).read_all() == expected
    assert Pager(door.http, 1000, query, path).read_all() == expected


@pytest.mark.parametrize("limit", [1, HERE_COUNT - 1, HERE_COUNT, HERE_COUNT + 1])
def test_pages_of_any_size(door, made, mariadb, limit):
    assert Pager(door.http, limit).read_all() == newest_first(created_seconds(mariadb, [door.zone]))


def test_pages_of_a_filter(door, made, mariadb):
    expected = [uuid for uuid in newest_first(created_seconds(mariadb, [door.zone])) if made[uuid][0] in ("z", "za")]
    assert Pager(door.http, 4, "name=^z").read_all() == expected


def test_pages_while_servers_come_and_go(door, made, mariadb):
    """What was there from the beginning to the end is seen, once, in its order."""
    before = newest_first(created_seconds(mariadb, [door.zone]))
    pager, extra, gone = Pager(door.http, LIMIT), [], set()
    while not pager.over:
        pager.read()
        extra.append(ask(door, "extra", None))
        later = [uuid for uuid in before if uuid not in pager.ids and uuid not in gone]
        if later:
            gone.add(later[-1])
            door.ask_delete(later[-1])
            wait_for(lambda: not gone & servers(door.zone, mariadb).keys(), 30, "a server to go")
    assert [uuid for uuid in pager.ids if uuid not in extra] == [uuid for uuid in before if uuid not in gone]
    assert gone and not gone & set(pager.ids)


# --- a tree
PLAN = {"root": {"children": {"east": {"hosts": 1, "children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
OWNERS, TREE_COUNT = ("west", "east-1", "east"), 200
BELOW = {"root": {"root", "east", "east-1", "west"}, "east": {"east", "east-1"}, "east-1": {"east-1"}, "west": {"west"}}
PATH_OF = {("root", "east-1"): "east/east-1", ("east", "east-1"): "east-1", ("root", "west"): "west"}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY, settings={"zones": {"child_timeout_ms": 3000}})


@pytest.fixture(scope="module")
def forest(tree, mariadb, here):
    """The tree with its servers: {zone: {id: created}} of what each zone owns. Asked for where they shall live, of what is there."""
    doors = {name: Door(tree[name], mariadb, stock(tree.http(name), here), password=tree.root.password) for name in OWNERS}
    places = [OWNERS[number % len(OWNERS)] for number in range(TREE_COUNT)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = list(pool.map(lambda name: doors[name].ask("t", availability_zone=name), places))
    owned = {name: created_seconds(mariadb, [zone]) for name, zone in tree.zones.items()}
    assert len(set(asked)) == len(asked) == TREE_COUNT
    assert set(asked) == {uuid for rows in owned.values() for uuid in rows}
    assert {name: len(rows) for name, rows in owned.items()} == {"root": 0, **{name: places.count(name) for name in OWNERS}}
    for name, door in doors.items():
        door.wait_settled(owned[name], 120)
    return owned


def whole(forest, door):
    return newest_first({uuid: seconds for name in BELOW[door] for uuid, seconds in forest[name].items()})


@pytest.mark.parametrize("door", BELOW)
@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
def test_pages_of_the_tree(tree, forest, door, path):
    pager = Pager(tree.http(door), LIMIT, path=path)
    assert pager.read_all() == whole(forest, door)
    assert pager.missing == {}


def silence(zone, way):
    if way == "killed":
        zone.kill()
    else:
        zone.process.signal(signal.SIGSTOP)


def wake(tree, name, way):
    if way == "killed":
        tree[name].start()
    else:
        tree[name].process.signal(signal.SIGCONT)
    above = [tree.http(door) for door in BELOW if name in BELOW[door]]

    def still_missing():
        return {door.zone.name: missing for door in above if (missing := missing_in(door.get("/servers?limit=1")))}
    wait_for(lambda: not still_missing(), 60, lambda: f"{name} to be heard again, but {still_missing()}")


def read_to_the_middle(pager, expected, unwanted):
    """At least half; the last row, which is the marker of the next page, is none of `unwanted`."""
    while not pager.over and (len(pager.ids) < len(expected) / 2 or pager.ids[-1] in unwanted):
        pager.read()
    assert not pager.over
    return len(pager.ids)


@pytest.mark.parametrize("door, leaf, way", [("root", "east-1", "killed"), ("root", "west", "killed"), ("east", "east-1", "killed"),
                                             ("root", "east-1", "hanging"), ("root", "west", "hanging")])
def test_a_leaf_falls_silent_half_way(tree, forest, door, leaf, way):
    expected = whole(forest, door)
    pager = Pager(tree.http(door), LIMIT)
    seen = read_to_the_middle(pager, expected, forest[leaf])
    silence(tree[leaf], way)
    try:
        while not pager.over:
            pager.read()
            assert pager.missing.keys() == {PATH_OF[door, leaf]}
    finally:
        wake(tree, leaf, way)
    assert pager.ids == expected[:seen] + [uuid for uuid in expected[seen:] if uuid not in forest[leaf]]
    assert Pager(tree.http(door), LIMIT).read_all() == expected


def test_a_marker_of_a_silent_leaf(tree, forest):
    """In the usual order a remembered server says where its page begins; in another one only its owner knows: then an answer that
    says so, soon, and no page from the beginning."""
    expected = whole(forest, "root")
    place, marker = next((at, uuid) for at, uuid in enumerate(expected) if at >= 20 and uuid in forest["east-1"])
    assert Pager(tree.http("root"), LIMIT).read_all() == expected  # root has seen them all
    silence(tree["east-1"], "killed")
    try:
        usual = tree.http("root").get(f"/servers?limit={LIMIT}&marker={marker}", timeout=ANSWER_SECONDS)
        other = tree.http("root").get(f"/servers?limit={LIMIT}&marker={marker}&sort_key=display_name", timeout=ANSWER_SECONDS)
    finally:
        wake(tree, "east-1", "killed")
    rest = [uuid for uuid in expected[place + 1:] if uuid not in forest["east-1"]]
    assert usual.status_code == 200 and [row["id"] for row in usual.json()["servers"]] == rest[:LIMIT]
    assert other.status_code == 503 and ("east" in other.text or marker in other.text), f"{other.status_code} {other.text}"


@pytest.mark.parametrize("path, keys", [("/servers", {"id", "status", "links"}),
                                        ("/servers/detail", {"id", "status", "links", "tenant_id", "created"})])
def test_servers_of_a_silent_leaf_are_shown_as_unknown(tree, forest, path, keys):
    """From 2.69 on, in their places; below it they are left out; with a filter as well, since nothing else is known of them."""
    expected = whole(forest, "root")
    root = tree.http("root")
    assert Pager(root, LIMIT, path=path).read_all() == expected
    silence(tree["east-1"], "killed")
    try:
        new = root.get(path, version="2.69")
        old = root.get(path, version="2.68")
        filtered = root.get(f"{path}?status=ACTIVE", version="2.69")
    finally:
        wake(tree, "east-1", "killed")
    assert set(missing_in(new)) == {"east/east-1"}
    rows = new.json()["servers"]
    assert [row["id"] for row in rows] == expected
    unknown = [row for row in rows if row.get("status") == "UNKNOWN"]
    assert {row["id"] for row in unknown} == set(forest["east-1"])
    assert all(set(row) == keys for row in unknown)
    known = [uuid for uuid in expected if uuid not in forest["east-1"]]
    assert [row["id"] for row in old.json()["servers"]] == known
    assert [row["id"] for row in filtered.json()["servers"]] == known
    assert [row["id"] for row in root.get(path, version="2.69").json()["servers"] if row.get("status") != "UNKNOWN"] == expected


def test_what_was_deleted_is_not_unknown(tree, forest):
    """A server that another door deleted is forgotten with the next whole list of its zone."""
    east, root = tree.http("east-1"), tree.http("root")
    image = east.fetch("/image/v2/images")["images"][0]["id"]
    made = create_at(east, image)
    assert made in {row["id"] for row in root.fetch("/servers")["servers"]}
    assert east.delete(f"/servers/{made}").status_code == 204
    wait_for(lambda: made not in {row["id"] for row in root.fetch("/servers")["servers"]}, 60, "the server to go")
    silence(tree["east-1"], "killed")
    try:
        rows = root.get("/servers", version="2.69").json()["servers"]
    finally:
        wake(tree, "east-1", "killed")
    assert made not in {row["id"] for row in rows}


def create_at(client, image):
    answer = client.post("/servers", {"server": {"name": "passing", "imageRef": image, "flavorRef": "1"}})
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def test_the_owner_knows_the_time_of_what_was_just_made(tree, forest, mariadb, here):
    """What the entry zone remembers of a create is its own clock's time: a page after it begins where its owner says."""
    root = tree.http("root")
    made = create_at(root, stock(root, here))
    for zone in tree.zones.values():
        mariadb.sql(zone.schema, f"UPDATE servers SET created_at = created_at - INTERVAL 1 DAY WHERE uuid = UNHEX('{made.replace('-', '')}')")
    try:
        assert root.fetch(f"/servers?limit={LIMIT}&marker={made}")["servers"] == [], "it is the oldest of all"
    finally:
        assert root.delete(f"/servers/{made}").status_code == 204
