"""valgrind looks on while both daemons do what they are for, from start to orderly end: no leak, no bad read.

For builds without a sanitizer; those look for themselves.
"""
import unittest

from stack import Stack, wait_until

VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
            "--error-exitcode=99", "--num-callers=30"]
SECOND_S = 120


class EndToEnd(unittest.TestCase):
    def call(self, method, path, expected, body=None, **headers):
        status, answer = self.stack.api(method, path, body, **headers)
        self.assertEqual(status, expected, answer)
        return answer

    def test_nothing_leaks(self):
        with Stack(wrap=VALGRIND) as self.stack:
            self.stack.start_webapid()
            self.stack.start_scheduld()
            self.requests()
            self.runs()
        # Stack's end has stopped both daemons, and fails if valgrind's status is not theirs.

    def requests(self):
        self.call("GET", "/", 200)
        self.call("GET", "/spec", 200)
        self.call("POST", "/jobs", 201, {"taskDefinition": "later", "schedule": "? ? ? * * 1 1 2099"})
        self.call("POST", "/jobs", 409, {"taskDefinition": "later", "schedule": "0"})
        self.call("POST", "/jobs", 400, {"taskDefinition": "!", "schedule": "L", "taskCount": 99, "trigger": {"type": "x"}})
        self.call("POST", "/jobs", 415, {"taskDefinition": "x"}, **{"Content-Type": "text/plain"})
        self.call("PUT", "/jobs/later", 200, {"taskCount": 2, "timezone": "Europe/Berlin", "overrides": [
            {"containerName": "c", "environment": {"A": "1"}}]})
        self.call("GET", "/jobs?skip=0&count=5", 200)
        self.call("GET", "/jobs/later/fire-times?count=3", 200)
        self.call("POST", "/schedule/preview", 200, {"schedule": "0 30 2 * * last_fri", "timezone": "Europe/Berlin"})
        self.call("GET", "/jobs/none", 404)
        self.call("DELETE", "/jobs/later", 200)

    def runs(self):
        self.call("POST", "/jobs", 201, {"taskDefinition": "hello", "schedule": "*", "overrides": [
            {"containerName": "main", "environment": {"A": "1"}}]})
        wait_until("the first run", lambda: self.call("GET", "/jobs/hello", 200).get("lastRunTasks"), SECOND_S)
        self.stack.sql("UPDATE jobs SET schedule = '0 0 0 * * 1 1 2099' WHERE id = 'hello'")
        wait_until("the edit by hand arrives", lambda: (self.call("GET", "/jobs/hello", 200).get("estimatedNextRun") or "")
                   .startswith("2099"), SECOND_S)
        self.stack.sql("DELETE FROM jobs")


if __name__ == "__main__":
    unittest.main()
