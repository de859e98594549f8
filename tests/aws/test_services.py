#!/usr/bin/python3
"""SQS in both protocols, STS, IMDSv2, the container endpoint, also through boto3's credential providers."""

from __future__ import annotations

import json
import os
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import boto3
import botocore.session

import case
from case import Answer

COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed"]
ROLE = "arn:aws:iam::123456789012:role/path/worker"


class Sqs(case.Case):
    """Debian's boto3 speaks the query protocol, the raw client JSON 1.0: both see the same queues."""

    def call(self, operation: str, body: Any) -> Answer:
        return self.exchange(self.signer.sqs(operation, body))

    def url(self, name: str = "q") -> str:
        return f"{self.aws.url}/123456789012/{name}"

    def counts(self) -> list[str]:
        attributes = self.call("GetQueueAttributes", {"QueueUrl": self.url(), "AttributeNames": COUNTS}).json
        return [attributes["Attributes"][name] for name in COUNTS]

    def test_counts_are_strings(self) -> None:
        self.aws.queue("q", visible=250, in_flight=3, delayed=2)
        self.assertEqual(self.counts(), ["250", "3", "2"])
        shown = self.client("sqs").get_queue_attributes(QueueUrl=self.url(),
                                                        AttributeNames=["All"])["Attributes"]
        self.assertEqual([shown[name] for name in COUNTS], ["250", "3", "2"])
        self.assertEqual(shown["QueueArn"], "arn:aws:sqs:us-east-1:123456789012:q")

    def test_no_attributes_unless_asked_for(self) -> None:
        self.assertEqual(self.call("GetQueueAttributes", {"QueueUrl": self.url()}).json, {})
        only = self.call("GetQueueAttributes", {"QueueUrl": self.url(), "AttributeNames": COUNTS[:1]}).json
        self.assertEqual(only, {"Attributes": {COUNTS[0]: "0"}})

    def test_queue_url(self) -> None:
        self.assertEqual(self.call("GetQueueUrl", {"QueueName": "q"}).json, {"QueueUrl": self.url()})
        self.assertEqual(self.client("sqs").get_queue_url(QueueName="q")["QueueUrl"], self.url())
        self.aws.queue("q", account="210987654321", visible=7)
        url = self.call("GetQueueUrl",
                        {"QueueName": "q", "QueueOwnerAWSAccountId": "210987654321"}).json["QueueUrl"]
        shown = self.call("GetQueueAttributes",
                          {"QueueUrl": url, "AttributeNames": ["All"]}).json["Attributes"]
        self.assertEqual(shown[COUNTS[0]], "7")

    def test_errors(self) -> None:
        for operation, body, name in (
                ("GetQueueUrl", {"QueueName": "nope"}, "QueueDoesNotExist"),
                ("GetQueueAttributes", {"QueueUrl": self.url("nope")}, "QueueDoesNotExist"),
                ("GetQueueAttributes", {"QueueUrl": "nonsense"}, "QueueDoesNotExist"),
                ("GetQueueAttributes", {"QueueUrl": self.url(), "AttributeNames": ["Color"]},
                 "InvalidAttributeName"),
                ("GetQueueUrl", {}, "InvalidParameterValue"),
                ("GetQueueUrl", {"QueueName": "q", "x": 1}, "SerializationException"),
                ("GetQueueUrl", {"QueueName": 1}, "SerializationException"),
                ("ReceiveMessage", {"QueueUrl": self.url(), "MaxNumberOfMessages": 11},
                 "InvalidParameterValue"),
                ("ReceiveMessage", {"QueueUrl": self.url(), "WaitTimeSeconds": 21}, "InvalidParameterValue"),
                ("CreateQueue", {"QueueName": "a b"}, "InvalidParameterValue"),
                ("PurgeQueue", {"QueueUrl": self.url()}, "UnknownOperationException")):
            with self.subTest(operation=operation, body=body):
                answer = self.call(operation, body)
                self.assertEqual((answer.status, answer.error), (400, name), answer.raw)
        answer = self.call("GetQueueUrl", {"QueueName": "nope"})
        self.assertEqual(answer.json["__type"], "com.amazonaws.sqs#QueueDoesNotExist")
        self.assertEqual(answer.headers["x-amzn-query-error"],
                         "AWS.SimpleQueueService.NonExistentQueue;Sender")
        self.refused("AWS.SimpleQueueService.NonExistentQueue", self.client("sqs").get_queue_url,
                     QueueName="nope")

    def test_deleted_queue(self) -> None:
        self.aws.queue("gone")
        self.aws.delete_queue("gone")
        self.assertEqual(self.call("GetQueueUrl", {"QueueName": "gone"}).error, "QueueDoesNotExist")

    def test_messages(self) -> None:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "10"})["QueueUrl"]
        self.addCleanup(self.aws.delete_queue, "work")
        for text in ("a & <b>", "zwei ü", "c"):
            sqs.send_message(QueueUrl=url, MessageBody=text)
        sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
        taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
        self.assertEqual([message["Body"] for message in taken], ["a & <b>", "zwei ü"])
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
        self.assertEqual([counts[name] for name in COUNTS], ["1", "2", "1"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[0]["ReceiptHandle"])
        self.refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url, ReceiptHandle="nonsense")
        self.aws.clock(advance_s=11)
        again = self.call("ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}).json["Messages"]
        self.assertEqual([message["Body"] for message in again], ["zwei ü", "c"])
        self.assertEqual(self.call("DeleteMessage",
                                   {"QueueUrl": url, "ReceiptHandle": again[0]["ReceiptHandle"]}).json, {})
        self.refused("QueueAlreadyExists", sqs.create_queue, QueueName="work",
                     Attributes={"VisibilityTimeout": "11"})

    def test_long_poll_ends_with_the_message(self) -> None:
        wire = self.wire()
        wire.send(self.signer.sqs("ReceiveMessage", {"QueueUrl": self.url(), "WaitTimeSeconds": 20}))
        self.aws.wait_calls(1, "ReceiveMessage")
        start = time.monotonic()
        self.call("SendMessage", {"QueueUrl": self.url(), "MessageBody": "x"})
        self.assertEqual(wire.answer().json["Messages"][0]["Body"], "x")
        self.assertLess(time.monotonic() - start, 15)

    def test_long_poll_without_one(self) -> None:
        self.assertEqual(self.call("ReceiveMessage", {"QueueUrl": self.url(), "WaitTimeSeconds": 1}).json, {})


class Sts(case.Case):
    """Temporary keys that then work for ECS."""

    def use(self, answer: dict[str, Any]) -> Any:
        keys = answer["Credentials"]
        return self.client("ecs", aws_access_key_id=keys["AccessKeyId"],
                           aws_secret_access_key=keys["SecretAccessKey"],
                           aws_session_token=keys["SessionToken"])

    def test_caller(self) -> None:
        self.assertEqual(self.client("sts").get_caller_identity()["Arn"],
                         "arn:aws:iam::123456789012:user/tester")

    def test_assume_role(self) -> None:
        self.aws.post("roles", {"arn": ROLE, "externalId": "x=1"})
        sts = self.client("sts")
        answer = sts.assume_role(RoleArn=ROLE, RoleSessionName="me@host", ExternalId="x=1",
                                 DurationSeconds=900)
        self.assertEqual(answer["AssumedRoleUser"]["Arn"],
                         "arn:aws:sts::123456789012:assumed-role/worker/me@host")
        self.assertAlmostEqual(answer["Credentials"]["Expiration"].timestamp() - time.time(), 900, delta=30)
        self.use(answer).list_tasks(cluster="c")

    def test_expired(self) -> None:
        self.aws.post("roles", {"arn": ROLE, "life_s": 0})
        answer = self.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="me")
        self.refused("ExpiredTokenException", self.use(answer).list_tasks, cluster="c")

    def test_denied_role(self) -> None:
        self.aws.post("roles", {"arn": ROLE, "denied": ["ecs:RunTask"]})
        ecs = self.use(self.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="me"))
        self.refused("AccessDeniedException", ecs.run_task, cluster="c", taskDefinition="plain")

    def test_refusals(self) -> None:
        self.aws.post("roles", {"arn": ROLE, "externalId": "xx"})
        sts = self.client("sts")
        good = {"RoleArn": ROLE, "RoleSessionName": "me", "ExternalId": "xx"}
        for change, name in (({"RoleArn": ROLE + "2"}, "AccessDenied"),
                             ({"ExternalId": "yy"}, "AccessDenied"),
                             ({"RoleArn": "arn:aws:iam::1:role/some-thing"}, "ValidationError"),
                             ({"RoleSessionName": "a b"}, "ValidationError"),
                             ({"DurationSeconds": 1000000}, "ValidationError")):
            with self.subTest(change=change):
                self.refused(name, sts.assume_role, **{**good, **change})

    def test_web_identity_is_unsigned(self) -> None:
        self.aws.post("roles", {"arn": ROLE, "webTokens": ["right-token"]})
        sts = self.client("sts", aws_access_key_id="AKIDNOBODY")
        answer = sts.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="me",
                                                   WebIdentityToken="right-token")
        self.use(answer).list_tasks(cluster="c")
        self.refused("InvalidIdentityToken", sts.assume_role_with_web_identity, RoleArn=ROLE,
                     RoleSessionName="me",
                     WebIdentityToken="wrong-token")


