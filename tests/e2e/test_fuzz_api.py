"""The API against its own OpenAPI document: requests that the document allows, and others that are nearly so, must be
answered as the document says, and never by 500.

    tests/e2e/test_fuzz_api.py [--requests N] [--seed N]     (20000 are a good long run)

It knows nothing of the program but the document at /spec. A failure names the seed and the request.
"""
import http.client
import json
import random
import sys
import unittest
from urllib.parse import quote

import jsonschema

from stack import DEADLINE_S, Stack

REQUESTS, SEED = 400, 1
# It goes on until it has had these, up to four times as long: without them too little is tried.
DONE = {("post", "/jobs", 201), ("put", "/jobs/{id}", 200), ("delete", "/jobs/{id}", 200), ("post", "/jobs/import", 200)}
NEVER = (408, 417, 421, 431, 501, 505)  # described, but answered only to what is not sent here
METHODS = ("get", "put", "post", "delete")
ODD_TEXTS = ("", "a b", "\u00e4", "x" * 300, "0", "-1", "null", "'", "\"", "%", "\U0001f600", "../x", "export", "import", "1e9", "\t")
ODD_VALUES = (None, True, False, 0, -1, 1.5, 51, 1 << 63, 1e300, "", "x", "\u0001", "x" * 5000, [], {}, [[]], {"a": {}}, [None])
# Of a schedule's white space more is white than what ASCII has, and less than what Unicode has.
ODD_SPACES = ("*\u00a0*\u00a0*\u00a0*\u00a0*\u00a0*\u00a0*\u00a0* ?", "0\u001c?", "?\u202f\u2007?", "\u00a0", "\u3000\u0085", "0\u200b?", "?\ufeff")
SCHEDULES = ("0", "? */3", "0 30 2 * * last_fri", "0 0 0 * * 1 1 2099", "* * * mon", "61", "mon", "0 0 0 * * 30 2", "L", *ODD_SPACES)
TEXTS = {"schedule": SCHEDULES, "timezone": ("", "UTC", "Europe/Berlin", "europe/paris", "Mars/One"), "queueName": ("q", "q.fifo", "a/b"),
         "scheduleStart": ("2027-01-01T00:00:00Z", "2027-01-01 0:00", "x"), "scheduleEnd": ("2099-01-01T00:00:00+01:00", "2020-01-01T00:00"),
         "after": ("2027-01-01T00:00:00Z",), "containerName": ("c", "d-1"), "id": tuple(f"j{n}" for n in range(12)),
         "taskDefinition": ("t", "u", "j1")}


