#!/usr/bin/python3
"""The audit finds what it is there for: a sound history, and each way in which it can be spoilt. The relay's reading of
PostgreSQL's messages likewise, cut into pieces of all sizes.
"""
import copy
import unittest

from audit import Audit, token
from wire import Wire

MADE, FIRST = 1_800_000_000.5, 1_800_000_001
INSTALLATION = "6d9f"


def history(runs=4, **job):
    """A job that is due every second, and each of its runs started one task, a tenth of a second late."""
    seen = {"installation": INSTALLATION, "epoch": 1, "epochs": [{"before": 0, "after": 1}], "jobs": [], "runs": [], "steps": [],
            "launches": {"groups": {}, "without_token": 0, "launches": runs, "tasks": runs, "repeats": 0}}
    seen["jobs"].append({"seq": 1, "op": "INSERT", "job_id": "a", "schedule": "*", "schedule_start": None, "schedule_end": None,
                         "suspended": None, "task_count": 1, "max_count": None, "trigger": None, "misfire_grace_seconds": None,
                         "since": MADE, "at": MADE, **job})
    for number in range(runs):
        fire = FIRST + number
        name, arn = token(INSTALLATION, "a", fire, 0, 1), f"arn:{number}"
        seen["runs"].append({"id": number, "job_id": "a", "fire": fire, "state": "started", "coalesced": 0, "wanted": 1, "running": 0,
                             "needed": 1, "chunks": [{"attempt": 1, "token": name}], "tasks": [{"taskId": arn}], "error": None,
                             "epoch": 1, "at": fire + 0.1})
        seen["launches"]["groups"][name] = {"launches": 1, "tasks": 1, "conflicts": 0, "arns": [arn]}
        for before, after in ((None, "planned"), ("planned", "started")):
            seen["steps"].append({"run_id": number, "before": before, "after": after, "epoch": 1, "leader_epoch": 1, "at": fire + 0.1})
    return seen


def not_launched(seen, number, state, late, error="because"):
    """Of a run nothing was planned, only this is on record."""
    run = seen["runs"][number]
    del seen["launches"]["groups"][run["chunks"][0]["token"]]
    run.update(state=state, chunks=[], tasks=[], wanted=None, running=None, needed=None, error=error, at=run["fire"] + late)
    seen["steps"] = [step for step in seen["steps"] if step["run_id"] != number]
    seen["steps"].append({"run_id": number, "before": None, "after": state, "epoch": 1, "leader_epoch": 1, "at": run["at"]})


class Findings(unittest.TestCase):
    def found(self, seen, **options):
        audit = Audit(copy.deepcopy(seen), seen["runs"][-1]["fire"], **options).run()
        return sorted({error.partition(":")[0] for error in audit.errors})

    def test_a_sound_history(self):
        self.assertEqual(self.found(history()), [])

    def test_each_way_to_spoil_it(self):
        def chunk(seen):
            return seen["runs"][1]["chunks"][0]["token"]

        for kind, spoil in (
                ("lost", lambda seen: (not_launched(seen, 1, "missed", 1), seen["runs"].pop(1), seen["steps"].pop())),
                ("twice", lambda seen: seen["runs"][1].update(coalesced=1)),
                ("stray", lambda seen: seen["runs"][3].update(job_id="b")),
                ("double", lambda seen: seen["launches"]["groups"][chunk(seen)].update(launches=2)),
                ("double", lambda seen: seen["launches"]["groups"].update(x={"tasks": 1, "launches": 1, "conflicts": 0, "arns": ["x"]})),
                ("short", lambda seen: seen["launches"]["groups"][chunk(seen)].update(arns=[])),
                ("stuck", lambda seen: seen["runs"][1].update(state="launching")),
                ("fence", lambda seen: seen["steps"][1].update(leader_epoch=2)),
                ("epoch", lambda seen: seen.update(epoch=2)),
                ("step", lambda seen: seen["steps"][1].update(before="missed")),
                ("record", lambda seen: seen["runs"][1].update(tasks=[])),
                ("arithmetic", lambda seen: seen["runs"][1].update(running=1))):
            with self.subTest(kind):
                spoil(seen := history())
                self.assertIn(kind, self.found(seen))

    def test_a_reason_has_to_be_true(self):
        for state in ("missed", "launch_failed"):
            for late, grace, of_job, refused, found in ((3.5, 3600, None, (), ["lost"]), (3.5, 3, None, (), []), (3.5, 3, 4, (), ["lost"]),
                                                        (3.5, 3600, 3, (), []), (3.5, 3600, None, ("a",), [])):
                with self.subTest(state, late=late, grace=grace, of_job=of_job, refused=refused):
                    not_launched(seen := history(misfire_grace_seconds=of_job), 1, state, late)
                    self.assertEqual(self.found(seen, grace=grace, refused=refused), found)

    def test_what_is_skipped_was_in_the_way_of_a_run(self):
        not_launched(seen := history(50), 1, "skipped", 0.1)
        self.assertEqual(self.found(seen), [])
        for number in range(2, 50):
            not_launched(seen, number, "skipped", 0.1)
        self.assertEqual(self.found(seen), ["lost"])
        not_launched(seen := history(), 0, "skipped", 0.1)
        self.assertEqual(self.found(seen), ["lost"], "there was no run before")


def typed(kind, body=b""):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def untyped(body):
    return (len(body) + 4).to_bytes(4, "big") + body


class Messages(unittest.TestCase):
    ASKED = (untyped((80877103).to_bytes(4, "big")) + untyped((196608).to_bytes(4, "big") + b"user\0x\0application_name\0mine\0\0") +
             typed(b"Q", b"SELECT 1\0") + typed(b"P", b"plan\0S\0") + typed(b"B", b"\0plan\0rest") + typed(b"E") + typed(b"S"))
    ANSWERED = (b"N" + typed(b"R", b"\0\0\0\0") + typed(b"Z", b"I") + typed(b"C", b"SELECT 1\0") + typed(b"Z", b"I") +
                typed(b"2") + typed(b"Z", b"I"))

    def test_pieces_of_all_sizes(self):
        for size in range(1, len(self.ASKED) + 1):
            wire, asked, messages = Wire(), [], []
            for at in range(0, len(self.ASKED), size):
                asked += wire.from_client(self.ASKED[at:at + size])
            for at in range(0, len(self.ANSWERED), size):
                messages += wire.from_server(self.ANSWERED[at:at + size])
            self.assertEqual((wire.name, asked), ("mine", [("plan", 3)]))
            self.assertEqual(b"".join(message for message, _ in messages), self.ANSWERED)
            self.assertEqual([ends for message, ends in messages if message[:1] == b"Z"], [1, 2, 3])


if __name__ == "__main__":
    unittest.main()
