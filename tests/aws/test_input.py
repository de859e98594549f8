#!/usr/bin/python3
"""What may not be sent: by the model (unknown members, types, required, enums) or by the prose limits."""

from __future__ import annotations

import random
import unittest
from pathlib import Path
from typing import Any

import case
from signer import ECS_TARGET
from stand.model import Service

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def override(**members: Any) -> dict[str, Any]:
    """RunTask's members for one container override of task definition fam."""
    return {"taskDefinition": "fam", "overrides": {"containerOverrides": [members]}}


class RunTask(case.Case):
    """Tables of bad RunTasks: (members, words that the error has to have)."""

    TYPES = [
        ({"colour": "red"}, "colour is not a member"),
        ({"count": "1"}, "count is a string, not an integer"),
        ({"count": 1.0}, "count is a number, not an integer"),
        ({"count": True}, "count is a boolean, not an integer"),
        ({"taskDefinition": 5}, "taskDefinition is an integer, not a string"),
        ({"tags": {"a": "b"}}, "tags is an object, not a list"),
        ({"overrides": []}, "overrides is a list, not an object"),
        ({"enableExecuteCommand": "true"}, "enableExecuteCommand is a string, not a boolean"),
        (override(name="c1", environment={"A": "b"}),
         "containerOverrides[0].environment is an object, not a list"),
        (override(name="c1", environment=[{"name": "A", "value": 1}]), "environment[0].value is an integer"),
        (override(name="c1", cpu="5"), "containerOverrides[0].cpu is a string"),
        (override(name="c1", Environment=[]), "containerOverrides[0].Environment is not a member"),
        ({"overrides": {"cpu": 256}}, "overrides.cpu is an integer, not a string"),
    ]

    VALUES = [
        ({"taskDefinition": None}, "taskDefinition is required"),
        ({"launchType": "ec2"}, "launchType is 'ec2', not one of"),
        ({"networkConfiguration": {"awsvpcConfiguration": {}}}, "subnets is required"),
        ({"count": 0}, "not within 1..10"),
        ({"count": 11}, "not within 1..10"),
        ({"clientToken": ""}, "clientToken is not"),
        ({"clientToken": "x" * 65}, "clientToken is not"),
        ({"clientToken": "a b"}, "clientToken is not"),
        ({"clientToken": "ä"}, "clientToken is not"),
        ({"startedBy": "x" * 129}, "startedBy is not"),
        ({"startedBy": "a.b"}, "startedBy is not"),
        ({"referenceId": "r"}, "referenceId is reserved"),
        ({"propagateTags": "SERVICE"}, "for services only"),
        ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1}]},
         "exclude each"),
        ({"launchType": "MANAGED_INSTANCES"}, "needs a capacityProviderStrategy"),
        ({"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 0}]}, "all weights"),
        ({"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1001}]}, "0..1000"),
        ({"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1, "base": 100001}]}, "0..100000"),
        ({"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1, "base": 1}] * 2},
         "have a base"),
        ({"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1}] * 21}, "not up to 20"),
        ({"capacityProviderStrategy": [{"weight": 1}]},
         "capacityProviderStrategy[0].capacityProvider is required"),
        ({"placementConstraints": [{"type": "distinctInstance"}] * 11}, "not up to 10"),
        ({"placementConstraints": [{"type": "memberOf", "expression": "x" * 2001}]}, "longer than 2000"),
        ({"placementConstraints": [{"type": "memberOf"}]}, "needs an expression"),
        ({"placementConstraints": [{"type": "distinctInstance", "expression": "x"}]}, "takes no expression"),
        ({"placementStrategy": [{"type": "random"}] * 6}, "not up to 5"),
        ({"placementStrategy": [{"type": "random", "field": "host"}]}, "random takes no field"),
        ({"placementStrategy": [{"type": "binpack", "field": "disk"}]}, "binpack needs field"),
        ({"placementStrategy": [{"type": "spread", "field": "cpu"}]}, "spread needs field"),
        ({"tags": [{"key": "k", "value": "v"}] * 2}, "there twice"),
        ({"tags": [{"key": f"k{n}"} for n in range(51)]}, "not 0..50"),
        ({"tags": [{"key": "AWS:x"}]}, "reserved aws:"),
        ({"tags": [{"key": "a*b"}]}, "is not 1 to 128"),
        ({"tags": [{"key": "k" * 129}]}, "128"),
        ({"tags": [{"key": "k", "value": "v" * 257}]}, "256"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"] * 17}}}, "1 to 16"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}, "1 to 16"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["vpc-1"]}}}, "no subnet id"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"],
                                                           "securityGroups": ["sg-1"] * 6}}},
         "not up to 5"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"],
                                                           "assignPublicIp": "yes"}}},
         "not one of DISABLED, ENABLED"),
        ({"networkConfiguration": {}}, "Network Configuration is not valid"),
        ({"networkConfiguration": NETWORK}, "not valid for the given networkMode"),
        ({"platformVersion": "LATEST"}, "platform version must be null"),
        ({"launchType": "FARGATE"}, "does not support launch_type FARGATE"),
        (override(environment=[{"name": "A", "value": "b"}]), "needs a name"),
        (override(name="nope"), "nope is not a container"),
        ({"taskDefinition": "fam", "overrides": {"containerOverrides": [{"name": "c1"}, {"name": "c1"}]}},
         "overridden"),
        (override(name="c1", environment=[{"name": "A", "value": "x" * 8200}]), "not up to 8192"),
        (override(name="c1", environment=[{"name": "", "value": "x"}]), "has no name"),
        (override(name="c1", environmentFiles=[{"value": "arn:aws:s3:::b/a.env", "type": "s3"}] * 11),
         "not up to 10"),
        (override(name="c1", environmentFiles=[{"value": "s3://b/a.env", "type": "s3"}]),
         "no ARN of an .env"),
        (override(name="c1", environmentFiles=[{"value": "arn:aws:s3:::b/a.env", "type": "S3"}]),
         "not one of s3"),
        (override(name="c1", memory=10, memoryReservation=20), "above its memory"),
        (override(name="c1", resourceRequirements=[{"type": "CPU", "value": "1"}]), "not one of GPU"),
        ({"overrides": {"ephemeralStorage": {"sizeInGiB": 20}}}, "21..200"),
        ({"overrides": {"inferenceAcceleratorOverrides": [{"deviceName": "d"}]}}, "withdrawn"),
        ({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"sizeInGiB": 1}}]},
         "roleArn is required"),
        ({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "r"}}]},
         "sizeInGiB or snapshotId"),
        ({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 1,
          "filesystemType": "btrfs"}}]}, "not one of ext3"),
        ({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 1}}]},
         "Volume v is not in the TaskDefinition"),
    ]

    FARGATE = [
        ({"placementConstraints": [{"type": "distinctInstance"}]}, "InvalidParameterException"),
        ({"placementStrategy": [{"type": "random"}]}, "InvalidParameterException"),
        ({"launchType": "EC2"}, "InvalidParameterException"),
        ({"platformVersion": "9.9"}, "PlatformUnknownException"),
        ({"platformVersion": "1.3.0", "overrides": {"ephemeralStorage": {"sizeInGiB": 30}}},
         "PlatformTaskDefinitionIncompatibilityException"),
        ({"overrides": {"cpu": "300"}}, "ClientException"),
        ({"overrides": {"cpu": "256", "memory": "4096"}}, "ClientException"),
    ]

    def check(self, params: dict[str, Any], name: str, words: str = "") -> None:
        with self.subTest(params=str(params)[:200]):
            answer = self.ecs_call("RunTask", {"cluster": "c", "taskDefinition": "plain", **params})
            self.assertEqual((answer.status, answer.error), (400, name), answer.raw)
            self.assertIn(words, answer.message)
            self.assertEqual(self.aws.calls()[-1]["signature"], "ok")

    def test_types(self) -> None:
        for params, words in self.TYPES:
            self.check(params, "SerializationException", words)

    def test_values(self) -> None:
        for params, words in self.VALUES:
            self.check(params, "InvalidParameterException", words)

    def test_fargate(self) -> None:
        for params, name in self.FARGATE:
            self.check({"taskDefinition": "fg", "networkConfiguration": NETWORK, **params}, name)

    def test_nothing_came_of_it(self) -> None:
        self.test_values()
        self.assertEqual(self.aws.tasks(), [])
        self.assertEqual(self.aws.audit()["launches"], 0)

    def test_every_mistake_is_named_at_once(self) -> None:
        answer = self.ecs_call("RunTask",
                               {"cluster": "c", "taskDefinition": "plain", "count": 11, "startedBy": "?"})
        self.assertIn("count is 11", answer.message)
        self.assertIn("startedBy is not", answer.message)

    def test_limits_themselves_are_fine(self) -> None:
        for params in ({"count": 10}, {"clientToken": "!" * 64}, {"startedBy": "a/b-_" + "x" * 123},
                       {"tags": [{"key": f"k{n}", "value": "v" * 256} for n in range(50)]},
                       {"placementStrategy": [{"type": "spread",
                                               "field": "attribute:ecs.availability-zone"}] * 5},
                       {"capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1000,
                                                      "base": 100000}]},
                       {"overrides": {"ephemeralStorage": {"sizeInGiB": 200}}},
                       override(name="c1", environment=[{"name": "A", "value": "x" * 7900}], cpu=1, memory=20,
                                memoryReservation=10, command=["a"], resourceRequirements=[
                                    {"type": "GPU", "value": "1"}, {"type": "NeuronDevice", "value": "ALL"}]),
                       {"overrides": None, "tags": None}):
            with self.subTest(params=str(params)[:100]):
                answer = self.ecs_call("RunTask", {"cluster": "c", "taskDefinition": "plain", **params})
                self.assertEqual(answer.status, 200, answer.raw)


    def test_volumes(self) -> None:
        self.client("ecs").register_task_definition(family="vol", volumes=[{"name": "v"}],
                                                    containerDefinitions=[{"name": "a", "memory": 1}])
        volume = {"name": "v", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10, "terminationPolicy": {
            "deleteOnTermination": True}, "tagSpecifications": [{"resourceType": "volume",
                                                                 "tags": [{"key": "k"}]}]}}
        answer = self.ecs_call("RunTask",
                               {"cluster": "c", "taskDefinition": "vol", "volumeConfigurations": [volume]})
        self.assertEqual(answer.status, 200, answer.raw)


