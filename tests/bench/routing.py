"""Figures of zone routing. On root -> east -> east-1 and root -> west: GETs of one server here, by one hop and by two, against nginx as a
plain proxy before the same zone in the same minutes; messages per lookup; what a dead child and a hung one cost: the first request to
it, the time from its death until its parent knows (with polls every 5 s), lists while it is away against lists before, and from its
recovery to the first good answer. Then the fan-out (routing_fanout.py), lists (routing_lists.py) and a wide tree (routing_tree.py)."""
import concurrent.futures
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

from lib.links import Counts
from lib.mariadb import MariaDB
from lib.servers import stock
from lib.tree import Tree
from lib.wait import free_port, wait_for
from measure import Figures, load
from routing_fanout import measure_fanout
from routing_lists import measure_lists
from routing_tree import measure_tree

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
SETTINGS = {"zones": {"poll_interval_ms": 5000}}
BUDGET_MS = 10000  # [api] budget_ms as it comes
CONNECTIONS, SECONDS, ROUNDS = 64, 3, 3
LATER = 200  # requests, after a dead child is known to be dead
MISSES = 1000


class Nginx:
    """Debian's nginx as a plain proxy before a zone: kept connections on both sides, no log, as many workers as there are processors."""

    CONFIG = """daemon off; worker_processes auto; pid {0}/pid; error_log {0}/error.log warn;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
  upstream zone {{ server 127.0.0.1:{1}; keepalive 128; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{2}; location / {{ proxy_pass http://zone; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""

    def __init__(self, directory, zone):
        directory.mkdir()
        self.port = free_port()
        config = directory / "nginx.conf"
        config.write_text(self.CONFIG.format(directory, zone.port, self.port))
        self.process = subprocess.Popen(["nginx", "-p", directory, "-c", config, "-e", directory / "error.log"], stdin=subprocess.DEVNULL)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def create(door, image, name):
    answer = door.post("/servers", {"server": {"name": name, "imageRef": image, "flavorRef": "1"}})
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_for(lambda: door.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, f"{name} to be ACTIVE")
    return server


def fill(tree, directory):
    """A server in each leaf; {leaf: id}."""
    image = stock(tree.http("root"), directory)
    return {leaf: create(tree.http(leaf), image, f"of-{leaf}") for leaf in ("east-1", "west")}


# --- routed GETs
def measure_gets(figures, tree, directory, server):
    """Rounds of all ways in turn, so that what else the machine does meets all of them; medians of the rounds."""
    nginx = Nginx(directory / "nginx", tree["east-1"])
    try:
        doors = {"local": "east-1", "one_hop": "east", "two_hops": "root"}
        ways = {name: (tree[zone].url, tree.http(zone)) for name, zone in doors.items()}
        ways["proxy"] = (nginx.url, ways["local"][1])
        wait_for(lambda: answers(nginx.port), 10, "nginx to listen")
        rates = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (url, door) in ways.items():
                rates[name].append(rate(figures, url, door, server))
    finally:
        nginx.stop()
    if not all(map(all, rates.values())):
        figures.fail("routed_get_vs_proxy", "a way had errors")
        return
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, value in median.items():
        figures.figure(f"routed_get_{name}_rps", value, "requests/s")
    figures.figure("routed_get_vs_proxy", median["one_hop"] / median["proxy"], "ratio")
    figures.figure("routed_get_two_hops_vs_proxy", median["two_hops"] / median["proxy"], "ratio")
    figures.figure("routed_get_vs_local", median["one_hop"] / median["local"], "ratio")


def answers(port):
    return subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/healthcheck"], check=False).returncode == 0


def rate(figures, url, door, server):
    """GETs per second; 0 after an error."""
    target = f"/compute/v2.1/servers/{server}"
    body = door.get(target).content
    result = load(url, target, body, CONNECTIONS, SECONDS, [f"X-Auth-Token: {door.token}"])
    if result["errors"] or not result["requests"]:
        figures.fail("routed_get", f"{url}: {result['errors']} errors in {result['requests']} answers, the first:\n{result['first_error']}")
        return 0
    return result["rps"]


# --- messages
def measure_messages(figures, tree, servers):
    """As those who send count and as those who get them count; both must agree."""
    door = tree.http("root")
    counts = Counts(tree)
    for server in servers.values():
        assert door.get(f"/servers/{server}").status_code == 200
    sent, received = counts.all()
    hops = 3  # two to east-1, one to west
    if sent == received:
        figures.figure("lookup_hit_messages", sent / hops, "messages/hop")
    else:
        figures.fail("lookup_hit_messages", f"{sent} sent, {received} received")
    counts = Counts(tree)
    wrong = [answer.text for answer in (door.get(f"/servers/{uuid.uuid4()}") for _ in range(MISSES)) if answer.status_code != 404]
    sent, received = counts.all()
    if wrong or sent != received:
        figures.fail("lookup_miss_messages", f"{sent} sent, {received} received, {len(wrong)} not 404 {wrong[:1]}")
    else:
        figures.figure("lookup_miss_messages", sent / MISSES, "messages")


# --- a dead child
def timed_list(door, missing):
    """Milliseconds of a list at root; what it says to be missing must be `missing` (a set of names)."""
    begin = time.monotonic()
    answer = door.get("/servers/detail")
    took = (time.monotonic() - begin) * 1000
    said = {word.split(";")[0] for word in answer.headers.get("X-Zone-Missing", "").split(", ") if word}
    assert answer.status_code == 200 and said == missing, f"{answer.status_code}, missing {said}, not {missing}"
    return took


def until(door, server, status):
    """Milliseconds until a GET of the server has this status; another one but 200 and 503 is an error."""
    begin = time.monotonic()
    while True:
        answer = door.get(f"/servers/{server}")
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == status:
            return (time.monotonic() - begin) * 1000


def state_at(door, child):
    return next(row["state"] for row in door.fetch("/os-zones/detail")["zones"] if row["name"] == child)


def measure_death(figures, tree, servers, name, die, revive):
    """The first request to the dead child's server, then lists as long as it is dead against lists before."""
    door = tree.http("root")
    for _ in range(LATER):
        timed_list(door, set())  # warm
    before = statistics.median(timed_list(door, set()) for _ in range(LATER))
    watcher = tree.http("root")
    die()
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(until, door, servers["west"], 503)
        wait_for(lambda: state_at(watcher, "west") in ("down", "probing"), 30, "west to be seen dead")
        seen = (time.monotonic() - begin) * 1000
        first = asked.result()
    later = statistics.median(timed_list(door, {"west"}) for _ in range(LATER))
    revive()
    back = until(door, servers["west"], 200)
    wait_for(lambda: "X-Zone-Missing" not in door.get("/servers/detail").headers, 30, "west to be in lists again")
    if first > BUDGET_MS:
        figures.fail(f"{name}_first_ms", f"{first} ms is beyond the budget")
        return
    figures.figure(f"{name}_first_ms", first, "ms")
    figures.figure(f"{name}_seen_ms", seen, "ms")
    figures.figure(f"{name}_later_ratio", later / before, "ratio")
    figures.figure(f"{name}_back_ms", back, "ms")


def measure_deaths(figures, tree, servers):
    west = tree["west"]
    measure_death(figures, tree, servers, "dead_child", west.kill, west.start)
    measure_death(figures, tree, servers, "hung_child", lambda: west.process.signal(signal.SIGSTOP),
                  lambda: west.process.signal(signal.SIGCONT))


def main():
    figures = Figures()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgr.", dir="/tmp"))
    mariadb = MariaDB(directory / "db")
    tree = Tree(directory / "t", mariadb, PLAN, capacity=CAPACITY, settings=SETTINGS)
    try:
        try:
            tree.start()
            servers = fill(tree, directory)
            measure_gets(figures, tree, directory, servers["east-1"])
            measure_messages(figures, tree, servers)
            measure_deaths(figures, tree, servers)
        finally:
            tree.stop()
        measure_fanout(figures, directory / "f", mariadb)
        measure_lists(figures, directory / "m", mariadb)
        measure_tree(figures, directory / "w", mariadb)
    finally:
        mariadb.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
