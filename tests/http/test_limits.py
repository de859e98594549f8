"""Nothing that a client sends, or does not send, is without a bound: sizes, counts, and times."""
import re
import select
import socket
import tempfile
import time
import unittest

from echod import GET, PROGRAM, Client, Closed, Echod, head

# ThreadSanitizer has so many bytes for each.
SHADOW = 5 if re.search("^ECSS_SANITIZE:.*=thread", (PROGRAM.parents[2] / "CMakeCache.txt").read_text(), re.MULTILINE) else 1


class Sizes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echod = cls.enterClassContext(Echod())

    def status(self, data):
        with self.echod.connect() as client:
            try:
                client.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused while we were still sending
            answer = client.answer()
            self.assertIn("message", answer.error())
            return answer.status

    def test_uri(self):
        self.assertEqual(self.status(head("GET", "/" + "a" * 4096)), 414)
        self.assertEqual(self.status(b"GET /" + b"a" * 100000), 414)

    def test_headers(self):
        self.assertEqual(self.status(head("GET", "/", *[f"X{i}: 1" for i in range(64)])), 431)
        self.assertEqual(self.status(head("GET", "/", "X: " + "a" * 16384)), 431)
        self.assertEqual(self.status(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000), 431)

    def test_body(self):
        self.assertEqual(self.status(head("POST", "/echo/x", "Content-Length: 1048577")), 413)
        chunk = b"40000\r\n" + b"a" * 0x40000 + b"\r\n"
        request = head("POST", "/echo/x", "Transfer-Encoding: chunked") + 4 * chunk
        self.assertEqual(self.status(request + b"1\r\n"), 413)
        answer = self.echod.ask(request + b"0\r\n\r\n")
        self.assertEqual((answer.status, answer.json()["length"]), (200, 1048576))
        self.assertEqual(self.echod.ask(head("POST", "/echo/x", body=b"a" * 1048576)).json()["length"], 1048576)

    def test_where_no_body_is_taken(self):
        for method, target in (("OPTIONS", "*"), ("OPTIONS", "/echo/x"), ("GET", "/"), ("DELETE", "/echo/x"), ("PUT", "/nope")):
            for headers, more in (("Content-Length: 4097", b""), ("Transfer-Encoding: chunked", b"1001\r\n")):
                with self.echod.connect() as client:
                    answer = client.ask(head(method, target, headers) + more)
                    self.assertEqual((answer.status, answer.error()["message"]),
                                     (413, "This method and path take no body of more than 4096 bytes."), (method, target))
                    self.assertEqual(client.rest(), b"")
            answer = self.echod.ask(head(method, target, body=b"a" * 4096))  # which some send without a need
            self.assertIn(answer.status, (200, 404, 405))

    def test_each_request_of_a_connection_has_the_whole_limit(self):
        with self.echod.connect() as client:
            for _ in range(5):
                self.assertEqual(client.ask(head("POST", "/echo/x", body=b"a" * 1000000)).json()["length"], 1000000)

    def test_a_large_answer(self):
        with self.echod.connect() as client:
            for _ in range(3):
                self.assertEqual(len(client.ask(head("GET", "/fill/3000000")).body), 3000002)

    def test_large_answers_that_nobody_reads_are_few(self):
        """Three of 6 MB each have a place, which is more than the socket takes."""
        large = head("GET", "/fill/6000000")

        def wait_for_room(client):
            deadline = time.monotonic() + 30
            while client.ask(large).status != 200:
                self.assertLess(time.monotonic(), deadline)

        with Echod(WORKERS=1, MAX_UNREAD=20000000) as echod, echod.connect() as client:
            idle = [self.enterContext(echod.connect()) for _ in range(3)]
            for one in idle:
                one.send(large)
                while not one.buffer.startswith(b"HTTP/1.1 200 "):
                    self.assertTrue(one.receive())
            answer = client.ask(large)
            self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))
            self.assertIn("Too many large answers", answer.error()["message"])
            for other in (head("GET", "/fill/60000"), head("HEAD", "/fill/6000000"), head("POST", "/echo/x", body=b"a" * 1000000)):
                self.assertEqual(client.ask(other).status, 200)  # small, none, or of what has been done
            tag = client.ask(head("HEAD", "/fill/6000000"))["ETag"]
            self.assertEqual(client.ask(head("GET", "/fill/6000000", f"If-None-Match: {tag}")).status, 304)  # he has it
            self.assertEqual(len(idle[0].answer().body), 6000002)
            wait_for_room(client)
            idle[0].send(large)
            idle[1].reset()
            wait_for_room(client)

    def test_pipelining_without_reading_is_bounded(self):
        # The answers are not read, so after a while the requests are not either.
        with self.echod.connect() as client:
            before = self.echod.memory()
            client.socket.settimeout(1)
            sent = 0
            try:
                while sent < 200 << 20:
                    sent += client.socket.send(head("GET", "/fill/10000") * 100)
            except TimeoutError:
                pass
            self.assertLess(sent, 200 << 20)
            self.assertLess(self.echod.memory() - before, 64 << 20)

    def test_headers_without_an_end_take_no_memory(self):
        before = self.echod.memory()
        for more in (b"y" * 50000, b"X: y\r\n" * 8000):
            with self.echod.connect() as client:
                client.send(b"GET / HTTP/1.1\r\nX: ")
                sent = 0
                while not select.select([client.socket], [], [], 0)[0] and sent < 100 << 20:
                    client.send(more)
                    sent += len(more)
                self.assertLess(self.echod.memory() - before, 8 << 20)
                self.assertEqual(client.answer().status, 431)

    def test_slow_headers_take_what_they_are(self):
        before = self.echod.memory()
        clients = [self.echod.connect() for _ in range(200)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nX: " + b"y" * 16000)  # and no more
        self.assertEqual(self.echod.ask(GET).status, 200)
        grown = self.echod.memory() - before
        for client in clients:
            client.socket.close()
        self.assertLess(grown, 200 * 64 * SHADOW << 10)

    def test_what_comes_behind_a_request_takes_no_memory(self):
        before = self.echod.memory()
        clients = [self.echod.connect() for _ in range(50)]
        for client in clients:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.send(head("GET", "/later/2000"))
        for _ in range(400):  # by turns, so that each byte is read by itself
            for client in clients:
                client.send(b"G")
        grown = self.echod.memory() - before
        for client in clients:
            client.socket.close()
        self.assertLess(grown, 5 * SHADOW << 20)

    def test_of_what_comes_behind_a_request_one_piece_is_read(self):
        """As libevent reads it, 4 KiB without TLS. The rest is left to the kernel, which stops the client."""
        behind = GET * 1000
        with self.echod.connect() as client:
            client.send(head("GET", "/later/5000") + behind)
            seen = []
            while len(seen) < 20 or len(set(seen[-20:])) > 1 or seen[-1] >= len(behind):  # it has begun, and is at an end
                seen.append(self.unread(client))
                time.sleep(0.01)
            self.assertLessEqual(len(behind) - seen[-1], 4096)

    def unread(self, client):
        """How much the kernel has for the server, from this client."""
        ports = tuple(f"{port:04X}" for port in (self.echod.address[1], client.socket.getsockname()[1]))
        with open("/proc/net/tcp") as table:
            for _, local, remote, _, queues, *_ in map(str.split, table):
                if (local[-4:], remote[-4:]) == ports:
                    return int(queues.split(":")[1], 16)
        return None


class Settings(unittest.TestCase):
    """Each limit set to another value is the one that counts, in what is answered as well."""

    def refused(self, echod, data):
        with echod.connect() as client:
            client.send(data)
            answer = client.answer()
            return answer.status, answer.error()["message"]

    def test_little(self):
        with Echod(MAX_URI=600, MAX_HEAD=2000, MAX_HEADERS=8, MAX_BODY=1500) as echod:
            self.assertEqual(self.refused(echod, head("GET", "/" + "a" * 600)), (414, "The URI is longer than 600 bytes."))
            self.assertEqual(self.refused(echod, head("GET", "/", *[f"X{i}: 1" for i in range(8)])), (431, "There are more than 8 headers."))
            self.assertEqual(self.refused(echod, head("GET", "/", "X: " + "a" * 2000)),
                             (431, "Request line, headers and trailers are longer than 2000 bytes."))
            large = (413, "The body is larger than 1500 bytes.")
            self.assertEqual(self.refused(echod, head("POST", "/echo/x", "Content-Length: 1501")), large)
            self.assertEqual(self.refused(echod, head("POST", "/echo/x", "Transfer-Encoding: chunked") + b"5dd\r\n"), large)
            self.assertEqual(echod.ask(head("POST", "/echo/" + "a" * 594, *[f"X{i}: 1" for i in range(6)], body=b"a" * 1500)).status, 200)

    def test_much(self):
        """All that can be allowed is handled: by libevhtp, too."""
        with Echod(MAX_URI=8000, MAX_HEAD=65536, MAX_HEADERS=256, MAX_BODY=8 << 20) as echod:
            request = head("POST", "/echo/" + "a" * 7994, *["X: " + "x" * 200] * 254, body=b"a" * (8 << 20))
            answer = echod.ask(request)
            self.assertEqual((answer.status, answer.json()["param"]), (200, "a" * 7994))


class Times(unittest.TestCase):
    def test_a_request_has_a_deadline_as_a_whole(self):
        with Echod(REQUEST_MS=400) as echod, echod.connect() as client:
            began = time.monotonic()
            client.socket.settimeout(0.05)
            for byte in head("POST", "/echo/x", "X: " + "a" * 1000, body=b"x"):
                client.send(bytes([byte]))  # never idle for long
                try:
                    client.receive()
                except TimeoutError:
                    pass
                if client.buffer:
                    break
            client.socket.settimeout(30)
            answer = client.answer()
            self.assertEqual((answer.status, answer["Connection"]), (408, "close"))
            self.assertLess(time.monotonic() - began, 10)
            self.assertEqual(client.rest(), b"")

    def test_idle_connections_are_closed(self):
        with Echod(IDLE_MS=200) as echod, echod.connect() as client, echod.connect() as silent:
            self.assertEqual(client.ask(GET).status, 200)
            self.assertEqual((client.rest(), silent.rest()), (b"", b""))

    def test_a_request_in_time_is_not_idle(self):
        with Echod(IDLE_MS=300) as echod, echod.connect() as client:
            for _ in range(5):
                self.assertEqual(client.ask(head("GET", "/later/200")).status, 200)

    def test_an_answer_has_a_deadline(self):
        with Echod(ANSWER_MS=100) as echod, echod.connect() as client:
            answer = client.ask(head("GET", "/later/400"))
            self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))
            self.assertNotIn("may have been done", answer.error()["message"])
            self.assertIn("may have been done", client.ask(head("PUT", "/later/400")).error()["message"])
            # The connection goes on, and the late answer goes nowhere.
            self.assertEqual(client.ask(head("GET", "/echo/next")).json()["param"], "next")
            echod.wait_for("answers later, awaited: no")
            self.assertEqual(client.ask(head("GET", "/echo/after")).json()["param"], "after")