class Others(case.Case):
    """Other operations, and what is no operation."""

    def test_list_and_describe(self) -> None:
        for operation, params, words in (
                ("ListTasks", {"maxResults": 0}, "1..100"), ("ListTasks", {"maxResults": 101}, "1..100"),
                ("ListTasks", {"desiredStatus": "DONE"}, "not one of"),
                ("ListTasks", {"startedBy": "a", "launchType": "EC2"}, "cannot specify startedBy"),
                ("DescribeTasks", {}, "tasks is required"), ("DescribeTasks", {"tasks": []}, "1 to 100"),
                ("DescribeTasks", {"tasks": ["x"] * 101}, "1 to 100"),
                ("DescribeTasks", {"tasks": ["x"], "include": ["ALL"]}, "not one of TAGS"),
                ("StopTask", {}, "task is required")):
            with self.subTest(operation=operation, params=str(params)[:80]):
                answer = self.ecs_call(operation, {"cluster": "c", **params})
                self.assertEqual((answer.status, answer.error), (400, "InvalidParameterException"),
                                 answer.raw)
                self.assertIn(words, answer.message)

    def test_definitions(self) -> None:
        ecs = self.client("ecs")
        refused = [{"family": "a b"}, {"containerDefinitions": []},
                   {"containerDefinitions": [{"name": "a"}] * 2}]
        for params in refused:
            self.refused("InvalidParameterException", ecs.register_task_definition,
                         **{"family": "f", "containerDefinitions": [{"name": "a"}], **params})
        for params in ({"networkMode": "bridge", "cpu": "256", "memory": "512"}, {"networkMode": "awsvpc"},
                       {"networkMode": "awsvpc", "cpu": "256", "memory": "8192"}):
            self.refused("ClientException", ecs.register_task_definition, family="f", containerDefinitions=[
                {"name": "a"}], requiresCompatibilities=["FARGATE"], **params)

    def test_bodies(self) -> None:
        for body in (b"", b"{", b"[]", b"null", b'"x"', b"{}x", b'{"cluster":"\xff"}', b'{"maxResults":NaN}',
                     b'{"cluster":"c","cluster":"c"}', b'{"a":' * 100_000, b"[" * 100_000,
                     b'{"cluster":"\\ud800"}'):
            with self.subTest(body=body[:40]):
                self.assertEqual(self.ecs_call("ListTasks", body).error, "SerializationException")

    def test_no_such_operation(self) -> None:
        json_1_1 = ("Content-Type", "application/x-amz-json-1.1")
        for headers, target in (
                ([json_1_1, ("X-Amz-Target", f"{ECS_TARGET}.EatTask")], "/"),
                ([json_1_1, ("X-Amz-Target", f"{ECS_TARGET}.UpdateService")], "/"),
                ([json_1_1, ("X-Amz-Target", "Nothing.RunTask")], "/"),
                ([json_1_1, ("X-Amz-Target", f"{ECS_TARGET}.ListTasks")], "/x"),
                ([json_1_1, ("X-Amz-Target", f"{ECS_TARGET}.ListTasks")], "/?a=b"),
                ([("Content-Type", "application/json"), ("X-Amz-Target", f"{ECS_TARGET}.ListTasks")], "/"),
                ([("Content-Type", "application/x-amz-json-1.0"),
                  ("X-Amz-Target", f"{ECS_TARGET}.ListTasks")], "/"),
                ([json_1_1, ("X-Amz-Target", "AmazonSQS.GetQueueUrl")], "/"),
                ([json_1_1], "/"),
                ([("Content-Type", "application/x-www-form-urlencoded")], "/")):
            with self.subTest(headers=headers, target=target):
                answer = self.exchange(self.signer.request("ecs", headers, b"{}", target=target))
                self.assertIn(answer.status, (400, 404))
                self.assertIn(b"UnknownOperation" if headers[0][1] != "application/x-www-form-urlencoded"
                              else b"InvalidAction", answer.body)
        self.assertEqual(self.exchange(self.signer.request("ecs", [json_1_1], b"", method="GET")).status, 404)


