"""What goes through a zone to a server's owner and back: every method, path, query, header and byte as it was, of any size, two hops deep,
with flat memory; and never half an answer that looks whole. The owner is a front that records (lib/recorder.py)."""
import contextlib
import hashlib
import http.client
import json
import socket
import threading
import uuid

import pytest
import requests

from lib.recorder import Recorder
from lib.wait import wait_for

PLAN = {"root": {"children": {"mid": {}}}}
LARGE = 200 << 20
PIECE = bytes(range(256)) * 256  # 64 KiB
FLAT_KIB = 48 << 10  # for a body of 200 MiB, under sanitizers
SECONDS = 120


# --- the tree: root -> mid -> leaf, a real zone without servers behind the recorder
@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, settings={"api": {"budget_ms": 5000}, "zones": {"child_timeout_ms": 4000}})


@pytest.fixture(scope="module")
def root(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def leaf(tree, root, make_zone):
    zone = make_zone("leaf", {"identity": {"url": f"{tree.root.url}/identity/v3"}})
    zone.upgrade()
    zone.start()
    front = Recorder((zone.address, zone.port))
    tree["mid"].cli("zone", "add", "leaf", front.url, "--username", "admin", "--password-file", tree.root.password_file)
    wait_for(lambda: "mid/leaf" in root.get("/os-zones/info").text and tree.active_children("mid") == {"leaf"}, 60, "the leaf to be known")
    yield front
    front.close()


@pytest.fixture(scope="module")
def server(root, leaf):  # pylint: disable=unused-argument
    """The id of a server that the leaf may have."""
    zones = root.fetch("/os-zones/info")["zone"]["directory"]["zones"]
    tag = next(zone["tag"] for zone in zones if zone["path"] == "mid/leaf")
    return str(uuid.UUID(f"00000001-0000-4000-8000-000000{tag}"))


class Seen:
    """A recording answer: the question whether the server is there gets 200; anything else is kept and answered with `answer`."""

    def __init__(self, answer, server):
        self.answer, self.server, self.requests = answer, server, []

    def __call__(self, connection, request):
        if request.method == "GET" and request.target == f"/compute/v2.1/servers/{self.server}":
            connection.sendall(plain(b'{"server":{}}'))
            return
        request.digest, request.length, pieces = hashlib.sha256(), 0, []
        for piece in request.stream:
            request.digest.update(piece)
            request.length += len(piece)
            if request.length <= 1 << 20:
                pieces.append(piece)
        request.body = b"".join(pieces)
        self.requests.append(request)
        if self.answer and request.stream.complete:
            connection.sendall(self.answer)


def plain(body=b"", status="200 OK", headers=(), kind="application/json"):
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


# --- as it was
ACTIONS = ["pause", "unpause", "suspend", "resume", "rescue", "unrescue", "confirmResize", "revertResize", "migrate", "lock", "unlock",
           "restore", "forceDelete", "shelve", "unshelve", "trigger_crash_dump", "resetNetwork", "injectNetworkInfo", "os-resetState"]
BODIES = [json.dumps({action: None}) for action in ACTIONS] + [
    '{"reboot": {"type": "HARD"}}', ' { "resize" :\n\t{"flavorRef":"2"} } ', '{"rebuild":{"imageRef":"x","name":"\\u00e9","metadata":{"a":"b"}}}',
    '{"changePassword":{"adminPass":"geheim"}}', '{"createImage":{"name":"i","metadata":{}}}',
    '{"createBackup":{"name":"b","backup_type":"daily","rotation":1}}', '{"addFixedIp":{"networkId":"1"}}',
    '{"removeFixedIp":{"address":"10.0.0.1"}}', '{"injectFile":{"path":"/a","contents":"YQ=="}}', '{"no.such.action":[1,2,{"a":"é"}]}', "{}"]


@pytest.mark.parametrize("body", BODIES)
def test_actions(root, leaf, server, body):
    seen = Seen(plain(b"", "202 Accepted", ["X-Own: 1"], kind=None), server)
    with leaf.plays(seen, f"/servers/{server}"):
        answer = root.post(f"/servers/{server}/action?x=%2B1&x=&y=a%20b", data=body.encode(), version="2.60",
                           headers={"Content-Type": "application/json", "X-Mine": "so"})
    assert (answer.status_code, answer.content, answer.headers["X-Own"]) == (202, b"", "1"), answer.text
    (asked,) = seen.requests
    assert asked.method == "POST" and asked.target == f"/compute/v2.1/servers/{server}/action?x=%2B1&x=&y=a%20b"
    assert asked.body == body.encode() and asked.headers["content-length"] == str(len(body.encode()))
    assert asked.headers["x-mine"] == "so" and asked.headers["openstack-api-version"] == "compute 2.60"
    assert asked.headers["content-type"] == "application/json" and "x-auth-token" not in asked.headers


@pytest.mark.parametrize("method, path", [
    ("GET", "diagnostics"), ("GET", "os-instance-actions/req-1"), ("GET", "ips/public"), ("GET", "os-security-groups"),
    ("PUT", "os-server-password"), ("DELETE", "os-server-password"), ("POST", "os-volume_attachments"), ("PATCH", "some/thing/new"),
    ("PUT", "metadata/k%20y"), ("DELETE", "os-interface/1"), ("POST", "remote-consoles"), ("GET", "topology")])
def test_other_resources(root, leaf, server, method, path):
    body = b"" if method in ("GET", "DELETE") else b"\x00\xff not JSON"
    seen = Seen(plain(b"\x01\x02bytes\xff", "200 OK", kind="application/x-odd"), server)
    with leaf.plays(seen, f"/servers/{server}"):
        answer = root.request(method, f"/servers/{server}/{path}?q=1&q=2", data=body, headers={"Content-Type": "application/x-odd"})
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"\x01\x02bytes\xff", "application/x-odd")
    (asked,) = seen.requests
    assert (asked.method, asked.target, asked.body) == (method, f"/compute/v2.1/servers/{server}/{path}?q=1&q=2", body)


