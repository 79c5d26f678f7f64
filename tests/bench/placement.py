"""Placement: allocation candidates in worlds of 10 to 10,000 providers (CPU of the caller, below HTTP), and claims per second over
HTTP at 1, 8 and 32 connections and through the direct interface."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid

import requests

from lib.mariadb import MariaDB
from lib.wait import free_port
from lib.zone import Zone
from measure import Figures

PROGRAMS = pathlib.Path(os.environ["ZONEGATE"]).parent
PROVIDERS, SECONDS, ROOM = 64, 5, 2_000_000_000
HEADERS = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39"}


def measure_candidates(mariadb):
    """The program prints its own figures."""
    environment = {**os.environ, "ZONEGATE_TEST_DATABASE": mariadb.url("bench")}
    subprocess.run([PROGRAMS / "bench_candidates"], env=environment, check=True)


def fill(url):
    """Providers with room for everything."""
    made = []
    for number in range(PROVIDERS):
        name = str(uuid.uuid4())
        requests.post(f"{url}/resource_providers", json={"name": f"p{number}", "uuid": name}, headers=HEADERS, timeout=30).raise_for_status()
        inventories = {key: {"total": ROOM, "max_unit": ROOM} for key in ("VCPU", "MEMORY_MB", "DISK_GB")}
        requests.put(f"{url}/resource_providers/{name}/inventories", headers=HEADERS, timeout=30,
                     json={"resource_provider_generation": 0, "inventories": inventories}).raise_for_status()
        made.append(name)
    return made


def claims(figures, name, *words):
    done = subprocess.run([PROGRAMS / "bench_claims", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        figures.fail(name, done.stderr)
    else:
        figures.figure(name, float(done.stdout), "claims/s")


def main():
    figures = Figures()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgb.", dir="/tmp"))
    mariadb = MariaDB(directory / "db")
    port = free_port()
    zone = Zone(directory / "z", "bench", mariadb.url("claims"), {"placement": {"listen": f"127.0.0.1:{port}", "auth_strategy": "noauth2"}})
    try:
        measure_candidates(mariadb)
        zone.upgrade()
        zone.start()
        providers = fill(f"http://127.0.0.1:{port}")
        for connections in (1, 8, 32):
            claims(figures, f"claims_{connections}_per_s", "socket", port, connections, SECONDS, *providers)
        claims(figures, "claims_direct_per_s", "direct", mariadb.url("claims"), SECONDS, *providers)
    finally:
        zone.stop()
        mariadb.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
