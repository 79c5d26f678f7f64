"""POST /servers, parameter by parameter: a row is a microversion, what is changed in a good body, and the status (nova-api.md section 8).

Most rows are refusals; what is accepted is made on libvirt's test driver. A refusal makes no server and says something."""
import base64
import re

import pytest

from lib.clients import Http
from lib.observe import assert_nothing_left
from lib.servers import FLAVOR, stock
from lib.wait import wait_for

NEWEST = "2.93"
ROOMY, DISKLESS = "roomy", "diskless"
EPHEMERAL_GIB, SWAP_MIB = 4, 512
UNKNOWN = "11111111-2222-4333-8444-555555555555"
GONE = object()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+DvGJ9gZpVJ8m8N5xVvZ3wq6x1oJ0l3sR7y2H4kQ9T me@here"


def encoded(data):
    return base64.b64encode(data).decode()


def files(count=1, path="/etc/motd", contents=encoded(b"hello")):
    return [{"path": path, "contents": contents} for _ in range(count)]


IMAGE = object()  # the image's id, known when the zone runs


def root(**more):
    return {"boot_index": 0, "uuid": IMAGE, "source_type": "image", "destination_type": "local", **more}


def blank(**more):
    return {"source_type": "blank", "destination_type": "local", "boot_index": -1, **more}


def v2(*items, flavor=ROOMY):
    return {"flavorRef": flavor, "block_device_mapping_v2": list(items)}


def v1(*items, flavor=ROOMY):
    return {"flavorRef": flavor, "block_device_mapping": list(items)}


