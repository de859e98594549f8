"""Clients that leave, and servers that stop: nobody is harmed, and what was begun is finished."""
import os
import pathlib
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from echod import DEADLINE_S, GET, PROGRAM, Closed, Echod, head


class Leaving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echod = cls.enterClassContext(Echod())

    def test_half_closed_clients_get_their_answers(self):
        for requests in ([head("GET", "/echo/1")], [head("GET", "/later/50")],
                         [head("GET", "/echo/1"), head("GET", "/later/50"), head("GET", "/echo/2")]):
            with self.echod.connect() as client:
                client.send(b"".join(requests))
                client.half_close()
                for _ in requests:
                    self.assertEqual(client.answer().status, 200)
                self.assertEqual(client.rest(), b"")

    def test_half_a_request_and_half_a_close(self):
        with self.echod.connect() as client:
            client.send(GET + b"GET / HT")
            client.half_close()
            self.assertEqual(client.answer().status, 200)
            self.assertEqual(client.rest(), b"")

    def test_a_reset_while_an_answer_is_due(self):
        before = self.echod.log().count("answers later")
        for i in range(30):
            client = self.echod.connect()
            client.send(head("GET", "/later/50") * (1 + i % 3))
            client.reset()
        # None is harmed, whether the reset was seen before the answer, while it was written, or not at all.
        self.assertEqual(self.echod.ask(GET).status, 200)
        with self.echod.connect() as client:
            self.assertEqual(client.ask(head("GET", "/later/200")).status, 200)
        self.assertGreater(self.echod.log().count("answers later"), before)

    def test_a_reset_with_pipelined_requests(self):
        for _ in range(30):
            client = self.echod.connect()
            client.send(head("GET", "/fill/100000") * 20)
            client.reset()
        self.assertEqual(self.echod.ask(GET).status, 200)

    def test_a_close_in_the_middle_of_a_request(self):
        for cut in range(1, len(GET)):
            with self.echod.connect() as client:
                client.send(GET[:cut])
        self.assertEqual(self.echod.ask(GET).status, 200)


