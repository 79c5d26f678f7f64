"""Creates and deletes from many clients at two doors at once, while builds fail, gateways and the database are killed, gateways sleep
longer than a lease, and a link is cut: in the end rows, claims, tasks, domains and volumes agree, no host ever held more than it has, and every accepted
server is ACTIVE, in ERROR with a fault, or deleted by its user. Judged by virsh and SQL. Seeded.

ZONEGATE_STORM_OPERATIONS, ZONEGATE_STORM_FAULTS and ZONEGATE_STORM_SEED make it longer and other."""
import collections
import os
import random
import signal
import threading
import time

import pytest
import requests

from lib.links import Cable
from lib.mariadb import MariaDB
from lib.observe import overcommitted, servers, tasks
from lib.servers import RAM_MIB, assert_agreement, faults, stock
from lib.tree import Tree
from lib.wait import wait_for

OPERATIONS = int(os.environ.get("ZONEGATE_STORM_OPERATIONS", "240"))
FAULTS = int(os.environ.get("ZONEGATE_STORM_FAULTS", "10"))
SEED = int(os.environ.get("ZONEGATE_STORM_SEED", "5"))
CLIENTS = 32
ROOM_OF_A_HOST = 20
PLAN = {"root": {"hosts": 1, "children": {"east": {"hosts": 2}, "west": {"hosts": 1}}}}
CAPACITY = {"vcpus": 64, "ram_mib": ROOM_OF_A_HOST * RAM_MIB + RAM_MIB // 2, "disk_gib": 1000}
SETTINGS = {"debug": {"fail_builds": "start:10"}, "zones": {"child_timeout_ms": 3000}}
PASSING = {409, 429, 502, 503, 504}  # said of a create or delete while things break


@pytest.fixture(scope="module")
def database(here):
    """Its own: it is killed."""
    database = MariaDB(here / "db")
    yield database
    database.stop()


@pytest.fixture(scope="module")
def tree(here, database, test_hosts):
    tree = Tree(here / "t", database, PLAN, settings=SETTINGS, capacity=CAPACITY)
    tree.start()
    yield tree
    tree.stop()


@pytest.fixture(scope="module")
def cable(tree):
    """Through which root reaches east."""
    cable = Cable(tree["east"])
    tree.root.cli("zone", "set", "east", "--url", cable.url)
    assert cable.taken.wait(30), "nobody takes the cable"
    yield cable
    cable.close()


class Storm:
    """What was asked and what was answered; lists are appended to by all clients."""

    def __init__(self, tree, image, cable):
        self.tree = tree
        self.cable = cable
        self.image = image
        self.doors = {name: tree.http(name) for name in ("root", "east")}
        self.lock = threading.Lock()
        self.left = OPERATIONS
        self.living = {}  # id: the client whose it is
        self.made_at = {}
        self.deleted = set()
        self.unsure = set()  # deletes without an answer
        self.accepted = set()
        self.statuses = collections.Counter()
        self.wrong = []
        self.over = threading.Event()

    def next_one(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def ask(self, door, method, path, body=None):
        """The answer, or None when there was none."""
        door = self.doors[door]
        try:
            answer = requests.request(method, f"{door.zone.url}/compute/v2.1{path}", json=body, timeout=60,
                                      headers={"X-Auth-Token": door.token, "OpenStack-API-Version": "compute 2.37"})
        except requests.RequestException:
            self.statuses[f"{method} nothing"] += 1
            return None
        self.statuses[f"{method} {answer.status_code}"] += 1
        return answer

    def create(self, chance, client):
        count = chance.choice((1, 1, 1, 1, 3))
        body = {"server": {"name": f"storm-{client}", "imageRef": self.image, "flavorRef": "1", "networks": "none", "min_count": count,
                           "max_count": count}}
        door = chance.choice(list(self.doors))
        answer = self.ask(door, "POST", "/servers", body)
        if answer is not None and answer.status_code == 202:
            server = answer.json()["server"]["id"]
            self.accepted.add(server)
            self.living[server] = client
            self.made_at[server] = door
        elif answer is not None and answer.status_code not in PASSING:
            self.wrong.append(f"create: {answer.status_code} {answer.text[:300]}")

    def delete(self, chance, server):
        doors = list(self.doors) if self.made_at[server] == "east" else ["root"]  # east may not act above itself
        answer = self.ask(chance.choice(doors), "DELETE", f"/servers/{server}")
        if answer is not None and answer.status_code == 204:
            self.living.pop(server)
            self.deleted.add(server)
        elif answer is None or answer.status_code in PASSING:
            self.unsure.add(server)
        elif answer.status_code != 404 or server not in self.unsure:
            self.wrong.append(f"delete of {server}: {answer.status_code} {answer.text[:300]}")
        else:
            self.living.pop(server)
            self.deleted.add(server)

    def run_client(self, number):
        chance = random.Random(f"{SEED} client {number}")
        while self.next_one():
            mine = [server for server, owner in list(self.living.items()) if owner == number]
            if mine and chance.random() < 0.45:
                self.delete(chance, chance.choice(mine))
            else:
                self.create(chance, number)
            self.over.wait(chance.random() / 4)

    # --- what breaks
    def kill_gateway(self, chance):
        zone = self.tree[chance.choice(list(self.tree.zones))]
        zone.kill()
        self.over.wait(chance.random())
        zone.start()

    def kill_database(self, chance):
        self.tree.mariadb.kill()
        self.over.wait(chance.random() * 2)
        self.tree.mariadb.start()

    def put_to_sleep(self, chance, seconds):
        zone = self.tree[chance.choice(list(self.tree.zones))]
        zone.process.signal(signal.SIGSTOP)
        self.over.wait(seconds)
        zone.process.signal(signal.SIGCONT)

    def cut_link(self, chance):
        self.cable.cut()
        self.over.wait(chance.random() * 6)
        self.cable.mend()

    def break_things(self):
        chance = random.Random(f"{SEED} faults")
        kinds = [self.kill_gateway, self.kill_gateway, self.kill_gateway, self.kill_database, self.cut_link,
                 lambda chance: self.put_to_sleep(chance, 2)]
        order = [chance.choice(kinds) for _ in range(FAULTS - 2)] + [self.cut_link, lambda chance: self.put_to_sleep(chance, 12)]  # beyond a lease
        for kind in order:
            self.over.wait(chance.random() * 2)
            kind(chance)


def run_all(storm):
    clients = [threading.Thread(target=storm.run_client, args=(number,)) for number in range(CLIENTS)]
    breaker = threading.Thread(target=storm.break_things)
    for thread in (*clients, breaker):
        thread.start()
    crowded = []
    while any(thread.is_alive() for thread in (*clients, breaker)):
        try:
            crowded += [row for zone in storm.tree.zones.values() for row in overcommitted(zone, storm.tree.mariadb)]
        except AssertionError:  # the database is down this moment
            time.sleep(0.2)
    for thread in (*clients, breaker):
        thread.join()
    return crowded


def unfinished(tree):
    return {name: left for name, zone in tree.zones.items()
            if (left := [f"{kind} {subject}" for subject, kind in tasks(zone, tree.mariadb)])}


def test_storm(tree, here, cable):
    storm = Storm(tree, stock(tree.http("root"), here), cable)
    crowded = run_all(storm)
    print(f"storm: seed {SEED}, {OPERATIONS} operations, {FAULTS} faults: {dict(storm.statuses)}")
    wait_for(lambda: not unfinished(tree), 300, lambda: f"all work to end; left: {unfinished(tree)}")
    assert storm.wrong == []
    assert crowded == [], "a host held more than it has"
    rows = {uuid: row for zone in tree.zones.values() for uuid, row in servers(zone, tree.mariadb).items()}
    assert len(rows) == sum(len(servers(zone, tree.mariadb)) for zone in tree.zones.values()), "a server in two zones"
    lost = [uuid for uuid in storm.accepted - storm.deleted - storm.unsure if rows.get(uuid, ("gone",))[0] not in ("active", "error")]
    assert not lost, f"accepted, not deleted, and gone or unfinished: {lost}"
    risen = [uuid for uuid in storm.deleted if uuid in rows]
    assert not risen, f"deleted, and there: {risen}"
    for name, zone in tree.zones.items():
        assert_agreement(zone, tree.mariadb, tree.hosts[name])
        broken = {uuid: fault for uuid, fault in faults(zone, tree.mariadb).items() if not fault.get("message")}
        assert not broken
    seen = {row["id"]: row["status"] for row in tree.http("root").fetch("/servers/detail?all_tenants=1&limit=1000")["servers"]}
    assert set(seen) == set(rows), "the list of the tree is what the zones have"
    assert storm.statuses["POST 202"] > OPERATIONS / 4, "too little was accepted to mean anything"
