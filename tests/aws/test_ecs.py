#!/usr/bin/python3
"""ECS: clientToken, paging, the life of tasks, the EC2 and the Fargate form. Through boto3."""

from __future__ import annotations

import time
import unittest
from typing import Any

import case

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}


class Ecs(case.Case):
    """One boto3 client per test."""

    def setUp(self) -> None:
        super().setUp()
        self.ecs = self.client("ecs")

    def run_task(self, **params: Any) -> list[dict[str, Any]]:
        answer = self.ecs.run_task(**{"cluster": "c", "taskDefinition": "plain", **params})
        self.assertEqual(answer["failures"], [])
        return answer["tasks"]

    def arns(self, **params: Any) -> list[str]:
        return [task["taskArn"] for task in self.run_task(**params)]

    def task(self, arn: str) -> dict[str, Any]:
        return self.ecs.describe_tasks(cluster="c", tasks=[arn])["tasks"][0]


class Tokens(Ecs):
    """Same token, same parameters: same tasks. Same token, other parameters: a conflict that names them."""

    def test_repeat_starts_nothing(self) -> None:
        first = self.run_task(clientToken="t1", count=3)
        again = self.run_task(clientToken="t1", count=3)
        self.assertEqual(first, again)
        self.assertEqual(len(self.ecs.list_tasks(cluster="c")["taskArns"]), 3)
        self.assertEqual([call["effect"] for call in self.aws.calls("RunTask")], [True, False])
        group = self.aws.audit()["groups"]["t1"]
        self.assertEqual(group, {"launches": 1, "tasks": 3, "failures": 0, "repeats": 1, "conflicts": 0})

    def test_repeat_shows_the_first_answer_after_the_tasks_ended(self) -> None:
        first = self.run_task(clientToken="t1")
        self.aws.stop_tasks(all=True)
        self.assertEqual(self.run_task(clientToken="t1"), first)

    def test_conflict_names_the_tasks(self) -> None:
        arns = self.arns(clientToken="t1", count=2)
        for other in ({"count": 3}, {"taskDefinition": "fam"}, {"startedBy": "me"}, {}):
            with self.subTest(other=other):
                error = self.refused("ConflictException", self.ecs.run_task,
                                     **{"cluster": "c", "taskDefinition": "plain", "clientToken": "t1",
                                        **other})
                self.assertEqual(error.response["resourceIds"], arns)
        self.assertEqual(self.aws.audit()["groups"]["t1"]["conflicts"], 4)

    def test_order_of_members_is_no_difference(self) -> None:
        first = self.ecs_call("RunTask", {"cluster": "c", "taskDefinition": "plain", "clientToken": "t"})
        second = self.ecs_call("RunTask", {"clientToken": "t", "taskDefinition": "plain", "cluster": "c"})
        self.assertEqual(first.json, second.json)

    def test_scope_is_the_cluster(self) -> None:
        self.assertNotEqual(self.arns(clientToken="t1"), self.arns(clientToken="t1", cluster="other"))

    def test_case_counts(self) -> None:
        self.assertNotEqual(self.arns(clientToken="t"), self.arns(clientToken="T"))

    def test_a_day_later_it_is_new(self) -> None:
        first = self.arns(clientToken="t1")
        self.aws.clock(advance_s=24 * 3600 - 60)
        self.assertEqual(self.arns(clientToken="t1"), first)
        self.aws.clock(advance_s=120)
        self.assertNotEqual(self.arns(clientToken="t1"), first)
        self.assertEqual(self.aws.audit()["duplicates"], ["t1"])

    def test_failures_are_kept_under_the_token(self) -> None:
        self.aws.fault("RunTask", "failures", count=1)
        for _ in range(2):
            answer = self.ecs.run_task(cluster="c", taskDefinition="plain", clientToken="t1")
            self.assertEqual((answer["tasks"], len(answer["failures"])), ([], 1))

    def test_a_refused_call_keeps_no_token(self) -> None:
        self.refused("ClientException", self.ecs.run_task, cluster="c", taskDefinition="nope",
                     clientToken="t1")
        self.assertEqual(len(self.arns(clientToken="t1")), 1)

    def test_audit_by_variable(self) -> None:
        overrides = {"containerOverrides": [{"name": "plain",
                                             "environment": [{"name": "RUN", "value": "7"}]}]}
        self.arns(clientToken="a", overrides=overrides)
        self.assertEqual(self.aws.audit("env:RUN")["duplicates"], [])
        self.arns(clientToken="b", overrides=overrides)
        self.assertEqual(self.aws.audit("env:RUN")["duplicates"], ["7"])
        self.assertEqual(self.aws.audit()["duplicates"], [])


