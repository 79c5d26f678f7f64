"""The core figures: GET of one server (here, one hop, two hops) against the ceiling, a detail list of 1000 over three zones, memory,
start. The tree is root -> east -> east-1 and root -> west, south; hosts are libvirt's test driver in east-1, west and south."""
import concurrent.futures
import http.client
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from lib.clients import image_file
from lib.mariadb import MariaDB
from lib.tree import Tree
from lib.wait import free_port, wait_for
from measure import BIN, Figures, cpu_seconds, load

LEAVES = ("east-1", "west", "south")
PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}, "south": {"hosts": 1}}}}
CAPACITY = {"vcpus": 4000, "ram_mib": 4_000_000, "disk_gib": 100_000}
SERVERS = 1000
CONNECTIONS, SECONDS = 64, 5
ACTIVE_SECONDS = 600


def headers_of(client, version=None):
    """As the load generator sends them."""
    return [f"X-Auth-Token: {client.token}", *([f"OpenStack-API-Version: compute {version}"] if version else [])]


def wait_all_active(root, count):
    def active():
        rows = root.fetch("/servers/detail")["servers"]
        bad = [row for row in rows if row["status"] == "ERROR"]
        assert not bad, f"a server is in ERROR: {bad[0]}"
        return sum(row["status"] == "ACTIVE" for row in rows) >= count
    wait_for(active, ACTIVE_SECONDS, f"{count} servers to be ACTIVE")


def stock(door, directory):
    """A flavor and an image of this zone's own; the image's id."""
    door.post("/flavors", {"flavor": {"name": "m1.tiny", "id": "1", "ram": 96, "vcpus": 1, "disk": 1}}).raise_for_status()
    made = door.post("/image/v2/images", {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"})
    made.raise_for_status()
    image = made.json()["id"]
    octets = {"Content-Type": "application/octet-stream"}
    door.put(f"/image/v2/images/{image}/file", data=image_file(directory).read_bytes(), headers=octets).raise_for_status()
    return image


def raise_quotas(tree, project):
    limits = {"instances": SERVERS * 2, "cores": SERVERS * 2, "ram": SERVERS * 200}
    for name in tree.zones:
        answer = tree.http(name).put(f"/os-quota-sets/{project}", {"quota_set": limits})
        assert answer.status_code in (200, 404), answer.text  # 404: a daemon that has no quotas to raise


def create_many(tree, leaf, count, directory):
    """`count` servers asked for at a leaf, so that they stay there; their ids."""
    client = tree.http(leaf)
    image = stock(client, directory)
    made = []
    for number in range(count):
        answer = client.post("/servers", {"server": {"name": f"{leaf}-{number}", "imageRef": image, "flavorRef": "1"}})
        assert answer.status_code == 202, answer.text
        made.append(answer.json()["server"]["id"])
    return made


def made_in(directory, name):
    path = directory / f"image-{name}"
    path.mkdir()
    return path


def fill(tree, directory):
    """SERVERS servers, evenly in the leaves; the id of one in east-1."""
    root = tree.http("root")
    raise_quotas(tree, root.project)
    shares = {leaf: SERVERS // len(LEAVES) + (number < SERVERS % len(LEAVES)) for number, leaf in enumerate(LEAVES)}
    with concurrent.futures.ThreadPoolExecutor(len(LEAVES)) as pool:
        made = list(pool.map(lambda item: create_many(tree, item[0], item[1], made_in(directory, item[0])), shares.items()))
    wait_all_active(root, SERVERS)
    return made[0][0]


def measure_gets(figures, tree, server):
    """The same server asked for at its zone, at the parent, at root; then the ceiling with the same body."""
    target = f"/compute/v2.1/servers/{server}"
    for name, zone in (("get_local", "east-1"), ("get_one_hop", "east"), ("get_two_hops", "root")):
        client = tree.http(zone)
        body = client.get(target).content
        before = cpu_seconds(tree[zone].process.pid)
        result = load(tree[zone].url, target, body, CONNECTIONS, SECONDS, headers_of(client))
        cpu = cpu_seconds(tree[zone].process.pid) - before
        report_load(figures, name, result)
        if not result["errors"] and result["requests"]:
            # the load generator's warm-up second is answered too, but not counted
            figures.figure(f"{name}_cpu_ms", cpu * 1000 / (result["requests"] * (SECONDS + 1) / SECONDS), "ms")
    measure_ceiling(figures, body)


def report_load(figures, name, result):
    if result["errors"] or not result["requests"]:
        figures.fail(name, f"{result['errors']} errors in {result['requests']} answers, the first:\n{result['first_error']}")
        return
    figures.figure(f"{name}_rps", result["rps"], "requests/s")
    figures.figure(f"{name}_p50_ms", result["p50_ms"], "ms")
    figures.figure(f"{name}_p99_ms", result["p99_ms"], "ms")


def measure_ceiling(figures, body):
    port = free_port()
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        with subprocess.Popen([BIN / "ceiling", str(port), file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout.readline() == b"ready\n", "the ceiling did not start"
            report_load(figures, "ceiling", load(f"http://127.0.0.1:{port}", "/x", body, CONNECTIONS, SECONDS))
            server.stdin.close()


def measure_list(figures, tree):
    """All servers in one page at root, one client after another."""
    client = tree.http("root")
    target = f"/compute/v2.1/servers/detail?limit={SERVERS}"
    answer = client.get(target)
    rows = answer.json()["servers"]
    if len({row["id"] for row in rows}) != SERVERS or "X-Zone-Missing" in answer.headers:
        figures.fail("list1000_three_zones_ms", f"{len(rows)} rows, missing: {answer.headers.get('X-Zone-Missing')}")
        return
    result = load(tree.root.url, target, answer.content, 1, SECONDS, headers_of(client))
    if result["errors"] or not result["requests"]:
        figures.fail("list1000_three_zones_ms", f"{result['errors']} errors, the first:\n{result['first_error']}")
        return
    figures.figure("list1000_three_zones_ms", result["p50_ms"], "ms")
    figures.figure("list1000_three_zones_p99_ms", result["p99_ms"], "ms")
    figures.figure("list1000_bytes", len(answer.content), "bytes")


def first_answer(zone):
    """Whether /healthcheck is answered 200 now."""
    connection = http.client.HTTPConnection(zone.address, zone.port, timeout=5)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def measure_start(figures, zone, rounds=5):
    """From exec to the first good answer, the schema in place; the median."""
    times = []
    for _ in range(rounds):
        zone.stop()
        begin = time.monotonic()
        zone.spawn()
        while not first_answer(zone):
            assert zone.alive and time.monotonic() < begin + 60, f"no answer\n{zone.process.tail()}"
            time.sleep(0.001)
        times.append((time.monotonic() - begin) * 1000)
        zone.wait_ready()
    figures.figure("start_ms", sorted(times)[rounds // 2], "ms")


def measure_memory(figures, zone):
    """A zone that has just started and has not been asked anything but its health."""
    private, resident = zone.memory_kib()
    figures.figure("idle_private_mib", private / 1024, "MiB")
    figures.figure("idle_rss_mib", resident / 1024, "MiB")


def main():
    figures = Figures()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgb.", dir="/tmp"))
    mariadb = MariaDB(directory / "db")
    tree = Tree(directory / "t", mariadb, PLAN, capacity=CAPACITY)
    try:
        tree.start()
        measure_start(figures, tree["west"])
        measure_memory(figures, tree["west"])
        tree.wait_joined()
        server = fill(tree, directory)
        measure_gets(figures, tree, server)
        measure_list(figures, tree)
    finally:
        tree.stop()
        mariadb.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
