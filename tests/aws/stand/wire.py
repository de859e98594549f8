"""HTTP/1.1 requests read from bytes, and answers written to bytes. No sockets here.

A parser of our own, because a test wants to see what was sent: repeated headers, the order and the blanks of
headers, requests that were cut off. It is strict: what a careful server would refuse is refused.
"""

from __future__ import annotations

import re
from email.utils import formatdate

MAX_HEAD = 64 * 1024
MAX_BODY = 4 * 1024 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_TARGET = re.compile(rb"/[\x21-\x7e]*\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r\n")

_REASONS = {
    200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Payload Too Large", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}


class BadRequest(Exception):
    """These bytes are no HTTP/1.1 request that we take."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Request:
    """One request as it was sent. Text is latin-1, so that each character is one byte of the wire."""

    __slots__ = ("method", "target", "path", "query", "headers", "named", "body", "peer", "connection", "nth")

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.named: dict[str, list[str]] = {}
        for name, value in headers:
            self.named.setdefault(name.lower(), []).append(value)
        self.body = b""
        self.peer = ""
        self.connection = 0
        self.nth = 0

    def header(self, name: str) -> str | None:
        """The first value of a header (name in lower case), trimmed; None when it was not sent."""
        values = self.named.get(name)
        return values[0].strip(" \t") if values else None

    def wants_close(self) -> bool:
        """Whether the client asked for the connection to be closed."""
        return "close" in (self.header("connection") or "").lower()


class Reply:
    """One answer, and how to spoil it.

    mode: "send" (all of it), "hang" (nothing, stay connected), "close" (nothing, FIN), "reset" (nothing,
    RST), "cut" (head and `cut_at` bytes of the body, then FIN), "drip" (a byte now and then), "raw" (the
    body as it is).
    """

    __slots__ = ("status", "content_type", "body", "headers", "mode", "cut_at", "pause_s")

    def __init__(self, status: int, body: bytes, content_type: str = "application/json",
                 headers: list[tuple[str, str]] | None = None) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers or []
        self.mode = "send"
        self.cut_at = 0
        self.pause_s = 0.0

    def encode(self, now: float, close: bool, head_only: bool = False) -> bytes:
        """The bytes of the answer; `now` goes into the Date header."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}",
                 f"Date: {formatdate(int(now), usegmt=True)}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        lines.append(f"Content-Length: {len(self.body)}")
        lines.extend(f"{name}: {value}" for name, value in self.headers)
        if close:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if head_only else head + self.body


def take_head(buffer: bytearray) -> Request | None:
    """Take a request's head off the buffer; None while it is not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0 or end > MAX_HEAD:
        if len(buffer) > MAX_HEAD:
            raise BadRequest(f"the head is longer than {MAX_HEAD} bytes")
        return None
    lines = bytes(buffer[:end]).split(b"\r\n")
    del buffer[:end + 4]
    parts = lines[0].split(b" ")
    if len(parts) != 3 or not _TOKEN.match(parts[0]) or not _TARGET.match(parts[1]):
        raise BadRequest("the request line is not METHOD /target HTTP/1.1")
    if parts[2] != b"HTTP/1.1":
        raise BadRequest("only HTTP/1.1 is spoken here")
    headers = [_header(line) for line in lines[1:]]
    return Request(parts[0].decode(), parts[1].decode(), headers)


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.match(name):
        raise BadRequest(f"not a header line: {line[:60]!r}")
    if b"\r" in value or b"\n" in value or b"\0" in value:
        raise BadRequest(f"CR, LF or NUL in header {name.decode()}")
    return name.decode(), value.decode("latin-1")


def body_length(request: Request) -> int | None:
    """How long the body is by Content-Length; None when it comes in chunks."""
    lengths = request.named.get("content-length", [])
    coding = request.named.get("transfer-encoding")
    if coding is not None:
        if lengths or len(coding) != 1 or coding[0].strip(" \t").lower() != "chunked":
            raise BadRequest("Transfer-Encoding other than chunked, or together with Content-Length")
        return None
    if not lengths:
        return 0
    text = lengths[0].strip(" \t")
    if len(lengths) != 1 or not text.isascii() or not text.isdigit():
        raise BadRequest("Content-Length is not one number")
    if int(text) > MAX_BODY:
        raise BadRequest(f"the body is longer than {MAX_BODY} bytes", 413)
    return int(text)


def take_chunks(buffer: bytearray) -> bytes | None:
    """Take a chunked body off the buffer; None while it is not complete."""
    body = bytearray()
    at = 0
    while True:
        match = _CHUNK.match(buffer, at)
        if match is None:
            if buffer.find(b"\n", at) >= 0 or len(buffer) - at > 1024:
                raise BadRequest("not a chunk size")
            return None
        size = int(match[1], 16)
        at = match.end()
        if len(body) + size > MAX_BODY:
            raise BadRequest(f"the body is longer than {MAX_BODY} bytes", 413)
        if size == 0:
            return _end_chunks(buffer, at, body)
        if len(buffer) < at + size + 2:
            return None
        body += buffer[at:at + size]
        if buffer[at + size:at + size + 2] != b"\r\n":
            raise BadRequest("a chunk does not end where its size says")
        at += size + 2


def _end_chunks(buffer: bytearray, at: int, body: bytearray) -> bytes | None:
    if len(buffer) < at + 2:
        return None
    if buffer[at:at + 2] != b"\r\n":
        raise BadRequest("trailers are not taken")
    del buffer[:at + 2]
    return bytes(body)