@pytest.mark.parametrize("status, body", [
    ("400 Bad Request", b'{"badRequest": {"code": 400, "message": "x"}}'), ("403 Forbidden", b'{"forbidden": {"code":403,"message":""}}'),
    ("409 Conflict", b'{"conflictingRequest":{"code":409,"message":"\xc3\xa9"}}'), ("413 Too Large", b'{"overLimit":{"retryAfter":"7"}}'),
    ("418 Teapot", b"tea"), ("422 Odd", b""), ("500 Oops", b'{"computeFault":{}}'), ("501 No", b"<html>"), ("204 No Content", b""),
    ("202 Accepted", b""), ("203 Odd", b"x")])
def test_answers(root, leaf, server, status, body):
    seen = Seen(plain(body, status, ["Retry-After: 7"]), server)
    with leaf.plays(seen, f"/servers/{server}"):
        answer = root.post(f"/servers/{server}/action", {"odd": None})
    assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (int(status[:3]), body, "7")


def test_head(root, leaf, server):
    with leaf.plays(Seen(plain(b"", headers=["X-Own: 1"]).replace(b"Content-Length: 0", b"Content-Length: 12345"), server), f"/servers/{server}"):
        answer = root.request("HEAD", f"/servers/{server}/diagnostics")
    assert (answer.status_code, answer.headers["Content-Length"], answer.headers["X-Own"]) == (200, "12345", "1")


def test_an_unknown_path_of_a_server_that_is_nowhere(root):
    answer = root.post(f"/servers/{uuid.uuid4()}/os-nothing", {"a": 1})
    assert answer.status_code == 404 and answer.json()["itemNotFound"]["message"] == "The resource could not be found."


