"""What both ends of a link counted (/metrics), a slow way to a zone, and one that can be cut."""
import contextlib
import http.server
import socket
import threading
import time

import requests

from .wait import free_port

CLASSES = ("read", "mutate")


class Counts:
    """Messages between zones of a tree (all, or those that are named: one that hangs tells nothing) since `start`: what was sent
    down and up, and what arrived."""

    def __init__(self, tree, zones=None):
        self.tree = tree
        self.zones = list(zones or tree.zones)
        self.before = {}
        self.start()

    def metrics(self, zone):
        call = self.tree.network.call if self.tree.network else lambda function: function()
        return call(self.tree[zone].metrics)

    def read(self):
        return {zone: self.metrics(zone) for zone in self.zones if self.tree[zone].alive}

    def start(self):
        self.before = self.read()

    def since(self, zone, name):
        return self.metrics(zone).get(name, 0) - self.before.get(zone, {}).get(name, 0)

    def sent(self, zone, neighbour, kind="read", side="child"):
        return int(self.since(zone, f'zonegate_zone_requests_total{{{side}="{neighbour}",class="{kind}"}}'))

    def received(self, zone, neighbour, kind="read", side="parent"):
        return int(self.since(zone, f'zonegate_link_requests_total{{{side}="{neighbour}",class="{kind}"}}'))

    def all(self, kinds=CLASSES):
        """(sent, received) over all links of the tree."""
        sent = received = 0
        now = self.read()
        for zone, metrics in now.items():
            for name, value in metrics.items():
                if not any(f'class="{kind}"' in name for kind in kinds):
                    continue
                grown = int(value - self.before.get(zone, {}).get(name, 0))
                sent += grown if name.startswith("zonegate_zone_requests_total") else 0
                received += grown if name.startswith("zonegate_link_requests_total") else 0
        return sent, received


def state_of(tree, zone, child):
    """A child's state as its parent's API tells it."""
    rows = tree.http(zone).fetch("/os-zones/detail")["zones"]
    return next(row["state"] for row in rows if row["name"] == child)


class SlowWay:
    """An HTTP relay to a zone that lets every answer wait whose path matches."""

    def __init__(self, zone, seconds, slow):
        self.zone, self.seconds, self.slow = zone, seconds, slow
        way = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
                answer = requests.request(self.command, way.zone.url + self.path, data=body, headers=headers, timeout=60,
                                          allow_redirects=False)
                if way.slow(self.path):
                    time.sleep(way.seconds)  # it is what this relay is for
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_DELETE = relay

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Cable:
    """A TCP way to a zone that can be cut: then nothing passes either way and nobody is told; mended, it delivers late what was sent."""

    def __init__(self, zone):
        self.zone = zone
        self.whole = threading.Event()
        self.whole.set()
        self.taken = threading.Event()  # somebody came this way
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                near, _ = self.listener.accept()
                self.taken.set()
                threading.Thread(target=self.connect, args=(near,), daemon=True).start()

    def connect(self, near):
        self.whole.wait()
        try:
            far = socket.create_connection((self.zone.address, self.zone.port))
        except OSError:  # nobody listens: the other side is to see the same
            near.close()
            return
        threading.Thread(target=self.pump, args=(near, far), daemon=True).start()
        self.pump(far, near)

    def pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.whole.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.whole.clear()

    def mend(self):
        self.whole.set()

    def close(self):
        self.mend()
        self.listener.close()
