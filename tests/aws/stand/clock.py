"""The two times of the stand-in, both movable by a test.

now() is the wall clock that clients see (Date header, signatures, createdAt) and may be wrong on purpose;
age() only goes forward and decides what has become of tasks, tokens and messages.
"""

from __future__ import annotations

import time


class Clock:
    """Wall time with an offset, and a monotonic time that can be advanced."""

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s
        self._advanced_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as this AWS believes."""
        return time.time() + self.offset_s

    def age(self) -> float:
        """Monotonic seconds, plus what advance() added."""
        return time.monotonic() + self._advanced_s

    def advance(self, seconds: float) -> None:
        """Let time pass for tasks, clientTokens and messages, but not for the wall clock."""
        self._advanced_s += seconds

    def reset(self) -> None:
        """Right again, and nothing skipped from here on."""
        self.offset_s = 0.0
