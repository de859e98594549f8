#!/usr/bin/python3
"""cron_next() beside APScheduler's cron trigger: nanoseconds for each next fire time, in the same run; see README.md.

Usage: tests/bench/cron/bench.py [BUILD-FOLDER]   exits 1 if a target is missed
"""
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import time

from apscheduler import __version__ as version
from apscheduler.triggers.cron import CronTrigger
import pytz

ROOT = pathlib.Path(__file__).resolve().parents[3]
FIELDS = "second minute hour day_of_week week day month year".split()
COMMON = ("*", "0 */5", "0 0 4", "0 0 0 * * last")
COMMON_NS, RARE_NS, RATIO, REFUSE_NS = 100, 1000, 100, 1_000_000
ROUNDS, ROUND_NS = 7, 20_000_000
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
TICK = datetime.timedelta(microseconds=1)


def calls(trigger, zone, count):
    """CPU time of `count` next fire times, one after the other, as APScheduler's scheduler asks for them."""
    now, done = BEGIN.astimezone(zone), 0
    begin = time.process_time_ns()
    while done < count:
        due = trigger.get_next_fire_time(None, now)
        now = due + TICK if due.year < 2500 else BEGIN.astimezone(zone)
        done += 1
    return (time.process_time_ns() - begin) / count


def apscheduler_ns(schedule, zone):
    words = {field: word.replace("_", " ") for field, word in zip(FIELDS, schedule.split())}
    zone = pytz.timezone(zone)
    trigger = CronTrigger(timezone=zone, **words)
    count = max(3, int(ROUND_NS / calls(trigger, zone, 3)))
    return statistics.median(calls(trigger, zone, count) for _ in range(ROUNDS))


def main():
    build = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "release"
    program = build / "tests" / "bench" / "cron" / "bench_cron"
    zoneinfo = build / "tests" / "unit" / "tzdata"
    lines = subprocess.run([program, zoneinfo], check=True, capture_output=True, text=True).stdout.splitlines()
    missed = 0
    print(f"{'schedule':22}{'zone':18}{'cron ns':>9}{'APScheduler ' + version + ' ns':>24}{'ratio':>8}")
    for row in map(json.loads, lines):
        ns = row["ns"]
        if row["what"] == "next":
            other = apscheduler_ns(row["schedule"], row["zone"])
            good = ns < (COMMON_NS if row["schedule"] in COMMON else RARE_NS) and other >= RATIO * ns
            print(f"{row['schedule']:22}{row['zone']:18}{ns:9.0f}{other:24.0f}{other / ns:8.0f}", end="")
        else:
            good = ns < REFUSE_NS
            print(f"{row['what']} {row['schedule']:45} {ns:9.0f}", end="")
        missed += not good
        print("" if good else "   misses its target")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