class Chance(case.Case):
    """Inputs made by chance after the model: whatever comes, the stand-in answers and is not broken by it."""

    WORDS = ["plain", "fam", "fg", "c", "c1", "", "FARGATE", "256", "-1", "\u00e4", "\U0001f600", "k" * 300]

    def value(self, shape: Any, depth: int = 0) -> Any:
        """Something like the shape, mostly."""
        chance = self.random.random()
        if chance < 0.03:
            return self.random.choice([None, 0, -1, 2**70, 1.5, "", [], {}, True, [None], {"": None}])
        kind = shape.type_name
        if kind == "structure":
            often = (0.15, 0.3, 0.2)[min(depth, 2)]
            return {name: self.value(member, depth + 1) for name, member in shape.members.items()
                    if name in shape.required_members or self.random.random() < often}
        if kind == "list":
            return [self.value(shape.member, depth + 1) for _ in range(self.random.choice([0, 1, 1, 2, 12]))]
        if kind == "string":
            return self.random.choice(list(shape.metadata.get("enum", ())) or self.WORDS)
        if kind == "boolean":
            return self.random.random() < 0.5
        return self.random.choice([0, 1, 2, 10, 11, 100])

    def test_by_chance(self) -> None:
        self.random = random.Random(20)
        service = Service("ecs")
        wire = self.wire()
        seen = set()
        operations = ("RunTask", "ListTasks", "DescribeTasks", "RegisterTaskDefinition", "StopTask")
        for operation in operations * 200:
            params = self.value(service.input_shape(operation))
            if isinstance(params, dict) and self.random.random() < 0.9:
                params["cluster"] = "c"
                if operation == "RunTask":
                    params["taskDefinition"] = "plain"
            wire.send(self.signer.ecs(operation, params))
            answer = wire.answer()
            self.assertIn(answer.status, (200, 400), (params, answer.raw))
            seen.add((operation, answer.status))
        self.assertLessEqual({(name, status) for name in ("RunTask", "ListTasks", "DescribeTasks")
                              for status in (200, 400)}, seen)