# version, change, status, words of the message
ROWS = {
    "body": [
        ("2.1", {}, 202), (NEWEST, {}, 202), ("2.1", {"unknown": 1}, 400), (NEWEST, {"unknown": 1}, 400), ("2.94", {}, 406),
    ],
    "name": [
        ("2.1", {"name": "x" * 255}, 202), ("2.1", {"name": "größe 1"}, 202), ("2.1", {"name": GONE}, 400), ("2.1", {"name": ""}, 400),
        ("2.1", {"name": "x" * 256}, 400), ("2.1", {"name": " x"}, 400), ("2.1", {"name": "x "}, 400), ("2.1", {"name": "a\tb"}, 400),
        ("2.1", {"name": 1}, 400), ("2.1", {"name": None}, 400), ("2.1", {"name": "x" * 254, "max_count": 2}, 400, "too long"),
    ],
    "flavorRef": [
        ("2.1", {"flavorRef": 1}, 202), ("2.1", {"flavorRef": "http://any/flavors/1"}, 202), ("2.1", {"flavorRef": GONE}, 400),
        ("2.1", {"flavorRef": ""}, 400), ("2.1", {"flavorRef": None}, 400),
        ("2.1", {"flavorRef": DISKLESS}, 202), ("2.1", {"flavorRef": "nothing"}, 400, "Flavor nothing could not be found."), ("2.1", {"flavorRef": -1}, 400),
    ],
    "imageRef": [
        ("2.1", {"imageRef": GONE}, 400, "Missing imageRef"), ("2.1", {"imageRef": ""}, 400, "Missing imageRef"),
        ("2.1", {"imageRef": "name"}, 400), ("2.1", {"imageRef": UNKNOWN}, 400, "Can not find requested image"), ("2.1", {"imageRef": 7}, 400),
    ],
    "adminPass": [("2.1", {"adminPass": "pass"}, 202), ("2.1", {"adminPass": ""}, 202), ("2.1", {"adminPass": 7}, 400)],
    "metadata": [
        ("2.1", {"metadata": {"a-Z_:. 9": "v" * 255}}, 202), ("2.1", {"metadata": {f"k{n}": "v" for n in range(128)}}, 202),
        ("2.1", {"metadata": {f"k{n}": "v" for n in range(129)}}, 403, "metadata items exceeds 128"), ("2.1", {"metadata": []}, 400),
        ("2.1", {"metadata": {"k": 1}}, 400), ("2.1", {"metadata": {"k": None}}, 400), ("2.1", {"metadata": {"k/": "v"}}, 400),
        ("2.1", {"metadata": {"k" * 256: "v"}}, 400), ("2.1", {"metadata": {"k": "v" * 256}}, 400), ("2.1", {"metadata": {"": "v"}}, 400),
    ],
    "networks": [
        ("2.1", {"networks": GONE}, 202), ("2.1", {"networks": []}, 202), ("2.36", {"networks": "none"}, 400), ("2.37", {"networks": "none"}, 202),
        ("2.37", {"networks": []}, 202), ("2.37", {"networks": GONE}, 400), (NEWEST, {"networks": GONE}, 400),
        ("2.37", {"networks": "auto"}, 400, "Unable to automatically allocate a network"), ("2.37", {"networks": "other"}, 400),
        ("2.1", {"networks": [{"uuid": UNKNOWN}]}, 400, f"Network {UNKNOWN} could not be found."),
        ("2.1", {"networks": [{"port": UNKNOWN}]}, 400, f"Port id {UNKNOWN} could not be found."),
        ("2.36", {"networks": [{"uuid": "name"}]}, 400, "not in proper format (name)"), ("2.1", {"networks": [{}]}, 400, "not in proper format (None)"), ("2.37", {"networks": [{"uuid": "name"}]}, 400, "Invalid input"),
        ("2.1", {"networks": [{"fixed_ip": "1.2.3"}]}, 400, "Invalid input"), ("2.1", {"networks": [{"colour": "red"}]}, 400, "Invalid input"),
        ("2.31", {"networks": [{"uuid": UNKNOWN, "tag": "t"}]}, 400, "Invalid input"),
        ("2.32", {"networks": [{"uuid": UNKNOWN, "tag": "t"}]}, 400, "could not be found"),
        ("2.36", {"networks": [{"uuid": UNKNOWN, "tag": "t"}]}, 400, "could not be found"),
        ("2.37", {"networks": [{"uuid": UNKNOWN, "tag": "t"}]}, 400, "Invalid input"),
        ("2.42", {"networks": [{"uuid": UNKNOWN, "tag": "t"}]}, 400, "could not be found"),
        ("2.42", {"networks": [{"uuid": UNKNOWN, "tag": "a,b"}]}, 400, "Invalid input"),
    ],
    "diskConfig": [
        ("2.1", {"OS-DCF:diskConfig": "AUTO"}, 202), ("2.1", {"OS-DCF:diskConfig": "MANUAL"}, 202), ("2.1", {"OS-DCF:diskConfig": "auto"}, 400),
    ],
    "accessIPs": [
        ("2.1", {"accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8::1"}, 202), ("2.1", {"accessIPv4": "192.0.2.256"}, 400),
        ("2.1", {"accessIPv4": "2001:db8::1"}, 400), ("2.1", {"accessIPv6": "192.0.2.1"}, 400), ("2.1", {"accessIPv6": "::g"}, 400),
    ],
    "personality": [
        ("2.1", {"personality": files(5)}, 202), ("2.56", {"personality": files()}, 202), ("2.1", {"personality": []}, 202),
        ("2.1", {"personality": files(contents="")}, 202), ("2.1", {"personality": files(6)}, 403, "Personality file limit exceeded"),
        ("2.1", {"personality": files(path="/" + "x" * 254)}, 202),
        ("2.1", {"personality": files(path="/" + "x" * 255)}, 403, "path exceeds maximum 255"),
        ("2.1", {"personality": files(contents="A" * 10240)}, 202),
        ("2.1", {"personality": files(contents="A" * 10244)}, 403, "content exceeds maximum 10240"),
        ("2.1", {"personality": files(contents="QQ=")}, 400), ("2.1", {"personality": {}}, 400),
        ("2.1", {"personality": [{"path": "/x", "contents": encoded(b"x"), "mode": "0644"}]}, 400),
        ("2.57", {"personality": files()}, 400), (NEWEST, {"personality": files()}, 400),
    ],
    "availability_zone": [
        ("2.1", {"availability_zone": "table"}, 202), ("2.1", {"availability_zone": "table:table-h0"}, 202),
        ("2.1", {"availability_zone": "table:table-h0:table-h0"}, 202), ("2.1", {"availability_zone": "table::table-h0"}, 202),
        ("2.1", {"availability_zone": "nowhere"}, 400, "The requested availability zone is not available"),
        (NEWEST, {"availability_zone": "nowhere"}, 400, "The requested availability zone is not available"),
        ("2.1", {"availability_zone": "internal"}, 400, "not available"), ("2.1", {"availability_zone": "Table"}, 400, "not available"),
        ("2.1", {"availability_zone": "a:b:c:d"}, 400, "Unable to parse"), ("2.1", {"availability_zone": ""}, 400),
        ("2.1", {"availability_zone": "x" * 256}, 400), ("2.1", {"availability_zone": None}, 400),
        ("2.1", {"availability_zone": "table:table-h0:other"}, 400, "has no hypervisor other"),
    ],
    "block_device_mapping_v2": [
        ("2.1", v2(root()), 202), ("2.1", v2(root(boot_index="0")), 202), ("2.1", v2(root(), blank()), 202), ("2.1", v2(), 202),
        ("2.1", v2(root(), blank(volume_size=EPHEMERAL_GIB), blank(guest_format="swap", volume_size=SWAP_MIB)), 202),
        ("2.1", v2(root(), blank(volume_size=1), blank(guest_format="swap"), blank(volume_size=1)), 400, "more local devices"),
        ("2.1", v2(root(), blank(volume_size=EPHEMERAL_GIB + 1)), 400, "Ephemeral disks requested are larger"),
        ("2.1", v2(root(), blank(), flavor=FLAVOR), 202),
        ("2.1", v2(root(), blank(volume_size=1), flavor=FLAVOR), 400, "Ephemeral disks requested are larger"),
        ("2.1", v2(root(), blank(guest_format="swap", volume_size=SWAP_MIB + 1)), 400, "Swap drive requested is larger"),
        ("2.1", v2(root(), blank(guest_format="swap", volume_size=1), blank(guest_format="swap", volume_size=1)), 400, "More than one swap"),
        ("2.1", v2(blank()), 400, "Boot sequence"), ("2.1", v2(root(), root()), 400, "Boot sequence"),
        ("2.1", v2(root(), blank(boot_index=0)), 400, "Boot sequence"), ("2.1", v2(root(), blank(boot_index=2)), 400, "Boot sequence"),
        ("2.1", v2(root(), blank(boot_index=1)), 202), ("2.1", v2(root(), blank(boot_index=None)), 202),
        ("2.1", v2(root(boot_index=1)), 400, "Mapping image to local"), ("2.1", v2(root(uuid=UNKNOWN)), 400, "Mapping image to local"),
        ("2.1", v2({"uuid": UNKNOWN}), 400, "Invalid source_type"), ("2.1", v2(blank(uuid=UNKNOWN)), 400, "Invalid device UUID"),
        ("2.1", v2(root(uuid=None)), 400), ("2.1", v2({"source_type": "image", "boot_index": 0}), 400, "Missing device UUID"),
        ("2.1", v2(root(), {"source_type": "volume", "uuid": UNKNOWN}), 400, f"failed to get volume {UNKNOWN}"),
        ("2.1", v2({"source_type": "snapshot", "uuid": UNKNOWN, "boot_index": 0}), 400, f"failed to get snapshot {UNKNOWN}"),
        ("2.1", v2(root(destination_type="volume")), 400, "non-zero size"),
        ("2.1", v2(root(destination_type="volume", volume_size=1)), 400, "no volume service"),
        ("2.1", v2(root(), blank(destination_type="volume")), 400, "non-zero size"),
        ("2.1", v2(root(), blank(destination_type="volume", volume_size=1)), 400, "no volume service"),
        ("2.1", {"imageRef": GONE, **v2(root(destination_type="volume", volume_size=1))}, 400, "no volume service"),
        ("2.1", v2(root(disk_bus="virtio"), blank(disk_bus="scsi")), 202), ("2.1", v2(root(), blank(disk_bus="floppy")), 400, "disk_bus"),
        ("2.1", v2(root(disk_bus="ide")), 400, "disk_bus"), ("2.1", v2(root(), blank(device_type="cdrom")), 400, "device_type"),
        ("2.1", v2(root(), blank(guest_format="ext4")), 400, "guest_format"), ("2.1", v2(root(), blank(device_name="/dev/vdb")), 202),
        ("2.1", v2(root(), blank(device_name="a b")), 400), ("2.1", v2(root(), blank(volume_size=0)), 400),
        ("2.1", v2(root(), blank(volume_size="1")), 202), ("2.1", v2(root(source_type="tape")), 400), ("2.1", v2(root(colour="red")), 400),
        ("2.1", v2(root(boot_index="first")), 400), ("2.1", v2(root(), {"device_name": "vdc", "no_device": True}), 202),
        ("2.31", v2(root(tag="t")), 400), ("2.32", v2(root(tag="t")), 202), ("2.33", v2(root(tag="t")), 400), ("2.41", v2(root(tag="t")), 400),
        ("2.42", v2(root(tag="t"), blank(tag="u")), 202), ("2.42", v2(root(tag="a/b")), 400), ("2.42", v2(root(tag="t" * 61)), 400),
        ("2.66", v2(root(volume_type="fast")), 400, "Invalid input"), ("2.67", v2(root(volume_type="fast")), 400, "volume_type"),
        ("2.67", v2(root(volume_type=None)), 202), ("2.1", {"block_device_mapping_v2": {}}, 400),
    ],
    "block_device_mapping": [
        ("2.1", v1({"virtual_name": "ephemeral0", "device_name": "vdb", "volume_size": 1}), 202),
        ("2.1", v1({"virtual_name": "swap", "device_name": "vdc"}), 202), ("2.1", v1({"device_name": "vdb", "no_device": True}), 202),
        ("2.1", v1({"virtual_name": "swap", "volume_size": SWAP_MIB + 1}), 400, "Swap drive"),
        ("2.1", v1({"device_name": "vda", "volume_id": UNKNOWN}), 400, f"failed to get volume {UNKNOWN}"),
        ("2.1", v1({"device_name": "vda", "snapshot_id": UNKNOWN}), 400, f"failed to get snapshot {UNKNOWN}"),
        ("2.1", v1({"device_name": "vdb"}), 400, "legacy format"), ("2.1", v1({"device_name": "v db", "volume_id": UNKNOWN}), 400),
        ("2.1", {**v1({"virtual_name": "swap"}), **v2(root())}, 400, "Using different block_device_mapping syntaxes"),
    ],
    "config_drive": [("2.1", {"config_drive": word}, 202) for word in (True, False, "True", "1", "on", "yes", "0", "off", "NO")] +
                    [("2.1", {"config_drive": word}, 400) for word in ("perhaps", "", 2, None, "y")],
    "key_name": [
        ("2.1", {"key_name": "mine"}, 202), ("2.1", {"key_name": "theirs"}, 400, "Invalid key_name provided."), ("2.1", {"key_name": ""}, 400),
        ("2.1", {"key_name": None}, 400),
    ],
    "counts": [
        ("2.1", {"min_count": 2}, 202), ("2.1", {"min_count": "1", "max_count": "2"}, 202), ("2.1", {"min_count": 2, "max_count": 1}, 400, "min_count"),
        ("2.1", {"min_count": 0}, 400), ("2.1", {"max_count": -1}, 400), ("2.1", {"min_count": "many"}, 400), ("2.1", {"max_count": ""}, 400),
        ("2.1", {"max_count": 1.5}, 400), ("2.1", {"max_count": None}, 400), ("2.1", {"max_count": 10 ** 30}, 400),
    ],
    "return_reservation_id": [
        ("2.1", {"return_reservation_id": True}, 202), ("2.1", {"return_reservation_id": "False"}, 202), ("2.1", {"return_reservation_id": 1}, 400),
    ],
    "security_groups": [
        ("2.1", {"security_groups": [{"name": "default"}, {"name": "default"}]}, 202), ("2.1", {"security_groups": []}, 202),
        ("2.1", {"security_groups": [{}]}, 202), ("2.1", {"security_groups": [{"name": "web"}]}, 400, "Security group web not found"),
        ("2.1", {"security_groups": [{"name": ""}]}, 400), ("2.1", {"security_groups": ["default"]}, 400),
        ("2.1", {"security_groups": [{"name": "default", "id": 1}]}, 400),
    ],
    "user_data": [
        ("2.1", {"user_data": encoded(b"#!/bin/sh\n")}, 202), ("2.1", {"user_data": ""}, 202), ("2.1", {"user_data": "A" * 65532}, 202),
        ("2.1", {"user_data": "A" * 65536}, 400), ("2.1", {"user_data": "QQ="}, 400), ("2.1", {"user_data": 7}, 400), ("2.1", {"user_data": None}, 400),
    ],
    "description": [
        ("2.18", {"description": "d"}, 400), ("2.19", {"description": "d"}, 202), ("2.19", {"description": ""}, 202),
        ("2.19", {"description": None}, 202), ("2.19", {"description": "d" * 255}, 202), ("2.19", {"description": "d" * 256}, 400),
        ("2.19", {"description": 1}, 400), ("2.19", {"description": "a\0b"}, 400),
    ],
    "tags": [
        ("2.51", {"tags": ["a"]}, 400), ("2.52", {"tags": ["a", "b"]}, 202), ("2.52", {"tags": []}, 202), ("2.52", {"tags": ["t" * 60]}, 202),
        ("2.52", {"tags": [f"t{n}" for n in range(50)]}, 202), ("2.52", {"tags": [f"t{n}" for n in range(51)]}, 400),
        ("2.52", {"tags": ["t" * 61]}, 400), ("2.52", {"tags": [""]}, 400), ("2.52", {"tags": ["a/b"]}, 400), ("2.52", {"tags": ["a,b"]}, 400),
        ("2.52", {"tags": [1]}, 400), ("2.52", {"tags": "a"}, 400),
    ],
    "trusted_image_certificates": [
        ("2.62", {"trusted_image_certificates": None}, 400), ("2.63", {"trusted_image_certificates": None}, 202),
        ("2.63", {"trusted_image_certificates": [UNKNOWN]}, 400, "Certificate validation"), ("2.63", {"trusted_image_certificates": []}, 400),
        ("2.63", {"trusted_image_certificates": ["a", "a"]}, 400), ("2.63", {"trusted_image_certificates": [""]}, 400),
        ("2.63", {"trusted_image_certificates": [f"c{n}" for n in range(51)]}, 400, "Invalid input"),
    ],
    "host": [
        ("2.73", {"host": "table-h0"}, 400), ("2.74", {"host": "table-h0"}, 202), ("2.74", {"hypervisor_hostname": "table-h0"}, 202),
        ("2.74", {"host": "table-h0", "hypervisor_hostname": "table-h0"}, 202), ("2.74", {"host": "nobody"}, 400, "Compute host nobody could not be found"),
        ("2.74", {"hypervisor_hostname": "nobody"}, 400, "could not be found"),
        ("2.74", {"host": "table-h0", "hypervisor_hostname": "other"}, 400, "has no hypervisor other"), ("2.74", {"host": "a b"}, 400),
        ("2.74", {"host": ""}, 400), ("2.74", {"host": "table-h0", "availability_zone": "table"}, 202),
        ("2.74", {"host": "table-h0", "availability_zone": "table:table-h0"}, 400, "mutually exclusive"),
    ],
    "hostname": [
        ("2.89", {"hostname": "web"}, 400), ("2.90", {"hostname": "web"}, 202), ("2.90", {"hostname": "w" * 63}, 202),
        ("2.90", {"hostname": "w"}, 400), ("2.90", {"hostname": "w" * 64}, 400), ("2.90", {"hostname": "-web"}, 400),
        ("2.90", {"hostname": "web-"}, 400), ("2.90", {"hostname": "web.example"}, 400), ("2.90", {"hostname": None}, 400),
        ("2.90", {"hostname": "web", "max_count": 2}, 400, "single hostname"), ("2.90", {"hostname": "web", "min_count": 1, "max_count": 1}, 202),
    ],
}
FOR_ADMINS = [
    ("2.1", {"flavorRef": DISKLESS}, "flavors with zero disk"),
    ("2.1", {"availability_zone": "table:table-h0"}, "forced_host"), ("2.1", {"availability_zone": "table::table-h0"}, "forced_host"),
    ("2.74", {"host": "table-h0"}, "requested_destination"), ("2.74", {"hypervisor_hostname": "nobody"}, "requested_destination"),
]
CASES = [pytest.param((*row, "")[:4], id=f"{name}-{number}-{row[0]}-{row[2]}") for name, rows in ROWS.items() for number, row in enumerate(rows)]


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    zone = make_zone("table", {"quota": {"instances": -1, "cores": -1, "ram": -1}})
    zone.bootstrap()
    zone.host = make_host("table-h0")
    zone.add_host(zone.host, vcpus=10000, ram_mib=10_000_000, disk_gib=100_000)
    return zone.start()


