"""Where daemons on AWS find temporary keys: IMDS (version 2 only) and the container endpoint.

Both are reached by path on the stand-in's own port; clients are pointed here by
AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_CONTAINER_CREDENTIALS_FULL_URI.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from stand.clock import Clock
from stand.keys import AccessKey, KeyRing
from stand.sts import iso
from stand.wire import Reply, Request

OPERATIONS = ("IMDS:Token", "IMDS:Get", "IMDS:Credentials", "Container:Credentials")

_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "x-aws-ec2-metadata-token"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_CONTAINER = ("/v1/credentials", "/v2/credentials/")


class Metadata:
    """What the two endpoints know; all of it can be set by a test."""

    def __init__(self, region: str, account: str, clock: Clock, keys: KeyRing) -> None:
        self.region = region
        self.account = account
        self.clock = clock
        self.keys = keys
        self.reset()

    def reset(self) -> None:
        """A role with keys for six hours, as on an instance; no Authorization for the container endpoint."""
        self.role: str | None = "instance-role"
        self.life_s = 6 * 3600.0
        self.authorization: str | None = None  # what the container endpoint demands
        self.tokens: dict[str, float] = {}
        self.current: dict[str, AccessKey] = {}

    def set(self, given: dict[str, Any]) -> dict[str, Any]:
        """Change settings: role, life_s, authorization, rotate (new keys next time), forget_tokens."""
        if "role" in given:
            self.role = given["role"]
        if "life_s" in given:
            self.life_s = float(given["life_s"])
        if "authorization" in given:
            self.authorization = given["authorization"]
        if given.get("rotate"):
            self.current.clear()
        if given.get("forget_tokens"):
            self.tokens.clear()
        return {"role": self.role, "life_s": self.life_s, "authorization": self.authorization}

    @staticmethod
    def operation(path: str) -> str | None:
        """How the journal and the fault rules call a request on this path; None when it is not ours."""
        if path.startswith("/latest/"):
            if path == "/latest/api/token":
                return "IMDS:Token"
            return "IMDS:Credentials" if path.startswith(_ROLES) and path != _ROLES else "IMDS:Get"
        return "Container:Credentials" if path.startswith(_CONTAINER) else None

    def answer(self, request: Request) -> Reply:
        """Answer a request on a path of ours."""
        if request.path.startswith(_CONTAINER):
            return self._container(request)
        if request.path == "/latest/api/token":
            return self._token(request)
        if request.method != "GET":
            return _text(405, "Method Not Allowed")
        expires = self.tokens.get(request.header(_TOKEN) or "")
        if expires is None or expires <= self.clock.age():
            return _text(401, "Unauthorized")
        return self._get(request.path)

    def _token(self, request: Request) -> Reply:
        if request.method != "PUT":
            return _text(405, "Method Not Allowed")
        if request.header("x-forwarded-for") is not None:
            return _text(403, "Forbidden")
        ttl = request.header(_TTL) or ""
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return _text(400, "Bad Request")
        token = secrets.token_urlsafe(42)
        self.tokens[token] = self.clock.age() + int(ttl)
        reply = _text(200, token)
        reply.headers.append((_TTL, ttl))
        return reply

    def _get(self, path: str) -> Reply:
        if path in (_ROLES, _ROLES[:-1]):
            return _text(200, self.role) if self.role else _text(404, "Not Found")
        if self.role and path == _ROLES + self.role:
            key = self._key("imds", f"assumed-role/{self.role}/i-0123456789abcdef0")
            body = {"Code": "Success", "LastUpdated": iso(self.clock.now()), "Type": "AWS-HMAC", **_show(key)}
            return Reply(200, json.dumps(body).encode(), "text/plain")
        known = {"/latest/meta-data/placement/region": self.region,
                 "/latest/meta-data/placement/availability-zone": f"{self.region}a",
                 "/latest/meta-data/instance-id": "i-0123456789abcdef0"}
        return _text(200, known[path]) if path in known else _text(404, "Not Found")

    def _container(self, request: Request) -> Reply:
        if request.method != "GET":
            return _text(405, "Method Not Allowed")
        if self.authorization is not None and request.header("authorization") != self.authorization:
            body = {"code": "InvalidAuthorization",
                    "message": "the Authorization header is not what it has to be"}
            return Reply(401, json.dumps(body).encode())
        key = self._key("container", "assumed-role/task-role/0123456789abcdef0123456789abcdef")
        body = {"RoleArn": f"arn:aws:iam::{self.account}:role/task-role", **_show(key)}
        return Reply(200, json.dumps(body).encode())

    def _key(self, where: str, principal: str) -> AccessKey:
        """The same keys until the last fifth of their life, then new ones, as AWS does before they expire."""
        key = self.current.get(where)
        if key is None or (key.expires or 0) - self.clock.now() < self.life_s / 5:
            key = self.current[where] = self.keys.issue(principal, self.clock.now() + self.life_s)
        return key


def _show(key: AccessKey) -> dict[str, Any]:
    return {"AccessKeyId": key.key_id, "SecretAccessKey": key.secret, "Token": key.token,
            "Expiration": iso(key.expires or 0)}


def _text(status: int, text: str) -> Reply:
    return Reply(status, text.encode(), "text/plain")
