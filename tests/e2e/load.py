#!/usr/bin/python3
"""Clients that read and write all the time, and vanish at random, while PostgreSQL is restarted. What was acknowledged has
to be in the database, what failed has to have been answered, once, and webapid is none the worse.

    tests/e2e/load.py [--seconds 60] [--connections 64] [--restarts 2]     of the build in $ECSS_BUILD_DIR; prints figures

Each client has jobs of its own and knows what they must be. When it cannot know (it vanished, or was told 5xx after a
write), the job may be either, and is left alone from then on.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import sys
import threading
import time

from stack import SOURCE, Stack, sanitized

sys.path[:0] = [str(SOURCE / "tests" / "http")]
from echod import Client, Closed, head  # noqa: E402

SCHEDULE = "0 0 0 * * 1 1 2099"
VANISH = 0.02
ABSENT = None


def request(method, path, body=None):
    return head(method, path) if body is None else head(method, path, "Content-Type: application/json", body=json.dumps(body).encode())


class Worker(threading.Thread):
    """One client, on one connection after the other. jobs: what each job may be, task counts or ABSENT."""

    def __init__(self, number, address, until):
        super().__init__(daemon=True)
        self.number, self.address, self.until = number, address, until
        self.random = random.Random(number)
        self.jobs, self.settled, self.made = {}, [], 0
        self.statuses, self.vanished, self.wrong, self.slowest = collections.Counter(), 0, [], 0
        self.client = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.step()
        except (Closed, OSError, ValueError, KeyError) as error:
            self.wrong.append(f"client {self.number}: no good answer: {error!r}")
        finally:
            if self.client is not None:
                self.client.socket.close()

    def step(self):
        kind = self.random.choices(("POST", "GET", "PUT", "DELETE"), (3, 4, 4, 1))[0] if self.settled else "POST"
        count = self.random.randint(1, 50)
        if kind == "POST":
            self.made += 1
            job = f"c{self.number}-{self.made}"
            self.jobs[job] = {ABSENT}
            self.settled.append(job)
            self.write(job, count, 201, request("POST", "/jobs", {"id": job, "schedule": SCHEDULE, "taskCount": count}))
            return
        job = self.random.choice(self.settled)
        if kind == "GET":
            self.read(job)
        elif kind == "PUT":
            self.write(job, count, 200, request("PUT", f"/jobs/{job}", {"taskCount": count}))
        else:
            self.write(job, ABSENT, 200, request("DELETE", f"/jobs/{job}"))

    def ask(self, data):
        """The answer; None: we did not wait for it."""
        if self.client is None:
            self.client = Client(self.address)
        began = time.monotonic()
        self.client.send(data)
        if self.random.random() < VANISH:
            self.vanished += 1
            self.client.reset()
            self.client = None
            return None
        answer = self.client.answer()
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[answer.status] += 1
        if answer.status == 503 and answer["Retry-After"] is None:
            self.wrong.append("a 503 without Retry-After")
        if self.client.buffer:
            self.wrong.append(f"more than one answer: {self.client.buffer!r}")
        if answer["Connection"] == "close":
            self.client.socket.close()
            self.client = None
        if answer.status >= 500:
            time.sleep(0.05)
        return answer

    def write(self, job, becomes, expected, data):
        was = self.jobs[job]
        there = was != {ABSENT}
        answer = self.ask(data)
        if answer is None or answer.status >= 500:
            self.jobs[job] = was | {becomes}
            self.settled.remove(job)  # nobody knows when it will be done, if it is
        elif answer.status == expected and (there or expected == 201):
            self.jobs[job] = {becomes}
        elif not (answer.status == 404 and not there):
            self.wrong.append(f"{job} is {was}, and {data[:40]!r} is answered {answer.status} {answer.body!r}")

    def read(self, job):
        answer = self.ask(request("GET", f"/jobs/{job}"))
        if answer is None or answer.status >= 500:
            return
        seen = answer.json()["taskCount"] if answer.status == 200 else ABSENT
        if answer.status not in (200, 404) or seen not in self.jobs[job]:
            self.wrong.append(f"{job} is {self.jobs[job]}, and GET says {answer.status} {answer.body!r}")


def rss_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def run(stack, seconds, connections, restarts):
    """Returns what is wrong, a line each, and prints the figures."""
    daemon = stack.start_webapid(ECSS_LOG_LEVEL="warning")
    began = time.monotonic()
    workers = [Worker(n, daemon.address, began + seconds) for n in range(connections)]
    for worker in workers:
        worker.start()
    memory, away = [], 0.0
    for part in range(restarts + 1):
        end = began + seconds * (part + 1) / (restarts + 1)
        while time.monotonic() < end:
            stack.check()
            memory.append(rss_kb(daemon.pid))
            time.sleep(min(0.25, max(0.0, end - time.monotonic())))
        if part < restarts:
            before = time.monotonic()
            stack.cluster.restart()
            away += time.monotonic() - before
    for worker in workers:
        worker.join(90)
    wrong = [line for worker in workers for line in worker.wrong]
    wrong += [f"client {worker.number} still waits" for worker in workers if worker.is_alive()]
    stack.check()
    time.sleep(1)  # writes of clients that vanished at the very end
    rows = dict(stack.sql("SELECT id, task_count FROM jobs"))
    expected = {job: states for worker in workers for job, states in worker.jobs.items()}
    wrong += [f"{job} is {rows.get(job)} in the database, and must be one of {states}" for job, states in expected.items()
              if rows.get(job) not in states]
    wrong += [f"{job} is in the database, and nobody made it" for job in rows if job not in expected]
    statuses = sum((worker.statuses for worker in workers), collections.Counter())
    odd = set(statuses) - {200, 201, 404, 503}
    if odd:
        wrong.append(f"answers of {sorted(odd)}")
    first, last = max(memory[:max(1, len(memory) // 3)]), max(memory[-max(1, len(memory) // 3):])
    if last > first * 1.2 + 8192 and not sanitized():  # those keep what was freed, to see who uses it
        wrong.append(f"memory has grown from {first} to {last} kB")
    answered = sum(statuses.values())
    print(f"{answered} answers in {seconds} s by {connections} connections: " +
          ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items())) +
          f"; {sum(w.vanished for w in workers)} clients vanished; PostgreSQL restarted {restarts} times, {away:.1f} s in all; "
          f"slowest answer {max(w.slowest for w in workers):.2f} s")
    print(f"{len(expected)} jobs: {sum(len(s) == 1 for s in expected.values())} known for certain; "
          f"memory {first} kB in the first third, {last} kB in the last; {len(wrong)} mistakes")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--restarts", type=int, default=2)
    options = parser.parse_args()
    with Stack() as stack:
        wrong = run(stack, options.seconds, options.connections, options.restarts)
    print("\n".join(wrong[:50]), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