# --- large
def pieces(length):
    for _ in range(length // len(PIECE)):
        yield PIECE


def digest(length):
    whole = hashlib.sha256()
    for piece in pieces(length):
        whole.update(piece)
    return whole.hexdigest()


class Sized:
    """Pieces with a length, so that requests says Content-Length."""

    def __init__(self, length):
        self.length, self.pieces = length, pieces(length)

    def __len__(self):
        return self.length

    def read(self, size=-1):  # pylint: disable=unused-argument
        return next(self.pieces, b"")


@contextlib.contextmanager
def flat(*zones):
    """Their private memory does not follow what goes through."""
    before = [zone.memory_kib()[0] for zone in zones]
    most = list(before)
    over = threading.Event()

    def watch():
        while not over.wait(0.1):
            for number, zone in enumerate(zones):
                most[number] = max(most[number], zone.memory_kib()[0])
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    grown = [high - low for high, low in zip(most, before)]
    assert max(grown) < FLAT_KIB, f"grown by {grown} KiB"


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_large_request(tree, root, leaf, server, how):
    seen = Seen(plain(b'{"done":1}', "202 Accepted"), server)
    data = Sized(LARGE) if how == "length" else pieces(LARGE)
    with flat(tree["root"], tree["mid"]), leaf.plays(seen, f"/servers/{server}"):
        answer = root.request("POST", f"/servers/{server}/os-upload?a=b", data=data, timeout=SECONDS,
                              headers={"Content-Type": "application/octet-stream", "X-Mine": "so"})
    assert (answer.status_code, answer.content) == (202, b'{"done":1}'), answer.text
    (asked,) = seen.requests
    assert (asked.length, asked.digest.hexdigest()) == (LARGE, digest(LARGE))
    assert asked.target == f"/compute/v2.1/servers/{server}/os-upload?a=b" and asked.headers["x-mine"] == "so"
    assert asked.headers.get("content-length", "chunked") == (str(LARGE) if how == "length" else "chunked")


def download(length, chunked, stop=None):
    """A trick that sends so much, or half of it when `stop`."""
    def play(connection, request):
        for _ in request.stream:
            pass
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/x-data\r\n{framing}\r\nX-Own: 1\r\n\r\n".encode())
        for number, piece in enumerate(pieces(length)):
            if stop and number * len(PIECE) >= length // 2:
                return
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
    return play


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_answer(tree, root, leaf, server, chunked):
    got = hashlib.sha256()
    with flat(tree["root"], tree["mid"]), leaf.plays(download(LARGE, chunked), f"/servers/{server}"):
        answer = root.get(f"/servers/{server}/os-download", stream=True, timeout=SECONDS)
        for piece in answer.iter_content(1 << 20):
            got.update(piece)
    assert answer.status_code == 200 and answer.headers["X-Own"] == "1" and got.hexdigest() == digest(LARGE)
    assert answer.headers.get("Content-Length") == (None if chunked else str(LARGE))
    assert answer.headers["Content-Type"] == "application/x-data"


def test_both_ways_at_once(root, leaf, server):
    """Several at a time, each its own bytes."""
    length = 8 << 20

    def echo(connection, request):
        if request.method == "GET":
            connection.sendall(plain(b'{"server":{}}'))
            return
        whole = b"".join(request.stream)
        connection.sendall(plain(whole, kind="application/octet-stream"))
    results = {}

    def one(number):
        body = bytes([number]) * length
        door = requests.Session()
        answer = door.post(f"{root.zone.url}/compute/v2.1/servers/{server}/os-echo", data=body, headers={"X-Auth-Token": root.token},
                           timeout=SECONDS)
        results[number] = answer.status_code == 200 and answer.content == body
    with leaf.plays(echo, f"/servers/{server}"):
        threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: True for number in range(6)}


