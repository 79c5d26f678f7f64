"""What compute_server.sh says."""
import pathlib
import shutil
import signal
import sys
import tempfile

from lib.clients import Http
from lib.hosts import TestHost
from lib.zone import Zone

PASSWORD = "secret"
MEMBERS = [f"tempest{number}" for number in range(1, 9)]
ADMINS = [f"tempestadmin{number}" for number in range(1, 5)]
FLAVORS = [{"id": "1", "name": "m1.tiny", "vcpus": 1, "ram": 64, "disk": 1}, {"id": "2", "name": "m1.small", "vcpus": 2, "ram": 128, "disk": 2}]
IMAGES = ("cirros", "cirros-alt")
IMAGE_BYTES = 1 << 20
CAPACITY = {"vcpus": 10000, "ram_mib": 10_000_000, "disk_gib": 1_000_000}


class Stopped(Exception):
    pass


def stop(number, _):
    raise Stopped(number)


def made(answer, key):
    """The new object's id; a refusal ends the program with the answer's words."""
    if answer.status_code not in (200, 201, 202):
        sys.exit(f"compute_server: {answer.request.method} {answer.url}: {answer.status_code} {answer.text}")
    return answer.json()[key]["id"]


def give_role(admin, project, user, role):
    answer = admin.put(f"/identity/v3/projects/{project}/users/{user}/roles/{role}")
    if answer.status_code != 204:
        sys.exit(f"compute_server: the role {role} was not given: {answer.status_code} {answer.text}")


def make_users(admin):
    roles = {row["name"]: row["id"] for row in admin.fetch("/identity/v3/roles")["roles"]}
    for name in MEMBERS + ADMINS:
        project = made(admin.post("/identity/v3/projects", {"project": {"name": name, "domain_id": "default"}}), "project")
        user = made(admin.post("/identity/v3/users", {"user": {"name": name, "domain_id": "default", "password": PASSWORD,
                                                               "default_project_id": project}}), "user")
        for role in ("member", "admin") if name in ADMINS else ("member",):
            give_role(admin, project, user, roles[role])
        print(f"user {name} {user} project {project}", flush=True)


def make_images(admin):
    for number, name in enumerate(IMAGES):
        image = admin.post("/image/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"})
        if image.status_code != 201:
            sys.exit(f"compute_server: no image: {image.status_code} {image.text}")
        identity = image.json()["id"]
        sent = admin.put(f"/image/v2/images/{identity}/file", data=bytes([number]) * IMAGE_BYTES,
                         headers={"Content-Type": "application/octet-stream"})
        if sent.status_code != 204:
            sys.exit(f"compute_server: no data for an image: {sent.status_code} {sent.text}")
        print(f"image {name} {identity}", flush=True)


def make_flavors(admin):
    for flavor in FLAVORS:
        print(f"flavor {flavor['name']} {made(admin.post('/flavors', {'flavor': flavor}), 'flavor')}", flush=True)


def serve(directory, port):
    hosts = []
    zone = Zone(directory / "z", "conformance", "private")
    zone.port = port
    try:
        zone.bootstrap()
        for number in (1, 2):
            hosts.append(TestHost(directory / f"h{number}", f"h{number}"))
            zone.add_host(hosts[-1], **CAPACITY)
        zone.start()
        if zone.port != port:
            sys.exit(f"compute_server: port {port} is taken")
        admin = Http(zone)
        make_flavors(admin)
        make_images(admin)
        make_users(admin)
        print(f"admin admin {zone.password}\nauth {zone.url}/identity/v3\nready", flush=True)
        status = zone.process.wait(None)
        sys.exit(f"compute_server: the zone ended with {status}\n{zone.process.tail()}")
    finally:
        zone.stop()
        for host in hosts:
            host.stop()


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zgc.", dir="/tmp"))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        serve(directory, int(sys.argv[1]))
    except Stopped:
        return 0
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