class Stopping(unittest.TestCase):
    # With one worker, what was sent first has been read when a later request is answered.
    def test_requests_in_flight_are_finished(self):
        with Echod(WORKERS=1) as echod, echod.connect() as busy, echod.connect() as idle, echod.connect() as other:
            busy.send(head("GET", "/later/500"))
            self.assertEqual(idle.ask(GET).status, 200)
            other.send(b"GET / HT")
            echod.ask(GET)  # so that all of the above has been read
            echod.ask(GET)
            began = time.monotonic()
            echod.terminate()
            self.wait_refused(echod)
            other.send(b"TP/1.1\r\nHost: x\r\n\r\n")
            for client in (busy, other):
                answer = client.answer()
                self.assertEqual((answer.status, answer["Connection"]), (200, "close"))
                self.assertEqual(client.rest(), b"")
                client.socket.close()
            self.assertEqual(idle.rest(), b"")
            self.assertEqual(echod.stop(), 0)
            self.assertLess(time.monotonic() - began, 9)

    def test_a_request_that_was_on_its_way_is_answered(self):
        with Echod(WORKERS=1) as echod, echod.connect() as fresh, echod.connect() as used:
            self.assertEqual(used.ask(GET).status, 200)
            self.assertEqual(echod.ask(GET).status, 200)  # so that all have been accepted
            echod.terminate()
            self.wait_refused(echod)
            for client in (fresh, used):
                answer = client.ask(GET)
                self.assertEqual((answer.status, answer["Connection"]), (200, "close"))
                self.assertEqual(client.rest(), b"")
                client.socket.close()
            self.assertEqual(echod.stop(), 0)

    def test_nobody_new_is_let_in(self):
        with Echod(WORKERS=1) as echod, echod.connect() as busy:
            busy.send(head("GET", "/later/500"))
            echod.ask(GET)
            echod.terminate()
            self.wait_refused(echod)
            self.assertEqual(busy.answer().status, 200)

    def wait_refused(self, echod):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                with echod.connect() as client:
                    client.ask(GET)
            except (ConnectionError, Closed) as error:
                if isinstance(error, ConnectionRefusedError):
                    return
            self.assertLess(time.monotonic(), deadline)

    def test_who_takes_too_long_is_told(self):
        with Echod(WORKERS=1, DRAIN_MS=200) as echod, echod.connect() as busy, echod.connect() as partial:
            busy.send(head("GET", "/later/20000"))
            partial.send(b"GET / HT")
            echod.ask(GET)
            echod.ask(GET)
            echod.terminate()
            self.assertEqual(busy.answer().status, 503)
            self.assertEqual((busy.rest(), partial.rest()), (b"", b""))
            busy.socket.close()
            self.assertEqual(echod.stop(), 0)

    def test_the_second_signal_ends_it(self):
        with Echod(WORKERS=1) as echod, echod.connect() as busy:
            busy.send(head("GET", "/later/20000"))
            echod.ask(GET)
            echod.terminate()
            echod.wait_for("daemon.stopping")
            self.assertEqual(busy.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
            deadline = time.monotonic() + DEADLINE_S
            while echod.process.poll() is None:
                echod.process.terminate()
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            self.assertEqual(echod.process.returncode, -signal.SIGTERM)


class Addresses(unittest.TestCase):
    def run_another(self, **settings):
        env = {**{name: os.environ[name] for name in ("ASAN_OPTIONS", "TSAN_OPTIONS") if name in os.environ}, **settings}
        return subprocess.run([PROGRAM], env=env, capture_output=True, text=True, timeout=DEADLINE_S)

    def test_a_second_one_is_refused(self):
        with Echod() as echod:
            listen = f"127.0.0.1:{echod.address[1]}"
            run = self.run_another(LISTEN=listen)
            self.assertEqual(run.returncode, 1)
            self.assertIn(f"cannot listen on {listen}: another process listens there already", run.stderr)
            self.assertEqual(echod.ask(GET).status, 200)

    def test_an_address_of_another_host(self):
        run = self.run_another(LISTEN="127.0.0.1:0,192.0.2.1:80")
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot listen on 192.0.2.1:80: ", run.stderr)

    def test_workers_share_the_connections(self):
        with Echod(WORKERS=4) as echod:
            workers = {echod.ask(GET).json()["worker"] for _ in range(200)}
            self.assertEqual(workers, {0, 1, 2, 3})

    def test_ipv6(self):
        with Echod(LISTEN="127.0.0.1:0,[::1]:0") as echod:
            echod.wait_for("address=::1 port=")
            port = int(echod.log().split("address=::1 port=")[1].split()[0])
            with socket.create_connection(("::1", port), DEADLINE_S) as client:
                client.sendall(GET)
                self.assertIn(b" 200 ", client.recv(4096))

    def test_unix_sockets_come_and_go(self):
        with tempfile.TemporaryDirectory(prefix="ecss-http-") as folder:
            path = pathlib.Path(folder) / "s"
            for _ in range(2):
                with Echod(LISTEN=f"unix:{path}") as echod:
                    with echod.connect(str(path)) as client:
                        self.assertEqual([client.ask(GET).status for _ in range(2)], [200, 200])
                    echod.wait_for("remote=unix")
                    run = self.run_another(LISTEN=f"unix:{path}")
                    self.assertIn("another process listens there already", run.stderr)
                self.assertFalse(path.exists())
            with Echod(LISTEN=f"unix:{path}") as echod:
                echod.process.kill()
                echod.process.wait()
                echod.stopped = True
            self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))  # what it left behind
            with Echod(LISTEN=f"unix:{path}") as echod, echod.connect(str(path)) as client:
                self.assertEqual(client.ask(GET).status, 200)


if __name__ == "__main__":
    unittest.main()
