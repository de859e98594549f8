"""How ./check counts: a failure of any kind must show in the last line, and nothing may count that did not run."""
import contextlib
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check  # noqa: E402

JUNIT = """<?xml version="1.0" encoding="UTF-8"?><testsuite>
<testcase name="a" status="run"/><testcase name="b" status="run"/>
<testcase name="c" status="fail"><failure message="Failed"/><system-out>expected 1</system-out></testcase>
<testcase name="d" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>
<testcase name="e" status="notrun"><skipped message="Unable to find executable"/></testcase></testsuite>"""


class Counting(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ecss-check-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(setattr, check, "LOGS", check.LOGS)
        check.LOGS = self.dir
        self.report = check.Report(check.Preset("dev", "what"))
        (self.dir / "dev-test.log").write_text("No tests were found!!!\n")

    def count(self, junit, status):
        path = self.dir / "dev.xml"
        if junit is not None:
            path.write_text(junit)
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            self.report.tests(path, status, 1.0)
        return self.report.passed, self.report.failed, shown.getvalue()

    def test_passed_failed_skipped_and_not_started(self):
        passed, failed, shown = self.count(JUNIT, 8)
        self.assertEqual((passed, failed), (2, 2))
        self.assertIn("failed: c", shown)
        self.assertIn("expected 1", shown)
        self.assertIn("failed: e", shown)
        self.assertIn("1 skipped", shown)

    def test_no_result_is_a_failure(self):
        passed, failed, shown = self.count(None, 8)
        self.assertEqual((passed, failed), (0, 1))
        self.assertIn("No tests were found", shown)

    def test_a_broken_result_is_a_failure(self):
        self.assertEqual(self.count(JUNIT[:200], 0)[:2], (0, 1))

    def test_an_exit_status_that_no_test_explains_is_a_failure(self):
        self.assertEqual(self.count('<testsuite><testcase name="a" status="run"/></testsuite>', 1)[:2], (1, 1))

    def test_a_tool_counts_as_one(self):
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            self.assertTrue(self.report.tool("good", ["true"]))
            self.assertFalse(self.report.tool("bad", ["sh", "-c", "echo because; exit 3"]))
        self.assertEqual((self.report.passed, self.report.failed), (1, 1))
        self.assertIn("because", shown.getvalue())


class CommandLine(unittest.TestCase):
    def test_lists_its_steps(self):
        run = subprocess.run([ROOT / "check", "--list"], capture_output=True, text=True, check=True)
        names = [line.split()[0] for line in run.stdout.splitlines()]
        self.assertEqual(names, [step.name for step in check.STEPS])

    def test_refuses_a_step_that_is_not_there(self):
        run = subprocess.run([sys.executable, ROOT / "tools" / "check.py", "asn"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("asan", run.stderr)

    def test_ends_with_a_count_and_a_status(self):
        program = """
import check
check.LOGS = __import__("pathlib").Path({dir!r})
check.STEPS[:] = [check.Tool(str(i), "", [c]) for i, c in enumerate({commands!r})]
__import__("sys").argv = ["check"]
raise SystemExit(check.main())"""
        with tempfile.TemporaryDirectory() as folder:
            for commands, last, status in ((["true", "true"], "2 passed, 0 failed", 0),
                                           (["false", "true"], "1 passed, 1 failed", 1),
                                           ([], "0 passed, 0 failed", 1)):
                run = subprocess.run([sys.executable, "-c", program.format(dir=folder, commands=commands)],
                                     capture_output=True, text=True, cwd=ROOT / "tools")
                self.assertEqual(run.stdout.splitlines()[-1], last, run.stderr)
                self.assertEqual(run.returncode, status)


if __name__ == "__main__":
    unittest.main()
