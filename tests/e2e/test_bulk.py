"""All jobs at once: out of the database and into it, and what happens when a client is slow or leaves."""
import contextlib
import http.client
import json
import re
import socket
import subprocess
import threading
import unittest

import psycopg2
from stack import DATABASE, DEADLINE_S, SOURCE, Stack, free_port, sanitized, wait_until

LATER = "0 0 0 * * 1 1 2099"
stack = None


def setUpModule():
    global stack
    stack = Stack()
    stack.start()
    unittest.addModuleCleanup(stack.stop)
    stack.start_webapid(ECSS_WORKERS=1)


def rss(daemon):
    """Kilobytes."""
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Bulk(unittest.TestCase):
    def setUp(self):
        stack.check()
        stack.sql("TRUNCATE jobs CASCADE")

    def make(self, count, overrides=None):
        stack.sql("INSERT INTO jobs (id, task_definition, schedule, overrides) SELECT 'n' || n, 'x', '0', %s"
                  " FROM generate_series(1, %s) n", [None if overrides is None else json.dumps(overrides), count])

    def get(self, path="/jobs/export", method="GET", version=11):
        connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
        connection._http_vsn, connection._http_vsn_str = version, f"HTTP/1.{version % 10}"
        self.addCleanup(connection.close)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read().decode()


class Export(Bulk):
    def test_each_field_as_it_was_stored(self):
        job = {"id": "all", "taskDefinition": "t", "schedule": LATER, "scheduleStart": "2098-01-01T00:00:00",
               "scheduleEnd": "2100-01-01T00:00:00Z", "timezone": "Europe/Berlin", "taskCount": 2, "maxCount": 3, "suspended": True,
               "trigger": {"type": "noop"}, "overrides": [{"containerName": "c", "environment": {"A": "\u00e4\n\""}}],
               "misfireGraceSeconds": 7}
        self.assertEqual(stack.api("POST", "/jobs", job)[0], 201)
        self.assertEqual(stack.api("POST", "/jobs", {"taskDefinition": "small", "schedule": LATER})[0], 201)
        answer, text = self.get()
        self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(lines, [job, {"id": "small", "taskDefinition": "small", "schedule": LATER, "taskCount": 1}])

    def test_any_number_of_pages(self):
        for count in (0, 1, 499, 500, 501, 1500):
            stack.sql("TRUNCATE jobs CASCADE")
            self.make(count)
            for version in (11, 10):
                answer, text = self.get(version=version)
                self.assertEqual([json.loads(line)["id"] for line in text.splitlines()], [f"n{n}" for n in range(1, count + 1)])
                self.assertEqual(answer.headers["Transfer-Encoding"], "chunked" if version == 11 else None)

    def test_head_and_others(self):
        self.make(2)
        answer, text = self.get(method="HEAD")
        self.assertEqual((answer.status, text), (200, ""))
        self.assertEqual(self.get(method="PUT")[0].status, 405)
        self.assertEqual(self.get("/jobs/export/fire-times")[0].status, 404)