@pytest.fixture(scope="module")
def admin(zone):
    return Http(zone)


@pytest.fixture(scope="module")
def image(zone, admin, here):
    image = stock(admin, here)
    for name, disk, ephemeral, swap in ((ROOMY, 1, EPHEMERAL_GIB, SWAP_MIB), (DISKLESS, 0, 0, 0)):
        flavor = {"name": name, "id": name, "ram": 64, "vcpus": 1, "disk": disk, "OS-FLV-EXT-DATA:ephemeral": ephemeral, "swap": swap}
        assert admin.post("/flavors", {"flavor": flavor}).status_code == 200
    assert admin.post("/os-keypairs", {"keypair": {"name": "mine", "public_key": KEY}}).status_code == 200
    return image


@pytest.fixture(scope="module")
def member(zone, admin):
    """A user of the admin's project who is no admin."""
    user = admin.post("/identity/v3/users", {"user": {"name": "plain", "password": "plain-secret"}}).json()["user"]["id"]
    role, = admin.fetch("/identity/v3/roles?name=member")["roles"]
    assert admin.put(f"/identity/v3/projects/{admin.project}/users/{user}/roles/{role['id']}").status_code == 204
    return Http(zone, username="plain", password="plain-secret")


def with_image(value, image):
    if isinstance(value, dict):
        return {key: with_image(item, image) for key, item in value.items()}
    if isinstance(value, list):
        return [with_image(item, image) for item in value]
    return image if value is IMAGE else value