class Models(unittest.TestCase):
    """The extras that are merged into Debian's model, held against the newest model where that is at hand."""

    @staticmethod
    def newest() -> Path | None:
        for parent in Path(__file__).resolve().parents:
            if (parent / "shared/models/ecs.json").exists():
                return parent / "shared/models"
        return None

    def test_extras_agree_with_the_newest(self) -> None:
        folder = self.newest()
        if folder is None:
            self.skipTest("the newest models are not here")
        ours, newest = Service("ecs").input_shape("RunTask"), Service("ecs", folder).input_shape("RunTask")
        self.assertEqual(list(self.differences(ours, newest, "RunTask")), [])

    def differences(self, ours: Any, newest: Any, path: str) -> Any:
        if ours.type_name != newest.type_name:
            yield f"{path} is {ours.type_name}, not {newest.type_name}"
        elif ours.type_name == "structure":
            if sorted(ours.required_members) != sorted(newest.required_members):
                yield f"{path} requires {ours.required_members}, not {newest.required_members}"
            for name in set(ours.members) ^ set(newest.members):
                yield f"{path}.{name} is in one only"
            for name in set(ours.members) & set(newest.members):
                yield from self.differences(ours.members[name], newest.members[name], f"{path}.{name}")
        elif ours.type_name == "list":
            yield from self.differences(ours.member, newest.member, f"{path}[]")
        elif sorted(getattr(ours, "enum", [])) != sorted(getattr(newest, "enum", [])):
            yield f"{path} is one of {ours.enum}, not of {newest.enum}"

    def test_runs_with_the_newest(self) -> None:
        folder = self.newest()
        if folder is None:
            self.skipTest("the newest models are not here")
        with case.StandIn(clusters=["c"], task_definitions=["plain"], queues=["q=4"], cross_check=True,
                          options=["--models", str(folder)]) as aws:
            signer = case.Signer(aws)
            for made, status in ((signer.ecs("RunTask", {"cluster": "c", "taskDefinition": "plain"}), 200),
                                 (signer.ecs("RunTask", {"cluster": "c", "taskDefinition": "plain", "x": 1}),
                                  400),
                                 (signer.sqs("GetQueueUrl", {"QueueName": "q"}), 200)):
                with case.Wire(aws.port) as wire:
                    wire.send(made)
                    self.assertEqual(wire.answer().status, status)
            self.assertEqual(aws.overview()["bugs"], [])


if __name__ == "__main__":
    unittest.main()