class Connections(unittest.TestCase):
    def test_too_many_are_told(self):
        with Echod(MAX_CONNECTIONS=5) as echod:
            clients = [echod.connect() for _ in range(5)]
            for client in clients:
                self.assertEqual(client.ask(GET).status, 200)
            with echod.connect() as client:
                answer = client.answer()
                self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))
                self.assertEqual(client.rest(), b"")
            for client in clients:
                client.socket.close()
            self.wait_for_room(echod)

    def test_too_many_of_one_address_are_told(self):
        with tempfile.TemporaryDirectory(prefix="ecss-http-") as folder, \
                Echod(MAX_PER_ADDRESS=3, LISTEN=f"127.0.0.1:0,unix:{folder}/s") as echod:
            clients = [echod.connect() for _ in range(3)]
            for client in clients:
                self.assertEqual(client.ask(GET).status, 200)
            with echod.connect() as client:
                answer = client.answer()
                self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))
                self.assertIn("from this address", answer.error()["message"])
            with Client(echod.address, source="127.0.0.2") as client:  # others are not held up
                self.assertEqual(client.ask(GET).status, 200)
            for _ in range(5):
                with echod.connect(f"{folder}/s") as client:
                    self.assertEqual(client.ask(GET).status, 200)
            # Hundreds more are dropped without an answer, and cost nothing.
            crowd = []
            for _ in range(300):
                crowd.append(echod.connect())
            with Client(echod.address, source="127.0.0.2") as client:
                self.assertEqual(client.ask(GET).status, 200)
            for client in clients + crowd:
                client.socket.close()
            self.wait_for_room(echod)

    def test_those_that_are_refused_take_no_place_of_others(self):
        """Of many addresses each has more than it may: 60 connections in all, and some 300 that are told so."""
        with Echod(MAX_CONNECTIONS=100, MAX_PER_ADDRESS=3) as echod:
            crowd = [Client(echod.address, source=f"127.0.1.{n // 19 + 1}") for n in range(20 * 19)]
            with Client(echod.address, source="127.0.0.2") as client:
                self.assertEqual(client.ask(GET).status, 200)
            for client in crowd:
                client.socket.close()

    def wait_for_room(self, echod):
        deadline = time.monotonic() + 30
        while True:
            try:
                if echod.ask(GET).status == 200:
                    return
            except (Closed, ConnectionError):
                pass
            self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    unittest.main()
