"""A child that does its worst: whatever it answers, the other child's servers are in the list, it is named itself, requests of others
are answered meanwhile, and the daemon neither grows without bound nor dies. One trick, one test."""
import contextlib
import gzip
import json
import re
import threading
import uuid

import pytest
import requests


from lib.hostile import ROWS, Hostile, endless, reply, row, rows, send, trailer
from lib.pages import missing_in
from lib.servers import Door, stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"good": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
CHILD_MS = 2000
ANSWER_SECONDS = 20
GROWTH_KIB = 600 << 10  # of the peak, under sanitizers: a list may have 64 MiB, and is copied once while it grows
OLD = 1_600_000_000  # seconds: behind all that the good child has
NEW = 4_000_000_000  # before it


# --- the tree
@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY, settings={"zones": {"child_timeout_ms": CHILD_MS}})


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def servers(tree, mariadb, here):
    """Ids of the good child's servers."""
    door = Door(tree["good"], mariadb, stock(tree.http("good"), here), password=tree.root.password)
    made = [door.ask(f"good-{number}") for number in range(3)]
    door.wait_settled(made)
    return set(made)


@pytest.fixture(scope="module")
def bad(tree, root, servers, make_zone):
    """A real zone without servers behind a hostile front, registered at root as `bad`."""
    zone = make_zone("bad", {"identity": {"url": f"{tree.root.url}/identity/v3"}})
    zone.upgrade()
    zone.start()
    front = Hostile((zone.address, zone.port))
    tree.root.cli("zone", "add", "bad", front.url, "--username", "admin", "--password-file", tree.root.password_file)
    wait_for(lambda: tree.active_children("root") == {"good", "bad"}, 60, "both children to be active")
    yield front
    front.close()


def zone_of(root, path):
    """(uuid, tag) of a zone in root's directory."""
    zones = root.fetch("/os-zones/info")["zone"]["directory"]["zones"]
    return next((uuid.UUID(zone["uuid"]), zone["tag"]) for zone in zones if zone["path"] == path)


def tagged(tag, number=1):
    """An id that says it was born in the zone with this tag."""
    return uuid.UUID(f"{number:08x}-0000-4000-8000-000000{tag}")


# --- what must hold meanwhile
def peak_kib(zone):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{zone.process.pid}/status").read())[1])


@contextlib.contextmanager
def unharmed(tree, servers):
    """The daemon answers others, the good child's servers among them, and its memory stays bounded."""
    before, over, problems = peak_kib(tree.root), threading.Event(), []

    def others():
        door = tree.http("root")
        while not over.wait(0.05):
            try:
                for path in ("/healthcheck", f"/servers/{min(servers)}"):
                    answer = door.get(path, timeout=ANSWER_SECONDS)
                    if answer.status_code != 200:
                        problems.append(f"{path}: {answer.status_code} {answer.text}")
            except requests.RequestException as problem:
                problems.append(repr(problem))

    thread = threading.Thread(target=others)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not problems, problems
    assert tree.root.alive
    assert peak_kib(tree.root) - before < GROWTH_KIB


def ids(answer):
    return [entry["id"] for entry in answer.json()["servers"]]


def settle(root):
    """After the trick it is a child like others again."""
    wait_for(lambda: not missing_in(root.get("/servers?limit=1")), 60, "the hostile child to be heard again")


def check_list(tree, root, bad, servers, trick, reasons, path="/servers/detail", query=""):
    """The list with the trick in it: all of the good child's servers, none of the other's, and the other is named."""
    with unharmed(tree, servers), bad.plays(trick, path):
        answer = root.get(f"{path}?{query}", timeout=ANSWER_SECONDS)
        played = bad.played
    settle(root)
    assert played, "the child was not asked"
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    assert sorted(ids(answer)) == sorted(servers)
    missing = missing_in(answer)
    assert set(missing) == {"bad"} and missing["bad"] in reasons, missing


