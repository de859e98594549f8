"""What both daemons log: forms, levels that move, lines that name their run and request, and nothing that is secret."""
import json
import re
import signal
import unittest

from stack import Stack, wait_until

SECRET = "hush-4711-do-not-tell"  # in the environment of a job's overrides


def pairs(line):
    """A line of the default form: its event and its values."""
    _, _, event, rest = (line + " ").split(" ", 3)
    return event, {key: value.strip('"') for key, value in re.findall(r'(\w+)=("(?:\\.|[^"\\])*"|\S+)', rest)}


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack(task_definitions=("hello:main",)))
        cls.web = cls.stack.start_webapid(ECSS_LOG_LEVEL="debug")
        cls.scheduld = cls.stack.start_scheduld(ECSS_LOG_LEVEL="debug", ECSS_LOG_FORMAT="json")

    def lines(self):
        return [json.loads(line) for line in self.scheduld.log().splitlines()]

    def events(self, name, **having):
        return [line for line in self.lines() if line["event"] == name and having.items() <= line.items()]

    def test_runs_are_named_and_overrides_are_not_told(self):
        job = {"taskDefinition": "hello", "schedule": "*",
               "overrides": [{"containerName": "main", "environment": {"PASSWORD": SECRET}}]}
        # Whatever goes wrong on the way: AWS fails, refuses, and names what it was sent; rows do not fit.
        self.stack.aws.fault("RunTask", "throttle", count=1)
        self.stack.aws.fault("RunTask", "garbage", count=1, effect=False)
        self.stack.aws.fault("RunTask", "error", count=1, error="InvalidParameterException", message="no such thing")
        for body, status in ((job, 201), ({**job, "id": "gone", "taskDefinition": "gone"}, 201), (job, 409),
                             ({**job, "id": "x", "overrides": [{"containerName": "main", "environment": {"A": [SECRET]}}]}, 400)):
            self.assertEqual(self.stack.api("POST", "/jobs", body)[0], status)
        wait_until("one starts", lambda: self.events("run.started", job="hello"))
        wait_until("one fails", lambda: self.events("run.launch_failed"))
        for line in self.lines():
            if line["event"].startswith("run."):
                self.assertRegex(line["fire"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", line)
                self.assertIn(line["job"], ("hello", "gone"))
                self.assertRegex(line["run"], r"^\d+$", line)
        started = self.events("run.started", job="hello")[0]
        self.assertEqual(self.stack.sql("SELECT job_id FROM runs WHERE id = %s", [started["run"]]), [("hello",)])
        self.stack.sql("UPDATE jobs SET schedule = 'nonsense' WHERE id = 'hello'")
        wait_until("the row is refused", lambda: self.events("agenda.problem"))
        for daemon in (self.web, self.scheduld):
            self.assertNotIn(SECRET, daemon.log(), daemon.name)

    def test_each_request_has_a_name(self):
        self.stack.api("GET", "/jobs/nobody")
        events = [pairs(line) for line in self.web.log().splitlines()]
        requests = [values for event, values in events if event == "http.request"]
        self.assertEqual(len({values["request"] for values in requests}), len(requests))
        self.assertIn("/jobs/nobody", [values["path"] for values in requests])

    def test_the_level_moves_while_it_runs(self):
        def last_level():
            levels = [values["now"] for event, values in map(pairs, self.web.log().splitlines()) if event == "log.level"]
            return levels[-1] if levels else None

        for number, level in ((signal.SIGUSR2, "info"), (signal.SIGUSR2, "warning"), (signal.SIGUSR1, "info"),
                              (signal.SIGUSR1, "debug"), (signal.SIGUSR1, "debug")):
            self.web.process.send_signal(number)
            wait_until(f"{number.name}: {level}", lambda: last_level() == level)
            if level == "warning":
                self.stack.api("GET", "/jobs/not-logged")
        self.assertNotIn("not-logged", self.web.log())


if __name__ == "__main__":
    unittest.main()
