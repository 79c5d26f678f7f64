"""A child that writes down what it is asked, byte for byte, and answers as a test says: a front of a real zone (hostile.py) whose requests'
bodies are read by the test's own function, piece by piece."""
from .hostile import HEAD_MOST, Hostile, Request

PIECE = 64 << 10


class Body:
    """A request's body as it comes: iterate over its pieces. `complete` says afterwards whether all of it came."""

    def __init__(self, connection, headers, rest):
        self.connection, self.rest, self.complete = connection, rest, False
        self.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.length = int(headers.get("content-length", 0))
        self.expects = headers.get("expect", "").lower() == "100-continue"

    def accept(self):
        """Says that it is wanted."""
        if self.expects:
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.expects = False

    def _more(self):
        if self.rest:
            data, self.rest = self.rest, b""
            return data
        return self._receive()

    def _receive(self):
        try:
            return self.connection.recv(PIECE)
        except ConnectionResetError:
            return b""

    def _line(self):
        while b"\r\n" not in self.rest:
            more = self._receive()
            if not more:
                return None
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def _bytes(self, left):
        while left:
            data = self._more()
            if not data:
                return
            yield data[:left]
            self.rest = data[left:] + self.rest
            left -= min(left, len(data))

    def __iter__(self):
        self.accept()
        if not self.chunked:
            got = 0
            for piece in self._bytes(self.length):
                got += len(piece)
                yield piece
            self.complete = got == self.length
            return
        while (line := self._line()) is not None:
            size = int(line, 16)
            if size == 0:
                self.complete = self._line() == b""
                return
            yield from self._bytes(size)
            if self._line() != b"":
                return


def head_of(request):
    """{lower-case name: value}"""
    lines = request.head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


class Recorder(Hostile):
    """While `plays(play, *paths)`: play(connection, request) has the connection for itself; request.headers, and request.stream (Body)."""

    def _talk(self, connection):
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                more = connection.recv(PIECE)
                if not more or len(rest) > HEAD_MOST:
                    return
                rest += more
            head, _, rest = rest.partition(b"\r\n\r\n")
            request = Request(head + b"\r\n\r\n", b"")
            request.headers = head_of(request)
            request.stream = Body(connection, request.headers, rest)
            with self.lock:
                trick = self.trick if any(path in request.path for path in self.paths) else None
                self.played += trick is not None
                self.asked.append(f"{request.method} {request.target}")
            if trick:
                trick(connection, request)
                return
            request.body = b"".join(request.stream)
            connection.sendall(self._ask(request))
            rest = request.stream.rest
