"""Concatenated pages against a model, while servers come and go at every zone of a tree and zones are killed or stopped in the middle of a
page. A server that was accepted before a walk began, and whose DELETE was not sent before it ended, is in it, exactly once; what comes
or goes meanwhile may be; what was gone before is not. Only a zone that could not be heard excuses its servers, and the pages name it.

ZONEGATE_MODEL_SECONDS: how long (30). ZONEGATE_MODEL_SEED: printed; choices follow from it, their interleaving does not."""
import collections
import dataclasses
import os
import random
import signal
import threading
import time

import pytest
import requests

from lib.observe import dashed
from lib.pages import ANSWER_SECONDS, missing_in
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

PLAN = {"root": {"children": {"east": {"hosts": 1, "children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
WAYS = {"root": {"root": [], "west": ["west"], "east": ["east"], "east-1": ["east", "east-1"]},  # door: {owner: the zones on the way}
        "east": {"east": [], "east-1": ["east-1"]}, "east-1": {"east-1": []}, "west": {"west": []}}
OWNERS = ("west", "east", "east-1")
CAPACITY = {"vcpus": 4000, "ram_mib": 1 << 20, "disk_gib": 10000}
SETTINGS = {"zones": {"child_timeout_ms": 1500}, "api": {"budget_ms": 5000},
            "quota": {"instances": -1, "cores": -1, "ram": -1, "recheck_quota": "false"}}
SECONDS = float(os.environ.get("ZONEGATE_MODEL_SECONDS", 30))
SEED = int(os.environ.get("ZONEGATE_MODEL_SEED", random.SystemRandom().randrange(1 << 32)))
AT_FIRST, LIVING_MOST, LIVING_LEAST = 60, 120, 40
PASSING = (502, 503, 504)  # said of a create or delete when a zone falls silent
WALKS_LEAST, FAULTS_LEAST = 20, 3


@dataclasses.dataclass
class Server:
    owner: str
    name: str
    accepted: float
    deleting: float = float("inf")  # the DELETE was sent
    gone: float = float("inf")  # "not found" was read


@dataclasses.dataclass
class Walk:
    door: str
    query: str
    begun: float = 0.0
    ended: float = 0.0
    rows: list = dataclasses.field(default_factory=list)
    missing: set = dataclasses.field(default_factory=set)
    pages: list = dataclasses.field(default_factory=list)  # (seconds since the walk began, rows, who was missing)


class World:
    def __init__(self, tree, image):
        self.tree, self.image = tree, image
        self.tokens = {name: tree.http(name).token for name in tree.zones}
        self.lock = threading.Lock()
        self.servers = {}
        self.tried = set()  # names of creates without an answer
        self.dark = []  # [zone, from, to]
        self.seen_early = set()  # before their 202 was read
        self.wrong = []
        self.counts = collections.Counter()
        self.over = threading.Event()
        self.number = 0
        self.tags = {}  # of the owners, as the ids of the first servers have them

    def owner_of(self, uuid, asked):
        """A server for which no host was found is in error at root."""
        return self.tags.setdefault(uuid[-6:], asked) if len(self.servers) < AT_FIRST else self.tags.get(uuid[-6:], "root")

    def fail(self, words):
        with self.lock:
            self.wrong.append(words)
        self.over.set()

    def is_dark(self, zone, begun, ended):
        with self.lock:
            return any(name == zone and begun <= to and ended >= since for name, since, to in self.dark)

    def is_dark_now(self, zone):
        return self.is_dark(zone, time.monotonic(), time.monotonic())

    def send(self, session, method, door, path, **arguments):
        """None: no answer."""
        try:
            return session.request(method, f"{self.tree[door].url}/compute/v2.1{path}", timeout=ANSWER_SECONDS,
                                   headers={"X-Auth-Token": self.tokens[door]}, **arguments)
        except requests.RequestException:
            return None

    # --- what changes
    def create(self, chance, session, owner=None):
        owner = owner or chance.choice(OWNERS)
        with self.lock:
            self.number += 1
            name = f"{chance.choice('ab')}-{chance.randrange(50):02}-{self.number}"
            self.tried.add(name)
        body = {"name": name, "imageRef": self.image, "flavorRef": FLAVOR, "availability_zone": owner}
        answer = self.send(session, "POST", chance.choice(["root", owner]), "/servers", json={"server": body})
        if answer is not None and answer.status_code == 202:
            uuid = answer.json()["server"]["id"]
            with self.lock:
                self.servers[uuid] = Server(self.owner_of(uuid, owner), name, time.monotonic())
                self.counts["created"] += 1
        elif answer is not None and answer.status_code not in PASSING:
            self.fail(f"create at {owner}: {answer.status_code} {answer.text}")

    def delete(self, chance, session):
        with self.lock:
            living = [uuid for uuid, server in self.servers.items() if server.deleting == float("inf")]
            if len(living) < LIVING_LEAST:
                return
            uuid = chance.choice(living)
            server = self.servers[uuid]
            server.deleting = time.monotonic()
        answer = self.send(session, "DELETE", "root", f"/servers/{uuid}")
        if answer is not None and answer.status_code not in (204, *PASSING):
            self.fail(f"delete of {uuid} of {server.owner}: {answer.status_code} {answer.text}")
        while answer is not None and answer.status_code in (200, 204) and not self.over.wait(0.02):
            answer = self.send(session, "GET", server.owner, f"/servers/{uuid}")
            if answer is not None and answer.status_code == 404:
                server.gone = time.monotonic()
                self.counts["deleted"] += 1

    # --- what is looked at
    def read_pages(self, session, walk, limit):
        """False: the walk ended early, for a reason that is allowed. A marker may be deleted, or its owner be silent."""
        path = f"/compute/v2.1/servers/detail?limit={limit}&{walk.query}"
        while path:
            try:
                answer = session.get(self.tree[walk.door].url + path, timeout=ANSWER_SECONDS, headers={"X-Auth-Token": self.tokens[walk.door]})
            except requests.RequestException:
                return self.allow(walk, self.is_dark(walk.door, walk.begun, time.monotonic()), "no answer")
            if answer.status_code != 200:
                return self.allow(walk, self.may_stop(walk, answer), f"{answer.status_code} {answer.text}")
            body = answer.json()
            walk.rows += body["servers"]
            walk.missing |= set(missing_in(answer))
            walk.pages.append((round(time.monotonic() - walk.begun, 2), len(body["servers"]), missing_in(answer)))
            path = next((link["href"].removeprefix(self.tree[walk.door].url) for link in body.get("servers_links", [])), None)
        walk.ended = time.monotonic()
        return True

    def allow(self, walk, good, words):
        if not good:
            self.fail(f"walk {walk.door} {walk.query} ended: {words}")
        self.counts["walks cut short"] += 1
        return False

    def may_stop(self, walk, answer):
        now = time.monotonic()
        if answer.status_code == 503:
            # One that stood still itself while it asked finds the time of its questions over.
            return any(self.is_dark(zone, walk.begun, now) for zone in (walk.door, *(zone for way in WAYS[walk.door].values() for zone in way)))
        last = self.servers.get(walk.rows[-1]["id"]) if walk.rows else None
        return answer.status_code == 400 and "marker" in answer.text and (last is None or last.deleting <= now)

    def walk(self, chance, session):
        door = chance.choice([door for door in WAYS if not self.is_dark_now(door)])
        query = chance.choice(["", "", "name=a-", "sort_key=display_name&sort_dir=asc", "sort_key=created_at&sort_dir=asc", "sort_key=uuid"])
        walk = Walk(door, query, begun=time.monotonic())
        if self.read_pages(session, walk, chance.choice([3, 7, 20, 1000])):
            self.judge(walk)

    def judge(self, walk):
        seen = collections.Counter(row["id"] for row in walk.rows)
        says = f"walk {walk.door} {walk.query}"
        twice = [uuid for uuid, times in seen.items() if times > 1]
        if twice:
            self.fail(f"{says}: {twice} twice")
        with self.lock:
            known = dict(self.servers)
            self.seen_early |= seen.keys() - known.keys()
            self.counts["walks"] += 1
        for uuid in seen:
            server = known.get(uuid)
            if server and (server.gone < walk.begun or server.owner not in WAYS[walk.door]):
                self.fail(f"{says}: {uuid} of {server.owner} was gone, or is not below")
        for uuid, server in known.items():
            if uuid not in seen and self.must_be_seen(walk, server):
                self.fail(f"{says}: {uuid} of {server.owner} is not there; pages: {walk.pages}, dark: "
                          f"{[(zone, round(since - walk.begun, 2), round(to - walk.begun, 2)) for zone, since, to in self.dark]}")
        keys = [self.key(walk, row) for row in walk.rows]
        if keys != sorted(keys, reverse="asc" not in walk.query):
            self.fail(f"{says}: not in order: {keys}")

    def must_be_seen(self, walk, server):
        way = WAYS[walk.door].get(server.owner)
        if way is None or server.accepted > walk.begun or server.deleting < walk.ended or ("name=a-" in walk.query and server.name[0] != "a"):
            return False
        if not any(self.is_dark(zone, walk.begun, walk.ended) for zone in (walk.door, *way)):
            return True
        named = {"/".join(way[:count + 1]) for count in range(len(way))}
        if walk.missing & named:
            with self.lock:
                self.counts["excused"] += 1
            return False
        return True

    @staticmethod
    def key(walk, row):
        return row["name"] if "display_name" in walk.query else row["id"] if "uuid" in walk.query else row["created"]

    # --- what breaks
    def break_one(self, chance):
        zone, way = chance.choice(OWNERS), chance.choice(["killed", "stopped"])
        entry = [zone, time.monotonic(), float("inf")]
        with self.lock:
            self.dark.append(entry)
            self.counts["faults"] += 1
        if way == "killed":
            self.tree[zone].kill()
        else:
            self.tree[zone].process.signal(signal.SIGSTOP)
        self.over.wait(chance.uniform(1, 3))
        if way == "killed":
            self.tree[zone].start()
        else:
            self.tree[zone].process.signal(signal.SIGCONT)
        wait_for(lambda: not any(missing_in(self.tree.http(door).get("/servers?limit=1")) for door in WAYS), 60, f"{zone} to be heard")
        entry[2] = time.monotonic()


def repeat(world, seed, *actions):
    chance, session = random.Random(seed), requests.Session()
    while not world.over.is_set():
        try:
            chance.choice(actions)(chance, session)
        except Exception as error:  # pylint: disable=broad-except
            world.fail(f"{seed}: {error!r}")
            raise


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree(PLAN, capacity=CAPACITY, settings=SETTINGS)


def names_by_id(tree, mariadb, living):
    where = "WHERE NOT deleted" if living else ""
    return {dashed(uuid): name for zone in tree.zones.values()
            for uuid, name in mariadb.sql(zone.schema, f"SELECT HEX(uuid), display_name FROM servers {where}")}


def test_lists_are_what_the_model_says(tree, mariadb, here):
    print(f"model of lists: seed {SEED}")
    world = World(tree, stock(tree.http("root"), here))
    chance, session = random.Random(SEED), requests.Session()
    for number in range(AT_FIRST):
        world.create(chance, session, OWNERS[number % len(OWNERS)])

    def grow_or_shrink(chance, session):
        with world.lock:
            living = sum(server.deleting == float("inf") for server in world.servers.values())
        (world.create if living < LIVING_MOST and chance.random() < 0.6 else world.delete)(chance, session)

    threads = [threading.Thread(target=repeat, args=(world, f"{SEED} {number}", action))
               for number, action in enumerate([grow_or_shrink, grow_or_shrink, world.walk, world.walk, world.walk])]
    end = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    try:
        while not world.wrong and (time.monotonic() < end or world.counts["walks"] < WALKS_LEAST or world.counts["faults"] < FAULTS_LEAST):
            world.over.wait(chance.uniform(0, 2))
            world.break_one(chance)
    finally:
        world.over.set()
        for thread in threads:
            thread.join()
    print(f"model of lists: {dict(world.counts)}")
    assert not world.wrong, "\n".join(world.wrong)
    assert world.counts["deleted"] and world.counts["excused"], "nothing was deleted, or no zone was missed"
    strange = {uuid: name for uuid, name in names_by_id(tree, mariadb, False).items() if name not in world.tried}
    assert not strange and world.seen_early <= names_by_id(tree, mariadb, False).keys(), "rows that nobody asked for"
    wait_for(lambda: {row["id"] for row in tree.http("root").fetch("/servers?limit=1000")["servers"]}
             == names_by_id(tree, mariadb, True).keys(), 60, "the whole list to be what the zones have")
