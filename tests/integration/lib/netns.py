"""Zones in network namespaces of their own, on a bridge that lies in a namespace too: links that can be cut and healed, and nothing of
it in the machine's own network. Requests are made from one more namespace on the same bridge."""
import concurrent.futures
import ctypes
import os
import shutil

from .process import run

NET = "10.99.0."
CLONE_NEWNET = 0x40000000


def why_not():
    """Why this cannot be done here, or None."""
    if not shutil.which("ip") or not shutil.which("nsenter"):
        return "not installed: iproute2 or util-linux"
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    status, _, err = run(["unshare", "-n", "true"], check=False)
    return None if status == 0 else f"no network namespaces here: {err.strip()}"


def enter(path):
    """This thread lives in the namespace from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, encoding="ascii") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")


class Network:
    """A bridge and a client's namespace; `place` adds one more. All names begin with a mark of this process."""

    def __init__(self):
        self.mark = f"zg{os.getpid()}"
        self.places = {}
        self.addresses = {}
        self.bridge = self._namespace("br")
        self._ip(self.bridge, "link", "add", "br0", "type", "bridge")
        self._ip(self.bridge, "link", "set", "br0", "up")
        _, client = self.place("client")
        self.client = client[-1].removeprefix("--net=")
        self.threads = self.pool(1)

    def _namespace(self, name):
        full = f"{self.mark}-{name}"
        run(["ip", "netns", "add", full])
        return full

    @staticmethod
    def _ip(namespace, *words):
        run(["ip", "-n", namespace, *words])

    def place(self, name):
        """(address, words before a command that run it there)"""
        number = 10 + len(self.places)
        namespace, cable = self._namespace(name), f"v{number}"
        self.places[name] = cable
        self.addresses[name] = f"{NET}{number}"
        self._ip(self.bridge, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self._ip(self.bridge, "link", "set", cable, "master", "br0", "up")
        self._ip(namespace, "addr", "add", f"{NET}{number}/24", "dev", "eth0")
        self._ip(namespace, "link", "set", "eth0", "up")
        self._ip(namespace, "link", "set", "lo", "up")
        return f"{NET}{number}", ("nsenter", f"--net=/run/netns/{namespace}")

    def cut(self, name):
        """Packets from and to it vanish, without a word to either side."""
        self._ip(self.bridge, "link", "set", self.places[name], "nomaster")

    def block(self, name, other):
        """Packets from `name` to `other` are dropped; the other way they pass."""
        self._ip(f"{self.mark}-{name}", "route", "add", "blackhole", f"{self.addresses[other]}/32")

    def unblock(self, name, other):
        self._ip(f"{self.mark}-{name}", "route", "del", "blackhole", f"{self.addresses[other]}/32")

    def heal(self, name):
        self._ip(self.bridge, "link", "set", self.places[name], "master", "br0")

    def pool(self, threads):
        """Threads that live in the client's namespace; the caller's to shut down."""
        return concurrent.futures.ThreadPoolExecutor(threads, initializer=enter, initargs=(self.client,))

    def call(self, function, *arguments, **named):
        """function(...) in a thread that lives in the client's namespace."""
        return self.threads.submit(function, *arguments, **named).result()

    def close(self):
        self.threads.shutdown()
        for name in [*self.places, "br"]:
            run(["ip", "netns", "del", f"{self.mark}-{name}"], check=False)
