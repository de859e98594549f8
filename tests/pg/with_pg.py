#!/usr/bin/python3
"""Runs a program with a PostgreSQL of its own, and ends with its exit status.

    with_pg.py -- PROGRAM [ARGUMENT...]

The program finds an empty database by ECSS_DATABASE_URL, and by PGHOST, PGUSER (a superuser) and PGDATABASE.
"""
import os
import signal
import subprocess
import sys

from cluster import SUPERUSER, Cluster, die_with_parent

DATABASE = "test"


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    with Cluster() as cluster:
        cluster.create_database(DATABASE)
        env = dict(os.environ, ECSS_DATABASE_URL=cluster.url(DATABASE), PGHOST=str(cluster.dir), PGUSER=SUPERUSER,
                   PGDATABASE=DATABASE)
        child = subprocess.Popen(sys.argv[2:], env=env, preexec_fn=die_with_parent(signal.SIGTERM))
        try:
            status = child.wait()
        finally:
            child.kill()
            child.wait()
    return status if status >= 0 else 128 - status


def on_signal(number, _frame):
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
