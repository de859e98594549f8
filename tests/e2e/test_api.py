"""docs/api.md, sentence by sentence, against a real webapid and PostgreSQL. No scheduler runs: the tests write what it
would write."""
import contextlib
import http.client
import json
import sys
import threading
import time
import unittest
from urllib.parse import quote

import psycopg2
from stack import DATABASE, DEADLINE_S, SOURCE, Stack, wait_until
from transcript import take_request_id

sys.path[:0] = [str(SOURCE / "tests" / "fault")]
from relay import Relay  # noqa: E402

LATER = "0 0 0 * * 1 1 2099"
stack = None


def setUpModule():
    global stack
    stack = Stack()
    stack.start()
    unittest.addModuleCleanup(stack.stop)
    stack.start_webapid()


class Answer:
    def __init__(self, response):
        self.status, self.reason, self.headers, self.text = response.status, response.reason, response.headers, response.read().decode()
        self.json = json.loads(self.text) if self.text else None
        take_request_id(self)
        for job in [self.json, *(self.json.get("jobs") or [])] if isinstance(self.json, dict) else []:
            self.updated_by = job.pop("updatedBy", None)  # test_access.py looks at it

    def __repr__(self):
        return f"{self.status} {self.text[:500]}"


def call(method, path, body=None, address=None, **headers):
    """One request; a body that is no bytes goes as JSON."""
    connection = http.client.HTTPConnection(*(address or stack.address), timeout=DEADLINE_S)
    try:
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if method in ("POST", "PUT"):
            headers.setdefault("Content_Type", "application/json")
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Api(unittest.TestCase):
    def setUp(self):
        stack.check()
        stack.sql("DELETE FROM jobs")

    def call(self, expected, method, path, body=None, **headers):
        answer = call(method, path, body, **headers)
        self.assertEqual(answer.status, expected, answer)
        return answer

    def create(self, id="a", schedule=LATER, **fields):
        return self.call(201, "POST", "/jobs", {"taskDefinition": id, "schedule": schedule, **fields})

    def put(self, expected=200, id="a", **fields):
        return self.call(expected, "PUT", f"/jobs/{id}", fields)

    def get(self, id="a"):
        return self.call(200, "GET", f"/jobs/{id}").json

    def messages(self, method, path, body):
        return self.call(400, method, path, body).json["messages"]

    def refuses(self, messages, **fields):
        """As a new job and as a change."""
        self.assertEqual(self.messages("POST", "/jobs", {"taskDefinition": "b", "schedule": LATER, **fields}), messages)
        if not stack.sql("SELECT 1 FROM jobs WHERE id = 'a'"):
            self.create()
        before = self.get()
        self.assertEqual(self.messages("PUT", "/jobs/a", fields), messages)
        self.assertEqual(self.get(), before)

    def arm(self, id="a", next_run="2099-01-01T00:00:00Z", **columns):
        """What scheduld does when it has seen the job."""
        columns = {"next_run": next_run, **columns}
        names = ", ".join(columns)
        stack.sql(f"INSERT INTO job_state (job_id, armed_revision, {names})"
                  f" SELECT id, revision, {', '.join(['%s'] * len(columns))} FROM jobs WHERE id = %s"
                  " ON CONFLICT (job_id) DO UPDATE SET (armed_revision, " + names + ") ="
                  " ROW(excluded.armed_revision, " + ", ".join(f"excluded.{c}" for c in columns) + ")",
                  [*columns.values(), id], user="sched")


class WalkThrough(Api):
    def test_as_the_readme_of_old_has_it(self):
        self.create("sleeper-task", "25 */5")
        self.assertEqual(self.get("sleeper-task")["taskCount"], 1)
        self.put(id="sleeper-task", schedule="? */5")
        self.assertRegex(self.get("sleeper-task")["schedule"], r"^[0-5]?\d \*/5$")
        self.call(409, "POST", "/jobs", {"taskDefinition": "sleeper-task", "schedule": "0"})
        self.call(201, "POST", "/jobs", {
            "taskDefinition": "sleeper-task", "id": "long-sleep-task", "schedule": "? */7",
            "overrides": [{"containerName": "sleeper", "environment": {"SLEEP_SECONDS": "10"}}]})
        self.assertEqual([job["id"] for job in self.call(200, "GET", "/jobs").json["jobs"]], ["sleeper-task", "long-sleep-task"])
        self.create("consumer-task", "? */3", trigger={"type": "sqs", "queueName": "work", "messagesPerTask": 100})
        self.put(id="consumer-task", maxCount=10)
        self.assertEqual(self.get("consumer-task")["maxCount"], 10)
        self.assertEqual(self.call(200, "DELETE", "/jobs/consumer-task").json, {"id": "consumer-task"})
        self.call(404, "DELETE", "/jobs/consumer-task")


