"""Where a server may be asked for, in a tree: availability zones and hosts are those of all zones that answer."""
import pytest

from lib.servers import FLAVOR, stock
from lib.wait import wait_for

CAPACITY = {"vcpus": 100, "ram_mib": 100_000, "disk_gib": 1000}


@pytest.fixture(scope="module")
def tree(make_tree):
    return make_tree({"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}}}}, capacity=CAPACITY)


@pytest.fixture(scope="module")
def door(tree):
    return tree.http("root")


@pytest.fixture(scope="module")
def image(door, here):
    return stock(door, here)


def ask(door, image, version="2.93", **more):
    server = {"name": "placed", "imageRef": image, "flavorRef": FLAVOR, "networks": "none", **more}
    return door.post("/servers", {"server": server}, version=version, timeout=60)


@pytest.mark.parametrize("place", [{"availability_zone": "east-1"}, {"availability_zone": "east-1:east-1-h0"}, {"host": "east-1-h0"},
                                   {"hypervisor_hostname": "east-1-h0", "availability_zone": "east-1"}])
def test_a_place_two_zones_below_is_known(door, image, place):
    answer = ask(door, image, **place)
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    status = wait_for(lambda: next((found for found in [door.fetch(f"/servers/{server}")["server"]["status"]] if found != "BUILD"), None),
                      60, "the build")
    assert status == "ACTIVE"


@pytest.mark.parametrize("place, words", [({"availability_zone": "west"}, "The requested availability zone is not available"),
                                          ({"host": "west-h0"}, "Compute host west-h0 could not be found.")])
def test_a_place_that_no_zone_has_is_400(door, image, place, words):
    answer = ask(door, image, **place)
    assert answer.status_code == 400 and words in answer.text, answer.text


def test_a_disk_and_files_are_made_two_zones_below(tree, door, image):
    """The order crosses two links whole: disks, and a config drive for what is to be injected."""
    assert door.post("/flavors", {"flavor": {"name": "eph", "id": "eph", "ram": 96, "vcpus": 1, "disk": 1,
                                             "OS-FLV-EXT-DATA:ephemeral": 2}}).status_code == 200
    disks = [{"source_type": "image", "destination_type": "local", "uuid": image, "boot_index": 0},
             {"source_type": "blank", "destination_type": "local", "volume_size": 1}, {"source_type": "blank", "destination_type": "local", "volume_size": 1}]
    server = {"name": "disks", "imageRef": image, "flavorRef": "eph", "block_device_mapping_v2": disks,
              "personality": [{"path": "/etc/motd", "contents": "aGVsbG8="}]}
    answer = door.post("/servers", {"server": server})
    assert answer.status_code == 202, answer.text
    server = answer.json()["server"]["id"]
    wait_for(lambda: door.fetch(f"/servers/{server}")["server"]["status"] == "ACTIVE", 60, "the build")
    assert door.fetch(f"/servers/{server}")["server"]["config_drive"] == "True"
    host, = tree.hosts["east-1"]
    volumes = {name for name in host.volumes("pool-east-1") if name.startswith(server)}
    assert volumes == {f"{server}.{role}" for role in ("root", "ephemeral", "ephemeral1", "config")}


def test_what_a_silent_zone_may_have_is_no_400(tree, door, image):
    """Last: the zone stays down. Nobody can say that the place is not there, so the server is taken, and finds no host."""
    tree["east-1"].kill()
    wait_for(lambda: "X-Zone-Missing" in door.get("/os-availability-zone").headers, 60, "the silence to be noticed")
    assert ask(door, image, availability_zone="west").status_code == 202
    assert ask(door, image, host="west-h0").status_code == 202