class Fuzzer:
    def __init__(self, stack, seed):
        self.address, self.random = stack.address, random.Random(seed)
        self.tags = ['"x"', "*", ""]
        self.odd = 0  # how often a value is what nobody allows, in the request that is being made
        self.share = 0  # of the fields that may be left out, how many are there
        self.document = json.loads(self.send("GET", "/spec", None, {})[2])
        self.operations = [(path, method, item[method], item.get("parameters", []) + item[method].get("parameters", []))
                           for path, item in self.document["paths"].items() for method in METHODS if method in item]
        self.seen = {}

    def send(self, method, url, body, headers):
        connection = http.client.HTTPConnection(*self.address, timeout=DEADLINE_S)
        try:
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for key in value["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            value = target
        return value

    # --- what is sent ---

    def value(self, schema, name="", depth=0):
        """Something that the schema may allow."""
        schema, chance = self.resolve(schema), self.random.random()
        if chance < self.odd:
            return self.random.choice(ODD_VALUES)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self.value(self.either(schema, key), name, depth)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type", "string")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        make = {"object": self.object, "array": self.array}.get(kind)
        return make(schema, name, depth) if make else self.scalar(kind, schema, name)

    def either(self, schema, key):
        """One of the schemas that it may be, with what it must be in any case."""
        one = self.resolve(self.random.choice(schema[key]))
        rest = {name: value for name, value in schema.items() if name != key}
        return {**rest, **one, "required": [*rest.get("required", []), *one.get("required", [])]}

    def scalar(self, kind, schema, name):
        if kind in ("integer", "number"):
            low, high = schema.get("minimum", -2), schema.get("maximum", 1100)
            beyond = (low - 1, high + 1) if self.odd else ()
            return self.random.choice((low, high, *beyond, self.random.randint(low, min(high, low + 60))))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "null":
            return None
        if self.random.random() < self.odd:
            return self.random.choice(ODD_TEXTS)
        known = TEXTS.get(name, ())
        return self.random.choice((known if self.odd or name == "id" else known[:1]) or schema.get("examples") or ("a", "b1", "c-d_e", "7"))

    def object(self, schema, _name, depth):
        result = {}
        for name, of in schema.get("properties", {}).items():
            if self.random.random() < (0.97 if name in schema.get("required", []) else self.share):
                result[name] = self.value(of, name, depth + 1)
        if self.random.random() < self.odd or "properties" not in schema:
            more = schema.get("additionalProperties")
            result[self.random.choice(("A", "b", *ODD_TEXTS))] = self.value(more, "", depth + 1) if isinstance(more, dict) else 1
        return result

    def array(self, schema, name, depth):
        return [self.value(schema.get("items", {}), name, depth + 1) for _ in range(self.random.choice((0, 1, 1, 2, 12 if depth < 2 else 1)))]

    def text(self, value):
        text = json.dumps(value, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "replace")
        if self.random.random() < self.odd / 2:
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.random.choice((b"", b"\x00", b"\xff", b",", b"}", b'"', text)) + text[at + self.random.randint(0, 2):]
        return text

    def body(self, operation):
        kind, content = next(iter(operation["requestBody"]["content"].items()))
        if kind == "application/json":
            return kind, self.text(self.value(content["schema"]))
        job = {"$ref": "#/components/schemas/JobInput"}
        return kind, b"".join(self.text(self.value(job)) + b"\n" for _ in range(self.random.randint(0, 5)))

    def header(self, name, schema):
        if name in ("If-Match", "If-None-Match") and self.random.random() < 0.8:
            return self.random.choice(self.tags)
        value = str(self.value(schema, name))
        return value if value.isprintable() and value.isascii() else "x"

    def request(self):
        path, method, operation, parameters = self.random.choice(self.operations)
        url, query, headers, body = path, [], {}, None
        self.odd = self.random.choice((0, 0, 0.02, 0.1))
        self.share = self.random.choice((0.04, 0.25))  # with many fields, one of them is mostly refused
        for parameter in parameters:
            name, where = parameter["name"], parameter["in"]
            if where == "path":
                text = self.random.choice([text for text in TEXTS["id"] + ODD_TEXTS[1:] if f"/jobs/{text}" not in self.document["paths"]])
                url = url.replace("{%s}" % name, quote(text, safe=""))
            elif self.random.random() < 0.4 and where == "query":
                query.append(f"{quote(name)}={quote(str(self.value(parameter['schema'], name))[:300], safe='')}")
            elif self.random.random() < 0.3 and where == "header":
                headers[name] = self.header(name, parameter["schema"])
        if self.random.random() < 0.1:  # whoever adds one may not look at what it is added to
            headers.setdefault(self.random.choice(("If-Match", "If-None-Match")), self.random.choice(self.tags))
        if "requestBody" in operation:
            headers["Content-Type"], body = self.body(operation)
            if self.random.random() < self.odd / 3:
                headers["Content-Type"] = "text/plain"
        return path, method, operation, url + ("?" + "&".join(query) if query else ""), headers, body

    # --- what comes back ---

    def check(self, path, method, operation, status, headers, body):
        described = operation["responses"].get(str(status))
        if described is None or status in NEVER:
            raise AssertionError(f"the document has no answer {status} to such a {method} {path}")
        described = self.resolve(described)
        for name in described.get("headers", {}):
            if name not in headers:
                raise AssertionError(f"there is no {name}")
        content = described.get("content")
        if content is None:
            if body:
                raise AssertionError("there is a body")
            return
        kind = (headers["Content-Type"] or "").partition(";")[0]
        if kind not in content:
            raise AssertionError(f"the Content-Type is {kind}")
        if kind == "application/json":
            schema = {**content[kind]["schema"], "components": self.document["components"]}
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))

    def step(self):
        path, method, operation, url, sent, body = self.request()
        status, headers, answer = self.send(method.upper(), url, body, sent)
        if headers["ETag"] and self.random.random() < 0.2:
            self.tags = self.tags[:3] + [headers["ETag"]] + self.tags[3:10]
        self.seen[method, path, status] = self.seen.get((method, path, status), 0) + 1
        try:
            self.check(path, method, operation, status, headers, answer)
        except (AssertionError, ValueError, jsonschema.ValidationError) as problem:
            raise AssertionError(f"{problem}\nrequest: {method.upper()} {url} {sent} {(body or b'')[:2000]}\nanswer: {status} {dict(headers)}"
                                 f" {answer[:2000]}") from None


class Fuzz(unittest.TestCase):
    def test_every_answer_is_as_described(self):
        with Stack() as stack:
            stack.start_webapid()
            fuzzer = Fuzzer(stack, SEED)
            for n in range(4 * REQUESTS):
                if n >= REQUESTS and DONE <= fuzzer.seen.keys():
                    break
                with self.subTest(seed=SEED, request=n):
                    fuzzer.step()
                if n % 1000 == 999:
                    stack.check()
            stack.check()
        if REQUESTS > 5000:
            for (method, path, status), count in sorted(fuzzer.seen.items()):
                print(f"{count:6} {method.upper():6} {path} {status}")
        self.assertLessEqual(DONE, fuzzer.seen.keys())


def option(name, value):
    if name not in sys.argv:
        return value
    at = sys.argv.index(name)
    value = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


if __name__ == "__main__":
    REQUESTS, SEED = option("--requests", REQUESTS), option("--seed", SEED)
    unittest.main()