def detail(server, root, **more):
    return json.dumps({"id": str(server), "tenant_id": root.project, "name": "bad", **more}, separators=(",", ":")).encode()


@pytest.fixture(scope="module")
def own(root, bad):
    """own(n): an id that the hostile child may speak for."""
    _, tag = zone_of(root, "bad")
    return lambda number: tagged(tag, number)


# --- it can also behave
def test_the_front_is_an_honest_child_without_a_trick(root, bad, servers):
    answer = root.get("/servers/detail")
    assert sorted(ids(answer)) == sorted(servers) and missing_in(answer) == {}


def test_rows_that_keep_the_rules_are_taken_as_they_are(tree, root, bad, servers, own):
    """`}],` in a string, escapes and nesting are nobody's business: the bytes stay."""
    body = detail(own(1), root, odd="}],\"servers_links\":[{", deep=[[{"a": [{}]}]])
    with unharmed(tree, servers), bad.plays(rows(row(NEW, own(1), body)), "/servers/detail"):
        answer = root.get("/servers/detail")
    assert ids(answer)[0] == str(own(1)) and set(ids(answer)[1:]) == servers and missing_in(answer) == {}
    assert body.decode() in answer.text
    settle(root)


# --- lies about the tree
def info(root, zones):
    """A trick that answers /os-zones/info with this directory."""
    zone, _ = zone_of(root, "bad")
    body = {"zone": {"name": "bad", "uuid": str(zone), "incarnation": 1, "protocol": [1, 1], "microversion": ["2.1", "2.79"],
                     "directory": {"digest": "0" * 32, "zones": zones}}}
    return reply(json.dumps(body).encode())


def polled(bad, trick, check, what, times=2):
    """Plays it at the poller until it was asked so often, and check() holds."""
    with bad.plays(trick, "/os-zones/info"):
        wait_for(lambda: bad.played >= times, 60, "the child to be polled")
        wait_for(check, 30, what)


def entry(zone, tag, path, **more):
    return {"uuid": str(zone), "tag": tag, "path": path, "state": "up", "untagged": False, **more}


def test_a_directory_with_another_child_in_it(tree, root, bad, servers):
    """The good child is known by its own link: what another one claims leads no request astray. Early in this file: the two ways must
    be equally healthy."""
    mine, good = zone_of(root, "bad"), zone_of(root, "good")
    trick = info(root, [entry(*mine, "."), entry(*good, "aaa")])
    stolen = reply(json.dumps({"server": {"id": min(servers), "name": "stolen"}}).encode())
    with unharmed(tree, servers):
        polled(bad, trick, lambda: "bad/aaa" in root.get("/os-zones/info").text, "the directory to be taken")
        with bad.plays(stolen, f"/servers/{min(servers)}"):
            answer = root.get(f"/servers/{min(servers)}")
            asked = bad.played
    wait_for(lambda: "bad/aaa" not in root.get("/os-zones/info").text, 60, "the true directory to be back")
    assert answer.status_code == 200 and answer.json()["server"]["name"] != "stolen" and not asked


NO_KEY = reply(b'{"error":{"message":"No link has the delegation\'s key.","code":401}}', status="401 Unauthorized")


def test_a_child_that_says_it_has_no_link(tree, root, bad, servers):
    """It is nowhere else in the tree: what it says of itself does not change its place."""
    with unharmed(tree, servers):
        polled(bad, NO_KEY, lambda: missing_in(root.get("/servers")) == {}, "a list, which it still answers", times=8)
        row_of = next(zone for zone in root.fetch("/os-zones/detail")["zones"] if zone["name"] == "bad")
        assert row_of["state"] != "disabled" and "auth" in row_of["last_error"]
    settle(root)


# --- lies in rows
def nested(depth, opening="[", closing="]"):
    return (opening * depth + closing * depth).encode()


