"""One zone: its configuration file, its daemon, its command line, and what can be read of it from outside."""
import configparser
import json
import os
import pathlib
import re
import secrets

import requests

from . import container
from .process import Process, run
from .wait import free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 60
ADMIN, PROJECT, DOMAIN = "admin", "admin", "Default"
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error: ")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/unit/lsan.suppressions:print_suppressions=0",
}


def binary():
    """The program under test: $ZONEGATE, else the dev build."""
    return pathlib.Path(os.environ.get("ZONEGATE", ROOT / ".build/dev/zonegate"))


class Zone:
    """Made, but neither bootstrapped nor started. `settings` is {section: {key: value}} on top of what is needed."""

    def __init__(self, directory, name, database, settings=None, address="127.0.0.1", prefix=()):
        self.directory = directory
        self.name = name
        self.database = database
        self.address = address
        self.prefix = prefix
        self.port = free_port() if not prefix else 8774
        self.password = secrets.token_urlsafe(12)
        self.process = None
        self.host_names = set()
        self.engine = container.engine() if container.wanted() else None
        self.settings = settings or {}
        directory.mkdir(parents=True, mode=0o700)
        self.password_file = directory / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(self.password + "\n")
        self.write_config()

    # --- configuration
    @property
    def config(self):
        return self.directory / "zonegate.conf"

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def write_config(self, extra=None):
        """`extra` ({section: {key: value}}) wins over everything; a value of None leaves the key out."""
        parser = configparser.RawConfigParser()
        base = {
            "zone": {"name": self.name, "state_dir": self.directory / "state"},
            "api": {"listen": f"{self.address}:{self.port}", "public_url": self.url},
            "database": {"connection": self.database},
            "compute": {"pool": f"pool-{self.name}", "pool_path": self.directory / "pool", "sync_interval_s": 5},
            "quota": {"instances": -1, "cores": -1, "ram": -1},
            "zones": {"poll_interval_ms": 500, **({"insecure": "true"} if self.prefix else {})},
        }
        for layer in (base, self.settings, extra or {}):
            for section, values in layer.items():
                if not parser.has_section(section):
                    parser.add_section(section)
                for key, value in values.items():
                    parser.set(section, key, value if value is None else str(value))
        with self.config.open("w") as file:
            for section in parser.sections():
                file.write(f"[{section}]\n")
                file.writelines(f"{key} = {value}\n" for key, value in parser.items(section) if value is not None)

    # --- command line
    def program(self, role):
        """The words that start zonegate: the binary, or a container of its own per role."""
        if not self.engine:
            return [binary()]
        return container.command(self.engine, self.container_name(role), os.environ["ZONEGATE_TEST_RUN"])

    def container_name(self, role):
        return f"{pathlib.Path(os.environ['ZONEGATE_TEST_RUN']).name}-{self.directory.name}-{role}"

    def cli(self, *words, check=True, seconds=60, stdin=None):
        """(status, stdout, stderr) of `zonegate --config FILE words...`."""
        command = [*self.prefix, *self.program(f"cli{secrets.token_hex(4)}"), "--config", self.config, *words]
        return run(command, seconds=seconds, check=check, stdin=stdin, environment=SANITIZER_OPTIONS)

    def cli_json(self, *words):
        return json.loads(self.cli(*words, "--json")[1])

    def upgrade(self):
        """The schema."""
        self.cli("db", "upgrade")

    def bootstrap(self):
        """The schema and the first admin."""
        self.upgrade()
        self.cli("user", "bootstrap", "--username", ADMIN, "--password-file", self.password_file, "--project", PROJECT)

    def add_host(self, host, **capacity):
        """capacity: vcpus, ram_mib, disk_gib."""
        options = [word for key, value in capacity.items() for word in ("--" + key.replace("_", "-"), str(value))]
        self.cli("host", "add", host.name, host.uri, *options)
        self.host_names.add(host.name)

    def hosts_up(self):
        return {row["name"] for row in self.cli_json("host", "list") if row["state"] == "up"}

    # --- the daemon
    def spawn(self, extra=None, environment=None):
        """Starts it and waits for nothing."""
        self.write_config(extra)
        self.process = Process([*self.program("serve"), "--config", self.config, "serve"], self.directory / "zonegate.log",
                               prefix=self.prefix, environment={**SANITIZER_OPTIONS, **(environment or {})})

    def wait_ready(self):
        self.process.wait_line(r"event=zone\.ready\b", START_SECONDS)

    def start(self, extra=None, environment=None):
        """Starts it and waits until it serves. A port that was lost meanwhile is replaced, twice."""
        for attempt in range(3):
            self.spawn(extra, environment)
            try:
                self.wait_ready()
                if self.host_names:
                    wait_for(lambda: self.host_names <= self.hosts_up(), START_SECONDS, f"the hosts of {self.name} to be up")
                return self
            except AssertionError:
                if attempt == 2 or not self.process.find_line(r"in use"):
                    raise
                self.process.wait()
                self.port = free_port()
        return self

    @property
    def alive(self):
        return self.process is not None and self.process.alive

    def stop(self):
        """A clean end: exit status 0 and not a word from a sanitizer."""
        if not self.process:
            return
        process, self.process = self.process, None
        status = process.stop()
        found = process.find_line(SANITIZER.pattern)
        assert status == 0 and not found, f"zone {self.name} ended with {status}\n{process.tail(120)}"

    def kill(self):
        """kill -9."""
        if self.engine:
            container.kill(self.engine, self.container_name("serve"))
        self.process.kill()
        self.process = None

    def restart(self, extra=None):
        self.stop()
        return self.start(extra)

    def wait_killed(self, seconds=60):
        """Waits for a daemon that [debug] stop_after makes kill itself."""
        status = self.process.wait(seconds)
        assert status == -9, f"zone {self.name} ended with {status}, not by its own hand\n{self.process.tail()}"
        self.process = None

    def wait_log(self, pattern, seconds, start=0):
        return self.process.wait_line(pattern, seconds, start)

    # --- from outside
    def metrics(self):
        """{'name{labels}': value}"""
        text = requests.get(f"{self.url}/metrics", timeout=10).text
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def requests_served(self, service=""):
        """How many requests it answered so far, all statuses together."""
        mark = f'service="{service}"' if service else ""
        return sum(value for name, value in self.metrics().items() if name.startswith("zonegate_http_requests_total") and mark in name)

    def memory_kib(self):
        """(private, resident) from smaps_rollup."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        value = {match[1]: int(match[2]) for match in re.finditer(r"^(\w+):\s+(\d+) kB", text, re.M)}
        return value["Private_Clean"] + value["Private_Dirty"], value["Rss"]
