"""Each request that was recorded of the Python ECS Scheduler gets the same answer here, or it is in differences.py, with
what it gets instead and the reason, which docs/compatibility.md tells users, too."""
import unittest

import psycopg2

from differences import DIFFERENCES
from stack import DATABASE, SOURCE, USERS, Stack
from transcript import Replay, differences, load

stack = None


def setUpModule():
    global stack
    stack = Stack()
    stack.start()
    unittest.addModuleCleanup(stack.stop)
    stack.start_webapid()


def arm(cursor):
    """Plays the scheduler, whose times the recorded answers show: each job that changed is armed for the first of its
    fire times. (That scheduld arms the same is for its own tests.)"""
    cursor.execute("SELECT j.id, j.revision, j.suspended FROM jobs j LEFT JOIN job_state s ON s.job_id = j.id"
                   " WHERE s.armed_revision IS DISTINCT FROM j.revision")
    for job, revision, suspended in cursor.fetchall():
        times = [] if suspended else stack.api("GET", f"/jobs/{job}/fire-times?count=1")[1]["fireTimes"]
        cursor.execute("INSERT INTO job_state (job_id, armed_revision, next_run) VALUES (%s, %s, %s) ON CONFLICT (job_id)"
                       " DO UPDATE SET armed_revision = excluded.armed_revision, next_run = excluded.next_run",
                       [job, revision, times[0] if times else None])


class Transcript(unittest.TestCase):
    def test_every_case(self):
        scheduler = psycopg2.connect(stack.cluster.url(DATABASE, USERS["scheduld"]))
        self.addCleanup(scheduler.close)
        scheduler.autocommit = True
        replay = Replay(stack.address)
        listed = {name: instead for cases in DIFFERENCES.values() for name, instead in cases.items()}
        same, failures, met = 0, [], set()
        for case in load():
            stack.check()
            name, recorded = case["case"], case.get("response")
            if case.get("special") == "clean":
                stack.sql("DELETE FROM jobs")
                continue
            if "estimatedNextRun" in str(recorded.get("json")):
                arm(scheduler.cursor())
            answer = replay.send(case)
            found = [differences(case, expected, answer) for expected in (recorded, {**recorded, **case.get("alternative", {})})]
            if name not in listed:
                same += not all(found)
                failures += [f"{name}: {line}" for line in found[0] if all(found)]
                continue
            met.add(name)
            instead = listed[name](recorded) if callable(listed[name]) else listed[name]
            if not all(found):
                failures.append(f"{name}: is the same, and yet in the list of differences")
            if line := instead.unexpected(answer, recorded):
                failures.append(f"{name}: {line}")
            if instead.then:
                stack.api(*instead.then)
        failures += [f"{name}: there is no such case" for name in set(listed) - met]
        print(f"transcript: {same} answers are the same, {len(met)} differ for {len(DIFFERENCES)} reasons")
        self.assertEqual(failures, [], "\n" + "\n".join(failures))

    def test_the_reasons_are_documented(self):
        rows = {line.split(" | ")[0].removeprefix("| ") for line in
                (SOURCE / "docs" / "compatibility.md").read_text().splitlines() if line.startswith("| ")}
        self.assertEqual(set(DIFFERENCES) - rows, set())


if __name__ == "__main__":
    unittest.main()
