"""Trees of many zones: started side by side, joined with join tokens (a login each would wait in the authority's queue), and asked with
one token, which is good everywhere."""
import concurrent.futures

from .clients import Http
from .tree import Tree
from .wait import wait_for
from .zone import binary

SECONDS = 240
AT_ONCE = 4
HOSTED = "z0-0"


def is_sanitized():
    """Whether the program under test pays for sanitizers, in time and memory."""
    return b"__asan_init" in binary().read_bytes() or b"__tsan_init" in binary().read_bytes()


def two_levels(width):
    """The plan of 1 + width + width × width zones; one leaf, HOSTED, has a host."""
    middles = {f"z{middle}": {f"z{middle}-{leaf}": {} for leaf in range(width)} for middle in range(width)}
    middles["z0"][HOSTED]["hosts"] = 1
    return {"root": {"children": {middle: {"children": below} for middle, below in middles.items()}}}


class Door(Http):
    """At one zone, with another door's token."""

    def __init__(self, zone, other):
        self.other = other
        super().__init__(zone)

    def login(self, **_):
        return self.other.token, self.other.body


class Wide(Tree):
    """As Tree, but for the ways it starts and joins. `door(name)` asks without a login of its own."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.root_door = None

    def start(self):
        planned, self.hosts = self.hosts, {zone: [] for zone in self.zones}
        self.root.bootstrap()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for name, hosts in planned.items():
                self.hosts[name] = [kind(self.directory / host, host) for kind, host in hosts]
            list(pool.map(self.start_zone, self.zones))
            self.root_door = self.http(self.root_name)
            list(pool.map(self.join_planned, [name for name, parent in self.parents.items() if parent]))
        self.wait_joined(SECONDS)
        return self

    def start_zone(self, name):
        if self.hosts[name]:
            self[name].upgrade()
            for host in self.hosts[name]:
                self[name].add_host(host, **self.capacity)
        self[name].start()  # which brings the schema

    def join_planned(self, name):
        self.join(self.parents[name], name)

    def url_of(self, name):
        """By which way the parent goes to it."""
        return self[name].url

    def join(self, parent, child):
        self.join_at(self[parent], child)

    def join_at(self, parent, child):
        words = self[child].cli("zone", "token")[1].split()
        token = words[1] if words[0] == "echo" else words[0]
        parent.cli("zone", "join", "-", "--url", self.url_of(child), stdin=token)

    def door(self, name):
        return Door(self[name], self.root_door)

    def wait_joined(self, seconds=SECONDS):
        parents = {name: sum(above == name for above in self.parents.values()) for name in self.zones}
        for name, count in parents.items():
            if count:
                self.wait_active(self.door(name), count, seconds)
        wait_for(lambda: self.known() == set(self.zones), seconds, lambda: f"root to know all; missing {set(self.zones) - self.known()}")

    def known(self):
        """Names of the zones in root's directory, its own among them."""
        zones = self.root_door.fetch("/os-zones/info")["zone"]["directory"]["zones"]
        return {self.root_name} | {zone["path"].rsplit("/", 1)[-1] for zone in zones if zone["path"] != "."}

    @staticmethod
    def wait_active(door, count, seconds=SECONDS):
        def active():
            return sum(row["is_active"] for row in door.fetch("/os-zones/detail")["zones"])
        wait_for(lambda: active() == count, seconds, lambda: f"{count} children of {door.zone.name} to be active: {active()}")

    def stop(self):
        """SIGTERM to all at once, then as ever."""
        for zone in self.zones.values():
            if zone.process:
                zone.process.signal(15)
        super().stop()

    def private_mib(self):
        """{zone: its private memory}"""
        return {name: zone.memory_kib()[0] / 1024 for name, zone in self.zones.items() if zone.alive}