ROW_TRICKS = {
    "keys out of order": lambda own, root: rows(row(OLD, own(1), detail(own(1), root)), row(NEW, own(2), detail(own(2), root))),
    "the same row twice": lambda own, root: rows(*[row(OLD, own(1), detail(own(1), root))] * 2),
    "a row of another project": lambda own, root: rows(row(OLD, own(1), detail(own(1), root, tenant_id="f" * 32))),
    "a row without project": lambda own, root: rows(row(OLD, own(1), b'{"id":"x"}')),
    "a key of another row": lambda own, root: rows(row(OLD, own(1), detail(own(1), root)).replace(own(1).bytes, own(2).bytes, 1)),
    "a list that ends inside a row": lambda own, root: rows(row(OLD, own(1), detail(own(1), root) + b"}],")),
    "a row that is two": lambda own, root: rows(row(OLD, own(1), detail(own(1), root) + b"," + detail(own(2), root))),
    "a row that is no object": lambda own, root: rows(row(OLD, own(1), b"[1]")),
    "a row of bytes": lambda own, root: rows(row(OLD, own(1), bytes(range(128, 256)))),
    "blanks around a row": lambda own, root: rows(row(OLD, own(1), b" " + detail(own(1), root))),
    "a row of depth 33": lambda own, root: rows(row(OLD, own(1), b'{"a":' + nested(32) + b"}")),
    "a row of depth 1000": lambda own, root: rows(row(OLD, own(1), b'{"a":' + nested(1000) + b"}")),
    "a row of depth 100000": lambda own, root: rows(row(OLD, own(1), b'{"a":' + nested(100_000) + b"}")),
    "objects of depth 100000": lambda own, root: rows(row(OLD, own(1), nested(100_000, '{"a":', "}"))),
    "a row too long": lambda own, root: rows(row(OLD, own(1), b'{"a":"' + b"x" * (1 << 20) + b'"}')),
    "lengths of 4 GiB": lambda own, root: reply(b"\xff" * 64, kind=ROWS),
    "no key": lambda own, root: reply(bytes(7) + b"\2" + bytes(16) + b"{}" + trailer(1), kind=ROWS),
    "no trailer": lambda own, root: rows(row(OLD, own(1), detail(own(1), root)), end=b""),
    "nothing": lambda own, root: reply(b"", kind=ROWS),
    "bytes behind the trailer": lambda own, root: rows(end=trailer(0) + b"x"),
    "two trailers": lambda own, root: rows(end=trailer(0) * 2),
    "more rows than none": lambda own, root: rows(end=trailer(0, more=True)),
    "a trailer that counts wrongly": lambda own, root: rows(row(OLD, own(1), detail(own(1), root)), end=trailer(2)),
    "a trailer of depth 33": lambda own, root: rows(end=trailer(0, text=b'{"more":false,"missing":[],"a":' + nested(33) + b"}")),
    "a trailer of depth 1000": lambda own, root: rows(end=trailer(0, text=nested(1000))),
    "a trailer of depth 30000": lambda own, root: rows(end=trailer(0, text=nested(30_000))),
    "a trailer too long": lambda own, root: rows(end=trailer(0, text=b'{"more":false,"missing":[],"a":"' + b"x" * 70_000 + b'"}')),
    "a missing zone that is a header": lambda own, root: rows(end=trailer(0, missing=[{"zone": "a\r\nX-Evil: 1", "reason": "timeout"}])),
    "a reason that is none": lambda own, root: rows(end=trailer(0, missing=[{"zone": "a", "reason": "because"}])),
    "too many missing zones": lambda own, root: rows(end=trailer(0, text=json.dumps(
        {"more": False, "missing": [{"zone": "a", "reason": "busy"}] * 2000}).encode())),
    "plain JSON": lambda own, root: reply(json.dumps({"servers": [{"id": str(own(1))}]}).encode()),
}


@pytest.mark.parametrize("trick", ROW_TRICKS)
def test_rows_that_lie(tree, root, bad, servers, own, trick):
    check_list(tree, root, bad, servers, ROW_TRICKS[trick](own, root), {"garbage"})