class BigExport(Bulk):
    COUNT = 1500

    def setUp(self):
        """More than fits the buffers of a socket. It takes its time, so it is made once."""
        if stack.sql("SELECT count(*) FROM jobs") != [(self.COUNT,)]:
            super().setUp()
            self.make(self.COUNT, [{"containerName": "c", "environment": {"A": "x" * 4000, "B": "x" * 4000}}])

    def test_a_client_that_does_not_read_costs_no_memory_and_stops_nobody(self):
        daemon = stack.daemons[0]
        self.get("/jobs?count=1000")
        before = rss(daemon)
        clients = [socket.create_connection(stack.address, timeout=DEADLINE_S) for _ in range(4)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /jobs/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(100)
        for _ in range(20):
            self.assertEqual(self.get("/jobs/n1")[0].status, 200)
        if not sanitized():  # those keep what was freed
            self.assertLess(rss(daemon) - before, 20000)
        for client in clients[:2]:
            client.close()
        wait_until("those that left are noticed", lambda: stack.daemons[0].check() and self.get("/jobs?count=1")[0].status == 200)
        for client in clients[2:]:
            client.close()

    def test_a_page_of_large_jobs_is_shorter(self):
        """12 MB of jobs, in answers of some 4 MB, however many a page may have."""
        for path in ("/jobs?count=1000", "/jobs?after=&count=1000", "/jobs?after=&count=1000&prefix=n"):
            seen, pages = [], 0
            while path:
                text = self.get(path)[1]
                self.assertLess(len(text), 5 << 20)
                answer = json.loads(text)
                seen += [job["id"] for job in answer["jobs"]]
                path, pages = answer.get("next"), pages + 1
            self.assertEqual((sorted(seen), pages), (sorted(f"n{n}" for n in range(1, self.COUNT + 1)), 4))

    def begin_curl(self, url, *options):
        """Has had the beginning of an export, and can put no more of it anywhere."""
        curl = subprocess.Popen(["curl", "--silent", "--show-error", *options, url + "/jobs/export"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.addCleanup(curl.communicate)
        self.addCleanup(curl.kill)
        self.assertIn(b'{"id":"n', curl.stdout.read1())
        return curl

    def check_curl(self, curl):
        """It has to end as the documentation says that it does."""
        said = curl.communicate(timeout=DEADLINE_S)[1]
        self.assertEqual(str(curl.returncode), re.search(r"`curl` ends with (\d+)", (SOURCE / "docs" / "api.md").read_text())[1], said)

    def test_a_database_that_goes_away_resets_the_connection(self):
        clients = []
        for head in (b"GET /jobs/export HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /jobs/export HTTP/1.0\r\n\r\n"):
            client = socket.create_connection(stack.address, timeout=DEADLINE_S)
            self.addCleanup(client.close)
            client.sendall(head)
            self.assertIn(b" 200 ", client.recv(1000))
            clients.append(client)
        curl = self.begin_curl("http://%s:%d" % stack.address)
        cuts = stack.daemons[0].log().count(" cut=1")
        stack.cluster.shut_down()
        try:
            for client in clients:
                with self.assertRaises(ConnectionResetError):
                    while client.recv(1 << 20):
                        pass
            self.check_curl(curl)
        finally:
            stack.cluster.start()
        wait_until("all are in the log", lambda: stack.daemons[0].log().count(" cut=1") >= cuts + 3)
        wait_until("it answers again", lambda: self.get("/health/ready")[0].status == 200)  # for writes as for reads

    def start_with_tls(self):
        """Its URL, too."""
        key, certificate, url = f"{stack.dir}/bulk.key", f"{stack.dir}/bulk.pem", f"https://127.0.0.1:{free_port()}"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        daemon = stack.spawn("webapid", stack.environment(
            ECSS_DATABASE_URL=stack.cluster.url(DATABASE, "web"), ECSS_LISTEN=url.removeprefix("https://"), ECSS_WORKERS=1,
            ECSS_TLS_CERT=certificate, ECSS_TLS_KEY=key))
        self.addCleanup(daemon.stop)
        wait_until("webapid serves", lambda: daemon.check() and "server.database_ready" in daemon.log())
        return daemon, url

    def test_tls_does_not_say_of_a_part_that_it_is_all(self):
        """HTTP/1.0 would not see it otherwise. The client has all that was sent before it is cut, so it would hear of an end, too."""
        daemon, url = self.start_with_tls()
        curl = self.begin_curl(url, "--insecure", "--http1.0")
        with contextlib.closing(psycopg2.connect(stack.cluster.url(DATABASE))) as psql:
            psql.cursor().execute("LOCK TABLE jobs")  # until webapid gives up
            self.check_curl(curl)
        wait_until("it is in the log", lambda: " cut=1" in daemon.log())

    def test_a_job_that_is_made_anew_meanwhile_is_there_once(self):
        with socket.create_connection(stack.address, timeout=DEADLINE_S) as client:
            client.sendall(b"GET /jobs/export HTTP/1.0\r\n\r\n")
            text = b""
            while b'{"id":"n1",' not in text:
                text += client.recv(1000)
            stack.sql("DELETE FROM jobs WHERE id = 'n1'")
            stack.sql("INSERT INTO jobs (id, task_definition, schedule, overrides) SELECT 'n1', task_definition, schedule, overrides"
                      " FROM jobs WHERE id = 'n2'")
            while more := client.recv(1 << 20):
                text += more
        ids = [json.loads(line)["id"] for line in text.partition(b"\r\n\r\n")[2].splitlines()]
        self.assertEqual(ids, [f"n{n}" for n in range(1, self.COUNT + 1)])

    def test_a_client_that_leaves_is_in_the_log(self):
        cuts = stack.daemons[0].log().count(" cut=1")
        with socket.create_connection(stack.address, timeout=DEADLINE_S) as client:
            client.sendall(b"GET /jobs/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wait_until("it is in the log", lambda: stack.daemons[0].log().count(" cut=1") > cuts)


class Import(Bulk):
    def post(self, status, lines, query="", **headers):
        body = lines if isinstance(lines, bytes) else b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        connection.request("POST", "/jobs/import" + query, body, {"Content-Type": "application/x-ndjson", **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        self.assertEqual(answer.status, status, text[:1000])
        return json.loads(text)

    def ids(self):
        return [row[0] for row in stack.sql("SELECT id FROM jobs ORDER BY ordinal")]

    def test_what_was_exported_comes_back_as_it_was(self):
        for n in range(3):
            job = {"id": f"j{n}", "taskDefinition": "t", "schedule": LATER, "timezone": "Europe/Berlin", "taskCount": n + 1,
                   "scheduleStart": "2098-01-01T00:00:00", "trigger": {"type": "sqs", "queueName": "q", "messagesPerTask": 5},
                   "overrides": [{"containerName": "c", "environment": {"A": "\u00e4 \\ \" {}"}}], "misfireGraceSeconds": 0}
            self.assertEqual(stack.api("POST", "/jobs", job)[0], 201)
        self.make(2500)
        _, text = self.get()
        before = stack.sql("SELECT id, schedule, trigger, overrides, task_count, suspended, timezone FROM jobs ORDER BY ordinal")
        stack.sql("TRUNCATE jobs CASCADE")
        self.assertEqual(self.post(200, text.encode()), {"created": 2503, "failed": 0, "results": []})
        self.assertEqual(self.get()[1], text)
        self.assertEqual(stack.sql("SELECT id, schedule, trigger, overrides, task_count, suspended, timezone FROM jobs ORDER BY ordinal"),
                         before)

    LINES = [{"id": "a", "schedule": LATER}, {"id": "b", "schedule": "x"}, {"id": "taken", "schedule": LATER},
             {"id": "c", "schedule": LATER, "stranger": 1}, {"id": "a", "schedule": LATER}]

    def test_all_or_nothing(self):
        self.post(200, [{"id": "taken", "schedule": LATER}])
        for lines in (self.LINES, self.LINES[:1] + self.LINES[2:], [self.LINES[0]] * 2, self.LINES[:2]):
            answer = self.post(400, lines)
            self.assertEqual(answer["created"], 0)
            self.assertIn("Nothing was imported", answer["message"])
            self.assertEqual(self.ids(), ["taken"])
        answer = self.post(200, [self.LINES[0], self.LINES[3]])
        self.assertEqual((answer["created"], [result["line"] for result in answer["results"]]), (2, [2]))
        self.assertEqual(self.ids(), ["taken", "a", "c"])

    def test_what_an_id_is_taken_by(self):
        many = [{"id": f"n{n}", "schedule": LATER} for n in range(2000)]  # a batch
        answer = self.post(400, [*many, many[7]])
        self.assertEqual(answer["results"], [{"line": 2001, "id": "n7", "message": "A line before has the same id."}])
        self.assertEqual(self.ids(), [])

    def test_best_effort(self):
        self.post(200, [{"id": "taken", "schedule": LATER}])
        body = b"".join(json.dumps(line).encode() + b"\r\n\n" for line in self.LINES) + b"{nope"
        answer = self.post(200, body, "?mode=best-effort")
        self.assertEqual((answer["created"], answer["failed"]), (2, 4))
        self.assertEqual([result["message"] for result in answer["results"] if result["line"] == 9], ["Line 1 has the same id."])
        self.assertEqual(self.ids(), ["taken", "a", "c"])
        results = {result["line"]: result for result in answer["results"]}
        self.assertEqual(sorted(results), [3, 5, 7, 9, 11])
        self.assertEqual(results[5], {"line": 5, "id": "taken", "message": "There is a job with this id already."})
        self.assertIn("schedule", results[3]["messages"])
        self.assertIn("stranger", results[7]["warnings"][0])

    def test_one_at_a_time(self):
        with contextlib.closing(psycopg2.connect(stack.cluster.url(DATABASE))) as other:
            other.cursor().execute("SELECT pg_advisory_lock(1701016435, 'jobs'::regclass::oid::integer)")
            statuses = []
            line = json.dumps(self.LINES[0]).encode()
            thread = threading.Thread(target=lambda: statuses.append(self.try_post(line)))
            thread.start()
            wait_until("it waits", lambda: stack.sql(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'webapid import' AND wait_event_type = 'Lock'"))
        thread.join()
        self.assertEqual((statuses, self.ids()), ([200], ["a"]))

    def session(self):
        """Somebody's psql, which waits for a lock as long as it takes."""
        connection = psycopg2.connect(stack.cluster.url(DATABASE))
        self.addCleanup(connection.close)
        connection.cursor().execute("SET deadlock_timeout = '600s'")
        return connection

    def test_a_deadlock_with_another_writer_is_none_of_the_clients(self):
        # Who waits looks for a deadlock once, after this time: it has to be there by then.
        stack.sql("ALTER ROLE web SET deadlock_timeout = '3s'")
        self.addCleanup(stack.sql, "ALTER ROLE web RESET deadlock_timeout")
        for mode in ("all-or-nothing", "best-effort"):
            stack.sql("TRUNCATE jobs CASCADE")
            self.make(1)
            psql = self.session()
            psql.cursor().execute("DELETE FROM jobs WHERE id = 'n1'")
            answers = []
            lines = [{"id": name, "schedule": LATER} for name in ("n1", "m")]  # written as m, n1
            importer = threading.Thread(target=lambda: answers.append(self.post(200, lines, f"?mode={mode}")))
            importer.start()
            wait_until("the import waits for n1", lambda: stack.sql(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'webapid import' AND wait_event = 'transactionid'"))
            psql.cursor().execute("INSERT INTO jobs (id, task_definition, schedule) VALUES ('m', 'm', '0')")  # and so the other way round
            psql.cursor().execute("DELETE FROM jobs WHERE id = 'm'")
            psql.commit()
            importer.join()
            self.assertEqual(answers, [{"created": 2, "failed": 0, "results": []}])
            self.assertEqual(self.ids(), ["n1", "m"])  # in the order of the lines
        # One of best effort may write m again before psql, which waits for it, has it: that is another one.
        self.assertGreaterEqual(stack.daemons[0].log().count("http.import_again"), 2)

    def test_two_in_opposite_order(self):
        other = stack.start_webapid(ECSS_WORKERS=1)
        lines = [json.dumps({"id": f"i{n}", "schedule": LATER}).encode() for n in range(5000)]
        answers = {}

        def send(address, lines):
            connection = http.client.HTTPConnection(*address, timeout=DEADLINE_S)
            self.addCleanup(connection.close)
            connection.request("POST", "/jobs/import?mode=best-effort", b"\n".join(lines), {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            answers[address] = answer.status, json.loads(answer.read())["created"]

        threads = [threading.Thread(target=send, args=args) for args in ((stack.address, lines), (other.address, lines[::-1]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.stop()
        self.assertEqual([status for status, _ in answers.values()], [200, 200])
        self.assertEqual(sum(created for _, created in answers.values()), len(lines))
        self.assertEqual(len(self.ids()), len(lines))

    def test_an_error_of_a_later_batch(self):
        stack.sql("ALTER TABLE jobs ADD CONSTRAINT strange CHECK (id <> 'strange')")
        self.addCleanup(stack.sql, "ALTER TABLE jobs DROP CONSTRAINT strange")
        lines = [{"id": f"n{n}", "schedule": LATER} for n in range(2000)] + [{"id": "strange", "schedule": LATER}]  # two batches
        self.assertIn("An error occurred", self.post(500, lines)["message"])
        self.assertEqual(self.ids(), [])
        self.assertIn("at least 2000 jobs were created", self.post(500, lines, "?mode=best-effort")["message"])
        self.assertEqual(len(self.ids()), 2000)
        self.assertIn("http.import_failed created=2000", stack.daemons[0].log())

    def test_a_commit_without_an_answer(self):
        stack.sql("CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$")
        stack.sql("CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()")
        try:
            answers = []
            thread = threading.Thread(target=lambda: answers.append(self.post(503, self.LINES[:1])))
            thread.start()
            wait_until("it commits, and is ended", lambda: stack.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webapid import' AND query = 'COMMIT'"))
            thread.join()
        finally:
            stack.sql("DROP FUNCTION dawdle CASCADE")
        self.assertIn("may have been imported", answers[0]["message"])

    def test_many_mistakes_are_counted(self):
        answer = self.post(400, b"{}\n" * 5000)
        self.assertEqual((answer["failed"], len(answer["results"]), answer["resultsOmitted"]), (5000, 1000, 4000))

    def test_what_is_no_import(self):
        self.post(415, [], **{"Content-Type": "application/json"})
        self.post(400, [], "?mode=x")
        self.assertIn("Idempotency-Key", self.post(400, [], **{"Idempotency-Key": "k"})["message"])
        self.assertEqual(self.post(200, []), {"created": 0, "failed": 0, "results": []})
        self.assertEqual(self.get("/jobs/import")[0].status, 405)

    def test_a_large_body_one_at_a_time(self):
        def begin(length):
            client = socket.create_connection(stack.address, timeout=DEADLINE_S)
            self.addCleanup(client.close)
            client.sendall(b"POST /jobs/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
                           b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % length)
            return client, client.recv(1000).split()[1]

        def begin_and_leave():
            client, status = begin(2)
            client.close()
            return status
        self.assertEqual(begin((64 << 20) + 1)[1], b"413")
        first, status = begin(64 << 20)
        self.assertEqual(status, b"100")
        self.assertEqual(begin(2)[1], b"503")
        first.close()
        wait_until("there is room again", lambda: begin_and_leave() == b"100")
        line = json.dumps({"id": "big", "schedule": LATER}).encode() + b"\n"
        wait_until("there is room again", lambda: self.get("/")[0].status == 200)
        wait_until("it is taken", lambda: self.try_post(line + b"\n" * (8 << 20)) == 200)

    def try_post(self, body):
        connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
        try:
            connection.request("POST", "/jobs/import", body, {"Content-Type": "application/x-ndjson"})
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def test_a_database_that_goes_away_leaves_nothing(self):
        lines = b"".join(json.dumps({"id": f"i{n}", "schedule": LATER}).encode() + b"\n" for n in range(30000))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.post(503, lines)))
        thread.start()
        wait_until("it is at work", lambda: stack.cluster.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                                                               " 'webapid import' AND state <> 'idle'", DATABASE).strip() != "0")
        stack.cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webapid import'", DATABASE)
        thread.join()
        self.assertIn("Nothing was imported, as ", answers[0]["message"])
        self.assertEqual(self.ids(), [])


if __name__ == "__main__":
    unittest.main()
