#!/usr/bin/python3
"""What happens when more is due than ECS takes: prints figures, and exits with 1 if a promise was broken.

    overload.py burst [--jobs N] [--quota N] [--rate N]
    overload.py storm [--jobs N] [--quota N] [--rate N]
    overload.py expiring [--jobs N] [--seconds N] [--skew S]
    overload.py short

burst: N (10,000) jobs are due in the same second, and one beside them each second; ECS takes so many (40) RunTasks a second,
and ECSS_ECS_LAUNCH_RATE (36) is below that. All are to be launched, memory is to stay bounded, and the job of each second is
never to be more than 2 s late.

storm: N (2,000) jobs are due in the same second; ECS takes 20 RunTasks a second, ECSS_ECS_LAUNCH_RATE is twice that, and of
the calls that are taken 30 % are throttled all the same, 5 % fail with a 500, the answers of 2 % are lost and of 2 % cut
off. Each plan is to be launched exactly once, and after the first seconds no more than 1.5 times the quota is to be sent.

expiring: N (20) jobs are due each second, for so many (60) seconds; AWS's keys live for 15 s, and its clock is S (0) seconds
ahead of ours. No run is to fail, and no call is to be refused but, with a wrong clock, once those that went out before the
first answer.

short: burst and storm, with few jobs; part of ./check.
"""
import argparse
import collections
import datetime
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from stack import Stack, wait_until  # noqa: E402

FAMILIES = 50
LATE_MAX_S = 2
SHORT_LATE_MAX_S = 20  # ./check runs it beside other work
MEMORY_FROM = 1000  # so many jobs are told from what sanitizers and the allocator keep for themselves
SENT_MAX = 1.5
FIRST_S = 5  # in which the rate settles
AHEAD_S = 3  # jobs are made so long before they are due
KEYS_LIVE_S = 15
GRACE_S = 3600
OPEN = "state IN ('planned', 'launching')"


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
    """Jobs, and a scheduld for them; their ids begin with a name."""

    def __init__(self, stack, name, rate, buckets=(), **settings):
        self.stack, self.name = stack, name
        stack.sql("DELETE FROM jobs")
        stack.aws.reset()
        stack.aws.task_definitions(*[f"family-{number}" for number in range(FAMILIES)])
        stack.aws.life(run_s=0)
        stack.aws.buckets(list(buckets))
        self.daemon = stack.start_scheduld(ECSS_ECS_LAUNCH_RATE=rate, ECSS_ECS_LAUNCH_BURST=rate, ECSS_ECS_READ_RATE=100,
                                           ECSS_ECS_READ_BURST=100, ECSS_LOG_LEVEL="warning", **settings)
        self.memory = []
        self.mark = stack.aws.mark()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.daemon.stop()

    def add(self, name, count, schedule):
        """So many jobs NAME-n."""
        self.stack.sql("INSERT INTO jobs (id, task_definition, schedule)"
                       f" SELECT %s || '-' || n, 'family-' || n %% {FAMILIES}, %s FROM generate_series(1, %s) n", [name, schedule, count])

    def runs(self, what, where="true", name=None):
        return self.stack.sql(f"SELECT {what} FROM runs WHERE job_id LIKE '{name or self.name}-%' AND {where}")

    def wait_for(self, count, seconds):
        """Until so many runs have come to an end."""
        deadline = time.monotonic() + seconds
        while self.runs("count(*)", f"NOT {OPEN}")[0][0] < count:
            self.stack.check()
            self.memory.append(memory_kib(self.daemon))
            expect(time.monotonic() < deadline, f"not done after {seconds:.0f} s: {self.states()}")
            time.sleep(0.25)

    def states(self):
        return dict(collections.Counter(row[0] for row in self.runs("state")))

    def calls(self, operation="RunTask"):
        return self.stack.aws.calls(operation, after=self.mark)

    def check_launches(self):
        """Each plan is launched exactly once. Returns how many tasks were planned."""
        audit = self.stack.aws.audit()
        expect(not audit["duplicates"] and not audit["without_token"], f"launched twice: {audit['duplicates'][:3]}")
        wrong = self.runs("job_id, fire_at, state, error", "(state <> 'started' OR jsonb_array_length(tasks) <> needed)")
        expect(not wrong, f"{len(wrong)} runs were not launched: {wrong[:3]}")
        planned = self.stack.sql("SELECT coalesce(sum(needed), 0) FROM runs WHERE planned_at >= (SELECT since FROM scheduler)")[0][0]
        launched = sum(len(call["tasks"]) for call in self.calls() if call["effect"])
        print(f"  planned {planned} tasks, ECS started {launched}")
        expect(planned == launched, "what was planned is not what was started")


