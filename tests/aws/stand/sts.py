"""The Security Token Service: who am I, and temporary keys for roles, which then work everywhere here."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from stand.clock import Clock
from stand.errors import AwsError
from stand.keys import AccessKey, KeyRing

VERSION = "2011-06-15"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
UNSIGNED = {"AssumeRoleWithWebIdentity"}

_SESSION = re.compile(r"[\w+=,.@-]{2,64}\Z", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]{1,512})\Z", re.ASCII)


@dataclass
class Role:
    """A role that may be assumed."""

    arn: str
    external_id: str | None = None
    life_s: float | None = None  # in place of the DurationSeconds asked for
    web_tokens: set[str] | None = None  # the tokens taken for it; None: any that is not empty
    denied: set[str] = field(default_factory=set)


class Sts:
    """The service's state and its operations."""

    def __init__(self, account: str, clock: Clock, keys: KeyRing) -> None:
        self.account = account
        self.clock = clock
        self.keys = keys
        self.roles: dict[str, Role] = {}
        self.operations = {"GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"}

    def call(self, operation: str, params: dict[str, Any], key: AccessKey | None) -> dict[str, Any]:
        """Do one checked call."""
        if operation == "GetCallerIdentity":
            assert key is not None
            service = "sts" if key.principal.startswith("assumed-role/") else "iam"
            return {"UserId": key.key_id, "Account": self.account,
                    "Arn": f"arn:aws:{service}::{self.account}:{key.principal}"}
        self._check(params)
        role = self.roles.get(params["RoleArn"])
        if operation == "AssumeRole":
            if role is None or role.external_id != params.get("ExternalId"):
                raise AwsError("AccessDenied",
                               f"User: arn:aws:iam::{self.account}:{key and key.principal} is not "
                               f"authorized to perform: sts:AssumeRole on resource: {params['RoleArn']}", 403)
            return self._issue(role, params, {})
        token = params["WebIdentityToken"]
        if role is None:
            raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        if role.web_tokens is not None and token not in role.web_tokens:
            raise AwsError("InvalidIdentityToken", "The web identity token provided could not be validated.")
        return self._issue(role, params,
                           {"SubjectFromWebIdentityToken": "system:serviceaccount:default:tester",
                                          "Provider": "arn:aws:iam::123456789012:oidc-provider/oidc.example",
                                          "Audience": "sts.amazonaws.com"})

    def add_role(self, given: dict[str, Any]) -> Role:
        """A role from a test's JSON."""
        tokens = given.get("webTokens")
        role = Role(given["arn"], given.get("externalId"), given.get("life_s"),
                    None if tokens is None else set(tokens), set(given.get("denied") or []))
        self.roles[role.arn] = role
        return role

    def reset(self) -> None:
        """No roles."""
        self.roles.clear()

    def _check(self, params: dict[str, Any]) -> None:
        wrong = []
        if not _ROLE.match(params["RoleArn"]):
            wrong.append(f"{params['RoleArn']} is invalid")
        if not _SESSION.match(params["RoleSessionName"]):
            wrong.append("Value at 'roleSessionName' failed to satisfy constraint: 2 to 64 of [\\w+=,.@-]")
        duration = params.get("DurationSeconds")
        if duration is not None and not 900 <= duration <= 43200:
            wrong.append("Value at 'durationSeconds' failed to satisfy constraint: 900 to 43200")
        if wrong:
            raise AwsError("ValidationError", "; ".join(wrong))

    def _issue(self, role: Role, params: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        match = _ROLE.match(role.arn)
        assert match is not None
        name = f"assumed-role/{match[2].rpartition('/')[2]}/{params['RoleSessionName']}"
        life = role.life_s if role.life_s is not None else params.get("DurationSeconds") or 3600
        key = self.keys.issue(name, self.clock.now() + life, role.denied)
        return {"Credentials": {"AccessKeyId": key.key_id, "SecretAccessKey": key.secret,
                                "SessionToken": key.token,
                                "Expiration": iso(key.expires or 0)},
                "AssumedRoleUser": {"AssumedRoleId": f"AROA00000000000000000:{params['RoleSessionName']}",
                                    "Arn": f"arn:aws:sts::{match[1]}:{name}"},
                "PackedPolicySize": 1, **more}


def iso(seconds: float) -> str:
    """2026-01-01T00:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
