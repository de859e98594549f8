"""The OpenAPI document is a good one, and describes exactly what is served: each route, method, status and field."""
import json
import re
import socket
import unittest
from http.client import HTTPConnection, HTTPResponse

import jsonschema

from stack import DEADLINE_S, Stack, wait_until

LATER = "0 0 0 * * 1 1 2099"
METHODS = ("get", "put", "post", "delete", "patch")
WITHOUT_DATABASE = ("/", "/spec", "/health/live", "/metrics", "/schedule/preview")
BASE = "https://json-schema.org/draft/2020-12/schema"  # OpenAPI 3.1's dialect of schemas

# OpenAPI 3.1 as far as the document uses it: whatever else is in there is a mistake until it is added here.
TEXT, FLAG = {"type": "string", "minLength": 1}, {"type": "boolean"}


def thing(required=(), /, **properties):
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def table(of, names=".+"):
    return {"type": "object", "minProperties": 1, "patternProperties": {f"^{names}$": of}, "additionalProperties": False}


def or_reference(to, of):
    return {"anyOf": [thing(["$ref"], **{"$ref": {"type": "string", "pattern": f"^#/components/{to}/"}}), of]}


SCHEMA = {"$ref": BASE}
PARAMETER = {"oneOf": [
    thing(["name", "in", "required", "schema"], name=TEXT, **{"in": {"const": "path"}}, required={"const": True}, description=TEXT,
          schema=SCHEMA),
    thing(["name", "in", "schema"], name=TEXT, **{"in": {"enum": ["query", "header"]}}, required=FLAG, description=TEXT, schema=SCHEMA)]}
HEADER = or_reference("headers", thing(["schema"], description=TEXT, schema=SCHEMA))
CONTENT = table(thing(["schema"], schema=SCHEMA), "(application/(json|x-ndjson)|text/plain)")
RESPONSE = thing(["description"], description=TEXT, content=CONTENT, headers=table(HEADER))
OPERATION = thing(["operationId", "summary", "responses"], operationId={"type": "string", "pattern": "^[a-z][A-Za-z]+$"}, summary=TEXT,
                  description=TEXT, tags={"type": "array", "items": TEXT, "uniqueItems": True},
                  parameters={"type": "array", "items": PARAMETER, "uniqueItems": True},
                  requestBody=thing(["content"], required=FLAG, description=TEXT, content=CONTENT),
                  security={"type": "array", "minItems": 1, "items": {"type": "object"}},
                  responses=table(or_reference("responses", RESPONSE), "[1-5][0-9][0-9]"))
DOCUMENT = thing(
    ["openapi", "info", "paths"], openapi={"type": "string", "pattern": r"^3\.1\.\d+$"},
    info=thing(["title", "version"], title=TEXT, version=TEXT, summary=TEXT, description=TEXT,
               license=thing(["name", "identifier"], name=TEXT, identifier=TEXT)),
    servers={"type": "array", "items": thing(["url"], url=TEXT)},
    tags={"type": "array", "items": thing(["name"], name=TEXT, description=TEXT)},
    paths=table(thing([], parameters={"type": "array", "items": PARAMETER}, **{method: OPERATION for method in METHODS}), "/.*"),
    security={"const": [{"token": []}, {}]},
    components=thing([], securitySchemes=table(thing(["type", "scheme"], type={"const": "http"}, scheme={"const": "bearer"}, description=TEXT)),
                     schemas=table(SCHEMA, "[A-Z][A-Za-z]+"), headers=table(HEADER, "[A-Za-z-]+"),
                     responses=table(RESPONSE, "[A-Z][A-Za-z]+")))

stack = document = None


def setUpModule():
    global stack, document
    stack = Stack()
    stack.start()
    unittest.addModuleCleanup(stack.stop)
    stack.start_webapid()
    document = json.loads(request("GET", "/spec").text)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()


def request(method, path, body=None, **headers):
    connection = HTTPConnection(*stack.address, timeout=DEADLINE_S)
    try:
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content_Type", "application/json")
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def walk(value, path=()):
    yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from walk(item, (*path, key))


def resolve(value):
    while "$ref" in value:
        target = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        value = target
    return value


def validator(schema):
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def operations():
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


