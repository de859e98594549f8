"""The audit, pure: what was seen (ledger.collect()) against what was promised. It shares nothing with the product: fire
times are arithmetic on the second field, client tokens are computed here from what docs and headers promise.

A run row covers its own fire time and `coalesced` ones before it. So, going through a job's rows in order, each row has to
cover exactly the fire times since the row before it: fewer means that fires were lost, more that they count twice. To be on
record is not enough: a run that started nothing, and was neither later than its grace nor in the way of the one before, by
the rows' own times, is lost as well.
"""
import bisect
import collections
import datetime
import hashlib
import math

FINAL = ("started", "not_needed", "launch_failed", "missed", "skipped")
STEPS = {  # what may follow what on record
    None: {"planned", "not_needed", "launch_failed", "missed", "skipped"},
    "planned": {"launching", "started", "launch_failed", "missed"},
    "launching": {"launching", "started", "launch_failed"},
}
# An edit gets its scheduled_since when its transaction begins, and is seen when that has committed: for so long fires of
# the old schedule are still right.
COMMIT_S = 10
# A fire is skipped because the run before it has not ended, as far as the leader knows; that it has may be on record for so
# long before the leader hears of it, if an answer is lost.
HEARD_S = 30
GRACE_S = 3600
KINDS = ("lost", "twice", "stray", "double", "short", "stuck", "fence", "epoch", "step", "record", "arithmetic")
SHOWN = 12