class Create(Api):
    def test_answers_id_link_location_and_tag(self):
        answer = self.create("consumer-task")
        self.assertEqual(answer.json, {"id": "consumer-task", "link": {
            "rel": "item", "title": "Job for consumer-task", "href": "/jobs/consumer-task"}})
        self.assertEqual(answer.headers["Location"], "/jobs/consumer-task")
        self.assertRegex(answer.headers["ETag"], r'^"r\d+-')

    def test_what_is_stored_is_shown(self):
        job = {"id": "all", "taskDefinition": "task", "schedule": "0 30 4 mon-fri", "scheduleStart": "2098-01-01T00:00:00+01:00",
               "scheduleEnd": "2099-01-01T00:00:00+00:00", "timezone": "Europe/Berlin", "taskCount": 3, "maxCount": 20, "misfireGraceSeconds": 0,
               "suspended": False, "trigger": {"type": "sqs", "queueName": "q.fifo", "messagesPerTask": 7},
               "overrides": [{"containerName": "c", "environment": {"A": "ä\"\\\n\u2028😀", "B": ""}}, {"containerName": "d"}]}
        self.call(201, "POST", "/jobs", job)
        shown = self.get("all")
        self.assertEqual(shown.pop("link"), {"rel": "item", "title": "Job for all", "href": "/jobs/all"})
        self.assertEqual(shown, job)

    def test_id_and_task_definition_stand_for_each_other(self):
        self.call(201, "POST", "/jobs", {"id": "i", "schedule": LATER})
        self.assertEqual(self.get("i")["taskDefinition"], "i")
        self.create("t")
        self.assertEqual(self.get("t")["id"], "t")

    def test_an_id_that_is_taken(self):
        self.create("a", taskCount=5)
        answer = self.call(409, "POST", "/jobs", {"id": "a", "taskDefinition": "x", "schedule": LATER})
        self.assertEqual(answer.json, {"message": "Job a already exists."})
        self.assertEqual(self.get("a")["taskCount"], 5)
        self.call(400, "POST", "/jobs", {"id": "a", "schedule": LATER, "taskCount": 0})  # what is wrong comes first

    def test_many_at_once_with_one_id(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(call("POST", "/jobs", {"id": "one", "schedule": LATER}).status))
                   for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [201] + [409] * 15)

    def test_question_marks_are_chosen_once_and_differ(self):
        seen = set()
        for n in range(20):
            self.create(f"w{n}", "? ? ? * * 1 1 2099")
            words = self.get(f"w{n}")["schedule"].split()
            self.assertEqual(words[3:], ["*", "*", "1", "1", "2099"])
            self.assertTrue(int(words[0]) < 60 and int(words[1]) < 60 and int(words[2]) < 24, words)
            self.assertEqual(self.get(f"w{n}")["schedule"].split(), words)
            seen.add(tuple(words))
        self.assertGreater(len(seen), 15)

    def test_all_mistakes_at_once(self):
        self.assertEqual(self.messages("POST", "/jobs", {
            "taskDefinition": "a b", "schedule": "0 0 0 * * L", "taskCount": 51, "maxCount": "x", "timezone": "nope", "suspended": 2,
            "scheduleStart": "x", "scheduleEnd": 5, "trigger": {"type": "sqs"}, "overrides": [{}, 5],
            "misfireGraceSeconds": -1}), {
                "taskDefinition": ["task definition names must contain only alphanumeric, underscore, and hyphen"],
                "schedule": ['Invalid schedule syntax: Unrecognized expression "L" for field "day"'],
                "taskCount": ["Must be between 1 and 50."], "maxCount": ["Not a valid integer."],
                "misfireGraceSeconds": ["Must be between 0 and 86400."],
                "timezone": ["Invalid timezone format: nope"], "suspended": ["Not a valid boolean."],
                "scheduleStart": ["Not a valid datetime."], "scheduleEnd": ["Not a valid datetime."],
                "trigger": {"_schema": ["sqs trigger type requires queueName field"]},
                "overrides": {"0": {"containerName": ["Missing data for required field."]}, "1": {"_schema": ["Invalid input type."]}}})

    def test_required_fields(self):
        missing = ["Missing data for required field."]
        self.assertEqual(self.messages("POST", "/jobs", {}), {"schedule": missing, "taskDefinition": missing})
        self.assertEqual(self.messages("POST", "/jobs", {"id": "x"}), {"schedule": missing})
        for field in ("taskDefinition", "schedule", "id", "taskCount", "timezone", "trigger", "overrides", "suspended", "maxCount",
                      "scheduleStart", "scheduleEnd", "misfireGraceSeconds"):
            job = {"taskDefinition": "x", "schedule": LATER, field: None}
            self.assertEqual(self.messages("POST", "/jobs", job), {field: ["Field may not be null."]})

    def test_bodies_that_are_no_objects(self):
        self.create()
        for body in (b"[]", b"null", b'"abc"', b"5", b"true", b'[{"taskDefinition":"x","schedule":"0"}]'):
            for method, path in (("POST", "/jobs"), ("PUT", "/jobs/a")):
                self.assertEqual(self.messages(method, path, body), {"_schema": ["Invalid input type."]})

    def test_json_is_taken_strictly(self):
        self.create()
        start = b'{"taskDefinition":"x","schedule":"0 0 0 * * 1 1 2099"'
        for rest in (b",}", b"} x", b"/* c */}", b',"x":NaN}', b',"x":Infinity}', b",'x':1}", b',"x":1,"x":2}', b',"x":05}',
                     b',"x":18446744073709551616}', b',"x":"\\ud800"}', b',"x":"\\u0000"}', b',"x":"\xff"}', b',"x":"\n"}',
                     b',"x":' + b"[" * 16 + b"]" * 16 + b"}", b"", b',"schedule":"1"}'):
            for method, path in (("POST", "/jobs"), ("PUT", "/jobs/a")):
                answer = self.call(400, method, path, start + rest)
                self.assertRegex(answer.json["message"], r"^line \d+, column \d+: ", rest)
        self.call(400, "POST", "/jobs", start.decode().encode("utf-16"))
        self.call(400, "POST", "/jobs", b"")
        self.call(201, "POST", "/jobs", b"\xef\xbb\xbf" + start + b"}")

    def test_what_the_database_says_is_for_the_log(self):
        self.create()
        stack.sql("ALTER TABLE jobs ADD CONSTRAINT of_the_house CHECK (task_count < 7)")
        try:
            for method, path, body in (("POST", "/jobs", {"taskDefinition": "b", "schedule": LATER, "taskCount": 7}),
                                       ("PUT", "/jobs/a", {"taskCount": 7})):
                said = stack.daemons[0].log().count("of_the_house")
                self.assertEqual(self.call(500, method, path, body).json, {"message": "An error occurred on the server; its log says more."})
                self.assertEqual(stack.daemons[0].log().count("of_the_house"), said + 1)
        finally:
            stack.sql("ALTER TABLE jobs DROP CONSTRAINT of_the_house")

    def test_media_types(self):
        self.create()
        body = json.dumps({"taskDefinition": "m", "schedule": LATER}).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json-patch+json", "application/jsonx", ""):
            for method, path in (("POST", "/jobs"), ("PUT", "/jobs/a"), ("PUT", "/jobs/none"), ("POST", "/schedule/preview")):
                self.call(415, method, path, body, Content_Type=kind)
        for n, kind in enumerate(("Application/JSON", "application/json;charset=utf-8", "application/json ; x=y")):
            self.call(201, "POST", "/jobs", {"id": f"m{n}", "schedule": LATER}, Content_Type=kind)

    def test_limits(self):
        self.create("x" * 255)
        long = ["Longer than maximum length 255."]
        self.assertEqual(self.messages("POST", "/jobs", {"id": "x" * 256, "schedule": LATER}), {"id": long})
        self.assertEqual(self.messages("POST", "/jobs", {"taskDefinition": "x" * 3000, "schedule": LATER}), {"taskDefinition": long})
        self.refuses({"schedule": ["Longer than maximum length 1024."]}, schedule="0" * 1025)
        self.refuses({"timezone": ["Longer than maximum length 255."]}, timezone="x" * 256)
        self.refuses({"scheduleStart": ["Longer than maximum length 64."]}, scheduleStart="2" * 65)
        self.refuses({"overrides": ["Longer than maximum length 10."]}, overrides=[{"containerName": f"c{n}"} for n in range(11)])
        self.put(overrides=[{"containerName": f"c{n}"} for n in range(10)])
        value = {"overrides": [{"containerName": "c", "environment": {"A": "x" * 4096, "B": "x" * 3800}}]}
        self.put(**value)
        self.assertEqual(self.get()["overrides"], value["overrides"])
        value["overrides"][0]["environment"]["B"] = "x" * 4000
        self.assertRegex(self.messages("PUT", "/jobs/a", value)["overrides"][0], "Too long: 8[0-9]{3} characters .* at most 8192")
        # How much is left for the variables depends on the id, that is sent along.
        value["overrides"][0]["environment"]["B"] = "x" * 3900
        self.put(**value)
        self.assertIn("Too long", self.messages("PUT", "/jobs/" + "x" * 255, value)["overrides"][0])
        self.assertIn("Too long", self.messages("POST", "/jobs", {"id": "y" * 255, "schedule": LATER, **value})["overrides"][0])

    def test_bodies_of_up_to_a_mebibyte(self):
        start = b'{"taskDefinition":"big","schedule":"0 0 0 * * 1 1 2099","pad":"'
        body = start + b"x" * (1048576 - len(start) - 2) + b'"}'
        self.assertEqual(len(body), 1048576)
        answer = self.call(201, "POST", "/jobs", body)
        self.assertLess(len(answer.text), 1000)
        connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        connection.putrequest("POST", "/jobs")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "1048577")
        connection.endheaders()
        self.assertEqual(Answer(connection.getresponse()).status, 413)

    def test_small_values_take_no_large_memory(self):
        body = b'{"taskDefinition":"a","schedule":"0 0 0 * * 1 1 2099","pad":[' + b"{}," * 300000 + b"{}]}"
        self.assertIn("more than 20000 values", self.call(400, "POST", "/jobs", body).text)
        body = body.replace(b"{}," * 300000, b"{}," * 19900)
        self.call(201, "POST", "/jobs", body)

    def test_limits_are_settings(self):
        daemon = stack.start_webapid(ECSS_MAX_URI_BYTES="600", ECSS_MAX_HEADERS="8", ECSS_MAX_HEADER_BYTES="2000", ECSS_MAX_BODY_BYTES="1100",
                                     ECSS_MAX_IMPORT_BYTES="3000", ECSS_MAX_JSON_DEPTH="8")
        self.addCleanup(daemon.stop)
        job = {"id": "a", "schedule": LATER}
        lines = [json.dumps({"id": f"j{n}", "schedule": LATER, "pad": "x" * pad}).encode() + b"\n" for n, pad in enumerate((900, 1100))]
        few = {f"X{n}": "1" for n in range(3)}  # http.client adds four or five
        deep = json.dumps({**job, "deep": [[[[[[[[]]]]]]]]}).encode()

        def ask(expected, says, method, path, body=None, **headers):
            answer = call(method, path, body, daemon.address, **headers)
            self.assertEqual(answer.status, expected, answer)
            self.assertIn(says, answer.text)

        ask(200, "jobs", "GET", "/jobs?after=&taskDefinition=" + "x" * 250)
        ask(414, "longer than 600 bytes", "GET", "/jobs?x=" + "x" * 600)
        ask(200, "jobs", "GET", "/jobs", **few)
        ask(431, "more than 8 headers", "GET", "/jobs", **few, **{f"Y{n}": "1" for n in range(6)})
        ask(431, "longer than 2000 bytes", "GET", "/jobs", X="x" * 2000)
        ask(413, "larger than 1100 bytes", "POST", "/jobs", {**job, "pad": "x" * 1100})
        ask(400, "nested deeper than 8 levels", "POST", "/jobs", deep)
        ask(200, '"created":2,"failed":2', "POST", "/jobs/import?mode=best-effort", lines[0] + lines[1] + deep + b"\n" +
            json.dumps(job).encode(), Content_Type="application/x-ndjson")
        ask(413, "larger than 3000 bytes", "POST", "/jobs/import", lines[0] * 4, Content_Type="application/x-ndjson")

    def test_a_hostile_body_costs_little(self):
        for body in (b'{"' + b"k" * 500000 + b'":1}', b"[" * 1000000, b'{"a":' * 200000,
                     b"{" + b",".join(b'"%d":0' % n for n in range(80000)) + b"}", b'{"schedule":"' + b"," * 900000 + b'"}',
                     json.dumps({"taskDefinition": "x", "schedule": LATER, "overrides": [{"containerName": "c", "environment": {
                         f"V{n}": "" for n in range(60000)}}]}).encode(),
                     *(json.dumps({"taskDefinition": "x", "schedule": LATER, "overrides": [
                         {"containerName": "c", "environment": names}] * count}).encode() for names, count in (
                             ({"=" * 1040000: ""}, 1), ({f"{n}=" + "k" * 1000: "" for n in range(100)}, 10)))):
            begun = time.monotonic()
            answer = self.call(400, "POST", "/jobs", body)
            self.assertLess(len(answer.text), 100000)
            self.assertLess(time.monotonic() - begun, 20)


