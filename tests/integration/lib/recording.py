"""A child that writes down what it is sent, byte for byte, and answers as it is told: for what is relayed to it, whether or not zones can
do it themselves. It is a Hostile front with honest tricks."""
import json

from .hostile import Hostile, reply


class Recorder(Hostile):
    """`answers(...)` is a context: whatever is asked below `path` is recorded, not passed on."""

    def __init__(self, target):
        super().__init__(target)
        self.recorded = []

    def answers(self, path, status="202 Accepted", body=b"", headers=()):
        """`path`: how the path of the request ends; `body` bytes, or what becomes JSON."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        play = reply(body, status, headers)
        self.recorded = []

        def trick(connection, request):
            self.recorded.append(request)
            play(connection, request)
        return self.plays(trick, path)

    def counted(self, method, path):
        """How often it was asked so since the last `answers` or `plays` began, passed on or recorded."""
        return sum(line == f"{method} {path}" or line.startswith(f"{method} {path}?") for line in self.asked)


def headers_of(request):
    """{name in lower case: value} of what was sent."""
    lines = request.head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
