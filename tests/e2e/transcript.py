"""Replays tests/data/transcript.jsonl: requests to the Python ECS Scheduler and its answers, in order, from an empty store.

An answer is the same if status, media type, presence of an ETag, Allow as a set and body are. In the body these are set
aside: times, unless the case is marked "dates"; the numbers that were chosen for `?`; the order of query parameters in
links. Left out are requestId of errors and updatedBy of jobs, which are new.
"""
import http.client
import json
import pathlib
import re
from urllib.parse import parse_qsl, urlsplit

CASES = pathlib.Path(__file__).resolve().parents[1] / "data" / "transcript.jsonl"
TIMES = ("estimatedNextRun", "lastRun", "scheduleStart", "scheduleEnd")
DEADLINE_S = 60


def load():
    return [json.loads(line) for line in CASES.read_text().splitlines()]


def take_request_id(answer):
    """Each answer has another, so it is taken out of an error's body, where it has to be the header's."""
    if isinstance(answer.json, dict) and ("message" in answer.json or "messages" in answer.json):
        if answer.json.pop("requestId", None) != answer.headers["X-Request-Id"]:
            raise AssertionError(f"the error names another request than {answer.headers['X-Request-Id']}: {answer.text}")


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()
        self.media_type = response.headers.get_content_type() if response.headers.get("Content-Type") else None
        self.allow = {word.strip() for word in response.headers.get("Allow", "").split(",")} - {""}
        try:
            self.json = json.loads(self.text)
        except ValueError:
            self.json = None
        take_request_id(self)


class Replay:
    def __init__(self, address):
        self.address = address
        self.etags = {}

    def send(self, case):
        headers = {name: re.sub(r"\$\{etag:([^}]*)\}", lambda m: self.etags[m.group(1)], value)
                   for name, value in case.get("headers", {}).items()}
        body = bytes.fromhex(case["body_hex"]) if "body_hex" in case else case.get("body")
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection(*self.address, timeout=DEADLINE_S)
        try:
            connection.putrequest(case["method"], case["path"], skip_accept_encoding=True)
            chunked = headers.get("Transfer-Encoding") == "chunked"
            if not chunked and (body is not None or case["method"] in ("POST", "PUT", "PATCH")):
                connection.putheader("Content-Length", str(len(body or b"")))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body, encode_chunked=chunked)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        self.etags[case["case"]] = answer.headers.get("ETag", '""')
        return answer


def link(text):
    """A link with its query as a set."""
    parts = urlsplit(text)
    return parts.path, frozenset(parse_qsl(parts.query, keep_blank_values=True))


def wild(schedule, template):
    """The schedule with the template's `?` put back where a number of the field's range stands."""
    words, places = schedule.split(" "), template.split(" ")
    for at, top in ((0, 60), (1, 60), (2, 24)):
        if places[at] == "?" and words[at].isdecimal() and int(words[at]) < top:
            words[at] = "?"
    return " ".join(words)


def plain(value, dates, template=None):
    """A body with what is set aside put in a form that compares equal."""
    if isinstance(value, list):
        return [plain(item, dates, template) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, item in value.items():
        if key == "updatedBy":
            continue
        if key in TIMES and not dates:
            result[key] = "a time"
        elif key in ("prev", "next"):
            result[key] = link(item)
        elif key == "schedule" and template and isinstance(item, str):
            result[key] = wild(item, template)
        else:
            result[key] = plain(item, dates, template)
    return result


def differences(case, expected, answer):
    """What is not the same, a line each."""
    marks = case.get("marks", {})
    pairs = [("status", expected["status"], answer.status), ("media type", expected["mediaType"], answer.media_type),
             ("ETag", expected["etag"], "ETag" in answer.headers)]
    if "allow" in expected:
        pairs.append(("Allow", set(expected["allow"]), answer.allow))
    if "json" in expected:
        pairs.append(("body", plain(expected["json"], marks.get("dates"), marks.get("wild")),
                      plain(answer.json, marks.get("dates"), marks.get("wild"))))
    elif case["method"] == "HEAD":
        pairs.append(("body", "", answer.text))
    return [f"{name}: {was!r} there, {is_!r} here" for name, was, is_ in pairs if was != is_]
