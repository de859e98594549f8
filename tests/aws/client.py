"""Start the AWS stand-in from a test, tell it what to do, and read what came in.

    with StandIn(clusters=["test-cluster"], task_definitions=["plain", "fam:c1,c2"]) as aws:
        env = {**os.environ, **aws.environment()}
        ...
        aws.fault("RunTask", "throttle", count=1)
        calls = aws.wait_calls(2, "RunTask")

Stands alone: it imports only the standard library, so that any test can take it by path.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

PROGRAM = Path(__file__).resolve().parent / "standin.py"

Call = dict[str, Any]


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 and localhost with its key in one PEM file, its own CA."""
    key, path = folder / "key.pem", folder / "stand-in.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=stand-in",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", str(key), "-out", str(path)], check=True, capture_output=True)
    with path.open("a") as file:
        file.write(key.read_text())
    key.unlink()
    path.chmod(0o600)
    return path


class StandInError(Exception):
    """The stand-in did not start, or refused what it was told."""


class StandIn:
    """One stand-in process. The key, secret and region are what clients have to use."""

    def __init__(self, *, clusters: list[str] | None = None, task_definitions: list[str] | None = None,
                 queues: list[str] | None = None, region: str = "us-east-1", access_key: str = "AKIDEXAMPLE",
                 secret: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", listen: str = "127.0.0.1:0",
                 cross_check: bool = False, tls_certificate: Path | None = None,
                 options: list[str] | None = None, start_s: float = 60.0) -> None:
        self.region = region
        self.access_key = access_key
        self.secret = secret
        self.account = "123456789012"
        self.url = ""
        self.port = 0
        self.start_s = start_s
        self.process: subprocess.Popen[str] | None = None
        self._command = ["/usr/bin/python3", "-B", str(PROGRAM), "--listen", listen, "--region", region,
                         "--access-key", access_key, "--secret", secret, "--stay-with", str(os.getpid())]
        for name in clusters or ["default"]:
            self._command += ["--cluster", name]
        for name in task_definitions or []:
            self._command += ["--task-definition", name]
        for name in queues or []:
            self._command += ["--queue", name]
        if cross_check:
            self._command.append("--cross-check")
        if tls_certificate is not None:
            self._command += ["--tls-certificate", str(tls_certificate)]
        self._tls = tls_certificate
        self._command += options or []

    def __enter__(self) -> StandIn:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> StandIn:
        """Start the process and wait for its address."""
        # In a session of its own, Ctrl-C in the terminal does not end it before those who call it have ended.
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], self.start_s)
        self.url = self.process.stdout.readline().strip() if ready else ""
        if not self.url:
            self.stop()
            raise StandInError(f"the stand-in did not start in {self.start_s} s: {' '.join(self._command)}")
        self.port = int(self.url.rpartition(":")[2])
        return self

    def stop(self) -> int | None:
        """End the process; returns its exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.terminate()
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return code

    def environment(self) -> dict[str, str]:
        """What a client (scheduld, boto3, the aws command) needs in its environment to come here."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region, "AWS_ENDPOINT_URL": self.url,
                "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "NO_PROXY": "127.0.0.1,localhost"}

    # What came in.

    def calls(self, operation: str | None = None, after: int = 0, wait_s: float = 0.0) -> list[Call]:
        """The calls after number `after`, of one operation or all; waits up to wait_s for the first one."""
        query = {"after": str(after), "wait": str(wait_s)}
        if operation is not None:
            query["operation"] = operation
        return self.get(f"calls?{urlencode(query)}", wait_s)["calls"]

    def mark(self) -> int:
        """The number of the newest call: give it to calls(after=...) to see only what comes from now on."""
        return self.get("")["calls"]

    def wait_calls(self, count: int, operation: str | None = None, after: int = 0,
                   timeout_s: float = 30.0) -> list[Call]:
        """At least so many calls; StandInError with what was there when they do not come in time."""
        deadline = time.monotonic() + timeout_s
        found: list[Call] = []
        while len(found) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise StandInError(f"{len(found)} of {count} calls {operation or ''} came in {timeout_s} s: "
                                   f"{[(call['operation'], call['error']) for call in found]}")
            seen = found[-1]["number"] if found else after
            found += self.calls(operation, seen, min(left, 5.0))
        return found

    def wait_until(self, condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
        """The first true value of a condition, asked again after each new call (and now and then)."""
        deadline = time.monotonic() + timeout_s
        seen = self.mark()
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise StandInError(f"not within {timeout_s} s: {what}")
            newer = self.calls(after=seen, wait_s=0.1)
            seen = newer[-1]["number"] if newer else seen

    def audit(self, by: str = "clientToken") -> dict[str, Any]:
        """Launches and tasks by clientToken, family, startedBy, group or env:NAME, and which came twice."""
        return self.get(f"audit?{urlencode({'by': by})}")

    def overview(self) -> dict[str, Any]:
        """Counts of everything, and the stand-in's own bugs (there should be none)."""
        return self.get("")

    # What it is to do.

    def fault(self, operation: str | list[str], kind: str, **details: Any) -> int:
        """Add a fault rule; returns its id. README.md has the kinds and their details."""
        return self.post("faults", {"operation": operation, "kind": kind, **details})[0]["id"]

    def faults(self) -> list[dict[str, Any]]:
        """The rules, with how often they were hit."""
        return self.get("faults")

    def clear_faults(self, ident: int | None = None) -> None:
        """Drop one rule or all."""
        self.post("faults/clear", {"id": ident})

    def buckets(self, buckets: list[dict[str, Any]] | str) -> None:
        """Throttle as these token buckets say ([]: not; "aws": as AWS documents)."""
        self.post("buckets", buckets)

    def tasks(self, **filters: str) -> list[dict[str, Any]]:
        """All tasks: by cluster, family, startedBy, status (running, stopped, all)."""
        return self.get(f"tasks?{urlencode(filters)}")

    def start_tasks(self, task_definition: str, count: int = 1, **params: Any) -> list[str]:
        """Tasks that somebody else started; params as RunTask's. Returns their ARNs."""
        made = self.post("tasks", {"taskDefinition": task_definition, "count": count, **params})
        return [task["taskArn"] for task in made]

    def stop_tasks(self, **which: Any) -> list[str]:
        """End tasks: by tasks, family, startedBy, cluster or all; with exitCode, stopCode, reason, count."""
        return self.post("tasks/stop", which)["stopped"]

    def life(self, family: str = "*", **life: Any) -> None:
        """How tasks of a family started from now on live: start_s, run_s, stop_s, exit_codes, ..."""
        self.post("life", {"family": family, **life})

    def task_definitions(self, *families: str | dict[str, Any]) -> None:
        """Register task definitions: names, or {family, containers, fargate}."""
        self.post("task-definitions",
                  [{"family": each} if isinstance(each, str) else each for each in families])

    def queue(self, name: str, visible: int = 0, in_flight: int = 0, delayed: int = 0,
              account: str | None = None) -> None:
        """Make a queue or set the counts that it shows."""
        self.post("queues", {"name": name, "visible": visible, "in_flight": in_flight, "delayed": delayed,
                             "account": account})

    def delete_queue(self, name: str) -> None:
        """Drop a queue."""
        self.post("queues/delete", {"name": name})

    def clock(self, offset_s: float | None = None, advance_s: float = 0.0) -> None:
        """Set the stand-in's wall clock wrong, or let time pass for tasks and tokens."""
        change: dict[str, float] = {"advance_s": advance_s}
        if offset_s is not None:
            change["offset_s"] = offset_s
        self.post("clock", change)

    def settings(self, **settings: Any) -> None:
        """page_size, list_lag_s, stopped_visible_s, idle_timeout_s, max_requests."""
        self.post("settings", settings)

    def close_connections(self, reset: bool = False) -> None:
        """Close every connection to the stand-in, by FIN or by RST."""
        self.post("connections/close", {"reset": reset})

    def reset(self) -> None:
        """As at the start; clusters, task definitions and (empty) queues stay, and call numbers go on."""
        self.post("reset", {})

    # The control paths themselves.

    def get(self, path: str, wait_s: float = 0.0) -> Any:
        """GET /_standin/PATH"""
        return self._ask("GET", path, None, wait_s)

    def post(self, path: str, body: Any) -> Any:
        """POST /_standin/PATH"""
        return self._ask("POST", path, json.dumps(body), 0.0)

    def _ask(self, method: str, path: str, body: str | None, wait_s: float) -> Any:
        if self._tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=wait_s + 60)
        else:
            context = ssl.create_default_context(cafile=str(self._tls))
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=wait_s + 60,
                                                     context=context)
        try:
            connection.request(method, f"/_standin/{path}", body, {"Connection": "close"})
            answer = connection.getresponse()
            value = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise StandInError(f"{method} {path}: {answer.status} {value.get('message')}")
        return value
