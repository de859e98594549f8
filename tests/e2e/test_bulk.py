"""All jobs at once: out of the database and into it, and what happens when a client is slow or leaves."""
import http.client
import json
import socket
import unittest

from stack import DEADLINE_S, Stack, wait_until

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

    def make(self, count, width=1):
        stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'n' || n, repeat('x', %s), '0' || repeat(' ', 4 * %s)"
                  " FROM generate_series(1, %s) n", [width, width, count])

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

    def test_a_client_that_does_not_read_costs_no_memory_and_stops_nobody(self):
        self.make(10000, 250)
        daemon = stack.daemons[0]
        self.get("/jobs?count=1000")
        before = rss(daemon)
        clients = [socket.create_connection(stack.address, timeout=DEADLINE_S) for _ in range(4)]
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /jobs/export HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(100)
        for _ in range(20):
            self.assertEqual(self.get("/jobs/n1")[0].status, 200)
        self.assertLess(rss(daemon) - before, 20000)
        for client in clients[:2]:
            client.close()
        wait_until("those that left are noticed", lambda: stack.daemons[0].check() and self.get("/jobs?count=1")[0].status == 200)
        for client in clients[2:]:
            client.close()

    def test_a_database_that_goes_away_cuts_the_connection(self):
        self.make(10000, 250)
        client = socket.create_connection(stack.address, timeout=DEADLINE_S)
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /jobs/export HTTP/1.1\r\nHost: x\r\n\r\n")
        text = client.recv(1000)
        stack.cluster.restart()
        try:
            while piece := client.recv(1 << 20):
                text = text[-100:] + piece
        except ConnectionResetError:
            pass
        self.assertFalse(text.endswith(b"0\r\n\r\n"))
        wait_until("it answers again", lambda: self.get("/jobs?count=1")[0].status == 200)


if __name__ == "__main__":
    unittest.main()
