"""The second half of ./quickstart: starts everything, creates a job, and tells what happens.

What runs is what the tests run: tests/e2e/stack.py. Everything is on loopback and in a temporary folder.
"""
import signal
import sys

stopping = False


def on_signal(number, _frame):
    # Another one, of an impatient user or of the terminal, must not interrupt the cleaning up.
    global stopping
    if not stopping:
        stopping = True
        raise SystemExit(128 + number)


if __name__ == "__main__":  # before anything that takes its time
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ./quickstart passes it on as SIGTERM
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)

import argparse
import json
import os
import pathlib
import socket
import textwrap
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
from stack import DATABASE, Stack, free_port, wait_until  # noqa: E402

JOB = {"taskDefinition": "hello", "schedule": "*/3"}
FIRST_TASK_DEADLINE_S = 30
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def show(command, output):
    """A command that the reader could type, and what it answers."""
    say(f"  {bold('$ ' + command)}")
    say(textwrap.indent(output.rstrip("\n"), "    "))
    say()


def port_for(wanted):
    """This port if nobody has it, else one that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
            return wanted
        except OSError:
            port = free_port()
            say(f"Port {wanted} is taken, so the API is on port {port}.")
            return port


class Demo:
    def __init__(self, stack, port):
        self.stack, self.port = stack, port
        self.begun = time.monotonic()
        self.last_call = self.calls = 0

    def step(self, text):
        say(f"[{time.monotonic() - self.begun:4.1f} s] {text}")

    def start(self):
        stack = self.stack
        stack.start()
        self.step(f"PostgreSQL runs in {stack.cluster.dir}, and webapid --migrate has made the tables")
        self.step(f"the stand-in for Amazon ECS and SQS listens on {stack.aws.url}")
        stack.start_webapid(self.port)
        self.step(f"webapid serves the API on http://127.0.0.1:{self.port}")
        stack.aws.life(JOB["taskDefinition"], run_s=2)
        stack.start_scheduld()
        self.step("scheduld leads")
        say()

    def create_job(self):
        body = json.dumps(JOB)
        status, answer = self.stack.api("POST", "/jobs", JOB)
        show(f"curl -H 'Content-Type: application/json' localhost:{self.port}/jobs -d '{body}'", json.dumps(answer))
        if status != 201:
            raise AssertionError(f"POST /jobs was answered with status {status}")

    def show_calls(self):
        """Prints the RunTask calls that have arrived since the last time; returns how many have arrived at all."""
        for call in self.stack.aws.calls("RunTask", after=self.last_call):
            self.last_call = call["number"]
            self.calls += 1
            body = call["body"]
            said = f"ECS got {bold('RunTask')} of {body['count']} × {body['taskDefinition']}"
            if call["tasks"]:
                self.step(f"{said}: started {' '.join(task.rpartition('/')[2] for task in call['tasks'])}")
            else:
                self.step(f"{said}: {call['error'] or call['failures']}")
        return self.calls

    def watch(self):
        """One look at everything: what ended by itself is an error."""
        self.stack.check()
        return self.show_calls()

    def show_results(self):
        """What the API and psql say; returns whether the API shows the run."""
        shown = wait_until("GET /jobs/hello shows lastRun", self.job_with_run, FIRST_TASK_DEADLINE_S)
        say()
        show(f"curl localhost:{self.port}/jobs/hello", json.dumps(shown, indent=2))
        query = "SELECT * FROM recent_runs LIMIT 1"
        show(f'psql "{self.stack.cluster.url(DATABASE)}" -xc "{query}"',
             self.stack.cluster.psql(query, DATABASE, options=("-q", "-x")))

    def job_with_run(self):
        self.stack.check()
        status, job = self.stack.api("GET", "/jobs/hello")
        return job if status == 200 and job.get("lastRun") and job.get("lastRunTasks") else None

    def invite(self):
        url = f"localhost:{self.port}"
        say(f"The API is on {bold(f'http://{url}')}. Try:\n")
        say(f"    curl {url}/jobs/hello")
        say(f"    curl -X PUT -H 'Content-Type: application/json' {url}/jobs/hello -d '{{\"schedule\": \"*/10\"}}'")
        say(f"    curl '{url}/jobs/hello/fire-times?count=3'\n")
        say(f"{bold('Ctrl-C')} ends all of it and leaves nothing behind. Here is what ECS gets:\n")


def main():
    parser = argparse.ArgumentParser(description="See ./quickstart --help.")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    options = parser.parse_args()

    port = port_for(options.port)
    stack = Stack(build=(SOURCE / options.build))
    try:
        demo = Demo(stack, port)
        demo.start()
        demo.create_job()
        wait_until("RunTask reaches the stand-in", demo.watch, FIRST_TASK_DEADLINE_S)
        demo.show_results()
        if not options.once:
            demo.invite()
            while True:
                demo.watch()
                time.sleep(0.2)
    except AssertionError as failure:
        say(f"\nquickstart: {failure}")
        return 1
    except SystemExit as stopped:
        say("\nStopping.")
        return stopped.code
    finally:
        stack.stop(check=False)
    say("It works: the API shows the run. Everything is stopped again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
