"""Trees of zones: {"root": {"hosts": 2, "children": {"east": {...}}}} becomes running daemons that know each other, each on a port of
this machine or, with a network, in a namespace of its own."""
import concurrent.futures

from .clients import Http, write_clouds
from .hosts import TestHost
from .wait import wait_for
from .zone import ADMIN, Zone

JOIN_SECONDS = 60


class Tree:
    """All zones of a tree. The root is the authority for users; children pass logins on to it."""

    def __init__(self, directory, mariadb, plan, settings=None, capacity=None, network=None):
        self.directory = directory
        self.mariadb = mariadb
        self.settings = settings or {}
        self.capacity = capacity or {}
        self.network = network
        self.zones = {}
        self.parents = {}
        self.hosts = {}
        (self.root_name,) = plan
        self._plan(plan, None)

    def _plan(self, plan, parent):
        for name, entry in plan.items():
            self.parents[name] = parent
            settings = {section: dict(values) for section, values in {**self.settings, **entry.get("settings", {})}.items()}
            if parent:
                settings.setdefault("identity", {})["url"] = f"{self.zones[self.root_name].url}/identity/v3"
            schema = f"zg_{name.replace('-', '_')}_{self.directory.name.replace('-', '_')}"[:64]
            address, prefix = self.network.place(name) if self.network else ("127.0.0.1", ())
            zone = Zone(self.directory / name, name, self.mariadb.url(schema), settings, address, prefix)
            zone.schema = schema
            self.zones[name] = zone
            kind = entry.get("host_kind", TestHost)
            self.hosts[name] = [(kind, f"{name}-h{number}") for number in range(entry.get("hosts", 0))]
            self._plan(entry.get("children", {}), name)

    def __getitem__(self, name):
        return self.zones[name]

    @property
    def root(self):
        return self.zones[self.root_name]

    def start(self):
        """Hosts, databases, daemons, then links from the top down; returns when every zone sees its children active."""
        planned, self.hosts = self.hosts, {zone: [] for zone in self.zones}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for zone, hosts in planned.items():
                self.hosts[zone] += pool.map(lambda planned_host: planned_host[0](self.directory / planned_host[1], planned_host[1]), hosts)
            list(pool.map(lambda zone: zone.bootstrap() if zone is self.root else zone.upgrade(), self.zones.values()))
        for name, zone in self.zones.items():
            for host in self.hosts[name]:
                zone.add_host(host, **self.capacity)
            zone.start()
        for name, parent in self.parents.items():
            if parent:
                self.join(parent, name)
        self.wait_joined()
        return self

    def join(self, parent, child):
        # The link is agreed as an admin who lives where the child looks users up: at the root.
        self.zones[parent].cli("zone", "add", child, self.zones[child].url, "--username", ADMIN, "--password-file",
                               self.root.password_file)

    def grow(self, name, hosts=0):
        """One more zone: it runs, and nobody's child is it yet."""
        self._plan({name: {"hosts": hosts}}, self.root_name)
        self.parents[name] = None
        self.hosts[name] = [kind(self.directory / host, host) for kind, host in self.hosts[name]]
        self.zones[name].upgrade()
        for host in self.hosts[name]:
            self.zones[name].add_host(host, **self.capacity)
        return self.zones[name].start()

    def wait_joined(self, seconds=JOIN_SECONDS):
        for parent in set(filter(None, self.parents.values())):
            children = {name for name, above in self.parents.items() if above == parent}
            wait_for(lambda p=parent, c=children: self.active_children(p) >= c, seconds, f"children of {parent} to be active: {children}")

    def active_children(self, name):
        rows = self.http(name).fetch("/os-zones/detail")["zones"]
        return {row["name"] for row in rows if row.get("is_active")}

    def http(self, name, version=None):
        """Plain HTTP at a zone as the tree's admin."""
        return Http(self.zones[name], version, self.network, password=self.root.password)

    def clouds(self, path):
        return write_clouds(path, self.zones.values(), self.root.password)

    def stop(self):
        """Stops what runs, children last; every zone's end is looked at, then the hosts'."""
        problems = []
        for zone in self.zones.values():
            try:
                zone.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        for hosts in self.hosts.values():
            for host in hosts:
                host.stop()
        for zone in self.zones.values():
            self.mariadb.drop(zone.schema)
        assert not problems, "\n".join(problems)
