"""The PostgreSQL that tests start: it is theirs alone, comes back after a crash, and leaves nothing."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import cluster
from cluster import Cluster, program

HERE = pathlib.Path(__file__).parent


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


class Case(unittest.TestCase):
    """Has a folder of its own for temporary files: other tests put their servers elsewhere at the same time."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ecss-")
        self.addCleanup(folder.cleanup)
        self.tmp = pathlib.Path(folder.name)
        self.tmp.chmod(0o711)  # the server may be another user
        for place in (mock.patch.dict(os.environ, TMPDIR=folder.name), mock.patch.object(tempfile, "tempdir", folder.name)):
            place.start()
            self.addCleanup(place.stop)

    def assert_nothing_is_left(self):
        self.assertEqual(list(self.tmp.iterdir()), [])


class Server(Case):
    def test_starts_serves_and_leaves_nothing(self):
        with Cluster() as cluster:
            pid, folder = cluster.server.pid, cluster.dir
            self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
            cluster.create_database("one")
            cluster.psql("CREATE TABLE t AS SELECT 42 AS n", "one")
            self.assertEqual(cluster.psql("SELECT n FROM t", "one"), "42\n")
            self.assertEqual(cluster.psql("SHOW listen_addresses").strip(), "")
            with self.assertRaisesRegex(RuntimeError, 'relation "none" does not exist'):
                cluster.psql("SELECT * FROM none", "one")
        self.assertFalse(alive(pid))
        self.assert_nothing_is_left()

    def test_initdb_is_run_once(self):
        """What it has made is packed, and unpacked for the next one; nothing is packed where nothing can be written."""
        build = self.tmp / "build"
        build.mkdir()
        made = build / "made.tar"
        without = {"initdb": "/bin/false"}
        with mock.patch.object(cluster, "MADE", made):
            with Cluster() as first:
                first.psql("CREATE TABLE t ()")
            with mock.patch.object(cluster, "program", lambda name: without.get(name) or program(name)):
                with Cluster() as second:
                    self.assertEqual(second.psql("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0\n")
                os.utime(made, (0, 0))  # older than what made it
                with self.assertRaisesRegex(RuntimeError, "/bin/false failed"):
                    Cluster().start()
        made.unlink()
        build.rmdir()
        with mock.patch.object(cluster, "MADE", made), Cluster() as third:
            self.assertEqual(third.psql("SELECT 1"), "1\n")
        self.assert_nothing_is_left()

    def test_comes_back_after_a_crash_with_what_was_written(self):
        with Cluster() as cluster:
            cluster.psql("CREATE TABLE t AS SELECT 1 AS n")
            cluster.crash()
            with self.assertRaises(RuntimeError):
                cluster.psql("SELECT 1")
            cluster.start()
            self.assertEqual(cluster.psql("SELECT n FROM t"), "1\n")
            cluster.restart()
            self.assertEqual(cluster.psql("SELECT n FROM t"), "1\n")

    def test_says_why_it_does_not_start(self):
        with self.assertRaisesRegex(RuntimeError, "shared_buffers"):
            Cluster(shared_buffers="many").start()
        self.assert_nothing_is_left()

    def test_ends_with_the_process_that_started_it(self):
        code = "from cluster import Cluster\nc = Cluster()\nc.start()\nprint(c.server.pid, c.dir, flush=True)\ninput()"
        child = subprocess.Popen([sys.executable, "-B", "-c", code], cwd=HERE, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        pid, _ = child.stdout.readline().split()
        child.send_signal(signal.SIGKILL)
        child.communicate()
        deadline = time.monotonic() + 30
        while alive(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(alive(int(pid)))


class WithPg(Case):
    def run_with(self, *command):
        run = subprocess.run([sys.executable, "-B", HERE / "with_pg.py", "--", *command], capture_output=True, text=True)
        self.assert_nothing_is_left()
        return run

    def test_the_program_finds_a_database(self):
        run = self.run_with("sh", "-c", 'psql -XAtc "SELECT current_database()" && psql -XAtc "SELECT 7" "$ECSS_DATABASE_URL"')
        self.assertEqual((run.returncode, run.stdout), (0, "test\n7\n"), run.stderr)

    def test_its_exit_status_is_ours(self):
        self.assertEqual(self.run_with("sh", "-c", "exit 3").returncode, 3)
        self.assertEqual(self.run_with("sh", "-c", "kill -SEGV $$").returncode, 128 + signal.SIGSEGV)


if __name__ == "__main__":
    unittest.main()
