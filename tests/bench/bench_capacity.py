#!/usr/bin/python3
"""What the daemons take, as rows for the table of docs/operations.md.

    cmake --build --preset release && ECSS_BUILD_DIR=build/release tests/bench/bench_capacity.py [--jobs 10000,100000]

Memory is the resident set. Jobs and runs are made by SQL; the jobs of the last row are due in the same second.
"""
import argparse
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("e2e", "fault")]
from overload import memory_kib, once  # noqa: E402
from stack import DATABASE, Stack, wait_until  # noqa: E402

PATIENCE_S = 600
IDLE_S = 10
AHEAD_S = 10
CLIENTS = (100, 1000)
RUNS = 100000


def row(what, text):
    print(f"| {what} | {text} |", flush=True)


def mb(kib):
    return f"{kib * 1024 / 1e6:.1f} MB"


def cpu_s(daemon):
    fields = pathlib.Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Scheduld:
    def __init__(self, stack, name, lead):
        self.socket = stack.dir / f"{name}.sock"
        self.daemon = stack.start_scheduld(lead=lead, ECSS_ADMIN_LISTEN=f"unix:{self.socket}", ECSS_LOG_LEVEL="warning")

    def armed(self):
        said = subprocess.run(["curl", "--silent", "--unix-socket", self.socket, "http://admin/metrics"], capture_output=True, text=True)
        found = re.search(r"^ecss_jobs_armed (\d+)", said.stdout, re.M)
        return int(found[1]) if found else None


def table_bytes(stack, tables, rows):
    stack.cluster.psql(f"VACUUM {', '.join(tables)}", DATABASE)
    total = stack.sql("SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s) name", [tables])[0][0]
    return f"{int(total) // rows} bytes"


def connections(stack, user):
    return stack.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [user])[0][0]


def measure_scheduld(stack, counts):
    leader = Scheduld(stack, "leader", lead=True)
    held = connections(stack, "sched")
    standby = Scheduld(stack, "standby", lead=False)
    wait_until("the other one stands by", lambda: standby.armed() == 0 and connections(stack, "sched") > held)
    empty, before = memory_kib(leader.daemon), 0
    row("memory of `scheduld` without jobs", f"{mb(empty)}, {mb(memory_kib(standby.daemon))} of a standby")
    for count in counts:
        begun = time.monotonic()
        stack.sql("INSERT INTO jobs (id, task_definition, schedule, timezone) SELECT 'job-' || n, 'hello', '0 30 5 * * 1 1', 'Europe/Berlin'"
                  " FROM generate_series(%s, %s) n", [before + 1, count])
        wait_until("the jobs are armed", lambda: leader.armed() == standby.armed() == count, PATIENCE_S)
        took, now = time.monotonic() - begun, memory_kib(leader.daemon)
        row(f"the same with {count:,} jobs armed", f"{mb(now)}, {mb(memory_kib(standby.daemon))} of a standby: "
            f"{(now - empty) * 1024 // count} bytes a job; written and armed after {took:.0f} s")
        before = count
    wait_until("nothing is to be written", lambda: stack.sql("SELECT count(*) FROM job_state")[0][0] == count, PATIENCE_S)
    row("connections of `scheduld`", f"{held} of the leader, {connections(stack, 'sched') - held} of a standby")
    used = cpu_s(leader.daemon)
    time.sleep(IDLE_S)
    row(f"CPU of the leader with {count:,} jobs, none of them due", f"{(cpu_s(leader.daemon) - used) / IDLE_S:.1%} of one")
    row("database, a job", table_bytes(stack, ["jobs", "job_state"], count))
    standby.daemon.stop()


def measure_burst(stack, count):
    at = int(time.time()) + AHEAD_S
    stack.sql("INSERT INTO jobs (id, task_definition, schedule) SELECT 'due-' || n, 'hello', %s FROM generate_series(1, %s) n", [once(at), count])
    wait_until("all are planned", lambda: stack.sql("SELECT count(*) FROM runs WHERE job_id LIKE 'due-%%'")[0][0] == count, PATIENCE_S)
    late = float(stack.sql("SELECT extract(epoch FROM max(planned_at)) - %s FROM runs WHERE job_id LIKE 'due-%%'", [at])[0][0])
    row(f"{count:,} jobs due in the same second", f"on record within {late:.1f} s: {count / late:,.0f} a second")


def measure_runs(stack):
    stack.sql("TRUNCATE runs")
    stack.sql("INSERT INTO runs (job_id, fire_at, state, epoch, wanted, running, needed, launched_at, finished_at, tasks)"
              " SELECT 'job-' || n %% 1000, now() - n * interval '1 second', 'succeeded', 1, 1, 0, 1, now(), now(),"
              " jsonb_build_array('arn:aws:ecs:eu-central-1:123456789012:task/production/' || md5(n::text)) FROM generate_series(1, %s) n", [RUNS])
    row("database, a run with one task", table_bytes(stack, ["runs"], RUNS))


def measure_webapid(stack):
    daemon = stack.start_webapid(ECSS_LOG_LEVEL="warning", ECSS_MAX_CONNECTIONS=2000, ECSS_MAX_CONNECTIONS_PER_ADDRESS=2000,
                                 ECSS_IDLE_TIMEOUT_SECONDS=PATIENCE_S)
    row("connections of `webapid`", f"{connections(stack, 'web')} with `ECSS_WORKERS=2`")
    empty, clients = memory_kib(daemon), []
    row("memory of `webapid` without clients", mb(empty))
    try:
        for count in CLIENTS:
            while len(clients) < count:
                clients.append(socket.create_connection(stack.address))
                clients[-1].sendall(b"GET /jobs/job-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                if not clients[-1].recv(65536).startswith(b"HTTP/1.1 200"):
                    raise SystemExit("webapid does not answer 200")
            now = memory_kib(daemon)
            row(f"the same with {count:,} clients that stay connected", f"{mb(now)}: {(now - empty) * 1.024 / count:.1f} kB a client")
    finally:
        for client in clients:
            client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", default="10000,100000", help="to be armed, one number after the other")
    parser.add_argument("--due", type=int, default=10000, help="in the same second")
    options = parser.parse_args()
    print("| | |\n|---|---|")
    with Stack(shared_buffers="256MB") as stack:
        measure_scheduld(stack, [int(count) for count in options.jobs.split(",")])
        measure_webapid(stack)
        measure_burst(stack, options.due)
        measure_runs(stack)


if __name__ == "__main__":
    sys.exit(main())
