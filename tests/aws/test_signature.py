#!/usr/bin/python3
"""SigV4: each way of being wrong is refused by its name, what is right passes; botocore's and by hand."""

from __future__ import annotations

import json
import os
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import case
from case import Answer
from signer import ECS_TARGET
from stand import sigv4, wire
from stand.clock import Clock
from stand.errors import AwsError
from stand.keys import AccessKey, KeyRing

LIST = {"cluster": "c"}
ZEROS = "0" * 64


# The folder of AWS's published suite, which is no part of the project.
VECTORS = Path(os.environ["ECSS_SIGV4_SUITE"]) if os.environ.get("ECSS_SIGV4_SUITE") else None


class Good(case.Case):
    """What has to pass."""

    def test_boto3_and_by_hand(self) -> None:
        self.client("ecs").list_tasks(cluster="c")
        self.assertEqual(self.ecs_call("ListTasks", LIST).status, 200)
        self.assertEqual([call["signature"] for call in self.aws.calls()], ["ok", "ok"])

    def test_temporary_keys(self) -> None:
        self.aws.post("keys", {"accessKeyId": "ASIATEMP", "secret": "s", "token": "tok/en==", "life_s": 60})
        client = self.client("ecs", aws_access_key_id="ASIATEMP", aws_secret_access_key="s",
                             aws_session_token="tok/en==")
        client.list_tasks(cluster="c")

    def test_more_headers_signed_than_needed(self) -> None:
        answer = self.exchange(self.signer.request("ecs", [
            ("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", f"{ECS_TARGET}.ListTasks"),
            ("User-Agent", "a b"), ("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A-B", "2")], b'{"cluster":"c"}'))
        self.assertEqual(answer.status, 200, answer.raw)

    def test_content_type_need_not_be_signed(self) -> None:
        self.assertEqual(self.ecs_call("ListTasks", LIST, leave_out=("content-type",)).status, 200)

    def test_four_minutes_off(self) -> None:
        for offset in (-280, 280):
            self.assertEqual(self.ecs_call("ListTasks", LIST, now=time.time() + offset).status, 200)


