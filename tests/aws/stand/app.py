"""From a request to an answer: which service, is it signed, is it well formed, may it pass, what does it do.

The order is AWS's as far as it can be seen: signature, form, permission, throttle, effect. Faults come before
the effect only, so that a test with faults still proves each signature and each body.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stand import limits, query, sigv4, sqs, sts
from stand import ecs as ecs_module
from stand.clock import Clock
from stand.ecs import Arns, Ecs, Wish
from stand.errors import AwsError, throttled
from stand.faults import Buckets, Faults, Rule
from stand.imds import OPERATIONS as METADATA_OPERATIONS
from stand.imds import Metadata
from stand.journal import Call, Journal
from stand.keys import AccessKey, KeyRing
from stand.model import Service
from stand.wire import Reply, Request


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


@dataclass
class Settings:
    """What the stand-in is started with."""

    region: str = "us-east-1"
    account: str = "123456789012"
    access_key: str = "AKIDEXAMPLE"
    secret: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    cross_check: bool = False
    models: Path | None = None


@dataclass
class Work:
    """One call of a service on its way through."""

    request: Request
    call: Call
    service: str
    protocol: str  # "json" or "query"
    operation: str
    content_type: str = ""
    namespace: str = ""
    key: AccessKey | None = None
    params: dict[str, Any] = field(default_factory=dict)


class App:
    """The whole stand-in, but for its sockets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.keys = KeyRing(AccessKey(settings.access_key, settings.secret))
        self.verifier = sigv4.Verifier(self.keys, settings.region, self.clock)
        self.models = {name: Service(name, settings.models) for name in ("ecs", "sqs", "sts")}
        self.journal = Journal()
        self.faults = Faults()
        self.buckets = Buckets(self.clock)
        self.ecs = Ecs(Arns(settings.region, settings.account), self.clock)
        self.sqs = sqs.Sqs(settings.region, settings.account, self.clock)
        self.sts = sts.Sts(settings.account, self.clock, self.keys)
        self.metadata = Metadata(settings.region, settings.account, self.clock, self.keys)
        self.control: Callable[[Request], Reply | asyncio.Future[Reply]] | None = None
        self.on_call: Callable[[Call], None] = lambda call: None
        self.bugs: list[str] = []  # faults of the stand-in itself; a test checks that there are none

    def handle(self, request: Request) -> Reply | asyncio.Future[Reply]:
        """Answer a request."""
        if request.path.startswith("/_standin") and self.control is not None:
            return self.control(request)
        call = self._note(request)
        metadata = Metadata.operation(request.path)
        try:
            if metadata is not None:
                call.service, call.protocol, call.operation = "metadata", "http", metadata
                return self._with_faults(call, {}, lambda wish: self.metadata.answer(request),
                                         lambda error: self._plain_error(call, error))
            work = self._route(request, call)
            refusal = work if isinstance(work, Reply) else self._admit(work)
            if refusal is not None:
                self._done(call, refusal)
                return refusal
            return self._with_faults(call, work.params, lambda wish: self._effect(work, wish),
                                     lambda error: self._fail(work, error))
        except Exception:  # pylint: disable=broad-except
            return self._bug(call)

    def operations(self) -> set[str]:
        """What faults can be ordered for."""
        return {*self.ecs.operations, *self.sqs.operations, *self.sts.operations, *METADATA_OPERATIONS}

    def refused(self, peer: str, connection: int, why: str, head: bytes) -> None:
        """Note what was no request."""
        call = self.journal.begin()
        call.client, call.connection, call.operation, call.error = peer, connection, "(no request)", why
        call.body = head.decode("latin-1")
        self.on_call(call)

    def bug(self, text: str) -> None:
        """Note that the stand-in itself is wrong."""
        self.bugs.append(text)
        print(text, file=sys.stderr, flush=True)

    def _note(self, request: Request) -> Call:
        call = self.journal.begin()
        call.client, call.connection, call.nth = request.peer, request.connection, request.nth
        call.method, call.target = request.method, request.target
        call.attempt = request.header("amz-sdk-request")
        call.invocation = request.header("amz-sdk-invocation-id")
        return call

    def _route(self, request: Request, call: Call) -> Work | Reply:
        target = request.header("x-amz-target")
        kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if target is not None:
            prefix, _, operation = target.partition(".")
            name = {ecs_module.TARGET: "ecs", sqs.TARGET: "sqs"}.get(prefix, "ecs")
            wanted = {"ecs": "application/x-amz-json-1.1", "sqs": "application/x-amz-json-1.0"}[name]
            work = Work(request, call, name, "json", operation, wanted)
            if kind != wanted or prefix not in (ecs_module.TARGET, sqs.TARGET):
                return self._fail(work, AwsError("UnknownOperationException", f"X-Amz-Target {target} with "
                                                 f"Content-Type {kind or '(none)'}; {name} takes {wanted}",
                                                 404))
            return self._start(work)
        if kind == "application/x-www-form-urlencoded":
            work = Work(request, call, "sts", "query", "", "text/xml", sts.NAMESPACE)
            try:
                fields = query.parse_form(request.body)
            except AwsError as error:
                return self._fail(work, error)
            if fields.get("Version") == sqs.VERSION:
                work.service, work.namespace = "sqs", sqs.NAMESPACE
            elif fields.get("Version") != sts.VERSION:
                return self._fail(work,
                                  AwsError("UnknownOperationException", "no such Version of any service"))
            work.operation = fields.get("Action", "")
            return self._start(work)
        work = Work(request, call, "ecs", "json", "", "application/x-amz-json-1.1")
        return self._fail(work, AwsError("UnknownOperationException", f"no such thing here: {request.method} "
                                         f"{request.path} without X-Amz-Target and without a form", 404))

    def _start(self, work: Work) -> Work | Reply:
        call = work.call
        call.service, call.protocol, call.operation = work.service, work.protocol, work.operation
        known = {"ecs": self.ecs.operations, "sqs": self.sqs.operations,
                 "sts": self.sts.operations}[work.service]
        path = work.request.path
        if work.request.method != "POST" or work.request.query or (path != "/" and work.protocol == "json"):
            return self._fail(work, AwsError("UnknownOperationException",
                                             "only POST / without a query is taken", 404))
        if work.operation not in known:
            why = "not done by the stand-in" if self.models[work.service].knows(work.operation) else "unknown"
            return self._fail(work,
                              AwsError("UnknownOperationException", f"operation {work.operation} is {why}"))
        return work

    def _admit(self, work: Work) -> Reply | None:
        """Everything that may be wrong with a call before it does something; None when nothing is."""
        call = work.call
        try:
            self._authenticate(work)
            work.params = call.body = self._parse(work)
            if self.settings.cross_check:
                self._cross_check(work)
            if work.service == "sqs":
                self.sqs.check_names(work.params)
            self.models[work.service].check_input(work.operation, work.params)
            if work.service == "ecs":
                limits.check(work.operation, work.params)
            action = f"{work.service}:{work.operation}"
            if work.key is not None and not work.key.may(action):
                raise AwsError("AccessDeniedException", f"User: arn:aws:iam::{self.settings.account}:"
                               f"{work.key.principal} is not authorized to perform: {action} because no "
                               "identity-based policy allows the action")
            if not self.buckets.admit(work.operation, work.params):
                call.fault = "bucket"
                raise throttled()
        except AwsError as error:
            if call.body is None:
                call.body = work.request.body[:20000].decode("latin-1")
            return self._fail(work, error)
        return None

    def _authenticate(self, work: Work) -> None:
        if work.service == "sts" and work.operation in sts.UNSIGNED:
            work.call.signature = "none needed"
            return
        try:
            work.key = self.verifier.verify(work.request, work.service)
        except AwsError as error:
            work.call.signature = str(error)
            raise
        work.call.signature = "ok"
        work.call.key_id = work.key.key_id

    def _parse(self, work: Work) -> dict[str, Any]:
        if work.protocol == "query":
            shape = self.models[work.service].input_shape(work.operation)
            return query.from_form(shape, query.parse_form(work.request.body))
        try:
            value = _JSON.decode(work.request.body.decode("utf-8"))
            if b"\\ud" in work.request.body.lower():
                json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            raise AwsError("SerializationException", f"the body is no JSON: {error}") from None
        if type(value) is not dict:
            raise AwsError("SerializationException", "the body is no JSON object")
        return value

    def _cross_check(self, work: Work) -> None:
        """The expensive second opinions: botocore's canonical request, and JSON without repeated members."""
        if work.key is not None:
            auth = sigv4.Authorization((work.request.header("authorization") or ""))
            other = sigv4.check_with_botocore(work.request, auth.names)
            if other is not None:
                self.bug(f"botocore's canonical request is another one:\n{other}")
        if work.protocol == "json":
            json.loads(work.request.body, object_pairs_hook=_no_repeats)

    def _with_faults(self, call: Call, params: dict[str, Any], effect: Callable[[Wish | None], Any],
                     fail: Callable[[AwsError], Reply]) -> Reply | asyncio.Future[Reply]:
        delays, rule = self.faults.choose(call.operation, params)
        if delays or rule:
            call.fault = ",".join(each.kind for each in [*delays, *([rule] if rule else [])])
        before = sum(each.detail("delay_s", 1.0) for each in delays if not each.effect)
        after = sum(each.detail("delay_s", 1.0) for each in delays if each.effect)
        if not before and not after:
            return self._spoiled(call, rule, effect, fail)
        return asyncio.ensure_future(self._delayed(call, rule, effect, fail, before, after))

    async def _delayed(self, call: Call, rule: Rule | None, effect: Callable[[Wish | None], Any],
                       fail: Callable[[AwsError], Reply], before: float, after: float) -> Reply:
        try:
            await asyncio.sleep(before)
            reply = self._spoiled(call, rule, effect, fail)
            if not isinstance(reply, Reply):
                reply = await reply
            await asyncio.sleep(after)
            return reply
        except Exception:  # pylint: disable=broad-except
            return self._bug(call)

    def _spoiled(self, call: Call, rule: Rule | None, effect: Callable[[Wish | None], Any],
                 fail: Callable[[AwsError], Reply]) -> Reply | asyncio.Future[Reply]:
        """Effect and answer, as the rule (if any) leaves them."""
        if rule is None:
            answer = effect(None)
            if isinstance(answer, Reply):
                self._done(call, answer)
            else:
                answer.add_done_callback(lambda done: self._done(call, done.result()))
            return answer
        if rule.kind == "failures":
            wish = Wish(rule.detail("failed", None), rule.detail("reason", "RESOURCE:CPU"),
                        rule.detail("detail", None), rule.detail("arn", True))
            reply = effect(wish)
        else:
            reply = effect(None) if rule.effect else Reply(200, b"{}")
        if not isinstance(reply, Reply):
            reply.cancel()  # a long poll that a fault cuts short
            reply = Reply(200, b"{}")
        error = rule.error()
        reply = fail(error) if error is not None else rule.spoil(reply)
        self._done(call, reply)
        return reply

    def _done(self, call: Call, reply: Reply) -> None:
        call.status = reply.status if reply.mode in ("send", "cut", "drip") else None
        self.on_call(call)

    def _effect(self, work: Work, wish: Wish | None) -> Reply | asyncio.Future[Reply]:
        params = work.params
        work.call.effect = True
        try:
            if work.service == "ecs":
                answer: Any = self.ecs.call(work.operation, params, work.call.number, wish)
            elif work.service == "sqs":
                answer = self.sqs.call(work.operation, params, work.request.header("host") or "")
            else:
                answer = self.sts.call(work.operation, params, work.key)
        except AwsError as error:
            work.call.effect = False
            return self._fail(work, error)
        if isinstance(answer, dict):
            return self._success(work, answer)
        return asyncio.ensure_future(self._success_later(work, answer))

    async def _success_later(self, work: Work, answer: asyncio.Future[Any]) -> Reply:
        return self._success(work, await answer)

    def _success(self, work: Work, answer: dict[str, Any]) -> Reply:
        if work.operation == "RunTask":
            work.call.tasks = [task["taskArn"] for task in answer["tasks"]]
            work.call.failures = len(answer["failures"])
            # A clientToken that was there before makes no new launch.
            work.call.effect = self.ecs.launches[-1].call == work.call.number
        model = self.models[work.service]
        if self.settings.cross_check and work.protocol == "json":
            for problem in model.output_problems(work.operation, answer):
                self.bug(f"the answer to {work.operation} is not as the model wants it: {problem}")
        request_id = _request_id(work.call)
        if work.protocol == "query":
            body = query.success(work.operation, model.output_shape(work.operation), answer, work.namespace,
                                 request_id)
        else:
            body = json.dumps(answer, separators=(",", ":")).encode()
        return Reply(200, body, work.content_type, [("x-amzn-RequestId", request_id)])

    def _fail(self, work: Work, error: AwsError) -> Reply:
        call = work.call
        call.service, call.protocol = work.service, work.protocol
        call.operation = call.operation or work.operation or "(unknown)"
        call.error, call.message = error.code, error.message
        request_id = _request_id(call)
        headers = [("x-amzn-RequestId", request_id)]
        if work.protocol == "query":
            reply = Reply(error.in_query()[1], query.failure(error, work.namespace, request_id), "text/xml",
                          headers)
        else:
            if work.service == "sqs":
                headers.append(("x-amzn-query-error", error.sqs_query_error()))
            body = error.as_json(work.service)
            reply = Reply(error.status, json.dumps(body).encode(), work.content_type, headers)
        return reply

    @staticmethod
    def _plain_error(call: Call, error: AwsError) -> Reply:
        """An error of the metadata endpoints, which have no names for them."""
        call.error, call.message = error.code, error.message
        return Reply(error.status, json.dumps({"Code": error.code, "Message": error.message}).encode())

    def _bug(self, call: Call) -> Reply:
        self.bug(traceback.format_exc())
        call.status, call.error = 500, "InternalFailure"
        body = {"__type": "InternalFailure", "message": "a fault of the stand-in, see its stderr"}
        return Reply(500, json.dumps(body).encode())


def _request_id(call: Call) -> str:
    """x-amzn-RequestId: like AWS's in form, and it leads back to the journal."""
    return f"00000000-0000-4000-8000-{call.number:012x}"


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise AwsError("SerializationException", "a member is there twice")
    return value
