#!/usr/bin/python3
"""webapid side by side with pgbench, which does the same SQL on the same server in the same minute.

    cmake --build --preset release && ECSS_BUILD_DIR=build/release tests/bench/bench_api.py [--seconds 5] [--rounds 3]

GET of a job by id, POST of a new one and PUT of one field, by wrk over 64 connections, against pgbench's SELECT (2
clients), INSERT and UPDATE (16 clients) on a copy of the table that has no triggers, and so no NOTIFY. Each pair is
measured turn by turn; what counts is the median of the rounds' ratios. Needs wrk. PostgreSQL syncs to disk here.
"""
import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stack import DATABASE, Stack  # noqa: E402

JOBS = 10000
COLUMNS = ("id, task_definition, schedule, schedule_start, schedule_end, timezone, task_count, max_count, suspended, trigger, overrides,"
           " misfire_grace_seconds, ecs")
SHOWN = ", ".join("j." + name for name in COLUMNS.split(", "))

SELECT = f"""\\set n random(1, {JOBS})
SELECT {SHOWN}, j.revision, extract(epoch FROM s.last_run)::bigint, s.last_run_tasks,
 CASE WHEN s.armed_revision = j.revision AND j.suspended IS NOT TRUE THEN extract(epoch FROM s.next_run)::bigint END,
 CASE WHEN s.armed_revision = j.revision THEN s.problem END, j.ordinal, j.updated_by
 FROM jobs j LEFT JOIN job_state s ON s.job_id = j.id WHERE j.id = 'b' || :n;
"""
INSERT = f"""\\set n random(1, 1000000000000)
INSERT INTO plain_jobs ({COLUMNS}, asked_by) VALUES ('p' || :client_id || '-' || :n, 'bench', '0 0 3', NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL,
 NULL, NULL, 'api') ON CONFLICT (id) DO NOTHING RETURNING revision;
"""
UPDATE = f"""\\set n random(1, {JOBS})
UPDATE plain_jobs SET task_count = 1 + :n % 50 WHERE id = 'b' || :n RETURNING revision;
"""

LUA = """local thread = 0
function setup(t) t:set("id", thread) thread = thread + 1 end
function init() n = 0 math.randomseed(%(seed)d + id) %(init)s end
function request()
  n = n + 1
  %(request)s
end
"""
JSON = '{["Content-Type"] = "application/json"}'
# As pgbench has prepared its statement: what the client does is little.
GETS = f'gets = {{}} for i = 1, {JOBS} do gets[i] = wrk.format("GET", "/jobs/b" .. i) end'
GET = f"return gets[math.random(1, {JOBS})]"
POST = """return wrk.format("POST", "/jobs", %s, '{"taskDefinition":"bench","schedule":"0 0 3","id":"w%%d-' .. id .. "-" .. n .. '"}')""" % JSON
PUT = f"""local r = math.random(1, {JOBS})
  return wrk.format("PUT", "/jobs/b" .. r, {JSON}, '{{"taskCount":' .. 1 + r % 50 .. "}}")"""


class Bench:
    def __init__(self, stack, seconds):
        self.stack, self.seconds, self.turn = stack, seconds, 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ecss-bench-", dir=stack.dir))

    def pgbench(self, script, clients):
        path = self.folder / "script.sql"
        path.write_text(script)
        out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(self.seconds), "-f", path,
                              self.stack.cluster.url(DATABASE)], capture_output=True, text=True, check=True).stdout
        return float(re.search(r"tps = ([0-9.]+)", out)[1])

    def wrk(self, request):
        self.turn += 1
        path = self.folder / "script.lua"
        path.write_text(LUA % {"seed": self.turn, "init": GETS if request is GET else "", "request": request.replace("%d", str(self.turn))})
        url = "http://%s:%d" % self.stack.address
        out = subprocess.run(["wrk", "-t2", "-c64", f"-d{self.seconds}s", "--latency", "-s", path, url], capture_output=True, text=True,
                             check=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"not all was answered well:\n{out}")
        return float(re.search(r"Requests/sec:\s+([0-9.]+)", out)[1]), re.search(r"99%\s+(\S+)", out)[1]


def prepare(stack):
    stack.sql(f"INSERT INTO jobs (id, task_definition, schedule) SELECT 'b' || n, 'bench', '0 0 3' FROM generate_series(1, {JOBS}) n")
    stack.sql("CREATE TABLE plain_jobs (LIKE jobs INCLUDING ALL)")
    stack.sql(f"INSERT INTO plain_jobs ({COLUMNS}) SELECT {COLUMNS} FROM jobs")
    stack.cluster.psql("VACUUM ANALYZE", DATABASE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    stack = Stack(fsync="on", full_page_writes="on", shared_buffers="256MB")
    short = []
    try:
        stack.start()
        stack.start_webapid(ECSS_LOG_LEVEL="warning")
        prepare(stack)
        bench = Bench(stack, options.seconds)
        for name, request, script, clients, wanted in (("GET", GET, SELECT, 2, 0.7), ("POST", POST, INSERT, 16, 1.0),
                                                       ("PUT", PUT, UPDATE, 16, 1.0)):
            ratios = []
            for _ in range(options.rounds):
                plain = bench.pgbench(script, clients)
                ours, p99 = bench.wrk(request)
                ratios.append(ours / plain)
                print(f"{name:5} webapid {ours:8.0f}/s (p99 {p99})   pgbench {plain:8.0f}/s ({clients} clients)   ratio {ratios[-1]:.2f}",
                      flush=True)
            ratio = statistics.median(ratios)
            print(f"{name:5} median ratio {ratio:.2f}, wanted {wanted}", flush=True)
            if ratio < wanted:
                short.append(name)
    finally:
        stack.stop()
    return f"short of it: {', '.join(short)}" if short else None


if __name__ == "__main__":
    sys.exit(main())
