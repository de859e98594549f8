"""Jobs that are due every 1 to 5 seconds, and people who make, change, suspend, resume and delete them meanwhile, by the
API and in psql. What became of a request that failed is not asked: the triggers of ledger.py know.
"""
import http.client
import json
import random
import threading
import time

import psycopg2

from stack import DATABASE

ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns")
STEADY = 0.6  # of the jobs keep their times for ever, so that nothing of them can hide behind an edit
QUEUES = ("work", "idle", "mail")
FAMILY_SIZE = 4  # jobs of a task definition that they share, told apart by overrides


class Workload:
    def __init__(self, stack, jobs, seed, pause_s=0.3):
        self.stack, self.wanted, self.pause_s = stack, jobs, pause_s
        self.random = random.Random(f"{seed} workload")
        self.serial = 0
        self.steady, self.fickle = [], []
        self.edits = self.failed = 0
        self.last_failure = None
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.error = None

    # What jobs there are.

    def job(self):
        """A new job, as the API has it; its task definition is made known to the stand-in."""
        pick, self.serial = self.random, self.serial + 1
        job = {"id": f"job-{self.serial}", "schedule": self.schedule(), "taskCount": 1}
        zone = pick.choice(ZONES)
        if zone is not None:
            job["timezone"] = zone
        kind = pick.random()
        if kind < 0.15:
            job["taskCount"] = pick.choice((2, 3, 10, 12, 23))
        elif kind < 0.3:
            job["trigger"] = {"type": "sqs", "queueName": pick.choice(QUEUES), "messagesPerTask": pick.choice((3, 10, 100))}
            job["maxCount"] = pick.choice((4, 12))
        if pick.random() < 0.2:
            job["taskDefinition"] = f"shared-{self.serial // FAMILY_SIZE}"
            job["overrides"] = [{"containerName": "main", "environment": {"WHO": job["id"]}}]
        else:
            job["taskDefinition"] = job["id"]
        if pick.random() < 0.05:
            job["scheduleStart"] = stamp(time.time() + pick.uniform(1, 20))
        if pick.random() < 0.05:
            job["scheduleEnd"] = stamp(time.time() + pick.uniform(30, 90))
        self.stack.aws.task_definitions({"family": job["taskDefinition"], "containers": ["main"]})
        return job

    def schedule(self):
        pick = self.random
        every = pick.choice((1, 2, 2, 3, 4, 5))
        return pick.choice((f"*/{every}", f"{pick.randrange(every)}/{every}", f"{pick.randrange(every)}-59/{every} * * *"))

    def fill(self):
        """The first jobs, before anything goes wrong."""
        for _ in range(self.wanted):
            self.make(by_psql=False)
        if len(self.steady) + len(self.fickle) < self.wanted:
            raise AssertionError("not all jobs could be made, and nothing was wrong yet")

    def make(self, by_psql):
        job = self.job()
        if self.psql_insert(job) if by_psql else self.ask("POST", "/jobs", job):
            steady = self.random.random() < STEADY
            (self.steady if steady else self.fickle).append(job["id"])

    # What people do.

    def start(self):
        self.thread.start()

    def stop(self):
        self.enough.set()
        self.thread.join()
        if self.error is not None:
            raise self.error

    def run(self):
        try:
            while not self.enough.wait(self.random.uniform(0, 2 * self.pause_s)):
                self.act()
        except Exception as error:  # told to whoever stops us
            self.error = error

    def act(self):
        pick = self.random
        self.edits += 1
        what = pick.random()
        by_psql = pick.random() < 0.4
        if what < 0.35:
            self.change(pick.choice(self.steady), {"taskCount": pick.choice((1, 1, 2, 11))}, by_psql)
        elif what < 0.55 and self.fickle:
            self.change(pick.choice(self.fickle), {"schedule": self.schedule()}, by_psql)
        elif what < 0.65 and self.fickle:
            self.change(pick.choice(self.fickle), {"timezone": pick.choice(ZONES[1:])}, by_psql)
        elif what < 0.8 and self.fickle:
            self.change(pick.choice(self.fickle), {"suspended": pick.random() < 0.4}, by_psql)
        elif what < 0.9 and self.fickle:
            self.remove(pick.choice(self.fickle), by_psql)
            self.make(not by_psql)
        else:
            self.stack.aws.queue(pick.choice(QUEUES), visible=pick.choice((0, 1, 25, 400)))

    def change(self, job, fields, by_psql):
        if not by_psql:
            self.ask("PUT", f"/jobs/{job}", fields)
            return
        columns = {"taskCount": "task_count", "schedule": "schedule", "timezone": "timezone", "suspended": "suspended"}
        for name, value in fields.items():
            self.psql(f"UPDATE jobs SET {columns[name]} = %s WHERE id = %s", [value, job])

    def remove(self, job, by_psql):
        if self.psql("DELETE FROM jobs WHERE id = %s", [job]) if by_psql else self.ask("DELETE", f"/jobs/{job}", None):
            self.fickle.remove(job)

    def psql_insert(self, job):
        columns = {"id": job["id"], "task_definition": job["taskDefinition"], "schedule": job["schedule"],
                   "timezone": job.get("timezone"), "task_count": job["taskCount"], "max_count": job.get("maxCount"),
                   "trigger": text_or_none(job.get("trigger")), "overrides": text_or_none(job.get("overrides")),
                   "schedule_start": job.get("scheduleStart"), "schedule_end": job.get("scheduleEnd")}
        names = ", ".join(columns)
        return self.psql(f"INSERT INTO jobs ({names}) VALUES ({', '.join(['%s'] * len(columns))})", list(columns.values()))

    # How they do it. False: it did not work, or nobody knows.

    def psql(self, text, values):
        try:
            connection = psycopg2.connect(self.stack.cluster.url(DATABASE))
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(text, values)
                return True
            finally:
                connection.close()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.fail(f"{text}: {error}")
            return False

    def ask(self, method, path, body):
        connection = http.client.HTTPConnection(*self.stack.address, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.fail(f"{method} {path}: {error!r}")
            return False
        finally:
            connection.close()
        # 404 and 409: an earlier request whose answer was lost had worked. 503: the database is away.
        if answer.status not in (200, 201, 404, 409, 503):
            raise AssertionError(f"{method} {path} {body}: {answer.status} {text[:500]}")
        if answer.status == 503:
            self.fail(f"{method} {path}: 503 {text[:500]}")
        return answer.status != 503

    def fail(self, why):
        self.failed += 1
        self.last_failure = why


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def text_or_none(value):
    return None if value is None else json.dumps(value)
