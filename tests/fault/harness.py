#!/usr/bin/python3
"""Everything goes wrong, again and again, and nothing may be lost or happen twice.

    harness.py [--seed S] [--seconds N] [--faults F] [--jobs J] [--members M] [--grace S] [--often FAULT]

Runs PostgreSQL, the stand-in for AWS, webapid and several scheduld with jobs that are due every 1 to 5 seconds and are
edited meanwhile; injects faults, chosen by the seed; then stops that, waits until all is on record, and audits. In between,
and then, it looks: with nothing wrong, all that is open has to end, and nothing is reset or replaced for that. The seed
chooses jobs, edits and faults, and so reproduces a run as far as processes allow. Ends with 0 if nothing was found, and as
many faults as --faults demands were injected; otherwise logs and what was seen are in the folder that is printed.

With a grace that is longer than the run nothing may be missed or fail. With a short one, as --grace 5, it may if it was
truly late; and a run whose answer was lost is late by then, so ECS is asked what it came to: how often is printed.
"""
import argparse
import json
import random
import re
import sys
import time

from system import BUILD, System
from audit import Audit
from faults import Faults, undo
from ledger import collect
from workload import QUEUES, Workload

# So many faults, then a look: at the first one that the next leader would mend, or at any.
LOOK_MIN, LOOK_MAX = 40, 80


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
        workload, faults = Workload(system.stack, options.jobs, options.seed), Faults(system, options.seed, options.grace, options.often)
        try:
            workload.fill()
            say("all jobs are made")
            found = inject(system, workload, faults, options, say)
            say("quiet")
            found += look(system, say)
            broken = workload.broken_promises()
            quiet_at = system.calm_down()
            audit = Audit(seen := collect(system.stack), quiet_at, options.grace).run().found(found)
        except BaseException:
            keep(system, options, None)
            raise
        good = report(audit, faults, workload, broken)
        print(in_doubt(system.stack.daemons))
        if bugs := system.stack.aws.overview()["bugs"]:
            print(f"the stand-in has bugs: {bugs}")
        if not good:
            keep(system, options, {"seen": seen, "quiet_at": quiet_at})
        short = options.faults - sum(faults.done.values())
        if short > 0:
            print(f"{short} faults short of the {options.faults} that were demanded")
    return good and not bugs and short <= 0


def inject(system, workload, faults, options, say):
    """Returns what was found between faults."""
    pause, found, since = random.Random(f"{options.seed} pauses"), [], 0
    until = time.monotonic() + options.seconds
    workload.start()
    try:
        while time.monotonic() < until:
            time.sleep(pause.uniform(0, options.pause))
            name, words = faults.inject()
            say(f"{name} {words or ''}")
            system.check()
            since += 1
            if since >= LOOK_MAX or since >= LOOK_MIN and name in Faults.MENDED_BY_OTHERS:
                found += look(system, say)
                since = 0
    finally:
        workload.stop()
    return found


def look(system, say):
    undo(system)
    found = system.look()
    say("all that was open has ended" if not found else "\n".join(found))
    return found


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


def in_doubt(daemons):
    """What the logs say of runs of which ECS was asked what became of them, when it was too late to send them again."""
    runs = {found[1]: (int(found[2]), int(found[3])) for daemon in daemons
            for found in re.finditer(r" run\.found .*\brun=(\d+) .*\btasks=(\d+) of=(\d+)", daemon.log())}
    had = ["all" if tasks >= needed else "some" if tasks else "none" for tasks, needed in runs.values()]
    return f"{len(runs)} runs were resolved in doubt: of {had.count('all')} ECS had all tasks, of {had.count('some')} some," \
           f" of {had.count('none')} none"


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
    parser.add_argument("--pause", type=float, default=0.3, help="most seconds between two faults")
    parser.add_argument("--faults", type=int, default=0, help="how many faults there have to be, or it fails")
    parser.add_argument("--often", choices=sorted(name for _, name in Faults.TABLE), metavar="FAULT",
                        help="half of all faults are this one, to look for what only it finds")
    return 0 if run(parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
