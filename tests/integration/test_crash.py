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
BUILDS, KILLS, PER_KILL = 20, 10, 4
STEPS_PER_KILL = 12  # at most; four builds have sixteen
MOMENT_SECONDS = 0.004  # a step takes about half of it
DEBUG_LOG = {"log": {"level": "debug"}}


def points(kind, steps):
    """KIND:STEP:begin and KIND:STEP in the order in which they come."""
    return [f"{kind}:{step}{suffix}" for step in steps for suffix in (":begin", "")]


def stop_after(point):
    return {"debug": {"stop_after": point}, **DEBUG_LOG}


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


def delete(place, mariadb, *wanted):
    for server in wanted:
        place.door.ask_delete(server)
    wait_for(lambda: not set(wanted) & servers(place, mariadb).keys() and not tasks(place, mariadb), 60, "the servers to go")
    for server in wanted[:3]:
        assert_gone(place, mariadb, place.hosts, server)
    assert_agreement(place, mariadb, place.hosts)


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
    place.start({**DEBUG_LOG, **switch})
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
def kill_at_a_random_moment(place, mariadb, chance):
    """Some steps have begun since the start; then the one pause here, of a length that chance says. How many tasks it met."""
    wanted = chance.randint(1, STEPS_PER_KILL)
    process = place.process
    assert process.wait_lines("event=task.step ", wanted, 30), f"{wanted} steps did not begin\n{process.tail()}"
    time.sleep(chance.random() * MOMENT_SECONDS)
    place.kill()
    return len(tasks(place, mariadb))


def test_twenty_builds_and_ten_kills(place, mariadb):
    """An answer may be cut off; what was promised is there, what was not is whole or nothing, and is asked for again."""
    chance = random.Random(SEED)
    place.restart(DEBUG_LOG)
    wanted = [f"r-{number}" for number in range(BUILDS)]
    promised, met, open_names = set(), [], list(wanted)
    for _ in range(KILLS):
        while len(open_names) < PER_KILL:
            wanted.append(f"r-{len(wanted)}")
            open_names.append(wanted[-1])
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(place.door.ask_many, open_names[:PER_KILL], PER_KILL)
            met.append(kill_at_a_random_moment(place, mariadb, chance))
            promised |= set(filter(None, asked.result().values()))
        open_names = [name for name in open_names if not place.door.named(name)]
        place.start(DEBUG_LOG)
    promised |= set(place.door.ask_many(open_names, PER_KILL).values()) - {None}
    made = {name: place.door.named(name) for name in wanted}
    assert all(len(ids) == 1 for ids in made.values()), made
    there = {ids[0] for ids in made.values()}
    assert promised <= there, "a promised server was lost"
    assert sum(map(bool, met)) >= KILLS / 2, f"tasks that the kills met: {met}"
    place.door.wait_settled(there)
    assert_agreement(place, mariadb, place.hosts)
    delete(place, mariadb, *there)


def test_a_bad_switch_is_refused(place):
    place.stop()
    place.spawn(stop_after("build:nonsense"))
    assert place.process.wait(30) not in (0, -signal.SIGKILL)
    assert place.process.find_line(r"stop_after = build:nonsense names no step")
    place.process = None
    place.start()
