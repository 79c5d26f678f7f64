"""examples/quickstart.sh as a newcomer runs it: twice, looked at from its clouds, stopped; and what it says when it cannot."""
import os
import socket

import pytest

from lib import hosts
from lib.process import run
from lib.wait import free_port
from lib.zone import ROOT

pytestmark = pytest.mark.slow
SCRIPT = ROOT / "examples/quickstart.sh"
START_SECONDS = 900  # the release build may be part of it


@pytest.fixture
def place(tmp_path_factory):
    """The script's environment: a home of its own and four free ports."""
    reason = hosts.why_not()
    if reason:
        pytest.skip(reason)
    environment = {"ZONEGATE_HOME": str(tmp_path_factory.mktemp("q")), "ZONEGATE_PORT": str(free_block(4))}
    yield environment
    run([SCRIPT, "stop"], environment=environment, seconds=120, check=False)


def free_block(count):
    """The first of `count` free ports in a row."""
    for _ in range(100):
        first = free_port()
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue
    raise AssertionError(f"no {count} free ports in a row")


def openstack(place, cloud, *words):
    environment = {"OS_CLIENT_CONFIG_FILE": f"{place['ZONEGATE_HOME']}/clouds.yaml", "PYTHONWARNINGS": "ignore"}
    return run(["/usr/bin/openstack", "--os-cloud", cloud, *words], environment=environment)[1]


def running(place):
    """Whether anything of it runs, by its own words."""
    return "process" in run([SCRIPT, "status"], environment=place)[1]


@pytest.mark.parametrize("words", [["--test-hosts"], pytest.param([], marks=pytest.mark.real_guest)])
def test_twice_in_a_row(place, words):
    for _ in range(2):
        out = run([SCRIPT, *words], environment=place, seconds=START_SECONDS)[1]
        assert "The tree runs on" in out and ("proof-" in out or words)
        for cloud in ("root", "east", "east-1"):
            assert openstack(place, cloud, "server", "list", "-f", "value", "-c", "Name", "-c", "Status").split() == ["hello", "ACTIVE"]
        assert openstack(place, "west", "server", "list", "-f", "value").strip() == ""
    run([SCRIPT, "stop"], environment=place, seconds=120)
    assert not running(place)


def test_taken_port_is_a_sentence(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(place["ZONEGATE_PORT"]) + 1))
        taken.listen()
        status, _, err = run([SCRIPT], environment=place, check=False)
    assert status != 0 and f"port {int(place['ZONEGATE_PORT']) + 1} is taken" in err and len(err.strip().splitlines()) == 1


def test_not_root_is_a_sentence(place):
    status, _, err = run(["setpriv", "--reuid=65534", "--clear-groups", SCRIPT], environment=place, check=False)
    assert status != 0 and "must run as root" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["sideways"], ["--what"]])
def test_unknown_word_is_a_sentence(place, words):
    status, _, err = run([SCRIPT, *words], environment=place, check=False)
    assert status != 0 and words[0] in err


def test_help_needs_nothing():
    assert "ZONEGATE_HOME" in run([SCRIPT, "--help"], environment={"ZONEGATE_HOME": os.devnull})[1]