class Schedule:
    """Fire times of a schedule that has a second field only; zones do not matter, as they differ by whole minutes."""

    def __init__(self, text, start=None, end=None):
        fields = text.split()
        if any(field != "*" for field in fields[1:]):
            raise ValueError(f"{text!r}: the audit computes the second field only")
        self.seconds = sorted(seconds_of(fields[0]))
        self.start = -math.inf if start is None else instant(start)
        self.end = math.inf if end is None else instant(end)

    def rank(self, at):
        """How many fire times there are before an instant, counted from 1970, start and end aside."""
        return int(at // 60) * len(self.seconds) + bisect.bisect_left(self.seconds, at % 60)

    def fires(self, at):
        return at % 60 in self.seconds and self.start <= at <= self.end

    def count(self, first, last):
        """Fire times in [first, last]."""
        first, last = max(first, self.start), min(last, self.end)
        if last < first:
            return 0
        return self.rank(math.floor(last) + 1) - self.rank(math.ceil(first))


def seconds_of(field):
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            low, high = 0, 59
        elif not high:
            high = 59 if step else low
        found.update(range(int(low), int(high) + 1, int(step or 1)))
    return found


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def token(installation, job_id, fire, chunk, attempt):
    text = f"{installation}\n{job_id}\n{fire}\n{chunk}\n{attempt}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Era:
    """For so long a job's times were the same. until: when the next began, or the job was deleted."""

    def __init__(self, row):
        self.since, self.until = row["since"], math.inf
        self.schedule = None if row["suspended"] else Schedule(row["schedule"], row["schedule_start"], row["schedule_end"])


def eras_of(rows):
    eras = []
    for row in rows:
        if row["op"] == "DELETE":
            eras[-1].until = min(eras[-1].until, row["at"])
        elif row["op"] == "INSERT" or not eras or row["since"] != eras[-1].since:
            if eras:
                eras[-1].until = min(eras[-1].until, row["since"])
            eras.append(Era(row))
    return eras


class Audit:
    def __init__(self, seen, quiet_at, grace=GRACE_S, refused=()):
        """quiet_at: all fire times until then have to be on record. grace: of jobs that do not say, in seconds: only what was
        later than that may be on record as missed or failed. refused: jobs whose launches ECS has refused for good."""
        self.seen, self.quiet_at, self.grace, self.refused = seen, quiet_at, grace, refused
        self.counts = collections.Counter()
        self.errors = []
        self.rows = collections.defaultdict(list)
        self.history = collections.defaultdict(list)
        for run in seen["runs"]:
            self.rows[run["job_id"]].append(run)
        for row in seen["jobs"]:
            self.history[row["job_id"]].append(row)
        self.ended = {step["run_id"]: step["at"] for step in seen["steps"] if step["after"] in FINAL}

    def run(self):
        for job in sorted(self.history):
            self.fire_times(job)
            self.arithmetic(job)
            self.reasons(job)
        for job in set(self.rows) - set(self.history):
            self.error("stray", f"{job}: runs of a job that never was")
        self.states()
        self.epochs()
        self.launches()
        return self

    def error(self, kind, text):
        self.counts[f"! {kind}"] += 1
        self.errors.append(f"{kind}: {text}")

    # Each fire time once.

    def fire_times(self, job):
        eras, done = eras_of(self.history[job]), -math.inf  # done: the last fire time on record
        self.counts["jobs"] += 1
        self.counts["spans of unchanged times"] += len(eras)
        at = 0
        for run in self.rows[job]:
            self.counts["runs"] += 1
            self.counts[f"runs {run['state']}"] += 1
            covers = run["coalesced"] + 1
            # Which era can it be of? The newest that explains it counts.
            fits = [k for k in range(at, len(eras)) if explains(eras[k], run["fire"])]
            good = None
            for k in reversed(fits):
                due = eras[k].schedule.count(max(done + 1, eras[k].since), run["fire"])
                left = sum(tail(eras[i], done, COMMIT_S) for i in range(at, k))
                if due <= covers <= due + left:
                    good = (k, due)
                    break
            if not fits:
                self.error("stray", f"{job}: {show(run)} is no fire time of the job")
                continue
            if good is None:
                k = fits[-1]
                due = eras[k].schedule.count(max(done + 1, eras[k].since), run["fire"])
                self.error("lost" if covers < due else "twice", f"{job}: {show(run)} covers {covers}, but {due} were due after {done}")
            else:
                k, due = good
                self.counts["fire times dropped by a change of the schedule"] += max(0, sum(
                    tail(eras[i], done) for i in range(at, k)) - (covers - due))
            self.counts["fire times on record"] += covers
            at, done = k, run["fire"]
        for k in range(at, len(eras)):
            era = eras[k]
            if era.until <= self.quiet_at:
                self.counts["fire times dropped by a change of the schedule"] += tail(era, done)
            elif era.schedule is not None:
                due = era.schedule.count(max(done + 1, era.since), self.quiet_at)
                if due:
                    self.error("lost", f"{job}: {due} fire times after {done} are not on record")

    # What a run says of itself.

    def arithmetic(self, job):
        history = [row for row in self.history[job] if row["op"] != "DELETE"]
        counts = {min(row["task_count"], row["max_count"] or 50) for row in history}
        trigger = any((row["trigger"] or {}).get("type") == "sqs" for row in history)
        for run in self.rows[job]:
            if run["needed"] is None:
                continue
            if run["needed"] != max(0, run["wanted"] - run["running"]):
                self.error("arithmetic", f"{job}: {show(run)} wants {run['wanted']}, {run['running']} run, needs {run['needed']}")
            if not trigger and run["wanted"] not in counts:
                self.error("arithmetic", f"{job}: {show(run)} wants {run['wanted']}, and the job never did")

    # Whether what was not launched could not be.

    def reasons(self, job):
        given = {row["misfire_grace_seconds"] for row in self.history[job] if row["op"] != "DELETE"}
        grace = min(self.grace if each is None else each for each in given)
        before = None  # the last run that was not skipped
        for run in self.rows[job]:
            if run["state"] == "skipped":
                self.skipped(run, before)
                continue
            before = run
            late = run["at"] - run["fire"]
            if run["state"] in ("missed", "launch_failed") and late <= grace and job not in self.refused:
                self.error("lost", f"{job}: {show(run)} when it was {late:.1f} s late, and it has {grace} s: {run['error']}")

    def skipped(self, run, before):
        ended = -math.inf if before is None else self.ended.get(before["id"], math.inf)
        if ended < run["fire"] - HEARD_S:
            self.error("lost", f"{run['job_id']}: {show(run)}, and no run before it was open then: {run['error']}")

    def states(self):
        for run in self.seen["runs"]:
            if run["state"] not in FINAL:
                self.error("stuck", f"{run['job_id']}: {show(run)}")
        state = {}
        for step in self.seen["steps"]:
            self.counts["steps of runs"] += 1
            before = state.get(step["run_id"])
            if step["before"] != before or step["after"] not in STEPS.get(before, ()):
                self.error("step", f"run {step['run_id']}: {before} to {step['after']}")
            state[step["run_id"]] = step["after"]
            if step["epoch"] != step["leader_epoch"]:
                self.error("fence", f"run {step['run_id']} became {step['after']} in epoch {step['epoch']},"
                           f" when {step['leader_epoch']} led")

    def epochs(self):
        last = 0
        for row in self.seen["epochs"]:
            self.counts["epochs"] += 1
            if row["before"] != last or row["after"] != last + 1:
                self.error("epoch", f"{row['before']} to {row['after']} after {last}")
            last = row["after"]
        if last != self.seen["epoch"]:
            self.error("epoch", f"it is {self.seen['epoch']} after {last}")

    # Each plan's tasks once.

    def launches(self):
        groups = dict(self.seen["launches"]["groups"])
        if self.seen["launches"]["without_token"]:
            self.error("double", f"{self.seen['launches']['without_token']} launches had no client token")
        for run in self.seen["runs"]:
            self.tasks_of(run, groups)
        for name, group in groups.items():
            if group["tasks"]:
                self.error("double", f"{group['tasks']} tasks were started by token {name}, which no run on record has")
        self.counts["launches at ECS"] = self.seen["launches"]["launches"]
        self.counts["tasks at ECS"] = self.seen["launches"]["tasks"]
        self.counts["repeats with the same token"] = self.seen["launches"]["repeats"]

    def tasks_of(self, run, groups):
        arns = []
        for index, chunk in enumerate(run["chunks"]):
            for attempt in range(1, chunk["attempt"] + 1):
                name = token(self.seen["installation"], run["job_id"], run["fire"], index, attempt)
                group = groups.pop(name, None)
                self.counts["further attempts"] += attempt > 1
                if group is None:
                    continue
                if group["launches"] > 1 or group["conflicts"]:
                    self.error("double", f"{run['job_id']}: {show(run)}: token {name}: {group['launches']} launches,"
                               f" {group['conflicts']} conflicts")
                arns += group["arns"]
            if chunk["token"] != name:
                self.error("double", f"{run['job_id']}: {show(run)}: token {chunk['token']} is not the one of chunk {index},"
                           f" attempt {chunk['attempt']}")
        recorded = [task["taskId"] for task in run["tasks"]]
        unsure = "may have been started" in (run["error"] or "")
        if len(arns) > (run["needed"] or 0):
            self.error("double", f"{run['job_id']}: {show(run)} needed {run['needed']} tasks, ECS started {len(arns)}")
        elif run["state"] == "started" and len(arns) != run["needed"]:
            self.error("short", f"{run['job_id']}: {show(run)} needed {run['needed']} tasks, ECS started {len(arns)}")
        if sorted(arns) != sorted(recorded) and not unsure:
            self.error("record", f"{run['job_id']}: {show(run)} has {len(recorded)} tasks on record, ECS started {len(arns)}")
        self.counts["runs of which it stays unknown what ECS started"] += (run["error"] or "").startswith("it is not known whether")
        if run["state"] in ("launch_failed", "missed", "skipped") and not run["error"]:
            self.error("record", f"{run['job_id']}: {show(run)} gives no reason")
        self.counts["plans"] += run["state"] == "started" or bool(run["chunks"])
        self.counts["tasks planned"] += (run["needed"] or 0)
        self.counts["tasks on record"] += len(recorded)

    def found(self, texts):
        """What was seen besides, as "stuck: why"."""
        for text in texts:
            self.error(*text.split(": ", 1))
        return self

    def report(self):
        lines = [f"  {count:9} {name}" for name, count in sorted(self.counts.items()) if not name.startswith("!")]
        lines += [f"  {self.counts['! ' + kind]:9} {kind}" for kind in KINDS]
        lines += [f"  {text}" for text in self.errors[:SHOWN]]
        if len(self.errors) > SHOWN:
            lines.append(f"  ... and {len(self.errors) - SHOWN} more")
        return "\n".join(lines)


def explains(era, fire):
    return era.schedule is not None and era.schedule.fires(fire) and era.since <= fire <= era.until + COMMIT_S


def tail(era, done, more_s=0):
    """Fire times of an era that its end may have dropped: those after the last one on record."""
    if era.schedule is None or era.until == math.inf:
        return 0
    return era.schedule.count(max(done + 1, era.since), era.until + more_s)


def show(run):
    fire = datetime.datetime.fromtimestamp(run["fire"], datetime.timezone.utc)
    return f"run {run['id']} of {fire:%H:%M:%S} ({run['fire']}), {run['state']}"