class Paging(Ecs):
    """Pages are complete, and do not mind that tasks come and go."""

    def test_pages_of_a_hundred(self) -> None:
        made = self.aws.start_tasks("big", 250, cluster="c")
        first = self.ecs.list_tasks(cluster="c", family="big")
        self.assertEqual(len(first["taskArns"]), 100)
        pages = list(self.ecs.get_paginator("list_tasks").paginate(cluster="c", family="big"))
        self.assertEqual([len(page["taskArns"]) for page in pages], [100, 100, 50])
        self.assertEqual([arn for page in pages for arn in page["taskArns"]], made)

    def test_page_size_and_max_results(self) -> None:
        self.aws.start_tasks("big", 7, cluster="c")
        self.aws.settings(page_size=3)
        pages = list(self.ecs.get_paginator("list_tasks").paginate(cluster="c"))
        self.assertEqual([len(page["taskArns"]) for page in pages], [3, 3, 1])
        self.assertEqual(len(self.ecs.list_tasks(cluster="c", maxResults=2)["taskArns"]), 2)

    def test_exact_pages_end_without_a_token(self) -> None:
        self.aws.start_tasks("big", 6, cluster="c")
        self.aws.settings(page_size=3)
        first = self.ecs.list_tasks(cluster="c")
        self.assertNotIn("nextToken", self.ecs.list_tasks(cluster="c", nextToken=first["nextToken"]))

    def test_tasks_that_end_between_pages(self) -> None:
        made = self.aws.start_tasks("big", 9, cluster="c")
        self.aws.settings(page_size=3)
        first = self.ecs.list_tasks(cluster="c")
        self.aws.stop_tasks(tasks=made[:2])
        second = self.ecs.list_tasks(cluster="c", nextToken=first["nextToken"])
        self.assertEqual(second["taskArns"], made[3:6])

    def test_bad_tokens(self) -> None:
        self.aws.start_tasks("big", 5, cluster="c")
        self.aws.settings(page_size=3)
        token = self.ecs.list_tasks(cluster="c")["nextToken"]
        for params in ({"nextToken": "zz"}, {"nextToken": token, "family": "big"}):
            self.refused("InvalidParameterException", self.ecs.list_tasks, cluster="c", **params)

    def test_filters(self) -> None:
        mine = self.arns(startedBy="me", count=2)
        self.arns(startedBy="you")
        self.assertEqual(self.ecs.list_tasks(cluster="c", startedBy="me")["taskArns"], mine)
        self.assertEqual(len(self.ecs.list_tasks(cluster="c", family="plain")["taskArns"]), 3)
        self.assertEqual(self.ecs.list_tasks(cluster="c", family="fam")["taskArns"], [])
        self.assertEqual(self.ecs.list_tasks(cluster="other")["taskArns"], [])
        self.assertEqual(self.ecs.list_tasks(cluster="c", desiredStatus="PENDING")["taskArns"], [])
        self.assertEqual(self.ecs.list_tasks(cluster="c", launchType="FARGATE")["taskArns"], [])
        self.assertEqual(len(self.ecs.list_tasks(cluster="c", launchType="EC2")["taskArns"]), 3)
        self.refused("ServiceNotFoundException", self.ecs.list_tasks, cluster="c", serviceName="s")
        self.refused("InvalidParameterException", self.ecs.list_tasks, cluster="c", startedBy="me",
                     family="plain")

    def test_listing_lags(self) -> None:
        self.aws.settings(list_lag_s=60)
        arn = self.arns()[0]
        self.assertEqual(self.ecs.list_tasks(cluster="c")["taskArns"], [])
        self.assertEqual(self.ecs.describe_tasks(cluster="c", tasks=[arn])["failures"][0]["reason"],
                         "MISSING")
        self.aws.clock(advance_s=61)
        self.assertEqual(self.ecs.list_tasks(cluster="c")["taskArns"], [arn])


