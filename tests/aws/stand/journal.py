"""Every call that came in: when, what, from whom, and what was decided. Tests read it and can wait for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any


class Call:
    """One call. What is not known (yet) is None."""

    __slots__ = ("number", "time", "service", "operation", "protocol", "body", "client", "connection", "nth",
                 "key_id", "attempt", "invocation", "signature", "status", "error", "message", "fault",
                 "effect",
                 "tasks", "failures", "method", "target")

    def __init__(self, number: int) -> None:
        self.number = number
        self.time = time.time()  # the true time, also when the stand-in's own clock is wrong
        for name in self.__slots__[2:]:
            setattr(self, name, None)
        self.effect = False

    def show(self) -> dict[str, Any]:
        """As JSON."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        shown["time"] = round(self.time, 6)
        return shown


class Journal:
    """The newest calls, in order of arrival."""

    def __init__(self, limit: int = 200_000) -> None:
        self.calls: deque[Call] = deque(maxlen=limit)
        self.last = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._wake_due = False

    def begin(self) -> Call:
        """A new entry; who fills it does so before the loop runs on, or at least says what is pending."""
        self.last += 1
        call = Call(self.last)
        self.calls.append(call)
        if self._waiting and not self._wake_due:
            self._wake_due = True
            asyncio.get_running_loop().call_soon(self._wake)
        return call

    def after(self, number: int, operations: set[str] | None, limit: int) -> list[Call]:
        """Calls with a higher number, at most `limit`."""
        found = []
        for call in reversed(self.calls):  # from the end, since a reader usually has seen all but a few
            if call.number <= number:
                break
            if operations is None or call.operation in operations:
                found.append(call)
        found.reverse()
        return found[:limit]

    def wait(self) -> asyncio.Future[None]:
        """A future that is done when the next call comes in."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def forget(self) -> None:
        """Drop all entries; numbers go on."""
        self.calls.clear()

    def _wake(self) -> None:
        self._wake_due = False
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
