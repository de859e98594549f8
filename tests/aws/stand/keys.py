"""Access keys: the one of the start, those a test adds, the temporary ones of STS and the metadata."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace


@dataclass
class AccessKey:
    """One pair of keys. `expires` is in seconds since the epoch (wall clock of the stand-in), None: never."""

    key_id: str
    secret: str
    token: str | None = None
    expires: float | None = None
    principal: str = "user/tester"
    denied: set[str] = field(default_factory=set)  # "ecs:RunTask", "sqs:*", "*"

    def may(self, action: str) -> bool:
        """Whether this key may do service:Operation."""
        service = action.partition(":")[0]
        return not self.denied & {action, f"{service}:*", "*"}


class KeyRing:
    """All keys that are known."""

    def __init__(self, first: AccessKey) -> None:
        self._first = first
        self.reset()

    def find(self, key_id: str) -> AccessKey | None:
        """The key by its id."""
        return self._keys.get(key_id)

    def all(self) -> list[AccessKey]:
        """Every key, oldest first."""
        return list(self._keys.values())

    def add(self, key: AccessKey) -> AccessKey:
        """Take a key in, in place of one with the same id."""
        self._keys[key.key_id] = key
        return key

    def remove(self, key_id: str) -> bool:
        """Forget a key; False if there was none."""
        return self._keys.pop(key_id, None) is not None

    def issue(self, principal: str, expires: float, denied: set[str] | None = None) -> AccessKey:
        """Make a temporary key, as STS does."""
        return self.add(AccessKey("ASIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30),
                                  secrets.token_urlsafe(120) + "==", expires, principal, denied or set()))

    def reset(self) -> None:
        """Only the key of the start, as it was then."""
        self._keys = {self._first.key_id: replace(self._first, denied=set())}
