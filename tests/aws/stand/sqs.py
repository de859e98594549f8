"""The Simple Queue Service: queues with real messages, and counts that a test can set without sending any."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from stand.clock import Clock
from stand.errors import AwsError
from stand.tasks import new_id

TARGET = "AmazonSQS"
VERSION = "2012-11-05"
NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z|[A-Za-z0-9_-]{1,75}\.fifo\Z")
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
           "ApproximateNumberOfMessagesDelayed")
_ATTRIBUTES = {
    *_COUNTS, "All", "ContentBasedDeduplication", "CreatedTimestamp", "DeduplicationScope", "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit", "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "LastModifiedTimestamp",
    "MaximumMessageSize", "MessageRetentionPeriod", "Policy", "QueueArn", "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
    # of a message, which ReceiveMessage takes under the same name
    "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn",
}


@dataclass
class Message:
    """One message; from visible_age on it can be received."""

    body: str
    visible_age: float
    delayed: bool
    ident: str = field(default_factory=new_id)
    receipt: str | None = None
    received: int = 0


@dataclass
class Queue:
    """One queue. `extra` counts messages that are not there: visible, in flight, delayed."""

    name: str
    account: str
    attributes: dict[str, str]
    created: int
    extra: list[int] = field(default_factory=lambda: [0, 0, 0])
    messages: list[Message] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def counts(self, age: float) -> list[int]:
        """Visible, in flight, delayed."""
        found = list(self.extra)
        for message in self.messages:
            found[0 if message.visible_age <= age else 2 if message.delayed else 1] += 1
        return found


class Sqs:
    """The service's state and its operations."""

    def __init__(self, region: str, account: str, clock: Clock) -> None:
        self.region = region
        self.account = account
        self.clock = clock
        self.scheme = "http"  # of queue URLs
        self.queues: dict[tuple[str, str], Queue] = {}
        self.operations: dict[str, Callable[[dict[str, Any], str], Any]] = {
            "CreateQueue": self.create, "GetQueueUrl": self.get_url,
            "GetQueueAttributes": self.get_attributes,
            "SendMessage": self.send, "ReceiveMessage": self.receive, "DeleteMessage": self.delete,
        }

    def call(self, operation: str, params: dict[str, Any], host: str) -> dict[str, Any] | asyncio.Future[Any]:
        """Do one checked call; `host` goes into queue URLs."""
        return self.operations[operation](params, host)

    @staticmethod
    def check_names(params: dict[str, Any]) -> None:
        """SQS has an error of its own for attributes that it does not know."""
        names = params.get("AttributeNames")
        for name in names if isinstance(names, list) else []:
            if isinstance(name, str) and name not in _ATTRIBUTES:
                raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")

    def set_queue(self, name: str, account: str | None = None, visible: int = 0, in_flight: int = 0,
                  delayed: int = 0) -> Queue:
        """Make a queue if it is not there, and set the counts it shows beyond its real messages."""
        if not _NAME.match(name):
            raise AwsError("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or "
                           "underscores. 1 to 80 in length")
        key = (account or self.account, name)
        queue = self.queues.get(key)
        if queue is None:
            queue = self.queues[key] = Queue(name, key[0], {}, int(self.clock.now()))
        queue.extra = [visible, in_flight, delayed]
        return queue

    def create(self, params: dict[str, Any], host: str) -> dict[str, Any]:
        """CreateQueue."""
        name, attributes = params["QueueName"], params.get("Attributes") or {}
        known = self.queues.get((self.account, name))
        if known is not None and any(known.attributes.get(key) != value for key, value in attributes.items()):
            raise AwsError("QueueAlreadyExists",
                           f"A queue already exists with the same name and a different value "
                           f"for attribute {sorted(attributes)[0]}")
        if known is None:
            self.set_queue(name).attributes = dict(attributes)
        return {"QueueUrl": self._url(self.queues[(self.account, name)], host)}

    def get_url(self, params: dict[str, Any], host: str) -> dict[str, Any]:
        """GetQueueUrl."""
        queue = self.queues.get((params.get("QueueOwnerAWSAccountId") or self.account, params["QueueName"]))
        if queue is None:
            raise _no_queue()
        return {"QueueUrl": self._url(queue, host)}

    def get_attributes(self, params: dict[str, Any], host: str) -> dict[str, Any]:
        """GetQueueAttributes: nothing unless asked for, and all values are strings."""
        queue = self._queue(params)
        names = params.get("AttributeNames") or []
        every = dict(zip(_COUNTS, map(str, queue.counts(self.clock.age()))))
        every.update({"QueueArn": f"arn:aws:sqs:{self.region}:{queue.account}:{queue.name}",
                      "CreatedTimestamp": str(queue.created), "LastModifiedTimestamp": str(queue.created),
                      "VisibilityTimeout": "30", "MaximumMessageSize": "262144",
                      "MessageRetentionPeriod": "345600",
                      "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
                      "SqsManagedSseEnabled": "true"})
        if queue.name.endswith(".fifo"):
            every["FifoQueue"] = "true"
        every.update(queue.attributes)
        if "All" in names:
            return {"Attributes": every}
        chosen = {name: every[name] for name in names if name in every}
        return {"Attributes": chosen} if chosen else {}

    def send(self, params: dict[str, Any], host: str) -> dict[str, Any]:
        """SendMessage."""
        queue = self._queue(params)
        body = params["MessageBody"]
        if not body or len(body.encode()) > 262144:
            raise AwsError("InvalidParameterValue",
                           "One or more parameters are invalid. Reason: Message must be 1 "
                           "to 262144 bytes.")
        delay = params.get("DelaySeconds")
        if delay is None:
            delay = int(queue.attributes.get("DelaySeconds", "0"))
        message = Message(body, self.clock.age() + delay, delay > 0)
        queue.messages.append(message)
        waiting, queue.waiting = queue.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        return {"MessageId": message.ident, "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}

    def receive(self, params: dict[str, Any], host: str) -> dict[str, Any] | asyncio.Future[Any]:
        """ReceiveMessage; a future when it has to wait for messages."""
        queue = self._queue(params)
        count, wait = params.get("MaxNumberOfMessages") or 1, params.get("WaitTimeSeconds")
        if wait is None:
            wait = int(queue.attributes.get("ReceiveMessageWaitTimeSeconds", "0"))
        if not 1 <= count <= 10:
            raise AwsError("InvalidParameterValue",
                           f"Value {count} for parameter MaxNumberOfMessages is invalid. "
                           "Reason: Must be between 1 and 10, if provided.")
        if not 0 <= wait <= 20:
            raise AwsError("InvalidParameterValue",
                           f"Value {wait} for parameter WaitTimeSeconds is invalid. Reason: "
                           "Must be >= 0 and <= 20, if provided.")
        answer = self._take(queue, count, params)
        if answer or not wait:
            return answer
        return asyncio.ensure_future(self._receive_later(queue, count, params, wait))

    async def _receive_later(self, queue: Queue, count: int, params: dict[str, Any],
                             wait: float) -> dict[str, Any]:
        arrived = asyncio.get_running_loop().create_future()
        queue.waiting.append(arrived)
        await asyncio.wait([arrived], timeout=wait)
        return self._take(queue, count, params)

    def _take(self, queue: Queue, count: int, params: dict[str, Any]) -> dict[str, Any]:
        age = self.clock.age()
        hidden = params.get("VisibilityTimeout")
        if hidden is None:
            hidden = int(queue.attributes.get("VisibilityTimeout", "30"))
        taken = []
        for message in queue.messages:
            if message.visible_age <= age and len(taken) < count:
                message.visible_age, message.delayed = age + hidden, False
                message.receipt = secrets.token_urlsafe(24)
                message.received += 1
                taken.append({"MessageId": message.ident, "ReceiptHandle": message.receipt,
                              "Body": message.body,
                              "MD5OfBody": hashlib.md5(message.body.encode()).hexdigest()})
        return {"Messages": taken} if taken else {}

    def delete(self, params: dict[str, Any], host: str) -> dict[str, Any]:
        """DeleteMessage."""
        queue = self._queue(params)
        found = [message for message in queue.messages if message.receipt == params["ReceiptHandle"]]
        if not found and len(params["ReceiptHandle"]) != 32:
            raise AwsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        queue.messages = [message for message in queue.messages if message not in found]
        return {}

    def _queue(self, params: dict[str, Any]) -> Queue:
        parts = urlsplit(params["QueueUrl"]).path.split("/")
        queue = self.queues.get((parts[1], parts[2])) if len(parts) == 3 else None
        if queue is None:
            raise _no_queue()
        return queue

    def _url(self, queue: Queue, host: str) -> str:
        return f"{self.scheme}://{host}/{queue.account}/{queue.name}"


def _no_queue() -> AwsError:
    return AwsError("QueueDoesNotExist", "The specified queue does not exist.")