def body(version, change, image):
    good = {"name": "row", "imageRef": image, "flavorRef": FLAVOR, **({"networks": "none"} if float(version[2:]) >= 37 else {})}
    return {"server": {key: with_image(value, image) for key, value in {**good, **change}.items() if value is not GONE}}


def delete_all(admin):
    for server in admin.fetch("/servers")["servers"]:
        assert admin.delete(f"/servers/{server['id']}").status_code == 204
    wait_for(lambda: not admin.fetch("/servers")["servers"], 60, "all servers to go")


def message_of(answer):
    (_, fault), = answer.json().items()
    assert fault["code"] == answer.status_code
    return fault["message"]


def check(http, image, version, change, status, words=""):
    answer = http.post("/servers", body(version, change, image), version=version)
    assert answer.status_code == status, f"{change} at {version}: {answer.status_code} {answer.text[:300]}"
    if status != 202:
        assert message_of(answer) and words in message_of(answer), answer.text
    return answer


@pytest.mark.parametrize("row", CASES)
def test_row(admin, image, row):
    version, change, status, words = row
    before = admin.fetch("/servers")["servers"]
    answer = check(admin, image, version, change, status, words)
    if status != 202:
        assert admin.fetch("/servers")["servers"] == before
    elif change.get("return_reservation_id") is True:
        assert re.fullmatch("r-[a-z0-9]{8,}", answer.json()["reservation_id"])
        wait_for(lambda: len(admin.fetch("/servers")["servers"]) > len(before), 60, "the server that was promised")
    elif "return_reservation_id" in change:
        assert "server" in answer.json()
    else:
        assert answer.headers["Location"].endswith("/servers/" + answer.json()["server"]["id"])


