"""A client's side of SigV4 for tests, from hashlib alone: it can be wrong in every way that a test likes."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import time

from client import StandIn

ECS_TARGET = "AmazonEC2ContainerServiceV20141113"


class Signer:
    """Builds signed requests with hashlib only: a third opinion beside the stand-in and botocore."""

    def __init__(self, aws: StandIn, token: str | None = None) -> None:
        self.host = f"127.0.0.1:{aws.port}"
        self.region = aws.region
        self.key_id = aws.access_key
        self.secret = aws.secret
        self.token = token

    def ecs(self, operation: str, body: object, **wrong: object) -> bytes:
        """A call of ECS."""
        return self.request("ecs", [("Content-Type", "application/x-amz-json-1.1"),
                                    ("X-Amz-Target", f"{ECS_TARGET}.{operation}")], _json(body), **wrong)

    def sqs(self, operation: str, body: object, **wrong: object) -> bytes:
        """A call of SQS."""
        return self.request("sqs", [("Content-Type", "application/x-amz-json-1.0"),
                                    ("X-Amz-Target", f"AmazonSQS.{operation}")], _json(body), **wrong)

    def request(self, service: str, headers: list[tuple[str, str]], body: bytes, *, now: float | None = None,
                scope: dict[str, str] | None = None, leave_out: tuple[str, ...] = (),
                also_sign: tuple[str, ...] = (), names: str | None = None, sent_body: bytes | None = None,
                unsigned_headers: list[tuple[str, str]] | None = None, secret: str | None = None,
                key_id: str | None = None, authorization: str | None = None, method: str = "POST",
                target: str = "/", date: str | None = None, signature: str | None = None) -> bytes:
        """The bytes of a request; each keyword makes one thing wrong (or merely different)."""
        date = date or datetime.datetime.fromtimestamp(now if now is not None else time.time(),
                                                       datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = [("Host", self.host), *headers, ("X-Amz-Date", date)]
        if self.token is not None:
            headers.append(("X-Amz-Security-Token", self.token))
        sent = {name.lower(): value for name, value in headers}
        signed = sorted((set(sent) - set(leave_out)) | set(also_sign))
        part = {"date": date[:8], "region": self.region, "service": service, "end": "aws4_request",
                **(scope or {})}
        path, _, query = target.partition("?")
        canonical = "\n".join([method, path, query, *(f"{name}:{sent.get(name, '')}" for name in signed), "",
                               ";".join(signed), hashlib.sha256(body).hexdigest()])
        where = f"{part['date']}/{part['region']}/{part['service']}/{part['end']}"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", date, where,
                             hashlib.sha256(canonical.encode("latin-1")).hexdigest()])
        key = ("AWS4" + (secret or self.secret)).encode()
        for text in (part["date"], part["region"], part["service"], part["end"]):
            key = hmac.new(key, text.encode(), hashlib.sha256).digest()
        made = signature or hmac.new(key, to_sign.encode("latin-1"), hashlib.sha256).hexdigest()
        if authorization is None:
            authorization = (f"AWS4-HMAC-SHA256 Credential={key_id or self.key_id}/{where}, "
                             f"SignedHeaders={names or ';'.join(signed)}, Signature={made}")
        data = body if sent_body is None else sent_body
        headers += [("Content-Length", str(len(data))), *(unsigned_headers or [])]
        if authorization:
            headers.append(("Authorization", authorization))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1") + data


def _json(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
