"""`zonegate placement audit`: what SQL breaks is found and repaired, with the zone up and down; a zone that builds is left alone; a host
that was reshaped while nothing ran is no finding."""
import json
import threading

import pytest

from lib.clients import Http
from lib.observe import assert_nothing_left, claims, overcommitted
from lib.servers import RAM_MIB, Door, assert_agreement, stock

SERVERS = 3
NEWEST = "1.39"


@pytest.fixture(scope="module")
def place(make_host, make_zone):
    zone = make_zone("audit")
    zone.bootstrap()
    zone.hosts = [make_host("audit-h0")]
    zone.add_host(zone.hosts[0], vcpus=64, ram_mib=20 * RAM_MIB, disk_gib=1000)
    return zone.start()


@pytest.fixture(scope="module")
def door(place, mariadb, here):
    return Door(place, mariadb, stock(Http(place), here))


@pytest.fixture(scope="module")
def ids(door):
    ids = list(door.ask_many([f"a-{number}" for number in range(SERVERS)], SERVERS).values())
    door.wait_settled(ids)
    return ids


def audit(zone, *words):
    """(exit code, findings)."""
    status, out, _ = zone.cli("placement", "audit", "--json", *words, check=False)
    return status, json.loads(out)


def seed(place, mariadb, ids):
    """One of each: an orphan, an empty consumer, a dangling row, a lost claim, a claim of other amounts."""
    hexes = [uuid.replace("-", "") for uuid in ids]
    mariadb.sql(place.schema, f"""
        INSERT INTO consumers (uuid, project_id, user_id, generation, consumer_type_id, updated_at)
            SELECT UNHEX(REPLACE(UUID(), '-', '')), 'p', 'u', 1, t.id, UTC_TIMESTAMP(6) FROM consumer_types t WHERE t.name = 'INSTANCE';
        INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)
            SELECT LAST_INSERT_ID(), p.id, k.id, 7, UTC_TIMESTAMP(6) FROM resource_providers p JOIN resource_classes k ON k.name = 'VCPU';
        INSERT INTO allocations (consumer_id, resource_provider_id, resource_class_id, used, updated_at)
            SELECT LAST_INSERT_ID(), 999999, k.id, 7, UTC_TIMESTAMP(6) FROM resource_classes k WHERE k.name = 'VCPU';
        INSERT INTO consumers (uuid, project_id, user_id, generation, updated_at)
            VALUES (UNHEX(REPLACE(UUID(), '-', '')), 'p', 'u', 1, UTC_TIMESTAMP(6));
        DELETE a FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = UNHEX('{hexes[0]}');
        DELETE FROM consumers WHERE uuid = UNHEX('{hexes[0]}');
        UPDATE allocations a JOIN consumers c ON c.id = a.consumer_id JOIN resource_classes k ON k.id = a.resource_class_id
            SET a.used = a.used + 1 WHERE c.uuid = UNHEX('{hexes[1]}') AND k.name = 'VCPU'""")


KINDS = ["amounts", "dangling", "empty", "missing", "orphaned"]


def finds_and_repairs(place, mariadb, ids):
    seed(place, mariadb, ids)
    status, findings = audit(place)
    assert status == 1 and sorted(row["finding"] for row in findings) == KINDS, findings
    assert {row["repair"] for row in findings} == {None}
    assert {row["consumer"] for row in findings if row["finding"] in ("missing", "amounts")} == set(ids[:2])
    status, out, _ = place.cli("placement", "audit", check=False)
    assert status == 1 and "VCPU 2 of 1" in out and "audit-h0" in out
    status, findings = audit(place, "--fix")
    assert status == 0 and sorted(row["finding"] for row in findings) == KINDS, findings
    assert {row["repair"] for row in findings} == {"repaired"}
    assert audit(place) == (0, [])
    assert "agree" in place.cli("placement", "audit")[1]
    assert claims(place, mariadb) == set(ids)


def test_beside_a_running_zone(place, door, mariadb, ids):
    assert audit(place) == (0, [])
    finds_and_repairs(place, mariadb, ids)
    assert_agreement(place, mariadb, place.hosts)


def test_while_no_zone_runs(place, door, mariadb, ids):
    place.stop()
    finds_and_repairs(place, mariadb, ids)
    place.start()
    assert_agreement(place, mariadb, place.hosts)


