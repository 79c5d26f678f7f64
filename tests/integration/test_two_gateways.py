"""Two gateways of one zone over one database: one dies, or sleeps longer than a lease, in the middle of builds; the other finishes them,
and what the sleeper wakes up to do is harmless. Judged by SQL and virsh."""
import shutil
import signal

import pytest

from lib.clients import Http
from lib.observe import servers, tasks
from lib.servers import Door, assert_agreement, stock
from lib.wait import wait_for
from lib.zone import Zone

ASKED = 24
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}


@pytest.fixture(scope="module")
def first(make_host, make_zone):
    zone = make_zone("twin")
    zone.bootstrap()
    zone.hosts = [make_host(f"twin-h{number}") for number in range(2)]
    for host in zone.hosts:
        zone.add_host(host, **CAPACITY)
    return zone.start()


@pytest.fixture(scope="module")
def image(first, here):
    return stock(Http(first), here)


@pytest.fixture(scope="module")
def second(first, image, here):
    """The same zone once more: its keys and images, its database, another port."""
    zone = Zone(here / "other", "twin", first.database)
    shutil.copytree(first.directory / "state", zone.directory / "state", dirs_exist_ok=True)
    zone.write_config({"compute": {"pool": f"pool-{first.name}", "pool_path": first.directory / "pool"}})
    zone.password = first.password
    zone.schema, zone.hosts, zone.host_names = first.schema, first.hosts, first.host_names
    zone.start({"compute": {"pool": f"pool-{first.name}", "pool_path": first.directory / "pool"}})
    yield zone
    zone.stop()


def assert_all_active(zone, mariadb, ids):
    wait_for(lambda: not tasks(zone, mariadb), 120, lambda: f"all work to end: {tasks(zone, mariadb)}")
    rows = servers(zone, mariadb)
    assert {rows[server][0] for server in ids} == {"active"}
    assert_agreement(zone, mariadb, zone.hosts)


def test_both_answer_for_the_zone(first, second, image, mariadb):
    door, other = Door(first, mariadb, image), Door(second, mariadb, image)
    made = [door.ask("at-the-first"), other.ask("at-the-second")]
    assert_all_active(first, mariadb, made)
    for http in (door.http, other.http):
        assert {row["id"] for row in http.fetch("/servers")["servers"]} >= set(made)


def test_one_dies_in_the_middle_of_builds(first, second, image, mariadb):
    made = Door(first, mariadb, image).ask_many([f"dies-{number}" for number in range(ASKED)], ASKED).values()
    first.kill()
    try:
        assert_all_active(second, mariadb, made)
    finally:
        first.start()


def test_one_sleeps_longer_than_its_leases(first, second, image, mariadb):
    made = Door(first, mariadb, image).ask_many([f"sleeps-{number}" for number in range(ASKED)], ASKED).values()
    first.process.signal(signal.SIGSTOP)
    try:
        assert_all_active(second, mariadb, made)
    finally:
        first.process.signal(signal.SIGCONT)
    http = Http(first)
    for server in made:
        assert http.delete(f"/servers/{server}").status_code == 204
    wait_for(lambda: not set(made) & set(servers(first, mariadb)) and not tasks(first, mariadb), 120, "the deletes")
    assert_agreement(first, mariadb, first.hosts)