class Life(Ecs):
    """What becomes of tasks."""

    def test_they_run_until_stopped(self) -> None:
        arn = self.arns()[0]
        self.aws.clock(advance_s=1e6)
        self.assertEqual(self.task(arn)["lastStatus"], "RUNNING")

    def test_a_life_by_the_clock(self) -> None:
        self.aws.life("fam", start_s=10, run_s=100, stop_s=30, exit_codes={"c1": 3})
        arn = self.arns(taskDefinition="fam")[0]
        seen = []
        for step in (0, 11, 100, 31):
            self.aws.clock(advance_s=step)
            task = self.task(arn)
            seen.append((task["lastStatus"], task["desiredStatus"]))
        self.assertEqual(seen, [("PENDING", "RUNNING"), ("RUNNING", "RUNNING"), ("STOPPING", "STOPPED"),
                                ("STOPPED", "STOPPED")])
        self.assertEqual([(each["name"], each["exitCode"]) for each in task["containers"]],
                         [("c1", 3), ("c2", 0)])
        self.assertEqual(task["stopCode"], "EssentialContainerExited")
        self.assertEqual((task["stoppedAt"] - task["stoppingAt"]).total_seconds(), 30)
        self.assertEqual((task["stoppingAt"] - task["startedAt"]).total_seconds(), 100)
        self.assertEqual(self.ecs.list_tasks(cluster="c")["taskArns"], [])
        self.assertEqual(self.ecs.list_tasks(cluster="c", desiredStatus="STOPPED")["taskArns"], [arn])

    def test_versions_grow(self) -> None:
        self.aws.life("*", start_s=10, run_s=10, stop_s=10)
        arn = self.arns()[0]
        versions = []
        for _ in range(4):
            versions.append(self.task(arn)["version"])
            self.aws.clock(advance_s=10.5)
        self.assertEqual(versions, sorted(set(versions)))

    def test_stopped_tasks_are_forgotten_after_an_hour(self) -> None:
        arn = self.arns()[0]
        self.aws.stop_tasks(tasks=[arn])
        self.aws.clock(advance_s=3500)
        self.assertEqual(self.task(arn)["lastStatus"], "STOPPED")
        self.aws.clock(advance_s=200)
        self.assertEqual(self.ecs.describe_tasks(cluster="c", tasks=[arn])["failures"],
                         [{"arn": arn, "reason": "MISSING"}])

    def test_stop_by_test(self) -> None:
        arns = self.arns(count=3)
        self.aws.stop_tasks(family="plain", count=1, exitCode=137, reason="OutOfMemoryError",
                            stopCode="EssentialContainerExited")
        task = self.task(arns[0])
        self.assertEqual((task["containers"][0]["exitCode"], task["stoppedReason"]),
                         (137, "OutOfMemoryError"))
        self.assertEqual(self.ecs.list_tasks(cluster="c")["taskArns"], arns[1:])

    def test_spot_interruption(self) -> None:
        arn = self.arns()[0]
        self.aws.stop_tasks(tasks=[arn], stopCode="SpotInterruption", exitCodes={"*": None}, reason="Spot")
        task = self.task(arn)
        self.assertEqual(task["stopCode"], "SpotInterruption")
        self.assertNotIn("exitCode", task["containers"][0])

    def test_stop_task(self) -> None:
        arn = self.arns()[0]
        stopped = self.ecs.stop_task(cluster="c", task=arn, reason="enough")["task"]
        self.assertEqual((stopped["stopCode"], stopped["stoppedReason"]), ("UserInitiated", "enough"))
        again = self.ecs.stop_task(cluster="c", task=arn.rpartition("/")[2], reason="more")["task"]
        self.assertEqual(again["stoppedReason"], "enough")
        self.refused("InvalidParameterException", self.ecs.stop_task, cluster="c", task="nope")
        self.refused("InvalidParameterException", self.ecs.stop_task, cluster="other", task=arn)

    def test_a_task_that_never_started(self) -> None:
        self.aws.life("*", start_s=100)
        arn = self.arns()[0]
        self.aws.stop_tasks(tasks=[arn], exitCodes={"*": None}, reason="CannotPullContainerError")
        task = self.task(arn)
        self.assertEqual(task["stopCode"], "TaskFailedToStart")
        self.assertNotIn("startedAt", task)
        self.assertNotIn("exitCode", task["containers"][0])


