"""Where webapid answers otherwise than the Python ECS Scheduler did, case by case of tests/data/transcript.jsonl: what it
answers instead, by the reason. A reason is the first cell of a row in docs/compatibility.md, which says why.
"""
from transcript import plain

ANY = object()  # a value that is not looked at


class Instead:
    """What is answered instead: a status and, if body is given, that body(answer, recorded) is true. then is a request
    that brings the jobs to the state in which the old program left them, so that later cases can be the same."""

    def __init__(self, status, body=None, then=None):
        self.status, self.body, self.then = status, body, then

    def unexpected(self, answer, recorded):
        if answer.status != self.status:
            return f"status {answer.status}, not {self.status}: {answer.text[:300]}"
        if self.body is not None and not self.body(answer, recorded):
            return f"not the answer that is expected instead: {answer.text[:300]}"
        return None


def without_warnings(body):
    return {key: value for key, value in body.items() if key != "warnings"}


def warned(*paths):
    """The same answer with warnings about these fields."""
    def look(answer, recorded):
        return (without_warnings(answer.json) == recorded["json"]
                and [text.split(":")[0] for text in answer.json["warnings"]] == list(paths))

    return lambda recorded: Instead(recorded["status"], look)


def but(**changes):
    """The same job or list with these fields changed; None: without it."""
    def look(answer, recorded):
        want = {key: answer.json.get(key) if value is ANY else value
                for key, value in {**recorded["json"], **changes}.items() if value is not None}
        return plain(answer.json, True) == plain(want, True)

    return lambda recorded: Instead(200, look)


def complains(messages):
    return Instead(400, lambda answer, _: answer.json == {"messages": messages})


def unreadable(text):
    """The body is no JSON; text says why, with the place in front."""
    return Instead(400, lambda answer, _: answer.json["message"].endswith(text))


def tidy(value):
    if isinstance(value, dict):
        return {"schedule" if key == "parsedSchedule" else key: tidy(item) for key, item in value.items()}
    return list(dict.fromkeys(value)) if isinstance(value, list) else value


# The same messages: a schedule's under its own name, and no text twice.
tidied = Instead(400, lambda answer, recorded: answer.json == tidy(recorded["json"]))
# There is no such job, since its creation was refused.
gone = Instead(404, lambda answer, _: answer.json["message"].endswith(" does not exist."))
# The media type alone differs.
same_methods = Instead(200, lambda answer, recorded: answer.text == "" and answer.allow == set(recorded["allow"]))
# A change that was refused before.
saved = Instead(200, lambda answer, _: without_warnings(answer.json) == {
    "id": "pj", "link": {"rel": "item", "title": "Job for pj", "href": "/jobs/pj"}})

BAD_NAME = ["task definition names must contain only alphanumeric, underscore, and hyphen"]
BAD_CONTAINER = ["container names must contain only alphanumeric, underscore, and hyphen"]
BAD_QUEUE = ["Must be the name of an SQS queue, not its URL (that is queueUrl) or ARN: 1 to 80 letters, digits, hyphens and"
             " underscores, also with .fifo at the end."]
BAD_VARIABLE = ["The name of an environment variable is 1 to 255 bytes without \"=\"."]
BLANK = ["Schedule is blank; it needs at least the field \"second\""]
NEVER = ["Schedule can never fire: no date matches month \"2\" and day \"30\""]
NOT_INTEGER = ["Not a valid integer."]
NOT_STRING = ["Not a valid string."]
NOT_TIME = ["Not a valid datetime."]
SKIP_TOO_LARGE = ["Must be at most 1000000000."]
WRONG_TYPE = ["Invalid input type."]

