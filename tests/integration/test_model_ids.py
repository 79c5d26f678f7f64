"""Never a false 404: random creates, reads and deletes at random zones of a tree of seven, while zones are stopped, killed, cut off in
one direction or both, get a clock that is an hour off, are moved to other parents, and new ones join. A server exists from its 202 until its DELETE is sent; "not found" for one that
exists is the failure.

ZONEGATE_MODEL_OPERATIONS: how many operations (10000, or what fits into two minutes); given, there is no limit of time.
ZONEGATE_MODEL_SEED: printed; faults and choices follow from it, their interleaving does not."""
import collections
import os
import random
import signal
import threading
import time
import uuid

import pytest
import requests

from lib import clock, netns
from lib.links import Counts, state_of
from lib.pages import missing_in
from lib.servers import stock
from lib.wait import wait_for
from test_tree import is_active

PLAN = {"root": {"children": {"a": {"children": {"a1": {"hosts": 1}, "a2": {"hosts": 1}}},
                              "b": {"children": {"b1": {"hosts": 1}, "b2": {"hosts": 1}}}}}}
LEAVES = ("a1", "a2", "b1", "b2")
LATE = ("c1", "c2")  # they join while the model runs
HOUR_S = 3600
SETTINGS = {"zones": {"child_timeout_ms": 1500}, "api": {"budget_ms": 5000},
            "quota": {"instances": -1, "cores": -1, "ram": -1, "recheck_quota": "false"}}
CAPACITY = {"vcpus": 1000, "ram_mib": 1 << 20, "disk_gib": 10000}
OPERATIONS = int(os.environ.get("ZONEGATE_MODEL_OPERATIONS", 10000))
SECONDS = None if "ZONEGATE_MODEL_OPERATIONS" in os.environ else 120
SEED = int(os.environ.get("ZONEGATE_MODEL_SEED", random.SystemRandom().randrange(1 << 32)))
WORKERS = 4
LIVING_MOST = 60
AT_FIRST = 7
FAULTS_MOST = 2


@pytest.fixture(scope="module")
def network():
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    network = netns.Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def tree(network, make_tree, here):
    tree = make_tree(PLAN, network=network, capacity=CAPACITY, settings=SETTINGS)
    tree.image = stock(tree.http("root"), here)
    for name in LATE:
        tree.grow(name, hosts=1)
    return tree


def restart(zone, environment=None):
    zone.kill()
    zone.spawn(environment=environment)
    zone.wait_ready()


class World:
    """The model, the zones that may be asked now, and what went wrong. Guarded by one lock."""

    def __init__(self, tree):
        self.tree = tree
        self.lock = threading.Lock()
        self.doors = {name: tree.http(name) for name in tree.zones if name not in LATE}
        self.dark = collections.Counter()  # zones at which nobody asks: stopped, killed or cut off
        self.living = []
        self.deleted = []
        self.failures = []
        self.statuses = collections.Counter()
        self.operations = 0
        self.over = threading.Event()
        self.started = time.monotonic()

    def door(self, chance):
        with self.lock:
            name = chance.choice([name for name in self.doors if not self.dark[name]])
            return name, self.doors[name]

    def count(self, what, status):
        with self.lock:
            self.operations += 1
            self.statuses[what, status] += 1
            late = SECONDS and time.monotonic() - self.started > SECONDS
            if self.operations >= OPERATIONS or late or self.failures:
                self.over.set()

    def fail(self, words):
        with self.lock:
            self.failures.append(words)
        self.over.set()

    def has(self, server):
        with self.lock:
            return server in self.living


