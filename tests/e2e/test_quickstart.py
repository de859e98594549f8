"""./quickstart does what it says, once and again, and leaves nothing behind, however it is ended."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 120
BUILD_DEADLINE_S = 600


class Quickstart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """What compiling takes is no matter of these tests."""
        subprocess.run([ROOT / "tools" / "build", "quickstart"], check=True, timeout=BUILD_DEADLINE_S)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ecss-quickstart-test-"))
        self.dir.chmod(0o755)  # PostgreSQL's user must be able to enter, if we are root
        self.addCleanup(shutil.rmtree, self.dir)

    def start(self, *args):
        child = subprocess.Popen([ROOT / "quickstart", "--no-install", *args], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                 env=dict(os.environ, TMPDIR=str(self.dir)))
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def processes(self):
        """Those that have our folder in their command line or environment: all that quickstart started."""
        mark, found = str(self.dir).encode(), []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                seen = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            except OSError:
                continue
            if any(mark in text for text in seen) and int(process.name) != os.getpid():
                found.append(seen[0].replace(b"\0", b" ").decode(errors="replace"))
        return found

    def assert_nothing_left(self):
        self.assertEqual(self.processes(), [])
        self.assertEqual(os.listdir(self.dir), [])

    def test_once_shows_the_run_and_ends(self):
        """Two at once do not mind each other, nor that their port is taken."""
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            taken = holder.getsockname()[1]
            both = [self.start("--once", "--port", str(taken)) for _ in range(2)]
            ports = set()
            for child in both:
                text, _ = child.communicate(timeout=DEADLINE_S)
                self.assertEqual(child.returncode, 0, text)
                self.assertRegex(text, r"ECS got RunTask .*hello")
                self.assertRegex(text, r'"lastRun": "\d{4}-')
                self.assertIn("arn:aws:ecs:", text)
                self.assertIn("state", text)  # psql's table
                said = re.search(rf"Port {taken} is taken, so the API is on port (\d+)", text)
                self.assertTrue(said, text)
                ports.add(said.group(1))
            self.assertEqual(len(ports), 2)
        self.assert_nothing_left()

    def stop_when(self, line, number, *args):
        """Ends quickstart by a signal as soon as it has printed this, and returns its exit status."""
        child = self.start(*args)
        text = ""
        for got in child.stdout:
            text += got
            if re.search(line, got):
                break
        else:
            self.fail(f"{line!r} was never printed:\n{text}")
        child.send_signal(number)
        rest, _ = child.communicate(timeout=DEADLINE_S)
        self.assert_nothing_left()
        self.assertNotIn("Traceback", text + rest)
        return child.returncode

    def test_ctrl_c_ends_it_well(self):
        self.assertEqual(self.stop_when("Ctrl-C", signal.SIGINT, "--port", "08080"), 0)

    def test_sigterm_ends_it_wherever_it_is(self):
        for line in ("stand-in", "scheduld leads", "RunTask", "Ctrl-C"):
            with self.subTest(line=line):
                self.assertEqual(self.stop_when(line, signal.SIGTERM), 128 + signal.SIGTERM)

    def test_stopped_at_any_time(self):
        """Before anything is printed: while it builds, makes the database, starts."""
        for ms in range(0, 2000, 250):
            with self.subTest(ms=ms):
                child = self.start("--once")
                try:
                    child.wait(ms / 1000)
                except subprocess.TimeoutExpired:
                    pass
                os.killpg(child.pid, signal.SIGINT)  # as a terminal does
                text, _ = child.communicate(timeout=DEADLINE_S)
                self.assert_nothing_left()
                self.assertNotIn("Traceback", text)
                self.assertNotEqual(child.returncode, 0)

    def test_refuses_what_it_does_not_know(self):
        for args in (["--port"], ["--port", "http"], ["--port", "65536"], ["--port", "0"], ["--onec"]):
            with self.subTest(args=args):
                child = self.start(*args)
                text, _ = child.communicate(timeout=DEADLINE_S)
                self.assertEqual(child.returncode, 2)
                self.assertIn(args[0], text)
                self.assertIn("Usage:", text)


if __name__ == "__main__":
    unittest.main()
