#!/usr/bin/python3
"""Runs a program with a PostgreSQL of its own, and ends with its exit status.

    with_pg.py -- PROGRAM [ARGUMENT...]

The program finds an empty database by ECSS_DATABASE_URL, and by PGHOST, PGUSER (a superuser) and PGDATABASE. It may
have things done to the server by ECSS_TEST_PG_CONTROL, the path of a unix socket that takes one word a connection,
shut_down, start, restart, crash, kill, freeze or thaw, and answers "ok" when it is done, or what went wrong.
"""
import os
import signal
import socket
import subprocess
import sys
import threading

from cluster import SUPERUSER, Cluster, die_with_parent

DATABASE = "test"
WORDS = ("shut_down", "start", "restart", "crash", "kill", "freeze", "thaw")


def serve(listener, cluster):
    """Does what the program asks for, until the process ends."""
    while True:
        connection, _ = listener.accept()
        with connection:
            word = connection.recv(64).decode().strip()
            try:
                if word not in WORDS:
                    raise ValueError(f"not one of {', '.join(WORDS)}")
                getattr(cluster, word)()
                answer = "ok"
            except Exception as error:  # the program is to see it
                answer = f"{word}: {error!r}"
            connection.sendall(answer.encode())


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    with Cluster() as cluster:
        cluster.create_database(DATABASE)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(cluster.dir / "control"))
        listener.listen()
        threading.Thread(target=serve, args=(listener, cluster), daemon=True).start()
        env = dict(os.environ, ECSS_DATABASE_URL=cluster.url(DATABASE), ECSS_TEST_PG_CONTROL=str(cluster.dir / "control"),
                   PGHOST=str(cluster.dir), PGUSER=SUPERUSER, PGDATABASE=DATABASE)
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
