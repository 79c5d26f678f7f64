"""A real QEMU guest under a private libvirtd: it boots from an uploaded kernel, ramdisk and disk, and its console proves that it got
its config drive."""
import re
import secrets

import pytest

from lib import hosts
from lib.clients import CLIENTS_NEWEST, CommandLine, Http
from lib.observe import assert_nothing_left
from lib.process import run
from lib.wait import wait_for
from lib.zone import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.real_guest]
BOOT_SECONDS = 120  # emulation on two busy CPUs


@pytest.fixture(scope="module")
def guest_files(here):
    """kernel, ramdisk and disk.img, built from the installed packages."""
    run([ROOT / "examples/image/build.sh", here / "guest"], seconds=300)
    return here / "guest"


@pytest.fixture(scope="module")
def zone(make_host, make_zone):
    reason = hosts.why_not(("libvirtd", "virsh", "unshare", "qemu-system-x86_64"))
    if reason:
        pytest.skip(reason)
    zone = make_zone("real", {"compute": {"virt_type": "auto"}})
    zone.host = make_host("real-h0", hosts.QemuHost)
    zone.bootstrap()
    zone.add_host(zone.host)
    return zone.start()


@pytest.fixture(scope="module")
def image(zone, guest_files):
    """The id of a disk image that names its kernel and ramdisk, all uploaded by the openstack command."""
    command = CommandLine(zone)
    parts = {}
    for name, disk_format in (("kernel", "aki"), ("ramdisk", "ari")):
        parts[name] = command.json("image", "create", f"tiny-{name}", "--disk-format", disk_format, "--container-format", disk_format,
                                   "--public", "--file", str(guest_files / name))["id"]
    made = command.json("image", "create", "tiny", "--disk-format", "raw", "--container-format", "bare", "--public",
                        "--property", f"kernel_id={parts['kernel']}", "--property", f"ramdisk_id={parts['ramdisk']}",
                        "--file", str(guest_files / "disk.img"))
    command.json("flavor", "create", "m1.tiny", "--id", "1", "--ram", "96", "--disk", "1", "--vcpus", "1")
    return made["id"]


def console(command, server_id):
    return command.text("console", "log", "show", server_id)


def wait_console(command, server_id, pattern, seconds=BOOT_SECONDS):
    return wait_for(lambda: re.search(pattern, console(command, server_id)), seconds,
                    lambda: f"console line {pattern!r}; the console:\n{console(command, server_id)[-4000:]}")


def status_of(command, server_id):
    return command.json("server", "show", server_id)["status"]


def test_guest_boots_and_reads_its_config_drive(zone, mariadb, image, here):
    command = CommandLine(zone, CLIENTS_NEWEST)
    value = secrets.token_hex(16)
    (here / "user-data").write_text(f"run={value}\n")
    server = command.create_server("guest", "--user-data", str(here / "user-data"), "--config-drive", "True", image=image)
    server_id = server["id"]
    assert server["status"] == "ACTIVE"
    assert server_id in zone.host.running_uuids() and len(zone.host.guests()) == 1

    wait_console(command, server_id, rf"zonegate-guest: hostname=guest\S* uuid={server_id}")
    wait_console(command, server_id, rf"zonegate-guest: user-data=run={value}")
    wait_console(command, server_id, r"zonegate-guest: ready")
    first = zone.host.guests()
    counted = Http(zone).fetch(f"/servers/{server_id}/diagnostics", version="2.48")
    assert (counted["state"], counted["hypervisor"], counted["config_drive"]) == ("running", "qemu", True)
    assert counted["cpu_details"][0]["time"] > 0 and any(disk["read_bytes"] > 0 for disk in counted["disk_details"]), counted

    command.run("server", "stop", server_id)
    wait_for(lambda: status_of(command, server_id) == "SHUTOFF", BOOT_SECONDS, "SHUTOFF")
    assert server_id not in zone.host.running_uuids() and not zone.host.guests()
    command.run("server", "start", server_id)
    wait_for(lambda: status_of(command, server_id) == "ACTIVE", BOOT_SECONDS, "ACTIVE again")
    second = zone.host.guests()
    assert len(second) == 1 and second != first

    boots = console(command, server_id).count("zonegate-guest: ready")
    wait_for(lambda: console(command, server_id).count("zonegate-guest: ready") > boots, BOOT_SECONDS, "a second boot's console")
    command.run("server", "reboot", "--hard", "--wait", server_id, seconds=BOOT_SECONDS)
    assert status_of(command, server_id) == "ACTIVE" and len(zone.host.guests()) == 1

    command.run("server", "delete", "--wait", server_id)
    assert_nothing_left(zone, mariadb, [zone.host], server_id)
    assert not zone.host.guests() and zone.host.domains() == []


def test_guest_survives_a_killed_gateway(zone, mariadb, image):
    command = CommandLine(zone)
    server_id = command.create_server("survivor", image=image)["id"]
    guests = zone.host.guests()
    zone.kill()
    zone.start()
    assert zone.host.guests() == guests
    assert status_of(command, server_id) == "ACTIVE"
    command.run("server", "delete", "--wait", server_id)
    assert_nothing_left(zone, mariadb, [zone.host], server_id)


def test_power_off_from_outside_is_noticed(zone, mariadb, image):
    command = CommandLine(zone)
    server_id = command.create_server("unplugged", image=image)["id"]
    zone.host.virsh("destroy", server_id)
    wait_for(lambda: status_of(command, server_id) == "SHUTOFF", 60, "SHUTOFF after virsh destroy")
    command.run("server", "delete", "--wait", server_id)
    assert_nothing_left(zone, mariadb, [zone.host], server_id)
