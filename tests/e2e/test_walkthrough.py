"""The walk-through that users of the Python program know, step by step, with a real curl."""
import json
import subprocess
import unittest

from stack import DEADLINE_S, Stack, wait_until

QUEUE = "work"
JOBS = ("sleeper-task:sleeper", "consumer-task")


class WalkThrough(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(task_definitions=JOBS, queues=[QUEUE]).__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.stack.start_webapid()
        cls.stack.start_scheduld()

    def curl(self, method, path, expected, body=None):
        """The answer's body, after its status was the expected one."""
        host, port = self.stack.address
        command = ["curl", "--silent", "--show-error", "--max-time", str(DEADLINE_S), "-X", method, "-w", "\n%{http_code}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        said = subprocess.run([*command, f"http://{host}:{port}{path}"], capture_output=True, text=True, check=True).stdout
        text, _, status = said.rpartition("\n")
        self.assertEqual(int(status), expected, text)
        return json.loads(text)

    def test_jobs_as_in_the_description(self):
        made = self.curl("POST", "/jobs", 201, {"taskDefinition": "sleeper-task", "schedule": "25 */5"})
        self.assertEqual((made["id"], made["link"]["href"]), ("sleeper-task", "/jobs/sleeper-task"))
        self.assertEqual(self.curl("GET", "/jobs/sleeper-task", 200)["taskCount"], 1)
        self.curl("PUT", "/jobs/sleeper-task", 200, {"schedule": "? */5"})
        self.assertRegex(self.curl("GET", "/jobs/sleeper-task", 200)["schedule"], r"^[0-5]?\d \*/5$")
        self.curl("POST", "/jobs", 409, {"taskDefinition": "sleeper-task", "schedule": "25 */5"})
        self.curl("POST", "/jobs", 201, {
            "taskDefinition": "sleeper-task", "id": "long-sleep-task", "schedule": "? */7",
            "overrides": [{"containerName": "sleeper", "environment": {"SLEEP_SECONDS": "10"}}]})
        listed = [job["id"] for job in self.curl("GET", "/jobs", 200)["jobs"]]
        self.assertLessEqual({"sleeper-task", "long-sleep-task"}, set(listed))
        for job in ("sleeper-task", "long-sleep-task"):
            wait_until(f"{job} is armed", lambda: "estimatedNextRun" in self.curl("GET", f"/jobs/{job}", 200))
            self.assertEqual(self.curl("DELETE", f"/jobs/{job}", 200), {"id": job})
            self.curl("GET", f"/jobs/{job}", 404)
            self.curl("DELETE", f"/jobs/{job}", 404)

    def started_by(self, messages):
        """How many tasks the next fire starts with so many messages in the queue, when none runs."""
        self.stack.aws.stop_tasks(family="consumer-task")
        self.stack.aws.queue(QUEUE, visible=messages)
        self.stack.sql("DELETE FROM runs")
        self.curl("PUT", "/jobs/consumer-task", 200, {"suspended": False})
        runs = "SELECT state, jsonb_array_length(tasks) FROM runs WHERE state IN ('started', 'not_needed') ORDER BY fire_at LIMIT 1"
        found = wait_until(f"a run with {messages} messages", lambda: self.stack.sql(runs))
        self.curl("PUT", "/jobs/consumer-task", 200, {"suspended": True})
        wait_until("it is armed no more", lambda: "estimatedNextRun" not in self.curl("GET", "/jobs/consumer-task", 200)
                   and not self.stack.sql("SELECT 1 FROM runs WHERE state IN ('planned', 'launching')"))
        return found[0][1]

    def test_a_queue_decides(self):
        self.curl("POST", "/jobs", 201, {"taskDefinition": "consumer-task", "schedule": "? */3", "suspended": True,
                                         "trigger": {"type": "sqs", "queueName": QUEUE, "messagesPerTask": 100}})
        self.curl("PUT", "/jobs/consumer-task", 200, {"schedule": "*"})  # not to wait for minutes
        self.assertEqual({n: self.started_by(n) for n in (0, 1, 100, 101, 200)}, {0: 0, 1: 1, 100: 1, 101: 2, 200: 2})
        self.curl("PUT", "/jobs/consumer-task", 200, {"maxCount": 10})
        self.assertEqual(self.started_by(5000), 10)
        self.assertEqual(self.curl("DELETE", "/jobs/consumer-task", 200), {"id": "consumer-task"})
        self.curl("GET", "/jobs/consumer-task", 404)


if __name__ == "__main__":
    unittest.main()
