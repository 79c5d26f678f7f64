"""One process under test: its output is kept in a log file and watched for lines, its end is always accounted for."""
import os
import pathlib
import re
import signal
import subprocess
import threading

from .wait import wait_for

STOP_SECONDS = 40  # libvirt and MariaDB under sanitizers take their time on two busy CPUs


class Process:
    """Started by the constructor. `prefix` is put before the command (nsenter ..., unshare ...)."""

    def __init__(self, command, log, environment=None, prefix=()):
        self.command = [str(word) for word in (*prefix, *command)]
        self.log = log
        self.lines = []
        self.changed = threading.Condition()
        self.ended = False
        log.parent.mkdir(parents=True, exist_ok=True)
        self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      env={**os.environ, **(environment or {})}, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.log.open("ab") as copy:
            for raw in self.popen.stdout:
                copy.write(raw)
                copy.flush()
                with self.changed:
                    self.lines.append(raw.decode(errors="replace").rstrip("\n"))
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

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
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.find_line(pattern, start), seconds)
            match = self.find_line(pattern, start)
        if match:
            return match
        end = "it ended" if self.ended else f"not within {seconds} s"
        raise AssertionError(f"{self.command[0]}: no line like {pattern!r} ({end}); last lines:\n" + self.tail())

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
        self.reader.join(5)
        return self.popen.returncode

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.popen.wait(10)
        # A child that outlives it may hold the pipe open: the reader goes on, nobody waits for it.


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
