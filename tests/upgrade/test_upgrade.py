"""An upgrade under load: the daemons of this release run, the database is migrated to the next one's schema, and they are
replaced one by one, while jobs are due every few seconds and people edit them. Nothing is lost, nothing happens twice, and
no request fails. What the next release is: CMakeLists.txt beside this file.

    test_upgrade.py [--seconds N] [--jobs J] [--seed S]     how long each stage lasts
"""
import argparse
import os
import pathlib
import random
import re
import socket
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fault"), str(HERE.parent / "e2e")]
from system import BUILD, System, wait_until  # noqa: E402
from audit import Audit  # noqa: E402
from faults import settle  # noqa: E402
from ledger import collect  # noqa: E402
from systemd import Unit  # noqa: E402
from workload import QUEUES, Workload  # noqa: E402

NEXT = BUILD / "tests" / "upgrade" / "next"
SETTLE_S = 60
WARNS = re.compile(r"Z (warning|error|critical) |: {2}process \d+ |ERROR: |DETAIL: ")
EDIT_PAUSE_S = 0.1
READERS = 4
RESTARTS = 3  # of webapid, for what happens to a connection at an unlucky moment only
options = argparse.Namespace(seconds=1.5, jobs=24, seed=random.SystemRandom().randrange(1_000_000))


class Upgrade(unittest.TestCase):
    def stage(self, what):
        print(f"{time.monotonic() - self.begun:6.1f} {what}", flush=True)
        time.sleep(options.seconds)
        self.system.check()

    def replace(self, member):
        member.daemon.stop()
        member.start()
        wait_until("it is ready, and somebody leads", lambda: member.ready() and self.system.leads())

    def schema(self):
        return self.system.stack.sql("SELECT max(version), max(works_with) FROM schema_migrations")[0]

    def test_nothing_is_lost_and_nobody_is_turned_away(self):
        self.begun = time.monotonic()
        print(f"seed {options.seed}", flush=True)
        with System(2, queues=[f"{name}=5" for name in QUEUES]) as self.system, socket.create_server(("127.0.0.1", 0)) as door:
            try:
                self.run_through(door)
            except BaseException:
                folder = BUILD / f"upgrade-{options.seed}"
                self.system.logs(folder)
                print(f"logs are in {folder}; what they warn of:", flush=True)
                for path in sorted(folder.iterdir()):
                    for line in filter(WARNS.search, path.read_text().splitlines()):
                        print(f"  {path.stem}: {line[:400]}", flush=True)
                raise

    def run_through(self, door):
        stack = self.system.stack
        stack.aws.life(run_s=1.0)
        stack.address = door.getsockname()
        with Unit(stack, "webapid", listen=[door]) as web:
            web.start()
            self.system.start()
            workload = Workload(stack, options.jobs, options.seed, EDIT_PAUSE_S, nothing_fails=True, readers=READERS)
            workload.fill()
            workload.start()
            try:
                self.upgrade(web)
            finally:
                workload.stop()
                print(f"{workload.edits} edits by API and psql, {workload.reads} reads, {workload.repeats} sent again on a new connection;"
                      f" {len(workload.failures)} failed", *workload.failures, sep="\n  ", flush=True)
            settle(self.system, SETTLE_S)
            broken = workload.broken_promises()
            quiet_at = self.system.calm_down()
            audit = Audit(collect(stack), quiet_at).run()
            print(audit.report(), flush=True)
            self.assertEqual((workload.failures, broken, audit.errors), ([], [], []))
            self.assertGreater(workload.edits, 0)
            self.assertGreater(workload.reads, 0)

    def upgrade(self, web):
        stack = self.system.stack
        this, _ = self.schema()
        self.stage("this release, with its schema")
        stack.build = NEXT
        with socket.create_server(("127.0.0.1", 0)) as door, Unit(stack, "webapid", listen=[door]) as early_web, \
                Unit(stack, "scheduld") as early:
            for unit in (early_web, early):  # as after a power cut between installation and migration
                unit.start()
                unit.wait_status("waits for webapid --migrate")
            stack.migrate()
            early_web.wait_status("serves")
            early.wait_status("stands by")
            for unit in (early_web, early):
                unit.daemon.stop()
        stack.build = BUILD
        self.assertEqual(self.schema()[0], this + 1)
        self.stage("this release, with the next one's schema")
        self.system.leader().daemon.kill()
        dead = next(member for member in self.system.members if not member.daemon.running())
        wait_until("the other one leads", self.system.leads)
        dead.start()
        wait_until("it is ready", dead.ready)
        self.assertIn("migrate.newer_schema", dead.daemon.log())
        self.stage("one of them has died, and come back")
        stack.build = NEXT
        leader = self.system.leader()
        for member in sorted(self.system.members, key=lambda each: each is leader):
            self.replace(member)
            self.stage("another scheduld is the next release's")
        for _ in range(RESTARTS):
            web.daemon.stop()
            web.start()
            time.sleep(options.seconds / RESTARTS)
        self.stage("webapid, too")
        for daemon in (web.daemon, *(member.daemon for member in self.system.members)):
            self.assertEqual(os.readlink(f"/proc/{daemon.pid}/exe"), str(NEXT / daemon.name.rpartition("-")[0] / daemon.name.rpartition("-")[0]))
            self.assertNotIn("migrate.newer_schema", daemon.log())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("seconds", "jobs", "seed"):
        parser.add_argument(f"--{name}", type=float if name == "seconds" else int, default=getattr(options, name))
    options = parser.parse_args()
    unittest.main(argv=sys.argv[:1])
