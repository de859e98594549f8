"""Health and metrics of both daemons: they are what docs/monitoring says, they pass promtool, and they move."""
import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
import unittest

import psycopg2

from stack import DATABASE, DEADLINE_S, SOURCE, Stack, wait_until

MONITORING = SOURCE / "docs" / "monitoring"
README = (MONITORING / "README.md").read_text()
ASKED = README + (MONITORING / "alerts.yml").read_text() + (MONITORING / "dashboard.json").read_text().replace('\\"', '"')
PER_ADDRESS = 20  # connections to webapid, so that few are too many
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def connect(address):
    """A socket that is connected to a host and port, or to a unix socket by its path."""
    if isinstance(address, tuple):
        return socket.create_connection(address, DEADLINE_S)
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(address))
    raw.settimeout(DEADLINE_S)
    return raw


def ask(address, path, method="GET", **headers):
    """Status, headers and text."""
    connection = http.client.HTTPConnection("localhost")
    try:
        connection.sock = connect(address)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def ready(address):
    status, _, text = ask(address, "/health/ready")
    return status, json.loads(text)


def documented(daemon):
    table = README.split(f"<!-- {daemon} metrics -->")[1]
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in re.findall(r"^\| `(\w+)` \| ([^|]*)\|", table, re.M)}