def test_rows_before_the_marker(tree, root, bad, servers, own):
    """The second page begins behind the newest server; a row before it would be a server twice, or one in the wrong place."""
    first = ids(root.get("/servers?limit=1"))
    trick = rows(row(NEW, own(1), detail(own(1), root)))
    with unharmed(tree, servers), bad.plays(trick, "/servers"):
        answer = root.get(f"/servers?marker={first[0]}", timeout=ANSWER_SECONDS)
    settle(root)
    assert set(ids(answer)) == servers - set(first) and missing_in(answer) == {"bad": "garbage"}


def test_rows_with_ids_of_another_zone(tree, root, bad, servers):
    """A row that comes first with the id of the good child's server would take its place."""
    trick = rows(*(row(NEW, uuid.UUID(server), detail(server, root)) for server in sorted(servers)[:1]))
    check_list(tree, root, bad, servers, trick, {"garbage"})


def test_rows_that_say_another_id_than_their_own(tree, root, bad, servers, own):
    check_list(tree, root, bad, servers, rows(row(OLD, own(1), detail(min(servers), root))), {"garbage"})


def test_a_thousand_missing_zones(tree, root, bad, servers):
    """They are true for all we know; the header that names them stays one that clients take."""
    missing = [{"zone": f"{'x' * 30}/{number}", "reason": "timeout"} for number in range(1000)]
    with unharmed(tree, servers), bad.plays(rows(end=trailer(0, missing=missing)), "/servers"):
        answer = root.get("/servers", timeout=ANSWER_SECONDS)
    settle(root)
    assert answer.status_code == 200 and set(ids(answer)) == servers
    assert missing_in(answer) == {"bad": "timeout"} and len(answer.headers["X-Zone-Missing"]) <= 8192


# --- lies on the wire
GOOD_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {ROWS}\r\n".encode()
CHUNKED = GOOD_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
EMPTY = trailer(0)
GARBAGE, SILENT = {"garbage"}, {"timeout"}

WIRE_TRICKS = {
    "no answer": (send(b""), GARBAGE),
    "not HTTP": (send(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256))), GARBAGE),
    "HTTP of 1990": (send(b"<html>old</html>"), GARBAGE),
    "half a head": (send(GOOD_HEAD), GARBAGE),
    "half a body": (send(GOOD_HEAD + b"Content-Length: 1000\r\n\r\n" + EMPTY), GARBAGE),
    "half a chunk": (send(CHUNKED + b"40\r\n" + EMPTY), GARBAGE),
    "no last chunk": (send(CHUNKED + b"%x\r\n" % len(EMPTY) + EMPTY + b"\r\n"), GARBAGE),
    "a chunk without length": (send(CHUNKED + b"zz\r\n" + EMPTY + b"\r\n0\r\n\r\n"), GARBAGE),
    "a length too small": (send(GOOD_HEAD + b"Content-Length: 20\r\n\r\n" + EMPTY), GARBAGE),
    "a length below zero": (send(GOOD_HEAD + b"Content-Length: -1\r\n\r\n" + EMPTY[:-1]), GARBAGE),
    "a length that is no number": (send(GOOD_HEAD + b"Content-Length: many\r\n\r\n" + EMPTY[:-1]), GARBAGE),
    "a length of 2^70": (send(GOOD_HEAD + b"Content-Length: 1180591620717411303424\r\n\r\n" + EMPTY[:-1]), GARBAGE),
    "a hundred thousand headers": (send(GOOD_HEAD + b"X-A: 1\r\n" * 100_000 + b"\r\n"), GARBAGE),
    "a header of 10 MiB": (send(GOOD_HEAD + b"X-A: " + b"x" * (10 << 20) + b"\r\n\r\n"), GARBAGE),
    "headers without end": (endless(GOOD_HEAD, b"X-A: 1\r\n" * 1000), GARBAGE),
    "answers before the answer without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), GARBAGE),
    "another protocol": (send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + bytes(64)), GARBAGE | SILENT),
    "a status that is none": (send(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), GARBAGE),
    "a status of words": (send(b"HTTP/1.1 OK fine\r\nContent-Length: 0\r\n\r\n"), GARBAGE),
    "a body without end": (endless(CHUNKED, CHUNK), GARBAGE | SILENT),
    "a body without end or length": (endless(GOOD_HEAD + b"Connection: close\r\n\r\n", CHUNK), GARBAGE | SILENT),
    "rows without end": (endless(CHUNKED, b"18\r\n" + bytes(24) + b"\r\n"), GARBAGE | SILENT),
    "a body that is said to be packed": (reply(b"\x1f\x8b\x08\0" + bytes(1000), headers=["Content-Encoding: gzip"], kind=ROWS), GARBAGE),
    "a bomb that is said to be packed": (reply(gzip.compress(bytes(100 << 20), 9), headers=["Content-Encoding: gzip"], kind=ROWS),
                                         GARBAGE),
    "a page": (reply(b"<html><body>It works!</body></html>", kind="text/html"), GARBAGE),
    "an error page": (reply(b"<html>no</html>", status="500 Internal Server Error", kind="text/html"), GARBAGE),
    "silence": (lambda connection, _: connection.recv(1), SILENT),
    "a head byte by byte": (endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"x", pause=0.05), SILENT),
    "a body byte by byte": (endless(GOOD_HEAD + b"Content-Length: 1000\r\n\r\n", b"x", pause=0.05), SILENT),
    "chunks byte by byte": (endless(CHUNKED, b"1\r\n\0\r\n", pause=0.05), SILENT),
}


