"""A launch has few steps. Here the leader dies, or is replaced, exactly between each two of them: held there by a lock on
the table that it is about to write, by an answer that ECS or the network keeps back, and not by hooks in the program. Or
only one of its two sessions with PostgreSQL is cut, when what was asked is committed and the answer is still on its way.

Each case says what it finds as "lost: ...", "stuck: ..." and so on, as the audit does, or "wrong: ...".
"""
import signal
import time
import unittest

import psycopg2

from system import DATABASE, System, collect, wait_until
from audit import Audit, token
from faults import LOCK_SESSION, TAKE_OVER, undo

PLAN, RECORD = "INSERT INTO runs", "UPDATE runs r SET state = i.state"
HUGE_S = 600
STUCK_S = 90


class Wrong(AssertionError):
    """What a case finds, unlike what only took too long."""

    def __str__(self):
        return f"\nwrong: {super().__str__()}"


class Steps(unittest.TestCase):
    failureException = Wrong
    tasks = 12  # two calls of RunTask, for 10 and for 2

    @classmethod
    def setUpClass(cls):
        # A lock holds its statements for as long as it is kept: they do not give up after a second, as they would.
        cls.system = System(2, session="?options=-c%20lock_timeout%3D60s").__enter__()
        cls.addClassCleanup(cls.system.__exit__, None, None, None)
        cls.stack, cls.aws = cls.system.stack, cls.system.stack.aws
        cls.aws.life(run_s=0)
        cls.system.start()
        cls.found = set()  # by the audits of the tests before, which see the same ledger
        cls.refused = set()  # jobs

    def setUp(self):
        self.job = self.id().rpartition(".test_")[2]
        self.aws.task_definitions(self.job)
        self.stack.sql("INSERT INTO jobs (id, task_definition, schedule, task_count) VALUES (%s, %s, '*', %s)",
                       [self.job, self.job, self.tasks])
        self.addCleanup(self.stack.sql, "UPDATE jobs SET suspended = true WHERE id = %s", [self.job])
        self.addCleanup(self.mend)
        wait_until("all are ready", lambda: self.system.leads() and all(each.ready() for each in self.system.members))
        self.wait_started(1)
        self.leader = self.system.leader()
        self.other = next(each for each in self.system.members if each is not self.leader)

    def mend(self):
        """Whatever this case has come to, the next one begins with all in order."""
        undo(self.system)
        for member in self.system.members:
            if member.daemon.running():
                member.daemon.process.send_signal(signal.SIGCONT)
            else:
                member.start()

    # What there is to see and to do.

    def wait_started(self, more):
        count = "SELECT count(*) FROM runs WHERE state = 'started' AND job_id = %s"
        had = self.stack.sql(count, [self.job])[0][0]
        wait_until(f"{more} more runs", lambda: self.system.check() and self.stack.sql(count, [self.job])[0][0] >= had + more)

    def lock(self):
        """Nobody writes runs until unlock()."""
        self.locker = psycopg2.connect(self.stack.cluster.url(DATABASE))
        with self.locker.cursor() as cursor:
            cursor.execute("LOCK TABLE runs IN SHARE MODE")

    def unlock(self):
        self.locker.rollback()
        self.locker.close()

    def held(self, text):
        """Waits until scheduld's statement with this text waits for the lock. The session's process id."""
        rows = wait_until(f"{text} is held", lambda: self.stack.sql(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'sched' AND wait_event_type = 'Lock' AND strpos(query, %s) > 0", [text]))
        return rows[0][0]

    def gone(self, pid):
        wait_until("its session is gone", lambda: not self.stack.sql("SELECT pid FROM pg_stat_activity WHERE pid = %s", [pid]))

    def runs(self, *states):
        return self.stack.sql("SELECT id, extract(epoch FROM fire_at)::bigint FROM runs WHERE state = ANY (%s) AND job_id = %s"
                              " ORDER BY fire_at", [list(states), self.job])

    def wait_open(self):
        return wait_until("a run is open", lambda: self.runs("planned", "launching"))[0]

    def calls(self, mark):
        return self.aws.calls("RunTask", mark)

    def end(self):
        """The faults are over: all that is due or open ends, and the audit finds nothing. Returns all that was seen."""
        self.mend()
        self.finds(self.system.look(STUCK_S))
        quiet_at = self.system.calm_down(stop=False)
        self.finds(Audit(seen := collect(self.stack), quiet_at, refused=self.refused).run().errors)
        return seen

    def finds(self, errors):
        new = [error for error in errors if error not in self.found]
        self.found.update(new)
        if new:
            self.fail("\n" + "\n".join(new))

    def run_of(self, seen, fire):
        return next(run for run in seen["runs"] if run["fire"] == fire and run["job_id"] == self.job)

    # Before the plan.

    def test_before_the_plan_is_written(self):
        self.lock()
        pid = self.held(PLAN)
        self.leader.daemon.kill()
        self.gone(pid)
        self.unlock()
        self.end()

    def test_while_the_plan_is_written(self):
        mark = self.aws.mark()
        self.lock()
        self.held(PLAN)
        self.leader.daemon.kill()
        self.assertFalse(self.calls(mark), "nothing is launched before it is on record")
        self.unlock()  # the server may or may not have noticed by now that nobody waits for the answer
        self.end()

    # After the plan, before RunTask.

    def test_after_the_plan_is_written_when_nobody_heard_of_it(self):
        self.lock()
        self.held(PLAN)
        self.leader.database.mute()
        mark = self.aws.mark()
        self.unlock()
        _, fire = self.wait_open()
        self.leader.daemon.kill()
        self.assertFalse(self.calls(mark))
        self.leader.database.reset()
        self.assertEqual(self.run_of(self.end(), fire)["state"], "started")

    def test_before_RunTask_reaches_ECS(self):
        self.lock()
        self.held(PLAN)
        self.leader.aws.deafen()
        mark, lost = self.aws.mark(), self.leader.aws.lost
        self.unlock()
        wait_until("RunTask is lost on its way", lambda: self.leader.aws.lost > lost)
        _, fire = self.wait_open()
        self.leader.daemon.kill()
        self.assertFalse(self.calls(mark))
        self.assertEqual(self.run_of(self.end(), fire)["state"], "started")

    # During RunTask.

    def held_at_ecs(self, count, kind, **details):
        mark = self.aws.mark()
        self.aws.fault("RunTask", kind, count=1, match={"count": count}, **details)
        call = wait_until("ECS has the call", lambda: [each for each in self.calls(mark) if each["body"]["count"] == count])[0]
        self.leader.daemon.kill()
        seen = self.end()
        self.assertEqual([each["effect"] for each in self.calls(mark) if each["body"]["clientToken"] == call["body"]["clientToken"]].count(True), 1)
        self.assertGreater(len([each for each in self.calls(mark) if each["body"]["clientToken"] == call["body"]["clientToken"]]), 1,
                           "the next leader sends the same token")
        return seen

    def test_during_RunTask_before_it_has_an_effect(self):
        self.held_at_ecs(10, "hang")

    def test_during_RunTask_when_the_tasks_have_been_started(self):
        self.held_at_ecs(10, "delay", delay_s=HUGE_S, effect=True)

    def test_between_two_chunks(self):
        self.held_at_ecs(2, "hang")

    def test_in_the_second_chunk_when_all_tasks_have_been_started(self):
        self.held_at_ecs(2, "delay", delay_s=HUGE_S, effect=True)

    # After the answer.

    def hold_the_result(self):
        """Leads to where ECS has answered and the result is about to be written."""
        mark = self.aws.mark()
        self.aws.fault("RunTask", "delay", delay_s=0.5, effect=True)
        wait_until("ECS has the call", lambda: self.calls(mark))
        self.lock()
        self.aws.clear_faults()
        return self.held(RECORD)

    def test_before_the_result_is_written(self):
        pid = self.hold_the_result()
        _, fire = self.runs("planned", "launching")[0]
        self.leader.daemon.kill()
        self.gone(pid)
        self.unlock()
        run = self.run_of(seen := self.end(), fire)
        self.assertEqual(run["state"], "started")
        self.assertGreaterEqual(seen["launches"]["repeats"], 2, "both calls were sent again, and answered as before")

    def test_while_the_result_is_written(self):
        self.hold_the_result()
        self.leader.daemon.kill()
        self.unlock()
        self.end()

    def test_after_the_result_is_written_when_nobody_heard_of_it(self):
        self.hold_the_result()
        _, fire = self.runs("planned", "launching")[0]
        self.leader.database.mute()
        self.unlock()
        wait_until("it is written", lambda: all(open_fire != fire for _, open_fire in self.runs("planned", "launching")))
        self.leader.daemon.kill()
        self.end()

    # One of the two sessions is cut, when the answer to what the other, or it, has committed is still on its way.

    def committed(self, member, statement, after=lambda: None):
        """Its next such statement has committed, and the answer is kept back."""
        held = member.database.hold(statement)
        after()
        wait_until(f"the answer to {statement} is kept back", lambda: self.system.check() and held.wait(0))
        return held

    def answer_lost(self, member, held):
        """The session is cut, and the lead is not lost: whoever has lost the answer finds out, and nobody else does it."""
        epoch = self.system.epoch()
        held.cut()
        seen = self.end()
        self.assertEqual(self.system.epoch(), epoch, "nobody else has led")
        self.assertEqual(self.system.leader(), member)
        return seen

    def answer_late(self, member, held):
        """The lead is lost before it comes."""
        epoch = self.system.epoch()
        member.database.cut(LOCK_SESSION)
        wait_until("another epoch has begun", lambda: self.system.check() and self.system.epoch() > epoch)
        held.release()
        return self.end()

    def open_run(self):
        return self.wait_open()[1]

    def started(self, seen, fire):
        self.assertEqual(self.run_of(seen, fire)["state"], "started")

    def test_a_lost_answer_of_the_plan(self):
        held = self.committed(self.leader, "run_plan")
        fire = self.open_run()
        self.started(self.answer_lost(self.leader, held), fire)

    def test_a_late_answer_of_the_plan(self):
        held = self.committed(self.leader, "run_plan")
        fire = self.open_run()
        self.started(self.answer_late(self.leader, held), fire)

    def test_a_lost_answer_of_the_result(self):
        self.answer_lost(self.leader, self.committed(self.leader, "run_record"))

    def test_a_late_answer_of_the_result(self):
        self.answer_late(self.leader, self.committed(self.leader, "run_record"))

    def taken_over(self):
        """The leader dies when the first of two calls is on its way. The other one has taken its run over, and has no answer."""
        mark = self.aws.mark()
        self.aws.fault("RunTask", "hang", count=1, match={"count": 10})
        wait_until("ECS has the call", lambda: self.calls(mark))
        fire = self.open_run()
        return self.committed(self.other, TAKE_OVER, self.leader.daemon.kill), fire

    def test_a_lost_answer_of_the_take_over(self):
        held, fire = self.taken_over()
        self.started(self.answer_lost(self.other, held), fire)

    def test_a_late_answer_of_the_take_over(self):
        held, fire = self.taken_over()
        self.started(self.answer_late(self.other, held), fire)

    def test_a_lost_answer_of_the_new_epoch(self):
        epoch = self.system.epoch()
        held = self.committed(self.other, "lease_begin", self.leader.daemon.kill)
        self.assertEqual(self.system.epoch(), epoch + 1)
        held.cut()
        self.end()

    # Another attempt.

    def test_before_another_attempt_is_written(self):
        mark = self.aws.mark()
        self.aws.fault("RunTask", "failures", failed=4, reason="RESOURCE:CPU", count=1, match={"count": 10})
        self.aws.fault("RunTask", "delay", delay_s=0.5, effect=True, count=1, match={"count": 10})
        first = wait_until("ECS has the call", lambda: [each for each in self.calls(mark) if each["body"]["count"] == 10])[0]
        self.lock()
        pid = self.held(RECORD)
        _, fire = self.runs("planned", "launching")[0]
        second = token(str(self.stack.sql("SELECT installation FROM scheduler")[0][0]), self.job, fire, 0, 2)
        tokens = {each["body"]["clientToken"] for each in self.calls(mark)}
        self.assertIn(first["body"]["clientToken"], tokens)
        self.assertNotIn(second, tokens, "an attempt is on record before it is sent")
        self.leader.daemon.kill()
        self.gone(pid)
        self.assertNotIn(second, {each["body"]["clientToken"] for each in self.calls(mark)})
        self.unlock()
        run = self.run_of(self.end(), fire)
        self.assertEqual((run["state"], run["chunks"][0]["attempt"]), ("started", 2))

    # What is refused.

    def test_a_plan_that_is_refused_for_a_moment(self):
        """By somebody's trigger. The job is due again meanwhile, and afterwards: that stands for what was refused, too."""
        self.stack.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
                       " BEGIN RAISE 'refused by a test' USING ERRCODE = 'check_violation'; END $$;"
                       f" CREATE TRIGGER aa_refuse BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.job_id = '{self.job}')"
                       " EXECUTE FUNCTION refuse()")
        try:
            wait_until("it is refused", lambda: f"run.not_recorded job={self.job} " in self.leader.daemon.log())
            time.sleep(2.5)
        finally:
            self.stack.sql("DROP FUNCTION refuse() CASCADE")
        self.end()

    def test_a_call_that_is_refused_while_another_one_has_no_answer(self):
        """What the other has started is on record, or it is said that there may be something."""
        self.refused.add(self.job)
        self.aws.fault("RunTask", "reset", effect=True, match={"count": 2})
        self.aws.fault("RunTask", "failures", reason="RESOURCE:CPU", count=1, match={"count": 10})
        refusal = self.aws.fault("RunTask", "error", error="ClientException", status=400, count=1, match={"count": 10})
        wait_until("it is refused", lambda: next(rule["hits"] for rule in self.aws.faults() if rule["id"] == refusal))
        self.end()

    # A leader that is not one any more, and does not know.

    def replaced_while(self, text):
        """The leader's write waits at the server; the leader is frozen, and another one leads."""
        epoch, before = self.system.epoch(), len(self.leader.daemon.log())
        self.leader.daemon.process.send_signal(signal.SIGSTOP)
        try:
            self.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1701016435")
            wait_until("another one leads", lambda: self.other.daemon.check() and self.system.epoch() > epoch)
            self.held(text)
            self.unlock()
            self.wait_started(1)
        finally:
            self.leader.daemon.process.send_signal(signal.SIGCONT)
        woken = time.monotonic()
        wait_until("the old one stands by", lambda: self.leader.daemon.check() and "leader.lost" in self.leader.daemon.log()[before:])
        print(f"awake to stand-by: {(time.monotonic() - woken) * 1000:.0f} ms")
        self.assertEqual(self.system.epoch(), epoch + 1, "nobody else has led")
        self.end()

    def test_a_plan_of_a_leader_that_was_replaced_changes_nothing(self):
        self.lock()
        self.held(PLAN)
        self.replaced_while(PLAN)

    def test_a_result_of_a_leader_that_was_replaced_changes_nothing(self):
        self.hold_the_result()
        self.replaced_while(RECORD)

    def test_a_leader_that_was_replaced_launches_nothing(self):
        """It wakes up with the answer to its plan in the socket: the lease is over, so the launch is not sent."""
        self.lock()
        self.held(PLAN)
        self.leader.database.stall(HUGE_S)
        epoch, before = self.system.epoch(), len(self.leader.daemon.log())
        self.unlock()
        _, fire = self.wait_open()
        self.leader.daemon.process.send_signal(signal.SIGSTOP)
        wait_until("another one leads", lambda: self.other.daemon.check() and self.system.epoch() > epoch)
        wait_until("it has launched the run", lambda: fire not in {each for _, each in self.runs("planned", "launching")})
        sent = self.leader.aws.passed
        self.leader.database.restore()
        self.leader.daemon.process.send_signal(signal.SIGCONT)
        woken = time.monotonic()
        wait_until("the old one stands by", lambda: self.leader.daemon.check() and "leader.lost" in self.leader.daemon.log()[before:])
        print(f"awake to stand-by: {(time.monotonic() - woken) * 1000:.0f} ms")
        self.wait_started(1)
        self.assertEqual(self.leader.aws.passed, sent, "it has sent nothing to AWS")
        self.end()


if __name__ == "__main__":
    unittest.main()
