"""A zone that dies by kill -9 after each recorded step of build and delete, in the middle of undoing, and at random moments: after its
restart every server has an end, and nothing is left over or lost. Told by virsh and SQL."""
import concurrent.futures
import random
import signal
import time

import pytest

from lib.clients import Http
from lib.observe import claims, servers, tasks
from lib.servers import Door, assert_agreement, assert_gone, stock
from lib.wait import wait_for

BUILD = ("image", "disk", "define", "start")
DELETE = ("settle", "stop", "undefine", "volumes")
SEED = 20110413
ROUNDS, PER_ROUND = 10, 2
MOMENT_SECONDS = 0.12  # two builds take about half of it


def points(kind, steps):
    """KIND:STEP:begin and KIND:STEP in the order in which they come."""
    return [f"{kind}:{step}{suffix}" for step in steps for suffix in (":begin", "")]


def stop_after(point):
    return {"debug": {"stop_after": point}, "log": {"level": "debug"}}


@pytest.fixture(scope="module")
def place(one_zone, mariadb, here):
    """The zone with a host, stocked. `door` asks it for servers."""
    one_zone.door = Door(one_zone, mariadb, stock(Http(one_zone), here))
    one_zone.hosts = [one_zone.host]
    return one_zone


@pytest.fixture(autouse=True)
def running(place):
    """However the test before ended, the host answers and the zone is there."""
    place.host.resume()
    if not place.alive:
        place.start()


def wait_active(place, server):
    rows = place.door.wait_settled([server])
    assert rows[server] == ("active", None, place.host.name)
    assert server in place.host.running_uuids()


def create(place, name):
    server = place.door.ask(name)
    wait_active(place, server)
    return server


def delete(place, mariadb, server):
    place.door.ask_delete(server)
    assert_gone(place, mariadb, place.hosts, server)


def start_and_be_killed(place, mariadb, point, act):
    """Runs with the switch, does `act`, waits for the end; a task must be left behind."""
    place.restart(stop_after(point))
    act()
    place.wait_killed()
    left = tasks(place, mariadb)
    assert [kind for _, kind in left] == [point.split(":", maxsplit=1)[0]], f"tasks after {point}: {left}"


# --- one step after the other
@pytest.mark.parametrize("point", points("build", BUILD))
def test_build_goes_on_after(place, mariadb, point):
    name = "b-" + point.replace(":", "-")
    start_and_be_killed(place, mariadb, point, lambda: place.door.ask(name))
    (server,) = place.door.named(name)
    assert servers(place, mariadb)[server] == ("building", "spawning", place.host.name)
    assert claims(place, mariadb) == {server}
    place.start()
    wait_active(place, server)
    assert_agreement(place, mariadb, place.hosts)
    delete(place, mariadb, server)


@pytest.mark.parametrize("point", points("delete", DELETE))
def test_delete_goes_on_after(place, mariadb, point):
    server = create(place, "d-" + point.replace(":", "-"))
    start_and_be_killed(place, mariadb, point, lambda: place.door.ask_delete(server))
    assert servers(place, mariadb)[server][1] == "deleting"
    place.start()
    assert_gone(place, mariadb, place.hosts, server)
    assert_agreement(place, mariadb, place.hosts)


# --- a delete that comes while the build is at a step
def hold_build_at(place, mariadb, step, switch):
    """The build was begun, the zone died and is back with `switch`, its host hangs: the step waits. The server."""
    name = f"c-{step}-{switch.get('debug', {}).get('stop_after', '').count(':')}"
    start_and_be_killed(place, mariadb, f"build:{step}:begin", lambda: place.door.ask(name))
    (server,) = place.door.named(name)
    place.host.pause()
    place.start({"log": {"level": "debug"}, **switch})
    place.wait_log(rf"event=task\.step\b.*kind=build step={step}\b", 30)
    return server


@pytest.mark.parametrize("step", BUILD)
def test_delete_during_a_build_at(place, mariadb, step):
    server = hold_build_at(place, mariadb, step, {})
    place.door.ask_delete(server)
    place.host.resume()
    assert_gone(place, mariadb, place.hosts, server)
    assert_agreement(place, mariadb, place.hosts)


@pytest.mark.parametrize("step", BUILD)
def test_undoing_goes_on_after(place, mariadb, step):
    server = hold_build_at(place, mariadb, step, stop_after(f"build:{step}:undo"))
    place.door.ask_delete(server)
    place.host.resume()
    place.wait_killed()
    assert {kind for _, kind in tasks(place, mariadb)} == {"build", "delete"}
    place.start()
    assert_gone(place, mariadb, place.hosts, server)
    assert_agreement(place, mariadb, place.hosts)


# --- any moment
def kill_at_a_random_moment(place, chance):
    """A moment has no event: this is the one pause here, of a length that chance says."""
    pause = chance.random() * MOMENT_SECONDS
    time.sleep(pause)
    place.kill()
    return pause


def test_twenty_builds_and_ten_kills(place, mariadb):
    chance = random.Random(SEED)
    place.restart({"log": {"level": "debug"}})
    promised, moments, wanted = [], [], [f"r-{number}" for number in range(ROUNDS * PER_ROUND)]
    for number in range(ROUNDS):
        names = wanted[number * PER_ROUND:(number + 1) * PER_ROUND]
        promised += place.door.ask_many(names, PER_ROUND).values()
        moments.append(kill_at_a_random_moment(place, chance))
        place.start()
    made = {name: place.door.named(name) for name in wanted}
    assert all(len(ids) == 1 for ids in made.values()), f"killed after {moments}: {made}"
    assert {ids[0] for ids in made.values()} == set(promised), "a promised server was lost"
    place.door.wait_settled(promised)
    assert_agreement(place, mariadb, place.hosts)
    for server in promised:
        place.door.ask_delete(server)
    for server in promised:
        assert_gone(place, mariadb, place.hosts, server)


def test_kills_while_creates_arrive(place, mariadb):
    """The answer of a create may be cut off; what was promised is there, what was not is whole or nothing."""
    chance = random.Random(SEED + 1)
    promised, names = [], []
    for number in range(3):
        batch = [f"a-{number}-{each}" for each in range(8)]
        names += batch
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(place.door.ask_many, batch, 8)
            wait_for(lambda first=batch: asked.done() or any(place.door.named(name) for name in first), 30, "a first row")
            kill_at_a_random_moment(place, chance)
            promised += [server for server in asked.result().values() if server]
        place.start()
    there = {server for name in names for server in place.door.named(name)}
    assert set(promised) <= there, "a promised server was lost"
    place.door.wait_settled(there)
    assert_agreement(place, mariadb, place.hosts)
    for server in there:
        place.door.ask_delete(server)
    for server in there:
        assert_gone(place, mariadb, place.hosts, server)


def test_a_bad_switch_is_refused(place):
    place.stop()
    place.spawn(stop_after("build:nonsense"))
    assert place.process.wait(30) not in (0, -signal.SIGKILL)
    assert place.process.find_line(r"stop_after = build:nonsense names no step")
    place.process = None
    place.start()
