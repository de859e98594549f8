"""Jobs that are due every 1 to 5 seconds, and people who make, change, suspend, resume and delete them meanwhile, by the
API and in psql. What became of a request that failed is not asked: the triggers of ledger.py know. What was acknowledged
has to be in the table at the end (promises.py).
"""
import http.client
import json
import random
import threading
import time

import psycopg2

from promises import Promises
from stack import DATABASE

ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns")
STEADY = 0.6  # of the jobs keep their times for ever, so that nothing of them can hide behind an edit
QUEUES = ("work", "idle", "mail")
FAMILY_SIZE = 4  # jobs of a task definition that they share, told apart by overrides
COLUMNS = {"taskCount": "task_count", "schedule": "schedule", "timezone": "timezone", "suspended": "suspended"}  # that change
GOOD = {"GET": 200, "POST": 201, "PUT": 200, "DELETE": 200}
DONE, GONE, UNKNOWN = "done", "gone", "unknown"  # what became of a request; unknown: it failed
READ_PAUSE_S = 0.02


class Client:
    """Asks webapid, each time on a new connection, or, if it keeps them, on one for as long as it is not closed."""

    def __init__(self, address, keeps):
        self.address, self.keeps, self.kept, self.repeats = address, keeps, None, 0

    def ask(self, method, path, body=None):
        """Status and text. What must not happen twice goes by a new connection: one that was used before may be closed
        while a request is on its way, which has to be sent again then, as any client does."""
        used = self.kept if method != "POST" else None
        if used:
            self.kept = None
        connection = used or http.client.HTTPConnection(*self.address, timeout=20)
        try:
            try:
                connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
            except ConnectionError:
                if not used:
                    raise
                self.repeats += 1
                return self.ask(method, path, body)
            text = answer.read()
            if self.keeps and self.kept is None and connection.sock:
                self.kept = connection
            return answer.status, text
        finally:
            if connection is not self.kept:
                connection.close()

    def close(self):
        if self.kept:
            self.kept.close()


class Workload:
    def __init__(self, stack, jobs, seed, pause_s=0.3, nothing_fails=False, readers=0):
        """nothing_fails: each request has to do what it asks for; only then connections are kept, as of what is sent again
        nobody knows whether it happens twice. readers: people who only look."""
        self.stack, self.wanted, self.pause_s, self.nothing_fails = stack, jobs, pause_s, nothing_fails
        self.random = random.Random(f"{seed} workload")
        self.serial = 0
        self.steady, self.fickle = [], []
        self.edits = self.reads = self.repeats = 0
        self.failures, self.promises = [], Promises()
        kinds = (False, True) if nothing_fails else (False,)
        self.editors = [Client(stack.address, keeps) for keeps in kinds]
        self.readers = [Client(stack.address, kinds[n % len(kinds)]) for n in range(readers)]
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.until_enough, args=[self.edit], daemon=True)]
        self.threads += [threading.Thread(target=self.until_enough, args=[self.look, client, random.Random(n)], daemon=True)
                         for n, client in enumerate(self.readers)]
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
        if (self.psql_insert(job) if by_psql else self.api("POST", "/jobs", job)) == DONE:
            self.promises.made(job["id"], {COLUMNS[name]: job[name] for name in COLUMNS if name in job})
            steady = self.random.random() < STEADY
            (self.steady if steady else self.fickle).append(job["id"])

    # What people do.

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.enough.set()
        for thread in self.threads:
            thread.join()
        for client in self.editors + self.readers:
            client.close()
            self.repeats += client.repeats
        if self.error is not None:
            raise self.error

    def until_enough(self, do, *args):
        try:
            while not self.enough.is_set():
                do(*args)
        except Exception as error:  # told to whoever stops us
            self.error = error

    def edit(self):
        if not self.enough.wait(self.random.uniform(0, 2 * self.pause_s)):
            self.act()

    def look(self, client, pick):
        """At a job that nobody deletes."""
        if not self.enough.wait(READ_PAUSE_S):
            self.reads += 1
            self.ask(client, "GET", f"/jobs/{pick.choice(self.steady)}")

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
        row = {COLUMNS[name]: value for name, value in fields.items()}
        if by_psql:
            changes = ", ".join(f"{column} = %s" for column in row)
            outcome = self.psql(f"UPDATE jobs SET {changes} WHERE id = %s", [*row.values(), job])
        else:
            outcome = self.api("PUT", f"/jobs/{job}", fields)
        if outcome == GONE:
            self.may_be_gone(job)
        else:
            self.promises.changed(job, row, outcome == DONE)

    def remove(self, job, by_psql):
        outcome = self.psql("DELETE FROM jobs WHERE id = %s", [job]) if by_psql else self.api("DELETE", f"/jobs/{job}")
        if outcome == GONE:
            self.may_be_gone(job)
        self.promises.removed(job, outcome != UNKNOWN)
        if outcome != UNKNOWN:
            self.fickle.remove(job)

    def may_be_gone(self, job):
        if job not in self.promises.perhaps_gone:
            raise AssertionError(f"{job} has gone, and nobody deleted it")

    def psql_insert(self, job):
        columns = {"id": job["id"], "task_definition": job["taskDefinition"], "schedule": job["schedule"],
                   "timezone": job.get("timezone"), "task_count": job["taskCount"], "max_count": job.get("maxCount"),
                   "trigger": text_or_none(job.get("trigger")), "overrides": text_or_none(job.get("overrides")),
                   "schedule_start": job.get("scheduleStart"), "schedule_end": job.get("scheduleEnd")}
        names = ", ".join(columns)
        return self.psql(f"INSERT INTO jobs ({names}) VALUES ({', '.join(['%s'] * len(columns))})", list(columns.values()))

    # How they do it, and what became of it.

    def psql(self, text, values):
        begun = time.time()
        try:
            connection = psycopg2.connect(self.stack.cluster.url(DATABASE))
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(text, values)
                    return DONE if cursor.rowcount else GONE
            finally:
                connection.close()
        except psycopg2.Error as error:
            if error.pgcode is not None and not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
                raise  # else the session has ended
            return self.fail(begun, f"psql: {text} {values}: {error}")

    def api(self, method, path, body=None):
        return self.ask(self.random.choice(self.editors), method, path, body)

    def ask(self, client, method, path, body=None):
        begun, who = time.time(), f"API{' by a kept connection' if client.keeps else ''}: {method} {path} {body or ''}"
        try:
            status, text = client.ask(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            return self.fail(begun, f"{who}: {error!r}")
        if status == GOOD[method]:
            return DONE
        if self.nothing_fails or status == 503:  # 503: the database is away
            return self.fail(begun, f"{who}: {status} {text[:500]}")
        if status in (404, 409):  # an earlier request whose answer was lost had worked
            return GONE if status == 404 else UNKNOWN
        raise AssertionError(f"{who}: {status} {text[:500]}")

    def fail(self, begun, why):
        at = time.strftime("%H:%M:%S", time.gmtime(begun)) + f".{begun % 1 * 1000:03.0f}"
        self.failures.append(f"{at}, after {time.time() - begun:.2f} s, {why}")
        return UNKNOWN

    def broken_promises(self):
        """What was acknowledged, and is not in the table."""
        columns = ("id", *COLUMNS.values())
        rows = self.stack.sql(f"SELECT {', '.join(columns)} FROM jobs")
        return self.promises.broken({row[0]: dict(zip(columns, row)) for row in rows})


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def text_or_none(value):
    return None if value is None else json.dumps(value)
