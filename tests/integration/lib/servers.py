"""Servers asked for over plain HTTP and judged by SQL and virsh: a door that survives a daemon's death, and what must hold afterwards."""
import base64
import concurrent.futures
import json

import requests

from .clients import Http, image_file
from .observe import assert_nothing_left, dashed, disagreements, servers, tasks
from .wait import wait_for

FLAVOR, RAM_MIB, DISK_GIB = "1", 96, 1


def stock(http, directory):
    """The flavor and the image that all servers here are made of; the image's id."""
    made = http.post("/flavors", {"flavor": {"name": "m1.tiny", "id": FLAVOR, "ram": RAM_MIB, "disk": DISK_GIB, "vcpus": 1}})
    assert made.status_code == 200, made.text
    image = http.post("/image/v2/images", {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"})
    assert image.status_code == 201, image.text
    sent = http.put(f"/image/v2/images/{image.json()['id']}/file", data=image_file(directory).read_bytes(),
                    headers={"Content-Type": "application/octet-stream"})
    assert sent.status_code == 204, sent.text
    return image.json()["id"]


class Door:
    """Creates and deletes at one zone; an answer that its death cut off is no failure, it is looked for with SQL."""

    def __init__(self, zone, mariadb, image, **user):
        self.zone = zone
        self.mariadb = mariadb
        self.image = image
        self.http = Http(zone, **user)

    def ask(self, name, **more):
        """The id of an accepted server, or None when the zone died before it answered."""
        try:
            answer = self.http.post("/servers", {"server": {"name": name, "imageRef": self.image, "flavorRef": FLAVOR, **more}})
        except requests.ConnectionError:
            return None
        assert answer.status_code == 202, answer.text
        return answer.json()["server"]["id"]

    def ask_many(self, names, threads):
        """{name: id or None}, all at once as far as `threads` goes."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return dict(zip(names, pool.map(self.ask, names)))

    def ask_delete(self, server):
        try:
            answer = self.http.delete(f"/servers/{server}")
        except requests.ConnectionError:
            return
        assert answer.status_code == 204, answer.text

    def named(self, name):
        """Ids of the rows with this name that are not deleted."""
        rows = self.mariadb.sql(self.zone.schema, f"SELECT HEX(uuid) FROM servers WHERE display_name = '{name}' AND NOT deleted")
        return [dashed(row[0]) for row in rows]

    def wait_settled(self, ids, seconds=60):
        """Waits until no task is left and every server has an end; {id: (vm_state, task_state, host)}."""
        def settled():
            rows = servers(self.zone, self.mariadb)
            done = all(rows.get(server, ("",))[0] in ("active", "error") for server in ids)
            return rows if done and not tasks(self.zone, self.mariadb) else None
        return wait_for(settled, seconds, lambda: f"{len(ids)} servers to settle; rows {servers(self.zone, self.mariadb)}, "
                                                  f"tasks {tasks(self.zone, self.mariadb)}")


def faults(zone, mariadb):
    """{uuid: fault} of the servers in error."""
    rows = mariadb.sql(zone.schema, "SELECT HEX(uuid), TO_BASE64(fault) FROM servers WHERE vm_state = 'error' AND NOT deleted")
    return {dashed(row[0]): decode(row[1]) for row in rows}


def decode(encoded):
    return json.loads(base64.b64decode(encoded.replace("\\n", ""))) if encoded else None


def open_events(zone, mariadb):
    """[server, event] of actions that have not finished."""
    return mariadb.sql(zone.schema, "SELECT HEX(a.server), e.event FROM server_action_events e JOIN server_actions a"
                                    " ON a.id = e.action_id WHERE e.finish_time IS NULL")


def empty_consumers(zone, mariadb):
    """Consumers that hold nothing, or whose server is gone."""
    return mariadb.sql(zone.schema, "SELECT HEX(c.uuid) FROM consumers c LEFT JOIN allocations a ON a.consumer_id = c.id"
                                    " WHERE a.consumer_id IS NULL")


def assert_agreement(zone, mariadb, hosts):
    """Rows, claims, tasks, actions, domains and volumes of a quiet zone tell one story."""
    for found in (disagreements(zone, mariadb, hosts), open_events(zone, mariadb), empty_consumers(zone, mariadb)):
        assert not found, f"in zone {zone.name}: {found}"
    missing = [uuid for uuid, fault in faults(zone, mariadb).items() if not fault]
    assert not missing, f"in error without a fault: {missing}"
    disks = sorted((name, host.name) for host in hosts for name in host.volumes(f"pool-{zone.name}") if name.endswith(".root"))
    assert disks == sorted((f"{uuid}.root", host) for uuid, (_, _, host) in servers(zone, mariadb).items() if host)


def assert_gone(zone, mariadb, hosts, server):
    """A deleted server: its row is kept as deleted, and nothing else is."""
    assert_nothing_left(zone, mariadb, hosts, server)
    row = mariadb.sql(zone.schema, f"SELECT deleted, vm_state FROM servers WHERE uuid = UNHEX('{server.replace('-', '')}')")
    assert row == [["1", "deleted"]], row
    assert open_events(zone, mariadb) == []
    assert empty_consumers(zone, mariadb) == []
