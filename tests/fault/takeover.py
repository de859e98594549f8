#!/usr/bin/python3
"""How long it takes until the next one leads and plans: medians, for each way in which a leader can go.

    takeover.py [--times N] [--jobs J] [--only NAME ...]

Jobs are due every second. A leader goes shortly before a second is full, so that there is something to plan as soon as
anybody can: what is printed is the time from its end to the beginning of the next epoch, and to the first plan of it. Ends
with 1 if a median is above what is promised.

As root each scheduld is a host of its own, in a network namespace, and falls silent by losing all packets, to PostgreSQL as
to AWS; otherwise it is a relay to PostgreSQL that lets nothing through any more.
"""
import argparse
import contextlib
import os
import signal
import statistics
import sys
import time

import netns
from system import System, wait_until

BEFORE_S = 0.05  # the leader goes so long before a full second


class Measurement:
    def __init__(self, system):
        self.system = system
        self.next = []  # seconds to the next epoch
        self.plan = []  # and to its first planning write

    def take(self, go):
        """go(member) ends the leader's rule; returns the wall time at which it did."""
        member, epoch = self.system.leader(), self.system.epoch()
        time.sleep((1 - BEFORE_S - time.time()) % 1)
        gone = go(member)
        since, planned = wait_until("another one plans", lambda: self.first_plan(epoch))
        self.next.append(since - gone)
        self.plan.append(planned - gone)
        return member

    def first_plan(self, epoch):
        """When the epoch after this one began, and when its leader first wrote a plan."""
        rows = self.system.stack.sql(
            "SELECT extract(epoch FROM e.at)::float8, (SELECT extract(epoch FROM min(r.at))::float8 FROM seen_runs r"
            " WHERE r.epoch = e.after AND r.before IS NULL) FROM seen_epochs e WHERE e.after = %s", [epoch + 1])
        return rows[0] if rows and rows[0][1] is not None else None

    def show(self, name, promised):
        """Whether it is as fast as was promised, from the end of the one to the first plan of the other."""
        took = statistics.median(self.plan)
        print(f"{name:10} {len(self.next)} times: next leader: median {median(self.next)}, most {max(self.next) * 1000:.0f} ms;"
              f" next plan: median {median(self.plan)}, most {max(self.plan) * 1000:.0f} ms;"
              f" promised {promised * 1000:.0f} ms{'' if took < promised else ': TOO SLOW'}", flush=True)
        return took < promised


def median(values):
    return f"{statistics.median(values) * 1000:.0f} ms"


def kill(member):
    gone = time.time()
    member.daemon.kill()
    return gone


def end(member):
    gone = time.time()
    member.daemon.process.send_signal(signal.SIGTERM)
    return gone


def freeze(member):
    gone = time.time()
    member.daemon.process.send_signal(signal.SIGSTOP)
    return gone


def measure(system, times, name, promised, go, after):
    result, slow = Measurement(system), 0
    for _ in range(times):
        slow += after(result.take(go)) is False
        wait_until("all are ready", lambda: system.leads() and all(each.ready() for each in system.members))
    if slow:
        print(f"{name:10} {slow} times it was slow to stand by: TOO SLOW", flush=True)
    return result.show(name, promised) and slow == 0


def restart(member):
    if not member.daemon.stopped:
        member.daemon.process.wait()
        member.daemon.stopped = True
    member.start()


def thaw(member):
    member.daemon.process.send_signal(signal.SIGCONT)
    woken = time.monotonic()
    wait_until("it stands by", lambda: member.daemon.check() and "leader.lost" in member.daemon.log())
    took = time.monotonic() - woken
    print(f"  awake to stand-by: {took * 1000:.0f} ms", flush=True)
    member.daemon.kill()  # what it says of its first loss is in its log: the next measurement needs a new one
    member.start()
    return took < 1  # from when it has woken up


def go_silent(member):
    """Nothing passes between the leader and the others any more, and nobody is told."""
    gone = time.time()
    member.silence()
    return gone


def revive(member):
    member.speak()
    member.daemon.kill()
    member.start()


WAYS = (  # name, seconds that are promised, what happens to the leader, how it comes back
    ("SIGTERM", 0.2, end, restart),
    ("kill -9", 1, kill, restart),
    ("SIGSTOP", 10, freeze, thaw),
    ("silence", 15, go_silent, revive),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[name for name, *_ in WAYS], choices=[name for name, *_ in WAYS])
    options = parser.parse_args()
    if netns.possible() and not netns.inside():
        return netns.rerun()
    with netns.Network(2) if netns.inside() else contextlib.nullcontext() as network, System(2, network=network) as system:
        print("hosts are", "network namespaces" if network else "relays", f"; load {os.getloadavg()[0]:.1f}", flush=True)
        system.stack.aws.life(run_s=0)
        system.stack.aws.task_definitions("job")
        system.stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'job-' || n, 'job', '*' FROM generate_series(1, %s) n",
                         [options.jobs])
        system.start()
        good = [measure(system, options.times, *way) for way in WAYS if way[0] in options.only]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