def sample(text, name, **labels):
    """The sum of a metric's samples that have these labels; None if there is none."""
    found = [float(value) for labelled, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.M)
             if all(f'{key}="{wanted}"' in labelled for key, wanted in labels.items())]
    return sum(found) if found else None


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack(task_definitions=("hello:main", "calm:main", "busy:main")))
        cls.stack.aws.life("busy", run_s=0.1)  # the others' tasks run on, so that no other is needed
        cls.web = cls.stack.start_webapid(ECSS_MAX_CONNECTIONS_PER_ADDRESS=PER_ADDRESS).address
        cls.before = ready(cls.web)
        cls.admin = cls.stack.dir / "admin.sock"
        cls.start_leader()

    @classmethod
    def start_leader(cls):
        cls.leader = cls.stack.start_scheduld(ECSS_ADMIN_LISTEN=f"unix:{cls.admin}")

    @contextlib.contextmanager
    def locked(self, table):
        """Nobody else gets at the table meanwhile."""
        with contextlib.closing(psycopg2.connect(self.stack.cluster.url(DATABASE))) as connection:
            connection.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    def add(self, job, schedule, **more):
        status, answer = self.stack.api("POST", "/jobs", {"taskDefinition": job, "schedule": schedule, **more})
        self.assertEqual(status, 201, answer)

    def metrics(self, address, **headers):
        status, _, text = ask(address, "/metrics", **headers)
        self.assertEqual(status, 200)
        return text

    def moves(self, address, name, by=1, **labels):
        """The condition that a metric has grown since now."""
        before = sample(self.metrics(address), name, **labels) or 0
        return lambda: (sample(self.metrics(address), name, **labels) or 0) >= before + by

    def all_move(self, act, **conditions):
        act()
        for name, condition in conditions.items():
            wait_until(name, condition)

    def asked_values_are_there(self, daemon, address):
        """A rule that asks for a value that no label has would never fire. To be called when there is each."""
        text, found = self.metrics(address), 0
        for name, selectors in re.findall(r"\b(ecss_\w+){(.*?)}", ASKED):
            for label, _, asked in re.findall(r'(\w+)(=~?|!=)"(.*?)"', selectors):
                if label != "job" and name in documented(daemon):
                    there = re.findall(rf'^{name}{{.*\b{label}="(.*?)"', text, re.M)
                    for value in asked.split("|"):
                        self.assertTrue(any(re.fullmatch(value, one) for one in there), f"{name}: no {label} is {value}")
                        found += 1
        self.assertGreater(found, 1)

    def test_names_and_labels_are_those_of_the_document(self):
        for daemon, address in (("webapid", self.web), ("scheduld", self.admin)):
            text = self.metrics(address)
            names = documented(daemon)
            self.assertEqual(set(re.findall(r"^# TYPE (\w+) ", text, re.M)), set(names), daemon)
            for name, labels in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?{(.*)} ", text, re.M):
                self.assertEqual(set(re.findall(r'(\w+)="', labels)) - {"le"}, names[name], f"{daemon} {name}")

    def test_the_queries_of_the_document_can_be_asked(self):
        queries = re.findall(r"`(SELECT [^`]*);`", README)
        self.assertGreater(len(queries), 4)
        for query in queries:
            self.stack.sql(query.replace("\n", " "))

    def test_promtool_is_content(self):
        promtool = shutil.which("promtool")
        if promtool is None:
            self.fail("there is no promtool (Debian's package prometheus)")
        for address in (self.web, self.admin):
            check = subprocess.run([promtool, "check", "metrics"], input=self.metrics(address), text=True, capture_output=True)
            self.assertEqual((check.returncode, check.stdout, check.stderr), (0, "", ""))

    def test_openmetrics_is_given_if_it_is_asked_for(self):
        for address in (self.web, self.admin):
            status, headers, text = ask(address, "/metrics", Accept=OPENMETRICS)
            self.assertEqual((status, headers["Content-Type"]),
                             (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
            self.assertTrue(text.endswith("# EOF\n"))
            _, headers, text = ask(address, "/metrics", Accept="text/plain")
            self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertNotIn("# EOF", text)

    def test_webapids_numbers_move(self):
        web = self.web
        moved = {
            "by route and status": self.moves(web, "ecss_http_requests_total", route="GET /jobs/{id}", status="404"),
            "an unknown path": self.moves(web, "ecss_http_requests_total", route="none", status="404"),
            "another method": self.moves(web, "ecss_http_requests_total", route="none", status="405"),
            "durations": self.moves(web, "ecss_http_request_duration_seconds_count", route="GET /jobs/{id}"),
            "refusals": self.moves(web, "ecss_http_refused_total", status="400"),
        }

        def act():
            ask(web, "/jobs/nobody")
            ask(web, "/nowhere")
            ask(web, "/jobs", "PATCH")
            with connect(web) as raw:
                raw.sendall(b"NO HTTP AT ALL\r\n\r\n")
                raw.recv(4096)

        self.all_move(act, **moved)
        with connect(web), connect(web):  # those of who asks are gone when it is looked
            wait_until("two connections are seen", lambda: sample(self.metrics(web), "ecss_http_connections") >= 2)
        wait_until("both workers have their connection", lambda: sample(self.metrics(web), "ecss_database_ready") == 2)
        self.assertEqual(sample(self.metrics(web), "ecss_http_max_connections"), 1000)
        self.too_many_connections()
        with self.locked("jobs"), connect(web) as raw:
            raw.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30)  # one by one, each until its deadline
            wait_until("a query that waits is seen", lambda: sample(self.metrics(web), "ecss_database_queries") >= 1)
            self.assertTrue(raw.recv(4096).startswith(b"HTTP/1.1 503 "))
        self.asked_values_are_there("webapid", web)

    def too_many_connections(self):
        """From another address, so that we are heard: some are told so, of far more not even that."""
        crowd = []
        self.addCleanup(lambda: [one.close() for one in crowd])
        refused = self.moves(self.web, "ecss_http_refused_total", status="503")
        dropped = self.moves(self.web, "ecss_http_dropped_total")

        def come():
            crowd.extend(socket.create_connection(self.web, DEADLINE_S, ("127.0.0.2", 0)) for _ in range(2 * PER_ADDRESS))
            return dropped()

        wait_until("some are dropped", come)
        wait_until("some are told why", refused)

    def test_schedulds_numbers_move(self):
        admin, stack = self.admin, self.stack
        moved = {
            "fires": self.moves(admin, "ecss_fires_total"),
            "started runs": self.moves(admin, "ecss_runs_total", state="started"),
            "failed runs": self.moves(admin, "ecss_runs_total", state="launch_failed"),
            "runs that are not needed": self.moves(admin, "ecss_runs_total", state="not_needed"),
            "tasks": self.moves(admin, "ecss_tasks_started_total"),
            "lateness": self.moves(admin, "ecss_run_lateness_seconds_count"),
            "launches": self.moves(admin, "ecss_run_launch_duration_seconds_count"),
            "calls": self.moves(admin, "ecss_aws_requests_total", action="RunTask", result="ok"),
            "refusals": self.moves(admin, "ecss_aws_requests_total", result="refused"),
            "throttles": self.moves(admin, "ecss_aws_requests_total", result="throttled"),
            "durations": self.moves(admin, "ecss_aws_request_duration_seconds_count", action="RunTask"),
        }

        bucket = {f"ecss_aws_bucket_{name}": sample(self.metrics(admin), f"ecss_aws_bucket_{name}", lane="launches")
                  for name in ("tokens", "rate")}

        def act():
            stack.aws.fault("RunTask", "throttle")
            for job, schedule in (("hello", "*"), ("unknown", "*"), ("calm", "0 0 0 * * 1 1 2099")):
                self.add(job, schedule)
            for name, full in bucket.items():
                wait_until(f"{name} is lower", lambda each=name, full=full: sample(self.metrics(admin), each, lane="launches") < full)
            stack.aws.clear_faults()

        self.all_move(act, **moved)
        text = self.metrics(admin)
        self.assertEqual(sample(text, "ecss_leading"), 1)
        self.assertEqual(sample(text, "ecss_leader_epoch"), stack.epoch())
        self.assertEqual(sample(text, "ecss_database_up"), 1)
        wait_until("three jobs are armed", lambda: sample(self.metrics(admin), "ecss_jobs_armed") == 3)
        self.assertEqual(sample(self.metrics(admin), "ecss_jobs"), 3)
        self.assertLess(sample(self.metrics(admin), "ecss_last_tick_age_seconds"), 30)
        self.assertLess(sample(self.metrics(admin), "ecss_overdue_seconds"), 10)
        self.assertGreater(sample(text, "ecss_agenda_memory_bytes"), 0)
        self.launches_take_long()
        self.asked_values_are_there("scheduld", admin)
        stack.sql("UPDATE jobs SET timezone = 'Nowhere/Land' WHERE id = 'calm'")
        wait_until("a problem is seen", lambda: sample(self.metrics(admin), "ecss_jobs_with_problem") == 1)
        for job in ("hello", "unknown", "calm"):
            stack.api("DELETE", f"/jobs/{job}")

    def launches_take_long(self):
        """ECS is slow, and then has no room: it says that with 200, so it is no error of a request."""
        admin, aws = self.admin, self.stack.aws
        skipped = self.moves(admin, "ecss_runs_total", state="skipped")
        aws.fault("RunTask", "delay", delay_s=1.5)
        self.add("busy", "*")
        wait_until("a call waits for its answer", lambda: sample(self.metrics(admin), "ecss_aws_calls") >= 1)
        wait_until("a run is active", lambda: sample(self.metrics(admin), "ecss_runs_in_progress", stage="active") >= 1)
        wait_until("the next run is skipped", skipped)
        aws.clear_faults()
        retries = self.moves(admin, "ecss_launch_retries_total")
        answers = self.moves(admin, "ecss_aws_requests_total", action="RunTask", result="ok")
        aws.fault("RunTask", "failures", reason="RESOURCE:CPU")
        wait_until("a run is to be tried again", lambda: sample(self.metrics(admin), "ecss_runs_in_progress", stage="retrying") >= 1)
        wait_until("it was", retries)
        wait_until("those were answers", answers)
        aws.clear_faults()
        self.stack.api("DELETE", "/jobs/busy")

    def test_a_standby_says_so_and_takes_over(self):
        standby = self.stack.start_scheduld(lead=False, ECSS_ADMIN_LISTEN="127.0.0.1:0", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
                                            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{self.stack.aws.url}/v1/credentials")
        port = wait_until("it listens", lambda: standby.check() and re.search(r"admin\.listening address=127\.0\.0\.1:(\d+)", standby.log()))[1]
        admin = ("127.0.0.1", int(port))
        wait_until("it is ready", lambda: standby.check() and ready(admin)[0] == 200)
        self.assertEqual(ready(admin)[1]["role"], "standby")
        text = self.metrics(admin)
        self.assertEqual([sample(text, name) for name in ("ecss_leading", "ecss_ready", "ecss_leader_epoch")], [0, 1, None])
        self.add("busy", "*")
        self.add("calm", "*", misfireGraceSeconds=1)
        wait_until("it knows the jobs", lambda: sample(self.metrics(admin), "ecss_jobs_armed") == 2)
        self.take_over(admin)
        for job in ("busy", "calm"):
            self.stack.api("DELETE", f"/jobs/{job}")
        standby.stop()
        self.start_leader()

    def take_over(self, admin):
        """It cannot read what is owing at first: what is due stays in the wheel, and is made up for, or missed, afterwards."""
        missed, coalesced = self.moves(admin, "ecss_runs_total", state="missed"), self.moves(admin, "ecss_fires_coalesced_total")
        with self.locked("job_state"):
            self.leader.kill()
            wait_until("it leads", lambda: sample(self.metrics(admin), "ecss_leading") == 1)
            wait_until("a query that waits is seen", lambda: sample(self.metrics(admin), "ecss_database_queries") >= 1)
            wait_until("fires are overdue", lambda: sample(self.metrics(admin), "ecss_overdue_seconds") >= 2)
        wait_until("none is any more", lambda: sample(self.metrics(admin), "ecss_overdue_seconds") == 0)
        wait_until("earlier ones are made up for", coalesced)
        wait_until("runs are missed", missed)
        expiry = "ecss_aws_credentials_expiry_timestamp_seconds"
        wait_until("it has keys that expire", lambda: (sample(self.metrics(admin), expiry) or 0) > time.time())

    def test_the_admin_listener_is_bounded(self):
        crowd = []
        self.addCleanup(lambda: [one.close() for one in crowd])

        def full():
            """As often as it takes: who does not ask is turned out after a while, so the crowd of a slow test has gone."""
            crowd.extend(connect(self.admin) for _ in range(16))
            return self.turned_away()

        wait_until("the next one is turned away", full)
        wait_until("who does not ask is not kept", lambda: not self.turned_away())
        self.assertEqual(ask(self.admin, "/health/live")[0], 200)
        for sent, status in ((b"GET /nothing HTTP/1.1\r\n\r\n", b"404"), (b"DELETE /metrics HTTP/1.1\r\n\r\n", b"405"),
                             (b"\r\n\r\n", b"400"), (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000, b"431")):
            with connect(self.admin) as raw:
                raw.sendall(sent)
                self.assertEqual(raw.recv(4096)[:12], b"HTTP/1.1 " + status)
        status, headers, text = ask(self.admin, "/metrics", "HEAD")
        self.assertEqual((status, text), (200, ""))
        self.assertGreater(int(headers["Content-Length"]), 1000)

    def turned_away(self):
        with connect(self.admin) as raw:
            try:
                raw.sendall(b"GET /health/live HTTP/1.1\r\n\r\n")
                return raw.recv(1) == b""
            except ConnectionError:
                return True

    def test_the_admin_listener_is_never_public(self):
        for listen in ("0.0.0.0:9090", "[::]:9090", "example.com:80", "127.0.0.1.example.com:80", "9090"):
            check = subprocess.run([self.stack.program("scheduld"), "--check-config"], text=True, capture_output=True,
                                   env=self.stack.environment(ECSS_ECS_CLUSTER="c", ECSS_ADMIN_LISTEN=listen, AWS_REGION="eu-west-1"))
            self.assertEqual(check.returncode, 78, listen)
            self.assertIn("ECSS_ADMIN_LISTEN", check.stderr)

    def test_without_a_database_nobody_is_ready(self):
        """The last one, as it stops the database."""
        web, admin, cluster = self.web, self.admin, self.stack.cluster
        self.assertEqual(self.before, (200, {"status": "ready", "database": "up", "schema": 1,
                                             "leader": {"seen": False, "secondsAgo": None}}))
        wait_until("the leader is ready", lambda: ready(admin)[0] == 200)
        self.assertEqual(ready(admin)[1]["role"], "leader")
        self.assertEqual(sample(self.metrics(admin), "ecss_ready"), 1)
        wait_until("webapid sees it", lambda: ready(web)[1]["leader"]["seen"])
        cluster.shut_down()
        wait_until("neither is ready", lambda: ready(web)[0] == 503 and ready(admin)[0] == 503)
        self.assertEqual(ready(web)[1].keys(), {"message", "requestId"})  # as of any error
        self.assertRegex(ready(web)[1]["message"], "^Not ready: the database ")
        self.assertIn("database", ready(admin)[1]["problem"])
        self.assertEqual(sample(self.metrics(admin), "ecss_ready"), 0)
        for address in (web, admin):
            self.assertEqual(ask(address, "/health/live")[0], 200)
        cluster.start()
        wait_until("both are ready again", lambda: ready(web)[0] == 200 and ready(admin)[0] == 200)
        self.leader.stop()
        self.assertFalse(admin.exists(), "the socket's file is left behind")


if __name__ == "__main__":
    unittest.main()
