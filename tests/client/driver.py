"""What tests of the AWS client share: the program `drive`, started with an environment and asked by JSON lines; and a
stand-in for it to call, which verifies every signature and checks every request against botocore's model.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "aws"))

from client import StandIn  # noqa: E402

PROGRAM = Path(os.environ.get("ECSS_BUILD_DIR", HERE.parents[1] / "build" / "dev")) / "tests" / "client" / "drive"
DEADLINE_S = 60.0


def clean_environment() -> dict[str, str]:
    """Ours, without what would lead an AWS client or libcurl elsewhere."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith("AWS_") and not name.lower().endswith("_proxy")}


class Driver:
    """One process with one AWS client. `options` go to DRIVE_...: timeout_ms=200."""

    wrap: list[str] = []  # a command in front of it

    def __init__(self, environment: dict[str, str], **options: int) -> None:
        self.log = tempfile.TemporaryFile("w+")
        env = {**clean_environment(), **environment,
               **{f"DRIVE_{name.upper()}": str(value) for name, value in options.items()}}
        self.process = subprocess.Popen([*self.wrap, PROGRAM], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.answers: dict[int, dict[str, Any]] = {}
        self.buffer = b""
        self.ids = 0

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is not None:
            self.process.kill()
        self.end()

    def end(self) -> None:
        """Let it end in order; what a sanitizer found in it fails here."""
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        self.text = self.logged()
        self.log.close()
        assert code in (0, -9), f"drive ended with {code}:\n{self.text}"

    def logged(self) -> str:
        """What it wrote to standard error so far."""
        self.log.seek(0)
        return self.log.read()

    def start(self, op: str, **members: Any) -> int:
        """Begin a command; returns its id."""
        self.ids += 1
        self.process.stdin.write(json.dumps({"id": self.ids, "op": op, **members}).encode() + b"\n")
        self.process.stdin.flush()
        return self.ids

    def stop(self) -> None:
        """Free the client at once."""
        self.process.stdin.write(b'{"op":"stop"}\n')
        self.process.stdin.flush()

    def answer(self, ident: int) -> dict[str, Any]:
        """What came of a command."""
        deadline = time.monotonic() + DEADLINE_S
        while ident not in self.answers:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            assert data, f"no answer to command {ident}:\n{self.logged()}"
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                made = json.loads(line)
                assert made["id"] not in self.answers, f"a second answer: {made}"
                self.answers[made["id"]] = made
        return self.answers[ident]

    def do(self, op: str, **members: Any) -> dict[str, Any]:
        """A command and what came of it."""
        return self.answer(self.start(op, **members))

    def all(self, idents: Iterable[int]) -> list[dict[str, Any]]:
        """What came of several."""
        return [self.answer(ident) for ident in idents]

    def run(self, token: str, family: str = "plain", count: int = 1, **plan: Any) -> int:
        """Begin a RunTask; returns its id."""
        return self.start("run", token=token, count=count, plan=json.dumps(
            {"cluster": "c", "taskDefinition": family, "startedBy": "drive", **plan}))


def says(error: dict[str, Any]) -> tuple[str, str, bool, int]:
    """What is to be known of an error."""
    return error["kind"], error["code"], error["may_have_acted"], error["attempts"]


class Case(unittest.TestCase):
    """Tests against one stand-in, reset before each."""

    aws: StandIn

    @classmethod
    def setUpClass(cls) -> None:
        cls.aws = StandIn(clusters=["c"], task_definitions=["plain", "fam:c1,c2", "lax:app@fargate-lax"],
                          queues=["q=3"], cross_check=True)
        cls.aws.start()

    @classmethod
    def tearDownClass(cls) -> None:
        bugs = cls.aws.overview()["bugs"]
        assert cls.aws.stop() == 0
        assert not bugs, "the stand-in is wrong itself:\n" + "\n".join(bugs)

    def setUp(self) -> None:
        self.aws.reset()
        self.mark = self.aws.mark()
        self.secrets = [self.aws.secret]
        self.drivers: list[Driver] = []

    def tearDown(self) -> None:
        for driver in self.drivers:
            driver.end()
            for secret in self.secrets:
                self.assertNotIn(secret, driver.text)

    def drive(self, environment: dict[str, str] | None = None, **options: int) -> Driver:
        driver = Driver({**self.aws.environment(), **(environment or {})}, **options)
        self.drivers.append(driver)
        return driver

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        return self.aws.calls(operation, after=self.mark)

    def operations(self) -> list[str]:
        return [call["operation"] for call in self.calls()]

    def assert_signed(self) -> None:
        self.assertEqual({call["signature"] for call in self.calls()}, {"ok"})
