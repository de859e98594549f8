#!/usr/bin/python3
"""What happens when more is due than ECS takes: prints figures, and exits with 1 if a promise was broken.

    overload.py burst [--jobs N] [--quota N] [--rate N]
    overload.py storm [--jobs N] [--quota N] [--rate N]
    overload.py short

burst: N (10,000) jobs are due in the same second, and one beside them each second; ECS takes so many (40) RunTasks a second,
and ECSS_ECS_LAUNCH_RATE (36) is below that. All are to be launched, memory is to stay bounded, and the job of each second is
never to be more than 2 s late.

storm: N (2,000) jobs are due in the same second; ECS takes 20 RunTasks a second, ECSS_ECS_LAUNCH_RATE is twice that, and of
the calls that are taken 30 % are throttled all the same, 5 % fail with a 500, the answers of 2 % are lost and of 2 % cut
off. Each plan is to be launched exactly once, and after the first seconds no more than 1.5 times the quota is to be sent.

short: both, with few jobs; part of ./check.
"""
import argparse
import datetime
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from stack import Stack, wait_until  # noqa: E402

FAMILIES = 50
LATE_MAX_S = 2
SENT_MAX = 1.5
FIRST_S = 5  # in which the rate settles
AHEAD_S = 6  # jobs are made so long before they are due
GRACE_S = 3600


