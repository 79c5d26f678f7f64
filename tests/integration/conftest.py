"""Fixtures: one MariaDB for the session, zones and trees of zones on test hosts, and the daemons' last words when a test fails."""
import pathlib

import pytest

from lib import container, hosts
from lib.clients import CommandLine, Http, image_file
from lib.mariadb import MariaDB, programs_missing
from lib.tree import Tree
from lib.zone import ROOT, Zone, binary

LAST_LINES = 40


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes, left out by tests/run.sh --fast")
    config.addinivalue_line("markers", "real_guest: boots QEMU guests")
    config.addinivalue_line("markers", "containers: runs on the image of examples/container/ too")


@pytest.fixture(scope="session", autouse=True)
def program():
    path = binary()
    if container.wanted():
        if not container.engine():
            pytest.skip("no container engine answers: start docker or podman, or say ENGINE=...")
        container.build(ROOT)
    elif not path.exists():
        pytest.exit(f"{path} does not exist: build it first (cmake --preset dev && cmake --build .build/dev)", returncode=2)
    return path


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    missing = programs_missing()
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    server = MariaDB(tmp_path_factory.mktemp("db") / "s")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def test_hosts():
    """Skips where no private libvirtd can run."""
    reason = hosts.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def here(tmp_path_factory, request):
    """A directory of this module's with a short name: unix sockets lie below it."""
    return tmp_path_factory.mktemp(request.module.__name__.removeprefix("test_")[:12])


@pytest.fixture(scope="module")
def make_zone(here, mariadb, request):
    """make_zone(name, **settings) → a zone that is not started yet; stopped, and its schema dropped, after the module."""
    made = []

    def make(name, settings=None, **arguments):
        schema = f"zg_{here.name}_{name}".replace("-", "_")[:64]
        zone = Zone(here / name, name, mariadb.url(schema), settings, **arguments)
        zone.schema = schema
        made.append(zone)
        watch(request, zone)
        return zone

    yield make
    problems = []
    for zone in made:
        try:
            zone.stop()
        except AssertionError as problem:
            problems.append(str(problem))
        mariadb.drop(zone.schema)
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def make_host(here, test_hosts):
    """make_host(name) → a running test host, stopped after the module."""
    made = []

    def make(name, kind=hosts.TestHost):
        made.append(kind(here / name, name))
        return made[-1]

    yield make
    for host in made:
        host.stop()


@pytest.fixture(scope="module")
def make_tree(here, mariadb, test_hosts, request):
    """make_tree(plan, ...) → a running tree, stopped after the module."""
    made = []

    def make(plan, **arguments):
        tree = Tree(here, mariadb, plan, **arguments)
        made.append(tree)
        watch(request, *tree.zones.values())
        return tree.start()

    yield make
    for tree in made:
        tree.stop()


@pytest.fixture(scope="module")
def one_zone(make_host, make_zone):  # in this order: the zone is stopped before its host
    """A zone with an admin and one test host, serving."""
    zone = make_zone("solo")
    zone.bootstrap()
    zone.host = make_host("solo-h0")
    zone.add_host(zone.host, vcpus=64, ram_mib=65536, disk_gib=1000)
    return zone.start()


@pytest.fixture(scope="module")
def stocked(one_zone, here):
    """The same with the flavor m1.tiny and the image tiny, made by the openstack command."""
    command = CommandLine(one_zone)
    command.json("flavor", "create", "m1.tiny", "--id", "1", "--ram", "96", "--disk", "1", "--vcpus", "1")
    command.json("image", "create", "tiny", "--disk-format", "raw", "--container-format", "bare", "--public", "--file",
                 str(image_file(here)))
    return one_zone


@pytest.fixture(scope="module")
def http(one_zone):
    return Http(one_zone)


# --- the daemons' last words
def watch(request, *zones):
    request.node.watched_zones = getattr(request.node, "watched_zones", []) + list(zones)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    module = item.getparent(pytest.Module)
    for zone in getattr(module, "watched_zones", []):
        log = pathlib.Path(zone.directory / "zonegate.log")
        if log.exists():
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((f"zone {zone.name}, last lines of {log}", "\n".join(lines)))
