"""Requests that two programs could read differently: each is refused, and nothing behind it is run. And those that
libevhtp's own parser is known to get wrong, crash on, or hang with."""
import unittest

from echod import GET, Echod, head

POST = b"POST /echo/first HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"POST /echo/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

REFUSED = {
    "two lengths": (400, POST + b"Content-Length: 0\r\nContent-Length: 80\r\n\r\n"),
    "the same length twice": (400, POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    "a list of lengths": (400, POST + b"Content-Length: 0, 0\r\n\r\n"),
    "a length and chunks": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "gzip, chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "xchunked": (501, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "space before a colon": (400, POST + b"Content-Length : 5\r\n\r\n"),
    "space before chunked's colon": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    "chunks in HTTP/1.0": (400, b"POST /echo/first HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a chunk size that overflows": (413, POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a high byte": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n\xff5\r\nhello\r\n0\r\n\r\n"),
    "a folded length": (400, POST + b"Content-Length: 5\r\n\t0\r\n\r\n"),
    "an empty length": (400, POST + b"Content-Length:\r\n\r\n"),
    "a length of 20 digits": (413, POST + b"Content-Length: 30000000000000000000\r\n\r\n"),
    "a NUL in the path": (400, b"GET /echo\0/admin HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a NUL in a name": (400, b"GET / HTTP/1.1\r\nHost: x\r\nX\0: 1\r\n\r\n"),
    "a NUL in a value": (400, b"GET / HTTP/1.1\r\nHost: x\r\nX: 1\0\r\n\r\n"),
    "a control character in the path": (400, b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a high byte in the path": (400, b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a space before a name": (400, b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    "a bare LF": (400, b"GET / HTTP/1.1\nHost: x\n\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    "HTTP/9.9": (505, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
    "HTTP/257.257": (400, b"GET / HTTP/257.257\r\nHost: x\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /\r\n"),
    "CONNECT": (501, b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "another expectation": (417, POST + b"Expect: tea\r\nContent-Length: 1\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
}


class Framing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echod = cls.enterClassContext(Echod())

    def test_what_is_refused_runs_nothing(self):
        echod = self.enterContext(Echod())
        for name, (status, request) in REFUSED.items():
            with self.subTest(name), echod.connect() as client:
                client.send(request + SMUGGLED + GET)
                answer = client.answer()
                self.assertEqual((answer.status, answer["Connection"]), (status, "close"))
                self.assertEqual(answer["Content-Type"], "application/json")
                self.assertTrue(answer.json()["message"].endswith("."))
                self.assertEqual(client.rest(), b"")
        self.assertEqual(echod.log().count("http.refused"), len(REFUSED))
        self.assertNotIn("http.request", echod.log())

    def test_the_answer_arrives_though_more_is_being_sent(self):
        # Without lingering, a close with bytes unread is a reset, which takes the answer with it.
        for _ in range(20):
            with self.echod.connect() as client:
                client.send(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n" + b"x" * 200000)
                self.assertEqual(client.answer().status, 505)

    def test_what_is_odd_but_clear_is_taken(self):
        for request, body in (
                (POST + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", "a"),
                (POST + b"Transfer-Encoding:\tchunked \r\n\r\n1\r\na\r\n0\r\n\r\n", "a"),
                (POST + b"Content-Length: 001\r\n\r\na", "a"),
                (b"\r\n\r\n" + POST + b"\r\n", ""),
                (b"POST http://y:1/echo/first HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", "a")):
            answer = self.echod.ask(request)
            self.assertEqual((answer.status, answer.json()["param"], answer.json()["body"]), (200, "first", body))

    def test_the_whole_trailer_is_the_requests(self):
        with self.echod.connect() as client:
            client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nGET /echo/smuggled HTTP/1.1: 2\r\n\r\n")
            self.assertEqual(client.answer().status, 400)
        with self.echod.connect() as client:
            client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\n\r\n" + GET)
            self.assertEqual(client.answer().json()["param"], "first")
            self.assertEqual(client.answer().json()["path"], "/")

    def test_pipelined_requests_are_all_answered_in_order(self):
        with self.echod.connect() as client:
            client.send(b"".join(head("GET", f"/echo/{i}") for i in range(50)))
            self.assertEqual([client.answer().json()["param"] for _ in range(50)], [str(i) for i in range(50)])
            client.send(head("GET", "/later/30") + head("GET", "/echo/1") + head("GET", "/later/1") + GET)
            self.assertEqual([client.answer().json()["path"] for _ in range(4)], ["/later/30", "/echo/1", "/later/1", "/"])
        self.assertNotIn("ODDITY", self.echod.log())

    def test_line_ends_after_a_body(self):
        with self.echod.connect() as client:
            client.send(head("POST", "/echo/x", body=b"a") + b"\r\n")
            self.assertEqual(client.answer().status, 200)
            client.send(GET)
            self.assertEqual(client.answer().status, 200)

    def test_a_large_form_is_a_body_like_any(self):
        body = b"a=1&" * (2**18)
        answer = self.echod.ask(head("POST", "/echo/x", "Content-Type: application/x-www-form-urlencoded", body=body))
        self.assertEqual((answer.status, answer.json()["length"]), (200, len(body)))

    def test_http_1_0(self):
        with self.echod.connect() as client:
            answer = client.ask(b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(answer.status, 200)
            self.assertEqual(client.rest(), b"")
        with self.echod.connect() as client:
            for _ in range(2):
                answer = client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                self.assertEqual((answer.status, answer["Connection"]), (200, "keep-alive"))

    def test_connections_close_when_asked_to(self):
        for value in ("close", "CLOSE", "close, TE", "TE, Close"):
            with self.echod.connect() as client:
                client.send(head("GET", "/", f"Connection: {value}") + GET)
                self.assertEqual(client.answer()["Connection"], "close")
                self.assertEqual(client.rest(), b"")

    def test_100_continue(self):
        with self.echod.connect() as client:
            client.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            self.assertEqual(client.answer().line, "HTTP/1.1 100 Continue")
            client.send(b"ok")
            self.assertEqual(client.answer().json()["body"], "ok")
        for headers in (b"Content-Length: 2000000\r\n", b"Transfer-Encoding: gzip\r\n"):
            with self.echod.connect() as client:
                client.send(POST + b"Expect: 100-continue\r\n" + headers + b"\r\n")
                self.assertIn(client.answer().status, (413, 501))
        with self.echod.connect() as client:  # the body is there: no need to ask for it
            client.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok" + GET)
            self.assertEqual(client.answer().json()["body"], "ok")


if __name__ == "__main__":
    unittest.main()
