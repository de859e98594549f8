#!/usr/bin/python3
"""Everything goes wrong, again and again, and nothing may be lost or happen twice.

    harness.py [--seed S] [--seconds N] [--jobs J] [--members M] [--grace S]

Runs PostgreSQL, the stand-in for AWS, webapid and several scheduld with jobs that are due every 1 to 5 seconds and are
edited meanwhile; injects faults, chosen by the seed; then stops that, waits until all is on record, and audits. The seed
chooses jobs, edits and faults, and so reproduces a run as far as processes allow. Ends with 0 if the audit found nothing;
otherwise logs and what was seen are in the folder that is printed.
"""
import argparse
import json
import random
import sys
import time

from system import BUILD, System, wait_until
from audit import Audit
from faults import Faults, settle
from ledger import collect
from workload import QUEUES, Workload

LEAD_S = 60


def run(options):
    begun = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begun:7.1f} {text}", flush=True)

    print(f"seed {options.seed}: {options.jobs} jobs, {options.members} scheduld, {options.seconds} s", flush=True)
    with System(options.members, queues=[f"{name}=5" for name in QUEUES],
                ECSS_MISFIRE_GRACE_SECONDS=options.grace) as system:
        system.stack.aws.life(run_s=1.0)
        system.start_webapid()
        system.start()
        workload, faults = Workload(system.stack, options.jobs, options.seed), Faults(system, options.seed)
        try:
            workload.fill()
            say("all jobs are made")
            inject(system, workload, faults, options, say)
            say("quiet")
            settle(system, LEAD_S)
            broken = workload.broken_promises()
            quiet_at = system.calm_down()
            audit = Audit(seen := collect(system.stack), quiet_at).run()
        except BaseException:
            keep(system, options, None)
            raise
        good = report(audit, faults, workload, broken)
        bugs = system.stack.aws.overview()["bugs"]
        if bugs:
            print(f"the stand-in has bugs: {bugs}")
        if not good:
            keep(system, options, {"seen": seen, "quiet_at": quiet_at})
    return good and not bugs


def inject(system, workload, faults, options, say):
    pause = random.Random(f"{options.seed} pauses")
    until = time.monotonic() + options.seconds
    workload.start()
    try:
        while time.monotonic() < until:
            time.sleep(pause.uniform(0, options.pause))
            name, words = faults.inject()
            say(f"{name} {words or ''}")
            system.check()
    finally:
        workload.stop()


def report(audit, faults, workload, broken):
    total = sum(faults.done.values())
    print(f"\n{total} faults: " + ", ".join(f"{count} {name}" for name, count in sorted(faults.done.items())))
    print(f"{workload.edits} edits by API and psql, of which {len(workload.failures)} failed or were not answered")
    print(audit.report())
    for text in broken:
        print(f"  edit: {text}")
    findings = len(audit.errors) + len(broken)
    print("0 lost, 0 double, 0 stuck" if findings == 0 else f"FAILED: {findings} findings", flush=True)
    return findings == 0


def keep(system, options, seen):
    folder = BUILD / f"fault-{options.seed}"
    system.logs(folder)
    if seen is not None:
        (folder / "seen.json").write_text(json.dumps(seen))
    print(f"logs are in {folder}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=float, default=1260, help="how long faults are injected")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--members", type=int, default=3, help="how many scheduld")
    parser.add_argument("--grace", type=int, default=3600, help="ECSS_MISFIRE_GRACE_SECONDS")
    parser.add_argument("--pause", type=float, default=1.5, help="most seconds between two faults")
    return 0 if run(parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
