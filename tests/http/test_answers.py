"""What a client gets: status, headers and body of each kind of answer, and what reaches a handler."""
import email.utils
import time
import unittest

from echod import Echod, head

ORIGIN = "https://a.example"


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echod = cls.enterClassContext(Echod(WORKERS=1, ORIGINS=f"http://b.example,{ORIGIN}"))

    def ask(self, method, target, *headers, body=None):
        return self.echod.ask(head(method, target, *headers, body=body))

    def test_every_answer_has_its_headers(self):
        for answer in (self.ask("GET", "/"), self.ask("GET", "/nope"), self.ask("PUT", "/"), self.ask("OPTIONS", "/")):
            self.assertEqual(answer["Content-Type"], "application/json")
            self.assertRegex(answer["ETag"], r'^"[0-9a-f]{16}"$')
            self.assertLess(abs(email.utils.parsedate_to_datetime(answer["Date"]).timestamp() - time.time()), 60)
            self.assertEqual(int(answer["Content-Length"]), len(answer.body))

    def test_what_a_handler_is_given(self):
        answer = self.ask("POST", "/echo/a%20b+c%C3%A9?p=1&q=x+y%26&q=2", "X: 1", "x:2 ", body=b"\0{}")
        self.assertEqual(answer.status, 200)
        said = answer.json()
        del said["worker"]
        self.assertEqual(said, {"path": "/echo/a%20b+c%C3%A9", "param": "a b+c\u00e9", "q": "x y&", "x": "1, 2",
                                "body": "\0{}", "length": 3})
        said = self.ask("GET", "/echo/x").json()
        self.assertEqual((said["q"], said["x"], said["body"]), (None, None, ""))
        self.assertEqual(self.ask("GET", "/echo/x?q").json()["q"], "")

    def test_chunks_are_one_body(self):
        answer = self.echod.ask(head("POST", "/echo/x", "Transfer-Encoding: chunked") +
                                b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
        self.assertEqual(answer.json()["body"], "abcde")

    def test_paths_match_exactly(self):
        for target in ("/nope", "/echo", "/echo/", "/echo/a/b", "/echo/x/", "//", "/Echo/x", "/echo/a%2Fb", "/echo/%00",
                       "/echo/%", "/echo/%zz", "/echo/%ff", "/json/", "/jsonx", "/./", "/../"):
            answer = self.ask("GET", target)
            self.assertEqual((target, answer.status), (target, 404))
            self.assertIn("was not found on the server", answer.json()["message"])

    def test_other_methods(self):
        for method in ("PUT", "PATCH", "TRACE", "FOO", "get"):
            answer = self.ask(method, "/")
            self.assertEqual(answer.status, 405)
            self.assertEqual(answer["Allow"], "GET, HEAD, OPTIONS")
            self.assertEqual(answer.error(), {"message": "The method is not allowed for the requested URL."})

    def test_options(self):
        answer = self.ask("OPTIONS", "/echo/x")
        self.assertEqual((answer.status, answer["Allow"], answer.body), (200, "GET, HEAD, OPTIONS, POST, PUT", b""))
        self.assertEqual(self.ask("OPTIONS", "*").status, 200)
        self.assertEqual(self.ask("OPTIONS", "/nope").status, 404)

    def test_head_is_get_without_the_body(self):
        for target in ("/echo/x?q=1", "/nope"):
            get, answer = self.ask("GET", target), self.ask("HEAD", target)
            self.assertEqual((answer.status, answer["Content-Length"]), (get.status, get["Content-Length"]))
        with self.echod.connect() as client:
            client.send(head("HEAD", "/echo/x") + head("GET", "/echo/y", "Connection: close"))
            self.assertEqual(client.answer(head_only=True).status, 200)
            self.assertEqual(client.answer().json()["param"], "y")
            self.assertEqual(client.rest(), b"")

    def test_queries_are_decoded_or_refused(self):
        for query in ("q=%", "q=%zz", "%00=1", "q=%ff", "a=1&q=%e2%82"):
            answer = self.ask("GET", f"/echo/x?{query}")
            self.assertEqual((query, answer.status), (query, 400))
            self.assertIn("query", answer.json()["message"])

    def test_json_is_required(self):
        for media_type in ("Application/JSON", "application/json; charset=utf-8"):
            self.assertEqual(self.ask("POST", "/json", f"Content-Type: {media_type}", body=b"{}").status, 201)
        for headers in ((), ("Content-Type: text/plain",), ("Content-Type: application/json-patch+json",),
                        ("Content-Type: application/x-www-form-urlencoded",)):
            answer = self.ask("POST", "/json", *headers, body=b"{}")
            self.assertEqual(answer.status, 415)
            self.assertIn("Content-Type: application/json", answer.json()["message"])

    def test_a_handlers_own_headers(self):
        answer = self.ask("POST", "/json", "Content-Type: application/json", body=b"{}")
        self.assertEqual((answer["Location"], answer["ETag"]), ("/json", '"r1-x"'))

    def test_not_modified(self):
        tag = self.ask("GET", "/echo/x")["ETag"]
        for wanted in (tag, f"W/{tag}", f'"a", {tag}', "*"):
            answer = self.ask("GET", "/echo/x", f"If-None-Match: {wanted}")
            self.assertEqual((answer.status, answer["ETag"]), (304, tag))
        self.assertEqual(self.echod.ask(head("HEAD", "/echo/x", f"If-None-Match: {tag}")).status, 304)
        self.assertEqual(self.ask("GET", "/echo/x", 'If-None-Match: "a"', f"If-None-Match: {tag}").status, 304)
        self.assertEqual(self.ask("GET", "/echo/y", f"If-None-Match: {tag}").status, 200)
        self.assertEqual(self.ask("PUT", "/echo/x", "If-None-Match: *").status, 200)
        self.assertEqual(self.ask("GET", "/nope", "If-None-Match: *").status, 404)

    def test_errors_by_kind(self):
        for kind, status in (("invalid", 400), ("missing", 404), ("conflict", 409), ("denied", 403)):
            answer = self.ask("GET", f"/fail/{kind}")
            self.assertEqual((answer.status, answer.error()), (status, {"message": 'the "words" of it'}))
        for kind, status in (("unavailable", 503), ("internal", 500)):
            answer = self.ask("GET", f"/fail/{kind}")
            self.assertEqual(answer.status, status)
            self.assertNotIn("words", answer.json()["message"])  # they are about our own affairs, and in the log
        self.assertEqual(self.ask("GET", "/fail/unavailable")["Retry-After"], "1")
        answer = self.ask("GET", "/complain")
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.error(), {"messages": {"trigger": {"queueName": ["Not a valid string."]}}})

    def test_each_request_has_a_name(self):
        names = []
        for request in (head("GET", "/"), head("GET", "/nope"), head("HEAD", "/"), head("OPTIONS", "/"), b"no HTTP\r\n\r\n",
                        head("GET", "/fail/internal"), head("GET", "/fail/unavailable")):
            answer = self.echod.ask(request)
            self.assertRegex(answer["X-Request-Id"], "^[0-9a-f]{16}$")
            if answer.status >= 400:
                answer.error()
            names.append(answer["X-Request-Id"])
        self.assertEqual(len(set(names)), len(names))
        for event, name in zip(["request", "request", "request", "request", "refused", "failed", "unavailable"], names):
            self.echod.wait_for(rf"http\.{event} .* request={name}\b")
        for name in names[-2:]:
            self.echod.wait_for(rf"http\.request .* request={name}\b")

    def test_a_client_may_name_its_request(self):
        for name, wanted in (("a.b-C_9", "a.b-C_9"), ("x" * 64, "x" * 64), ("x" * 65, None), ("a b", None), ("", None), ("a\"", None)):
            for target in ("/", "/nope"):
                answer = self.ask("GET", target, f"X-Request-Id: {name}")
                self.assertRegex(answer["X-Request-Id"], f"^{wanted or '[0-9a-f]{16}'}$")

    def test_no_database(self):
        answer = self.ask("GET", "/database")
        self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))

    def test_other_origins(self):
        for target in ("/", "/nope"):
            answer = self.ask("GET", target, f"Origin: {ORIGIN}")
            self.assertEqual((answer["Access-Control-Allow-Origin"], answer["Vary"]), (ORIGIN, "Origin"))
        answer = self.ask("POST", "/", f"Origin: {ORIGIN}", "Content-Length: 2000000")  # the guard's own
        self.assertEqual((answer.status, answer["Access-Control-Allow-Origin"]), (413, ORIGIN))
        for headers in ((), ("Origin: https://evil.example",), ("Origin: null",)):
            answer = self.ask("GET", "/", *headers)
            self.assertEqual((answer["Access-Control-Allow-Origin"], answer["Vary"]), (None, "Origin"))

    def test_preflight(self):
        answer = self.ask("OPTIONS", "/json", f"Origin: {ORIGIN}", "Access-Control-Request-Method: POST")
        self.assertEqual((answer.status, answer["Access-Control-Allow-Methods"]), (200, "OPTIONS, POST"))
        self.assertIn("Content-Type", answer["Access-Control-Allow-Headers"])
        answer = self.ask("OPTIONS", "/json", "Origin: https://evil.example", "Access-Control-Request-Method: POST")
        self.assertEqual((answer.status, answer["Access-Control-Allow-Methods"]), (200, None))

    def test_the_access_log(self):
        self.ask("GET", "/echo/log%22ged?q=secret")
        self.echod.wait_for(r'http\.request method=GET path=/echo/log%22ged status=200 bytes=\d+ ms=\d+\.\d+ '
                            r'remote=127\.0\.0\.1:\d+')
        self.assertNotIn("secret", self.echod.log())


class Closed(unittest.TestCase):
    def test_no_origin_is_allowed_unless_configured(self):
        with Echod() as echod:
            answer = echod.ask(head("OPTIONS", "/", f"Origin: {ORIGIN}", "Access-Control-Request-Method: GET"))
            self.assertEqual([name for name, _ in answer.headers if name.startswith("Access") or name == "Vary"], [])

    def test_every_origin_may_be_allowed(self):
        with Echod(ORIGINS="*") as echod:
            self.assertEqual(echod.ask(head("GET", "/", "Origin: null"))["Access-Control-Allow-Origin"], "*")


if __name__ == "__main__":
    unittest.main()
