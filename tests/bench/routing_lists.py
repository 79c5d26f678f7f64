"""Lists over zones: what merging costs (merge.c, in one run against jansson); a detail list of 1000 over eight zones; and, with
ZONEGATE_BENCH_MILLION=1 in the environment (or a number of rows), so many servers of a leaf in one answer over two hops, with the most
private memory that any of the three gateways had meanwhile."""
import os
import pathlib
import statistics
import subprocess
import threading
import time

from lib.rows_by_sql import copy_server
from lib.servers import stock
from lib.tree import Tree
from lib.wait import wait_for
from measure import cpu_seconds

RELEASE = pathlib.Path(__file__).resolve().parents[2] / ".build/release"
EIGHT = {"root": {"children": {f"leaf{number}": {} for number in range(8)}}}
LINE = {"root": {"children": {"middle": {"children": {"leaf": {}}}}}}
PAGE, ROUNDS = 1000, 20
MILLION = 1_000_000
METADATA = 520  # bytes: makes rows of about 1.8 KB
MARK = b'"tenant_id"'  # once in each row
BLOCK = 1 << 20


def measure_merge(figures):
    done = subprocess.run([RELEASE / "bench_merge"], capture_output=True, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        figures.fail("merge", done.stderr)


def fill(tree, directory, mariadb, name, count):
    """Copies of one server that found no host."""
    door = tree.http(name)
    image = stock(door, directory)
    answer = door.post("/servers", {"server": {"name": name, "imageRef": image, "flavorRef": "1"}})
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_for(lambda: door.fetch(f"/servers/{server}")["server"]["status"] == "ERROR", 60, "a server without a host to be in ERROR")
    copy_server(mariadb, tree[name].schema, server, count - 1, METADATA)


def measure_page(figures, directory, mariadb):
    """Median wall time of the list at root, and its CPU time there."""
    tree = Tree(directory, mariadb, EIGHT)
    try:
        tree.start()
        for name in list(tree.zones)[1:]:
            fill(tree, directory, mariadb, name, PAGE)
        door, times = tree.http("root"), []
        for number in range(ROUNDS + 3):
            if number == 3:
                before = cpu_seconds(tree.root.process.pid)
            begin = time.monotonic()
            answer = door.get(f"/servers/detail?limit={PAGE}")
            times.append((time.monotonic() - begin) * 1000)
            rows = answer.content.count(MARK)
            if answer.status_code != 200 or rows != PAGE or "X-Zone-Missing" in answer.headers:
                figures.fail("list1000_eight_zones_ms", f"{answer.status_code}, {rows} rows, missing {answer.headers.get('X-Zone-Missing')}")
                return
        figures.figure("list1000_eight_zones_ms", statistics.median(times[3:]), "ms")
        figures.figure("list1000_eight_zones_root_cpu_ms", (cpu_seconds(tree.root.process.pid) - before) * 1000 / ROUNDS, "ms")
    finally:
        tree.stop()


class Watch:
    """The most private memory of each zone, looked at all the time."""

    def __init__(self, tree):
        self.tree = tree
        self.most = {name: 0 for name in tree.zones}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.over.wait(0.2):
            for name, zone in self.tree.zones.items():
                self.most[name] = max(self.most[name], zone.memory_kib()[0] / 1024)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.most


def read_rows(door, limit):
    """(status, missing, rows, bytes) of the list, which is never whole here."""
    rows, size, kept = 0, 0, b""
    with door.get(f"/servers/detail?limit={limit}", stream=True, timeout=600) as answer:
        for block in iter(lambda: answer.raw.read(BLOCK, decode_content=True), b""):
            text = kept + block
            rows += text.count(MARK)
            kept = text[-(len(MARK) - 1):]
            size += len(block)
        return answer.status_code, answer.headers.get("X-Zone-Missing"), rows, size


def measure_million(figures, directory, mariadb, count):
    tree = Tree(directory, mariadb, LINE, settings={"api": {"max_limit": MILLION}})
    try:
        tree.start()
        fill(tree, directory, mariadb, "leaf", count)
        door = tree.http("root")
        read_rows(door, PAGE)  # warm
        before = {name: zone.memory_kib()[0] / 1024 for name, zone in tree.zones.items()}
        watch, begin = Watch(tree), time.monotonic()
        try:
            status, missing, rows, size = read_rows(door, count)
        finally:
            most = watch.stop()
        took = time.monotonic() - begin
        print(f"{rows} rows, {size / 1e6:.0f} MB in {took:.1f} s; private MiB after one page {before}, at most {most}", flush=True)
        if status != 200 or missing or rows != count:
            figures.fail("stream_million_private_mib", f"{status}, missing {missing}, {rows} rows")
            return
        figures.figure("stream_million_private_mib", max(most.values()), "MiB")
        figures.figure("stream_million_rows_per_s", rows / took, "rows/s")
    finally:
        tree.stop()


def measure_lists(figures, directory, mariadb):
    directory.mkdir()
    measure_merge(figures)
    measure_page(figures, directory / "e", mariadb)
    wanted = os.environ.get("ZONEGATE_BENCH_MILLION")
    if wanted:
        measure_million(figures, directory / "l", mariadb, MILLION if wanted == "1" else int(wanted))