@pytest.mark.parametrize("version, change, policy", FOR_ADMINS)
def test_for_admins_only(member, image, version, change, policy):
    check(member, image, version, change, 403, policy)


def test_accepted_ones_are_built(admin, image):
    """Whatever was accepted above was meant: nothing of it ends in ERROR."""
    def states():
        return {server["status"] for server in admin.fetch("/servers/detail")["servers"]}
    wait_for(lambda: states() == {"ACTIVE"}, 120, lambda: f"all to be ACTIVE: {states()}")
    delete_all(admin)


def made(admin, image, version, change):
    """The server as it is shown when it is ACTIVE."""
    server = check(admin, image, version, change, 202).json()["server"]["id"]
    shown = wait_for(lambda: next((found for found in [admin.fetch(f"/servers/{server}", version=NEWEST)["server"]]
                                   if found["status"] != "BUILD"), None), 60, "the build")
    assert shown["status"] == "ACTIVE", shown
    return shown


def test_disks_of_the_request_are_there_and_go(zone, mariadb, admin, image):
    server = made(admin, image, "2.42", v2(root(tag="system"), blank(volume_size=1, disk_bus="scsi", tag="data"),
                                             blank(guest_format="swap", volume_size=64)))["id"]
    pool = f"pool-{zone.name}"
    volumes = {name for name in zone.host.volumes(pool) if name.startswith(server)}
    assert volumes == {f"{server}.{role}" for role in ("root", "ephemeral", "swap")}
    described = zone.host.virsh("dumpxml", server)[1]
    assert re.search(r"<target dev='sdb' bus='scsi'/>", described) and re.search(r"<target dev='vdc' bus='virtio'/>", described)
    assert "<serial>root</serial>" in described and "<serial>ephemeral</serial>" in described
    sizes = {role: zone.host.volume_bytes(pool, f"{server}.{role}") for role in ("ephemeral", "swap")}
    assert sizes == {"ephemeral": 1 << 30, "swap": 64 << 20}
    assert admin.delete(f"/servers/{server}").status_code == 204
    assert_nothing_left(zone, mariadb, [zone.host], server)


