"""A hundred creates at once against room for sixty: nobody is promised what is not there, and nobody is refused what is. Told by virsh
and SQL."""
import collections
import threading

import pytest

from lib.clients import Http
from lib.observe import claims, overcommitted, servers
from lib.servers import RAM_MIB, Door, assert_agreement, faults, stock
from lib.wait import wait_for

HOSTS, ROOM_OF_A_HOST, ASKED = 3, 20, 100
ROOM = HOSTS * ROOM_OF_A_HOST
NO_VALID_HOST = "No valid host was found. There are not enough hosts available."


@pytest.fixture(scope="module")
def place(make_host, make_zone):
    """Three hosts; memory is what runs out."""
    zone = make_zone("claims")
    zone.bootstrap()
    zone.hosts = [make_host(f"claims-h{number}") for number in range(HOSTS)]
    for host in zone.hosts:
        zone.add_host(host, vcpus=64, ram_mib=ROOM_OF_A_HOST * RAM_MIB + RAM_MIB // 2, disk_gib=1000)
    return zone.start()


@pytest.fixture(scope="module")
def door(place, mariadb, here):
    return Door(place, mariadb, stock(Http(place), here))


class Watcher:
    """Looks again and again, from the beginning to the end of a `with`; `seen` holds what must not be, `looks` how often it looked."""

    def __init__(self, look):
        self.look = look
        self.seen = []
        self.looks = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.is_set():
            self.seen += self.look()
            self.looks += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def crowded(place):
    """Hosts with more domains than they have room for."""
    counts = {host.name: len(host.domain_uuids()) for host in place.hosts}
    return [f"{name}: {count} domains" for name, count in counts.items() if count > ROOM_OF_A_HOST]


def states(place, mariadb):
    return collections.Counter(state for state, _, _ in servers(place, mariadb).values())


def test_hundred_creates_and_room_for_sixty(place, door, mariadb):
    with Watcher(lambda: overcommitted(place, mariadb) + crowded(place)) as watcher:
        asked = door.ask_many([f"s-{number}" for number in range(ASKED)], ASKED)
        door.wait_settled(asked.values(), 90)
    assert watcher.looks > 1 and watcher.seen == []
    assert len(set(asked.values())) == ASKED
    assert states(place, mariadb) == {"active": ROOM, "error": ASKED - ROOM}
    refused = faults(place, mariadb)
    assert len(refused) == ASKED - ROOM
    assert {(fault["code"], fault["message"]) for fault in refused.values()} == {(500, NO_VALID_HOST)}
    placed = collections.Counter(host for state, _, host in servers(place, mariadb).values() if state == "active")
    assert placed == {host.name: ROOM_OF_A_HOST for host in place.hosts}
    assert {host.name: len(host.running_uuids()) for host in place.hosts} == dict(placed)
    assert claims(place, mariadb) == {uuid for uuid, row in servers(place, mariadb).items() if row[0] == "active"}
    assert_agreement(place, mariadb, place.hosts)


def test_the_error_is_seen_as_nova_shows_it(place, door, mariadb):
    server = next(iter(faults(place, mariadb)))
    shown = door.http.fetch(f"/servers/{server}")["server"]
    assert shown["status"] == "ERROR" and shown["fault"]["message"] == NO_VALID_HOST and shown["fault"]["code"] == 500
    assert shown["OS-EXT-SRV-ATTR:host"] is None and shown["hostId"] == ""


def test_room_that_is_given_back_is_used_again(place, door, mariadb):
    """Ten go while twenty come: exactly as many get in as went out."""
    going = [uuid for uuid, row in servers(place, mariadb).items() if row[0] == "active"][:10]
    failed = set(faults(place, mariadb))
    for server in failed.union(going):
        door.ask_delete(server)
    wait_for(lambda: len(servers(place, mariadb)) == ROOM - len(going), 60, "the deleted to go")
    with Watcher(lambda: overcommitted(place, mariadb) + crowded(place)) as watcher:
        asked = door.ask_many([f"again-{number}" for number in range(20)], 20)
        door.wait_settled(asked.values())
    assert watcher.seen == []
    assert states(place, mariadb) == {"active": ROOM, "error": 10}
    assert_agreement(place, mariadb, place.hosts)


def test_creates_and_deletes_at_once_keep_the_books(place, door, mariadb):
    """Everything goes while as many ask: each create ends with a host or with a fault, and no claim outlives its server."""
    going = list(servers(place, mariadb))
    with Watcher(lambda: overcommitted(place, mariadb) + crowded(place)) as watcher:
        remover = threading.Thread(target=lambda: [door.ask_delete(server) for server in going])
        remover.start()
        asked = door.ask_many([f"mixed-{number}" for number in range(40)], 20)
        remover.join()
        door.wait_settled(asked.values())
    assert watcher.seen == []
    assert set(servers(place, mariadb)) == set(asked.values())
    assert claims(place, mariadb) == {uuid for uuid, row in servers(place, mariadb).items() if row[0] == "active"}
    assert_agreement(place, mariadb, place.hosts)
