"""What a zone costs in a tree of 1 + 8 + 64 zones on one machine: private memory after every zone has been asked, and the tree's start.
Its messages are counted by tests/integration/test_tree73.py."""
import time

from lib.wide import Wide, two_levels

WIDTH = 8
SETTINGS = {"zones": {"poll_interval_ms": 5000}}
CAPACITY = {"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000}
LISTS = 20


def measure_tree(figures, directory, mariadb):
    tree = Wide(directory, mariadb, two_levels(WIDTH), settings=SETTINGS, capacity=CAPACITY)
    begin = time.monotonic()
    try:
        tree.start()
        figures.figure("tree73_start_s", time.monotonic() - begin, "s")
        for _ in range(LISTS):
            answer = tree.root_door.get("/servers/detail")
            if answer.status_code != 200 or "X-Zone-Missing" in answer.headers:
                figures.fail("tree73_private_mib_per_zone", f"{answer.status_code}, missing {answer.headers.get('X-Zone-Missing')}")
                return
        private = tree.private_mib()
        figures.figure("tree73_private_mib_per_zone", sum(private.values()) / len(private), "MiB")
        figures.figure("tree73_private_mib_root", private["root"], "MiB")
    finally:
        tree.stop()