class Client:
    """One thread's random operations. Its own sessions: requests' are not shared between threads."""

    def __init__(self, world, seed):
        self.world = world
        self.chance = random.Random(seed)
        self.sessions = collections.defaultdict(requests.Session)

    def send(self, method, name, door, path, **arguments):
        """The status, 0 for none: the zone fell silent while it was asked."""
        try:
            return self.sessions[name].request(method, f"{door.zone.url}/compute/v2.1{path}", timeout=20,
                                               headers={"X-Auth-Token": door.token}, **arguments)
        except requests.RequestException:
            return None

    def read(self, server):
        """A GET anywhere. The model is looked at before and after: what is deleted meanwhile may be gone."""
        name, door = self.world.door(self.chance)
        before = self.world.has(server)
        answer = self.send("GET", name, door, f"/servers/{server}")
        status = answer.status_code if answer is not None else 0
        if before and status == 404 and self.world.has(server):
            self.world.fail(f"{server} lives, and {name} says: {answer.text} {dict(answer.headers)}")
        if status == 200 and answer.json()["server"]["id"] != server:
            self.world.fail(f"{name} answers for {server} with {answer.text}")
        self.world.count("GET", status)

    def create(self):
        name, door = self.world.door(self.chance)
        body = {"server": {"name": f"m{self.chance.randrange(1 << 30)}", "imageRef": self.world.tree.image, "flavorRef": "1"}}
        answer = self.send("POST", name, door, "/servers", json=body)
        self.world.count("POST", answer.status_code if answer is not None else 0)
        if answer is not None and answer.status_code == 400:
            self.world.fail(f"{name} does not take {body}: {answer.text}")
        if answer is None or answer.status_code != 202:
            return
        server = answer.json()["server"]["id"]
        with self.world.lock:
            self.world.living.append(server)
        self.read(server)  # at once, anywhere

    def delete(self, server):
        name, door = self.world.door(self.chance)
        with self.world.lock:
            if server not in self.world.living:
                return
            self.world.living.remove(server)
        answer = self.send("DELETE", name, door, f"/servers/{server}")
        status = answer.status_code if answer is not None else 0
        self.world.count("DELETE", status)
        if status == 404:
            self.world.fail(f"{server} lives, and DELETE at {name} says: {answer.text} {dict(answer.headers)}")
        with self.world.lock:
            if status in (403, 409, 503):  # nothing happened
                self.world.living.append(server)
            elif status == 204:
                self.world.deleted.append(server)

    def miss(self):
        name, door = self.world.door(self.chance)
        answer = self.send("GET", name, door, f"/servers/{uuid.UUID(int=self.chance.getrandbits(128), version=4)}")
        status = answer.status_code if answer is not None else 0
        if status == 200:
            self.world.fail(f"{name} shows what was never made")
        self.world.count("miss", status)

    def step(self):
        with self.world.lock:
            living, count = self.chance.choice(self.world.living or [None]), len(self.world.living)
        dice = self.chance.random()
        if not living or (dice < 0.04 and count < LIVING_MOST):
            self.create()
        elif dice < 0.07 and count > 4:
            self.delete(living)
        elif dice < 0.17:
            self.miss()
        else:
            self.read(living)

    def run(self):
        while not self.world.over.is_set():
            self.step()


class Faults:
    """What happens to the zones, one thing after the other, at most FAULTS_MOST at a time."""

    def __init__(self, world, network, seed):
        self.world, self.network = world, network
        self.tree = world.tree
        self.chance = random.Random(seed)
        self.late = list(LATE)
        self.off = set()  # whose clocks are off: they are started again for that
        self.open = []  # what undoes them
        self.done = collections.Counter()

    def darken(self, name, by):
        with self.world.lock:
            self.world.dark[name] += by

    def lit(self):
        return [name for name in self.world.doors if not self.world.dark[name] and name not in self.off]

    def stop(self):
        name = self.chance.choice(self.lit())
        self.darken(name, 1)
        self.tree[name].process.signal(signal.SIGSTOP)
        return lambda: (self.tree[name].process.signal(signal.SIGCONT), self.darken(name, -1))

    def kill(self):
        name = self.chance.choice(self.lit())
        self.darken(name, 1)
        self.tree[name].kill()
        return lambda: (self.tree[name].spawn(), self.tree[name].wait_ready(), self.darken(name, -1))

    def clock(self):
        """An hour ahead or behind; it goes on serving whoever still believes it."""
        name = self.chance.choice(self.lit())
        self.off.add(name)
        self.restart(name, clock.off_by(self.chance.choice([HOUR_S, -HOUR_S])))
        return lambda: (self.restart(name), self.off.discard(name))

    def restart(self, name, environment=None):
        self.darken(name, 1)
        restart(self.tree[name], environment)
        self.darken(name, -1)

    def cut(self):
        name = self.chance.choice(self.lit())
        self.darken(name, 1)
        self.network.cut(name)
        return lambda: (self.network.heal(name), self.darken(name, -1))

    def one_way(self):
        """Between a parent and a child; both go on serving."""
        child = self.chance.choice([name for name, parent in self.tree.parents.items() if parent])
        pair = [child, self.tree.parents[child]]
        self.chance.shuffle(pair)
        self.network.block(*pair)
        return lambda: self.network.unblock(*pair)

    def move(self):
        """A leaf to the other parent: deleted here, or left to be found out, joined there, the old parent forgotten."""
        leaf = self.chance.choice(LEAVES)
        old = self.tree.parents[leaf]
        new = "b" if old == "a" else "a"
        if self.open:  # what is joined must be reached
            return None
        door = self.world.doors[leaf]
        deleted = self.chance.random() < 0.5
        if deleted:
            self.tree[old].cli("zone", "delete", leaf)
        self.tree.parents[leaf] = new
        self.tree.join(new, leaf)
        wait_for(lambda: leaf in self.tree.active_children(new), 30, f"{leaf} to be joined to {new}")
        assert door.delete(f"/os-zones/links/{old}").status_code in (200, 202, 204)
        if not deleted:
            wait_for(lambda: state_of(self.tree, old, leaf) == "disabled", 30, f"{old} to find out that {leaf} has another parent")
        return None

    def arrive(self):
        """A zone that has never been here joins, to be asked and built on at once."""
        if self.open or not self.late:
            return None
        leaf, parent = self.late.pop(), self.chance.choice(["a", "b"])
        self.tree.parents[leaf] = parent
        self.tree.join(parent, leaf)
        wait_for(lambda: leaf in self.tree.active_children(parent), 30, f"{leaf} to be joined to {parent}")
        door = self.tree.http(leaf)
        with self.world.lock:
            self.world.doors[leaf] = door
        return None

    def undo(self):
        self.open.pop(self.chance.randrange(len(self.open)))()

    def run(self):
        kinds = [self.stop, self.kill, self.cut, self.one_way, self.clock, self.move, self.arrive]
        while not self.world.over.is_set():
            if len(self.open) == FAULTS_MOST or (self.open and self.chance.random() < 0.5):
                self.undo()
            else:
                kind = self.chance.choice(kinds)
                undo = kind()
                self.done[kind.__name__] += 1
                self.open += [undo] if undo else []
            self.world.over.wait(self.chance.uniform(0.2, 2))  # the length of a fault, not a wait for anything
        while self.open:
            self.undo()