# --- slow ones
def test_a_slow_client_fills_no_memory(tree, root, leaf, server):
    """It takes nothing: the child is held up, and others are served. Then it takes the rest."""
    sent, other = [], tree.http("root")

    def play(connection, request):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n".encode())
        for number, piece in enumerate(pieces(LARGE)):
            connection.sendall(piece)
            sent.append(number)
    with flat(tree["root"], tree["mid"]), leaf.plays(play, f"/servers/{server}"):
        answer = root.get(f"/servers/{server}/os-download", stream=True, timeout=SECONDS)
        first = answer.raw.read(1 << 20)
        stuck = wait_for(lambda: len(sent) if len(sent) == (len(sent), threading.Event().wait(0.5))[0] else 0, 30, "the child to be held up")
        assert other.get("/healthcheck").status_code == 200
        rest = hashlib.sha256(first)
        while piece := answer.raw.read(1 << 20):
            rest.update(piece)
    assert stuck * len(PIECE) < LARGE // 2
    assert rest.hexdigest() == digest(LARGE)


def test_a_slow_child_fills_no_memory(tree, root, leaf, server):
    """It reads nothing of the body until it is told to."""
    go_on, seen = threading.Event(), Seen(plain(b"", "202 Accepted"), server)

    def play(connection, request):
        if request.method != "GET":
            request.stream.accept()
            assert go_on.wait(30)
        seen(connection, request)
    given = []

    def body():
        for number, piece in enumerate(pieces(LARGE)):
            given.append(number)
            yield piece
    answers = []
    with flat(tree["root"], tree["mid"]), leaf.plays(play, f"/servers/{server}"):
        client = threading.Thread(target=lambda: answers.append(root.request(
            "PUT", f"/servers/{server}/os-upload", data=body(), timeout=SECONDS)))
        client.start()
        stuck = wait_for(lambda: len(given) if given and len(given) == (len(given), threading.Event().wait(0.5))[0] else 0, 30,
                         "the client to be held up")
        go_on.set()
        client.join()
    assert stuck * len(PIECE) < LARGE // 2
    assert answers[0].status_code == 202 and seen.requests[0].digest.hexdigest() == digest(LARGE)


