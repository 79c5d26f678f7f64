"""Creating servers on libvirt's test driver: accepted per second and the time of a 202 at 1, 16 and 64 clients, here and through one and
two hops; how long until ACTIVE; fifty by one request; deletes. Whose CPU time it was: gateways, database, hypervisors."""
import json
import pathlib
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
import time

from core import made_in, stock
from lib.mariadb import MariaDB
from lib.tree import Tree
from lib.wait import wait_for
from measure import Figures, cpu_seconds

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 2}}}}}}
CAPACITY = {"vcpus": 40000, "ram_mib": 40_000_000, "disk_gib": 1_000_000}
COUNTS = {1: 100, 16: 400, 64: 800}
BATCH = 50


class Client:
    """One keep-alive connection that sends requests one after the other."""

    def __init__(self, zone):
        self.socket = socket.create_connection((zone.address, zone.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.begin = 0.0

    def send(self, request):
        self.begin = time.monotonic()
        self.buffer = b""
        self.socket.sendall(request)

    def receive(self):
        """(status, body) when the answer is whole, else None."""
        self.buffer += self.socket.recv(65536)
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        return (int(head.split(b" ", 2)[1]), body) if len(body) >= length else None


def request_bytes(zone, token, method, path, document=None):
    body = json.dumps(document).encode() if document else b""
    lines = [f"{method} /compute/v2.1{path} HTTP/1.1", f"Host: {zone.address}:{zone.port}", f"X-Auth-Token: {token}",
             "OpenStack-API-Version: compute 2.37", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def run_all(zone, requests, clients):
    """(answers in the order of their ends as (status, body, seconds), whole seconds)."""
    todo = iter(requests)
    answers = []
    begin = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for _, request in zip(range(clients), todo):
            client = Client(zone)
            client.send(request)
            selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map():
            for key, _ in selector.select(60):
                client = key.data
                answer = client.receive()
                if not answer:
                    continue
                answers.append((*answer, time.monotonic() - client.begin))
                request = next(todo, None)
                if request:
                    client.send(request)
                else:
                    selector.unregister(client.socket)
                    client.socket.close()
    return answers, time.monotonic() - begin


def order(image, **more):
    return {"server": {"name": "bench", "imageRef": image, "flavorRef": "1", "networks": "none", **more}}


def settled(mariadb, leaf):
    return mariadb.sql(leaf.schema, "SELECT COUNT(*) FROM tasks WHERE kind IN ('build', 'reschedule', 'batch', 'delete')") == [["0"]]


def ages(mariadb, leaf):
    """Milliseconds from the beginning of each create to the end of its build, and the moment of the last end."""
    rows = mariadb.sql(leaf.schema, "SELECT TIMESTAMPDIFF(MICROSECOND, a.start_time, e.finish_time) / 1000, UNIX_TIMESTAMP(e.finish_time)"
                                    " FROM server_actions a JOIN server_action_events e ON e.action_id = a.id"
                                    " JOIN servers s ON s.uuid = a.server WHERE a.action = 'create' AND NOT s.deleted"
                                    " AND s.vm_state = 'active'")
    return [float(age) for age, _ in rows], max((float(end) for _, end in rows), default=0.0)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def cpu_of(tree, mariadb):
    gateways = sum(cpu_seconds(zone.process.pid) for zone in tree.zones.values())
    hosts = sum(cpu_seconds(host.process.pid) for hosts in tree.hosts.values() for host in hosts)
    return {"gateways": gateways, "database": cpu_seconds(mariadb.process.pid), "hypervisors": hosts}


def delete_all(figures, name, tree, mariadb, leaf, ids):
    client = tree.http("east-1")
    requests = [request_bytes(leaf, client.token, "DELETE", f"/servers/{server}") for server in ids]
    answers, seconds = run_all(leaf, requests, 16)
    bad = [answer for answer in answers if answer[0] != 204]
    wait_for(lambda: settled(mariadb, leaf), 600, "the deletes")
    if bad:
        figures.fail(name, f"{len(bad)} deletes refused: {bad[0]}")
    elif name:
        figures.figure(name, len(ids) / seconds, "requests/s")


def measure(figures, tree, mariadb, image, entry, label, clients):
    """One round: creates at `entry`, then all ACTIVE, then gone."""
    zone, leaf, count = tree[entry], tree["east-1"], COUNTS[clients]
    token = tree.http(entry).token
    before, wall = cpu_of(tree, mariadb), time.time()
    answers, seconds = run_all(zone, [request_bytes(zone, token, "POST", "/servers", order(image))] * count, clients)
    bad = [answer for answer in answers if answer[0] != 202]
    if bad:
        figures.fail(f"create_accept_{label}", f"{len(bad)} of {count} were not accepted: {bad[0]}")
        return
    wait_for(lambda: settled(mariadb, leaf), 600, "the builds")
    after = cpu_of(tree, mariadb)
    times, last = ages(mariadb, leaf)
    if len(times) != count:
        states = mariadb.sql(leaf.schema, "SELECT vm_state, task_state, fault, COUNT(*) FROM servers WHERE NOT deleted GROUP BY 1, 2, 3")
        figures.fail(f"create_active_{label}", f"{len(times)} of {count} became ACTIVE: {states}")
        return
    milliseconds = [answer[2] * 1000 for answer in answers]
    figures.figure(f"create_accept_{label}_{clients}_per_s", count / seconds, "requests/s")
    figures.figure(f"create_202_{label}_{clients}_p50_ms", statistics.median(milliseconds), "ms")
    figures.figure(f"create_202_{label}_{clients}_p99_ms", percentile(milliseconds, 0.99), "ms")
    figures.figure(f"create_active_{label}_{clients}_per_s", count / (last - wall), "servers/s")
    figures.figure(f"create_active_{label}_{clients}_p50_ms", statistics.median(times), "ms")
    figures.figure(f"create_active_{label}_{clients}_p99_ms", percentile(times, 0.99), "ms")
    for whose, spent in after.items():
        figures.figure(f"create_cpu_{whose}_{label}_{clients}_ms", (spent - before[whose]) * 1000 / count, "ms per server")
    if label == "local" and clients == 64:
        figures.figure("create_accept_local_per_s", count / seconds, "requests/s")
        figures.figure("create_active_per_s", count / (last - wall), "servers/s")
        figures.figure("create_active_p99_ms", percentile(times, 0.99), "ms")
    if label == "one_hop" and clients == 64:
        figures.figure("create_accept_one_hop_per_s", count / seconds, "requests/s")
    if label == "local" and clients == 1:
        figures.figure("create_202_p50_ms", statistics.median(milliseconds), "ms")
        figures.figure("create_active_p50_ms", statistics.median(times), "ms")
    ids = [json.loads(body)["server"]["id"] for _, body, _ in answers]
    delete_all(figures, "delete_per_s" if (label, clients) == ("local", 64) else "", tree, mariadb, leaf, ids)


def measure_batch(figures, tree, mariadb, image, entry, label):
    zone, leaf = tree[entry], tree["east-1"]
    document = order(image, min_count=BATCH, max_count=BATCH)
    answers, seconds = run_all(zone, [request_bytes(zone, tree.http(entry).token, "POST", "/servers", document)], 1)
    if answers[0][0] != 202:
        figures.fail(f"create_min_count_50_{label}_ms", str(answers[0]))
        return
    wait_for(lambda: settled(mariadb, leaf), 600, "the builds")
    times, _ = ages(mariadb, leaf)
    if len(times) != BATCH:
        figures.fail(f"create_min_count_50_{label}_ms", f"{len(times)} became ACTIVE")
        return
    figures.figure(f"create_min_count_50_{label}_ms", seconds * 1000, "ms")
    if label == "local":
        figures.figure("create_min_count_50_ms", seconds * 1000, "ms")
    rows = tree.http("east-1").fetch("/servers?limit=1000")["servers"]
    delete_all(figures, "", tree, mariadb, leaf, [row["id"] for row in rows])


def raise_quotas(tree, project):
    limits = {"instances": -1, "cores": -1, "ram": -1}
    for name in tree.zones:
        tree.http(name).put(f"/os-quota-sets/{project}", {"quota_set": limits}).raise_for_status()


def main():
    figures = Figures()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgb.", dir="/tmp"))
    mariadb = MariaDB(directory / "db")
    tree = Tree(directory / "t", mariadb, PLAN, capacity=CAPACITY)
    try:
        tree.start()
        image = stock(tree.http("root"), made_in(directory, "root"))
        raise_quotas(tree, tree.http("root").project)
        for entry, label in (("east-1", "local"), ("east", "one_hop"), ("root", "two_hops")):
            for clients in COUNTS:
                measure(figures, tree, mariadb, image, entry, label, clients)
            measure_batch(figures, tree, mariadb, image, entry, label)
    finally:
        tree.stop()
        mariadb.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
