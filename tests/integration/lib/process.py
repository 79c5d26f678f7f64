"""One process under test: its output goes to a log file and is looked at there when somebody asks, its end is always accounted for."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from .wait import wait_for

STOP_SECONDS = 40  # libvirt and MariaDB under sanitizers take their time on two busy CPUs
LOOK_S = 0.005


class Process:
    """Started by the constructor. `prefix` is put before the command (nsenter ..., unshare ...)."""

    def __init__(self, command, log, environment=None, prefix=()):
        self.command = [str(word) for word in (*prefix, *command)]
        self.log = log
        self.taken = []
        self.lock = threading.Lock()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self.position = out.tell()  # what another process wrote there before is not ours
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env={**os.environ, **(environment or {})}, start_new_session=True)

    @property
    def lines(self):
        """What it has said until now; the last line only when it is complete, or the process has ended."""
        alive = self.alive
        with self.lock, self.log.open("rb") as log:
            log.seek(self.position)
            text = log.read()
            whole = text[:text.rfind(b"\n") + 1] if alive else text
            self.position += len(whole)
            self.taken += whole.decode(errors="replace").split("\n")[:None if whole[-1:] not in (b"", b"\n") else -1]
            return list(self.taken)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def alive(self):
        return self.popen.poll() is None

    def find_line(self, pattern, start=0):
        """The first match in a line from number `start` on, or None."""
        return next((match for line in self.lines[start:] if (match := re.search(pattern, line))), None)

    def wait_line(self, pattern, seconds, start=0):
        """Waits until a line matches; returns the match. Fails at once, with the last lines, when the process ends before."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.alive
            lines = self.lines
            match = next((match for line in lines[start:] if (match := re.search(pattern, line))), None)
            if match:
                return match
            if ended or time.monotonic() >= deadline:
                break
            start = max(start, len(lines))
            time.sleep(LOOK_S)
        end = "it ended" if ended else f"not within {seconds} s"
        raise AssertionError(f"{self.command[0]}: no line like {pattern!r} ({end}); last lines:\n" + self.tail())

    def wait_lines(self, text, count, seconds):
        """Waits until so many lines have this text in them. False: there were not."""
        deadline = time.monotonic() + seconds
        while sum(text in line for line in self.lines) < count:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_S)
        return True

    def tail(self, count=40):
        return "\n".join(self.lines[-count:])

    def signal(self, number):
        """Sent; a SIGSTOP has stopped every thread when this returns."""
        if not self.alive:
            return
        self.popen.send_signal(number)
        if number == signal.SIGSTOP:
            wait_for(self._is_stopped, 10, f"process {self.popen.pid} to stop")

    def _is_stopped(self):
        states = [(task / "stat").read_text().rsplit(")", 1)[1].split()[0] for task in pathlib.Path(f"/proc/{self.popen.pid}/task").iterdir()]
        return all(state in "TtZX" for state in states)

    def wait(self, seconds=STOP_SECONDS):
        """Its exit status; AssertionError (after a kill) if it does not end."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{' '.join(self.command)}: still running after {seconds} s\n{self.tail()}") from None
        return self.popen.returncode

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.popen.wait(10)


def run(command, seconds=60, environment=None, check=True, stdin=None):
    """Runs to the end and returns (status, stdout, stderr) as text; a failure is an AssertionError that shows both."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, timeout=seconds, check=False, text=True,
                          errors="replace", env={**os.environ, **(environment or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.returncode, done.stdout, done.stderr


def wait_gone(pid, seconds=10):
    """Waits until no process has this id (for processes that are not our children)."""
    wait_for(lambda: not os.path.exists(f"/proc/{pid}/stat") or open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] == "Z",
             seconds, f"process {pid} to end")