class Bad(case.Case):
    """What has to be refused, and how."""

    def check(self, answer: Answer, name: str, words: str) -> None:
        self.assertEqual((answer.status, answer.error), (400, name), answer.raw)
        self.assertIn(words, answer.message)
        call = self.aws.calls()[-1]
        self.assertFalse(call["effect"])
        self.assertEqual(call["error"], name)
        self.assertIn(name, call["signature"])

    def test_table(self) -> None:
        now = time.time()
        invalid, incomplete = "InvalidSignatureException", "IncompleteSignatureException"
        table = [
            ({"secret": "wrong"}, invalid, "does not match the signature you provided"),
            ({"signature": "0" * 64}, invalid, "does not match the signature you provided"),
            ({"sent_body": b'{"cluster":"d"}'}, invalid, "does not match the signature you provided"),
            ({"key_id": "AKIDUNKNOWN"}, "UnrecognizedClientException",
             "security token included in the request is inv"),
            ({"scope": {"region": "eu-west-1"}}, invalid, "scoped to a valid region, not 'eu-west-1'"),
            ({"scope": {"service": "sqs"}}, invalid, "scoped to correct service: 'ecs'"),
            ({"scope": {"date": "20200101"}}, invalid, "Date in Credential scope does not match"),
            ({"scope": {"end": "aws3_request"}}, invalid, "valid terminator"),
            ({"scope": {"region": ""}}, incomplete, "exactly 5 slash-delimited elements"),
            ({"scope": {"region": "us/east"}}, incomplete, "exactly 5 slash-delimited elements"),
            ({"now": now - 400}, invalid, "Signature expired"),
            ({"now": now + 400}, invalid, "Signature not yet current"),
            ({"date": "2026-01-01T00:00:00Z", "scope": {"date": "20260101"}}, incomplete, "basic format"),
            ({"date": "20261340T000000Z"}, incomplete, "basic format"),
            ({"leave_out": ("host",)}, invalid, "'Host' or ':authority' must be a 'SignedHeader'"),
            ({"leave_out": ("x-amz-date",)}, invalid, "'x-amz-date' was sent, but is not in SignedHeaders"),
            ({"leave_out": ("x-amz-target",)}, invalid,
             "'x-amz-target' was sent, but is not in SignedHeaders"),
            ({"also_sign": ("expect",)}, incomplete, "names 'expect', which was not sent"),
            ({"names": "x-amz-target;host;x-amz-date;content-type"}, incomplete, "not lower case, sorted"),
            ({"names": "content-type;host;host;x-amz-date;x-amz-target"}, incomplete, "without repeats"),
            ({"names": "content-type;Host;x-amz-date;x-amz-target"}, incomplete, "not lower case"),
            ({"authorization": "AWS4-HMAC-SHA512 Credential=a"}, incomplete, "Unsupported AWS 'algorithm'"),
            ({"authorization": "Basic Zm9vOmJhcg=="}, incomplete, "Unsupported AWS 'algorithm'"),
            ({"authorization": "AWS4-HMAC-SHA256 Credential"}, incomplete, "not a valid key=value pair"),
            ({"authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, Signature={ZEROS}"},
             incomplete, "requires 'SignedHeaders' parameter"),
            ({"signature": "XYZ"}, incomplete, "not 64 lower case hexadecimal digits"),
            ({"authorization": ""}, "MissingAuthenticationTokenException", "Missing Authentication Token"),
            ({"unsigned_headers": [("X-Amz-Date", "20260101T000000Z")]}, incomplete,
             "'x-amz-date' was sent 2 times"),
            ({"unsigned_headers": [("Host", "elsewhere")]}, incomplete, "'host' was sent 2 times"),
            ({"unsigned_headers": [("Content-Type", "text/plain")]}, incomplete,
             "'content-type' was sent 2 times"),
            ({"unsigned_headers": [("X-Amz-Security-Token", "t")]}, invalid,
             "'x-amz-security-token' was sent, but"),
            ({"unsigned_headers": [("Authorization", "x")]}, incomplete, "'authorization' was sent 2 times"),
        ]
        for wrong, name, words in table:
            with self.subTest(wrong=wrong):
                self.check(self.ecs_call("ListTasks", LIST, **wrong), name, words)

    def test_payload_hash_header(self) -> None:
        headers = [("Content-Type", "application/x-amz-json-1.1"),
                   ("X-Amz-Target", f"{ECS_TARGET}.ListTasks"),
                   ("X-Amz-Content-Sha256", "0" * 64)]
        self.check(self.exchange(self.signer.request("ecs", headers, b"{}")), "InvalidSignatureException",
                   "'x-amz-content-sha256' header does not match")

    def test_tokens(self) -> None:
        self.aws.post("keys", [{"accessKeyId": "ASIATEMP", "secret": "s", "token": "right", "life_s": 60},
                               {"accessKeyId": "ASIAOLD", "secret": "s", "token": "right", "life_s": -1}])
        unknown, expired = "UnrecognizedClientException", "ExpiredTokenException"
        for key_id, token, name in (("ASIATEMP", "wrong", unknown), ("ASIATEMP", None, unknown),
                                    (self.aws.access_key, "right", unknown), ("ASIAOLD", "right", expired)):
            with self.subTest(key=key_id, token=token):
                self.signer.token = token
                secret = self.aws.secret if key_id == self.aws.access_key else "s"
                answer = self.ecs_call("ListTasks", LIST, key_id=key_id, secret=secret)
                self.check(answer, name, "The security token included in the request is")

    def test_skew_of_the_stand_in(self) -> None:
        self.aws.clock(offset_s=3600)
        answer = self.ecs_call("ListTasks", LIST)
        self.check(answer, "InvalidSignatureException", "Signature expired")
        self.assertEqual(self.ecs_call("ListTasks", LIST, now=time.time() + 3600).status, 200)
        there = time.mktime(time.strptime(answer.headers["date"],
                                          "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
        self.assertAlmostEqual(there - time.time(), 3600, delta=30)

    def test_every_bit_of_the_signature_counts(self) -> None:
        right = self.signer.ecs("ListTasks", LIST)
        start = right.index(b"Signature=") + len(b"Signature=")
        for at in range(start, start + 64):
            flipped = bytearray(right)
            flipped[at] = ord("1") if flipped[at] == ord("0") else ord("0")
            self.assertEqual(self.exchange(bytes(flipped)).error, "InvalidSignatureException")

    def test_query_protocol_has_the_old_names(self) -> None:
        self.refused("SignatureDoesNotMatch",
                     self.client("sts", aws_secret_access_key="wrong").get_caller_identity)
        error = self.refused("InvalidClientTokenId",
                             self.client("sts", aws_access_key_id="AKIDX").get_caller_identity)
        self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 403)


@unittest.skipIf(VECTORS is None, "AWS's published suite is not there; set ECSS_SIGV4_SUITE to its folder")
class Vectors(unittest.TestCase):
    """AWS's published suite, where it is at hand: the verifier takes each and refuses it when changed."""

    def test_all(self) -> None:
        done = 0
        for folder in sorted(VECTORS.iterdir()):
            context = json.loads((folder / "context.json").read_text())
            # Not S3's way of signing paths, nor tokens that are not signed.
            if context["normalize"] and not context.get("omit_session_token"):
                with self.subTest(folder.name):
                    self.verify(folder, context)
                done += 1
        self.assertGreaterEqual(done, 30)

    def test_unsigned_token(self) -> None:
        with self.assertRaises(AwsError) as caught:
            folder = VECTORS / "post-sts-header-after"
            self.verify(folder, json.loads((folder / "context.json").read_text()))
        self.assertIn("'x-amz-security-token' was sent, but is not in SignedHeaders",
                      caught.exception.message)

    def verify(self, folder: Path, context: dict[str, Any]) -> None:
        keys = context["credentials"]
        clock = Clock()
        signed_at = datetime.strptime(context["timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        clock.now = signed_at.timestamp  # type: ignore[method-assign]
        ring = KeyRing(AccessKey(keys["access_key_id"], keys["secret_access_key"], keys.get("token")))
        verifier = sigv4.Verifier(ring, context["region"], clock)
        text = (folder / "header-signed-request.txt").read_bytes().replace(b"\r\n", b"\n")
        request = _read_vector(text)
        verifier.verify(request, context["service"])
        request.body += b" "
        with self.assertRaises(AwsError):
            verifier.verify(request, context["service"])


def _read_vector(text: bytes) -> wire.Request:
    head, _, body = text.partition(b"\n\n")
    lines = head.split(b"\n")
    method, target = lines[0].rsplit(b" ", 1)[0].split(b" ", 1)
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line[:1] in b" \t" and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + line.decode("latin-1"))
        else:
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value))
    request = wire.Request(method.decode(), target.decode("latin-1"), headers)
    request.body = body
    return request


if __name__ == "__main__":
    unittest.main()