@pytest.mark.parametrize("trick", WIRE_TRICKS)
def test_answers_that_are_none(tree, root, bad, servers, trick):
    how, reasons = WIRE_TRICKS[trick]
    check_list(tree, root, bad, servers, how, reasons)


def moved(status, url):
    return reply(b"", status=status, headers=[f"Location: {url}"])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_list_that_was_moved_is_not_followed(tree, root, bad, servers, status):
    elsewhere = Hostile(("127.0.0.1", 9))
    try:
        check_list(tree, root, bad, servers, moved(status, elsewhere.url + "/steal"), {"garbage"})
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


# --- lists that are not framed
@pytest.mark.parametrize("trick", [
    reply(b'{"hypervisors":' + nested(33) + b"}"), reply(nested(1000)), reply(nested(100_000)), reply(b'{"hypervisors":{}}'), reply(b"[]"),
    reply(b"<html>", kind="text/html"), reply(b'{"hypervisors":[],"hypervisors":[]}'), endless(CHUNKED, CHUNK),
    moved("302 Found", "http://127.0.0.1:9/"), send(GOOD_HEAD + b"Content-Length: 99\r\n\r\n{}"),
], ids=["depth-33", "depth-1000", "depth-100000", "object", "array", "page", "twice", "endless", "moved", "half"])
@pytest.mark.parametrize("path", ["/os-hypervisors"])
def test_other_lists(tree, root, bad, servers, path, trick):
    with unharmed(tree, servers), bad.plays(trick, path):
        answer = root.get(path, timeout=ANSWER_SECONDS)
    settle(root)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["hypervisors"]) == 1, "the good child's host"
    assert set(missing_in(answer)) == {"bad"}


@pytest.mark.parametrize("entries", [[1], ["x"], [None], [[]], [{}], [{"id": {"a": 1}}]], ids=json.dumps)
def test_other_lists_of_what_is_no_entry(tree, root, bad, servers, entries):
    with unharmed(tree, servers), bad.plays(reply(json.dumps({"hypervisors": entries}).encode()), "/os-hypervisors"):
        answer = root.get("/os-hypervisors", timeout=ANSWER_SECONDS)
    assert answer.status_code == 200 and [entry["hypervisor_hostname"] for entry in answer.json()["hypervisors"]] == ["good-h0"]
    assert set(missing_in(answer)) == {"bad"}


