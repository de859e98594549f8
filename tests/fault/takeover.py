#!/usr/bin/python3
"""How long it takes until the next one leads and plans: medians, for each way in which a leader can go.

    takeover.py [--times N] [--jobs J]

Jobs are due every second. A leader goes shortly before a second is full, so that there is something to plan as soon as
anybody can: what is printed is the time from its end to the beginning of the next epoch, and to the first plan of it.
"""
import argparse
import signal
import statistics
import sys
import time

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

    def show(self, name):
        print(f"{name:24} next leader: median {median(self.next)}, most {max(self.next) * 1000:.0f} ms;"
              f" next plan: median {median(self.plan)}, most {max(self.plan) * 1000:.0f} ms", flush=True)


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


def measure(system, times, name, go, after):
    result = Measurement(system)
    for _ in range(times):
        wait_until("all are ready", lambda: system.leads() and all(each.ready() for each in system.members))
        after(result.take(go))
    result.show(name)


def restart(member):
    if not member.daemon.stopped:
        member.daemon.process.wait()
        member.daemon.stopped = True
    member.start()


def thaw(member):
    member.daemon.process.send_signal(signal.SIGCONT)
    woken = time.monotonic()
    wait_until("it stands by", lambda: member.daemon.check() and "leader.lost" in member.daemon.log())
    print(f"  awake to stand-by: {(time.monotonic() - woken) * 1000:.0f} ms", flush=True)
    member.daemon.kill()  # what it says of its first loss is in its log: the next measurement needs a new one
    member.start()


def reconnect(member):
    member.database.reset()


def go_silent(member):
    """Nothing passes between the leader and PostgreSQL any more, and nobody is told."""
    gone = time.time()
    member.database.stall(600)
    return gone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=20)
    options = parser.parse_args()
    with System(2) as system:
        system.stack.aws.life(run_s=0)
        system.stack.aws.task_definitions("job")
        system.stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'job-' || n, 'job', '*' FROM generate_series(1, %s) n",
                         [options.jobs])
        system.start()
        measure(system, options.times, "SIGTERM", end, restart)
        measure(system, options.times, "kill -9", kill, restart)
        measure(system, max(1, options.times // 3), "SIGSTOP", freeze, thaw)
        measure(system, max(1, options.times // 3), "network silent (relay)", go_silent, reconnect)
    return 0


if __name__ == "__main__":
    sys.exit(main())