class Providers(case.Case):
    """boto3's own chain gets its keys here."""

    def resolve(self, **environment: str) -> Any:
        """An ECS client whose keys come from whatever the environment says."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with TemporaryDirectory() as folder:
            config = Path(folder, "config")
            config.write_text(environment.pop("config", ""))
            kept.update(AWS_CONFIG_FILE=str(config), AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                        AWS_DEFAULT_REGION="us-east-1", **environment)
            with mock.patch.dict(os.environ, kept, clear=True):
                session = boto3.session.Session(botocore_session=botocore.session.Session())
                client = session.client("ecs", endpoint_url=self.aws.url)
                self.addCleanup(client.close)
                client.list_tasks(cluster="c")
        call = self.aws.calls("ListTasks")[-1]
        self.assertEqual((call["signature"], call["status"]), ("ok", 200))
        self.assertTrue(call["key_id"].startswith("ASIA"))
        return client

    def test_instance_metadata(self) -> None:
        self.resolve(AWS_EC2_METADATA_SERVICE_ENDPOINT=self.aws.url + "/")
        self.assertEqual([call["operation"] for call in self.aws.calls()],
                         ["IMDS:Token", "IMDS:Get", "IMDS:Credentials", "ListTasks"])

    def test_container(self) -> None:
        self.aws.post("metadata", {"authorization": "secret-token"})
        for path in ("/v1/credentials", "/v2/credentials/0123-4567"):
            self.resolve(AWS_CONTAINER_CREDENTIALS_FULL_URI=self.aws.url + path,
                         AWS_CONTAINER_AUTHORIZATION_TOKEN="secret-token")


class Metadata(case.Case):
    """The metadata endpoints by hand."""

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name.replace('_', '-')}: {value}"
                                                           for name, value in headers.items()), "", ""]
        return self.exchange("\r\n".join(lines).encode())

    def token(self, ttl: str = "21600") -> str:
        answer = self.ask("PUT", "/latest/api/token", X_aws_ec2_metadata_token_ttl_seconds=ttl)
        self.assertEqual(answer.status, 200)
        return answer.body.decode()

    def get(self, path: str, token: str) -> Answer:
        return self.ask("GET", path, X_aws_ec2_metadata_token=token)

    def test_version_2_only(self) -> None:
        for path in ("/latest/meta-data/iam/security-credentials/", "/latest/meta-data/placement/region"):
            self.assertEqual(self.ask("GET", path).status, 401)
            self.assertEqual(self.get(path, "nonsense").status, 401)

    def test_token(self) -> None:
        for ttl in ("0", "21601", "x", ""):
            self.assertEqual(self.ask("PUT", "/latest/api/token",
                                      X_aws_ec2_metadata_token_ttl_seconds=ttl).status, 400)
        self.assertEqual(self.ask("PUT", "/latest/api/token").status, 400)
        self.assertEqual(self.ask("GET", "/latest/api/token").status, 405)
        forwarded = self.ask("PUT", "/latest/api/token", X_aws_ec2_metadata_token_ttl_seconds="9",
                             X_Forwarded_For="a")
        self.assertEqual(forwarded.status, 403)

    def test_token_expires(self) -> None:
        token = self.token("60")
        self.assertEqual(self.get("/latest/meta-data/placement/region", token).body, b"us-east-1")
        self.aws.clock(advance_s=61)
        self.assertEqual(self.get("/latest/meta-data/placement/region", token).status, 401)

    def test_tokens_forgotten(self) -> None:
        token = self.token()
        self.aws.post("metadata", {"forget_tokens": True})
        self.assertEqual(self.get("/latest/meta-data/placement/region", token).status, 401)

    def test_roles(self) -> None:
        token, roles = self.token(), "/latest/meta-data/iam/security-credentials/"
        self.assertEqual(self.get(roles, token).body, b"instance-role")
        keys = self.get(roles + "instance-role", token).json
        self.assertEqual(keys["Code"], "Success")
        self.assertEqual(self.get(roles + "instance-role", token).json["AccessKeyId"], keys["AccessKeyId"])
        self.aws.post("metadata", {"rotate": True})
        self.assertNotEqual(self.get(roles + "instance-role", token).json["AccessKeyId"], keys["AccessKeyId"])
        self.assertEqual(self.get(roles + "other", token).status, 404)
        self.aws.post("metadata", {"role": None})
        self.assertEqual(self.get(roles, token).status, 404)

    def test_short_lived_keys_are_renewed_before_they_expire(self) -> None:
        self.aws.post("metadata", {"life_s": 15})
        first = self.ask("GET", "/v1/credentials").json
        self.assertEqual(self.ask("GET", "/v1/credentials").json, first)
        self.aws.clock(offset_s=13)
        self.assertNotEqual(self.ask("GET", "/v1/credentials").json["AccessKeyId"], first["AccessKeyId"])

    def test_container_authorization(self) -> None:
        self.aws.post("metadata", {"authorization": "right"})
        self.assertEqual(self.ask("GET", "/v1/credentials", Authorization="wrong").status, 401)
        self.assertEqual(self.ask("GET", "/v1/credentials").status, 401)
        self.assertEqual(self.ask("POST", "/v1/credentials", Authorization="right").status, 405)
        self.assertEqual(set(self.ask("GET", "/v1/credentials", Authorization="right").json),
                         {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"})

    def test_faults(self) -> None:
        self.aws.fault("IMDS:Token", "status", status=403, count=1)
        self.assertEqual(self.ask("PUT", "/latest/api/token",
                                  X_aws_ec2_metadata_token_ttl_seconds="60").status, 403)
        self.aws.fault("Container:Credentials", "error", error="InternalServerException", status=500, count=1)
        self.assertEqual(self.ask("GET", "/v1/credentials").json["Code"], "InternalServerException")
        token = self.token()
        self.aws.fault("IMDS:Credentials", "garbage", body=json.dumps({"Code": "AssumeRoleUnauthorizedAccess",
                                                                       "Message": "no"}))
        answer = self.get("/latest/meta-data/iam/security-credentials/instance-role", token)
        self.assertEqual((answer.status, answer.json["Code"]), (200, "AssumeRoleUnauthorizedAccess"))


if __name__ == "__main__":
    unittest.main()
