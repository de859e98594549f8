"""TLS: versions, clients' certificates, a renewed certificate without a restart, and who is no TLS client. And that an
address which other hosts can reach is not served unprotected without having been told so."""
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest

from stack import DATABASE, DEADLINE_S, SOURCE, Stack, free_port, wait_until

sys.path[:0] = [str(SOURCE / "tests" / "http")]
from echod import GET, Client, head  # noqa: E402


class TlsClient(Client):
    def __init__(self, address, context, name="localhost"):
        super().__init__(address)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=name, suppress_ragged_eofs=False)
        except OSError:
            self.socket.close()
            raise


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack())
        cls.folder = cls.stack.dir
        cls.authority("ca")
        cls.certificate("one", "ca", "localhost")
        cls.certificate("two", "ca", "localhost", days=7)
        cls.certificate("client", "ca", "client")
        cls.authority("other-ca")
        cls.certificate("stranger", "other-ca", "client")
        cls.use("one")

    @classmethod
    def openssl(cls, *words):
        subprocess.run(["openssl", *words], cwd=cls.folder, check=True, capture_output=True)

    @classmethod
    def authority(cls, name):
        cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-keyout", f"{name}.key", "-out", f"{name}.pem", "-addext", "basicConstraints=critical,CA:TRUE")

    @classmethod
    def certificate(cls, name, authority, subject, days=30):
        cls.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
                    "-keyout", f"{name}.key", "-out", f"{name}.csr", "-addext", f"subjectAltName=DNS:{subject}")
        cls.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
                    "-days", str(days), "-copy_extensions", "copy", "-out", f"{name}.pem")

    @classmethod
    def use(cls, name):
        for kind in ("pem", "key"):
            (cls.folder / f"server.{kind}").write_text((cls.folder / f"{name}.{kind}").read_text())

    def start(self, **settings):
        port = free_port()
        daemon = self.stack.spawn("webapid", self.stack.environment(**{
            "ECSS_DATABASE_URL": self.stack.cluster.url(DATABASE, "web"), "ECSS_LISTEN": f"127.0.0.1:{port},unix:{self.folder}/{port}",
            "ECSS_TLS_CERT": f"{self.folder}/server.pem", "ECSS_TLS_KEY": f"{self.folder}/server.key", **settings}))
        daemon.address, daemon.unix = ("127.0.0.1", port), f"{self.folder}/{port}"
        self.addCleanup(daemon.stop)
        wait_until("webapid serves", lambda: daemon.check() and daemon.log().count("server.database_ready") == 2)
        return daemon

    def context(self, certificate=None, authority="ca"):
        context = ssl.create_default_context(cafile=self.folder / f"{authority}.pem")
        if certificate:
            context.load_cert_chain(self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key")
        return context

    def connect(self, daemon, **more):
        return TlsClient(daemon.address, self.context(**more))

    def test_https(self):
        daemon = self.start()
        with self.connect(daemon) as client:
            self.assertIn(client.socket.version(), ("TLSv1.2", "TLSv1.3"))
            self.assertEqual([client.ask(GET).status for _ in range(3)], [200] * 3)
            client.send(GET * 5)  # in one record
            self.assertEqual([client.answer().status for _ in range(5)], [200] * 5)
            for cut in range(1, len(GET), 7):  # in two
                client.send(GET[:cut])
                client.send(GET[cut:])
                self.assertEqual(client.answer().status, 200)
            self.assertEqual(client.ask(head("POST", "/jobs", body=b"x" * 500000)).status, 415)
            answer = client.ask(head("GET", "/", "Connection: close"))
            self.assertEqual((answer.status, client.rest()), (200, b""))  # ends with a close_notify
        with self.connect(daemon) as client:  # what is refused is told, too
            self.assertEqual(client.ask(b"GET / HTTP/3.0\r\n\r\n").status, 505)
            self.assertEqual(client.rest(), b"")
        with Client(daemon.unix) as client:  # unix sockets are as they were
            self.assertEqual(client.ask(GET).status, 200)

    def test_a_client_that_ends_its_half_in_the_middle_of_an_answer_gets_the_rest(self):
        overrides = json.dumps([{"containerName": "c", "environment": {"A": "x" * 4000, "B": "x" * 4000}}])
        self.stack.sql("INSERT INTO jobs (id, task_definition, schedule, overrides) SELECT 'n' || n, 'x', '0', %s"
                       " FROM generate_series(1, 600) n", [overrides])
        self.addCleanup(self.stack.sql, "DELETE FROM jobs")
        daemon = self.start()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with Client(daemon.address) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # and so does not grow to take all of it

            def pump(step):
                """Repeats a step of TLS, until it has what it needs."""
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        client.send(outgoing.read())
                        data = client.socket.recv(65536)
                        self.assertTrue(data, "the connection ends without a close_notify")
                        incoming.write(data)

            pump(tls.do_handshake)
            tls.write(head("GET", "/jobs?count=1000") * 2)  # the socket takes one of them, and not both
            answer = bytearray(pump(lambda: tls.read(1000)))
            with self.assertRaises(ssl.SSLWantReadError):
                while True:  # all that is here
                    answer += tls.read(65536)
            time.sleep(0.3)
            with self.assertRaises(ssl.SSLWantReadError):
                tls.unwrap()  # our close_notify is on its way, theirs is not here
            client.send(outgoing.read())
            time.sleep(0.3)  # it is read while the rest waits
            with self.assertRaises(ssl.SSLZeroReturnError):  # their close_notify
                while True:
                    answer += pump(lambda: tls.read(65536))
        self.assertEqual(answer.count(b"HTTP/1.1 200 "), 2)
        self.assertGreater(len(json.loads(answer.rpartition(b"\r\n\r\n")[2])["jobs"]), 400)

    def test_who_is_no_tls_client(self):
        daemon = self.start(ECSS_REQUEST_TIMEOUT_SECONDS="1")
        old = self.context()
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises(OSError):
            TlsClient(daemon.address, old)
        with self.connect(daemon) as good:
            for junk in (GET, b"\x16\x03\x01", b"\0" * 1000):
                with Client(daemon.address) as client:
                    client.send(junk)
                    try:
                        self.assertNotIn(b"HTTP/1.1 200", client.rest())  # ends, at the latest by the deadline of a handshake
                    except ConnectionResetError:
                        pass
            self.assertEqual(good.ask(GET).status, 200)
        with Client(daemon.address) as silent:
            self.assertEqual(silent.rest(), b"")

    def test_a_renewed_certificate(self):
        daemon = self.start()
        first = self.connect(daemon)
        serial = first.socket.getpeercert()["serialNumber"]
        self.assertEqual(first.ask(GET).status, 200)
        (self.folder / "server.pem").write_text("nonsense")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until("it says no", lambda: "webapid.not_reloaded" in daemon.log())
        self.assertEqual(self.serial(daemon), serial)
        self.assertNotIn("webapid.certificate_expires", daemon.log())
        before = self.expiry(first)
        self.use("two")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until("it warns of a certificate for 7 days only", lambda: "webapid.certificate_expires" in daemon.log())
        self.assertLess(self.expiry(first), before - 20 * 86400)
        wait_until("each worker has the new one", lambda: all(self.serial(daemon) != serial for _ in range(12)))
        self.assertEqual(first.ask(GET).status, 200)  # whoever is connected stays so
        first.socket.close()
        self.use("one")

    def expiry(self, client):
        """What /metrics says of the certificate."""
        text = client.ask(head("GET", "/metrics")).body.decode()
        return float(re.search(r"^ecss_tls_certificate_expiry_timestamp_seconds (\S+)$", text, re.M)[1])

    def serial(self, daemon):
        with self.connect(daemon) as client:
            self.assertEqual(client.ask(GET).status, 200)
            return client.socket.getpeercert()["serialNumber"]

    def test_certificates_of_clients(self):
        daemon = self.start(ECSS_TLS_CLIENT_CA=f"{self.folder}/ca.pem")
        with self.connect(daemon, certificate="client") as client:
            self.assertEqual(client.ask(GET).status, 200)
        for certificate in (None, "stranger"):
            with self.assertRaises((OSError, ssl.SSLError)):
                with self.connect(daemon, certificate=certificate) as client:
                    client.ask(GET)  # with TLS 1.3 the refusal comes after the client's handshake
                    self.fail(certificate)

    def check(self, status, *said, **settings):
        run = subprocess.run([self.stack.program("webapid"), "--check-config"], env=self.stack.environment(**settings),
                             capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(run.returncode, status, run.stderr)
        for words in said:
            self.assertIn(words, run.stderr)

    def test_nobody_is_exposed_by_mistake(self):
        files = {"ECSS_TLS_CERT": f"{self.folder}/one.pem", "ECSS_TLS_KEY": f"{self.folder}/one.key"}
        for address in ("0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "127.0.0.1:80,example.org:8080"):
            self.check(78, "ECSS_LISTEN: other hosts can reach", "needs ECSS_TLS_CERT and ECSS_TLS_KEY; or", ECSS_LISTEN=address)
            self.check(78, "needs ECSS_TOKENS other than never; or", ECSS_LISTEN=address, ECSS_TOKENS="never", **files)
            self.check(0, ECSS_LISTEN=address, **files)
            self.check(0, ECSS_LISTEN=address, ECSS_TOKENS="never", ECSS_INSECURE="1")
        for address in ("127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/run/x", "127.9.9.9:1"):
            self.check(0, ECSS_LISTEN=address, ECSS_TOKENS="never")

    def test_a_file_that_is_no_good_is_named_with_the_reason(self):
        one = {"ECSS_TLS_CERT": f"{self.folder}/one.pem", "ECSS_TLS_KEY": f"{self.folder}/one.key"}
        ca, two, nowhere = f"{self.folder}/ca.pem", f"{self.folder}/two.key", f"{self.folder}/nowhere.pem"
        for name, path, said in (("ECSS_TLS_CERT", nowhere, f"certificate {nowhere}: No such file or directory"),
                                 ("ECSS_TLS_CERT", two, f"certificate {two}: no start line; it takes a certificate in PEM"),
                                 ("ECSS_TLS_KEY", nowhere, f"key {nowhere}: No such file or directory"),
                                 ("ECSS_TLS_KEY", ca, f"key {ca}: unsupported; it takes the key of the certificate in PEM"),
                                 ("ECSS_TLS_KEY", two, f"key {two}: key values mismatch; it takes the key of the certificate in PEM"),
                                 ("ECSS_TLS_CLIENT_CA", nowhere, f"client CA {nowhere}: No such file or directory"),
                                 ("ECSS_TLS_CLIENT_CA", two, f"client CA {two}: no start line; it takes certificates of CAs in PEM")):
            self.check(78, said, **{**one, name: path})

    def test_an_insecure_address_is_warned_about_and_asks_for_tokens_unless_told_not_to(self):
        for tokens, status in (("public", 401), ("never", 200)):
            port = free_port()
            daemon = self.stack.spawn("webapid", self.stack.environment(
                ECSS_DATABASE_URL=self.stack.cluster.url(DATABASE, "web"), ECSS_LISTEN=f"0.0.0.0:{port}", ECSS_INSECURE="1", ECSS_TOKENS=tokens))
            self.addCleanup(daemon.stop)
            wait_until("webapid serves", lambda: daemon.check() and daemon.log().count("server.database_ready") == 2)
            with Client(("127.0.0.1", port)) as client:
                self.assertEqual(client.ask(GET).status, status)
                self.assertEqual(client.ask(head("GET", "/health/ready")).status, 200)
            self.assertRegex(daemon.log(), r"webapid\.insecure .*nothing is encrypted")
            self.assertEqual("anyone who reaches it can change jobs" in daemon.log(), tokens == "never")

    def test_files_that_are_no_good(self):
        (self.folder / "nonsense.pem").write_text("nonsense")
        good = {"ECSS_TLS_CERT": f"{self.folder}/one.pem", "ECSS_TLS_KEY": f"{self.folder}/one.key"}
        for changes, words in (({"ECSS_TLS_KEY": None}, "only good together"),
                               ({"ECSS_TLS_CERT": None}, "only good together"),
                               ({"ECSS_TLS_CERT": "/nowhere"}, "certificate /nowhere"),
                               ({"ECSS_TLS_CERT": f"{self.folder}/nonsense.pem"}, "certificate "),
                               ({"ECSS_TLS_KEY": f"{self.folder}/two.key"}, "key"),
                               ({"ECSS_TLS_CLIENT_CA": f"{self.folder}/nonsense.pem"}, "client CA ")):
            self.check(78, words, **{**good, **changes})
        self.check(78, "ECSS_TLS_CLIENT_CA needs", ECSS_TLS_CLIENT_CA=f"{self.folder}/ca.pem")


if __name__ == "__main__":
    unittest.main()