def test_other_lists_without_measure(tree, root, bad, servers):
    """As many entries as fit into the bytes that are allowed."""
    entries = ",".join(f'{{"id":{number}}}' for number in range(500_000))
    with unharmed(tree, servers), bad.plays(reply(f'{{"hypervisors":[{entries}]}}'.encode()), "/os-hypervisors"):
        answer = root.get("/os-hypervisors", timeout=ANSWER_SECONDS)
    settle(root)
    assert answer.status_code == 200


# --- one server that is said to be there
MOST = 8 << 20
ENDLESS = ("a body without end", "a body without end or length", "rows without end")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("trick", ENDLESS)
def test_one_server_without_end(tree, root, bad, servers, own, trick, method):
    """Large answers pass as they come; nothing of them stays."""
    answer = ask_one(tree, root, bad, servers, WIRE_TRICKS[trick][0], own(1), method)
    assert answer.status_code == 200 and answer.endless


def ask_one(tree, root, bad, servers, trick, server, method="GET"):
    """The answer to a question that only the hostile child can answer; `endless`: it was left after MOST bytes."""
    door = tree.http("root")  # a connection of its own: it may be left in the middle
    with unharmed(tree, servers), bad.plays(trick, f"/servers/{server}"):
        answer = door.request(method, f"/servers/{server}", timeout=ANSWER_SECONDS, stream=True)
        answer._content = answer.raw.read(MOST)  # pylint: disable=protected-access
        answer.endless = len(answer.content) == MOST
        answer.close()
        assert bad.played, "the child was not asked"
    settle(root)
    return answer


@pytest.mark.parametrize("trick", [name for name, (_, reasons) in WIRE_TRICKS.items() if name not in (
    "a page", "an error page", "a body that is said to be packed", "a bomb that is said to be packed", "a length too small",
    "a status that is none", "another protocol", *ENDLESS)])
def test_one_server(tree, root, bad, servers, own, trick):
    """Nothing is known: 503, and who is missing is named."""
    answer = ask_one(tree, root, bad, servers, WIRE_TRICKS[trick][0], own(1))
    assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
    assert set(missing_in(answer)) == {"bad"}


@pytest.mark.parametrize("trick", [name for name, (_, reasons) in WIRE_TRICKS.items() if reasons & GARBAGE and name not in (
    "a page", "an error page", "a body that is said to be packed", "a bomb that is said to be packed", "a length too small",
    "a status that is none", "another protocol", *ENDLESS)])
def test_one_server_deleted(tree, root, bad, servers, own, trick):
    """What was sent may have been done: 502 or 504, never 503 or success."""
    answer = ask_one(tree, root, bad, servers, WIRE_TRICKS[trick][0], own(1), "DELETE")
    assert answer.status_code in (502, 504), f"{answer.status_code} {answer.text}"


@pytest.mark.parametrize("depth", [33, 1000, 100_000])
def test_one_server_of_any_depth(tree, root, bad, servers, own, depth):
    """An error that names the child."""
    answer = ask_one(tree, root, bad, servers, reply(b'{"server":' + nested(depth) + b"}"), own(1))
    assert answer.status_code == 502 and missing_in(answer) == {"bad": "garbage"}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_one_server_that_was_moved(tree, root, bad, servers, own, status):
    """A client would follow, with its token: no zone of ours answers so."""
    answer = ask_one(tree, root, bad, servers, moved(status, "http://127.0.0.1:9/steal"), own(1))
    assert "127.0.0.1:9" not in answer.headers.get("Location", "")
    assert answer.status_code in (502, 503)


@pytest.mark.parametrize("trick", ["a status that is none", "another protocol"])
def test_one_server_with_an_odd_status(tree, root, bad, servers, own, trick):
    answer = ask_one(tree, root, bad, servers, WIRE_TRICKS[trick][0], own(1))
    assert answer.status_code in (502, 503)


