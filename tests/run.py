"""Everything that must hold before a commit: builds, lint, unit tests, conversations with real daemons.

Each stage writes .build/logs/STAGE.log; the end of it is shown when the stage failed. The last line is `N passed, N failed`, the exit
status says the same. No process that was started here stays behind: one that would is ended by its pid, and is a failure."""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
LOGS = BUILD / "logs"
THREADED = r"^(base|task|hypervisor|http_server|zones|identity)/"  # parts whose unit tests run under TSan too
SHOWN_LINES = 120
FUZZ_SECONDS = "4"  # for each target


def strays(mark):
    """Processes with `mark` in their environment or command line: all that this run started carry it."""
    found = {}
    own = {os.getpid(), os.getppid()}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if int(process.name) not in own and (mark in command or mark in (process / "environ").read_bytes()):
                found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
        except OSError:
            continue  # it ended while we looked, or is not ours to see
    return {pid: command for pid, command in found.items() if command}  # no command: a zombie that init or its parent reaps


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end_strays(mark):
    """Ends them; returns what there was."""
    first = strays(mark)
    for number, rounds in ((signal.SIGTERM, 40), (signal.SIGKILL, 20)):
        left = strays(mark)
        send(left, number)
        while left and rounds:
            time.sleep(0.25)
            rounds -= 1
            left = strays(mark)
    return first


class Results:
    """What passed, failed and was skipped so far."""

    def __init__(self):
        self.passed = self.failed = 0
        self.skips = []

    def add(self, good):
        self.passed += good
        self.failed += not good

    def add_junit(self, path, stage_good):
        """The cases of a JUnit file; a stage that failed without a failed case counts as one."""
        failed = 0
        cases = list(xml.etree.ElementTree.parse(path).iter("testcase")) if path.exists() else []
        for case in cases:
            bad = case.find("failure") is not None or case.find("error") is not None
            skip = case.find("skipped")
            if bad:
                failed += 1
            elif skip is not None:
                self.skips.append(f"{case.get('classname')}::{case.get('name')}: {skip.get('message') or 'skipped'}")
            else:
                self.passed += 1
            text = case.findtext("system-out") or ""
            self.skips += [f"{case.get('name')}: {name}" for name in dict.fromkeys(re.findall(r"\[  SKIPPED \] (\w+)", text))]
        self.failed += max(failed, 0 if stage_good and cases else 1)


def run_stage(name, seconds, command, environment=None):
    """Runs it, says how it went; returns whether it passed. A stage that lasts too long fails."""
    print(f"{name:<24}", end=" ", flush=True)
    begin = time.monotonic()
    log = LOGS / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT,
                                   env={**os.environ, **(environment or {})}, start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = f"none within {seconds} s"
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    took = f"{time.monotonic() - begin:.0f} s"
    if status == 0:
        print(f"ok      {took}", flush=True)
        return True
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    print(f"FAILED  {took}, exit status {status}")
    print("\n".join("    | " + line for line in lines[-SHOWN_LINES:]))
    print(f"    (whole log: {log.relative_to(ROOT)})", flush=True)
    return False


def build(preset, targets=""):
    launcher = "-DCMAKE_C_COMPILER_LAUNCHER=ccache" if shutil.which("ccache") else ""
    return ["bash", "-ec", f"cmake --preset {preset} {launcher}; cmake --build .build/{preset} -- {targets}"]


def unit(preset, junit, *arguments):
    return ["tests/with_mariadb.sh", "ctest", "--test-dir", f".build/{preset}", "-j2", "--output-on-failure", "--timeout", "300",
            "--no-tests=error", "--test-output-size-passed", "100000", "--test-output-size-failed", "100000",
            "--output-junit", str(junit), *arguments]


def pytest(junit, run_dir, *arguments):
    return ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-ra", f"--basetemp={run_dir}/t", f"--junitxml={junit}",
            *arguments, "tests/integration"]


