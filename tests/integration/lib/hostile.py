"""A child that plays tricks: it stands in front of a real zone, passes on what it is asked byte for byte (the link's proofs cover method,
target and body, not the address), and where a trick is set it answers in its own way."""
import contextlib
import json
import socket
import struct
import threading

HEAD_MOST = 64 << 10
SECONDS = 60  # for one read or write: a thread ends even when nobody closes


class Request:
    """What the zone sent: `head` ends with the empty line."""

    def __init__(self, head, body):
        self.head = head
        self.body = body
        self.method, self.target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]


def receive(connection, buffered=b""):
    """(head, body, rest) of the next message with a Content-Length, or None at the end of the connection."""
    data = buffered
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more or len(data) > HEAD_MOST:
            return None
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":", 1)[1]) for line in head.split(b"\r\n")[1:] if line.lower().startswith(b"content-length:")]
    wanted = lengths[0] if lengths else 0
    while len(rest) < wanted:
        more = connection.recv(65536)
        if not more:
            return None
        rest += more
    return head + b"\r\n\r\n", rest[:wanted], rest[wanted:]


class Hostile:
    """Listens on a port of its own in front of `target` (host, port). With a trick set, requests whose path ends with one of `paths` are
    answered by trick(connection, request), and the connection is closed behind it."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        self.trick, self.paths = None, ()
        self.played = 0  # how often a trick was asked for
        self.asked = []  # "METHOD target" of all that was asked
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    # --- what a test says
    @contextlib.contextmanager
    def plays(self, trick, *paths):
        with self.lock:
            self.trick, self.paths, self.played = trick, paths, 0
            self.asked.clear()
        try:
            yield self
        finally:
            with self.lock:
                self.trick, self.paths = None, ()

    def close(self):
        self.listener.close()
        with self.lock:
            connections = list(self.open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # --- its threads
    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(SECONDS)
            with self.lock:
                self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self._talk(connection)
        with self.lock:
            self.open.discard(connection)

    def _talk(self, connection):
        rest = b""
        while message := receive(connection, rest):
            request, rest = Request(*message[:2]), message[2]
            with self.lock:
                trick = self.trick if request.path.endswith(self.paths) else None
                self.played += trick is not None
                self.asked.append(f"{request.method} {request.target}")
            if trick:
                trick(connection, request)
                return
            connection.sendall(self._ask(request))

    def _ask(self, request):
        """The real zone's answer; on a connection of its own, so that nothing is ever mixed up."""
        with socket.create_connection(self.target, SECONDS) as zone:
            lines = [line for line in request.head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            zone.sendall(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + request.body)
            answer = b""
            while more := zone.recv(65536):
                answer += more
        return answer.replace(b"Connection: close\r\n", b"", 1)


# --- words for tricks
def reply(body=b"", status="200 OK", headers=(), kind="application/json"):
    """A trick that answers this. `headers`: lines as text, added to those that a decent answer has."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return send("\r\n".join(lines).encode("latin-1") + body)


def send(data):
    """A trick that sends exactly these bytes."""
    def play(connection, _):
        connection.sendall(data)
    return play


def endless(start, piece, pause=None):
    """A trick that sends `start` and then `piece` until nobody listens. `pause`: an Event to be waited for between pieces, in seconds."""
    def play(connection, _):
        connection.sendall(start)
        while True:
            if pause:
                threading.Event().wait(pause)
            connection.sendall(piece)
    return play


# --- framed rows (spec link.md section 5), in the order newest first
ROWS = "application/vnd.zonegate.rows.v1"


def key(created, uuid):
    column = b"\x01" + struct.pack(">Q", created ^ 1 << 63)
    return bytes(255 - byte for byte in column) + b"\x01" + uuid.bytes


def row(created, uuid, body):
    own = key(created, uuid)
    return struct.pack(">II", len(own), len(body)) + uuid.bytes + own + body


def trailer(count, more=False, missing=(), text=None):
    summary = text if text is not None else json.dumps({"more": more, "missing": list(missing)}, separators=(",", ":")).encode()
    return bytes(24) + struct.pack(">II", count, len(summary)) + summary


def rows(*items, end=None):
    """A trick that answers this list: rows that are ready, and a trailer that fits them unless `end` is another one."""
    return reply(b"".join(items) + (trailer(len(items)) if end is None else end), kind=ROWS)
