#!/usr/bin/python3
"""Keys that expire after seconds, under load: no run fails, and no call is refused for them.

Usage: test_short_keys.py [--long]   (--long: keys that live 15 s, for two minutes)
"""
import sys
import time
import unittest

from stack import Stack, wait_until

LONG = "--long" in sys.argv
LIFE_S, LOAD_S = (15, 120) if LONG else (6, 10)
JOBS = [f"job-{n}" for n in range(15)]  # each every second


class ShortKeys(unittest.TestCase):
    def settled(self, stack):
        """How many runs came to what; None while one of them is open."""
        states = dict(stack.sql("SELECT state, count(*) FROM runs GROUP BY state"))
        return None if {"planned", "launching"} & set(states) else states

    def test_no_run_fails(self):
        with Stack(task_definitions=JOBS) as stack:
            aws = stack.aws
            aws.life(run_s=0.1)
            aws.post("metadata", {"life_s": LIFE_S})
            stack.start_scheduld(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, ECSS_ECS_LAUNCH_RATE=100, ECSS_ECS_READ_RATE=100,
                                 AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/v1/credentials")
            stack.sql("INSERT INTO jobs (id, task_definition, schedule, timezone) SELECT id, id, '*', 'UTC' FROM unnest(%s) AS id", [JOBS])
            time.sleep(LOAD_S)
            stack.sql("UPDATE jobs SET suspended = true")
            # In one statement: what was due when the jobs were suspended may be planned a moment later.
            states = wait_until("no run is open", lambda: self.settled(stack))
            calls = aws.calls()
            refused = [(call["operation"], call["error"]) for call in calls if call["error"] is not None]
            keys = {call["key_id"] for call in calls if call["key_id"] is not None}
            asked = sum(call["operation"] == "Container:Credentials" for call in calls)
            print(f"\nkeys live {LIFE_S} s; in {LOAD_S} s: {states}, {len(calls) - asked} calls with {len(keys)} keys, asked for {asked} times,"
                  f" refused {len(refused)}")
            self.assertLessEqual(set(states), {"started", "not_needed"})
            self.assertGreater(states["started"], 0)
            self.assertEqual(refused, [])
            self.assertGreaterEqual(len(keys), 2)
            # From a life of keys to the next the container gives out the same ones: some five questions.
            self.assertLessEqual(asked, 8 * (LOAD_S // LIFE_S + 2))


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--long"])
