"""Is this request signed as AWS wants it? Every rule of Signature Version 4, by AWS's error names.

The canonical request is built from the bytes that came, not from parsed values, so a signer that leaves out,
repeats or reorders something is found out. check_with_botocore() computes the same with botocore's signer, so
that this file is not the only judge.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from urllib.parse import quote, unquote

from stand.clock import Clock
from stand.errors import AwsError
from stand.keys import AccessKey, KeyRing
from stand.wire import Request

SKEW_S = 5 * 60
ALGORITHM = "AWS4-HMAC-SHA256"

_DATE = re.compile(r"\d{8}T\d{6}Z\Z")
_BLANKS = re.compile(r" +")
_SIGNATURE = re.compile(r"[0-9a-f]{64}\Z")
# Headers of which a second copy can only mean that signer and sender disagree.
_ONCE = ("authorization", "content-type", "host")


class Authorization:
    """The parts of an Authorization header."""

    __slots__ = ("key_id", "date", "region", "service", "names", "signature")

    def __init__(self, text: str) -> None:
        scheme, _, rest = text.partition(" ")
        if scheme != ALGORITHM:
            raise incomplete(f"Unsupported AWS 'algorithm': '{scheme}'.")
        fields = {}
        for part in rest.split(","):
            name, equals, value = part.strip(" ").partition("=")
            if not equals or name in fields:
                raise incomplete(f"'{part.strip()}' not a valid key=value pair (missing equal-sign or "
                                 "repeated) in Authorization header.")
            fields[name] = value
        for name in ("Credential", "SignedHeaders", "Signature"):
            if not fields.get(name):
                raise incomplete(f"Authorization header requires '{name}' parameter.")
        scope = fields["Credential"].split("/")
        if len(scope) != 5 or not all(scope):
            raise incomplete("Credential must have exactly 5 slash-delimited elements, e.g. "
                             f"keyid/date/region/service/term, got '{fields['Credential']}'")
        self.key_id, self.date, self.region, self.service, term = scope
        if term != "aws4_request":
            raise invalid("Credential should be scoped with a valid terminator: 'aws4_request'.")
        self.names = fields["SignedHeaders"].split(";")
        self.signature = fields["Signature"]
        if not _SIGNATURE.match(self.signature):
            raise incomplete("Signature is not 64 lower case hexadecimal digits.")


class Verifier:
    """Checks requests against a ring of keys, for one region."""

    def __init__(self, keys: KeyRing, region: str, clock: Clock) -> None:
        self.keys = keys
        self.region = region
        self.clock = clock
        self._derived: dict[tuple[str, ...], bytes] = {}

    def verify(self, request: Request, service: str) -> AccessKey:
        """The key that signed this request; AwsError if anything about the signature is wrong."""
        sent = request.named.get("authorization")
        if not sent:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 400)
        _check_repeats(request)
        auth = Authorization(sent[0].strip(" \t"))
        date = request.header("x-amz-date")
        if date is None:
            raise incomplete("Authorization header requires existence of an 'X-Amz-Date' header.")
        if not _DATE.match(date):
            raise incomplete(f"Date must be in ISO-8601 'basic format'. Got '{date}'.")
        _check_names(request, auth.names)
        self._check_scope(auth, service, date)
        key = self._find_key(auth.key_id, request.header("x-amz-security-token"))
        canonical = canonical_request(request, auth.names)
        to_sign = string_to_sign(canonical, date, f"{auth.date}/{auth.region}/{auth.service}/aws4_request")
        expected = hmac.new(self._signing_key(key, auth), to_sign.encode("latin-1"),
                            hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, auth.signature):
            raise invalid(
                "The request signature we calculated does not match the signature you provided. Check your "
                "AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"
                f"The Canonical String for this request should have been\n'{canonical}'\n\n"
                f"The String-to-Sign should have been\n'{to_sign}'\n")
        self._check_time(date)
        if key.expires is not None and key.expires <= self.clock.now():
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
        return key

    def _check_scope(self, auth: Authorization, service: str, date: str) -> None:
        if auth.region != self.region:
            raise invalid(f"Credential should be scoped to a valid region, not '{auth.region}'.")
        if auth.service != service:
            raise invalid(f"Credential should be scoped to correct service: '{service}'.")
        if auth.date != date[:8]:
            raise invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                          f"from HTTP: '{auth.date}' != '{date[:8]}', from '{date}'.")

    def _check_time(self, date: str) -> None:
        try:
            signed_at = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise incomplete(f"Date must be in ISO-8601 'basic format'. Got '{date}'.") from None
        now = self.clock.now()
        if signed_at < now - SKEW_S:
            raise invalid(f"Signature expired: {date} is now earlier than {_basic(now - SKEW_S)} "
                          f"({_basic(now)} - 5 min.)")
        if signed_at > now + SKEW_S:
            raise invalid(f"Signature not yet current: {date} is still later than {_basic(now + SKEW_S)} "
                          f"({_basic(now)} + 5 min.)")

    def _find_key(self, key_id: str, token: str | None) -> AccessKey:
        key = self.keys.find(key_id)
        if key is None or key.token != token:
            raise AwsError("UnrecognizedClientException",
                           "The security token included in the request is invalid.")
        return key

    def _signing_key(self, key: AccessKey, auth: Authorization) -> bytes:
        name = (key.secret, auth.date, auth.region, auth.service)
        found = self._derived.get(name)
        if found is None:
            if len(self._derived) > 1000:
                self._derived.clear()
            found = ("AWS4" + key.secret).encode()
            for part in (auth.date, auth.region, auth.service, "aws4_request"):
                found = hmac.new(found, part.encode(), hashlib.sha256).digest()
            self._derived[name] = found
        return found


def canonical_request(request: Request, names: list[str]) -> str:
    """Step 1 of the algorithm, over the headers that the client says it signed."""
    lines = [request.method, _canonical_path(request.path), _canonical_query(request.query)]
    for name in names:
        values = (_BLANKS.sub(" ", value.strip(" \t")) for value in request.named.get(name, []))
        lines.append(f"{name}:{','.join(values)}")
    lines += ["", ";".join(names), hashlib.sha256(request.body).hexdigest()]
    return "\n".join(lines)


def string_to_sign(canonical: str, date: str, scope: str) -> str:
    """Step 2 of the algorithm."""
    return "\n".join((ALGORITHM, date, scope, hashlib.sha256(canonical.encode("latin-1")).hexdigest()))


def check_with_botocore(request: Request, names: list[str]) -> str | None:
    """What botocore thinks the canonical request is, when it thinks otherwise than we; None when they agree.

    botocore never signs a few headers that others may sign: it has no opinion on requests with those.
    """
    from botocore.auth import SIGNED_HEADERS_BLACKLIST, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.compat import HTTPHeaders

    theirs = AWSRequest(method=request.method, url=f"http://{request.header('host')}{request.target}",
                        data=request.body)
    theirs.headers = HTTPHeaders()
    for name in names:
        for value in request.named.get(name, []):
            theirs.headers.add_header(name, value.strip(" \t"))
    theirs.context["payload_signing_enabled"] = True
    if set(names) & set(SIGNED_HEADERS_BLACKLIST):
        return None
    other = SigV4Auth(None, "any", "any").canonical_request(theirs)
    return None if other == canonical_request(request, names) else other


def incomplete(message: str) -> AwsError:
    """The signature's form is wrong."""
    return AwsError("IncompleteSignatureException", message)