class CreateOnce(Api):
    """Idempotency-Key: whoever did not hear the answer asks again."""

    def setUp(self):
        super().setUp()
        stack.sql("DELETE FROM idempotency_keys")

    def post(self, status, key, id="a", **fields):
        return self.call(status, "POST", "/jobs", {"taskDefinition": id, "schedule": LATER, **fields}, Idempotency_Key=key)

    def test_a_repeat_is_answered_what_the_first_was(self):
        first = self.post(201, "k", stranger=1)
        self.assertEqual(len(first.json["warnings"]), 1)
        self.put(taskCount=5)
        again = self.post(201, "k", stranger=1)
        for name in ("ETag", "Location"):
            self.assertEqual(again.headers[name], first.headers[name])
        self.assertEqual(again.json, first.json)
        self.assertEqual(self.get()["taskCount"], 5)
        self.call(200, "DELETE", "/jobs/a")
        self.post(201, "k", stranger=1)
        self.call(404, "GET", "/jobs/a")

    def test_a_refusal_is_repeated_too(self):
        self.create()
        first = self.post(409, "k")
        self.call(200, "DELETE", "/jobs/a")
        self.assertEqual(self.post(409, "k").json["message"], first.json["message"])
        self.post(201, "another")

    def test_what_was_wrong_with_the_body_is_not_kept(self):
        self.post(400, "k", taskCount=0)
        self.post(201, "k")

    def test_another_body_is_refused(self):
        self.post(201, "k")
        answer = self.post(422, "k", id="b")
        self.assertIn("another body", answer.json["message"])
        self.assertEqual(answer.reason, "Unprocessable Content")
        self.call(404, "GET", "/jobs/b")

    def test_keys(self):
        for key in ("", "a b", "k" * 256, "\u00e4"):
            self.assertIn("1 to 255 visible ASCII", self.post(400, key).json["message"])
        self.post(201, '"' + "k" * 254)

    def test_a_key_expires_and_is_pruned(self):
        for n in range(8):
            self.post(201, f"k{n}", id=f"j{n}")
        stack.sql("UPDATE idempotency_keys SET expires_at = now()")
        self.post(409, "k0", id="j0")
        self.assertEqual(stack.sql("SELECT count(*) FROM idempotency_keys"), [(3,)])

    def test_many_at_once_with_one_key(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.post(201, "k"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 12)
        self.assertEqual(len({answer.headers["ETag"] for answer in answers}), 1)


class CreateAt(Api):
    """PUT with If-None-Match: *."""

    def test_creates_what_is_not_there(self):
        body = {"schedule": LATER, "taskCount": None, "maxCount": 3, "id": "a"}
        answer = self.call(201, "PUT", "/jobs/a", body, If_None_Match="*")
        self.assertEqual((answer.headers["Location"], answer.json["id"]), ("/jobs/a", "a"))
        self.assertNotIn("warnings", answer.json)
        self.call(200, "PUT", "/jobs/a", {"maxCount": 4}, If_Match=answer.headers["ETag"])
        self.assertIn("already exists", self.call(412, "PUT", "/jobs/a", body, If_None_Match="*").json["message"])
        self.assertEqual({k: self.get()[k] for k in ("taskDefinition", "taskCount", "maxCount")},
                         {"taskDefinition": "a", "taskCount": 1, "maxCount": 4})

    def test_mistakes(self):
        for path, body, messages in (("/jobs/a", {}, {"schedule": ["Missing data for required field."]}),
                                     ("/jobs/%C3%A4", {"schedule": LATER}, {"id": [None]}),
                                     ("/jobs/a", {"schedule": "x"}, {"schedule": [None]})):
            answer = self.call(400, "PUT", path, body, If_None_Match="*").json["messages"]
            self.assertEqual(answer.keys(), messages.keys())
        for value in ('"x"', "", "*, *"):
            self.assertIn("can only be *", self.call(400, "PUT", "/jobs/a", {"schedule": LATER}, If_None_Match=value).json["message"])
        self.call(412, "PUT", "/jobs/a", {"schedule": LATER}, If_None_Match="*", If_Match="*")
        self.call(400, "PUT", "/jobs/a", {"schedule": LATER}, If_None_Match="*", Idempotency_Key="k")
        self.create()
        self.call(400, "DELETE", "/jobs/a", If_None_Match="*")
        self.get()

    def test_of_many_at_once_one_creates(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(call("PUT", "/jobs/a", {"schedule": LATER}, If_None_Match="*").status))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [201] + [412] * 7)