# --- cut
def is_cut(root, path):
    """The answer begins, and the connection ends before it does."""
    connection = http.client.HTTPConnection(root.zone.address, root.zone.port, timeout=SECONDS)
    connection.request("GET", f"/compute/v2.1{path}", headers={"X-Auth-Token": root.token})
    answer = connection.getresponse()
    assert answer.status == 200
    try:
        answer.read()
    except (http.client.IncompleteRead, ConnectionResetError):
        return True
    finally:
        connection.close()
    return False


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_answer_that_is_cut_is_never_whole(tree, root, leaf, server, chunked):
    counted = 'zonegate_zone_errors_total{child="leaf",class="read",reason="garbage"}'
    before = tree["mid"].metrics().get(counted, 0)
    with leaf.plays(download(LARGE // 10, chunked, stop=True), f"/servers/{server}"):
        assert is_cut(root, f"/servers/{server}/os-download")
    wait_for(lambda: tree["mid"].metrics().get(counted, 0) > before, 30, "it to be counted")


def test_a_small_answer_that_is_cut(root, leaf, server):
    broken = plain(b"12345").replace(b"Content-Length: 5", b"Content-Length: 6")
    with leaf.plays(Seen(broken, server), f"/servers/{server}"):
        assert root.get(f"/servers/{server}/diagnostics").status_code == 503
    with leaf.plays(Seen(broken, server), f"/servers/{server}"):
        assert root.post(f"/servers/{server}/action", {"odd": None}).status_code == 502
    with leaf.plays(Seen(broken, server), f"/servers/{server}"):
        assert root.post(f"/servers/{server}/action", data=PIECE * 4).status_code == 502


def start_upload(root, server, length, *more):
    """A connection on which such a request begins."""
    connection = socket.create_connection((root.zone.address, root.zone.port), 30)
    lines = [f"POST /compute/v2.1/servers/{server}/os-upload HTTP/1.1", "Host: a", f"X-Auth-Token: {root.token}", f"Content-Length: {length}",
             *more, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def test_a_client_that_leaves_half_way(root, leaf, server):
    """The owner sees that the body is not whole."""
    seen = Seen(None, server)
    with leaf.plays(seen, f"/servers/{server}"):
        with start_upload(root, server, LARGE) as client:
            for _ in range(64):
                client.sendall(PIECE)
        (asked,) = wait_for(lambda: seen.requests, 30, "the owner to see the end")
    assert not asked.stream.complete and asked.length < LARGE


def test_a_child_that_leaves_during_the_body(root, leaf, server):
    def play(connection, request):
        if request.method == "GET":
            connection.sendall(plain(b'{"server":{}}'))
            return
        next(iter(request.stream))
    with leaf.plays(play, f"/servers/{server}"):
        answer = root.post(f"/servers/{server}/action", data=PIECE * 320, timeout=SECONDS)
    assert answer.status_code == 502, answer.text


# --- what is said before the body
def status_of(connection):
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def test_a_refusal_comes_before_the_body(root, leaf, server):
    """With Expect: 100-continue the owner's word arrives before a byte is sent, two hops up."""
    def play(connection, request):
        connection.sendall(plain(b'{"server":{}}') if request.method == "GET" else
                           plain(b'{"overLimit":{"code":413}}', "413 Too Large", ["Connection: close"]))
    with leaf.plays(play, f"/servers/{server}"), start_upload(root, server, LARGE, "Expect: 100-continue") as client:
        assert status_of(client) == (413, b'{"overLimit":{"code":413}}')


def test_an_agreement_comes_before_the_body(root, leaf, server):
    with leaf.plays(Seen(plain(b"", "202 Accepted"), server), f"/servers/{server}"), \
            start_upload(root, server, 100 * len(PIECE), "Expect: 100-continue") as client:
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for _ in range(100):
            client.sendall(PIECE)
        assert status_of(client)[0] == 202


def test_who_is_not_let_in_sends_no_body(root, leaf, server):
    with leaf.plays(Seen(plain(), server), f"/servers/{server}") as front:
        answer = root.post(f"/servers/{server}/action", data=PIECE * 3, token="nonsense")
        assert answer.status_code == 401 and not front.played


def test_a_large_body_for_a_server_that_is_not_there(root, server, leaf):
    """The leaf itself says so: nothing is played."""
    assert leaf.asked is not None
    answer = root.post(f"/servers/{server}/action", data=PIECE * 3)
    assert answer.status_code == 404 and server in answer.json()["itemNotFound"]["message"]


# --- JSON of any depth
@pytest.mark.parametrize("depth, padding", [(33, 0), (1000, 0), (100_000, 0), (100_000, 1 << 20)])
def test_json_that_is_too_deep(root, leaf, server, depth, padding):
    body = b'{"server":"' + b"x" * padding + b'","a":' + b"[" * depth + b"]" * depth + b"}"
    with leaf.plays(Seen(plain(body), "nobody"), f"/servers/{server}"):
        if padding:
            assert is_cut(root, f"/servers/{server}")
            return
        answer = root.get(f"/servers/{server}")
    assert answer.status_code == 502 and "leaf" in answer.text, answer.text
    assert "leaf;reason=garbage" in answer.headers["X-Zone-Missing"]


def test_brackets_that_are_no_depth(root, leaf, server):
    body = b'{"server":"' + b"[{\\\\\\\"" * 1000 + b'"' + b',"a":[]' * 1000 + b"}"
    with leaf.plays(Seen(plain(body), "nobody"), f"/servers/{server}"):
        assert root.get(f"/servers/{server}").content == body
    deep = b"[" * 1000
    with leaf.plays(Seen(plain(deep, kind="text/plain"), "nobody"), f"/servers/{server}"):
        assert root.get(f"/servers/{server}").content == deep