def burst(stack, jobs, quota, rate, late_max_s=LATE_MAX_S):
    print(f"burst: {jobs} jobs due in one second, ECS takes {quota:g} RunTask/s, {rate} are sent", flush=True)
    with Crowd(stack, "burst", rate, [{"operations": ["RunTask"], "rate": quota, "burst": quota}]) as crowd:
        crowd.add("tick", 1, "*")
        wait_until("the job of each second runs", lambda: crowd.runs("count(*)", name="tick")[0][0] > 1)
        before, at = memory_kib(crowd.daemon), int(time.time()) + AHEAD_S
        crowd.add("burst", jobs, once(at))
        crowd.wait_for(jobs, 60 + 3 * jobs / rate)
        took = time.time() - at
        print(f"  ended as {crowd.states()} in {took:.0f} s; {len(crowd.calls())} calls")
        stack.sql("DELETE FROM jobs WHERE id LIKE 'tick-%'")
        wait_until("nothing is open", lambda: crowd.runs("count(*)", OPEN, "tick")[0][0] == 0)
        crowd.check_launches()
        ticks = crowd.runs("extract(epoch FROM launched_at - fire_at)::float8",
                           f"fire_at >= to_timestamp({at}) AND fire_at < to_timestamp({int(at + took)})", "tick")
        late = [row[0] for row in ticks if row[0] is not None]
        print(f"  the job of each second: {len(ticks)} runs in {int(took)} s, {len(late)} launched; late by"
              f" {statistics.median(late) * 1000:.0f} ms in the median, {max(late) * 1000:.0f} ms at most")
        print(f"  memory of scheduld: {before} KiB before, {max(crowd.memory)} KiB at most")
        expect(len(ticks) >= int(took) - 1 and len(late) == len(ticks), "the job of each second missed one")
        expect(max(late) <= late_max_s, "the job of each second was late")
        expect(jobs < MEMORY_FROM or max(crowd.memory) - before < 4096 + 2 * jobs, "memory grew by more than 2 KiB a job")


def storm(stack, jobs, quota, rate):
    print(f"storm: {jobs} jobs due in one second, ECS takes {quota:g} RunTask/s, at most {rate} are sent", flush=True)
    with Crowd(stack, "storm", rate, [{"operations": ["RunTask"], "rate": quota, "burst": quota}]) as crowd:
        stack.aws.fault("RunTask", "throttle", probability=0.3, seed=1)
        stack.aws.fault("RunTask", "status", status=500, probability=0.05, seed=2)
        stack.aws.fault("RunTask", "reset", effect=True, probability=0.02, seed=3)
        stack.aws.fault("RunTask", "truncate", probability=0.02, seed=4)
        at = int(time.time()) + AHEAD_S
        crowd.add("storm", jobs, once(at))
        crowd.wait_for(jobs, min(GRACE_S, 120 + 12 * jobs / quota))
        calls = crowd.calls()
        answers = dict(collections.Counter(call["fault"] or call["error"] or "ok" for call in calls))
        print(f"  ended as {crowd.states()} in {time.time() - at:.0f} s; {len(calls)} calls: {answers}")
        crowd.check_launches()
        check_rate([call["time"] for call in calls], quota)


def check_rate(sent, quota):
    """When each call came in."""
    later = [when for when in sent if when - sent[0] > FIRST_S]
    per_s = len(later) / max(10, sent[-1] - sent[0] - FIRST_S)
    most = max((sum(when <= other < when + 10 for other in later) / 10 for when in later), default=0.0)
    print(f"  after the first {FIRST_S} s: {per_s:.1f} calls/s, {per_s / quota:.2f} of the quota;"
          f" in the busiest 10 s {most:.1f}, {most / quota:.2f}")
    expect(max(per_s, most) <= SENT_MAX * quota, "more was sent than ECS may be asked")


def expiring(stack, jobs, seconds, skew):
    print(f"expiring: {jobs} jobs each second for {seconds} s, keys live for {KEYS_LIVE_S} s, AWS's clock is {skew} s ahead", flush=True)
    keys = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SESSION_TOKEN": None,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stack.aws.url}/v2/credentials/load"}
    with Crowd(stack, "load", 1000, **keys) as crowd:
        stack.aws.clock(offset_s=skew)
        stack.aws.post("metadata", {"life_s": KEYS_LIVE_S})
        crowd.add("load", jobs, "*")
        time.sleep(seconds)
        stack.sql("DELETE FROM jobs")
        wait_until("nothing is open", lambda: crowd.runs("count(*)", OPEN)[0][0] == 0)
        calls = crowd.calls("RunTask,ListTasks")
        refused = [call["error"] for call in calls if call["error"]]
        later = [call["error"] for call in calls[2 * jobs:] if call["error"]]
        print(f"  ended as {crowd.states()}; {len(calls)} calls with {len({call['key_id'] for call in calls})} keys,"
              f" refused: {dict(collections.Counter(refused))}")
        crowd.check_launches()
        expect(len({call["key_id"] for call in calls}) >= seconds // KEYS_LIVE_S, "the keys were not replaced")
        expect(not later and len(refused) <= (jobs if skew else 0), "calls were refused")


def run(options):
    with Stack() as stack:
        if options.what == "burst":
            burst(stack, options.jobs or 10000, options.quota or 40, options.rate or 36)
        elif options.what == "storm":
            storm(stack, options.jobs or 2000, options.quota or 20, options.rate or 40)
        elif options.what == "expiring":
            expiring(stack, options.jobs or 20, options.seconds, options.skew)
        else:
            burst(stack, 120, 40, 36, SHORT_LATE_MAX_S)
            storm(stack, 40, 20, 40)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("burst", "storm", "expiring", "short"))
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--quota", type=float)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--skew", type=int, default=0)
    try:
        run(parser.parse_args())
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