def test_secrets_go_with_the_build(zone, mariadb, admin, image):
    """Injected files and the password are the guest's: no row has them once the build is over."""
    made(admin, image, "2.1", {"personality": files(contents=encoded(b"for the guest only")), "adminPass": "for-the-guest-only"})
    assert mariadb.sql(zone.schema, "SELECT COUNT(*) FROM tasks") == [["0"]]
    dump = str(mariadb.sql(zone.schema, "SELECT * FROM servers"))
    assert encoded(b"for the guest only") not in dump and "for-the-guest-only" not in dump
    delete_all(admin)


def test_many_are_numbered(admin, image):
    answer = check(admin, image, "2.1", {"name": "many", "max_count": 3, "return_reservation_id": "1"}, 202)
    path = f"/servers/detail?reservation_id={answer.json()['reservation_id']}"
    found = wait_for(lambda: [server for servers in [admin.fetch(path, version="2.90")["servers"]] if len(servers) == 3 for server in servers],
                     60, "the three to be made")
    assert sorted((server["name"], server["OS-EXT-SRV-ATTR:hostname"], server["OS-EXT-SRV-ATTR:launch_index"]) for server in found) == \
        [(f"many-{number + 1}", f"many-{number + 1}", number) for number in range(3)]
    delete_all(admin)


