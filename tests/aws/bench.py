#!/usr/bin/python3
"""How many RunTask a second the stand-in takes on one CPU: signature, model, task and journal included.

    bench.py [--calls 10000] [--connections 8] [--count 1] [--least 0]

The requests are signed beforehand and sent over keep-alive connections, each call with its own clientToken.
The CPU time of the stand-in per call is the figure that counts on a shared machine; --least N makes it fail
below N calls per CPU second.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from client import StandIn  # noqa: E402
from signer import Signer  # noqa: E402


def cpu_s(pid: int) -> float:
    """User and system CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_requests(aws: StandIn, calls: int, count: int) -> list[bytes]:
    """Signed RunTask requests, as scheduld sends them."""
    signer = Signer(aws)
    made = []
    for number in range(calls):
        body = {"cluster": "bench", "taskDefinition": "bench", "count": count, "startedBy": "ecs-scheduler",
                "clientToken": f"{number:040x}",
                "overrides": {"containerOverrides": [{"name": "main", "environment": [
                    {"name": "SLEEP_SECONDS", "value": "10"},
                    {"name": "ECS_SCHEDULER_OVERRIDE_TAG", "value": "bench"}]}]}}
        made.append(signer.ecs("RunTask", body))
    return made


def run(aws: StandIn, requests: list[bytes], connections: int) -> None:
    """Send all requests, one at a time on each connection."""
    selector = selectors.DefaultSelector()
    waiting = iter(requests)
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", aws.port))
        sock.sendall(next(waiting))
        selector.register(sock, selectors.EVENT_READ, bytearray())
    done = 0
    while done < len(requests):
        for key, _ in selector.select():
            buffer = key.data
            buffer += key.fileobj.recv(1 << 16)
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                continue
            length = int(buffer.split(b"Content-Length: ", 1)[1].split(b"\r\n", 1)[0])
            if len(buffer) < end + 4 + length:
                continue
            if not buffer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"refused: {bytes(buffer)!r}")
            buffer.clear()
            done += 1
            following = next(waiting, None)
            if following is not None:
                key.fileobj.sendall(following)
    for key in list(selector.get_map().values()):
        key.fileobj.close()


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--least", type=float, default=0.0)
    options = parser.parse_args()
    with StandIn(clusters=["bench"], task_definitions=["bench:main"]) as aws:
        requests = make_requests(aws, options.calls, options.count)
        pid = aws.process.pid
        cpu, wall = cpu_s(pid), time.monotonic()
        run(aws, requests, options.connections)
        cpu, wall = cpu_s(pid) - cpu, time.monotonic() - wall
        audit = aws.audit()
    wanted = (options.calls, options.calls * options.count, [])
    if (audit["launches"], audit["tasks"], audit["duplicates"]) != wanted:
        raise SystemExit(f"{audit['launches']} launches, {audit['tasks']} tasks of {options.calls} calls")
    per_cpu = options.calls / cpu
    print(json.dumps({"calls": options.calls, "connections": options.connections,
                      "tasks_per_call": options.count,
                      "calls_per_s": round(options.calls / wall), "calls_per_cpu_s": round(per_cpu),
                      "cpu_us_per_call": round(1e6 * cpu / options.calls), "load": os.getloadavg()[0]}))
    return 0 if per_cpu >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