def test_one_server_with_many_headers(tree, root, bad, servers, own):
    """Within the limit of what a child may send, and more than what a reply of ours has room for."""
    trick = reply(b'{"server":{}}', headers=[f"X-Filler-{number}: {'x' * 1000}" for number in range(50)])
    answer = ask_one(tree, root, bad, servers, trick, own(1))
    assert answer.status_code in (200, 502, 503)


def test_one_server_with_headers_that_are_ours(tree, root, bad, servers, own):
    """What a child says for others does not reach the client; numbers beyond all measure are none."""
    trick = reply(b'{"server":{}}', headers=["X-Zone-Asked: 9223372036854775807", "X-Zone-Path: ../../x", "Set-Cookie: a=b",
                                              "X-Subject-Token: t", "X-Zone-Missing: a b;reason=x", "Keep-Alive: timeout=1"])
    answer = ask_one(tree, root, bad, servers, trick, own(1))
    assert answer.status_code in (200, 502)
    assert not {"Set-Cookie", "X-Subject-Token"} & set(answer.headers) and "X-Zone-Missing" not in answer.headers
    assert int(answer.headers.get("X-Zone-Asked", 1)) > 0


# --- lies about the tree that are seen
@pytest.mark.parametrize("lie", ["other zone", "wrong tag", "no self", "path", "many", "deep", "twice"])
def test_a_directory_that_lies(tree, root, bad, servers, lie):
    """It is not taken, the former one stays, and the other child is what it was."""
    mine, good = zone_of(root, "bad"), zone_of(root, "good")
    tricks = {"other zone": info(root, [entry(*good, ".")]), "wrong tag": info(root, [entry(mine[0], "000000", ".")]),
              "no self": info(root, [entry(*good, "x")]), "path": info(root, [entry(*mine, "."), entry(*good, "../good")]),
              "many": info(root, [entry(*mine, ".")] + [entry(*good, f"x{number}") for number in range(20_000)]),
              "deep": reply(b'{"zone":' + nested(100_000) + b"}"), "twice": info(root, [entry(*mine, "."), entry(*good, "x"), entry(*good, "x")])}
    before = zone_of(root, "bad"), zone_of(root, "good")
    with unharmed(tree, servers):
        polled(bad, tricks[lie], lambda: True, "")
        assert (zone_of(root, "bad"), zone_of(root, "good")) == before
    settle(root)


def test_a_directory_that_holds_the_root(tree, root, bad, servers):
    """A loop: the child is taken out, with the word for it; an admin brings it back."""
    mine, own_zone = zone_of(root, "bad"), zone_of(root, ".")
    with unharmed(tree, servers):
        polled(bad, info(root, [entry(*mine, "."), entry(*own_zone, "x")]), lambda: missing_in(root.get("/servers")) == {"bad": "disabled"},
               "the child to be disabled", times=1)
        row_of = next(zone for zone in root.fetch("/os-zones/detail")["zones"] if zone["name"] == "bad")
        assert "loop" in json.dumps(row_of)
    assert root.put(f"/os-zones/{row_of['id']}", {"zone": {"state": "enabled"}}).status_code == 200
    settle(root)


# --- the same at the front door
@pytest.mark.parametrize("depth", [33, 1000, 100_000])
@pytest.mark.parametrize("path", ["/os-zones", "/os-zones/link", "/os-zones/directory", "/os-zones/select", "/os-zones/servers", "/servers"])
def test_deep_json_at_the_daemon(tree, root, servers, path, depth):
    answer = root.request("POST", path, data=nested(depth, '{"a":', "}"), headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413), f"{answer.status_code} {answer.text}"
    assert tree.root.alive and root.get("/healthcheck").status_code == 200


@pytest.mark.parametrize("depth", [33, 1000, 100_000])
def test_deep_json_at_the_login(tree, root, servers, depth):
    answer = root.request("POST", "/identity/v3/auth/tokens", data=nested(depth), headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413), f"{answer.status_code} {answer.text}"
