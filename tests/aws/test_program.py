#!/usr/bin/python3
"""The program and its client module: how it starts, waits, ends; TLS; Debian's aws command."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3

import case
import client
from client import StandIn, StandInError
from signer import Signer

PROGRAM = ["/usr/bin/python3", "-B", str(client.PROGRAM)]


def list_tasks(aws: StandIn) -> None:
    """One signed call."""
    with case.Wire(aws.port) as wire:
        wire.send(Signer(aws).ecs("ListTasks", {"cluster": "default"}))
        assert wire.answer().status == 200


class Program(unittest.TestCase):
    """The process itself."""

    def start(self, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([*PROGRAM, *options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_signals_end_it_cleanly(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start()
            self.assertRegex(process.stdout.readline(), r"^http://127\.0\.0\.1:\d+$")
            process.send_signal(number)
            self.assertEqual(process.wait(20), 0)

    def test_signal_with_a_long_poll_and_a_hang(self) -> None:
        with StandIn() as aws:
            aws.fault("ListTasks", "hang")
            with case.Wire(aws.port) as hanging, case.Wire(aws.port) as polling:
                hanging.send(Signer(aws).ecs("ListTasks", {"cluster": "default"}))
                polling.send(b"GET /_standin/calls?after=1000&wait=60 HTTP/1.1\r\n\r\n")
                aws.wait_calls(1, "ListTasks")
                self.assertEqual(aws.stop(), 0)

    def test_port_file(self) -> None:
        with TemporaryDirectory() as folder:
            file = Path(folder, "port")
            process = self.start("--port-file", str(file))
            address = process.stdout.readline().strip()
            self.assertEqual(file.read_text(), address.rpartition(":")[2] + "\n")

    def test_stays_with_its_parent(self) -> None:
        parent = subprocess.Popen(["/usr/bin/sleep", "100"])
        process = self.start("--stay-with", str(parent.pid))
        process.stdout.readline()
        self.assertIsNone(process.poll())
        parent.kill()
        parent.wait()
        self.assertEqual(process.wait(20), 0)

    def test_bad_options(self) -> None:
        for options in (["--nonsense"], ["--task-definition", "a@nowhere"], ["--task-definition", "a b"],
                        ["--queue", "a b"], ["--models", "/nonexistent"]):
            with self.subTest(options=options):
                done = subprocess.run([*PROGRAM, *options], capture_output=True, text=True, timeout=60,
                                      check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr)

    def test_log(self) -> None:
        process = self.start("--log", "--cluster", "default", "--task-definition", "plain")
        aws = StandIn()
        aws.port = int(process.stdout.readline().rpartition(":")[2])
        with case.Wire(aws.port) as wire:
            wire.send(Signer(aws).ecs("RunTask", {"taskDefinition": "plain", "clientToken": "t"}))
            wire.answer()
        self.assertEqual(process.stdout.readline(), "1 RunTask taskDefinition=plain clientToken=t -> 200\n")

    def test_ipv6(self) -> None:
        try:
            aws = StandIn(listen="[::1]:0").start()
        except StandInError:
            self.skipTest("no IPv6 here")
        self.addCleanup(aws.stop)
        self.assertRegex(aws.url, r"^http://\[::1\]:\d+$")


class Client(unittest.TestCase):
    """client.py, beyond what all the other tests use of it."""

    def test_wait_calls(self) -> None:
        with StandIn() as aws:
            timer = threading.Timer(0.2, lambda: [list_tasks(aws) for _ in range(3)])
            timer.start()
            calls = aws.wait_calls(3, "ListTasks", timeout_s=20)
            timer.join()
            self.assertEqual([call["number"] for call in calls], [1, 2, 3])
            mark = aws.mark()
            self.assertEqual(aws.calls(after=mark), [])
            list_tasks(aws)
            self.assertEqual(len(aws.calls("ListTasks", after=mark)), 1)
            with self.assertRaises(StandInError) as caught:
                aws.wait_calls(1, "RunTask", timeout_s=0.2)
            self.assertIn("0 of 1 calls RunTask came", str(caught.exception))

    def test_waiting_for_one_operation_is_not_ended_by_another(self) -> None:
        with StandIn() as aws:
            start = time.monotonic()
            threading.Timer(0.1, list_tasks, (aws,)).start()
            self.assertEqual(aws.calls("RunTask", wait_s=0.5), [])
            self.assertGreaterEqual(time.monotonic() - start, 0.5)

    def test_wait_until(self) -> None:
        with StandIn() as aws:
            threading.Timer(0.1, list_tasks, (aws,)).start()
            self.assertEqual(aws.wait_until(lambda: aws.mark() == 1 and "yes", "a call"), "yes")
            self.assertRaises(StandInError, aws.wait_until, lambda: False, "never", 0.2)

    def test_reset(self) -> None:
        with StandIn(task_definitions=["plain"], queues=["q=3"]) as aws:
            aws.start_tasks("plain", 2)
            aws.fault("*", "delay", delay_s=0)
            aws.buckets("aws")
            aws.clock(offset_s=3600)
            aws.settings(page_size=1, max_requests=3, idle_timeout_s=2, list_lag_s=3)
            aws.post("keys", {"accessKeyId": aws.access_key, "denied": ["*"], "secret": "other"})
            aws.reset()
            list_tasks(aws)
            overview = aws.overview()
            self.assertEqual((overview["tasks"]["running"], overview["faults"], overview["clock_offset_s"]),
                             (0, 0, 0))
            self.assertEqual((overview["families"], overview["queues"], len(aws.calls())), (1, ["q"], 1))
            self.assertEqual(aws.get("queues")[0]["visible"], 0)
            self.assertEqual(aws.post("settings", {}),
                             {"page_size": 100, "list_lag_s": 0.0, "stopped_visible_s": 3600.0,
                                                        "idle_timeout_s": None, "max_requests": None})

    def test_several_at_once(self) -> None:
        with StandIn(region="eu-central-1", access_key="AKIDA") as one, StandIn(secret="other") as two:
            for aws in (one, two):
                list_tasks(aws)
            self.assertNotEqual(one.port, two.port)

    def test_environment(self) -> None:
        with StandIn(queues=["q"], region="eu-central-1") as aws:
            code = ("import boto3, os; print(boto3.client('sqs', endpoint_url=os.environ['AWS_ENDPOINT_URL'])"
                    ".get_queue_url(QueueName='q')['QueueUrl'])")
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            done = subprocess.run([sys.executable, "-c", code], env={**kept, **aws.environment()}, check=True,
                                  capture_output=True, text=True)
            self.assertEqual(done.stdout.strip(), f"{aws.url}/123456789012/q")

    def test_tls(self) -> None:
        with TemporaryDirectory() as folder:
            certificate = client.make_certificate(Path(folder))
            with StandIn(tls_certificate=certificate, queues=["q"]) as aws:
                self.assertTrue(aws.url.startswith("https://"))
                session = boto3.session.Session(aws.access_key, aws.secret, region_name=aws.region)
                made = boto3.client("ecs", endpoint_url=aws.url, verify=str(certificate),
                                    region_name=aws.region,
                                    aws_access_key_id=aws.access_key, aws_secret_access_key=aws.secret)
                self.assertEqual(made.list_tasks(cluster="default")["taskArns"], [])
                made.close()
                made = session.client("sqs", endpoint_url=aws.url, verify=str(certificate))
                self.assertEqual(made.get_queue_url(QueueName="q")["QueueUrl"], f"{aws.url}/123456789012/q")
                made.close()
                self.assertEqual(aws.overview()["bugs"], [])
                with self.assertRaises(ssl.SSLError):
                    ssl.create_default_context().wrap_socket(case.Wire(aws.port).sock,
                                                             server_hostname="localhost")

    @unittest.skipUnless(Path("/usr/bin/aws").exists(), "Debian's awscli is not installed")
    def test_aws_command(self) -> None:
        with StandIn(task_definitions=["plain"]) as aws:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            done = subprocess.run(["/usr/bin/aws", "--endpoint-url", aws.url, "ecs", "run-task", "--cluster",
                                   "default",
                                   "--task-definition", "plain"], env={**kept, **aws.environment()},
                                  check=True,
                                  capture_output=True, text=True)
            self.assertEqual(len(json.loads(done.stdout)["tasks"]), 1)


if __name__ == "__main__":
    unittest.main()
