"""Runs the project's checks; ./check is how to call it.

A step builds a preset and runs tests in it, or runs a tool. A step that fails does not keep the others from running.
The last line counts all tests of all presets, and each build and each tool as one more: "412 passed, 0 failed".
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "check"
CORES = len(os.sched_getaffinity(0))
TESTS_AT_ONCE = 2 * CORES  # most of what tests do is to wait
COVERAGE_FLOOR = 90
SHOWN_LINES = 40  # of a failure; the log has the rest


class Preset:
    """Builds a preset, or some targets of it, and runs the tests that ctest's selection names."""

    def __init__(self, name, what, select=(), targets=(), release_aslr=False):
        self.name, self.what, self.select, self.targets, self.release_aslr = name, what, select, targets, release_aslr

    def run(self, report):
        if not report.tool("build", ["tools/build", self.name, *self.targets]):
            return
        junit = LOGS / f"{self.name}.xml"
        junit.unlink(missing_ok=True)
        command = ["ctest", "--test-dir", f"build/{self.name}", "-j", str(TESTS_AT_ONCE), "--output-on-failure",
                   "--no-tests=error", "--output-junit", str(junit), *self.select]
        if self.release_aslr and subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0:
            command = ["setarch", "-R", *command]
        status, seconds = report.execute("test", command)
        report.tests(junit, status, seconds)


class Tool:
    """Runs one program, after building a preset (or some targets of it) if it needs one."""

    def __init__(self, name, what, command, build=()):
        self.name, self.what, self.command, self.build = name, what, command, build

    def run(self, report):
        if not self.build or report.tool("build", ["tools/build", *self.build]):
            report.tool(self.name, self.command)


STEPS = [
    Preset("dev", "gcc, warnings are errors: every test, and what the linters say"),
    Preset("asan", "address and undefined behaviour sanitizers: every test", ["-LE", "once"]),
    Preset("tsan", "thread sanitizer: the tests of what runs threads", ["-L", "threads"], ["tests_threads"],
           release_aslr=True),
    Preset("clang", "clang, warnings are errors: every test but the long ones", ["-LE", "once|long"]),
    Preset("release", "gcc, optimised: the tests without a database", ["-L", "unit|fuzz"],
           ["webapid", "scheduld", "tests_unit", "tests_fuzz"]),
    Preset("fuzz", "libFuzzer's build of the fuzz targets, on their corpora", ["-L", "fuzz"], ["tests_fuzz"]),
    Tool("tidy", "clang-tidy on every source file", ["tools/tidy"], build=["clang"]),
    Tool("coverage", f"the unit tests reach {COVERAGE_FLOOR} % of the lines that decide",
         ["tools/coverage", str(COVERAGE_FLOOR)], build=["coverage", "tests_unit", "tests_fuzz"]),
]
QUICK = ["dev"]


class Report:
    """What one step came to; prints as it goes."""

    def __init__(self, step):
        self.step = step
        self.passed = self.failed = 0

    def execute(self, what, command):
        """Runs a command to its end with its output in a log; returns its exit status and the time that it took."""
        begun = time.monotonic()
        with open(self.log(what), "wb") as log:
            child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     start_new_session=True)
            try:
                status = child.wait()
            except BaseException:
                stop_group(child)
                raise
        return status, time.monotonic() - begun

    def log(self, what):
        return LOGS / f"{self.step.name}-{what}.log"

    def tool(self, what, command):
        status, seconds = self.execute(what, command)
        if status == 0:
            self.passed += 1
            self.say(f"{what} ok", seconds)
        else:
            self.failed += 1
            self.say(f"{what} FAILED", seconds)
            self.show(self.log(what).read_text(errors="replace"))
        return status == 0

    def tests(self, junit, status, seconds):
        try:
            cases = list(xml.parse(junit).getroot().iter("testcase"))
        except (OSError, xml.ParseError):
            cases = []
        passed = sum(case.get("status") == "run" for case in cases)
        skipped = sum(is_skipped(case) for case in cases)
        bad = [case for case in cases if case.get("status") != "run" and not is_skipped(case)]
        failed = len(bad) if cases else 1
        if status != 0 and failed == 0:
            failed = 1
        self.passed += passed
        self.failed += failed
        self.say(f"{passed} tests passed" + (f", {failed} FAILED" if failed else "")
                 + (f", {skipped} skipped" if skipped else ""), seconds)
        for case in bad:
            print(f"          failed: {case.get('name')}")
        if failed and not bad:
            self.show(self.log("test").read_text(errors="replace"))
        for case in bad:
            self.show(case.findtext("system-out") or "", case.get("name"))

    def say(self, text, seconds):
        print(f"{self.step.name:9} {text} ({seconds:.0f} s)", flush=True)

    def show(self, text, title=None):
        lines = text.splitlines()
        if title:
            print(f"          --- {title}")
        for line in lines[-SHOWN_LINES:]:
            print(f"          | {line}")
        sys.stdout.flush()


def is_skipped(case):
    """Whether a test said so itself; one that could not be started is "notrun" as well, but is a failure."""
    skipped = case.find("skipped")
    return skipped is not None and (skipped.get("message") or "").startswith(("SKIP", "Disabled"))


def stop_group(child):
    """Ends a command with all that it started: first as Ctrl-C would, so that tests put their things away."""
    for number, seconds in ((signal.SIGINT, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, number)
            child.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            pass


def main():
    parser = argparse.ArgumentParser(
        prog="./check", description="Builds every preset and runs every check. Logs are kept in build/check/.",
        epilog="Without arguments: all steps. The exit status is 0 if none failed.")
    parser.add_argument("-l", "--list", action="store_true", help="list the steps")
    parser.add_argument("-q", "--quick", action="store_true", help=f"only: {' '.join(QUICK)}")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="only these steps")
    options = parser.parse_args()
    steps = {step.name: step for step in STEPS}
    if options.list:
        for step in STEPS:
            print(f"{step.name:9} {step.what}")
        return 0
    unknown = [name for name in options.steps if name not in steps]
    if unknown:
        parser.error(f"no step is called {unknown[0]!r}; there are: {' '.join(steps)}")
    names = options.steps or (QUICK if options.quick else list(steps))

    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    passed = failed = 0
    for name in names:
        report = Report(steps[name])
        steps[name].run(report)
        passed += report.passed
        failed += report.failed
    print(f"\n{time.monotonic() - begun:.0f} s on {CORES} cores; logs in build/check/")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and passed > 0 else 1


def on_signal(number, _frame):
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ncheck: stopped", file=sys.stderr)
        sys.exit(130)
