"""A tree in network namespaces with addresses of their own, whose links are cut (packets vanish) and healed."""
import time

import pytest
import requests

from lib import netns
from lib.clients import image_file
from lib.wait import wait_for
from test_tree import create, delete, missing_in

PLAN = {"root": {"children": {"east": {"children": {"east-1": {"hosts": 1}}}, "west": {"hosts": 1}}}}
SILENT_MS = 1000


@pytest.fixture(scope="module")
def network():
    reason = netns.why_not()
    if reason:
        pytest.skip(reason)
    network = netns.Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def tree(network, make_tree, here):
    tree = make_tree(PLAN, network=network, capacity={"vcpus": 64, "ram_mib": 65536, "disk_gib": 1000},
                     settings={"zones": {"child_timeout_ms": SILENT_MS}})
    root = tree.http("root")
    root.post("/flavors", {"flavor": {"name": "m1.tiny", "id": "1", "ram": 96, "vcpus": 1, "disk": 1}}).raise_for_status()
    image = root.post("/image/v2/images", {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"}).json()
    root.put(f"/image/v2/images/{image['id']}/file", data=image_file(here).read_bytes(),
             headers={"Content-Type": "application/octet-stream"}).raise_for_status()
    return tree


def test_cut_and_healed(tree, network):
    root = tree.http("root")
    server = create(root, "cut")
    owner = next(name for name in ("east-1", "west") if tree.http(name).get(f"/servers/{server}?zone.local=1").status_code == 200)
    network.cut(owner)
    wait_for(lambda: missing_in(root.get("/servers")), 30, "the cut zone to be named")
    begin = time.monotonic()
    answer = root.get(f"/servers/{server}")
    assert answer.status_code == 503 and owner in answer.text
    assert time.monotonic() - begin < 2 * SILENT_MS / 1000, "a silent zone is felt once"
    network.heal(owner)
    wait_for(lambda: root.get(f"/servers/{server}").status_code == 200, 60, "the healed zone to be seen")
    wait_for(lambda: not missing_in(root.get("/servers")), 60, "the healed zone to be in lists")
    delete(root, server)


def test_zones_behind_the_cut_go_on(tree, network):
    east = tree.http("east")
    server = create(tree.http("root"), "below")
    network.cut("root")
    try:
        with pytest.raises(requests.RequestException):
            network.call(requests.get, f"{tree.root.url}/healthcheck", timeout=2)
        assert east.get("/servers").status_code == 200, "a known token goes on working while the authority is away"
    finally:
        network.heal("root")
    wait_for(lambda: tree.http("root").get(f"/servers/{server}").status_code == 200, 60, "root to serve again")
    delete(tree.http("root"), server)