class Forms(Ecs):
    """What RunTask and DescribeTasks show."""

    def test_ec2(self) -> None:
        task = self.run_task(startedBy="ecs-scheduler")[0]
        self.assertRegex(task["taskArn"], r"^arn:aws:ecs:us-east-1:123456789012:task/c/[0-9a-f]{32}$")
        self.assertRegex(task["containerInstanceArn"], r":container-instance/c/[0-9a-f]{32}$")
        self.assertEqual((task["launchType"], task["group"], task["startedBy"]),
                         ("EC2", "family:plain", "ecs-scheduler"))
        self.assertRegex(task["taskDefinitionArn"], r":task-definition/plain:\d+$")
        self.assertLess(abs(task["createdAt"].timestamp() - time.time()), 30)

    def test_overrides_come_back(self) -> None:
        given = [{"name": "c2", "environment": [{"name": "ECS_SCHEDULER_OVERRIDE_TAG", "value": "x"}],
                  "command": ["a"]}]
        arn = self.arns(taskDefinition="fam", overrides={"containerOverrides": given, "cpu": "256"})[0]
        shown = self.task(arn)["overrides"]
        self.assertEqual(shown["containerOverrides"], [*given, {"name": "c1"}])
        self.assertEqual(shown["cpu"], "256")

    def test_fargate(self) -> None:
        for params in ({}, {"launchType": "FARGATE"}, {"capacityProviderStrategy": [
                {"capacityProvider": "FARGATE_SPOT", "weight": 1}]}):
            with self.subTest(params=params):
                arn = self.arns(taskDefinition="fg", networkConfiguration=NETWORK, **params)[0]
                task = self.task(arn)
                self.assertNotIn("containerInstanceArn", task)
                self.assertEqual((task["launchType"], task["platformVersion"]), ("FARGATE", "1.4.0"))
                self.assertEqual(task.get("capacityProviderName"), "FARGATE_SPOT" if len(params) and
                                 "launchType" not in params else None)
                self.assertEqual(task["attachments"][0]["type"], "ElasticNetworkInterface")

    def test_fargate_form_without_its_demands(self) -> None:
        self.assertNotIn("containerInstanceArn", self.run_task(taskDefinition="lax")[0])

    def test_fargate_demands_a_network(self) -> None:
        error = self.refused("InvalidParameterException", self.ecs.run_task, cluster="c", taskDefinition="fg")
        self.assertIn("Network Configuration must be provided", str(error))

    def test_failures_of_describe(self) -> None:
        arn = self.arns()[0]
        for cluster, name in (("c", arn[:-1] + "x"), ("other", arn)):
            answer = self.ecs.describe_tasks(cluster=cluster, tasks=[name])
            self.assertEqual((answer["tasks"], answer["failures"]),
                             ([], [{"arn": name, "reason": "MISSING"}]))
        self.assertEqual(len(self.ecs.describe_tasks(cluster="c", tasks=[arn.rpartition("/")[2]])["tasks"]),
                         1)

    def test_tags(self) -> None:
        self.ecs.register_task_definition(family="tagged", containerDefinitions=[{"name": "a", "memory": 1}],
                                          tags=[{"key": "k", "value": "d"}, {"key": "m", "value": "e"}])
        arn = self.arns(taskDefinition="tagged", tags=[{"key": "k", "value": "v"}], enableECSManagedTags=True,
                        propagateTags="TASK_DEFINITION")[0]
        self.assertEqual(self.task(arn)["tags"], [])
        tags = self.ecs.describe_tasks(cluster="c", tasks=[arn], include=["TAGS"])["tasks"][0]["tags"]
        self.assertEqual({tag["key"]: tag["value"] for tag in tags},
                         {"k": "v", "m": "e", "aws:ecs:clusterName": "c"})

    def test_clusters_and_definitions(self) -> None:
        self.ecs.create_cluster(clusterName="new")
        self.assertIn("arn:aws:ecs:us-east-1:123456789012:cluster/new",
                      self.ecs.list_clusters()["clusterArns"])
        shown = self.ecs.describe_clusters(clusters=["new", "nope"])
        self.assertEqual((shown["clusters"][0]["status"], shown["failures"][0]["reason"]),
                         ("ACTIVE", "MISSING"))
        self.refused("ClusterNotFoundException", self.ecs.list_tasks, cluster="nope")
        made = [self.ecs.register_task_definition(family="revs",
                                                  containerDefinitions=[{"name": "a", "memory": 1}])
                for _ in range(2)]
        first = made[0]["taskDefinition"]["taskDefinitionArn"]
        self.assertEqual(self.run_task(taskDefinition="revs")[0]["taskDefinitionArn"], first[:-1] + "2")
        for name in ("revs:1", first):
            self.assertEqual(self.run_task(taskDefinition=name)[0]["taskDefinitionArn"], first)
        shown = self.ecs.describe_task_definition(taskDefinition="revs")["taskDefinition"]
        self.assertEqual(shown["revision"], 2)
        self.refused("ClientException", self.ecs.run_task, cluster="c", taskDefinition="revs:3")
        self.refused("ClientException", self.ecs.describe_task_definition, taskDefinition="nope")

    def test_cluster_by_arn_and_default(self) -> None:
        arn = self.arns(cluster="arn:aws:ecs:us-east-1:123456789012:cluster/c")[0]
        self.assertIn(":task/c/", arn)
        self.refused("ClusterNotFoundException", self.ecs.run_task, taskDefinition="plain")


if __name__ == "__main__":
    unittest.main()
