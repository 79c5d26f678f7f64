"""Zones in containers of examples/container/, when ZONEGATE_TEST_CONTAINERS is set: each command of a zone becomes a container that
shares the network and the tests' directory with this machine."""
import os
import shutil

from .process import run
from .wait import wait_for

IMAGE = "zonegate-test"


def wanted():
    return bool(os.environ.get("ZONEGATE_TEST_CONTAINERS"))


def engine():
    """The words of the first engine that answers ($ENGINE, docker, podman), or None."""
    for words in ([os.environ["ENGINE"].split()] if os.environ.get("ENGINE") else [["docker"], ["podman"]]):
        if shutil.which(words[0]) and run([*words, "info"], check=False)[0] == 0:
            return words
    return None


def build(root):
    """The image of this tree, made once a session."""
    run([root / "examples/container/build.sh", IMAGE], seconds=1800)


def command(words, name, share):
    """What stands in the place of the program, before a zone's arguments. `share` is a directory that both sides see."""
    return [*words, "run", "--rm", "--network=host", "--name", name, "-v", f"{share}:{share}", "--entrypoint", "/usr/bin/zonegate", IMAGE]


def kill(words, name):
    """kill -9 of everything in it; returns when the name is free again."""
    run([*words, "kill", "--signal=KILL", name], check=False)
    wait_for(lambda: not run([*words, "ps", "-aq", "--filter", f"name=^{name}$"])[1].strip(), 30, f"container {name} to go")
