"""The daemons as systemd's services: sockets that are passed, READY, STATUS, RELOADING, STOPPING, WATCHDOG."""
import http.client
import pathlib
import re
import signal
import socket
import unittest

from stack import DATABASE, Stack, answers, free_port, wait_until
from systemd import Unit

WATCHDOG_S = 30  # as in the units, so that a busy machine alone rouses no watchdog
WATCHDOG_OF_FROZEN_S = 1
CONNECTIONS = {"webapid": 4, "scheduld": 1}  # that look at the schema


def get(address, path):
    connection = http.client.HTTPConnection(*address, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def listening(family=socket.AF_INET, address=("127.0.0.1", 0)):
    """As a .socket unit has it."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen(64)
    return sock


class Systemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)

    def unit(self, program, **options):
        unit = Unit(self.stack, program, **options)
        unit.__enter__()
        self.addCleanup(unit.__exit__)
        return unit

    def socket(self, *args):
        sock = listening(*args)
        self.addCleanup(sock.close)
        return sock

    def stopped(self, unit):
        unit.daemon.stop()
        wait_until("it has said that it stops", lambda: unit.names()[-1] == "STOPPING")

    def test_webapid_serves_on_the_sockets_that_it_is_passed(self):
        path = str(self.stack.dir / "web.sock")
        first, second = self.socket(), self.socket(socket.AF_UNIX, path)
        unit = self.unit("webapid", listen=[first, second], ECSS_LISTEN="127.0.0.1:1")
        unit.start()
        address = first.getsockname()
        wait_until("it answers", lambda: unit.daemon.check() and answers(address))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 "))
        self.assertIn(f"ECSS_LISTEN does not count: systemd passes sockets on 127.0.0.1:{address[1]},unix:{path}", unit.daemon.log())
        unit.wait_status("serves")
        self.has_no_connection_for_writing(unit)
        self.stopped(unit)
        self.assertTrue((self.stack.dir / "web.sock").exists(), "the socket's file is systemd's")

    def has_no_connection_for_writing(self, unit):
        self.stack.sql("ALTER ROLE web CONNECTION LIMIT 0")
        try:
            self.stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webapid writes'")
            unit.wait_status("serves reads only")
        finally:
            self.stack.sql("ALTER ROLE web CONNECTION LIMIT -1")
        wait_until("it has both again", lambda: unit.status() == "serves")

    def test_a_restart_of_webapid_refuses_nobody(self):
        sock = self.socket()
        unit = self.unit("webapid", listen=[sock], ECSS_WORKERS="1")
        unit.start()
        self.stopped(unit)
        client = http.client.HTTPConnection(*sock.getsockname(), timeout=60)
        self.addCleanup(client.close)
        client.request("GET", "/")  # it waits in the backlog
        unit.start()
        self.assertEqual(client.getresponse().status, 200)
        self.stopped(unit)

    def test_webapid_refuses_what_is_no_listening_socket(self):
        sock = socket.socket()
        self.addCleanup(sock.close)
        unit = self.unit("webapid", listen=[sock])
        with self.assertRaisesRegex(AssertionError, "(?s)status 78.*no listening stream socket"):
            unit.start()
        unit.daemon.stopped = True

    def test_reload(self):
        for program, words in (("webapid", ""), ("scheduld", "daemon.nothing_to_reload")):
            with self.subTest(program):
                unit = self.unit(program, **({"listen": [self.socket()]} if program == "webapid" else {}))
                unit.start()
                before = len(unit.said)
                unit.daemon.process.send_signal(signal.SIGHUP)
                unit.wait("RELOADING", "1")
                unit.wait("READY", "1", after=before)
                self.assertEqual(unit.names(), ["READY", "RELOADING", "READY"])
                self.assertIn(words, unit.daemon.log())
                self.stopped(unit)

    def test_scheduld_tells_whether_it_leads_and_what_comes_next(self):
        self.stack.sql("INSERT INTO jobs (id, task_definition, schedule) VALUES ('later', 'hello', '0 0 0 * * 1 1 2077')")
        self.addCleanup(self.stack.sql, "DELETE FROM jobs")
        first, second = self.unit("scheduld"), self.unit("scheduld")
        first.start()
        first.wait_status("leads, epoch ")
        first.wait_status("; 1 jobs armed; next fire 2077-01-01T00:00:00+00:00")
        second.start()
        second.wait_status("stands by; 1 jobs armed; next fire 2077-01-01T00:00:00+00:00")
        self.stopped(first)
        wait_until("it has said so", lambda: first.status() == "finishes what is on its way")
        second.wait_status("leads, epoch ")
        self.stopped(second)

    def test_who_may_not_read_the_schema_says_so_and_waits(self):
        """As after CREATE USER without IN ROLE, or pg_restore --no-privileges."""
        port = free_port()
        units = {"webapid": self.unit("webapid", listen=[self.socket()], ECSS_DATABASE_URL=self.stranger("webapid")),
                 "scheduld": self.unit("scheduld", ECSS_DATABASE_URL=self.stranger("scheduld"), ECSS_ADMIN_LISTEN=f"127.0.0.1:{port}")}
        denied = "permission denied for table schema_migrations"
        for unit in units.values():
            unit.start()
        for program, unit in units.items():
            unit.wait_status("cannot read the schema: its log says why")
            asked = re.compile(rf"not_in_{program} .* {denied}$", re.MULTILINE)
            wait_until("it has asked each second", lambda: len(asked.findall(self.stack.cluster.log())) >= 3 * CONNECTIONS[program])
            said = [line for line in unit.daemon.log().splitlines() if denied in line]
            self.assertEqual(len(said), 1, unit.daemon.log())
            self.assertIn(f" error {program}.schema_unreadable ", said[0])
        for address in (units["webapid"].listen[0].getsockname(), ("127.0.0.1", port)):
            status, text = get(address, "/health/ready")
            self.assertEqual(status, 503)
            self.assertIn("read", text)
        for program in units:
            self.stack.sql(f"GRANT ecs_scheduler_{program} TO not_in_{program}")
        units["webapid"].wait_status("serves")
        units["scheduld"].wait_status("leads, epoch ")
        self.may_not_read_who_leads(units["webapid"])
        for unit in units.values():
            self.stopped(unit)

    def stranger(self, program):
        """The address of the database for a user that is not in the program's role."""
        self.stack.sql(f"CREATE ROLE not_in_{program} LOGIN")
        self.addCleanup(self.stack.sql, f"DROP ROLE not_in_{program}")
        return self.stack.cluster.url(DATABASE, f"not_in_{program}")

    def may_not_read_who_leads(self, unit):
        address = unit.listen[0].getsockname()
        wait_until("it is ready", lambda: get(address, "/health/ready")[0] == 200)
        self.stack.sql("REVOKE SELECT ON scheduler FROM ecs_scheduler_webapid")
        try:
            status, text = get(address, "/health/ready")
            self.assertEqual(status, 503)
            self.assertIn("the database answers with an error, which the log has", text)
            self.assertRegex(unit.daemon.log(), " warning health.not_ready .*permission denied for table scheduler")
        finally:
            self.stack.sql("GRANT SELECT ON scheduler TO ecs_scheduler_webapid")

    def test_what_hangs_is_killed_and_comes_back(self):
        units = [self.unit("webapid", watchdog_s=WATCHDOG_S, listen=[self.socket()]), self.unit("scheduld", watchdog_s=WATCHDOG_S)]
        for unit in units:
            unit.start()
        for unit in units:
            unit.wait("WATCHDOG", "1")
            self.assertEqual(unit.barked, 0)
            limits = pathlib.Path(f"/proc/{unit.daemon.pid}/limits").read_text()
            self.assertRegex(limits, "Max core file size +1 +1 ")  # it would have passwords
            unit.daemon.process.send_signal(signal.SIGSTOP)
            unit.watchdog_s = WATCHDOG_OF_FROZEN_S
        for unit in units:
            wait_until("it is killed", lambda unit=unit: not unit.daemon.running())
            self.assertEqual((unit.barked, unit.daemon.process.returncode), (1, -signal.SIGABRT))
            unit.watchdog_s = WATCHDOG_S
            unit.start()
            self.stopped(unit)


if __name__ == "__main__":
    unittest.main()