class Failed(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Failed(what)


def once(at):
    """The schedule of one instant."""
    t = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    return f"{t.second} {t.minute} {t.hour} * * {t.day} {t.month} {t.year}"


def memory_kib(daemon):
    text = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


class Crowd:
    """Jobs that are all due in one second, on a stack of their own."""

    def __init__(self, stack, jobs, quota, rate):
        self.stack, self.jobs = stack, jobs
        stack.aws.task_definitions(*[f"family-{number}" for number in range(FAMILIES)], "tick")
        stack.aws.life(run_s=0)
        stack.aws.buckets([{"operations": ["RunTask"], "rate": quota, "burst": quota}])
        self.daemon = stack.start_scheduld(ECSS_ECS_LAUNCH_RATE=rate, ECSS_ECS_LAUNCH_BURST=rate, ECSS_ECS_READ_RATE=100,
                                           ECSS_ECS_READ_BURST=100, ECSS_LOG_LEVEL="warning")
        self.memory = []
        self.mark = stack.aws.mark()

    def make(self, beside=()):
        """The jobs, and others beside them: (id, schedule)."""
        insert = "INSERT INTO jobs (id, task_definition, schedule) "
        for name, schedule in beside:
            self.stack.sql(insert + "VALUES (%s, %s, %s)", [name, name, schedule])
        self.at = int(time.time()) + AHEAD_S
        self.stack.sql(insert + f"SELECT 'job-' || n, 'family-' || n %% {FAMILIES}, %s FROM generate_series(1, %s) n",
                       [once(self.at), self.jobs])

    def count(self, which):
        return self.stack.sql(f"SELECT count(*) FROM runs WHERE job_id LIKE 'job-%' AND {which}")[0][0]

    def done(self):
        self.stack.check()
        self.memory.append(memory_kib(self.daemon))
        return self.count("state NOT IN ('planned', 'launching')") == self.jobs

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.done():
            expect(time.monotonic() < deadline, f"not done after {seconds:.0f} s: {self.states()}")
            time.sleep(0.25)

    def states(self):
        return dict(self.stack.sql("SELECT state, count(*) FROM runs WHERE job_id LIKE 'job-%' GROUP BY 1"))

    def check_launches(self):
        """Each plan is launched exactly once, or says why not."""
        audit = self.stack.aws.audit()
        expect(not audit["duplicates"] and not audit["without_token"], f"launched twice: {audit['duplicates'][:3]}")
        wrong = self.stack.sql("SELECT job_id, state, error FROM runs WHERE job_id LIKE 'job-%'"
                               " AND (state <> 'started' OR jsonb_array_length(tasks) <> 1 OR needed <> 1) LIMIT 3")
        expect(not wrong, f"not launched: {wrong}")
        planned = self.stack.sql("SELECT sum(needed) FROM runs WHERE state = 'started'")[0][0]
        launched = sum(len(task) > 0 for task in self.stack.aws.tasks())
        return int(planned), launched

    def sent(self):
        return [call["time"] for call in self.stack.aws.calls("RunTask", after=self.mark)]


def burst(jobs, quota, rate):
    with Stack() as stack:
        crowd = Crowd(stack, jobs, quota, rate)
        crowd.make(beside=[("tick", "*")])
        wait_until("the job of each second runs", lambda: stack.sql("SELECT count(*) FROM runs WHERE job_id = 'tick'")[0][0] > 1)
        before = memory_kib(crowd.daemon)
        crowd.wait(60 + 3 * jobs / rate)
        took = time.time() - crowd.at
        print(f"burst: {jobs} jobs due in one second, ECS takes {quota} RunTask/s, {rate} are sent")
        print(f"  ended as {crowd.states()} in {took:.0f} s")
        planned, launched = crowd.check_launches()
        print(f"  planned {planned} tasks, ECS has {launched}; {len(crowd.sent())} calls")
        ticks = stack.sql("SELECT extract(epoch FROM fire_at)::bigint, state, extract(epoch FROM launched_at - fire_at)::float8"
                          " FROM runs WHERE job_id = 'tick' AND fire_at >= to_timestamp(%s) AND fire_at < to_timestamp(%s)"
                          " ORDER BY 1", [crowd.at, int(crowd.at + took)])
        late = [row[2] for row in ticks if row[2] is not None]
        print(f"  the job of each second: {len(ticks)} runs in {int(took)} s, {len(late)} launched; late by"
              f" {statistics.median(late) * 1000:.0f} ms in the median, {max(late) * 1000:.0f} ms at most")
        print(f"  memory of scheduld: {before} KiB before, {max(crowd.memory)} KiB at most")
        expect(len(ticks) >= int(took) - 1 and len(late) == len(ticks), "the job of each second missed one")
        expect(max(late) <= LATE_MAX_S, "the job of each second was late")
        expect(max(crowd.memory) - before < 4096 + jobs * 2, "memory grew by more than 2 KiB a job")


def storm(jobs, quota, rate):
    with Stack() as stack:
        crowd = Crowd(stack, jobs, quota, rate)
        stack.aws.fault("RunTask", "throttle", probability=0.3, seed=1)
        stack.aws.fault("RunTask", "status", status=500, probability=0.05, seed=2)
        stack.aws.fault("RunTask", "reset", effect=True, probability=0.02, seed=3)
        stack.aws.fault("RunTask", "truncate", probability=0.02, seed=4)
        crowd.make()
        crowd.wait(min(GRACE_S, 120 + 8 * jobs / quota))
        took = time.time() - crowd.at
        sent = crowd.sent()
        calls = stack.aws.calls("RunTask", after=crowd.mark)
        answers = {}
        for call in calls:
            name = call["fault"] or call["error"] or "ok"
            answers[name] = answers.get(name, 0) + 1
        print(f"storm: {jobs} jobs due in one second, ECS takes {quota} RunTask/s, at most {rate} are sent")
        print(f"  ended as {crowd.states()} in {took:.0f} s; {len(sent)} calls: {answers}")
        planned, launched = crowd.check_launches()
        print(f"  planned {planned} tasks, ECS has {launched}")
        later = [at for at in sent if at - sent[0] > FIRST_S]
        span = max(1.0, sent[-1] - sent[0] - FIRST_S)
        per_s = len(later) / span
        most = max((sum(1 for other in later if at <= other < at + 10) / 10 for at in later[::10]), default=0.0)
        print(f"  after the first {FIRST_S} s: {per_s:.1f} calls/s, {per_s / quota:.2f} of the quota; in the busiest 10 s {most:.1f}")
        expect(per_s <= SENT_MAX * quota and most <= SENT_MAX * quota, "more was sent than ECS may be asked")
        late = stack.sql("SELECT max(extract(epoch FROM updated_at - fire_at))::float8 FROM runs WHERE job_id LIKE 'job-%'")[0][0]
        print(f"  the last one was launched {late:.0f} s after it was due")
        expect(planned == launched == jobs, "not each plan was launched once")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("burst", "storm", "short"))
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--quota", type=float)
    parser.add_argument("--rate", type=int)
    options = parser.parse_args()
    try:
        if options.what == "burst":
            burst(options.jobs or 10000, options.quota or 40, options.rate or 36)
        elif options.what == "storm":
            storm(options.jobs or 2000, options.quota or 20, options.rate or 40)
        else:
            burst(200, 40, 36)
            storm(60, 20, 40)
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
