#!/usr/bin/python3
"""Each fault as a client sees it, whether the call took effect, and the rules that choose calls."""

from __future__ import annotations

import time
import unittest
from typing import Any

import botocore.exceptions

import case
from case import Answer, StandInError

RUN = {"cluster": "c", "taskDefinition": "plain", "clientToken": "t"}


class Kinds(case.Case):
    """One test per kind, against a raw client where the bytes matter."""

    def run_task(self, **params: Any) -> Answer:
        return self.ecs_call("RunTask", {**RUN, **params})

    def started(self) -> int:
        """How many tasks there really are."""
        return len(self.aws.tasks())

    def test_errors(self) -> None:
        for kind, details, status, name in (
                ("throttle", {}, 400, "ThrottlingException"),
                ("throttle", {"error": "RequestLimitExceeded", "status": 503}, 503, "RequestLimitExceeded"),
                ("error", {"error": "ClientException", "message": "no"}, 400, "ClientException"),
                ("error", {"error": "ServerException", "status": 500}, 500, "ServerException"),
                ("error", {"error": "InternalFailure", "status": 500}, 500, "InternalFailure"),
                ("access_denied", {}, 400, "AccessDeniedException"),
                ("expired_token", {}, 400, "ExpiredTokenException"),
                ("unknown_token", {}, 400, "UnrecognizedClientException"),
                ("bad_signature", {}, 400, "InvalidSignatureException"),
                ("skew", {}, 400, "InvalidSignatureException")):
            with self.subTest(kind=kind, details=details):
                self.aws.reset()
                self.aws.fault("RunTask", kind, count=1, **details)
                answer = self.run_task()
                self.assertEqual((answer.status, answer.error), (status, name), answer.raw)
                self.assertEqual(self.started(), 0)
                call = self.aws.calls("RunTask")[0]
                self.assertEqual((call["fault"], call["error"], call["effect"], call["signature"]),
                                 (kind, name, False, "ok"))
                self.assertEqual(self.run_task().status, 200)

    def test_conflict_with_members(self) -> None:
        self.aws.fault("RunTask", "error", error="ConflictException", members={"resourceIds": ["arn:x"]})
        self.assertEqual(self.run_task().json["resourceIds"], ["arn:x"])

    def test_error_after_the_effect(self) -> None:
        self.aws.fault("RunTask", "error", error="ServerException", status=500, effect=True, count=1)
        self.assertEqual(self.run_task().status, 500)
        self.assertEqual(self.started(), 1)
        self.assertTrue(self.aws.calls()[-1]["effect"])
        self.assertEqual(self.run_task().status, 200)
        self.assertEqual(self.started(), 1)

    def test_bare_status(self) -> None:
        self.aws.fault("RunTask", "status", status=503, retry_after_s=7)
        answer = self.run_task()
        self.assertEqual((answer.status, answer.headers["content-type"], answer.headers["retry-after"]),
                         (503, "text/html", "7"))
        self.assertIn(b"<h1>503 Service Temporarily Unavailable</h1>", answer.body)
        self.assertNotIn("x-amzn-requestid", answer.headers)
        self.assertEqual(self.started(), 0)

    def test_delay_before_and_after(self) -> None:
        for effect in (False, True):
            with self.subTest(effect=effect):
                self.aws.reset()
                self.aws.fault("RunTask", "delay", delay_s=0.5, effect=effect)
                wire = self.wire()
                start = time.monotonic()
                wire.send(self.signer.ecs("RunTask", RUN))
                self.aws.wait_calls(1, "RunTask")
                if effect:
                    self.aws.wait_until(self.started, "a task before the answer")
                else:
                    self.assertEqual(self.started(), 0)
                self.assertEqual(wire.answer().status, 200)
                self.assertGreaterEqual(time.monotonic() - start, 0.5)
                self.assertEqual(self.started(), 1)

    def test_a_delayed_call_is_done_though_its_client_left(self) -> None:
        self.aws.fault("RunTask", "delay", delay_s=0.3)
        with case.Wire(self.aws.port) as wire:
            wire.send(self.signer.ecs("RunTask", RUN))
            self.aws.wait_calls(1, "RunTask")
        self.aws.wait_until(self.started, "the task of the client that left")

    def test_hang(self) -> None:
        self.aws.fault("RunTask", "hang", count=1)
        client = self.client("ecs", read_timeout=0.5)
        with self.assertRaises(botocore.exceptions.ReadTimeoutError):
            client.run_task(**RUN)
        self.assertEqual(self.started(), 0)
        self.assertIsNone(self.aws.calls("RunTask")[0]["status"])

    def test_reset_and_close_before_and_after(self) -> None:
        for kind in ("reset", "close"):
            for effect in (False, True):
                with self.subTest(kind=kind, effect=effect):
                    self.aws.reset()
                    self.aws.fault("RunTask", kind, effect=effect, count=1)
                    with case.Wire(self.aws.port) as wire:
                        wire.send(self.signer.ecs("RunTask", RUN))
                        if kind == "reset":
                            self.assertRaises(ConnectionResetError, wire.sock.recv, 1)
                        else:
                            self.assertTrue(wire.ended())
                    self.assertEqual(self.started(), int(effect))
                    self.assertEqual(self.run_task().status, 200)
                    self.assertEqual(self.started(), 1)

    def test_truncate(self) -> None:
        for details, left in (({}, None), ({"bytes": 0}, 0), ({"bytes": 5}, 5)):
            with self.subTest(details=details):
                self.aws.reset()
                self.aws.fault("RunTask", "truncate", **details)
                answer = self.run_task()
                promised = int(answer.headers["content-length"])
                self.assertEqual(answer.status, 200)
                self.assertEqual(len(answer.body), promised // 2 if left is None else left)
                self.assertEqual(self.started(), 1)

    def test_garbage_empty_raw_oversized(self) -> None:
        self.aws.fault("RunTask", "garbage", count=1)
        self.assertRaises(ValueError, lambda: self.run_task().json)
        self.aws.fault("RunTask", "garbage", body="<html>", count=1)
        self.assertEqual(self.run_task().body, b"<html>")
        self.aws.fault("RunTask", "empty", count=1)
        answer = self.run_task()
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.aws.fault("RunTask", "raw", count=1)
        self.assertIsNone(self.run_task().status)
        self.aws.fault("RunTask", "oversized", bytes=3_000_000, count=1)
        self.assertEqual(len(self.run_task().body), 3_000_000)
        self.assertEqual(self.started(), 1)

    def test_slow(self) -> None:
        self.aws.fault("ListTasks", "slow", pause_s=0.001)
        answer = self.ecs_call("ListTasks", {"cluster": "c"})
        self.assertEqual(answer.json, {"taskArns": []})

    def test_failures(self) -> None:
        self.aws.fault("RunTask", "failures", count=1)
        answer = self.run_task(count=3, clientToken="a").json
        self.assertEqual((answer["tasks"], len(answer["failures"])), ([], 3))
        self.assertEqual(answer["failures"][0]["reason"], "RESOURCE:CPU")
        self.aws.fault("RunTask", "failures", failed=2, reason="Capacity is unavailable at this time",
                       arn=False, count=1)
        answer = self.run_task(count=3, clientToken="b").json
        self.assertEqual((len(answer["tasks"]), answer["failures"]),
                         (1, [{"reason": "Capacity is unavailable at this time"}] * 2))
        call = self.aws.calls("RunTask")[-1]
        self.assertEqual((len(call["tasks"]), call["failures"]), (1, 2))

    def test_query_protocol(self) -> None:
        self.aws.fault("GetCallerIdentity", "throttle", count=1)
        self.refused("Throttling", self.client("sts").get_caller_identity)
        self.aws.fault("GetQueueUrl", "error", error="QueueDoesNotExist")
        self.refused("AWS.SimpleQueueService.NonExistentQueue", self.client("sqs").get_queue_url,
                     QueueName="q")

    def test_signature_is_judged_before_the_fault(self) -> None:
        self.aws.fault("RunTask", "throttle")
        self.assertEqual(self.ecs_call("RunTask", RUN, secret="wrong").error, "InvalidSignatureException")
        self.assertEqual(self.ecs_call("RunTask", {**RUN, "count": 11}).error, "InvalidParameterException")
        self.assertEqual(self.aws.faults()[0]["hits"], 0)

    def test_boto3_recovers_with_one_set_of_tasks(self) -> None:
        for kind, details in (("reset", {"effect": True}), ("status", {"status": 502, "effect": True}),
                              ("throttle", {}),
                              ("error", {"error": "ServerException", "status": 500, "effect": True})):
            with self.subTest(kind=kind):
                self.aws.reset()
                self.aws.fault("RunTask", kind, count=1, **details)
                answer = self.client("ecs", attempts=3).run_task(cluster="c", taskDefinition="plain", count=2)
                self.assertEqual(len(answer["tasks"]), 2)
                self.assertEqual(self.started(), 2)
                self.assertEqual(len(self.aws.calls("RunTask")), 2)


class Rules(case.Case):
    """Which calls a rule takes."""

    def outcomes(self, count: int, operation: str = "ListTasks", **params: Any) -> str:
        """One letter per call: . for passed, x for failed."""
        return "".join("." if self.ecs_call(operation, {"cluster": "c", **params}).status == 200 else "x"
                       for _ in range(count))

    def test_skip_and_count(self) -> None:
        self.aws.fault("ListTasks", "throttle", skip=2, count=3)
        self.assertEqual(self.outcomes(7), "..xxx..")
        self.assertEqual(self.outcomes(1, "DescribeTasks", tasks=["a"]), ".")
        rule = self.aws.faults()[0]
        self.assertEqual((rule["hits"], rule["left"]), (3, 0))

    def test_operations(self) -> None:
        self.aws.fault(["ListTasks", "StopTask"], "throttle")
        self.assertEqual(self.outcomes(1) + self.outcomes(1, "DescribeTasks", tasks=["a"]), "x.")
        self.aws.clear_faults()
        self.aws.fault("*", "throttle")
        self.assertEqual(self.outcomes(1) + self.outcomes(1, "DescribeTasks", tasks=["a"]), "xx")

    def test_match(self) -> None:
        self.aws.fault("ListTasks", "throttle", match={"family": "plain"})
        self.assertEqual(self.outcomes(1, family="fam") + self.outcomes(1, family="plain") + self.outcomes(1),
                         ".x.")

    def test_probability_is_by_seed(self) -> None:
        runs = []
        for seed in (1, 1, 2):
            self.aws.clear_faults()
            self.aws.fault("ListTasks", "throttle", probability=0.3, seed=seed)
            runs.append(self.outcomes(100))
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])
        self.assertTrue(15 <= runs[0].count("x") <= 45, runs[0])

    def test_delay_beside_another(self) -> None:
        self.aws.fault("ListTasks", "delay", delay_s=0.2)
        self.aws.fault("ListTasks", "throttle")
        start = time.monotonic()
        self.assertEqual(self.outcomes(1), "x")
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        self.assertEqual(self.aws.calls()[-1]["fault"], "delay,throttle")

    def test_remove_one(self) -> None:
        first = self.aws.fault("ListTasks", "throttle")
        self.aws.fault("RunTask", "throttle")
        self.aws.clear_faults(first)
        self.assertEqual([rule["operation"] for rule in self.aws.faults()], ["RunTask"])

    def test_bad_rules(self) -> None:
        for operation, kind, details, words in (
                ("RunTask", "nonsense", {}, "kind is 'nonsense'"),
                ("RunTasks", "throttle", {}, "no such operation"),
                ("RunTask", "throttle", {"delay_s": 1}, "takes no delay_s"),
                ("RunTask", "error", {}, "needs error")):
            with self.subTest(kind=kind), self.assertRaises(StandInError) as caught:
                self.aws.fault(operation, kind, **details)
            self.assertIn(words, str(caught.exception))