def test_a_living_server_is_never_not_found(tree, network, capsys):
    world = World(tree)
    faults = Faults(world, network, SEED)
    with network.pool(WORKERS) as pool:
        first = Client(world, SEED)
        while len(world.living) < AT_FIRST and not world.failures:  # before anything fails
            pool.submit(first.create).result()
        running = [pool.submit(Client(world, SEED + 1 + number).run) for number in range(WORKERS)]
        try:
            faults.run()
        finally:
            world.over.set()
            for thread in running:
                thread.result()
    with capsys.disabled():
        print(f"\nseed {SEED}, {world.operations} operations in {time.monotonic() - world.started:.0f} s, {dict(faults.done)}")
        print(", ".join(f"{what} {status}: {count}" for (what, status), count in sorted(world.statuses.items())))
    assert not world.failures, f"seed {SEED}\n" + "\n".join(world.failures)
    assert world.statuses["GET", 200] and world.statuses["POST", 202] and world.statuses["DELETE", 204], "the model saw too little"
    tree.model = world


def test_when_all_is_healed_everybody_sees_everything(tree):
    world = tree.model
    for name, door in world.doors.items():
        for server in world.living:
            wait_for(lambda d=door, s=server: d.get(f"/servers/{s}").status_code == 200, 60, f"{name} to show {server}")
    for server in world.deleted[-20:]:
        wait_for(lambda s=server: world.doors["root"].get(f"/servers/{s}").status_code == 404, 60, f"{server} to be gone")


@pytest.mark.parametrize("off_s", [HOUR_S, -HOUR_S])
def test_a_zone_whose_clock_is_off_is_named_and_never_a_404(tree, mariadb, off_s):
    """The link's proofs are of the past or of the future: reason auth, and the doctor says what it is."""
    doors, leaf = tree.model.doors, LEAVES[0]
    parent = tree.parents[leaf]
    other = "b" if parent == "a" else "a"
    wait_for(lambda: tree[leaf].host_names <= tree[leaf].hosts_up(), 60, f"the hosts of {leaf} to be up again")
    wait_for(lambda: [zone["state"] for zone in doors[parent].fetch("/os-zones/detail")["zones"] if zone["name"] == leaf] == ["up"], 30,
             f"{parent} to know that {leaf} is up again")
    answer = doors[parent].post("/servers", {"server": {"name": "timeless", "imageRef": tree.image, "flavorRef": "1", "availability_zone": leaf}})
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_for(lambda: is_active(doors[leaf], server), 60, lambda: f"{server} to be ACTIVE in {leaf}: "
             + str(mariadb.sql(tree[leaf].schema, "SELECT HEX(subject), kind, step, state, undoing, attempt, not_before, error_message FROM tasks")))
    restart(tree[leaf], clock.off_by(off_s))  # what it says of its hosts is of another hour too: nobody waits for them
    for name, path in ((parent, leaf), ("root", f"{parent}/{leaf}"), (other, f"root/{parent}/{leaf}")):
        def named(door=doors[name]):
            answer = door.get(f"/servers/{server}")
            assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
            return missing_in(answer)
        wait_for(lambda p=path: named() == {p: "auth"}, 30, f"{name} to name {path} with reason auth")
        if name != other:  # lists do not go up
            assert missing_in(doors[name].get("/servers")) == {path: "auth"}
    def found():
        return {row["finding"] for row in doors[parent].fetch(f"/os-zones/doctor?zone={leaf}")["findings"]}
    wait_for(lambda: "clock-skew" in found(), 30, lambda: f"the doctor to say clock-skew: {found()}")  # as the last poll measured it
    status, out, _ = tree[parent].cli("zone", "doctor", leaf, check=False)
    assert status == 2 and "clock-skew" in out, out
    restart(tree[leaf])
    wait_for(lambda: doors["root"].get(f"/servers/{server}").status_code == 200, 30, f"{leaf} to be believed again")
    tree.model.living.append(server)


def test_messages_of_hits_and_misses(tree):
    """Counted by those who send and by those who get them."""
    door, depth = tree.model.doors["root"], 2
    for server in tree.model.living[:20]:
        counts = Counts(tree)
        assert door.get(f"/servers/{server}").status_code == 200
        sent, received = counts.all()
        assert sent == received <= depth, (sent, received)
    counts = Counts(tree)
    for _ in range(100):
        assert door.get(f"/servers/{uuid.uuid4()}").status_code == 404
    assert counts.all() == (0, 0)