def invalid(message: str) -> AwsError:
    """The signature's content is wrong."""
    return AwsError("InvalidSignatureException", message)


def _check_repeats(request: Request) -> None:
    for name, values in request.named.items():
        if len(values) > 1 and (name in _ONCE or name.startswith("x-amz")):
            raise incomplete(f"Header '{name}' was sent {len(values)} times.")


def _check_names(request: Request, names: list[str]) -> None:
    if names != sorted(set(names)) or any(name != name.lower() or not name for name in names):
        raise incomplete("SignedHeaders are not lower case, sorted and without repeats: "
                         f"'{';'.join(names)}'.")
    signed = set(names)
    for name in names:
        if name not in request.named:
            raise incomplete(f"SignedHeaders names '{name}', which was not sent.")
    if "host" not in signed:
        raise invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in request.named:
        if name.startswith("x-amz-") and name not in signed:
            raise invalid(f"Header '{name}' was sent, but is not in SignedHeaders.")
    digest = request.header("x-amz-content-sha256")
    if digest is not None and digest != hashlib.sha256(request.body).hexdigest():
        raise invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")


def _canonical_path(path: str) -> str:
    if path == "/":
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    trailing = "/" if path.endswith("/") and kept else ""
    return quote("/" + "/".join(kept) + trailing, safe="/-_.~", encoding="latin-1")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        pairs.append((_encode(name), _encode(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(unquote(text, encoding="latin-1"), safe="-_.~", encoding="latin-1")


def _basic(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