class Fields(Api):
    def test_integers(self):
        for given, kept in ((2.0, 2), ("5", 5), ("+7", 7), (" 6 ", 6), (1, 1), (50, 50)):
            self.create(taskCount=given, maxCount=given)
            self.assertEqual((self.get()["taskCount"], self.get()["maxCount"]), (kept, kept))
            self.call(200, "DELETE", "/jobs/a")
        for bad in (1.9, True, False, "5.5", "", "five", [1], {}):
            self.refuses({"taskCount": ["Not a valid integer."]}, taskCount=bad)
        for bad in (0, 51, -1, "0", 10**18, "9" * 40):
            self.refuses({"maxCount": ["Must be between 1 and 50."]}, maxCount=bad)

    def test_booleans(self):
        self.create()
        for flag in (True, 1, "1", "t", "T", "true", "True", "TRUE", 1.0):
            self.put(suspended=flag)
            self.assertIs(self.get()["suspended"], True)
        for flag in (False, 0, "0", "f", "F", "false", "False", "FALSE", 0.0):
            self.put(suspended=flag)
            self.assertIs(self.get()["suspended"], False)
        for bad in (2, "yes", "", [], {}, 0.5):
            self.refuses({"suspended": ["Not a valid boolean."]}, suspended=bad)

    def test_names(self):
        for bad in ("", "a b", "a:1", "a/b", "café", "a\u212a", "a\n", "..", "arn:aws:ecs:x"):
            text = ["task definition names must contain only alphanumeric, underscore, and hyphen"]
            self.refuses({"taskDefinition": text}, taskDefinition=bad)
            self.assertEqual(self.messages("POST", "/jobs", {"id": bad, "schedule": LATER}), {"id": text})
        for bad in (5, 1.5, True, [], {}):
            self.refuses({"taskDefinition": ["Not a valid string."]}, taskDefinition=bad)

    def test_schedules(self):
        """Each of these was stored by the old program, which then burnt CPU, fired every second, or never started again."""
        for bad in ("", "   ", "\t\n"):
            self.assertEqual(list(self.messages("POST", "/jobs", {"taskDefinition": "x", "schedule": bad})), ["schedule"])
        for never in ("0 0 0 * * 30 2", "0 0 0 * * 31 4,6", "0 0 0 * 20 1 1", "0 0 0 * * 30 2 2099"):
            begun = time.monotonic()
            messages = self.messages("POST", "/jobs", {"taskDefinition": "x", "schedule": never})
            self.assertEqual(list(messages), ["schedule"])
            self.assertNotIn("syntax", messages["schedule"][0])
            self.assertLess(time.monotonic() - begun, 5)
        for bad in (5, True, False, ["*"], [], {"second": 0}):
            self.refuses({"schedule": ["Not a valid string."]}, schedule=bad)
        for bad, text in (("61", "Error validating expression '61': the last value (61) is higher than the maximum value (59)"),
                          ("0 0 0 * * ? 1", 'Unrecognized expression "?" for field "day"'),
                          ("*/0", "Increment must be higher than 0"), ("0 0 0 L", 'Invalid weekday name "L"')):
            self.refuses({"schedule": ["Invalid schedule syntax: " + text]}, schedule=bad)

    def test_zones(self):
        for good in ("UTC", "Europe/Berlin", "america/new_york", "Etc/GMT+5", "US/Pacific", "", "Zulu"):
            self.create(timezone=good)
            self.assertEqual(self.get()["timezone"], good)
            self.call(200, "DELETE", "/jobs/a")
        for bad in ("GMT+5", "../../../etc/passwd", "/etc/localtime", "Factory", "posix/UTC", "right/UTC", "localtime", "América/X",
                    "Europe", "Europe/", ".", "UTC\n", "EST5EDT,M3.2.0,M11.1.0", "tzdata.zi", "zone.tab", "Europe/Berlin/"):
            self.refuses({"timezone": [f"Invalid timezone format: {bad}"]}, timezone=bad)
        for bad in (5, [], {}, True):
            self.refuses({"timezone": ["Not a valid string."]}, timezone=bad)

    def test_times(self):
        for given, shown in (("2099-01-01T00:00:00Z", "2099-01-01T00:00:00+00:00"), ("2099-1-1 0:00", "2099-01-01T00:00:00+01:00"),
                             ("2099-07-01T00:00:00.5", "2099-07-01T00:00:00.500000+02:00"),
                             ("2099-01-01T00:00:00-0830", "2099-01-01T00:00:00-08:30"), ("2099-01-01T00:00+05", "2099-01-01T00:00:00+05:00")):
            self.create(timezone="Europe/Berlin", scheduleStart=given)
            self.assertEqual(self.get()["scheduleStart"], shown)
            self.call(200, "DELETE", "/jobs/a")
        for bad in ("", "x", "2099-01-01", "2099-01-01T25:00:00", "2099-02-30T00:00:00", "2099-01-01T00:00:00+24:00",
                    "2099-01-01T00:00:00+99:00", "2099-01-01t00:00:00Z", "2099-01-01T00:00:00z", " 2099-01-01T00:00:00", 5, True, [], {}):
            self.refuses({"scheduleEnd": ["Not a valid datetime."]}, scheduleEnd=bad)

    def test_triggers(self):
        self.create()
        for good in ({"type": "noop"}, {"type": "sqs", "queueName": "q"}, {"type": "sqs", "queueName": "q.fifo", "messagesPerTask": 3}):
            self.put(trigger=good)
            self.assertEqual(self.get()["trigger"], good)
        self.put(trigger={"type": "sqs", "queueName": "q", "messagesPerTask": "4"})
        self.assertEqual(self.get()["trigger"]["messagesPerTask"], 4)
        self.refuses({"trigger": {"type": ['Unknown trigger type; must be "sqs" or "noop".']}}, trigger={"type": "SQS"})
        self.refuses({"trigger": {"type": ["Missing data for required field."]}}, trigger={})
        for bad in ([], False, 5, "sqs"):
            self.refuses({"trigger": {"_schema": ["Invalid input type."]}}, trigger=bad)
        self.refuses({"trigger": {"messagesPerTask": ["Must be at least 1."]}},
                     trigger={"type": "sqs", "queueName": "q", "messagesPerTask": 0})

    def test_overrides(self):
        self.create()
        for good in ([], [{"containerName": "c"}], [{"containerName": "c", "environment": {}}],
                     [{"containerName": "c", "environment": {"Ä": "中😀"}}]):
            self.put(overrides=good)
            self.assertEqual(self.get()["overrides"], good)
        value = {"A": 1, "B": None, "C": True, "D": [1]}
        self.refuses({"overrides": {"0": {"environment": {"A": ["Not a valid string."], "B": ["Field may not be null."],
                                                           "C": ["Not a valid string."], "D": ["Not a valid string."]}}}},
                     overrides=[{"containerName": "c", "environment": value}])


