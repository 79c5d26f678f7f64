"""Hosts for zones: libvirtd daemons started by hand, each in a mount namespace with /etc, /run and /var of libvirt of its own, so that
the machine's libvirt is never touched. Looked at from outside by virsh."""
import os
import pathlib
import shutil
import subprocess

from .process import Process, run
from .wait import wait_for

DRIVERS = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver"
DAEMON_SETTINGS = 'unix_sock_group = "root"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n'
QEMU_SETTINGS = ('user = "root"\ngroup = "root"\ndynamic_ownership = 0\nsecurity_driver = "none"\nnamespaces = [ ]\n'
                 'cgroup_controllers = [ ]\nstdio_handler = "file"\n')
ENTER = """set -e
mount --make-rprivate / 2>/dev/null || true  # the / of a chroot is no mount of its own
mkdir -p /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
for pair in run:/run lib:/var/lib etc:/etc cache:/var/cache log:/var/log; do mount --bind "$0/${pair%%:*}" "${pair#*:}/libvirt"; done
[ -z "$1" ] || mount --bind "$0/empty" "$1"
exec libvirtd -f /etc/libvirt/libvirtd.conf -p /run/libvirt/zonegate.pid"""


def why_not(programs=("libvirtd", "virsh", "unshare")):
    """Why no such host can run here, or None."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root for a mount namespace"
    return None


class Host:
    """A private libvirtd. `hide` names a directory that the daemon sees empty ("" for none)."""

    def __init__(self, directory, name, prefix=(), hide=""):
        self.directory = directory
        self.name = name
        self.prefix = prefix
        self.hide = hide
        self.process = None
        for folder in ("run", "lib", "etc", "cache", "log", "empty"):
            (directory / folder).mkdir(parents=True)
        if pathlib.Path("/etc/libvirt").is_dir():
            foreign = shutil.ignore_patterns("qemu", "storage", "secrets", "autostart")  # what the machine itself has defined
            shutil.copytree("/etc/libvirt", directory / "etc", dirs_exist_ok=True, ignore=foreign)
        # the machine's own uuid may be missing, and is the same for all hosts here
        uuid = f'host_uuid = "aaaaaaaa-1111-4111-8111-{os.urandom(6).hex()}"\n'
        (directory / "etc/libvirtd.conf").write_text(DAEMON_SETTINGS + uuid)
        (directory / "etc/qemu.conf").write_text(QEMU_SETTINGS)
        self.start()

    @property
    def socket(self):
        return self.directory / "run/libvirt-sock"

    def start(self):
        self.socket.unlink(missing_ok=True)
        command = ["unshare", "-m", "--propagation", "unchanged", "bash", "-c", ENTER, self.directory, self.hide]
        self.process = Process(command, self.directory / "libvirtd.log", prefix=self.prefix)
        wait_for(lambda: self.socket.exists() or not self.process.alive, 30, lambda: f"libvirtd of {self.name}\n{self.process.tail()}")
        wait_for(lambda: self.virsh("uri", check=False)[0] == 0, 30, lambda: f"libvirtd of {self.name}\n{self.process.tail()}")

    def virsh(self, *words, check=True, seconds=60):
        """(status, stdout, stderr) of an independent virsh."""
        return run(["virsh", "-q", "-c", self.uri, *words], seconds=seconds, check=check)

    def domains(self):
        """Names of all domains, running or not."""
        return self.virsh("list", "--all", "--name")[1].split()

    def domain_uuids(self):
        return set(self.virsh("list", "--all", "--uuid")[1].split())

    def running_uuids(self):
        return set(self.virsh("list", "--uuid")[1].split())

    def pools(self):
        return self.virsh("pool-list", "--all", "--name")[1].split()

    def volumes(self, pool):
        """Names of the volumes of a pool that may not exist yet."""
        if pool not in self.pools():
            return []
        self.virsh("pool-refresh", pool, check=False)
        return [line.split()[0] for line in self.virsh("vol-list", pool)[1].splitlines() if line.strip()]

    def volume_bytes(self, pool, name):
        """The capacity of a volume."""
        lines = self.virsh("vol-info", "--bytes", name, pool)[1].splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Capacity:"))

    def pause(self):
        """The daemon stops answering, as a hung host does."""
        os.kill(self.process.pid, 19)

    def resume(self):
        os.kill(self.process.pid, 18)

    def stop(self):
        if self.process and self.process.alive:
            self.process.stop()


class TestHost(Host):
    """libvirt's test driver in a daemon of its own: domains outlive a killed gateway as long as the keeper holds its connection."""

    __test__ = False  # not a class of tests

    def __init__(self, directory, name, prefix=()):
        self.keeper = None
        super().__init__(directory, name, prefix, hide=DRIVERS if os.path.isdir(DRIVERS) else "")
        # the driver's own example domain is none of ours
        self.virsh("destroy", "test", check=False)
        self.virsh("undefine", "test", check=False)

    @property
    def uri(self):
        return f"test+unix:///default?socket={self.socket}"

    def start(self):
        super().start()
        self.keep()

    def keep(self):
        """virsh waits for commands that never come; its connection keeps the driver's world alive."""
        self.keeper = subprocess.Popen(["virsh", "-q", "-c", self.uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.keeper.stdin.write(b"uri\n")
        self.keeper.stdin.flush()
        while b"test" not in self.keeper.stdout.readline():
            assert self.keeper.poll() is None, f"no keeper for {self.name}"

    def stop(self):
        if self.keeper:
            self.keeper.stdin.close()
            self.keeper.wait(10)
            self.keeper.stdout.close()
            self.keeper = None
        super().stop()

    def crash(self):
        """The host's daemon and all its domains are gone."""
        self.process.kill()
        self.stop()


class QemuHost(Host):
    """Real guests. They are destroyed when the host is stopped."""

    def __init__(self, directory, name, prefix=()):
        self.namespace = ""
        ensure_user()
        super().__init__(directory, name, prefix)

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.socket}"

    def start(self):
        super().start()
        self.namespace = os.readlink(f"/proc/{self.process.pid}/ns/mnt")

    def guests(self):
        """Process ids of the servers' QEMUs; libvirt's probes of QEMU and ours of KVM come and go beside them."""
        return [pid for pid in self.processes() if b"guest=instance-" in self.command_line(pid)]

    @staticmethod
    def command_line(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""  # it ended while we looked

    def processes(self):
        """Process ids of all QEMUs in this host's mount namespace."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "ns/mnt") == self.namespace and "qemu-system" in os.readlink(process / "exe"):
                    found.append(int(process.name))
            except OSError:
                continue  # it ended while we looked, or is a kernel thread
        return found

    def stop(self):
        for uuid in self.domain_uuids() if self.process.alive else ():
            self.virsh("destroy", uuid, check=False)
            self.virsh("undefine", uuid, check=False)
        super().stop()
        for pid in self.processes():
            os.kill(pid, 9)


def ensure_user():
    """libvirtd ends at start when its user is unknown, even if qemu.conf says root."""
    if run(["getent", "passwd", "libvirt-qemu"], check=False)[0] != 0:
        run(["groupadd", "-f", "-r", "-g", "64055", "libvirt-qemu"])
        run(["useradd", "-r", "-u", "64055", "-g", "libvirt-qemu", "-d", "/var/lib/libvirt", "-s", "/usr/sbin/nologin", "libvirt-qemu"])
