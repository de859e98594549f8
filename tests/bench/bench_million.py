#!/usr/bin/python3
"""webapid with a million jobs: how long lists, filters and single jobs take, and how fast all of them go out and in.

    cmake --build --preset release && ECSS_BUILD_DIR=build/release tests/bench/bench_million.py [--jobs 1000000]

The jobs are made by SQL, with what the scheduler keeps of each. Requests come 100 a second, whatever the answers take, and what counts is the 99th percentile of
the time from when a request was due. PostgreSQL syncs to disk here, and is done with the load before the first request. The first requests of each kind meet
pages that nobody has read since (a list by task definition some 500 of them, for its 100 jobs are in as many places), so they are told apart.
"""
import argparse
import http.client
import itertools
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import DATABASE, DEADLINE_S, Stack  # noqa: E402

RATE, P99_MS, EXPORT_RATE, IMPORT_RATE = 100, 10, 50000, 5000
FIRST = 200  # of each kind
PIECE = 1 << 20
BODY_LINES = 200000


def make_jobs(stack, count):
    stack.sql("INSERT INTO jobs (id, task_definition, schedule, timezone, suspended) SELECT 'job-' || n, 'task-' || n %% 1000, '0 30 ' || n %% 24,"
              " 'Europe/Berlin', n %% 10 = 0 FROM generate_series(1, %s) n", [count])
    stack.sql("INSERT INTO job_state (job_id, next_run, armed_revision) SELECT id, now() + interval '1 hour', revision FROM jobs")
    stack.cluster.psql("VACUUM ANALYZE", DATABASE)
    stack.cluster.psql("CHECKPOINT", DATABASE)  # or each page that is read has one of the load's written before


def paced(stack, paths):
    """99th percentile and median, and the median and the longest of the first ones, in milliseconds."""
    connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
    took, start = [], time.monotonic()
    for n, path in enumerate(paths):
        if n == FIRST:
            first, took, start = sorted(took), [], time.monotonic() - n / RATE
        due = start + n / RATE
        time.sleep(max(0, due - time.monotonic()))
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        took.append((time.monotonic() - due) * 1000)
    took.sort()
    return took[len(took) * 99 // 100], took[len(took) // 2], first[len(first) // 2], first[-1]


def rss_kb(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{daemon.pid}/status").read_text())[1])


def export(stack, daemon, path):
    connection = http.client.HTTPConnection(*stack.address, timeout=DEADLINE_S)
    before = most = rss_kb(daemon)
    start, lines = time.monotonic(), 0
    connection.request("GET", "/jobs/export")
    answer = connection.getresponse()
    with open(path, "wb") as file:
        while piece := answer.read(PIECE):
            file.write(piece)
            lines += piece.count(b"\n")
            most = max(most, rss_kb(daemon))
    return lines / (time.monotonic() - start), lines, most - before


def import_part(stack, path, count):
    """In bodies of as many lines as one may have, about."""
    connection = http.client.HTTPConnection(*stack.address, timeout=600)
    taken_s = 0
    with open(path, "rb") as file:
        lines = itertools.islice(file, count)
        while body := b"".join(itertools.islice(lines, BODY_LINES)):
            start = time.monotonic()
            connection.request("POST", "/jobs/import", body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(f"import: {answer.status} {text[:500]}")
            taken_s += time.monotonic() - start
    return count / taken_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000000)
    parser.add_argument("--requests", type=int, default=1500, help="of each kind")
    parser.add_argument("--imported", type=int, default=200000)
    options = parser.parse_args()
    short = []

    def judge(name, text, good):
        print(f"{name:28} {text}{'' if good else '   short of it'}", flush=True)
        if not good:
            short.append(name)

    stack = Stack(fsync="on", full_page_writes="on", shared_buffers="256MB")
    try:
        stack.start()
        daemon = stack.start_webapid(ECSS_LOG_LEVEL="warning")
        make_jobs(stack, options.jobs)
        pick = random.Random(1).randrange
        kinds = {
            "get": lambda: f"/jobs/job-{pick(options.jobs) + 1}",
            "list, first page": lambda: "/jobs?count=100",
            "list by after": lambda: f"/jobs?after={pick(options.jobs)}&count=100",
            "list by task definition": lambda: f"/jobs?after=&taskDefinition=task-{pick(1000)}&count=100",
            "list of suspended jobs": lambda: f"/jobs?after={pick(options.jobs // 2)}&suspended=true&count=100",
            "list by prefix": lambda: f"/jobs?after=&prefix=job-{pick(1000) + 1}&count=100",
            "list with total": lambda: f"/jobs?after={pick(options.jobs)}&count=10&total=true",
        }
        for name, path in kinds.items():
            p99, median, first, longest = paced(stack, [path() for _ in range(FIRST + options.requests)])
            judge(name, f"p99 {p99:6.1f} ms, median {median:.1f} ms at {RATE}/s (wanted {P99_MS}); the first {FIRST}: median {first:.1f} ms,"
                  f" longest {longest:.1f} ms", p99 < P99_MS)
        file = stack.dir / "jobs.ndjson"
        rate, lines, grown = export(stack, daemon, file)
        judge("export", f"{rate:.0f} jobs/s (wanted {EXPORT_RATE}), {lines} jobs, memory grew by {grown} kB",
              rate >= EXPORT_RATE and lines == options.jobs and grown < 32768)
        stack.sql("TRUNCATE jobs CASCADE")
        rate = import_part(stack, file, options.imported)
        judge("import, all or nothing", f"{rate:.0f} jobs/s (wanted {IMPORT_RATE}), {options.imported} jobs", rate >= IMPORT_RATE)
    finally:
        stack.stop()
    return f"short of it: {', '.join(short)}" if short else None


if __name__ == "__main__":
    sys.exit(main())
