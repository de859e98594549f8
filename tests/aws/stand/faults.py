"""Faults on demand: rules that say which calls fail, how, and how often; and token buckets that throttle.

A rule is a JSON object. Which calls: operation ("*" or a list too), match (members of the body that must be
equal), skip (let so many pass first), count (then so many), probability. What: kind and its details,
see KINDS. Whether the call takes effect all the same: effect (each kind has its usual answer to that).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stand.clock import Clock
from stand.errors import AwsError
from stand.wire import Reply

# kind -> (whether the call takes effect unless the rule says otherwise, the details it takes)
KINDS: dict[str, tuple[bool, set[str]]] = {
    "throttle": (False, {"error", "status"}),
    "error": (False, {"error", "message", "status", "members"}),
    "access_denied": (False, set()),
    "expired_token": (False, set()),
    "unknown_token": (False, set()),
    "bad_signature": (False, set()),
    "skew": (False, {"offset_s"}),
    "status": (False, {"status", "body", "content_type", "retry_after_s"}),
    "delay": (False, {"delay_s"}),
    "hang": (False, set()),
    "close": (False, set()),
    "reset": (False, set()),
    "truncate": (True, {"bytes"}),
    "empty": (True, set()),
    "garbage": (True, {"body"}),
    "raw": (True, {"body"}),
    "oversized": (True, {"bytes"}),
    "slow": (True, {"pause_s"}),
    "failures": (True, {"failed", "reason", "detail", "arn"}),
}
_COMMON = {"operation", "kind", "match", "skip", "count", "probability", "seed", "effect", "id"}

_HTML = "<html>\n<head><title>{0}</title></head>\n<body><center><h1>{0}</h1></center></body>\n</html>\n"


class BadRule(Exception):
    """A rule that makes no sense."""


class Rule:
    """One fault rule with its counters."""

    def __init__(self, number: int, given: dict[str, Any]) -> None:
        kind = given.get("kind")
        if kind not in KINDS:
            raise BadRule(f"kind is {kind!r}, not one of {', '.join(KINDS)}")
        unknown = set(given) - _COMMON - KINDS[kind][1]
        if unknown:
            raise BadRule(f"kind {kind} takes no {', '.join(sorted(unknown))}; it takes "
                          f"{', '.join(sorted(KINDS[kind][1])) or 'no details'}")
        if kind == "error" and not given.get("error"):
            raise BadRule("kind error needs error, the name of it")
        operation = given.get("operation", "*")
        self.number = number
        self.given = given
        self.kind: str = kind
        named = {operation} if isinstance(operation, str) else set(operation)
        self.operations = None if "*" in named else named
        self.match: dict[str, Any] = given.get("match") or {}
        self.skip: int = given.get("skip") or 0
        self.left: int | None = given.get("count")
        self.probability: float = given.get("probability", 1.0)
        self.random = random.Random(given.get("seed", 0))
        self.effect: bool = given.get("effect", KINDS[kind][0])
        self.seen = 0
        self.hits = 0

    def takes(self, operation: str, params: dict[str, Any]) -> bool:
        """Whether this call is one of the rule's, counting it."""
        if self.operations is not None and operation not in self.operations:
            return False
        if self.left is not None and self.left <= 0:
            return False
        if any(params.get(name) != value for name, value in self.match.items()):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.probability < 1.0 and self.random.random() >= self.probability):
            return False
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        return True

    def detail(self, name: str, otherwise: Any) -> Any:
        """A detail of the rule."""
        value = self.given.get(name)
        return otherwise if value is None else value

    def show(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.given, "id": self.number, "seen": self.seen, "hits": self.hits, "left": self.left}

    def error(self) -> AwsError | None:
        """The error that the rule answers with, if it is of such a kind."""
        if self.kind == "throttle":
            return AwsError(self.detail("error", "ThrottlingException"), "Rate exceeded",
                            self.detail("status", 400))
        if self.kind == "error":
            return AwsError(self.given["error"],
                            self.detail("message", f"{self.given['error']} by order of the test"),
                            self.detail("status", 400), **self.detail("members", {}))
        made = _FIXED.get(self.kind)
        return AwsError(*made) if made else None

    def spoil(self, reply: Reply) -> Reply:
        """The answer as the rule leaves it."""
        if self.kind in ("hang", "close", "reset"):
            reply.mode = self.kind
        elif self.kind == "truncate":
            reply.mode = "cut"
            reply.cut_at = min(self.detail("bytes", len(reply.body) // 2), max(len(reply.body) - 1, 0))
        elif self.kind == "slow":
            reply.mode = "drip"
            reply.pause_s = self.detail("pause_s", 0.05)
        elif self.kind == "raw":
            reply.mode = "raw"
            reply.body = self.detail("body", "\0\1\2 this is no HTTP\r\n\r\n").encode("latin-1")
        elif self.kind == "empty":
            reply.body = b""
        elif self.kind == "garbage":
            reply.body = self.detail("body", "{\"tasks\": [{\"taskArn\": ]]] \xff").encode("latin-1")
        elif self.kind == "oversized":
            reply.body = reply.body + b" " * max(self.detail("bytes", 64 << 20) - len(reply.body), 0)
        elif self.kind == "status":
            reply = self._status()
        return reply

    def _status(self) -> Reply:
        status = self.detail("status", 503)
        body = self.detail("body", _HTML.format(f"{status} Service Temporarily Unavailable"))
        after = self.given.get("retry_after_s")
        headers = [] if after is None else [("Retry-After", str(after))]
        return Reply(status, body.encode("utf-8"), self.detail("content_type", "text/html"), headers)


_FIXED = {
    "access_denied": ("AccessDeniedException",
                      "User: arn:aws:iam::123456789012:user/tester is not authorized to "
                      "perform this operation by order of the test"),
    "expired_token": ("ExpiredTokenException", "The security token included in the request is expired"),
    "unknown_token": ("UnrecognizedClientException",
                      "The security token included in the request is invalid."),
    "bad_signature": ("InvalidSignatureException",
                      "The request signature we calculated does not match the signature you provided. Check "
                      "your AWS Secret Access Key and signing method."),
    "skew": ("InvalidSignatureException",
             "Signature expired: 20200101T000000Z is now earlier than 20200101T001000Z "
             "(20200101T001500Z - 5 min.)"),
}


class Faults:
    """All rules, in the order they were given: a call's delays add up, of the others the first counts."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._serial = itertools.count(1)

    def add(self, given: dict[str, Any]) -> Rule:
        """Take in a rule; BadRule if it makes no sense."""
        rule = Rule(next(self._serial), given)
        self.rules.append(rule)
        return rule

    def remove(self, number: int | None) -> int:
        """Drop one rule or all; returns how many."""
        before = len(self.rules)
        self.rules = [] if number is None else [rule for rule in self.rules if rule.number != number]
        return before - len(self.rules)

    def choose(self, operation: str, params: dict[str, Any]) -> tuple[list[Rule], Rule | None]:
        """The delays and the one other rule for a call."""
        delays: list[Rule] = []
        chosen = None
        for rule in self.rules:
            if rule.kind != "delay" and chosen is not None:
                continue
            if rule.takes(operation, params):
                if rule.kind == "delay":
                    delays.append(rule)
                else:
                    chosen = rule
        return delays, chosen


@dataclass
class Bucket:
    """A token bucket over some operations."""

    operations: set[str]
    rate: float  # tokens a second
    burst: float
    left: float
    at: float
    fargate_only: bool = False
    refused: int = 0

    def take(self, age: float) -> bool:
        """Take a token if there is one."""
        self.left = min(self.burst, self.left + (age - self.at) * self.rate)
        self.at = age
        if self.left < 1.0:
            self.refused += 1
            return False
        self.left -= 1.0
        return True


class Buckets:
    """The throttle of the account. None of them unless a test wants it."""

    # What AWS documents for an account and region.
    AWS = [
        {"operations": ["RunTask", "StopTask"], "rate": 40, "burst": 100},
        {"operations": ["RunTask"], "rate": 20, "burst": 20, "fargate_only": True},
        {"operations": ["DescribeTasks", "ListTasks"], "rate": 20, "burst": 100},
        {"operations": ["CreateCluster", "DescribeClusters", "ListClusters"], "rate": 20, "burst": 50},
        {"operations": ["DescribeTaskDefinition"], "rate": 20, "burst": 50},
    ]

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.buckets: list[Bucket] = []

    def set(self, given: Iterable[dict[str, Any]]) -> None:
        """Put these buckets in place of what was there, all full."""
        age = self.clock.age()
        self.buckets = [Bucket(set(item["operations"]), item["rate"], item["burst"], item["burst"], age,
                               item.get("fargate_only", False)) for item in given]

    def admit(self, operation: str, params: dict[str, Any]) -> bool:
        """Whether a call may pass; it takes a token of each of its buckets."""
        if not self.buckets:
            return True
        age = self.clock.age()
        fargate = params.get("launchType") == "FARGATE"
        mine = [bucket for bucket in self.buckets
                if operation in bucket.operations and (fargate or not bucket.fargate_only)]
        return all([bucket.take(age) for bucket in mine])
