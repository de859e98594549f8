"""Connections: bytes in, requests to the application one after the other, answers out, spoiled if so wished.

Requests of one connection are answered in order, a pipelined one waits. The application returns a Reply, or a
future of one when the answer takes time (a delay, a long poll).
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Protocol as Interface

from stand import wire
from stand.clock import Clock
from stand.wire import BadRequest, Reply, Request

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class Application(Interface):
    """Who answers requests."""

    def handle(self, request: Request) -> Reply | asyncio.Future[Reply]:
        """Answer one request."""

    def refused(self, peer: str, connection: int, why: str, head: bytes) -> None:
        """Bytes came that are no request, or a request was cut off; only to be noted."""


class Server:
    """What all connections share: the application, the limits a test has set, and the list of connections."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self.application = application
        self.clock = clock
        self.idle_timeout_s: float | None = None
        self.max_requests: int | None = None
        self.open: set[Connection] = set()
        self.accepted = 0

    def reset_limits(self) -> None:
        """Connections live for as long as clients like."""
        self.idle_timeout_s = None
        self.max_requests = None

    def close_all(self, reset: bool = False, but: int = 0) -> int:
        """Close every connection but one, at once; returns how many."""
        victims = [each for each in self.open if each.number != but]
        for each in victims:
            each.drop(reset)
        return len(victims)


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.accepted += 1
        self.number = server.accepted
        self.buffer = bytearray()
        self.request: Request | None = None  # its head is read, its body not yet
        self.busy = False
        self.hung = False
        self.closing = False
        self.half_closed = False
        self.count = 0
        self.peer = ""
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.server.open.add(self)
        self._watch_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.server.open.discard(self)
        if self.idle is not None:
            self.idle.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.busy:
            if len(self.buffer) > wire.MAX_BODY:
                self.transport.pause_reading()
            return
        self._advance()

    def eof_received(self) -> bool:
        if self.request is not None or self.buffer:
            head = bytes(self.buffer[:400]) if self.request is None else self.request.target.encode("latin-1")
            self.server.application.refused(self.peer, self.number, "the request was cut off", head)
        self.half_closed = True
        self.closing = not self.busy or self.hung
        return not self.closing  # an answer is still owed to who only closed its sending side

    def drop(self, reset: bool) -> None:
        """End it now: with RST, or with FIN."""
        self.closing = True
        if reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self.transport.close()

    def _advance(self) -> None:
        while not self.busy and not self.closing:
            try:
                request = self._take()
            except BadRequest as bad:
                self._refuse(bad)
                return
            if request is None:
                return
            self._handle(request)

    def _take(self) -> Request | None:
        if self.request is None:
            self.request = wire.take_head(self.buffer)
            if self.request is None:
                return None
            if (self.request.header("expect") or "").lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self.request
        length = wire.body_length(request)
        if length is None:
            body = wire.take_chunks(self.buffer)
            if body is None:
                return None
            request.body = body
        else:
            if len(self.buffer) < length:
                return None
            request.body = bytes(self.buffer[:length])
            del self.buffer[:length]
        self.request = None
        return request

    def _handle(self, request: Request) -> None:
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None
        self.count += 1
        request.peer = self.peer
        request.connection = self.number
        request.nth = self.count
        answer = self.server.application.handle(request)
        if isinstance(answer, Reply):
            self._answer(request, answer)
            return
        self.busy = True
        answer.add_done_callback(lambda done: self._late_answer(request, done))

    def _late_answer(self, request: Request, done: asyncio.Future[Reply]) -> None:
        self.busy = False
        if self.closing or done.cancelled():
            return
        self._answer(request, done.result())
        if self.half_closed and not self.closing:
            self.drop(False)
            return
        self.transport.resume_reading()
        self._advance()

    def _answer(self, request: Request, reply: Reply) -> None:
        if reply.mode == "hang":
            self.busy = self.hung = True  # for good: the client has to give up
            return
        if reply.mode in ("reset", "close"):
            self.drop(reply.mode == "reset")
            return
        limit = self.server.max_requests
        spent = limit is not None and self.count >= limit
        last = request.wants_close() or spent or reply.mode in ("cut", "raw")
        if reply.mode == "raw":
            self.transport.write(reply.body)
        elif reply.mode == "cut":
            head = reply.encode(self.server.clock.now(), close=False, head_only=True)
            self.transport.write(head + reply.body[:reply.cut_at])
        elif reply.mode == "drip":
            self._drip(reply.encode(self.server.clock.now(), True), reply.pause_s)
            return
        else:
            self.transport.write(reply.encode(self.server.clock.now(), last, request.method == "HEAD"))
        if last:
            self.drop(False)
        else:
            self._watch_idle()

    def _drip(self, data: bytes, pause_s: float) -> None:
        self.busy = True
        if self.closing:
            return
        self.transport.write(data[:1])
        if len(data) == 1:
            self.drop(False)
            return
        asyncio.get_running_loop().call_later(pause_s, self._drip, data[1:], pause_s)

    def _refuse(self, bad: BadRequest) -> None:
        self.server.application.refused(self.peer, self.number, str(bad), bytes(self.buffer[:400]))
        reply = Reply(bad.status, json.dumps({"message": str(bad)}).encode())
        self.transport.write(reply.encode(self.server.clock.now(), True))
        self.drop(False)

    def _watch_idle(self) -> None:
        if self.server.idle_timeout_s is not None and not self.closing:
            loop = asyncio.get_running_loop()
            self.idle = loop.call_later(self.server.idle_timeout_s, self._idle_too_long)

    def _idle_too_long(self) -> None:
        if not self.busy:
            self.drop(False)
