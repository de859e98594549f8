#!/usr/bin/python3
"""scheduld's AWS client against the stand-in: what it asks of ECS and SQS, where, and by which clock."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from driver import Case, says

from client import StandIn, make_certificate


class Operations(Case):
    """What goes well."""

    def test_a_run_is_asked_for_as_planned(self) -> None:
        overrides = {"containerOverrides": [{"name": "c1", "environment": [
            {"name": "A", "value": "ä \"1\""}, {"name": "ECS_SCHEDULER_OVERRIDE_TAG", "value": "job-1"}]}]}
        driver = self.drive()
        answer = driver.answer(driver.run("t-1", "fam", 3, overrides=overrides))
        self.assertEqual((len(answer["tasks"]), answer["failures"]), (3, []))
        (call,) = self.calls()
        self.assertEqual(call["body"], {"clientToken": "t-1", "cluster": "c", "count": 3, "overrides": overrides,
                                        "startedBy": "drive", "taskDefinition": "fam"})
        self.assertEqual(list(call["body"]), sorted(call["body"]))
        described = driver.do("describe", cluster="c", tasks=[task["arn"] for task in answer["tasks"]])
        self.assertEqual([(task["tag"], task["started_by"]) for task in described["tasks"]], [("job-1", "drive")] * 3)
        self.assertTrue(all("container-instance" in task["host"] for task in described["tasks"]))
        self.assert_signed()

    def test_the_same_token_starts_nothing_twice(self) -> None:
        driver = self.drive()
        first, second = driver.all([driver.run("t-1"), driver.run("t-1")])
        self.assertEqual([t["arn"] for t in first["tasks"]], [t["arn"] for t in second["tasks"]])
        third = driver.answer(driver.run("t-1", "fam"))["error"]
        self.assertEqual(says(third), ("conflict", "ConflictException", True, 1))
        self.assertEqual(third["resource_ids"], [t["arn"] for t in first["tasks"]])
        self.assertEqual(len(self.aws.tasks()), 1)

    def test_a_list_has_all_pages(self) -> None:
        self.aws.settings(page_size=10)
        mine = self.aws.start_tasks("plain", 25, cluster="c")
        self.aws.start_tasks("fam", 3, cluster="c")
        answer = self.drive().do("list", cluster="c", family="plain")
        self.assertEqual(sorted(answer["arns"]), sorted(mine))
        calls = self.calls("ListTasks")
        self.assertEqual([call["status"] for call in calls], [200, 200, 200])
        self.assertEqual(calls[0]["body"], {"cluster": "c", "desiredStatus": "RUNNING", "family": "plain"})
        self.assertEqual(["nextToken" in call["body"] for call in calls], [False, True, True])
        self.assert_signed()

    def test_a_list_may_be_empty(self) -> None:
        self.assertEqual(self.drive().do("list", cluster="c", family="none")["arns"], [])

    def test_a_page_that_fails_is_asked_for_again(self) -> None:
        self.aws.settings(page_size=2)
        mine = self.aws.start_tasks("plain", 5, cluster="c")
        self.aws.fault("ListTasks", "truncate", skip=1, count=1)
        answer = self.drive().do("list", cluster="c", family="plain")
        self.assertEqual(sorted(answer["arns"]), sorted(mine))
        self.assertEqual(len(self.calls("ListTasks")), 4)

    def test_a_list_with_a_page_missing_is_none(self) -> None:
        self.aws.settings(page_size=2)
        self.aws.start_tasks("plain", 5, cluster="c")
        self.aws.fault("ListTasks", "error", error="ClientException", skip=1)
        answer = self.drive().do("list", cluster="c", family="plain")
        self.assertRegex(answer["error"]["text"], r"^ListTasks: ClientException: ClientException by order of the test "
                                                  r"\(HTTP 400, request [^)]+\)$")
        self.assertNotIn("arns", answer)

    def test_tasks_are_described_a_hundred_at_a_time(self) -> None:
        mine = self.aws.start_tasks("plain", 230, cluster="c")
        gone = mine[0][:-4] + "0000"
        driver = self.drive()
        answer = driver.do("describe", cluster="c", tasks=[*mine, gone])
        self.assertEqual([task["arn"] for task in answer["tasks"]], mine)
        self.assertEqual([(each["arn"], each["reason"]) for each in answer["failures"]], [(gone, "MISSING")])
        self.assertEqual([len(call["body"]["tasks"]) for call in self.calls("DescribeTasks")], [100, 100, 31])
        self.assertEqual(driver.do("describe", cluster="c", tasks=[]), {"id": 2, "tasks": [], "failures": []})
        self.assertEqual(len(self.calls()), 3)
        self.assert_signed()

    def test_fargate_tasks_have_no_host(self) -> None:
        driver = self.drive()
        (task,) = driver.answer(driver.run("t", "lax"))["tasks"]
        self.assertIsNone(task["host"])

    def test_a_plan_that_is_wrong_is_not_sent(self) -> None:
        driver = self.drive()
        for plan, count, words in (("[]", 1, "not a JSON object"), ("{}", 11, "1 to 10 tasks"),
                                   ('{"count":1}', 1, "of its own")):
            error = driver.do("run", plan=plan, count=count, token="t")["error"]
            self.assertEqual(says(error), ("refused", "not sent", False, 0))
            self.assertIn(words, error["text"])
        self.assertEqual(self.calls(), [])

    def test_connections_are_used_again_and_may_be_closed(self) -> None:
        driver = self.drive()
        for _ in range(5):
            driver.do("list", cluster="c", family="plain")
        self.assertEqual({call["connection"] for call in self.calls()}, {self.calls()[0]["connection"]})
        self.aws.close_connections(reset=True)
        self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        self.aws.settings(max_requests=1)
        for _ in range(5):
            self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])

    def test_only_so_many_at_a_time(self) -> None:
        self.aws.fault("ListTasks", "hang")
        driver = self.drive(max_in_flight=2)
        for _ in range(6):
            driver.start("list", cluster="c", family="plain")
        self.aws.wait_calls(2, "ListTasks", after=self.mark)
        self.assertEqual(driver.do("pending")["pending"], 6)
        self.assertEqual(len(self.calls()), 2)
        driver.stop()


class Queues(Case):
    """How deep a queue is."""

    def test_a_depth_is_two_calls_and_then_one(self) -> None:
        self.aws.queue("q", visible=7, in_flight=2, delayed=1)
        driver = self.drive()
        for _ in range(2):
            answer = driver.do("depth", queue="q")
            self.assertEqual((answer["visible"], answer["in_flight"], answer["delayed"]), (7, 2, 1))
        self.assertEqual(self.operations(), ["GetQueueUrl", "GetQueueAttributes", "GetQueueAttributes"])
        self.assertEqual({call["protocol"] for call in self.calls()}, {"json"})
        self.assert_signed()

    def test_who_asks_at_once_shares_the_url(self) -> None:
        driver = self.drive()
        answers = driver.all([driver.start("depth", queue="q") for _ in range(20)])
        self.assertTrue(all("visible" in answer for answer in answers))
        self.assertEqual(self.operations().count("GetQueueUrl"), 1)

    def test_a_queue_that_is_not_there(self) -> None:
        driver = self.drive()
        for answer in driver.all([driver.start("depth", queue="none") for _ in range(3)]):
            self.assertEqual(says(answer["error"]), ("refused", "QueueDoesNotExist", False, 1))
            self.assertEqual(answer["error"]["operation"], "GetQueueUrl")
        self.aws.queue("none", visible=1)
        self.assertEqual(driver.do("depth", queue="none")["visible"], 1)

    def test_a_queue_that_was_made_anew(self) -> None:
        driver = self.drive()
        driver.do("depth", queue="q")
        self.aws.fault("GetQueueAttributes", "error", error="com.amazonaws.sqs#QueueDoesNotExist", count=1)
        self.assertIn("visible", driver.do("depth", queue="q"))
        self.assertEqual(self.operations(), ["GetQueueUrl", "GetQueueAttributes", "GetQueueAttributes",
                                             "GetQueueUrl", "GetQueueAttributes"])

    def test_a_queue_that_is_gone(self) -> None:
        self.aws.queue("short", visible=1)
        driver = self.drive()
        driver.do("depth", queue="short")
        self.aws.delete_queue("short")
        self.assertEqual(driver.do("depth", queue="short")["error"]["code"], "QueueDoesNotExist")

    def test_a_queue_by_its_url(self) -> None:
        self.aws.queue("q", visible=7, in_flight=2)
        driver = self.drive()
        driver.do("depth", queue="q")
        url = self.calls("GetQueueAttributes")[0]["body"]["QueueUrl"]
        account = url.split("/")[-2]
        self.aws.queue("theirs", visible=4, account="210987654321")
        theirs = url.replace(account, "210987654321").replace("/q", "/theirs")
        mark = self.aws.mark()
        self.assertEqual(driver.do("depth", url=url)["in_flight"], 2)
        self.assertEqual(driver.do("depth", url=theirs)["visible"], 4)
        # Our region's host is not where it goes: that is the endpoint, as configured.
        aws_url = f"https://sqs.us-east-1.amazonaws.com/{account}/q"
        self.assertEqual(driver.do("depth", url=aws_url)["visible"], 7)
        calls = self.aws.calls(after=mark)
        self.assertEqual([call["operation"] for call in calls], ["GetQueueAttributes"] * 3)
        self.assertEqual([call["body"]["QueueUrl"] for call in calls], [url, theirs, aws_url])
        # Nothing says where else it may be.
        error = driver.do("depth", url=url.replace("/q", "/none"))["error"]
        self.assertEqual(says(error), ("refused", "QueueDoesNotExist", False, 1))
        self.assertEqual(self.operations().count("GetQueueUrl"), 1)
        self.assert_signed()

    def test_any_number_of_regions(self) -> None:
        """They are forgotten again. Each has an endpoint of its own, and no proxy leads there."""
        driver = self.drive({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"})
        self.assertIn("visible", driver.do("depth", queue="q"))
        asked = [driver.start("depth", url=f"https://sqs.eu-west-{number}.amazonaws.com/1/q") for number in range(150)]
        again = [driver.do("depth", url=f"https://sqs.eu-east-{number}.amazonaws.com/1/q") for number in (1, 2, 1)]
        for answer in driver.all(asked) + again:
            self.assertEqual(says(answer["error"]), ("retryable", "not sent", False, 3))
        self.assertIn("visible", driver.do("depth", queue="q"))
        self.assert_signed()

    def test_an_answer_without_a_count_is_none(self) -> None:
        self.aws.fault("GetQueueAttributes", "garbage", body='{"Attributes":{"ApproximateNumberOfMessages":"many"}}')
        error = self.drive().do("depth", queue="q")["error"]
        self.assertEqual(says(error), ("unknown", "answer not understood", True, 3))
        self.assertIn("ApproximateNumberOfMessages: is not a count", error["message"])


class Clock(Case):
    """A clock that is wrong."""

    def test_an_hour_is_made_up_for_with_one_more_call(self) -> None:
        driver = self.drive()
        self.aws.clock(offset_s=3600)
        for _ in range(3):
            self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        self.assertEqual([call["error"] for call in self.calls()], ["InvalidSignatureException", None, None, None])
        self.aws.clock(offset_s=0)
        for _ in range(2):
            self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        self.assertEqual([call["error"] for call in self.calls()[4:]], ["InvalidSignatureException", None, None])
        self.assertIn("off_by_s=3600", driver.logged())

    def test_each_service_has_its_own(self) -> None:
        driver = self.drive()
        self.aws.clock(offset_s=-900)
        self.assertIn("visible", driver.do("depth", queue="q"))
        self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        self.assertEqual(len(self.calls()), 5)

    def test_some_minutes_are_let_be(self) -> None:
        self.aws.clock(offset_s=200)
        driver = self.drive()
        self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
        self.assertEqual(len(self.calls()), 1)
        self.assertNotIn("aws.clock", driver.logged())


class Endpoints(Case):
    """Where the calls go."""

    def test_each_service_may_have_its_own(self) -> None:
        with StandIn(queues=["q=5"], region="eu-central-1") as other:
            driver = self.drive({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ECS": self.aws.url,
                                 "AWS_ENDPOINT_URL_SQS": other.url})
            self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
            error = driver.do("depth", queue="q")["error"]
            self.assertEqual((error["kind"], other.calls()[0]["operation"]), ("auth", "GetQueueUrl"))  # another region
            driver = self.drive({**other.environment(), "AWS_ENDPOINT_URL_ECS": self.aws.url})
            self.assertEqual(driver.do("depth", queue="q")["visible"], 5)

    def test_no_region(self) -> None:
        driver = self.drive({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""})
        self.assertIn("no AWS region: set AWS_REGION", driver.answer(0)["refused"])

    def test_tls_is_verified(self) -> None:
        with tempfile.TemporaryDirectory(prefix="ecss-") as folder:
            pem = make_certificate(Path(folder))
            with StandIn(clusters=["c"], tls_certificate=pem) as aws:
                driver = self.drive({**aws.environment(), "AWS_CA_BUNDLE": str(pem)})
                self.assertEqual(driver.do("list", cluster="c", family="plain")["arns"], [])
                driver = self.drive(aws.environment())
                error = driver.do("list", cluster="c", family="plain")["error"]
                self.assertEqual(says(error), ("retryable", "not sent", False, 3))
                self.assertIn("certificate", error["message"])
                self.assertEqual(len(aws.calls("ListTasks")), 1)
            driver = self.drive({"AWS_CA_BUNDLE": folder + "/none.pem"})
            self.assertIn("none.pem cannot be read", driver.answer(0)["refused"])


if __name__ == "__main__":
    unittest.main()