class Change(Api):
    def test_only_what_is_given(self):
        self.create(taskCount=2, timezone="Asia/Tokyo", trigger={"type": "sqs", "queueName": "q", "messagesPerTask": 3})
        before = self.get()
        answer = self.put(maxCount=9)
        self.assertEqual(answer.json, {"id": "a", "link": before["link"]})
        self.assertEqual(self.get(), {**before, "maxCount": 9})
        self.put(trigger={"type": "sqs", "queueName": "other"})  # as a whole
        self.assertEqual(self.get()["trigger"], {"type": "sqs", "queueName": "other"})

    def test_null_takes_away(self):
        fields = {"taskCount": 4, "maxCount": 9, "timezone": "Asia/Tokyo", "scheduleStart": "2097-01-01T00:00:00Z",
                  "scheduleEnd": "2101-01-01T00:00:00Z", "suspended": True, "trigger": {"type": "noop"},
                  "overrides": [{"containerName": "c"}], "misfireGraceSeconds": 60}
        self.create(**fields)
        for field in fields:
            self.put(**{field: None})
            self.assertEqual(self.get().get(field), 1 if field == "taskCount" else None)
        for field in ("schedule", "taskDefinition"):
            self.assertEqual(self.messages("PUT", "/jobs/a", {field: None}), {field: ["Field may not be null."]})

    def test_a_job_that_is_not_there(self):
        for body in ({"taskCount": 2}, {"taskCount": 200}, b"{nope", {}, {"schedule": "0"}, b"[]"):
            self.assertEqual(self.call(404, "PUT", "/jobs/none", body).json, {"message": "Job none does not exist."})
        for method in ("GET", "DELETE"):
            self.assertEqual(self.call(404, method, "/jobs/" + quote("é<\"")).json, {"message": "Job é<\" does not exist."})
        self.call(404, "GET", "/jobs/a'%3Bdrop")
        self.call(404, "GET", "/jobs/" + "x" * 4000)

    def test_nothing_to_change_changes_nothing(self):
        self.create()
        tag = self.call(200, "GET", "/jobs/a").headers["ETag"]
        self.put()
        self.put(id="a", foo=1)
        self.assertEqual(self.call(200, "GET", "/jobs/a").headers["ETag"], tag)

    def test_what_does_not_fit_what_is_there(self):
        """A new zone gives a wall time another meaning; the whole has to make sense, not only what is given."""
        self.create(schedule="0 0 0 * * 1 1 2099", timezone="Asia/Tokyo")
        self.put(timezone="UTC")
        stack.sql("UPDATE jobs SET timezone = 'No/Where' WHERE id = 'a'")  # by hand
        self.assertEqual(self.messages("PUT", "/jobs/a", {"schedule": "1 0 0 * * 1 1 2099"}),
                         {"timezone": ["Invalid timezone format: No/Where"]})
        self.put(taskCount=3)  # has nothing to do with it
        self.put(schedule="1 0 0 * * 1 1 2099", timezone="UTC")  # mends it

    def test_two_at_once_lose_nothing(self):
        """Each thread counts in a field of its own, and none may undo what another wrote; half of them look first."""
        self.create(schedule="0 0 0 * * 1 1 2099")
        rounds, failures = 25, []

        def work(field, value):
            for n in range(rounds):
                answer = call("PUT", "/jobs/a", {field: value(n)})
                if answer.status != 200:
                    failures.append((field, answer))
                shown = call("GET", "/jobs/a").json.get(field)
                if shown != value(n):
                    failures.append((field, n, shown))

        work_list = [("taskCount", lambda n: n % 50 + 1), ("maxCount", lambda n: 50 - n % 50), ("suspended", lambda n: n % 2 == 0),
                     ("schedule", lambda n: f"{n} 0 0 * * 1 1 2099"), ("timezone", lambda n: ("UTC", "Asia/Tokyo")[n % 2]),
                     ("scheduleEnd", lambda n: f"2100-01-01T00:00:{n:02}+00:00")]
        threads = [threading.Thread(target=work, args=item) for item in work_list]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Delete(Api):
    def test_answers_the_id_and_keeps_the_runs(self):
        self.create()
        stack.sql("INSERT INTO runs (job_id, fire_at, state, epoch) VALUES ('a', now(), 'started', 1)", user="sched")
        self.assertEqual(self.call(200, "DELETE", "/jobs/a").json, {"id": "a"})
        self.call(404, "GET", "/jobs/a")
        self.assertEqual(stack.sql("SELECT state FROM runs WHERE job_id = 'a'"), [("started",)])


class Scheduler(Api):
    """What scheduld writes, as the API shows it."""

    def test_nothing_before_it_has_seen_the_job(self):
        self.create()
        self.assertNotIn("estimatedNextRun", self.get())
        self.assertNotIn("lastRun", self.get())

    def test_next_run_is_that_of_this_revision(self):
        self.create(timezone="America/New_York")
        self.arm(next_run="2099-01-01T05:00:00Z")
        self.assertEqual(self.get()["estimatedNextRun"], "2099-01-01T00:00:00-05:00")
        self.put(taskCount=2)
        self.assertNotIn("estimatedNextRun", self.get())
        self.arm(next_run="2099-07-01T04:00:00Z")
        self.assertEqual(self.get()["estimatedNextRun"], "2099-07-01T00:00:00-04:00")
        stack.sql("UPDATE jobs SET suspended = true")
        self.arm()
        self.assertNotIn("estimatedNextRun", self.get())

    def test_runs_and_problems(self):
        self.create(timezone="Europe/Berlin")
        tasks = [{"taskId": "arn:aws:ecs:x:1:task/1", "hostId": "arn:aws:ecs:x:1:container-instance/1"}, {"taskId": "arn:2"}]
        self.arm(last_run="2026-07-01T12:00:00Z", last_run_tasks=json.dumps(tasks), problem="no such zone")
        job = self.get()
        self.assertEqual((job["lastRun"], job["lastRunTasks"], job["problem"]), ("2026-07-01T14:00:00+02:00", tasks, "no such zone"))
        self.put(taskCount=2)
        self.assertNotIn("problem", self.get())
        self.assertEqual(self.get()["lastRunTasks"], tasks)

    def test_a_row_that_makes_no_sense_any_more_is_shown(self):
        self.create()
        stack.sql("UPDATE jobs SET timezone = 'No/Where', schedule = 'nonsense'")
        self.arm(next_run=None, problem="schedule: is nonsense", last_run="2026-07-01T12:00:00Z")
        job = self.get()
        self.assertEqual((job["schedule"], job["timezone"], job["problem"]), ("nonsense", "No/Where", "schedule: is nonsense"))
        self.assertEqual(job["lastRun"], "2026-07-01T12:00:00+00:00")
        self.assertEqual(len(self.call(200, "GET", "/jobs").json["jobs"]), 1)


class Warnings(Api):
    def warned(self, pattern, method="POST", path="/jobs", **fields):
        if method == "POST":
            fields = {"taskDefinition": "w", "schedule": LATER, **fields}
            stack.sql("DELETE FROM jobs WHERE id = 'w'")
        answer = self.call(201 if method == "POST" else 200, method, path, fields)
        self.assertEqual(len(answer.json["warnings"]), 1, answer)
        self.assertRegex(answer.json["warnings"][0], pattern)

    def test_fields(self):
        self.warned(r"^foo: is not a field of a job and was ignored$", foo=1)
        self.warned(r"^taskcount: .* did you mean taskCount\?$", taskcount=1)
        self.warned(r"^max_count: .* did you mean maxCount\?$", max_count=1)
        self.warned(r"^overides: .* did you mean overrides\?$", overides=[])
        self.warned(r"^parsedSchedule: is not a field", parsedSchedule={"second": "0"})
        for field in ("lastRun", "lastRunTasks", "estimatedNextRun", "problem", "updatedBy", "link"):
            self.warned(rf"^{field}: is set by the scheduler and was ignored$", **{field: "x"})
        self.warned(r"^trigger.foo: ", trigger={"type": "sqs", "queueName": "q", "foo": 1})
        self.warned(r"^overrides.0.image: ", overrides=[{"containerName": "c", "image": "x"}])

    def test_an_id_in_a_change(self):
        self.create()
        self.assertNotIn("warnings", self.put(id="a", **{}).json)
        self.assertNotIn("warnings", self.call(200, "PUT", "/jobs/a", {"id": "a"}).json)
        for other in ("b", "not valid!", 5, None):
            answer = self.call(200, "PUT", "/jobs/a", {"id": other})
            self.assertEqual(answer.json["warnings"], ["id: cannot be changed and was ignored"])
        self.call(404, "GET", "/jobs/b")

    def test_schedules(self):
        self.warned(r"^schedule: ", schedule="0 0 0 * * 1 1 2099 9")
        self.warned(r"^schedule: .*mon/2", schedule="0 0 0 mon/2")
        self.warned(r"^schedule: .*past", schedule="0 0 0 * * 1 1 2001")
        self.warned(r"^scheduleEnd: is in the past", schedule="0", scheduleEnd="2001-01-01T00:00:00Z")
        self.warned(r"^schedule", scheduleStart="2105-01-01T00:00:00Z", scheduleEnd="2104-01-01T00:00:00Z", schedule="0")
        self.warned(r"^schedule", scheduleStart="2100-01-01T00:00:00Z")
        self.create()
        self.warned(r"^scheduleEnd: is in the past", "PUT", "/jobs/a", scheduleEnd="2001-01-01T00:00:00Z")

    def test_counts(self):
        self.warned(r"^maxCount: ", taskCount=10, maxCount=2)
        self.create(taskCount=10)
        self.warned(r"^maxCount: ", "PUT", "/jobs/a", maxCount=2)
        self.assertNotIn("warnings", self.put(taskCount=2).json)

    def test_overrides(self):
        self.warned(r"^overrides: .*more than once", overrides=[{"containerName": "c"}, {"containerName": "c"}])
        self.warned(r"^overrides.0.environment.ECS_SCHEDULER_OVERRIDE_TAG: ",
                    overrides=[{"containerName": "c", "environment": {"ECS_SCHEDULER_OVERRIDE_TAG": "x"}}])

    def test_at_most_twenty(self):
        answer = self.call(201, "POST", "/jobs", {"taskDefinition": "w", "schedule": LATER, **{f"zz{n}": 1 for n in range(100)}})
        self.assertEqual(len(answer.json["warnings"]), 21)
        self.assertRegex(answer.json["warnings"][20], "80 more")

    def test_none_without_need(self):
        self.assertNotIn("warnings", self.create().json)
        self.assertNotIn("warnings", self.put(taskCount=2).json)


