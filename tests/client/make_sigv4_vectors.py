#!/usr/bin/python3
"""Makes tests/data/sigv4-vectors.jsonl: requests of many kinds and what Debian's botocore signs them with.

Usage: make_sigv4_vectors.py [--check]   (--check: compare with the file instead of writing it)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from botocore_sigv4 import Request, sign

FILE = Path(__file__).resolve().parent.parent / "data" / "sigv4-vectors.jsonl"

KEY = {"access_key_id": "AKIDEXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": None}
AT = 1795437892  # 2026-11-23T12:44:52Z
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////" + "aB3+/=" * 130 + "=="


def request(name: str, method: str = "POST", path: str = "/", query: str = "",
            headers: list[tuple[str, str]] | None = None, body: bytes = b"", host: str = "ecs.us-east-1.amazonaws.com",
            at: int = AT, region: str = "us-east-1", service: str = "ecs", **key: str) -> Request:
    """One request; what is not said is as plain as can be."""
    return {"name": name, "method": method, "path": path, "query": query,
            "headers": [["Host", host], *([n, v] for n, v in headers or [])], "body": body.hex(), "at": at,
            "region": region, "service": service, **KEY, **key}


def ecs(name: str, operation: str, body: Any, **more: Any) -> Request:
    """A request as the ECS client makes it."""
    text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return request(name, body=text, headers=[
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", f"AmazonEC2ContainerServiceV20141113.{operation}")], **more)


def sqs(name: str, operation: str, body: Any, **more: Any) -> Request:
    """A request as the SQS client makes it."""
    return request(name, body=json.dumps(body).encode(), service="sqs", headers=[
        ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", f"AmazonSQS.{operation}")],
        **{"host": "sqs.us-east-1.amazonaws.com", **more})


def kinds() -> list[Request]:
    """All requests."""
    listing = {"cluster": "prod", "family": "nightly", "desiredStatus": "RUNNING"}
    running = {"cluster": "prod", "taskDefinition": "nightly", "startedBy": "ecs-scheduler", "count": 10,
               "clientToken": "0123456789abcdef0123456789abcdef01234567"}
    form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
    sts = {"service": "sts", "host": "sts.eu-central-1.amazonaws.com", "region": "eu-central-1"}
    return [
        ecs("ListTasks", "ListTasks", listing),
        ecs("ListTasks, next page", "ListTasks", {**listing, "nextToken": "AAAA" * 64 + "=="}),
        ecs("RunTask", "RunTask", running),
        ecs("RunTask with a session token", "RunTask", running, token=TOKEN),
        ecs("RunTask with overrides in UTF-8", "RunTask", {**running, "overrides": {"containerOverrides": [
            {"name": "c", "environment": [{"name": "GREETING", "value": "grüß Gott, 世界 🌍"}]}]}}),
        ecs("RunTask of 8 KiB", "RunTask", {**running, "overrides": {"containerOverrides": [
            {"name": "c", "environment": [{"name": f"N{i}", "value": "v" * 70} for i in range(80)]}]}}),
        ecs("DescribeTasks of 100", "DescribeTasks", {"cluster": "prod", "tasks": [
            f"arn:aws:ecs:us-east-1:123456789012:task/prod/{i:032x}" for i in range(100)]}),
        ecs("ECS, empty object", "ListTasks", {}),
        ecs("ECS, empty body", "ListTasks", b""),
        ecs("ECS, body with NUL bytes", "ListTasks", bytes(range(256))),
        ecs("ECS, body of 16 KiB", "ListTasks", b"x" * (1 << 14)),
        ecs("ECS in Frankfurt", "ListTasks", listing, region="eu-central-1", host="ecs.eu-central-1.amazonaws.com"),
        ecs("ECS in China", "ListTasks", listing, region="cn-north-1", host="ecs.cn-north-1.amazonaws.com.cn"),
        ecs("ECS in GovCloud by FIPS", "ListTasks", listing, region="us-gov-west-1",
            host="ecs-fips.us-gov-west-1.amazonaws.com"),
        ecs("ECS at a port", "ListTasks", listing, host="127.0.0.1:40001"),
        ecs("ECS at an IPv6 address", "ListTasks", listing, host="[::1]:40001"),
        ecs("first second of 1970", "ListTasks", listing, at=0),
        ecs("last second of a day", "ListTasks", listing, at=1795478399),
        ecs("first second of a day", "ListTasks", listing, at=1795478400),
        ecs("29 February", "ListTasks", listing, at=1835438400),
        ecs("after 2038", "ListTasks", listing, at=4102444799),
        ecs("a secret of 1 character", "ListTasks", listing, secret="s"),
        ecs("a secret of 60 characters (the key's block is full)", "ListTasks", listing, secret="k" * 60),
        ecs("a secret of 61 characters (the key is hashed)", "ListTasks", listing, secret="k" * 61),
        ecs("a secret of 200 characters", "ListTasks", listing, secret="k/+=" * 50),
        ecs("a temporary access key", "ListTasks", listing, access_key_id="ASIAIOSFODNN7EXAMPLE", token="short"),
        sqs("GetQueueUrl", "GetQueueUrl", {"QueueName": "work"}),
        sqs("GetQueueUrl of a FIFO queue", "GetQueueUrl", {"QueueName": "work.fifo"}),
        sqs("GetQueueAttributes", "GetQueueAttributes", {
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/work",
            "AttributeNames": ["ApproximateNumberOfMessages"]}),
        sqs("SQS with a session token", "GetQueueUrl", {"QueueName": "work"}, token=TOKEN),
        request("STS AssumeRole", headers=form, body=b"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"
                b"%3A%3A123456789012%3Arole%2Fscheduler&RoleSessionName=ecs-scheduler%40host", **sts),
        request("STS GetCallerIdentity", headers=form, body=b"Action=GetCallerIdentity&Version=2011-06-15",
                token=TOKEN, **sts),
        request("GET without a body", "GET"),
        request("GET, query to be sorted", "GET", query="b=2&a=1&c=3"),
        request("GET, query sorted by value, too", "GET", query="a=2&a=10&a=1"),
        request("GET, one name begins as another", "GET", query="ab=1&a=2&a-b=3&a.b=4"),
        request("GET, name without a value", "GET", query="flag=&other=1"),
        request("GET, escapes in the query", "GET", query="q=a%20b%2Fc%3D%26&%C3%BC=1&t=~"),
        request("GET, upper case before lower", "GET", query="a=1&B=2&A=3&b=4"),
        request("GET, dots in the path", "GET", path="/a/./b/../c"),
        request("GET, dots up to the root", "GET", path="/../../a/.."),
        request("GET, slash at the end", "GET", path="/a/b/"),
        request("GET, many slashes", "GET", path="//a///b//"),
        request("GET, escapes in the path", "GET", path="/a%20b/%C3%A4/%2F"),
        request("GET, odd characters in the path", "GET", path="/a:b@c!d$e'f(g)h*i,j;k=l~m_n-o.p"),
        request("PUT as S3 names things", "PUT", path="/bucket/key%20name", service="s3", body=b"data"),
        request("DELETE", "DELETE", path="/v1/things/17"),
        request("HEAD", "HEAD", path="/v1/things/17"),
        request("header with blanks", headers=[("X-Amz-Meta", "  a   b\tc  ")]),
        request("header without a value", headers=[("X-Amz-Meta", "")]),
        request("header given twice", headers=[("X-Amz-Meta", "b"), ("X-Amz-Meta", "a"), ("x-amz-meta", " c ")]),
        request("header names that begin alike", headers=[("X-Amz-Meta-B", "1"), ("X-Amz-Meta", "2"),
                                                          ("X-Amz-Meta-A-B", "3"), ("X-Amz-Meta-A", "4")]),
        request("header names in any case", headers=[("CONTENT-TYPE", "text/plain"), ("x-AMZ-target", "T.Op")]),
        request("headers that are not signed", headers=[("User-Agent", "ecs-scheduler/0.1"), ("Expect", "100-continue"),
                                                       ("X-Amzn-Trace-Id", "Root=1-2-3")]),
        request("header value with commas and quotes", headers=[("X-Amz-Meta", 'a, "b  c", d;e=f')]),
        request("30 headers", headers=[(f"X-Amz-Meta-{i * 7 % 30}", f"value {i}") for i in range(30)]),
        request("a service and region of another shape", service="execute-api", region="ap-southeast-7",
                host="abc123.execute-api.ap-southeast-7.amazonaws.com", path="/prod/jobs", query="count=10&skip=0"),
    ]


def main() -> int:
    lines = [json.dumps({**each, **sign(each)}, ensure_ascii=False) for each in kinds()]
    text = "\n".join(lines) + "\n"
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text, encoding="utf-8")
        print(f"{len(lines)} requests")
        return 0
    if text == FILE.read_text(encoding="utf-8"):
        print(f"{len(lines)} requests: as in {FILE.name}")
        return 0
    print(f"{FILE} is not what botocore signs today: run {Path(__file__).name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
