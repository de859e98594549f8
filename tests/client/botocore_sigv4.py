"""What Debian's botocore makes of a request: its canonical request, string to sign and Authorization header.

A request is a dict, as a line of tests/data/sigv4-vectors.jsonl: name, method, path and query (as on the request
line), headers (pairs, Host first), body (hex), at (seconds since 1970), region, service, access_key_id, secret, token
(or null).
"""

from __future__ import annotations

import datetime
from typing import Any

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Request = dict[str, Any]


class _Clock:
    """Stands in for the datetime module within botocore.auth: the time is what the request says."""

    at = 0

    def __init__(self) -> None:
        self.datetime = self

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime.datetime, name)

    def utcnow(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.at, datetime.timezone.utc).replace(tzinfo=None)


_clock = _Clock()
botocore.auth.datetime = _clock  # type: ignore[attr-defined]


def sign(request: Request) -> dict[str, str]:
    """amz_date, canonical, string_to_sign and authorization, as botocore makes them."""
    _clock.at = request["at"]
    host = next(value for name, value in request["headers"] if name.lower() == "host").strip()
    query = "?" + request["query"] if request["query"] else ""
    made = AWSRequest(method=request["method"], url=f"https://{host}{request['path']}{query}",
                      data=bytes.fromhex(request["body"]))
    for name, value in request["headers"]:
        made.headers.add_header(name, value)
    auth = SigV4Auth(Credentials(request["access_key_id"], request["secret"], request["token"]),
                     request["service"], request["region"])
    auth.add_auth(made)
    authorization = made.headers["Authorization"]
    # Both were made within add_auth(), and the headers that it added do not change them now.
    del made.headers["Authorization"]
    canonical = auth.canonical_request(made)
    return {"amz_date": made.headers["X-Amz-Date"], "canonical": canonical,
            "string_to_sign": auth.string_to_sign(made, canonical), "authorization": authorization}
