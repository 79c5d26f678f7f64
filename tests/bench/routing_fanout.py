"""What a fan-out costs beyond its slowest child: a list of all servers at a parent of 64 zones and at one of 8 of the same zones. The
zones are real; what they would answer to the list is sent by fronts (routing_front.c) after 1 to 20 ms, one row each, so that the time
of the slowest child is known and none of it is this machine's."""
import json
import subprocess
import threading
import uuid

from lib.hostile import ROWS, row, trailer
from lib.wide import Wide
from lib.zone import Zone
from measure import BIN, cpu_seconds

MANY, FEW = 64, 8
FASTEST_US, SLOWEST_US = 1000, 20000
ROUNDS = 500
PATH = "/compute/v2.1/servers/detail"
CREATED = 1_600_000_000
SETTINGS = {"zones": {"poll_interval_ms": 5000}}


class Fronted(Wide):
    """A root with MANY children, each behind a front of the one process `front`."""

    def __init__(self, directory, mariadb):
        super().__init__(directory, mariadb, {"root": {"children": {f"c{number:02}": {} for number in range(MANY)}}}, SETTINGS)
        self.front = None
        self.lock = threading.Lock()
        self.ports = {}

    @property
    def children(self):
        return [name for name, parent in self.parents.items() if parent]

    def delay_us(self, number):
        """Evenly from the fastest to the slowest, and so for the first FEW of them too: every eighth step, the slowest first."""
        step = (SLOWEST_US - FASTEST_US) // (MANY - 1)
        return SLOWEST_US - step * (number % FEW * (MANY // FEW) + number // FEW)

    def open_fronts(self):
        words = [f"{self[name].port}:{self.delay_us(number)}:{self.directory / name / 'answer'}" for number, name in enumerate(self.children)]
        self.front = subprocess.Popen([str(word) for word in (BIN / "routing_front", PATH, *words)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.ports = dict(zip(self.children, self.front.stdout.readline().split()))
        assert len(self.ports) == MANY, "the fronts did not open"

    def tell(self, line):
        """A command to the fronts; their answer."""
        print(line, file=self.front.stdin, flush=True)
        return self.front.stdout.readline().strip()

    def url_of(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def join_planned(self, name):
        with self.lock:
            if not self.front:
                self.open_fronts()
        super().join_planned(name)

    def stop(self):
        super().stop()
        if self.front:
            self.front.stdin.close()
            self.front.wait(10)


def write_answers(tree, root):
    """The file of each front: one framed row (spec/link.md section 5) with an id of that zone."""
    zones = {zone["path"]: zone for zone in root.fetch("/os-zones/info")["zone"]["directory"]["zones"]}
    for number, name in enumerate(tree.children):
        server = uuid.UUID(f"{number:08x}-0000-4000-8000-000000{zones[name]['tag']}")
        body = json.dumps({"id": str(server), "tenant_id": root.project, "name": name}, separators=(",", ":")).encode()
        rows = row(CREATED + number, server, body) + trailer(1)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {ROWS}\r\nContent-Length: {len(rows)}\r\n\r\n"
        (tree.directory / name / "answer").write_bytes(head.encode() + rows)
    assert tree.tell("answer") == "ok"


def a_second_parent(tree):
    """`few`: a zone that has the first FEW of the children too."""
    few = Zone(tree.directory / "few", "few", tree.mariadb.url("zg_few"), {**SETTINGS, "identity": {"url": f"{tree.root.url}/identity/v3"}})
    few.schema = "zg_few"
    tree.zones["few"] = few  # stopped with the others
    few.start()
    for name in tree.children[:FEW]:
        tree.join_at(few, name)
    tree.wait_active(tree.door("few"), FEW)


def quantile(values, part):
    return sorted(values)[int((len(values) - 1) * part)]


def measure_at(figures, tree, name, count):
    door = tree.door(name)
    answer = door.get(PATH)
    rows = answer.json()["servers"]
    if len(rows) != count or "X-Zone-Missing" in answer.headers:
        figures.fail(f"fanout_overhead_{count}", f"{len(rows)} rows, missing: {answer.headers.get('X-Zone-Missing')}")
        return
    request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{door.zone.port}\r\nX-Auth-Token: {door.token}\r\n\r\n"
    files = tree.directory / "request", tree.directory / "body"
    files[0].write_text(request)
    files[1].write_bytes(answer.content)
    tree.tell(f"ask {door.zone.port} {ROUNDS // 10} {files[0]} {files[1]}")  # warm
    before = cpu_seconds(door.zone.process.pid)
    result = json.loads(tree.tell(f"ask {door.zone.port} {ROUNDS} {files[0]} {files[1]}"))
    cpu = cpu_seconds(door.zone.process.pid) - before
    if result["errors"] or result["children"] != count:
        figures.fail(f"fanout_overhead_{count}", f"{result['errors']} errors in {ROUNDS}, {result['children']} children were asked")
        return
    for part, word in ((0.5, "p50"), (0.99, "p99")):
        figures.figure(f"fanout_overhead_{count}_{word}_ms", quantile(result["overhead_us"], part) / 1000, "ms")
    figures.figure(f"fanout_cpu_{count}_ms", cpu * 1000 / ROUNDS, "ms")
    figures.figure(f"fanout_total_{count}_p50_ms", quantile(result["total_us"], 0.5) / 1000, "ms")


def measure_fanout(figures, directory, mariadb):
    tree = Fronted(directory, mariadb)
    try:
        tree.start()
        a_second_parent(tree)
        write_answers(tree, tree.root_door)
        measure_at(figures, tree, "few", FEW)
        measure_at(figures, tree, "root", MANY)
    finally:
        tree.stop()
