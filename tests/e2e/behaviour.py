"""What the Python program was recorded to ask of AWS (tests/data/scheduler_behaviour.json), and the means to have this one
asked for the same: both in one form, a list of [operation, what counts of the body].

Set aside are the client token (which is checked by itself), the cluster and the desired status (which are always the
same, and checked), and SQS's older protocol.
"""
import datetime
import json
import math
import re
import time
import unittest

from stack import ECS_CLUSTER, SOURCE, Stack, wait_until

RECORDED = json.loads((SOURCE / "tests" / "data" / "scheduler_behaviour.json").read_text())
OPERATIONS = ("ListTasks", "DescribeTasks", "RunTask", "GetQueueUrl", "GetQueueAttributes")
STARTED_BY = "ecs-scheduler"
FOREVER = "*"  # every second


def recorded(calls):
    """The recorded calls in the common form."""
    found = []
    for entry in calls:
        if isinstance(entry, str):  # "... 13 calls, RunTask counts [10, ...]"
            continue
        operation = next(word for word in entry if word in OPERATIONS)
        body = entry[entry.index(operation) + 1]
        found.append([operation, counts(operation, dict(body) if isinstance(body, dict) else body)])
    return found


def counts(operation, body):
    """What counts of a call's body."""
    if not isinstance(body, dict):
        return body  # the recording left it out, or has only RunTask's count
    if operation == "GetQueueUrl":
        return {"QueueName": body["QueueName"]}
    if operation == "GetQueueAttributes":
        return {}
    if operation == "DescribeTasks":
        tasks = body["tasks"]
        return {"tasks": tasks if isinstance(tasks, str) else f"<{len(tasks)} arns>"}
    return {name: value for name, value in body.items() if name not in ("cluster", "desiredStatus", "clientToken")}


def run_counts(calls):
    return [body["count"] for operation, body in calls if operation == "RunTask"]


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def once(seconds):
    """The schedule of one instant."""
    at = utc(seconds)
    return f"{at.second} {at.minute} {at.hour} * * {at.day} {at.month} {at.year}"


class Case(unittest.TestCase):
    """One whole system for all scenarios of a class; each begins with no job and no task."""

    families, queues, settings, maxDiff = (), (), {}, None

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(task_definitions=cls.families, queues=cls.queues).__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.aws = cls.stack.aws
        cls.stack.start_webapid()
        cls.scheduld = cls.stack.start_scheduld(**cls.settings)

    def setUp(self):
        self.mark = self.aws.mark()

    def tearDown(self):
        self.aws.clear_faults()
        self.stack.sql("DELETE FROM jobs")
        self.settle()
        self.aws.stop_tasks(all=True)
        self.stack.check()
        wrong = [call for call in self.aws.calls(after=self.mark) if call["signature"] != "ok"]
        self.assertEqual(wrong, [])

    def settle(self):
        """Nothing is on its way any more."""
        wait_until("nothing is on its way", lambda: not self.stack.sql(
            "SELECT 1 FROM runs WHERE state IN ('planned', 'launching')"))

    # The API.

    def api(self, method, path, expected, body=None):
        status, answer = self.stack.api(method, path, body)
        self.assertEqual(status, expected, answer)
        return answer

    def post(self, expected=201, schedule=FOREVER, **fields):
        return self.api("POST", "/jobs", expected, {"schedule": schedule, **fields})

    def put(self, job, **fields):
        return self.api("PUT", f"/jobs/{job}", 200, fields)

    def get(self, job):
        return self.api("GET", f"/jobs/{job}", 200)

    def armed(self, job):
        """Waits until the scheduler has seen the last change of the job, whatever came of it."""
        wait_until(f"the scheduler has seen {job}", lambda: self.stack.sql(
            "SELECT 1 FROM jobs j JOIN job_state s ON s.job_id = j.id AND s.armed_revision = j.revision WHERE j.id = %s", [job]))

    def run_of(self, job):
        """The last run on record that is over: (state, error, number of tasks)."""
        found = wait_until(f"a run of {job} is over", lambda: self.stack.sql(
            "SELECT state, error, jsonb_array_length(tasks) FROM runs WHERE job_id = %s AND state NOT IN ('planned', 'launching')"
            " ORDER BY fire_at DESC LIMIT 1", [job]))
        return found[0]

    # What arrived at AWS.

    def calls(self, family=None, queue=None, after=None):
        """Calls in the common form; of one family and queue, or all."""
        tasks = {task["taskArn"] for task in self.aws.tasks(family=family, status="all")} if family else set()
        found = []
        for call in self.aws.calls(after=self.mark if after is None else after):
            body = call["body"]
            if call["operation"] in ("ListTasks", "RunTask", "DescribeTasks"):
                self.assertEqual(body["cluster"], ECS_CLUSTER)
            if call["operation"] == "ListTasks":
                self.assertEqual(body["desiredStatus"], "RUNNING")
            if call["operation"] == "RunTask":
                self.assertRegex(body["clientToken"], r"^[0-9a-f]{40}$")
            mine = family is None or family in (body.get("family"), body.get("taskDefinition")) or (
                queue is not None and queue in (body.get("QueueName"), body.get("QueueUrl", "").rpartition("/")[2])) or (
                bool(tasks) and tasks.issuperset(body.get("tasks", [None])))
            if mine:
                found.append([call["operation"], counts(call["operation"], body)])
        return found

    def wait_calls(self, count, operation=None, family=None, queue=None, after=None):
        """The calls, as soon as there are so many (of the operation)."""
        def enough():
            calls = self.calls(family, queue, after)
            return calls if sum(operation in (None, call[0]) for call in calls) >= count else None

        return self.aws.wait_until(enough, f"{count} calls {operation or ''} of {family}", 60)

    def tokens(self, family):
        return [call["body"]["clientToken"] for call in self.aws.calls("RunTask", self.mark) if call["body"]["taskDefinition"] == family]

    def quiet(self, seconds, family=None):
        """What comes in so much time, in which nothing is to come."""
        mark = self.aws.mark()
        until = time.monotonic() + seconds
        wait_until("some time", lambda: time.monotonic() > until)
        return self.calls(family, after=mark)

    def fire_once(self, cases, prepare=None):
        """Jobs that fire once, all in the same second: by name their fields. Returns by name [calls, state of the run]."""
        for name, fields in cases.items():
            self.post(id=name, suspended=True, **fields)
        at = math.ceil(time.time() + 1)
        self.stack.sql("UPDATE jobs SET suspended = false, schedule = %s", [once(at)])
        result = {}
        for name, fields in cases.items():
            state = self.run_of(name)[0]
            result[name] = [self.calls(fields["taskDefinition"], (fields.get("trigger") or {}).get("queueName")), state]
        return result

    def assert_fields(self, job, expected, *names):
        self.assertEqual({name: job.get(name) for name in names}, {name: expected.get(name) for name in names})

    def assert_last_run(self, job, tasks, zone=r"\+00:00"):
        self.assertRegex(job["lastRun"], rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d{zone}$")
        self.assertEqual(len(job["lastRunTasks"]), tasks)
        for task in job["lastRunTasks"]:
            self.assertTrue(re.match(r"arn:aws:ecs:us-east-1:\d{12}:task/test-cluster/", task["taskId"]), task)