TSAN_TARGETS = f"$(ctest --test-dir .build/tsan -N -R '{THREADED}' | sed -n 's|.*: *\\(.*\\)/\\(test_.*\\)|\\1_\\2|p')"
TSAN_OPTIONS = {"TSAN_OPTIONS": f"suppressions={ROOT}/tests/unit/tsan.suppressions history_size=4"}


def has_fuzzer():
    """Whether clang is here with libFuzzer's runtime."""
    if not shutil.which("clang"):
        return False
    name = f"libclang_rt.fuzzer-{os.uname().machine}.a"
    found = subprocess.run(["clang", f"-print-file-name={name}"], capture_output=True, text=True, check=False).stdout.strip()
    return os.path.isabs(found) and os.path.exists(found)


def run_suite(results, name, seconds, make_command, environment=None):
    junit = BUILD / f"{name}.xml"
    junit.unlink(missing_ok=True)
    good = run_stage(name, seconds, make_command(junit), environment)
    results.add_junit(junit, good)


def run_all(options, results, run_dir):
    def stage(name, seconds, command, environment=None):
        results.add(run_stage(name, seconds, command, environment))

    stage("build-dev", 1800, build("dev"))
    stage("includes", 60, ["tests/lint/includes"])
    stage("style", 60, ["tests/lint/style"])
    stage("format", 120, ["tests/lint/format"])
    run_suite(results, "unit", 900, lambda junit: unit("dev", junit))
    if not options.fast:
        stage("build-tsan", 1800, build("tsan", TSAN_TARGETS))
        run_suite(results, "unit-tsan", 900, lambda junit: ["setarch", "-R", *unit("tsan", junit, "-R", THREADED)], TSAN_OPTIONS)
        stage("build-release", 1800, build("release", "zonegate placement_direct_server"))
        stage("conformance", 1800, ["tests/conformance/placement.sh"], {"ZONEGATE": str(BUILD / "release/zonegate")})
        stage("tidy", 1800, ["tests/lint/tidy", ".build/dev"])
        if has_fuzzer():
            stage("fuzz", 1800, ["tests/fuzz/run.sh", "smoke", FUZZ_SECONDS])  # most of it is building
        else:
            results.skips.append("fuzz: clang with libFuzzer is not installed")
    marks = ["-m", "not slow"] if options.fast else []
    run_suite(results, "integration", 3000, lambda junit: pytest(junit, run_dir, *marks, *options.pytest))
    if options.containers:
        run_suite(results, "containers", 2400, lambda junit: pytest(junit, run_dir, "-m", "containers", *options.pytest),
                  {"ZONEGATE_TEST_CONTAINERS": "1"})


def keep_daemon_logs(run_dir):
    """The daemons' logs outlive their directory when something failed."""
    target = LOGS / "daemons"
    shutil.rmtree(target, ignore_errors=True)
    for log in pathlib.Path(run_dir).rglob("*.log"):
        if log.stat().st_size < 20 << 20:
            copy = target / log.relative_to(run_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, copy)


def report_strays(mark, results):
    left = end_strays(mark)
    results.add(not left)
    for pid, command in left.items():
        print(f"left behind and ended: {pid} {command}")


def main():
    parser = argparse.ArgumentParser(prog="tests/run.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="Further arguments go to pytest (-k NAME, -x, ...).")
    parser.add_argument("--fast", action="store_true", help="no release and TSan builds, no clang-tidy, no tests marked slow")
    parser.add_argument("--containers", action="store_true", help="the tree tests again, in containers of examples/container/")
    options, options.pytest = parser.parse_known_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    run_dir = tempfile.mkdtemp(prefix="zg.", dir="/tmp")  # short: socket paths are limited to 107 bytes
    os.environ["ZONEGATE_TEST_RUN"] = run_dir
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    results = Results()
    try:
        run_all(options, results, run_dir)
        report_strays(run_dir.encode(), results)
        if results.failed:
            keep_daemon_logs(run_dir)
    finally:
        end_strays(run_dir.encode())
        shutil.rmtree(run_dir, ignore_errors=True)
    if results.skips:
        print(f"{len(results.skips)} skipped:", *results.skips, sep="\n    ")
    print(f"{results.passed} passed, {results.failed} failed")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