class Document(unittest.TestCase):
    def test_is_openapi(self):
        jsonschema.Draft202012Validator(DOCUMENT).validate(document)

    def test_references_lead_somewhere_and_nothing_is_unused(self):
        references = {value["$ref"] for _, value in walk(document) if isinstance(value, dict) and "$ref" in value}
        for reference in references:
            resolve({"$ref": reference})
        made = {f"#/components/{kind}/{name}" for kind, items in document["components"].items() if kind != "securitySchemes" for name in items}
        self.assertEqual(made, references)

    def test_operations(self):
        ids = [operation["operationId"] for _, _, operation in operations()]
        self.assertEqual(len(ids), len(set(ids)))
        tags = {tag["name"] for tag in document["tags"]}
        for path, _, operation in operations():
            self.assertLessEqual(set(operation["tags"]), tags)
            in_path = {p["name"] for p in document["paths"][path].get("parameters", []) + operation.get("parameters", [])
                       if p["in"] == "path"}
            self.assertEqual(in_path, set(re.findall(r"\{([^}]*)\}", path)))

    def test_examples_are_valid(self):
        found = 0
        for path, value in walk(document):
            if isinstance(value, dict) and isinstance(value.get("examples"), list) and path[-1] != "properties":
                for example in value["examples"]:
                    validator(value).validate(example)
                    found += 1
        self.assertGreater(found, 5)


class Routes(unittest.TestCase):
    def test_methods_are_those_that_are_served(self):
        for path, item in document["paths"].items():
            url = path.replace("{id}", "nobody")
            described = {method.upper() for method in METHODS if method in item}
            answer = request("OPTIONS", url, If_None_Match="*")  # which is not about OPTIONS
            self.assertEqual(answer.status, 200, path)
            allowed = {word.strip() for word in answer.headers["Allow"].split(",")}
            self.assertEqual(allowed, described | {"OPTIONS"} | ({"HEAD"} if "GET" in described else set()), path)
            for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "TRACE"} - described:
                self.assertEqual(request(method, url).status, 405, f"{method} {path}")
        for path in ("/nope", "/jobs/", "/jobs/a/b", "/schedule", "/jobs/a/fire-times/", "/spec.json", "/metrics/x"):
            self.assertEqual(request("GET", path).status, 404, path)