class Tags(Api):
    def test_if_none_match(self):
        self.create()
        for path in ("/", "/spec", "/jobs", "/jobs/a", "/jobs?count=3"):
            tag = self.call(200, "GET", path).headers["ETag"]
            for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
                answer = self.call(304, "GET", path, If_None_Match=value)
                self.assertEqual((answer.text, answer.headers["ETag"]), ("", tag))
            self.call(200, "GET", path, If_None_Match='"x"')

    def test_a_tag_changes_with_what_is_shown(self):
        self.create()
        tag = self.call(200, "GET", "/jobs/a").headers["ETag"]
        self.arm()
        self.assertNotEqual(self.call(200, "GET", "/jobs/a", If_None_Match=tag).headers["ETag"], tag)
        self.call(200, "PUT", "/jobs/a", {"taskCount": 2}, If_Match=tag)  # nobody changed what users write

    def test_if_match(self):
        tag = self.create().headers["ETag"]
        self.assertEqual(self.call(412, "PUT", "/jobs/a", {"taskCount": 2}, If_Match='"bogus"').json["message"][:6], "Job a ")
        self.call(412, "PUT", "/jobs/a", {"schedule": "0"}, If_Match='"bogus"')
        self.call(412, "PUT", "/jobs/a", {}, If_Match='"bogus"')
        self.call(412, "DELETE", "/jobs/a", If_Match='"bogus"')
        self.call(412, "PUT", "/jobs/a", {"taskCount": 2}, If_Match=f"W/{tag}")  # is never strong
        second = self.call(200, "PUT", "/jobs/a", {"taskCount": 2}, If_Match=tag).headers["ETag"]
        self.call(412, "PUT", "/jobs/a", {"taskCount": 3}, If_Match=tag)
        third = self.call(200, "PUT", "/jobs/a", {"schedule": "0 0 0 * * 1 1 2098"}, If_Match=f"{tag}, {second}").headers["ETag"]
        self.call(412, "PUT", "/jobs/a", {"schedule": LATER}, If_Match=second)
        self.call(200, "PUT", "/jobs/a", {"taskCount": 4}, If_Match="*")
        self.call(412, "DELETE", "/jobs/a", If_Match=third)
        self.call(200, "DELETE", "/jobs/a", If_Match=self.call(200, "GET", "/jobs/a").headers["ETag"])
        self.call(404, "DELETE", "/jobs/a", If_Match=tag)
        self.call(404, "PUT", "/jobs/a", {"taskCount": 4}, If_Match="*")

    def test_of_many_with_one_tag_one_wins(self):
        tag = self.create().headers["ETag"]
        for body in (lambda n: {"taskCount": n + 2}, lambda n: {"schedule": f"{n} 0 0 * * 1 1 2099"}):
            answers = []
            threads = [threading.Thread(target=lambda n=n: answers.append(call("PUT", "/jobs/a", body(n), If_Match=tag).status))
                       for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(answers), [200] + [412] * 7)
            tag = self.call(200, "GET", "/jobs/a").headers["ETag"]

    def test_a_job_made_again_is_another(self):
        tag = self.create().headers["ETag"]
        self.call(200, "DELETE", "/jobs/a")
        self.create()
        self.call(412, "DELETE", "/jobs/a", If_Match=tag)


