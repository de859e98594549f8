"""What the stand-in's own tests share: a stand-in per class (cross-checking), boto3 clients, raw sockets."""

from __future__ import annotations

import json
import os
import socket
import sys
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.environ["AWS_DATA_PATH"] = str(HERE / "models")  # so that boto3 knows clientToken, too
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
for _name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
    del os.environ[_name]

import boto3  # noqa: E402
import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402

from client import StandIn, StandInError  # noqa: E402
from signer import Signer  # noqa: E402

TIMEOUT_S = 30.0


class Answer:
    """An HTTP answer read from a socket; `raw` is everything that came."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, self.separator, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else None
        fields = (line.partition(":") for line in lines[1:])
        self.headers = {name.lower(): value.strip() for name, _, value in fields}

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str | None:
        """AWS's error name, as clients read it."""
        kind = self.json.get("__type")
        return None if kind is None else kind.partition(":")[0].rpartition("#")[2]

    @property
    def message(self) -> str:
        """AWS's words."""
        return self.json.get("message") or self.json.get("Message") or ""


class Wire:
    """A connection by hand."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each send() is a segment
        self.buffer = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def answer(self) -> Answer:
        """The next whole answer, or what came until the end of the connection."""
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if found and b"content-length: " in head.lower():
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                if len(rest) >= length:
                    self.buffer = rest[length:]
                    return Answer(head + found + rest[:length])
            data = self.sock.recv(1 << 16)
            if not data:
                made, self.buffer = Answer(self.buffer), b""
                return made
            self.buffer += data

    def ended(self) -> bool:
        """Whether the other side has closed (waits for it)."""
        return self.sock.recv(1) == b""


class Case(unittest.TestCase):
    """Tests against one stand-in, reset before each."""

    aws: StandIn
    bugs_seen = 0

    @classmethod
    def setUpClass(cls) -> None:
        Case.bugs_seen = 0
        cls.aws = StandIn(clusters=["c", "other"], task_definitions=[
            "plain", "fam:c1,c2", "big", "fg:app@fargate", "lax:app@fargate-lax"], queues=["q"],
                          cross_check=True)
        cls.aws.start()

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.aws.stop()
        assert code == 0, f"the stand-in ended with {code}"

    def setUp(self) -> None:
        self.aws.reset()
        self.signer = Signer(self.aws)

    def tearDown(self) -> None:
        bugs = self.aws.overview()["bugs"]
        new, Case.bugs_seen = bugs[Case.bugs_seen:], len(bugs)
        self.assertFalse(new, "the stand-in is wrong itself:\n" + "\n".join(new))

    def client(self, service: str, **settings: Any) -> Any:
        """A boto3 client that does not retry."""
        config = botocore.config.Config(retries={"total_max_attempts": settings.pop("attempts", 1)},
                                        read_timeout=settings.pop("read_timeout", TIMEOUT_S), proxies={})
        made = boto3.session.Session(**{
            "aws_access_key_id": self.aws.access_key, "aws_secret_access_key": self.aws.secret,
            "region_name": self.aws.region, **settings}).client(service, endpoint_url=self.aws.url,
                                                                config=config)
        self.addCleanup(made.close)
        return made

    def wire(self) -> Wire:
        """A connection by hand, closed after the test."""
        made = Wire(self.aws.port)
        self.addCleanup(made.sock.close)
        return made

    def exchange(self, data: bytes) -> Answer:
        """Send one request on a new connection and read its answer."""
        with Wire(self.aws.port) as wire:
            wire.send(data)
            return wire.answer()

    def ecs_call(self, operation: str, body: Any, **wrong: Any) -> Answer:
        """One raw, signed call of ECS."""
        return self.exchange(self.signer.ecs(operation, body, **wrong))

    def refused(self, name: str, call: Any, *args: Any, **params: Any) -> botocore.exceptions.ClientError:
        """The ClientError of a boto3 call, which has to have this name."""
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(*args, **params)
        self.assertEqual(caught.exception.response["Error"]["Code"], name, str(caught.exception))
        return caught.exception
