"""Who is let in: tokens, their scopes and their end, and that nothing is told to those who have none."""
import json
import random
import subprocess
import sys
import time
import unittest

from stack import DATABASE, DEADLINE_S, SOURCE, Stack, wait_until

sys.path[:0] = [str(SOURCE / "tests" / "http")]
from echod import Client, head  # noqa: E402

LATER = "0 0 0 * * 1 1 2099"
JOB = {"taskDefinition": "a", "schedule": LATER}


def bearer(token):
    return () if token is None else (f"Authorization: Bearer {token}",)


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack())
        cls.daemon = cls.stack.start_webapid()  # without tokens, for the other tests' eyes
        cls.port = cls.stack.address
        cls.reader, cls.writer = cls.make("reader", "read"), cls.make("writer", "write", "--expires", "90d")
        cls.closed = cls.stack.spawn("webapid", cls.stack.environment(
            ECSS_DATABASE_URL=cls.stack.cluster.url(DATABASE, "web"), ECSS_LISTEN=f"unix:{cls.stack.dir}/s", ECSS_TOKENS="always",
            ECSS_CORS_ORIGINS="https://a.example"))
        cls.address = f"{cls.stack.dir}/s"
        wait_until("webapid serves", lambda: cls.closed.check() and cls.closed.log().count("server.database_ready") == 2)

    @classmethod
    def run_webapid(cls, *words, user=None):
        url = cls.stack.cluster.url(DATABASE, **({"user": user} if user else {}))
        return subprocess.run([cls.stack.program("webapid"), *words], env=cls.stack.environment(ECSS_DATABASE_URL=url),
                              capture_output=True, text=True, timeout=DEADLINE_S)

    @classmethod
    def make(cls, name, scope, *more):
        run = cls.run_webapid("--create-token", name, "--scope", scope, *more)
        if run.returncode != 0:
            raise AssertionError(run.stderr)
        return run.stdout.strip()

    def setUp(self):
        self.stack.check()
        self.stack.sql("DELETE FROM jobs")

    def ask(self, method, target, token, body=None, *headers):
        with Client(self.address) as client:
            if body is not None:
                headers += ("Content-Type: application/json",)
                body = json.dumps(body).encode()
            return client.ask(head(method, target, *bearer(token), *headers, body=body))

    def status(self, *request):
        return self.ask(*request).status

    def wait_until_all_is_well(self):
        """Each worker has its connections to the database again, for reads and for writes. The kernel picks the worker that is
        asked, which may be the same one each time."""
        def is_well(worker):
            log = self.closed.log()
            return log.rfind(f"server.database_ready worker={worker}") > log.rfind(f"server.database_lost worker={worker}")

        wait_until("all is well", lambda: is_well(0) and is_well(1) and self.status("GET", "/health/ready", None) == 200)

    def test_scopes(self):
        for token, reads, writes in ((self.reader, 200, 403), (self.writer, 200, 201), (None, 401, 401), ("ecss_" + "0" * 64, 401, 401),
                                     ("", 401, 401), ("x" * 9000, 401, 401), (self.writer[:-1], 401, 401), (self.writer + "0", 401, 401)):
            for target in ("/", "/spec", "/jobs"):
                self.assertEqual(self.status("GET", target, token), reads, target)
            self.assertEqual(self.status("HEAD", "/jobs", token), reads)
            self.assertEqual(self.status("POST", "/jobs", token, JOB), writes)
            self.assertEqual(self.status("POST", "/schedule/preview", token, {"schedule": LATER}), reads)
            for method, body in (("PUT", {"taskCount": 2}), ("DELETE", None)):
                self.assertEqual(self.status(method, "/jobs/a", token, body), 200 if writes == 201 else writes)
            # What is there, and what is not, is nobody's business.
            self.assertEqual(self.status("GET", "/nope", token), 404 if reads == 200 else reads)
            self.assertEqual(self.status("PATCH", "/jobs", token), 405 if reads == 200 else reads)
        self.assertEqual(self.stack.sql("SELECT * FROM jobs"), [])

    def test_refusals_say_what_to_do(self):
        answer = self.ask("GET", "/jobs", None)
        self.assertEqual(answer["WWW-Authenticate"], 'Bearer realm="ecs-scheduler"')
        self.assertEqual(answer.error(), {"message": "A token is required: Authorization: Bearer ecss_..."})
        answer = self.ask("GET", "/jobs", "ecss_" + "0" * 64)
        self.assertEqual(answer["WWW-Authenticate"], 'Bearer realm="ecs-scheduler", error="invalid_token"')
        answer = self.ask("POST", "/jobs", self.reader, JOB)
        self.assertEqual(answer["WWW-Authenticate"], 'Bearer realm="ecs-scheduler", error="insufficient_scope", scope="write"')
        self.assertEqual(answer.error(), {"message": "This takes a token with the scope write; this one has the scope read."})
        with Client(self.address) as client:
            for authorization in ("Basic dTpw", "Bearer", f"Token {self.writer}", f"{self.writer}"):
                self.assertEqual(client.ask(head("GET", "/", f"Authorization: {authorization}")).status, 401)
            both = (f"Authorization: Bearer {self.writer}",) * 2
            self.assertEqual(client.ask(head("GET", "/", *both)).status, 401)

    def test_who_has_no_token_sends_no_body(self):
        def begin(token, target="/jobs/import", *headers):
            client = self.enterContext(Client(self.address))
            client.send(head("POST", target, *bearer(token), "Content-Type: application/x-ndjson", "Expect: 100-continue", *headers))
            return client, client.answer()

        for token, status in ((None, 401), ("ecss_" + "0" * 64, 401), (self.reader, 403)):
            for headers in (("Content-Length: 60000000",), ("Content-Length: 80000000",), ("Transfer-Encoding: chunked",)):
                client, answer = begin(token, "/jobs/import", *headers)
                self.assertEqual((answer.status, answer["Connection"]), (status, "close"))
                self.assertIn("Bearer realm=", answer["WWW-Authenticate"])
                self.assertIn("oken", answer.error()["message"])
                self.assertEqual(client.rest(), b"")
                self.assertIn(f"request={answer['X-Request-Id']}", self.closed.log())
        for request in (b"OPTIONS *", b"GET /health/live", b"GET /health/ready"):  # which take no token
            client = self.enterContext(Client(self.address))
            answer = client.ask(request + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" + b"a" * 5000)
            self.assertEqual((answer.status, answer["Connection"]), (413, "close"))
        self.assertEqual(begin(self.reader, "/schedule/preview", "Content-Length: 2")[1].status, 100)
        self.assertEqual(begin(self.writer, "/jobs/import", "Content-Length: 80000000")[1].status, 413)
        self.assertEqual(begin(self.writer, "/jobs/import", "Content-Length: 60000000")[1].status, 100)

    def test_who_has_no_token_holds_up_no_import(self):
        """Who reads none of his answers, of which one is always being written then, has no part in the one import at a time."""
        request = head("POST", "/jobs/import", body=b"")
        for _ in range(8):  # so that each of the two workers has some
            client = self.enterContext(Client(self.address))
            client.socket.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                for _ in range(20000):
                    client.send(request * 100)
        for _ in range(8):
            answer = self.ask("POST", "/jobs/import", self.writer, None, "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked",
                              "Expect: 100-continue")
            self.assertEqual(answer.status, 100, answer.body)

    def test_names_of_others_mean_nothing_at_a_loopback_address_without_tokens(self):
        def status(host, address=self.port):
            with Client(address) as client:
                return client.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status

        port = self.port[1]
        for host in ("localhost", f"localhost:{port}", "LOCALHOST:1", f"127.0.0.1:{port}", "127.0.0.1", "127.9.9.9", "[::1]", "[::1]:80"):
            self.assertEqual(status(host), 200, host)
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "", "10.0.0.1", "[::2]",
                     "0.0.0.0", "webapid:8080", "a" * 300):
            self.assertEqual(status(host), 421, host)
        with Client(self.port) as client:
            answer = client.ask(head("POST", "/jobs", body=b"{}").replace(b"Host: localhost", b"Host: evil.example"))
            self.assertIn("answers only to Host: localhost", answer.error()["message"])
            self.assertEqual(client.rest(), b"")
        with Client(self.port) as client:  # nor is it asked for where HTTP has no Host
            self.assertEqual(client.ask(b"GET / HTTP/1.0\r\n\r\n").status, 200)
        self.assertEqual(status("evil.example", self.address), 401)  # a unix socket is no browser's

    def test_a_browser_asks_before_it_sends_a_token(self):
        answer = self.ask("OPTIONS", "/jobs", None, None, "Origin: https://a.example", "Access-Control-Request-Method: POST")
        self.assertEqual(answer.status, 200)
        self.assertIn("Authorization", answer["Access-Control-Allow-Headers"])
        answer = self.ask("GET", "/jobs", None, None, "Origin: https://a.example")
        self.assertEqual((answer.status, answer["Access-Control-Allow-Origin"]), (401, "https://a.example"))

    def test_revoked_within_seconds(self):
        token = self.make("short", "read")
        wait_until("the token is known", lambda: self.status("GET", "/", token) == 200)
        with Client(self.address) as client:  # on a connection that goes on, too
            self.assertEqual(client.ask(head("GET", "/", *bearer(token))).status, 200)
            self.assertEqual(self.run_webapid("--revoke-token", "short").returncode, 0)
            wait_until("it is refused", lambda: client.ask(head("GET", "/", *bearer(token))).status == 401, 10)
        wait_until("the log says why", lambda: "http.denied why=revoked token=short" in self.closed.log())
        self.assertEqual(self.run_webapid("--revoke-token", "short").returncode, 1)
        self.make("short", "read")  # the name is free again

    def test_expired(self):
        token = self.make("old", "write", "--expires", "1h")
        wait_until("the token is known", lambda: self.status("GET", "/", token) == 200)
        self.stack.sql("UPDATE api_tokens SET expires_at = now() WHERE name = 'old'")
        wait_until("it is refused", lambda: self.status("GET", "/", token) == 401)
        wait_until("the log says why", lambda: "http.denied why=expired token=old" in self.closed.log())

    def test_tokens_are_known_again_after_postgresql_was_away(self):
        lost = self.closed.log().count("server.database_lost")
        self.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'webapid %'")
        wait_until("the connections are lost", lambda: self.closed.log().count("server.database_lost") >= lost + 2)
        token = self.make("meanwhile", "read")
        self.wait_until_all_is_well()
        self.assertEqual(self.status("GET", "/jobs", token), 200)
        self.assertEqual(self.status("GET", "/jobs", None), 401)

    def test_a_revocation_that_could_not_be_heard(self):
        """webapid is cut off from the database: for how long its tokens count is bounded."""
        token = self.make("lost", "read")
        daemon = self.stack.spawn("webapid", self.stack.environment(
            ECSS_DATABASE_URL=self.stack.cluster.url(DATABASE, "web"), ECSS_LISTEN=f"unix:{self.stack.dir}/brief", ECSS_TOKENS="always",
            ECSS_TOKENS_MAX_AGE_SECONDS="4", ECSS_WORKERS="1"))

        def status(token):
            with Client(f"{self.stack.dir}/brief") as client:
                return client.ask(head("GET", "/", *bearer(token))).status

        wait_until("webapid serves", lambda: daemon.check() and "server.database_ready" in daemon.log())
        self.assertEqual(status(token), 200)
        try:
            self.stack.sql("ALTER ROLE web NOLOGIN")
            self.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'webapid %'")
            self.assertEqual(self.run_webapid("--revoke-token", "lost").returncode, 0)
            wait_until("it is not let in any more", lambda: status(token) == 503, 20)
            self.assertEqual((status(self.reader), status(None)), (503, 503))  # nobody is, and nobody can say who may
            wait_until("the log says so", lambda: "token.stale seconds=4" in daemon.log())
        finally:
            self.stack.sql("ALTER ROLE web LOGIN")
        wait_until("the others are let in again", lambda: status(self.reader) == 200)
        self.assertEqual(status(token), 401)
        self.wait_until_all_is_well()
        daemon.stop()

    def test_who_changed_a_job_last(self):
        def by():
            shown = self.ask("GET", "/jobs/a", self.reader).json()["updatedBy"]
            self.assertEqual(self.stack.sql("SELECT updated_by, asked_by FROM jobs WHERE id = 'a'"), [(shown, None)])
            return shown

        second = self.make("second", "write")
        wait_until("the token is known", lambda: self.status("GET", "/", second) == 200)
        self.assertEqual(self.status("POST", "/jobs", self.writer, JOB), 201)
        self.assertEqual(by(), "token:writer")
        self.stack.sql("UPDATE jobs SET task_count = 3")
        owner = self.stack.sql("SELECT session_user")[0][0]
        self.assertEqual(by(), f"role:{owner}")
        for token, change, name in ((second, {"taskCount": 2}, "second"), (self.writer, {"schedule": "1 " + LATER[2:]}, "writer")):
            self.assertEqual(self.status("PUT", "/jobs/a", token, change), 200)
            self.assertEqual(by(), f"token:{name}")
        self.stack.sql("UPDATE jobs SET updated_by = 'token:somebody-else'")  # nobody can be made to seem to have done it
        self.assertEqual(by(), f"role:{owner}")
        self.assertEqual(self.stack.api("PUT", "/jobs/a", {"taskCount": 5})[0], 200)
        self.assertEqual(by(), "api")
        self.assertEqual(self.status("DELETE", "/jobs/a", second), 200)
        self.assertEqual(self.status("POST", "/jobs", second, JOB, 'Idempotency-Key: "k"'), 201)
        self.assertEqual(by(), "token:second")
        self.assertEqual(self.stack.sql("SELECT updated_by FROM job_status"), [("token:second",)])
        self.assertEqual(self.stack.sql("INSERT INTO jobs (id, task_definition, schedule) VALUES ('b', 'b', '0') RETURNING updated_by",
                                        user="web"), [("role:web",)])

    def test_each_token_has_its_own_idempotency_keys(self):
        other = self.make("other", "write")
        wait_until("the token is known", lambda: self.status("GET", "/", other) == 200)
        key = "Idempotency-Key: shared"
        self.assertEqual(self.status("POST", "/jobs", self.writer, JOB, key), 201)
        self.assertEqual(self.status("POST", "/jobs", other, {**JOB, "taskDefinition": "b"}, key), 201)
        self.assertEqual(self.status("POST", "/jobs", other, JOB, key), 422)
        self.assertEqual(self.status("POST", "/jobs", self.writer, JOB, key), 201)

    def test_nothing_leaks(self):
        texts = [self.ask("GET", "/jobs", token).body.decode() for token in (None, self.reader[:-1] + "x", "ecss_secret" * 9)]
        texts += [self.ask("POST", "/jobs", self.reader, JOB).body.decode(), self.closed.log()]
        hashes = [row[0] for row in self.stack.sql("SELECT encode(hash, 'hex') FROM api_tokens")]
        for text in texts:
            for secret in (self.reader[5:20], self.writer[5:20], "ecss_secret", *hashes):
                self.assertNotIn(secret, text)
        for text in texts[:3]:
            self.assertNotRegex(text, "reader|writer")

    def test_the_commands(self):
        for words, status, said in ((("--create-token", "x"), 64, "also takes --scope"),
                                    (("--create-token", "a b", "--scope", "read"), 64, "name must be"),
                                    (("--create-token", "x", "--scope", "all"), 64, "scope must be read or write"),
                                    (("--create-token", "x", "--scope", "read", "--expires", "soon"), 64, "12h, 90d or 52w"),
                                    (("--create-token", "reader", "--scope", "read"), 1, "there is a token reader already"),
                                    (("--revoke-token", "nobody"), 1, "there is no token nobody")):
            run = self.run_webapid(*words)
            self.assertEqual((run.returncode, run.stdout), (status, ""), words)
            self.assertIn(said, run.stderr)
        run = self.run_webapid("--create-token", "x", "--scope", "read", user="web")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("as the user who ran --migrate", run.stderr)
        listed = self.run_webapid("--list-tokens")
        self.assertEqual(listed.returncode, 0)
        lines = listed.stdout.splitlines()
        self.assertRegex(lines[0], r"^NAME +SCOPE +MADE \(UTC\) +BY +EXPIRES +STATE$")
        self.assertRegex(listed.stdout, r"(?m)^reader +read .* never +good$")
        self.assertRegex(listed.stdout, r"(?m)^writer +write +20\d\d-\d\d-\d\d \d\d:\d\d +\S+ +20\d\d-.* good$")
        self.assertNotIn(self.reader, listed.stdout)

    def test_what_is_expired_does_not_count(self):
        """Neither to those that may be good, nor to those that are known."""
        self.stack.sql("INSERT INTO api_tokens (name, scope, hash, expires_at) SELECT 'old-' || n, 'read', sha256(n::text::bytea), now()"
                       " FROM generate_series(1, 2000) n")
        try:
            new = self.make("new", "read")
            for token in (new, self.reader):  # which is older than all of them
                wait_until("the token is known", lambda token=token: self.status("GET", "/", token) == 200)
            self.assertNotIn("token.too_many", self.closed.log())
        finally:
            self.stack.sql("DELETE FROM api_tokens WHERE name ~ '^old-'")

    def test_time_tells_nothing(self):
        """Prints the distributions; what is judged is how often one kind is slower than the other, in requests that take
        turns, which noise makes even. Not judged are a request without a token, who knows that, and one with a token that
        may only read, as its answer says so."""
        rounds, kinds = 200, {"first half right": self.writer[:37] + "0" * 32, "nothing right": "ecss_" + "0" * 64}
        for name in ("revoked", "expired"):
            kinds[name] = self.make(f"timed-{name}", "read")
        self.run_webapid("--revoke-token", "timed-revoked")
        self.stack.sql("UPDATE api_tokens SET expires_at = now() WHERE name = 'timed-expired'")
        wait_until("both are refused", lambda: all(self.status("GET", "/", kinds[name]) == 401 for name in ("revoked", "expired")))
        kinds |= {"none": None, "read on write": self.reader}
        times = {kind: [] for kind in kinds}
        with Client(self.address) as client:
            for _ in range(rounds):
                for kind in random.sample(list(kinds), len(kinds)):
                    writes = kind == "read on write"
                    request = head("POST" if writes else "GET", "/jobs", *bearer(kinds[kind]))
                    began = time.perf_counter_ns()
                    answer = client.ask(request)
                    times[kind].append((time.perf_counter_ns() - began) / 1000)
                    self.assertEqual(answer.status, 403 if writes else 401)
        for kind, taken in times.items():
            at = sorted(taken)
            print(f"{kind:>16}: " + ", ".join(f"p{p} {at[len(at) * p // 100]:.0f} us" for p in (1, 10, 25, 50, 75, 90, 99)))
        for kind in ("first half right", "revoked", "expired"):
            slower = sum(a > b for a in times[kind] for b in times["nothing right"]) / rounds ** 2
            print(f"{kind} is slower than nothing right in {100 * slower:.0f} % of the pairs")
            self.assertTrue(0.25 < slower < 0.75)


if __name__ == "__main__":
    unittest.main()