class Pages(Api):
    def page(self, query=""):
        body = self.call(200, "GET", "/jobs" + query).json
        return [job["id"] for job in body["jobs"]], body.get("prev"), body.get("next")

    def test_links_lead_through_all(self):
        ids = [f"p{n:02}" for n in range(25)]
        for name in ids:
            self.create(name)
        self.assertEqual(self.page(), (ids[:10], None, "/jobs?skip=10"))
        self.assertEqual(self.page("?skip=20"), (ids[20:], "/jobs?skip=10", None))
        self.assertEqual(self.page("?skip=5&count=10"), (ids[5:15], "/jobs", "/jobs?skip=15"))
        self.assertEqual(self.page("?skip=25"), ([], "/jobs?skip=15", None))
        self.assertEqual(self.page("?count=25"), (ids, None, None))
        self.assertEqual(self.page("?count=24"), (ids[:24], None, "/jobs?skip=24&count=24"))
        self.assertEqual(self.page("?count=0"), ([], None, None))
        self.assertEqual(self.page("?skip=-5&count=-5"), ([], None, None))
        self.assertEqual(self.page("?count=99999999999999999999")[0], ids)
        self.assertEqual(self.page("?skip=1000000000"), ([], "/jobs?skip=999999990", None))
        seen, query = [], "?count=7"
        while query:
            names, _, following = self.page(query)
            seen += names
            query = following and following.removeprefix("/jobs")
        self.assertEqual(seen, ids)
        self.call(200, "DELETE", "/jobs/p00")
        self.create("p00")
        self.put(id="p01", taskCount=2)
        self.assertEqual(self.page("?count=1000")[0], ids[1:] + ["p00"])

    def walk(self, query):
        seen = []
        while query:
            names, before, following = self.page(query)
            self.assertIsNone(before)
            seen.append(names)
            query = following and following.removeprefix("/jobs")
        return seen

    def test_by_place(self):
        ids = [f"p{n}" for n in range(12)]
        for name in ids:
            self.create(name, suspended=name == "p3")
        self.assertEqual(self.walk("?after=&count=5"), [ids[:5], ids[5:10], ids[10:]])
        self.assertEqual(self.walk("?after="), [ids[:10], ids[10:]])
        self.assertEqual(self.walk("?after=&count=12"), [ids])
        self.assertEqual(self.walk("?after=&prefix=p1&count=2"), [["p1", "p10"], ["p11"]])
        self.assertEqual(self.walk("?after=&suspended=false&count=8"), [[*ids[:3], *ids[4:9]], ids[9:]])
        self.assertEqual(self.walk("?after=&taskDefinition=p7&prefix=p"), [["p7"]])
        # A place stays one when the job there is gone, and what is added comes behind it.
        _, _, following = self.page("?after=&count=5")
        self.call(200, "DELETE", "/jobs/p4")
        self.create("p4")
        self.assertEqual(self.walk(following.removeprefix("/jobs")), [ids[5:10], [*ids[10:], "p4"]])
        self.assertEqual(self.messages("GET", "/jobs?after=x", None).keys(), {"after"})

    def test_filters_and_total(self):
        for name in ("a1", "b1", "a2"):
            self.create(name, suspended=name == "a2")
        answer = self.call(200, "GET", "/jobs?prefix=a&count=1&total=true").json
        self.assertEqual((answer["total"], answer["next"]), (2, "/jobs?skip=1&count=1&prefix=a"))
        self.assertEqual(self.page("?skip=1&count=1&prefix=a"), (["a2"], "/jobs?count=1&prefix=a", None))
        self.assertEqual(self.page("?suspended=true"), (["a2"], None, None))
        self.assertEqual(self.page("?taskDefinition=b1&suspended=false"), (["b1"], None, None))
        self.assertEqual(self.page("?taskDefinition=b1&suspended=true"), ([], None, None))
        self.assertNotIn("total", self.call(200, "GET", "/jobs").json)
        for query in ("prefix=", "prefix=%25", "taskDefinition=a.b", "suspended=yes", "total="):
            self.assertEqual(self.messages("GET", "/jobs?" + query, None).keys(), {query.split("=")[0]})

    def test_a_list_that_is_answered_before_its_count(self):
        self.create()
        with contextlib.closing(psycopg2.connect(stack.cluster.url(DATABASE))) as other:
            other.cursor().execute("LOCK TABLE job_state")  # the list reads it, the count does not
            answers = []
            thread = threading.Thread(target=lambda: answers.append(call("GET", "/jobs?total=true")))
            thread.start()
            wait_until("the list waits, and is cancelled", lambda: stack.sql(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'webapid reads' AND wait_event_type = 'Lock'"))
            thread.join()
        self.assertEqual(answers[0].status, 503)
        stack.check()
        self.assertEqual(self.call(200, "GET", "/jobs?total=true").json["total"], 1)

    def test_a_thousand_at_most(self):
        stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'n' || n, 'x', '0' FROM generate_series(1, 1001) n")
        names, _, following = self.page("?count=5000")
        self.assertEqual((len(names), following), (1000, "/jobs?skip=1000&count=1000"))

    def test_what_is_no_number(self):
        text = ["Not a valid integer."]
        self.assertEqual(self.messages("GET", "/jobs?skip=abc&count=def", None), {"skip": text, "count": text})
        for query in ("skip=", "count=1.5", "skip=0x10", "skip=1e1"):
            self.assertEqual(self.messages("GET", "/jobs?" + query, None), {query.split("=")[0]: text})
        self.assertEqual(self.messages("GET", "/jobs?skip=1000000001", None), {"skip": ["Must be at most 1000000000."]})


class Docs(Api):
    def test_root(self):
        self.assertEqual(self.call(200, "GET", "/").json, {"resources": [
            {"link": {"rel": "jobs", "title": "Jobs", "href": "/jobs"}}, {"link": {"rel": "spec", "title": "Spec", "href": "/spec"}}]})


class FireTimes(Api):
    def preview(self, **fields):
        return self.call(200, "POST", "/schedule/preview", fields).json

    def test_preview(self):
        self.assertEqual(self.preview(schedule="0 30 2 * * last_fri", timezone="europe/berlin", after="2026-11-25T00:00:00Z", count=3), {
            "schedule": "0 30 2 * * last_fri", "timezone": "Europe/Berlin", "description": "At 02:30:00 on the last Friday of every month",
            "fireTimes": ["2026-11-27T02:30:00+01:00", "2026-12-25T02:30:00+01:00", "2027-01-29T02:30:00+01:00"]})
        self.assertEqual(stack.sql("SELECT count(*) FROM jobs"), [(0,)])

    def test_after_is_a_candidate_itself(self):
        times = self.preview(schedule="0 0 0", after="2030-01-01T00:00:00", count=1)["fireTimes"]
        self.assertEqual(times, ["2030-01-01T00:00:00+00:00"])
        self.assertEqual(self.preview(schedule="0 0 0", after="2030-01-01T00:00:00.1", count="1")["fireTimes"], ["2030-01-02T00:00:00+00:00"])
        self.assertEqual(self.preview(schedule="0 0 0", after="2030-01-01T00:00", timezone="Asia/Tokyo", count=1)["fireTimes"],
                         ["2030-01-01T00:00:00+09:00"])

    def test_start_and_end(self):
        times = self.preview(schedule="0 0 0", scheduleStart="2030-01-01T00:00:00Z", scheduleEnd="2030-01-03T00:00:00Z")["fireTimes"]
        self.assertEqual(times, [f"2030-01-0{n}T00:00:00+00:00" for n in (1, 2, 3)])

    def test_count(self):
        self.assertEqual(len(self.preview(schedule="0")["fireTimes"]), 10)
        begun = time.monotonic()
        times = self.preview(schedule="0 0 0 * * 29 2", count=1000)["fireTimes"]
        self.assertEqual((len(times), times == sorted(set(times))), (1000, True))
        self.assertLess(time.monotonic() - begun, 5)
        for bad in (0, 1001, -1):
            self.assertEqual(self.messages("POST", "/schedule/preview", {"schedule": "0", "count": bad}),
                             {"count": ["Must be between 1 and 1000."]})

    def test_question_marks_are_shown_as_they_would_be_stored(self):
        body = self.preview(schedule="? ? ? * * 1 1 2099", count=5)
        self.assertNotIn("?", body["schedule"])
        self.assertEqual(len(body["fireTimes"]), 1)

    def test_mistakes_and_warnings(self):
        self.assertEqual(self.messages("POST", "/schedule/preview", {
            "schedule": "61", "timezone": "nope", "scheduleStart": 5, "scheduleEnd": "x", "after": "y", "count": "z"}), {
                "schedule": ["Invalid schedule syntax: Error validating expression '61': the last value (61) is higher than the"
                             " maximum value (59)"],
                "timezone": ["Invalid timezone format: nope"], "scheduleStart": ["Not a valid datetime."],
                "scheduleEnd": ["Not a valid datetime."], "after": ["Not a valid datetime."], "count": ["Not a valid integer."]})
        self.assertEqual(self.messages("POST", "/schedule/preview", {}), {"schedule": ["Missing data for required field."]})
        self.assertEqual(self.messages("POST", "/schedule/preview", b"[]"), {"_schema": ["Invalid input type."]})
        self.call(400, "POST", "/schedule/preview", b"{nope")
        self.assertRegex(self.preview(schedule="0", tz="UTC")["warnings"][0], "^tz: is not a field")
        self.assertRegex(self.preview(schedule="0 0 0 mon/2")["warnings"][0], "^schedule: ")

    def test_of_a_job(self):
        self.create(schedule="0 0 0 * * 1", timezone="America/New_York", suspended=True)
        body = self.call(200, "GET", "/jobs/a/fire-times?count=2&after=2030-01-01T00:00:00").json
        self.assertEqual((body["schedule"], body["timezone"], body["fireTimes"]), (
            "0 0 0 * * 1", "America/New_York", ["2030-01-01T00:00:00-05:00", "2030-02-01T00:00:00-05:00"]))
        self.call(404, "GET", "/jobs/none/fire-times")
        self.assertEqual(self.messages("GET", "/jobs/a/fire-times?count=0&after=x", None),
                         {"count": ["Must be between 1 and 1000."], "after": ["Not a valid datetime."]})

    def test_of_a_job_that_cannot_be_read(self):
        self.create()
        stack.sql("UPDATE jobs SET schedule = 'nonsense', timezone = 'No/Where'")
        messages = self.messages("GET", "/jobs/a/fire-times", None)
        self.assertEqual(set(messages), {"schedule", "timezone"})


class Outage(unittest.TestCase):
    def test_without_a_database_and_with_it_again(self):
        with Stack() as own:
            daemon = own.start_webapid()
            call("POST", "/jobs", {"taskDefinition": "a", "schedule": LATER}, daemon.address)
            own.cluster.shut_down()
            wait_until("503", lambda: all(call("GET", "/jobs/a", address=daemon.address).status == 503 for _ in range(12)))
            for method, path, body in (("GET", "/jobs", None), ("POST", "/jobs", {"taskDefinition": "b", "schedule": LATER}),
                                       ("PUT", "/jobs/a", {"taskCount": 2}), ("DELETE", "/jobs/a", None),
                                       ("GET", "/jobs/a/fire-times", None)):
                answer = call(method, path, body, daemon.address)
                self.assertEqual(answer.status, 503, answer)
                self.assertIn("message", answer.json)
                self.assertTrue(answer.headers["Retry-After"].isdigit())
            self.assertEqual(call("GET", "/", address=daemon.address).status, 200)
            self.assertEqual(call("POST", "/schedule/preview", {"schedule": "0"}, daemon.address).status, 200)
            own.cluster.restart()
            # Each worker finds its own way back.
            wait_until("200", lambda: all(call("GET", "/jobs/a", address=daemon.address).status == 200 for _ in range(12)))
            self.assertEqual(call("GET", "/jobs/b", address=daemon.address).status, 404)

    def test_a_restart_of_the_database_under_load_loses_no_answer(self):
        with Stack() as own:
            daemon = own.start_webapid()
            end, statuses, stored = threading.Event(), [], []

            def work(k):
                n = 0
                while not end.is_set():
                    name = f"j{k}-{n}"
                    status = call("POST", "/jobs", {"taskDefinition": name, "schedule": LATER}, daemon.address).status
                    statuses.append(status)
                    if status == 201:
                        stored.append(name)
                    n += 1

            threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
            for thread in threads:
                thread.start()
            wait_until("some are stored", lambda: len(stored) > 20)
            own.cluster.restart()
            before = len(stored)
            wait_until("more are stored", lambda: len(stored) > before + 20)
            end.set()
            for thread in threads:
                thread.join()
            self.assertLessEqual(set(statuses), {201, 503})
            there = {row[0] for row in own.sql("SELECT id FROM jobs")}
            self.assertLessEqual(set(stored), there)


class Trouble(Api):
    """Other sessions of the database, which lock rows, and a database that takes no more of ours."""

    def locked(self, answer):
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"), answer)
        self.assertIn("another session of the database has locked", answer.json["message"])

    def test_a_row_that_somebody_has_locked(self):
        """An open psql: who wants to change that job hears of it, and reads go on beside it."""
        for name in ("a", "b"):
            self.create(name)
        with contextlib.closing(psycopg2.connect(stack.cluster.url(DATABASE))) as psql:
            psql.cursor().execute("UPDATE jobs SET task_count = 9 WHERE id = 'a'")
            for _ in range(30):  # the machine may have no time for all the reads in the second that the write waits
                answers = []
                thread = threading.Thread(target=lambda into=answers: into.append(call("PUT", "/jobs/a", {"taskCount": 2})))
                thread.start()
                reads = [self.get()["taskCount"] for _ in range(8)]  # of all workers
                beside = thread.is_alive()
                self.put(id="b", taskCount=3)
                thread.join()
                self.assertEqual(set(reads), {1})
                self.locked(answers[0])
                if beside:
                    break
            else:
                self.fail("no read was answered while the write waited")
            self.locked(call("DELETE", "/jobs/a"))
            self.assertEqual(stack.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'webapid writes'"
                                       " AND wait_event_type = 'Lock'"), [(0,)])  # no statement goes on unheard
            self.assertEqual(self.get("b")["taskCount"], 3)
        self.put(taskCount=2)
        self.assertEqual(self.get()["taskCount"], 2)

    def test_a_table_that_somebody_has_locked(self):
        self.create()
        with contextlib.closing(psycopg2.connect(stack.cluster.url(DATABASE))) as psql:
            psql.cursor().execute("LOCK TABLE jobs")
            for method, path, body in (("GET", "/jobs/a", None), ("GET", "/jobs", None), ("PUT", "/jobs/a", {"taskCount": 2})):
                self.locked(call(method, path, body))
        self.put(taskCount=2)

    def test_each_of_the_connections_comes_back_by_itself(self):
        """With room for fewer than all, some reads or writes are answered 503, and each comes back when there is room."""
        self.create()

        def answered():
            return [call(method, "/jobs/a", body).status for method, body in (("GET", None), ("PUT", {"taskCount": 2})) * 12]

        try:
            stack.sql("ALTER ROLE web CONNECTION LIMIT 2")
            for name in ("reads", "writes"):
                stack.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webapid {name}'")
                wait_until("some are refused", lambda: 503 in answered())
                self.assertLessEqual(set(answered()), {200, 503})
                stack.check()
            wait_until("the log says why", lambda: "too many connections for role" in stack.daemons[0].log())
        finally:
            stack.sql("ALTER ROLE web CONNECTION LIMIT -1")
        wait_until("all are taken again", lambda: set(answered()) == {200})
        wait_until("it is ready", lambda: all(call("GET", "/health/ready").status == 200 for _ in range(12)))


class Lost(Api):
    """The database has done what it was asked, and its answer is lost with the connection: who may find something done is told so,
    and nobody else is."""

    @classmethod
    def setUpClass(cls):
        cls.relay = cls.enterClassContext(Relay(stack.cluster.dir / ".s.PGSQL.5432", sessions=True))
        url = f"postgresql://web@127.0.0.1:{cls.relay.port}/{DATABASE}?sslmode=disable"
        cls.daemon = stack.start_webapid(ECSS_WORKERS=1, ECSS_DATABASE_URL=url)
        cls.addClassCleanup(cls.daemon.stop)

    def ask(self, statement, method, path, body, **headers):
        """What 503 says if the answer to a statement is lost."""
        wait_until("it is ready", lambda: call("GET", "/health/ready", address=self.daemon.address).status == 200)
        held = self.relay.hold(statement)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(call(method, path, body, self.daemon.address, **headers)))
        thread.start()
        self.assertTrue(held.wait(DEADLINE_S))
        held.cut()
        thread.join()
        self.assertEqual((answers[0].status, answers[0].headers["Retry-After"]), (503, "1"), answers)
        return answers[0].json["message"]

    def test_of_a_write(self):
        self.assertIn("may have been done", self.ask("job_insert", "POST", "/jobs", {"taskDefinition": "a", "schedule": LATER}))
        self.assertIn("may have been done", self.ask("job_update", "PUT", "/jobs/a", {"taskCount": 2}))
        self.assertEqual(self.get()["taskCount"], 2)
        self.assertIn("may have been done", self.ask("job_delete", "DELETE", "/jobs/a", None))
        self.call(404, "GET", "/jobs/a")

    def test_of_a_read(self):
        """Also of one that comes before a write."""
        self.create()
        for method, path, body in (("GET", "/jobs/a", None), ("GET", "/jobs/a/fire-times", None), ("PUT", "/jobs/a", {"schedule": "1"}),
                                   ("PUT", "/jobs/a", b"{nope")):
            self.assertEqual(self.ask("job_get", method, path, body), "The database does not answer: try again later.")

    def test_of_an_import(self):
        line = json.dumps({"id": "a", "schedule": LATER}).encode()
        lost = "as the connection to the database was lost"
        message = self.ask("job_import", "POST", "/jobs/import", line, Content_Type="application/x-ndjson")
        self.assertEqual(message, f"Nothing was imported, {lost}; try again later.")
        self.call(404, "GET", "/jobs/a")
        message = self.ask("job_import", "POST", "/jobs/import?mode=best-effort", line, Content_Type="application/x-ndjson")
        self.assertIn(f"The import ended early, {lost}: at least 0 jobs were created.", message)
        self.get()


if __name__ == "__main__":
    unittest.main()
