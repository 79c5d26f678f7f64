"""What benchmarks share: figures, the load generator, CPU time of a process. A figure is printed only when nothing went wrong."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BIN = pathlib.Path(__file__).resolve().parents[2] / ".build/bench"
TICKS = os.sysconf("SC_CLK_TCK")


class Figures:
    """Collects failures; `finish` gives the exit status."""

    def __init__(self):
        self.failures = 0

    def figure(self, name, value, unit):
        print(f"figure {name} {value:.4g} {unit}" if isinstance(value, float) else f"figure {name} {value} {unit}", flush=True)

    def fail(self, name, why):
        self.failures += 1
        print(f"failed {name}: {why}", file=sys.stderr, flush=True)

    def finish(self):
        return 1 if self.failures else 0


def load(url, target, body, connections, seconds, headers=()):
    """Runs the load generator against `url` (http://address:port); the dictionary that it prints. `body` is what every answer must be."""
    host, port = url.removeprefix("http://").split(":")
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [BIN / "load", host, port, target, connections, seconds, file.name, *headers]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", check=True)
    return {**json.loads(done.stdout), "first_error": done.stderr.strip()}


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