DIFFERENCES = {
    "OPTIONS": {
        "home-options": same_methods,
        "spec-options": same_methods,
        "jobs-options": same_methods,
        "job-missing-options": same_methods,
        "create-minimal-options": same_methods,
        "jobs-options-preflight": same_methods,
    },
    "paths": {
        "double-slash": Instead(404),
        "job-missing-badutf8": Instead(404),
        "page ?skip=9999999999999999999999999999999999": Instead(414),
    },
    "media type": {
        "post-upper-ct": Instead(201, then=("DELETE", "/jobs/basic", None)),
        "post-jsonx-ct": Instead(415),
        "post-json-seq-ct": Instead(415),
        "post-jsonpatch-ct": Instead(415),
    },
    "JSON": {
        "post-latin1-ct": unreadable("this is not UTF-8"),
        "post-no-body": unreadable("the text is empty where a JSON value should be"),
        "post-empty-body": unreadable("the text is empty where a JSON value should be"),
        "post-bad-json": unreadable("a name in double quotes was expected"),
        "post-bad-json-trailing-comma": unreadable("no comma before the closing }"),
        "post-bad-json-single-quote": unreadable("names stand in double quotes"),
        "post-bad-json-trailing-data": unreadable("there is something after the end of the value"),
        "post-bad-json-comment": unreadable("comments are not allowed"),
        "post-utf16": unreadable("the text must be UTF-8, not UTF-16 or UTF-32"),
        "post-badutf8": unreadable("this is not UTF-8"),
        "post-nul-byte": unreadable("a control character inside a string has to be escaped"),
        "post-duplicate-keys": unreadable("this name is in the object already"),
        "post-deep-nesting": unreadable("nested deeper than 16 levels"),
        "taskCount-raw-1e400": unreadable("this number is too large"),
        "taskCount-raw-NaN": unreadable("NaN and Infinity are no JSON numbers"),
        "taskCount-raw-Infinity": unreadable("NaN and Infinity are no JSON numbers"),
        "maxCount-raw-1e400": unreadable("this number is too large"),
        "maxCount-raw-Infinity": unreadable("NaN and Infinity are no JSON numbers"),
        "maxCount-raw-leading-zero": unreadable("a number has no leading zeros"),
        "trigger-mpt-huge": unreadable("this number does not fit 64 bits"),
        "trigger-mpt-huge-get": gone,
        "put-no-body": unreadable("the text is empty where a JSON value should be"),
        "put-empty-body": unreadable("the text is empty where a JSON value should be"),
        "put-bad-json": unreadable("a name in double quotes was expected"),
        "huge-int-unknown": unreadable("this number does not fit 64 bits"),
        "lone-surrogate": unreadable("a high surrogate without a low one after it"),
        "lone-surrogate-env": unreadable("a high surrogate without a low one after it"),
        "lone-surrogate-env-get": gone,
    },
    "errors in a schedule": {
        "schedule-001 '-1'": tidied,
        "schedule-002 '*/0'": tidied,
        "schedule-003 '*/60'": tidied,
        "schedule-006 '1-'": tidied,
        "schedule-007 '-'": tidied,
        "schedule-008 ','": tidied,
        "schedule-010 '1,,2'": tidied,
        "schedule-015 'a'": tidied,
        "schedule-016 '1.5'": tidied,
        "schedule-020 '0 0 0 7'": tidied,
        "schedule-023 '0 0 0 monday'": tidied,
        "schedule-025 '0 0 0 fri-mon'": tidied,
        "schedule-027 '0 0 0 sun-mon'": tidied,
        "schedule-031 '0 0 0 * 54'": tidied,
        "schedule-033 '0 0 0 * * 0'": tidied,
        "schedule-042 '0 0 0 * * 1st_xyz'": tidied,
        "schedule-043 '0 0 0 * * first_mon'": tidied,
        "schedule-046 '0 0 0 * * xth_y'": tidied,
        "schedule-049 '0 0 0 * * -1'": tidied,
        "schedule-051 '0 0 0 * * * 0'": tidied,
        "schedule-052 '0 0 0 * * * 13'": tidied,
        "schedule-055 '0 0 0 * * * dec-jan'": tidied,
        "schedule-058 '0 0 0 * * 1 1 1969'": tidied,
        "schedule-062 '0 0 0 * * 1 1 10000'": tidied,
        "schedule-079 '+1 0 0 * * 1 1 2099'": tidied,
        "schedule-081 '99999999999999999999'": tidied,
        "schedule-084 '0 0 0 * * ? 1 2099'": tidied,
        "schedule-088 '0 0 0 L'": tidied,
        "schedule-089 '0 0 0 * * L'": tidied,
        "schedule-091 '0 0 0 5#3'": tidied,
        "schedule-093 '@reboot'": tidied,
        "put-invalid-schedule-bad": tidied,
        "many-errors": tidied,
    },
    "`parsedSchedule` in a body": {
        "parsed-schedule-ignored": warned("parsedSchedule"),
        "parsed-schedule-bad-with-empty-schedule": complains({"schedule": BLANK}),
        "parsed-schedule-with-empty-schedule-get": gone,
        "parsed-schedule-with-empty-schedule-delete": gone,
        "put-parsed-schedule": warned("parsedSchedule"),
        "put-parsed-schedule-get": but(estimatedNextRun="2099-01-01T00:00:00+00:00"),
        "put-parsed-schedule-null": saved,
        "put-parsed-schedule-empty": warned("parsedSchedule"),
        "put-parsed-schedule-bad-key": saved,
        "put-parsed-schedule-string": saved,
        "put-parsed-schedule-list": saved,
        "put-parsed-schedule-bad-value": saved,
    },
    "more in `overrides`": {
        "overrides-extra-get": but(overrides=ANY),
    },
    "unknown fields": {
        "create-unknown-fields": warned("foo", "bar", "Schedule", "taskcount"),
        "create-readonly-fields": warned("lastRun", "lastRunTasks", "estimatedNextRun", "link"),
        "create-readonly-bad": warned("lastRun", "estimatedNextRun", "link"),
        "trigger-extra": warned("trigger.foo"),
        "put-unknown": warned("foo"),
        "put-id": warned("id"),
        "put-id-invalid": warned("id"),
        "put-readonly": warned("lastRun", "estimatedNextRun", "lastRunTasks", "link"),
    },
    "what is accepted, but hardly meant": {
        "max-lt-count": warned("maxCount"),
        "start-year9999": warned("scheduleStart"),
        "end-offset": warned("scheduleEnd"),
        "end-past": warned("scheduleEnd"),
        "start-after-end": warned("scheduleEnd"),
        "overrides-dup-container": warned("overrides"),
        "overrides-tag-clash": warned("overrides.0.environment.ECS_SCHEDULER_OVERRIDE_TAG"),
        "schedule-059 '0 0 0 * * 1 1 1970'": warned("schedule"),
        "put-schedule-end-past": warned("scheduleEnd"),
    },
    "names (`id`, `taskDefinition`, `containerName`)": {
        "taskdef-kelvin-sign": complains({"taskDefinition": BAD_NAME}),
        "taskdef-kelvin-sign-get": gone,
        "taskdef-3000": complains({"taskDefinition": ["Longer than maximum length 255."]}),
        "cleanup-a%E2%84%AA": gone,
        "cleanup-yyyyyyyyyy": Instead(404),
        "overrides-name-empty": complains({"overrides": {"0": {"containerName": BAD_CONTAINER}}}),
        "overrides-name-empty-get": gone,
    },
    "a wrong `taskDefinition`": {
        "taskdef-invalid-space": tidied,
        "taskdef-invalid-revision": tidied,
        "taskdef-invalid-slash": tidied,
        "taskdef-invalid-empty": tidied,
        "taskdef-invalid-number": tidied,
        "taskdef-invalid-float": tidied,
        "taskdef-invalid-list": tidied,
        "taskdef-invalid-unicode": tidied,
        "taskdef-invalid-arn": tidied,
        "taskdef-dotdot": tidied,
    },
    "integers": {
        "taskCount-float-frac": complains({"taskCount": NOT_INTEGER}),
        "taskCount-float-frac-get": gone,
        "taskCount-float-below": complains({"taskCount": NOT_INTEGER}),
        "taskCount-float-50.9": complains({"taskCount": NOT_INTEGER}),
        "taskCount-float-50.9-get": gone,
        "taskCount-str-underscore": complains({"taskCount": NOT_INTEGER}),
        "taskCount-str-underscore-get": gone,
        "taskCount-false": complains({"taskCount": NOT_INTEGER}),
        "maxCount-float-frac": complains({"maxCount": NOT_INTEGER}),
        "maxCount-float-frac-get": gone,
        "maxCount-str-arabic": complains({"maxCount": NOT_INTEGER}),
        "maxCount-str-arabic-get": gone,
        "maxCount-false": complains({"maxCount": NOT_INTEGER}),
        "trigger-mpt-frac": complains({"trigger": {"messagesPerTask": NOT_INTEGER}}),
        "trigger-mpt-frac-get": gone,
        "page ?skip=1_0": complains({"skip": NOT_INTEGER}),
        "page ?skip=%D9%A3&count=2": complains({"skip": NOT_INTEGER}),
    },
    "`null` in PUT": {
        "put-invalid-taskCount-null": saved,
        "put-invalid-maxCount-null": Instead(200, then=("PUT", "/jobs/pj", {"maxCount": 2})),
        "put-invalid-start-null": Instead(200, then=("PUT", "/jobs/pj", {"scheduleStart": "2097-01-01T00:00:00Z"})),
        "put-invalid-end-null": Instead(200, then=("PUT", "/jobs/pj", {"scheduleEnd": "2120-01-01T00:00:00Z"})),
        "put-invalid-tz-null": Instead(200, then=("PUT", "/jobs/pj", {"timezone": ""})),
        "put-invalid-trigger-null": Instead(200, then=("PUT", "/jobs/pj", {"trigger": {"type": "noop"}})),
        "put-invalid-overrides-null": Instead(200, then=("PUT", "/jobs/pj", {"overrides": []})),
        "put-invalid-suspended-null": Instead(200, then=("PUT", "/jobs/pj", {"suspended": False})),
    },
    "job without `taskDefinition`": {
        "create-id-only-get": but(taskDefinition="only-id"),
    },
    "lists": {
        "page ?skip=10": but(prev="/jobs"),
        "page ?skip=10&count=10": but(prev="/jobs"),
        "page ?skip=5": but(prev="/jobs"),
        "page ?skip=2&count=0": but(prev=None, next=None),
        "page ?skip=%201": but(prev="/jobs"),
        "page ?skip=1&count=9223372036854775807": Instead(200, lambda answer, _: len(answer.json["jobs"]) == 24),
        "page ?count=99999999999999999999999999": Instead(200, lambda answer, _: len(answer.json["jobs"]) == 25),
    },
    "`ETag`": {
        "home-if-none-match": Instead(304),
        "home-if-none-match-star": Instead(304),
        "put-if-match-bogus": Instead(412, then=("PUT", "/jobs/pj", {"taskCount": 4})),
        "etag-if-none-match": Instead(304),
        "etag-if-none-match-weak": Instead(304),
        "delete-if-match-bogus": Instead(412, then=("DELETE", "/jobs/td2", None)),
    },
    "a body that is no object, a `schedule` or `trigger` of a wrong type, an offset of 24 hours and more, a huge `skip`": {
        "post-array": complains({"_schema": WRONG_TYPE}),
        "post-array-of-job": complains({"_schema": WRONG_TYPE}),
        "post-null": complains({"_schema": WRONG_TYPE}),
        "post-string": complains({"_schema": WRONG_TYPE}),
        "post-number": complains({"_schema": WRONG_TYPE}),
        "post-true": complains({"_schema": WRONG_TYPE}),
        "start-offset-24": complains({"scheduleStart": NOT_TIME}),
        "start-offset-99": complains({"scheduleStart": NOT_TIME}),
        "trigger-empty-list": complains({"trigger": {"_schema": WRONG_TYPE}}),
        "trigger-false": complains({"trigger": {"_schema": WRONG_TYPE}}),
        "schedule-type-number": complains({"schedule": NOT_STRING}),
        "schedule-type-true": complains({"schedule": NOT_STRING}),
        "schedule-type-list": complains({"schedule": NOT_STRING}),
        "put-array": complains({"_schema": WRONG_TYPE}),
        "put-null": complains({"_schema": WRONG_TYPE}),
        "put-string": complains({"_schema": WRONG_TYPE}),
        "put-invalid-schedule-number": complains({"schedule": NOT_STRING}),
        "put-invalid-two-errors": complains({
            "taskCount": ["Must be between 1 and 50."], "timezone": ["Invalid timezone format: x"], "trigger": {"_schema": WRONG_TYPE},
            "schedule": ["Invalid schedule syntax: Error validating expression '99': the last value (99) is higher than the maximum"
                         " value (59)"]}),
        "page ?skip=9223372036854775807": complains({"skip": SKIP_TOO_LARGE}),
        "page ?skip=9223372036854775808": complains({"skip": SKIP_TOO_LARGE}),
        "page ?skip=99999999999999999999999999": complains({"skip": SKIP_TOO_LARGE}),
    },
    "unknown trigger types": {
        "trigger-SQS-upper": complains({"trigger": {"type": ["Unknown trigger type; must be \"sqs\" or \"noop\"."]}}),
        "trigger-SQS-upper-get": gone,
    },
    "queue names": {
        "trigger-sqs-empty-queue": complains({"trigger": {"queueName": BAD_QUEUE}}),
        "trigger-sqs-empty-queue-get": gone,
        "trigger-sqs-url": complains({"trigger": {"queueName": BAD_QUEUE}}),
        "trigger-sqs-url-get": gone,
    },
    "environment variables": {
        "overrides-env-number-value": complains({"overrides": {"0": {"environment": {
            "A": NOT_STRING, "B": ["Field may not be null."], "C": NOT_STRING, "D": NOT_STRING, "E": NOT_STRING}}}}),
        "overrides-env-number-value-get": gone,
        "overrides-env-empty-key": complains({"overrides": {"0": {"environment": {"": BAD_VARIABLE}}}}),
        "overrides-env-empty-key-get": gone,
    },
    '`"schedule": ""`': {
        "schedule-type-empty": complains({"schedule": BLANK}),
        "schedule-type-empty-get": gone,
        "schedule-type-empty-delete": gone,
        "put-schedule-empty": complains({"schedule": BLANK}),
        "put-schedule-empty-get": but(schedule="0 0 0 * * 1 1 2099"),
    },
    "a schedule that never matches": {
        "schedule-066 '0 0 0 * * 30 2 2099'": complains({"schedule": NEVER}),
        "schedule-066-get": gone,
        "put-schedule-never": complains({"schedule": NEVER}),
        "put-schedule-never-get": but(schedule=ANY, estimatedNextRun=ANY),
    },
    "a time that the clock skips": {
        "cal-gap-0200-get": but(estimatedNextRun="2036-03-09T03:00:00-04:00"),
        "cal-gap-only-that-day-get": but(estimatedNextRun="2036-03-09T03:30:00-04:00"),
        "cal-london-gap-get": but(estimatedNextRun="2036-03-30T02:30:00+01:00"),
        "cal-lh-gap-get": but(estimatedNextRun="2036-10-05T02:45:00+11:00"),
    },
    "clocks go back": {
        "cal-overlap-0130-get": but(estimatedNextRun="2036-11-02T01:30:00-04:00"),
        "cal-overlap-0130-between-get": but(estimatedNextRun="2036-11-03T01:30:00-05:00"),
        "cal-london-overlap-get": but(estimatedNextRun="2036-10-26T01:30:00+01:00"),
    },
    "`scheduleStart`, `scheduleEnd` without an offset": {
        "start-naive-in-tz-get": but(scheduleStart="2099-01-01T00:00:00-05:00"),
        "end-naive-in-tz-get": but(scheduleEnd="2099-01-01T00:00:00-05:00"),
    },
    '`"   "` as a schedule': {
        "schedule-blank": complains({"schedule": BLANK}),
        "schedule-blank-get": gone,
        "schedule-blank-delete": gone,
    },
    "text after the eighth field; `mon/2` (which means `mon`)": {
        "schedule-028 '0 0 0 mon/2'": warned("schedule"),
        "schedule-070 '0 0 0 * * 1 1 2099 9'": warned("schedule"),
        "schedule-096 '0 0 0 mon_tue * * * 2099'": warned("schedule"),
        "wild-5": warned("schedule"),
    },
    "`estimatedNextRun`": {
        "put-suspend-get": but(estimatedNextRun=None),
        "put-schedule-end-past-get": but(estimatedNextRun=None),
    },
}
