"""Errors as AWS names them, in both wire protocols.

Code raises AwsError with the name that the JSON protocols use; the query protocol has older names and
other HTTP statuses for some of them, so the translation is a table here and nowhere else.
"""

from __future__ import annotations

# JSON name -> (query name, query status). Names that are not here are the same in both.
_QUERY_NAMES = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "QueueDoesNotExist": ("AWS.SimpleQueueService.NonExistentQueue", 400),
    "SerializationException": ("MalformedQueryString", 400),
    "ThrottlingException": ("Throttling", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
}

# Errors that no service has of its own come from the layer before it, which writes their names so.
_COMMON = {"ExpiredTokenException", "IncompleteSignatureException", "InvalidSignatureException",
           "MissingAuthenticationTokenException", "UnknownOperationException", "UnrecognizedClientException"}

# What SQS tells in x-amzn-query-error, for clients that knew it before JSON.
_SQS_QUERY_ERROR = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}


class AwsError(Exception):
    """One refused call: AWS's error name, the words, the HTTP status, and further members of the body."""

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members

    def in_query(self) -> tuple[str, int]:
        """The name and status of this error in the query protocol."""
        name, status = _QUERY_NAMES.get(self.code, (self.code, self.status))
        return name, (self.status if self.status >= 500 else status)

    def as_json(self, service: str) -> dict[str, object]:
        """The body of this error in the JSON protocols. AWS is not of one mind on names, nor is this."""
        prefix = "com.amazon.coral.service#" if self.code in _COMMON else (
            "com.amazonaws.sqs#" if service == "sqs" else "")
        text = "Message" if self.code == "AccessDeniedException" else "message"
        return {"__type": prefix + self.code, text: self.message, **self.members}

    def sqs_query_error(self) -> str:
        """The value of x-amzn-query-error that SQS sends beside its JSON errors."""
        fault = "Receiver" if self.status >= 500 else "Sender"
        return f"{_SQS_QUERY_ERROR.get(self.code, self.code)};{fault}"


def throttled() -> AwsError:
    """What AWS answers to who calls too often."""
    return AwsError("ThrottlingException", "Rate exceeded")
