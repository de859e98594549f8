#!/usr/bin/python3
"""What scheduld's AWS client makes of each fault of the stand-in, and that nothing is started twice."""

from __future__ import annotations

import socket
import unittest
from typing import Any

from driver import Case, says

TIMEOUT_MS = 5000  # of an attempt: what is not to be late is not, also on a busy machine

# What RunTask says of a fault that stays: kind of the fault, its details, and kind, code, may_have_acted, attempts;
# and whether the call goes well if the fault comes once.
AGAIN, ENDS = True, False
FAULTS = (
    ("throttle", {}, ("throttled", "ThrottlingException", False, 3), AGAIN),
    ("throttle", {"error": "RequestLimitExceeded", "status": 503},
     ("throttled", "RequestLimitExceeded", True, 3), AGAIN),
    ("error", {"error": "ServerException", "status": 500}, ("retryable", "ServerException", True, 3), AGAIN),
    ("error", {"error": "ServerException", "status": 500, "effect": True},
     ("retryable", "ServerException", True, 3), AGAIN),
    ("error", {"error": "InternalFailure", "status": 500}, ("retryable", "InternalFailure", True, 3), AGAIN),
    ("error", {"error": "ClientException"}, ("refused", "ClientException", False, 1), ENDS),
    ("error", {"error": "InvalidParameterException", "message": "No Container Instances were found in your cluster."},
     ("retryable", "InvalidParameterException", False, 1), ENDS),
    ("error", {"error": "InvalidParameterException", "message": "Request limit exceeded."},
     ("throttled", "InvalidParameterException", False, 3), AGAIN),
    ("error", {"error": "ConflictException", "members": {"resourceIds": ["arn:x"]}},
     ("conflict", "ConflictException", True, 1), ENDS),
    ("access_denied", {}, ("refused", "AccessDeniedException", False, 1), ENDS),
    ("expired_token", {}, ("auth", "ExpiredTokenException", False, 2), AGAIN),
    ("unknown_token", {}, ("auth", "UnrecognizedClientException", False, 2), AGAIN),
    ("bad_signature", {}, ("auth", "InvalidSignatureException", False, 1), ENDS),
    ("skew", {}, ("auth", "InvalidSignatureException", False, 1), ENDS),
    ("status", {"status": 503}, ("retryable", "HTTP 503", True, 3), AGAIN),
    ("status", {"status": 502, "retry_after_s": 1}, ("retryable", "HTTP 502", True, 3), AGAIN),
    ("status", {"status": 429}, ("throttled", "HTTP 429", False, 3), AGAIN),
    ("status", {"status": 403}, ("retryable", "HTTP 403", True, 1), ENDS),
    ("status", {"status": 302}, ("retryable", "HTTP 302", False, 1), ENDS),
    ("status", {"status": 202}, ("unknown", "HTTP 202", True, 3), AGAIN),
    ("delay", {"delay_s": 8, "effect": True}, ("unknown", "no answer", True, 3), AGAIN),
    ("delay", {"delay_s": 8, "effect": False}, ("unknown", "no answer", True, 3), AGAIN),
    ("hang", {}, ("unknown", "no answer", True, 3), AGAIN),
    ("slow", {"pause_s": 0.5}, ("unknown", "no answer", True, 3), AGAIN),
    ("close", {"effect": False}, ("unknown", "no answer", True, 3), AGAIN),
    ("close", {"effect": True}, ("unknown", "no answer", True, 3), AGAIN),
    ("reset", {"effect": False}, ("unknown", "no answer", True, 3), AGAIN),
    ("reset", {"effect": True}, ("unknown", "no answer", True, 3), AGAIN),
    ("truncate", {}, ("unknown", "no answer", True, 3), AGAIN),
    ("truncate", {"bytes": 0}, ("unknown", "no answer", True, 3), AGAIN),
    ("empty", {}, ("unknown", "answer not understood", True, 3), AGAIN),
    ("garbage", {}, ("unknown", "answer not understood", True, 3), AGAIN),
    ("garbage", {"body": "[]"}, ("unknown", "answer not understood", True, 3), AGAIN),
    ("garbage", {"body": '{"tasks":[{}]}'}, ("unknown", "answer not understood", True, 3), AGAIN),
    ("raw", {}, ("unknown", "no answer", True, 3), AGAIN),
    ("oversized", {"bytes": 9 << 20}, ("unknown", "answer too big", True, 3), AGAIN),
)