class Answers(unittest.TestCase):
    """Every answer that is described is provoked, and every answer that comes is described."""

    def setUp(self):
        self.seen = {}
        self.fields = {}

    def call(self, status, method, path, url, body=None, **headers):
        answer = request(method.upper(), url, body, **headers)
        name = f"{method} {path} {answer.status}"
        self.assertEqual(answer.status, status, f"{method} {url}: {answer.text[:500]}")
        described = document["paths"][path][method]["responses"]
        self.assertIn(str(status), described, name)
        response = resolve(described[str(status)])
        for header in response.get("headers", {}):
            self.assertIn(header, answer.headers, name)
        if "text/plain" in response.get("content", {}):
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", name)
        elif "application/x-ndjson" in response.get("content", {}):
            self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson", name)
            for line in answer.text.splitlines():
                validator({"$ref": "#/components/schemas/JobInput"}).validate(json.loads(line))
        elif "content" in response:
            self.assertEqual(answer.headers["Content-Type"], "application/json", name)
            schema = response["content"]["application/json"]["schema"]
            validator(schema).validate(json.loads(answer.text))
            for field, _ in walk(json.loads(answer.text)):
                self.fields.setdefault(schema.get("$ref", ""), set()).update(k for k in field if isinstance(k, str))
        else:
            self.assertEqual(answer.text, "", name)
        self.seen.setdefault((path, method), set()).add(str(status))
        return answer

    def test_all(self):
        self.docs()
        self.health()
        self.jobs()
        self.one_job()
        self.schedules()
        self.unavailable()
        self.access()
        self.refused()
        for path, method, operation in operations():
            self.assertEqual(self.seen.get((path, method)), set(operation["responses"]), f"{method} {path}")
        for name in ("Job", "JobSaved", "JobDeleted", "JobList", "Imported", "Preview", "Home"):
            schema = document["components"]["schemas"][name]
            self.assertLessEqual(set(schema["properties"]), self.fields[f"#/components/schemas/{name}"], name)

    def docs(self):
        for path in ("/", "/spec"):
            tag = self.call(200, "get", path, path).headers["ETag"]
            self.call(304, "get", path, path, If_None_Match=tag)

    def health(self):
        for path in ("/health/live", "/health/ready", "/metrics"):
            self.call(200, "get", path, path)
            answer = self.call(200, "get", path, path, If_None_Match="*")  # what is true now is said each time
            self.assertEqual((answer.headers["Cache-Control"], answer.headers["ETag"]), ("no-store", None))

    def too_large(self, method, path, url, length=(1 << 20) + 1):
        """Nothing of the body has to be sent."""
        connection = HTTPConnection(*stack.address, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        connection.putrequest(method.upper(), url)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        answer = connection.getresponse()
        self.assertEqual(answer.status, 413)
        response = resolve(document["paths"][path][method]["responses"]["413"])
        validator(response["content"]["application/json"]["schema"]).validate(json.loads(answer.read()))
        self.seen.setdefault((path, method), set()).add("413")

    def jobs(self):
        job = {"taskDefinition": "a", "schedule": "? 0 0 * * 1 1 2099", "id": "a", "scheduleStart": "2098-01-01T00:00:00",
               "scheduleEnd": "2100-01-01T00:00:00Z", "timezone": "europe/berlin", "taskCount": "2", "maxCount": 9, "suspended": "f",
               "misfireGraceSeconds": 60,
               "trigger": {"type": "sqs", "queueName": "q", "messagesPerTask": 2.0},
               "overrides": [{"containerName": "c", "environment": {"A": "b"}, "command": ["x", "{{runId}}"], "memory": 64}],
               "ecs": {"launchType": "FARGATE", "tags": [{"key": "team", "value": "data"}], "overrides": {"cpu": "256"}}}
        validator({"$ref": "#/components/schemas/JobInput"}).validate(job)
        self.call(201, "post", "/jobs", "/jobs", job)
        self.call(201, "post", "/jobs", "/jobs", {"taskDefinition": "b", "schedule": LATER, "foo": 1})
        self.call(409, "post", "/jobs", "/jobs", job)
        self.call(400, "post", "/jobs", "/jobs", {**job, "overrides": [{}], "taskCount": 0})
        self.call(400, "post", "/jobs", "/jobs", b"{nope")
        self.call(415, "post", "/jobs", "/jobs", job, Content_Type="text/plain")
        self.call(201, "post", "/jobs", "/jobs", {"taskDefinition": "k", "schedule": LATER}, Idempotency_Key="one")
        self.call(422, "post", "/jobs", "/jobs", job, Idempotency_Key="one")
        self.call(400, "post", "/jobs", "/jobs", job, Idempotency_Key="")
        self.too_large("post", "/jobs", "/jobs")
        tag = self.call(200, "get", "/jobs", "/jobs?skip=1&count=1").headers["ETag"]
        self.call(304, "get", "/jobs", "/jobs?skip=1&count=1", If_None_Match=tag)
        self.call(200, "get", "/jobs", "/jobs?count=1")
        self.call(400, "get", "/jobs", "/jobs?skip=x")
        stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'z' || n, 'z', '0' FROM generate_series(1, 10001) n")
        for query in ("total=true&suspended=false&taskDefinition=z", "after=&count=1&prefix=z&total=true"):
            self.assertEqual(json.loads(self.call(200, "get", "/jobs", "/jobs?" + query).text)["total"], 10000)
        stack.sql("DELETE FROM jobs WHERE task_definition = 'z'")

    def one_job(self):
        path, url = "/jobs/{id}", "/jobs/a"
        stack.sql("INSERT INTO job_state (job_id, next_run, last_run, last_run_tasks, problem, armed_revision)"
                  " SELECT id, '2099-01-01', '2026-01-01', %s, 'p', revision FROM jobs WHERE id = 'a'",
                  ['[{"taskId": "t", "hostId": "h"}, {"taskId": "u"}]'], user="sched")
        tag = self.call(200, "get", path, url).headers["ETag"]
        self.call(304, "get", path, url, If_None_Match=tag)
        self.call(200, "get", "/jobs/export", "/jobs/export")
        self.imports("/jobs/import", "application/x-ndjson")
        self.call(404, "get", path, "/jobs/none")
        change = {"taskCount": 3, "maxCount": None, "trigger": None, "overrides": None, "ecs": None, "timezone": None, "scheduleStart": None,
                  "scheduleEnd": None, "suspended": None, "misfireGraceSeconds": None, "unknown": 1}
        validator({"$ref": "#/components/schemas/JobChange"}).validate(change)
        self.call(412, "put", path, url, change, If_Match='"x"')
        self.call(200, "put", path, url, change, If_Match=tag)
        self.call(201, "put", path, "/jobs/new", {"schedule": LATER, "maxCount": None}, If_None_Match="*")
        self.call(412, "put", path, "/jobs/new", {"schedule": LATER}, If_None_Match="*")
        self.call(400, "put", path, url, {"taskCount": 0})
        self.call(404, "put", path, "/jobs/none", change)
        self.call(415, "put", path, url, change, Content_Type="text/plain")
        self.too_large("put", path, url)
        self.call(412, "delete", path, "/jobs/b", If_Match='"x"')
        self.call(400, "delete", path, "/jobs/b", If_None_Match='"x"')
        self.call(200, "delete", path, "/jobs/b")
        self.call(404, "delete", path, "/jobs/b")

    def imports(self, path, kind):
        good, bad = {"id": "i", "schedule": LATER, "stranger": 1}, {"id": "i"}
        lines = json.dumps(good).encode() + b"\n" + json.dumps(bad).encode() + b"\n"
        self.call(400, "post", path, path, lines, Content_Type=kind)
        self.call(400, "post", path, path + "?mode=x", lines, Content_Type=kind)
        self.call(200, "post", path, path + "?mode=best-effort", lines + b"{}\n" * 1001, Content_Type=kind)
        self.call(415, "post", path, path, lines)
        self.too_large("post", path, path, (64 << 20) + 1)

    def schedules(self):
        path, url = "/jobs/{id}/fire-times", "/jobs/a/fire-times"
        tag = self.call(200, "get", path, url + "?count=3").headers["ETag"]
        self.call(304, "get", path, url + "?count=3", If_None_Match=tag)
        self.call(400, "get", path, url + "?count=x")
        self.call(404, "get", path, "/jobs/none/fire-times")
        path = "/schedule/preview"
        preview = {"schedule": "? 0 0 mon/2", "timezone": "Europe/Berlin", "scheduleStart": "2026-01-01T00:00Z", "count": "3",
                   "scheduleEnd": "2099-01-01T00:00:00Z", "after": "2026-01-01T00:00:00"}
        validator({"$ref": "#/components/schemas/PreviewInput"}).validate(preview)
        self.call(200, "post", path, path, preview)
        self.call(400, "post", path, path, {**preview, "schedule": "x"})
        self.call(415, "post", path, path, preview, Content_Type="text/plain")
        self.too_large("post", path, path)

    def access(self):
        open_to_all, free = ("/health/live", "/health/ready"), stack.address
        stack.sql("INSERT INTO api_tokens (name, scope, hash) VALUES ('reader', 'read', sha256(%s))", ["ecss_" + "5" * 64])
        daemon = stack.start_webapid(path="/health/ready", ECSS_TOKENS="always")
        stack.address = daemon.address
        try:
            for path, method, operation in operations():
                self.assertEqual("security" in operation, path in open_to_all, path)
                if path in open_to_all:
                    self.call(200, method, path, path)
                    continue
                url, body = path.replace("{id}", "a"), None if method in ("get", "delete") else {"schedule": LATER}
                self.call(401, method, path, url, body)
                if "403" in operation["responses"]:
                    self.call(403, method, path, url, body, Authorization="Bearer ecss_" + "5" * 64)
        finally:
            stack.address = free

    def raw(self, address, text):
        client = socket.create_connection(address, DEADLINE_S)
        self.addCleanup(client.close)
        client.sendall(text.encode())
        return client

    def judge(self, client, status, path, method):
        answer = HTTPResponse(client, method=method.upper())
        answer.begin()
        self.assertEqual(answer.status, status, f"{method} {path}")
        response = resolve(document["paths"][path][method]["responses"][str(status)])
        for header in response.get("headers", {}):
            self.assertIn(header, answer.headers)
        validator(response["content"]["application/json"]["schema"]).validate(json.loads(answer.read()))
        client.close()
        self.seen.setdefault((path, method), set()).add(str(status))

    def refused(self):
        """What any request may be answered before it comes to its resource."""
        spoilt = {400: ("", "NoColon"), 413: ("", f"Content-Length: {1 << 30}"), 414: ("?" + "x" * 5000,), 417: ("", "Expect: x"),
                  431: ("", *["X: y"] * 65), 501: ("", "Transfer-Encoding: gzip"), 505: ("", )}
        daemon = stack.start_webapid(ECSS_REQUEST_TIMEOUT_SECONDS="1")
        slow = []
        for path, method, _ in operations():
            url = path.replace("{id}", "a")
            for status, (more, *headers) in spoilt.items():
                lines = [f"{method.upper()} {url}{more} HTTP/{2 if status == 505 else 1}.1", "Host: localhost", *headers]
                self.judge(self.raw(daemon.address, "\r\n".join(lines) + "\r\n\r\n"), status, path, method)
            self.judge(self.raw(daemon.address, f"{method.upper()} {url} HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 421, path, method)
            slow.append((path, method, self.raw(daemon.address, f"{method.upper()} {url} HTTP/1.1\r\n")))
        for path, method, client in slow:
            self.judge(client, 408, path, method)
        daemon.stop()
        daemon = stack.start_webapid(ECSS_MAX_CONNECTIONS="64")
        crowd = [self.raw(daemon.address, "") for _ in range(64)]
        # Who asked before may have had a place until now, or who has just been refused: so there comes one more.
        wait_until("full", lambda: all(self.is_full(daemon.address) for _ in range(3)) or crowd.append(self.raw(daemon.address, "")))
        for path, method, _ in operations():
            self.judge(self.raw(daemon.address, f"{method.upper()} {path} HTTP/1.1\r\n"), 503, path, method)
        for client in crowd:
            client.close()
        daemon.stop()

    def is_full(self, address):
        client = self.raw(address, "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        full = client.recv(100).startswith(b"HTTP/1.1 503")
        client.close()
        return full

    def unavailable(self):
        stack.cluster.shut_down()
        wait_until("503", lambda: all(request("GET", "/jobs").status == 503 for _ in range(12)))
        for path, method, operation in operations():
            if path not in WITHOUT_DATABASE:
                body = None if method in ("get", "delete") else {"taskDefinition": "z", "schedule": LATER}
                kind = {"Content_Type": "application/x-ndjson"} if path == "/jobs/import" else {}
                self.call(503, method, path, path.replace("{id}", "a"), body, **kind)
        stack.cluster.restart()
        wait_until("all is well", lambda: all(request("GET", "/health/ready").status == 200 for _ in range(12)))


class Inputs(unittest.TestCase):
    """The schemas of what clients send and the program agree, on a sample."""

    ACCEPTED = [{}, {"taskCount": 1}, {"taskCount": "50"}, {"taskCount": 2.0}, {"suspended": "TRUE"}, {"suspended": 0}, {"timezone": ""},
                {"trigger": {"type": "noop"}}, {"trigger": {"type": "sqs", "queueName": "q", "more": 1}}, {"overrides": []},
                {"overrides": [{"containerName": "c", "environment": {"A": ""}, "cpu": 5}]}, {"unknown": [None]},
                {"scheduleStart": "2099-01-01 0:00"}, {"misfireGraceSeconds": 0}, {"misfireGraceSeconds": "86400"}, {"ecs": {}},
                {"ecs": {"launchType": "EC2", "revision": 2, "networkConfiguration": None, "overrides": {"memory": "1 GB"}}}]
    REFUSED = [{"taskCount": 0}, {"taskCount": 51}, {"taskCount": 1.5}, {"taskCount": True}, {"taskCount": "x"}, {"maxCount": None},
               {"suspended": "yes"}, {"suspended": None}, {"timezone": 5}, {"timezone": None}, {"trigger": {}}, {"trigger": []},
               {"trigger": {"type": "x"}}, {"trigger": {"type": "sqs", "queueName": ""}}, {"overrides": {}}, {"overrides": [{}]},
               {"overrides": [{"containerName": ""}]}, {"overrides": [{"containerName": "c", "environment": {"A": 1}}]},
               {"overrides": [{"containerName": "c", "environment": {"A=": ""}}]}, {"schedule": ""}, {"schedule": 5},
               {"taskDefinition": "a b"}, {"id": ""}, {"scheduleStart": 5}, {"scheduleEnd": None},
               {"trigger": {"type": "sqs", "queueName": "q", "messagesPerTask": 0}}, {"misfireGraceSeconds": -1}, {"misfireGraceSeconds": 86401},
               {"misfireGraceSeconds": "1h"}, {"misfireGraceSeconds": None}, {"ecs": []}, {"ecs": None}, {"ecs": {"launchtype": "EC2"}},
               {"ecs": {"revision": 0}}, {"ecs": {"networkConfiguration": None, "tags": {}}}, {"ecs": {"networkConfiguration": {}}},
               {"ecs": {"enableExecuteCommand": 1}}, {"ecs": {"cpu": "much"}}, {"ecs": {"tags": [{"key": "AWS:x"}]}},
               {"overrides": [{"containerName": "c", "memory": "5"}]}, {"overrides": [{"containerName": "c", "command": "x"}]}]

    def test_agree(self):
        schema = validator({"$ref": "#/components/schemas/JobInput"})
        for n, fields in enumerate(self.ACCEPTED + self.REFUSED):
            job = {"taskDefinition": f"n{n}", "schedule": LATER, **fields}
            good = n < len(self.ACCEPTED)
            self.assertEqual(request("POST", "/jobs", job).status, 201 if good else 400, fields)
            self.assertEqual(schema.is_valid(job), good, fields)
        for job in ({}, {"id": "x"}, {"schedule": LATER}, [], None, "x"):
            self.assertEqual(request("POST", "/jobs", job if job is not None else b"null").status, 400, job)
            self.assertFalse(schema.is_valid(job), job)


if __name__ == "__main__":
    unittest.main()