class Limits(case.Case):
    """Token buckets, permissions, and the life of connections."""

    def test_bucket(self) -> None:
        self.aws.buckets([{"operations": ["RunTask"], "rate": 0.001, "burst": 3}])
        answers = [self.ecs_call("RunTask", {**RUN, "clientToken": f"t{n}"}) for n in range(5)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 400, 400])
        self.assertEqual(answers[-1].error, "ThrottlingException")
        self.assertEqual(len(self.aws.tasks()), 3)
        self.assertEqual(self.ecs_call("ListTasks", {"cluster": "c"}).status, 200)
        self.aws.clock(advance_s=2000)
        self.assertEqual(self.ecs_call("RunTask", {**RUN, "clientToken": "u"}).status, 200)
        self.assertEqual(self.aws.get("buckets")[0]["refused"], 2)

    def test_aws_buckets(self) -> None:
        self.aws.buckets("aws")
        self.assertEqual(len(self.aws.get("buckets")), 5)
        self.assertEqual(self.ecs_call("RunTask", RUN).status, 200)

    def test_permissions(self) -> None:
        self.aws.post("keys", {"accessKeyId": self.aws.access_key, "denied": ["ecs:RunTask", "sts:*"]})
        error = self.refused("AccessDeniedException", self.client("ecs").run_task, cluster="c",
                             taskDefinition="plain")
        self.assertIn("is not authorized to perform: ecs:RunTask", str(error))
        self.client("ecs").list_tasks(cluster="c")
        self.refused("AccessDenied", self.client("sts").get_caller_identity)

    def test_requests_per_connection(self) -> None:
        self.aws.settings(max_requests=2)
        wire = self.wire()
        seen = []
        for _ in range(2):
            wire.send(self.signer.ecs("ListTasks", {"cluster": "c"}))
            seen.append(wire.answer().headers.get("connection"))
        self.assertEqual(seen, [None, "close"])
        self.assertTrue(wire.ended())
        self.assertEqual([call["nth"] for call in self.aws.calls("ListTasks")], [1, 2])

    def test_idle_timeout(self) -> None:
        self.aws.settings(idle_timeout_s=0.2)
        wire = self.wire()
        wire.send(self.signer.ecs("ListTasks", {"cluster": "c"}))
        self.assertEqual(wire.answer().status, 200)
        self.assertTrue(wire.ended())

    def test_close_all(self) -> None:
        wires = [self.wire() for _ in range(3)]
        for wire in wires:
            wire.send(self.signer.ecs("ListTasks", {"cluster": "c"}))
            wire.answer()
        self.aws.close_connections()
        self.assertTrue(all(wire.ended() for wire in wires))

    def test_reset_all(self) -> None:
        wire = self.wire()
        wire.send(self.signer.ecs("ListTasks", {"cluster": "c"}))
        wire.answer()
        self.aws.close_connections(reset=True)
        self.assertRaises(ConnectionResetError, wire.sock.recv, 1)


if __name__ == "__main__":
    unittest.main()
