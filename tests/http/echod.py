"""echod for a test, and clients that say exactly which bytes go when.

    with Echod(IDLE_MS=200) as echod:
        with echod.connect() as client:
            client.send(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            print(client.answer().status)
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests" / "pg")]
from cluster import die_with_parent  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", SOURCE / "build" / "dev")) / "tests" / "http" / "echod"
DEADLINE_S = 30
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Closed(Exception):
    """The server has closed the connection where an answer was due."""


class Answer:
    def __init__(self, head, body):
        line, *headers = head.decode("latin-1").split("\r\n")
        self.line = line
        self.status = int(line.split(" ")[1])
        self.headers = [tuple(header.split(": ", 1)) for header in headers]
        self.body = body

    def __getitem__(self, name):
        """A header's value; None if it is not there, and an error if it is there twice."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The body of an error without requestId, which has to be the header's."""
        said = self.json()
        assert said.pop("requestId") == self["X-Request-Id"], f"the error names another request: {self.body}"
        return said


class Client:
    def __init__(self, address, source=None):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(DEADLINE_S)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        if not isinstance(address, str):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """False at the end."""
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def take_until(self, mark):
        while mark not in self.buffer:
            if not self.receive():
                raise Closed(self.buffer)
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def answer(self, head_only=False):
        """The next answer; head_only: to HEAD, which has no body whatever Content-Length says."""
        answer = Answer(self.take_until(b"\r\n\r\n"), b"")
        if head_only or answer.status in (100, 304):
            return answer
        length = int(answer["Content-Length"])
        while len(self.buffer) < length:
            if not self.receive():
                raise Closed(self.buffer)
        answer.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return answer

    def ask(self, data):
        self.send(data)
        return self.answer(head_only=data.startswith(b"HEAD "))

    def rest(self):
        """Everything until the server closes."""
        while self.receive():
            pass
        rest, self.buffer = self.buffer, b""
        return rest

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Leaves without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Echod:
    def __init__(self, **settings):
        self.settings = {name: str(value) for name, value in settings.items()}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ecss-http-")
        self.path = pathlib.Path(self.folder.name) / "log"
        keep = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "PATH")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM], env={**env, **self.settings}, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent(15))
        self.stopped = False
        self.wait_for(r"server\.listening")
        ports = re.findall(r"server\.listening address=\S+ port=(\d+)", self.log())
        self.address = ("127.0.0.1", int(ports[0])) if ports else None
        return self

    def __exit__(self, kind, _error, _trace):
        try:
            if not self.stopped:
                status = self.stop()
                if kind is None and status != 0:
                    raise AssertionError(f"echod ended with status {status}:\n{self.log()[-8000:]}")
            if kind is not None:
                print(self.log()[-4000:], file=sys.stderr)
        finally:
            self.process.kill()
            self.process.wait()
            self.folder.cleanup()

    def log(self):
        return self.path.read_text(errors="replace")

    def wait_for(self, pattern, times=1):
        """Until the log has it; fails if echod ends before."""
        deadline = time.monotonic() + DEADLINE_S
        while len(re.findall(pattern, self.log())) < times:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{pattern}: not in the log:\n{self.log()[-8000:]}")
            time.sleep(0.005)

    def connect(self, address=None):
        return Client(address or self.address)

    def ask(self, data):
        with self.connect() as client:
            return client.ask(data)

    def memory(self):
        """Resident, in bytes."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def terminate(self):
        self.stopped = True
        self.process.terminate()

    def stop(self):
        if not self.stopped:
            self.terminate()
        return self.process.wait(DEADLINE_S)


def head(method, target, *headers, body=None):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")
