"""One leads at a time, whatever happens to it: no fire is lost, and none is launched twice."""
import re
import signal
import time
import unittest

from stack import DATABASE, USERS, Stack, wait_until

JOBS = [f"beat-{n}" for n in range(8)]  # one for each test, every second
FINAL = ("started", "not_needed", "launch_failed", "missed", "skipped")


class Failover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(task_definitions=JOBS).__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.stack.aws.life(run_s=0.1)
        cls.jobs = iter(JOBS)

    def setUp(self):
        self.job = next(self.jobs)
        self.stack.sql("INSERT INTO jobs (id, task_definition, schedule, timezone) VALUES (%s, %s, '*', 'Asia/Tokyo')",
                       [self.job, self.job])
        self.addCleanup(self.stop_all)
        self.leader = self.stack.start_scheduld()
        self.started_runs(1)

    def stop_all(self):
        for daemon in self.stack.daemons:
            daemon.stop()

    # What there is to see.

    def started_runs(self, more, epoch=0):
        """Waits for so many more runs that started a task."""
        count = "SELECT count(*) FROM runs WHERE job_id = %s AND state = 'started' AND epoch >= %s"
        had = self.stack.sql(count, [self.job, epoch])[0][0]
        wait_until(f"{more} more runs", lambda: self.stack.sql(count, [self.job, epoch])[0][0] >= had + more)

    def standbys(self, count):
        """More scheduld, ready to take over: connected, with the job loaded."""
        daemons = [self.stack.start_scheduld(lead=False) for _ in range(count)]
        for daemon in daemons:
            wait_until("the standby is ready", lambda each=daemon: each.check() and "scheduld.loaded" in each.log()
                       and "leader.standby" in each.log())
        return daemons

    def leading(self, daemons):
        """The one of them that leads."""
        pid = self.stack.sql("SELECT split_part(holder, ':', 2)::int FROM scheduler")[0][0]
        return next(daemon for daemon in daemons if daemon.pid == pid)

    def take_over(self, epoch):
        """Waits for a leader with a later epoch; the time at which it began."""
        def since():
            rows = self.stack.sql("SELECT extract(epoch FROM since) FROM scheduler WHERE epoch > %s AND holder IS NOT NULL", [epoch])
            return float(rows[0][0]) if rows else None

        return wait_until("another one leads", since)

    def audit(self):
        """Suspends the job, waits until all is done, and compares ledger and stand-in."""
        self.stack.sql("UPDATE jobs SET suspended = true WHERE id = %s", [self.job])
        wait_until("nothing is armed or open", lambda: self.stack.sql(
            "SELECT count(*) FROM jobs j JOIN job_state s ON s.job_id = j.id AND s.armed_revision = j.revision"
            " WHERE next_run IS NULL AND j.id = %s AND NOT EXISTS (SELECT FROM runs WHERE job_id = j.id AND state NOT IN %s)",
            [self.job, FINAL]) == [(1,)])
        runs = self.stack.sql("SELECT extract(epoch FROM fire_at)::bigint, state, coalesced, needed, jsonb_array_length(tasks), error"
                              " FROM runs WHERE job_id = %s ORDER BY fire_at", [self.job])
        for (before, *_), (fire, _, coalesced, *_) in zip(runs, runs[1:]):
            self.assertEqual(fire - before, 1 + coalesced, f"fire times lost or twice around {fire}: {runs}")
        for fire, state, _, needed, tasks, error in runs:
            self.assertIn(state, ("started", "not_needed", "skipped"), (fire, error))
            if state == "skipped":  # a launch that takes more than a second, as after a cut, is in the way of the next
                self.assertIn("was still launching", error)
            else:
                self.assertEqual(tasks, needed, f"run of {fire}")
        audit = self.stack.aws.audit()
        self.assertFalse(audit["duplicates"])
        self.assertFalse(audit["without_token"])
        self.assertEqual(len(self.stack.aws.tasks(family=self.job, status="all")), sum(run[4] for run in runs))
        self.assertTrue(all(call["signature"] == "ok" for call in self.stack.aws.calls()))

    # What may happen.

    def test_the_leader_goes_with_and_without_a_word(self):
        members = [self.leader, *self.standbys(4)]
        took = {"kill -9": [], "SIGTERM": []}
        for way in ("kill -9", "SIGTERM") * 2:
            leader, epoch = self.leading(members), self.stack.epoch()
            gone = time.time()
            if way == "SIGTERM":
                leader.stop()
            else:
                leader.kill()
            took[way].append(self.take_over(epoch) - gone)
            self.started_runs(1, epoch + 1)
        for way, seconds in took.items():  # tests/fault/takeover.py measures; a busy machine takes longer
            print(f"{way} to the next leader: {', '.join(f'{s * 1000:.0f}' for s in seconds)} ms")
            self.assertLess(min(seconds), 10)
        self.audit()

    def test_a_frozen_leader_that_wakes_up_changes_nothing(self):
        (standby,), epoch = self.standbys(1), self.stack.epoch()
        self.leader.process.send_signal(signal.SIGSTOP)
        try:
            begun = time.monotonic()
            self.take_over(epoch)
            print(f"SIGSTOP to the next leader: {time.monotonic() - begun:.1f} s")
            self.started_runs(1, epoch + 1)
        finally:
            woken = time.monotonic()
            self.leader.process.send_signal(signal.SIGCONT)
        wait_until("the frozen one stands by", lambda: self.leader.check() and "leader.lost" in self.leader.log())
        print(f"SIGCONT to stand-by: {(time.monotonic() - woken) * 1000:.0f} ms")
        self.assertLess(time.monotonic() - woken, 10)  # a second is promised, and measured by tests/fault/takeover.py
        self.started_runs(1, epoch + 1)
        standby.check()
        self.assertEqual(self.stack.sql("SELECT max(epoch) FROM runs")[0][0], self.stack.epoch())
        self.assertEqual(self.stack.epoch(), epoch + 1)
        late = self.stack.sql("SELECT count(*) FROM runs r WHERE epoch = %s AND updated_at > (SELECT since FROM scheduler)", [epoch])[0][0]
        print(f"rows that it wrote after it was replaced: {late}")
        self.assertEqual(late, 0)
        self.audit()

    def test_the_lock_session_is_cut_off(self):
        epoch = self.stack.epoch()
        self.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1701016435")
        self.take_over(epoch)
        self.started_runs(1, epoch + 1)
        self.audit()

    def test_the_other_session_cannot_come_back(self):
        (standby,), epoch, user = self.standbys(1), self.stack.epoch(), USERS["scheduld"]
        work = re.search(r"db\.up db=scheduld host=\S+ port=\d+ pid=(\d+)", self.leader.log())[1]
        self.addCleanup(self.stack.sql, f"ALTER ROLE {user} CONNECTION LIMIT -1")
        self.stack.sql(f"ALTER ROLE {user} CONNECTION LIMIT 3")  # of the four that the two have
        self.stack.sql("SELECT pg_terminate_backend(%s)", [work])
        begun = time.monotonic()
        self.take_over(epoch)
        print(f"a leader that cannot work to the next leader: {time.monotonic() - begun:.1f} s")
        self.assertIs(self.leading([self.leader, standby]), standby)
        self.assertIn("leader.lost", self.leader.log())
        self.started_runs(1, epoch + 1)
        self.stack.sql(f"ALTER ROLE {user} CONNECTION LIMIT -1")
        wait_until("the other one stands by", lambda: self.leader.check() and "leader.standby" in self.leader.log())
        self.assertEqual(self.stack.epoch(), epoch + 1)
        self.audit()

    def test_the_database_is_restarted(self):
        self.standbys(1)
        epoch = self.stack.epoch()
        self.stack.cluster.restart()
        self.take_over(epoch)
        self.started_runs(1, epoch + 1)
        self.audit()

    def test_the_database_fails_over_to_another_server(self):
        old, new = self.stack.cluster, self.stack.cluster.replica()
        self.addClassCleanup(old.stop)
        self.addClassCleanup(new.stop)
        self.leader.stop()
        either = {user: old.url(DATABASE, user, host=f"{old.dir},{new.dir}") for user in ("sched", "web")}
        self.stack.start_webapid(ECSS_DATABASE_URL=either["web"])
        members = [self.stack.start_scheduld(lead=number == 0, ECSS_DATABASE_URL=either["sched"]) for number in range(2)]
        wait_until("the standby is ready", lambda: "leader.standby" in members[1].log())
        self.started_runs(1)
        epoch, killed = self.stack.epoch(), time.time()
        old.kill()
        self.assertEqual(self.stack.api("GET", f"/jobs/{self.job}")[0], 503)
        time.sleep(1)  # nobody can be written to: who decides that the old one is gone needs a moment, too
        promoted = time.time()
        new.promote()
        self.stack.cluster = new
        print(f"promotion to the next leader: {self.take_over(epoch) - promoted:.2f} s")
        self.started_runs(1, epoch + 1)
        for daemon in members:
            self.assertIn("leader.lost" if daemon is members[0] else "db.down", daemon.check() and daemon.log())
            wait_until("it is connected to the other server",
                       lambda each=daemon: each.check() and f"db.up db=scheduld host={new.dir}" in each.log())
        epoch_now, holder, since = self.stack.sql("SELECT epoch, holder, extract(epoch FROM since)::float8 FROM scheduler")[0]
        self.assertEqual(epoch_now, epoch + 1)
        self.assertIn(int(holder.rpartition(":")[2]), [daemon.pid for daemon in members])
        self.assertGreater(since, killed)
        wait_until("webapid answers", lambda: self.stack.api("GET", f"/jobs/{self.job}")[0] == 200)
        wait_until("webapid writes", lambda: self.stack.api("PUT", f"/jobs/{self.job}", {"taskCount": 1})[0] == 200)
        self.audit()

    def test_what_is_later_than_the_grace_of_its_job_is_missed(self):
        self.leader.stop()
        self.stack.sql("UPDATE jobs SET misfire_grace_seconds = 1 WHERE id = %s", [self.job])
        stopped = time.time()
        wait_until("three fire times have passed", lambda: time.time() > stopped + 4)
        self.leader = self.stack.start_scheduld()
        self.started_runs(1)
        runs = self.stack.sql("SELECT extract(epoch FROM fire_at)::bigint, state, coalesced, error FROM runs WHERE job_id = %s"
                              " ORDER BY fire_at", [self.job])
        missed = [run for run in runs if run[1] == "missed"]
        self.assertGreaterEqual(sum(1 + run[2] for run in missed), 2, runs)
        self.assertIn("within the grace of 1 s", missed[0][3])
        for (before, *_), (fire, _, coalesced, _) in zip(runs, runs[1:]):
            self.assertEqual(fire - before, 1 + coalesced, f"fire times lost or twice around {fire}: {runs}")

    def test_sigterm_while_ecs_is_slow_loses_no_answer(self):
        self.stack.aws.fault("RunTask", "delay", delay_s=1.5, effect=True)
        calls = self.stack.aws.mark()
        self.stack.aws.wait_calls(1, "ListTasks", calls)
        wait_until("a launch is on its way", lambda: self.stack.sql("SELECT count(*) > 0 FROM runs WHERE state IN ('planned', 'launching')")
                   == [(True,)])
        self.leader.stop()
        self.assertEqual(self.stack.sql("SELECT count(*) FROM runs WHERE state IN ('planned', 'launching')"), [(0,)])
        self.assertEqual(self.stack.sql("SELECT holder FROM scheduler"), [(None,)])
        self.stack.aws.clear_faults()
        self.leader = self.stack.start_scheduld()
        self.started_runs(1)
        self.audit()


if __name__ == "__main__":
    unittest.main()