class Faults(Case):
    """Each fault that comes once, and each that stays; all at the same time, told apart by their tokens."""

    def inject(self, **more: Any) -> list[str]:
        tokens = []
        for number, (kind, details, _, _) in enumerate(FAULTS):
            tokens.append(f"{number}-{kind}")
            self.aws.fault("RunTask", kind, match={"clientToken": tokens[-1]}, **details, **more)
        return tokens

    def test_a_fault_that_comes_once(self) -> None:
        tokens = self.inject(count=1)
        driver = self.drive(timeout_ms=TIMEOUT_MS)
        answers = driver.all([driver.run(token) for token in tokens])
        for token, answer, (_, details, said, again) in zip(tokens, answers, FAULTS):
            with self.subTest(token, **details):
                if again:
                    self.assertNotIn("error", answer)
                    self.assertEqual(len(answer["tasks"]), 1)
                else:
                    self.assertEqual(says(answer["error"]), said, answer)
                sent = [call for call in self.calls("RunTask") if call["body"].get("clientToken") == token]
                # libcurl itself repeats what a kept connection has lost.
                self.assertIn(len(sent), (2, 3) if again else (1,))
        self.assert_started_once()
        self.assert_signed()

    def test_what_may_not_be_sent_any_more_is_not(self) -> None:
        driver = self.drive(launch_rate=1, launch_burst=1)
        driver.answer(driver.run("sent"))
        queued = driver.run("queued")  # its turn comes in a second
        driver.start("lease", holds=False)
        self.assertEqual(says(driver.answer(queued)["error"]), ("retryable", "not sent", False, 0))
        self.assertEqual(says(driver.answer(driver.run("new"))["error"]), ("retryable", "not sent", False, 0))
        self.assertEqual(len(self.calls("RunTask")), 1)

    def test_a_repeat_that_may_not_be_sent_any_more_is_not(self) -> None:
        self.aws.fault("RunTask", "hang")
        driver = self.drive(timeout_ms=1000)
        lost = driver.run("lost")
        self.aws.wait_calls(1, "RunTask", after=self.mark)
        driver.start("lease", holds=False)
        self.assertEqual(says(driver.answer(lost)["error"]), ("retryable", "not sent", True, 1))
        self.assertEqual(len(self.calls("RunTask")), 1)

    def test_what_libcurl_sends_again_is_asked_for_again(self) -> None:
        """On a kept connection that then turns out to be dead."""
        for sends, calls in ((1, 1), (2, 2)):
            driver = self.drive()
            driver.answer(driver.run(f"warm {sends}"))
            self.aws.fault("RunTask", "close", effect=True, match={"clientToken": f"t{sends}"})
            driver.start("lease", holds=True, sends=sends)
            answer = driver.answer(driver.run(f"t{sends}"))
            self.assertEqual(says(answer["error"])[:3], ("retryable", "not sent", True), answer)
            sent = [call for call in self.calls("RunTask") if call["body"].get("clientToken") == f"t{sends}"]
            self.assertEqual(len(sent), calls)

    def test_a_fault_that_stays(self) -> None:
        tokens = self.inject()
        driver = self.drive(timeout_ms=TIMEOUT_MS)
        answers = driver.all([driver.run(token) for token in tokens])
        for token, answer, (_, details, said, _) in zip(tokens, answers, FAULTS):
            with self.subTest(token, **details):
                self.assertEqual(says(answer["error"]), said, answer)
                self.assertEqual(answer["error"]["operation"], "RunTask")
        self.assert_started_once()
        # And when it is over, the same tokens end in one task each.
        self.aws.clear_faults()
        answers = driver.all([driver.run(token) for token in tokens])
        self.assertEqual([len(answer["tasks"]) for answer in answers], [1] * len(tokens))
        self.assertEqual(len(self.aws.tasks()), len(tokens))
        self.assert_started_once()
        self.assert_signed()

    def assert_started_once(self) -> None:
        audit = self.aws.audit()
        self.assertFalse(audit["duplicates"], audit)
        self.assertFalse(audit["without_token"], audit)

    def test_an_attempt_that_may_have_acted_is_remembered(self) -> None:
        self.aws.fault("RunTask", "reset", effect=True, count=1)
        self.aws.fault("RunTask", "throttle")
        driver = self.drive()
        error = driver.answer(driver.run("t"))["error"]
        self.assertEqual(says(error), ("throttled", "ThrottlingException", True, 3))
        self.assertEqual([task["clientToken"] for task in self.aws.tasks()].count("t"), 1)

    def test_failures_are_an_answer(self) -> None:
        self.aws.fault("RunTask", "failures", failed=2, reason="RESOURCE:MEMORY")
        driver = self.drive()
        answer = driver.answer(driver.run("t", count=5))
        self.assertEqual(len(answer["tasks"]), 3)
        self.assertEqual([(each["reason"], each["retryable"]) for each in answer["failures"]],
                         [("RESOURCE:MEMORY", True)] * 2)
        self.assertEqual(len(self.calls()), 1)

    def test_no_faster_than_the_rate(self) -> None:
        driver = self.drive(launch_rate=10, launch_burst=5)
        idents = [driver.run(f"t{number}") for number in range(25)]
        driver.do("list", cluster="c", family="plain")  # another lane does not wait for it
        self.assertLess(len(self.calls("RunTask")), 25)
        for answer in driver.all(idents):
            self.assertNotIn("error", answer)
        sent = [call["time"] for call in self.calls("RunTask")]
        self.assertGreater(sent[-1] - sent[0], 1.5)  # 2, less what the first ones took on the way

    def test_throttling_slows_all_calls_of_the_kind(self) -> None:
        self.aws.fault("RunTask", "throttle", count=16)
        driver = self.drive(launch_rate=40, launch_burst=40)
        driver.all([driver.run(f"t{number}") for number in range(8)])
        self.assertIn("aws.throttled", driver.logged())
        self.assert_started_once()

    def test_nobody_listens(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            driver = self.drive({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{sock.getsockname()[1]}"})
            error = driver.answer(driver.run("t"))["error"]
        self.assertEqual(says(error), ("retryable", "not sent", False, 3))

    def test_a_name_server_that_does_not_answer_holds_up_nothing_else(self) -> None:
        driver = self.drive({"AWS_ENDPOINT_URL_SQS": "http://unanswered.invalid:9"}, connect_timeout_ms=300)
        error = driver.do("depth", queue="q")["error"]
        self.assertEqual(says(error), ("retryable", "not sent", False, 3))
        self.assertIn("imed out", error["message"])
        self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        waits = driver.start("depth", queue="q")
        self.assertEqual(driver.do("pending")["pending"], 1)
        driver.stop()  # and it ends at once
        driver.end()
        self.assertNotIn(waits, driver.answers)

    def test_stopped_with_a_call_under_way(self) -> None:
        self.aws.fault("RunTask", "hang")
        self.aws.fault("GetQueueUrl", "hang")
        driver = self.drive(max_in_flight=1)
        url, sent, waits = driver.start("depth", queue="q"), driver.run("1"), driver.run("2")
        self.aws.wait_calls(1, "RunTask", after=self.mark)
        self.aws.wait_calls(1, "GetQueueUrl", after=self.mark)
        driver.stop()
        for ident, acted in ((url, True), (sent, True), (waits, False)):
            self.assertEqual(says(driver.answer(ident)["error"])[:3], ("cancelled", "cancelled", acted))


if __name__ == "__main__":
    unittest.main()