def test_what_was_said_is_shown(admin, image):
    shown = made(admin, image, NEWEST, {
        "name": "told", "hostname": "Web-1", "description": "", "tags": ["b", "a", "b"], "metadata": {"k": "v"}, "accessIPv4": "192.0.2.1",
        "accessIPv6": "2001:DB8:0::1", "OS-DCF:diskConfig": "AUTO", "key_name": "mine", "user_data": encoded(b"x"), "host": "table-h0"})
    wanted = {"name": "told", "OS-EXT-SRV-ATTR:hostname": "Web-1", "description": "", "tags": ["b", "a"], "metadata": {"k": "v"},
              "accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8::1", "OS-DCF:diskConfig": "AUTO", "key_name": "mine", "config_drive": "True",
              "OS-EXT-SRV-ATTR:host": "table-h0", "OS-EXT-SRV-ATTR:user_data": encoded(b"x"), "OS-EXT-AZ:availability_zone": "table"}
    assert {key: shown[key] for key in wanted} == wanted
    delete_all(admin)


def test_the_hostname_is_everybodys_and_changes_from_2_90(admin, member, image):
    server = made(admin, image, "2.90", {"hostname": "first"})["id"]
    shown = {version: member.fetch(f"/servers/{server}", version=version)["server"].get("OS-EXT-SRV-ATTR:hostname") for version in ("2.89", "2.90")}
    assert shown == {"2.89": None, "2.90": "first"}
    assert admin.put(f"/servers/{server}", {"server": {"hostname": "second"}}, version="2.89").status_code == 400
    assert admin.put(f"/servers/{server}", {"server": {"hostname": "-"}}, version="2.90").status_code == 400
    answer = admin.put(f"/servers/{server}", {"server": {"hostname": "second"}}, version="2.90")
    assert answer.status_code == 200 and answer.json()["server"]["OS-EXT-SRV-ATTR:hostname"] == "second"
    assert [found["id"] for found in member.fetch("/servers?hostname=seco", version="2.90")["servers"]] == [server]
    assert member.fetch("/servers?hostname=first", version="2.90")["servers"] == []
    delete_all(admin)