def test_no_room_is_said(place, door, mariadb, ids):
    hexed = ids[0].replace("-", "")
    mariadb.sql(place.schema, f"""
        DELETE a FROM allocations a JOIN consumers c ON c.id = a.consumer_id WHERE c.uuid = UNHEX('{hexed}');
        UPDATE servers SET ram_mib = 100000 WHERE uuid = UNHEX('{hexed}')""")
    status, findings = audit(place, "--fix")
    assert status == 1
    assert {row["finding"]: row["repair"] for row in findings} == {
        "empty": "repaired", "missing": "Host audit-h0 has no room for 1 VCPU, 100000 MEMORY_MB, 1 DISK_GB."}
    mariadb.sql(place.schema, f"UPDATE servers SET ram_mib = {RAM_MIB} WHERE uuid = UNHEX('{hexed}')")
    assert audit(place, "--fix")[0] == 0
    assert claims(place, mariadb) == set(ids)


def test_builds_in_flight_are_left_alone(place, door, mariadb, ids):
    """Audits with --fix one after another while servers are made and deleted: none has anything to say."""
    findings, ended = [], threading.Event()

    def watch():
        while True:
            last = ended.is_set()
            findings.extend(audit(place, "--fix")[1])
            if last:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        more = list(door.ask_many([f"b-{number}" for number in range(8)], 4).values())
        door.wait_settled(more)
        for server in more:
            door.ask_delete(server)
        for server in more:
            assert_nothing_left(place, mariadb, place.hosts, server)
    finally:
        ended.set()
        watcher.join()
    assert findings == []
    assert overcommitted(place, mariadb) == []


def nest(place, ids):
    """The host's VCPU moves to a new provider below it, with the servers' claims of it, in one reshape."""
    def get(path):
        return json.loads(place.cli("placement", "GET", path, "--microversion", NEWEST)[1])

    root = get(f"/resource_providers?name={place.hosts[0].name}")["resource_providers"][0]["uuid"]
    child = json.loads(place.cli("placement", "POST", "/resource_providers", "--microversion", NEWEST, "--data", "-",
                                 stdin=json.dumps({"name": "numa0", "parent_provider_uuid": root}))[1])["uuid"]
    flat = get(f"/resource_providers/{root}/inventories")
    held = {consumer: get(f"/allocations/{consumer}") for consumer in ids}
    cores = flat["inventories"].pop("VCPU")
    body = {"inventories": {root: flat, child: {"resource_provider_generation": 0, "inventories": {"VCPU": cores}}},
            "allocations": {consumer: nested(claim, root, child) for consumer, claim in held.items()}}
    place.cli("placement", "reshape", "--data", "-", stdin=json.dumps(body))
    return root, child, get


def nested(claim, root, child):
    resources = dict(claim["allocations"][root]["resources"])
    cores = resources.pop("VCPU")
    return {**claim, "allocations": {root: {"resources": resources}, child: {"resources": {"VCPU": cores}}}}


def test_a_host_becomes_nested_while_no_zone_runs(place, door, mariadb, ids):
    """Reported without a daemon, reshaped without one; when the zone runs again it counts nothing twice, and every claim is as it was."""
    place.stop()
    assert "audit-h0: reported." in place.cli("host", "report", "--direct")[1]
    root, child, get = nest(place, ids)
    expected = {consumer: {root: {"MEMORY_MB": RAM_MIB, "DISK_GB": 1}, child: {"VCPU": 1}} for consumer in ids}

    def held():
        return {consumer: {provider: row["resources"] for provider, row in get(f"/allocations/{consumer}")["allocations"].items()}
                for consumer in ids}

    assert held() == expected and audit(place) == (0, [])
    assert "audit-h0: reported." in place.cli("host", "report", "--direct")[1]
    place.start()
    assert held() == expected and audit(place, "--fix") == (0, [])
    assert set(get(f"/resource_providers/{root}/inventories")["inventories"]) == {"MEMORY_MB", "DISK_GB"}
    assert get(f"/resource_providers/{child}/inventories")["inventories"]["VCPU"]["total"] == 64
    mariadb.sql(place.schema, f"""DELETE a FROM allocations a JOIN consumers c ON c.id = a.consumer_id
                                  WHERE c.uuid = UNHEX('{ids[0].replace('-', '')}')""")
    status, findings = audit(place, "--fix")
    assert status == 0 and {row["repair"] for row in findings} == {"repaired"}, findings
    assert held() == expected
    door.ask_delete(ids[0])
    assert_nothing_left(place, mariadb, place.hosts, ids[0])