def test_a_failure_has_details_from_2_84(admin, member, image):
    """More memory than any host has: the action says why, as in Nova to admins only."""
    assert admin.post("/flavors", {"flavor": {"name": "huge", "id": "huge", "ram": 100_000_000, "vcpus": 1, "disk": 1}}).status_code == 200
    server = check(admin, image, "2.1", {"flavorRef": "huge"}, 202).json()["server"]["id"]
    action, = member.fetch(f"/servers/{server}/os-instance-actions", version="2.84")["instanceActions"]
    path = f"/servers/{server}/os-instance-actions/{action['request_id']}"
    assert "details" not in admin.fetch(path, version="2.83")["instanceAction"]["events"][0]
    assert "No valid host" in admin.fetch(path, version="2.84")["instanceAction"]["events"][0]["details"]
    assert "details" not in member.fetch(path, version="2.84")["instanceAction"]["events"][0]
    assert member.get(f"/servers/{server}/os-instance-actions?colour=red", version="2.57").status_code == 200
    assert member.get(f"/servers/{server}/os-instance-actions?colour=red", version="2.58").status_code == 400
    delete_all(admin)


def test_extra_specs_are_checked_from_2_86(admin, image):
    assert image
    specs = {"extra_specs": {"hw:cpu_policy": "fast"}}
    assert admin.post(f"/flavors/{FLAVOR}/os-extra_specs", specs, version="2.85").status_code == 200
    assert admin.post(f"/flavors/{FLAVOR}/os-extra_specs", specs, version="2.86").status_code == 400
    assert admin.put(f"/flavors/{FLAVOR}/os-extra_specs/hw:nothing", {"hw:nothing": "1"}, version="2.86").status_code == 400
    assert admin.put(f"/flavors/{FLAVOR}/os-extra_specs/hw:cpu_policy", {"hw:cpu_policy": "shared"}, version="2.86").status_code == 200


def test_keys_are_not_made_from_2_92(admin):
    assert admin.post("/os-keypairs", {"keypair": {"name": "made", "type": "ssh"}}, version="2.91").status_code == 201
    assert admin.post("/os-keypairs", {"keypair": {"name": "made-2"}}, version="2.92").status_code == 400
    assert admin.post("/os-keypairs", {"keypair": {"name": "me@here.org", "public_key": KEY}}, version="2.91").status_code == 400
    assert admin.post("/os-keypairs", {"keypair": {"name": "me@here.org", "public_key": KEY}}, version="2.92").status_code == 201


def test_versions_are_listed_as_novas(admin):
    listed = admin.fetch("/compute")["versions"]
    assert [(version["id"], version["version"], version["min_version"]) for version in listed] == [("v2.0", "", ""), ("v2.1", NEWEST, "2.1")]
    for version in listed:
        link, = version["links"]
        path = link["href"][len(admin.zone.url):]
        shown = admin.fetch(path)["version"]
        assert shown["id"] == version["id"] and link in shown["links"]
        assert admin.get(f"{path}servers").status_code == 200


def test_the_description_was_the_name(admin, image):
    assert made(admin, image, "2.18", {"name": "old"})["description"] == "old"
    assert made(admin, image, "2.19", {"name": "new"})["description"] is None
    delete_all(admin)
