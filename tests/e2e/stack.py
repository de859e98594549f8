"""The whole system for a test: PostgreSQL, the stand-in for AWS, webapid and scheduld, all on loopback.

    with Stack() as stack:
        stack.start_webapid()
        stack.start_scheduld()
        request(stack.address, "GET", "/jobs")
        stack.sql("SELECT id FROM jobs")

Daemons are the ones of the build in $ECSS_BUILD_DIR. One that ends by itself, or does not end well when it is asked to
(a sanitizer that found something, say), fails the test, with its log.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests" / "pg"), str(SOURCE / "tests" / "aws")]
from client import StandIn  # noqa: E402
from cluster import Cluster, die_with_parent  # noqa: E402

BUILD = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", SOURCE / "build" / "dev")).resolve()
DATABASE = "scheduler"
ECS_CLUSTER = "test-cluster"
TASK_DEFINITIONS = ("hello:main",)  # FAMILY:CONTAINER,...
USERS = {"webapid": "web", "scheduld": "sched"}
DEADLINE_S = 60  # generous: sanitizers, valgrind, and a busy machine
KEPT_ENVIRONMENT = ("PATH", "LANG", "TZ", "TZDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")


def sanitized():
    return re.search(r"^ECSS_SANITIZE:.*=.+", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE) is not None


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=DEADLINE_S):
    """Polls until the condition is true, and returns what it returned; fails, naming what was waited for."""
    deadline, pause = time.monotonic() + seconds, 0.005
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)  # what is tested needs the machine more than we do


class Daemon:
    """A program that runs until it is stopped, with its output in a file."""

    def __init__(self, name, command, env, folder, **more):
        self.name = name
        self.path = pathlib.Path(folder) / f"{name}.log"
        with open(self.path, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                            start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM), **more)
        self.stopped = False

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def log(self):
        return self.path.read_text(errors="replace")

    def check(self):
        """Raises if the daemon has ended by itself."""
        if not self.running() and not self.stopped:
            raise AssertionError(f"{self.name} has ended with status {self.process.returncode}:\n{self.log()[-8000:]}")
        return True

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE_S):
        """Asks it to end, and raises if it does not, or not with status 0."""
        if self.stopped:
            return
        self.check()
        self.stopped = True
        self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s after {number.name}:\n{self.log()[-8000:]}")
        if status != 0:
            raise AssertionError(f"{self.name} ended with status {status}:\n{self.log()[-8000:]}")

    def kill(self):
        """kill -9"""
        self.stopped = True
        self.process.kill()
        self.process.wait()


class Stack:
    def __init__(self, build=BUILD, wrap=(), task_definitions=TASK_DEFINITIONS, queues=(), clusters=(ECS_CLUSTER,),
                 aws_options=(), **settings):
        """wrap: words that go before a daemon's command, as valgrind's. task_definitions, queues and clusters: what the
        stand-in for AWS has, and aws_options more of its options, as its README says. settings: PostgreSQL's."""
        self.build, self.wrap = pathlib.Path(build), list(wrap)
        self.cluster = Cluster(**settings)
        self.aws = StandIn(clusters=list(clusters), task_definitions=list(task_definitions), queues=list(queues),
                           options=list(aws_options))
        self.dir = self.address = None
        self.daemons = []
        self.connections = {}
        self.started = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, _error, _trace):
        if kind is not None and issubclass(kind, Exception):
            for daemon in self.daemons:
                print(f"--- {daemon.name}:\n{daemon.log()[-4000:]}", file=sys.stderr)
            if self.cluster.dir is not None:
                print(f"--- postgresql:\n{self.cluster.log()[-4000:]}", file=sys.stderr)
        self.stop(check=kind is None)

    def start(self):
        try:
            self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ecss-e2e-"))
            self.cluster.start()
            self.cluster.create_database(DATABASE)
            self.migrate()
            for daemon, user in USERS.items():
                self.cluster.psql(f"CREATE ROLE {user} LOGIN IN ROLE ecs_scheduler_{daemon}")
            self.aws.start()
        except BaseException:
            self.stop(check=False)
            raise

    def stop(self, check=True):
        """Stops everything in the order that loses nothing; then raises, if check, what a daemon did wrong."""
        failures = []
        for daemon in reversed(self.daemons):
            try:
                daemon.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        self.aws.stop()
        for connection in self.connections.values():
            connection.close()
        self.cluster.stop()
        if self.dir is not None:
            shutil.rmtree(self.dir, ignore_errors=True)
        self.daemons = []
        if check and failures:
            raise AssertionError("\n".join(failures))

    def environment(self, **more):
        """What a daemon sees of this machine's environment: next to nothing. HOME is empty, so no ~/.aws is found."""
        env = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        env["HOME"] = str(self.dir)
        env.update({name: str(value) for name, value in more.items() if value is not None})
        return env

    def program(self, name):
        return str(self.build / name / name)

    def check(self):
        """Raises if a daemon has ended by itself."""
        for daemon in self.daemons:
            daemon.check()

    def migrate(self):
        env = self.environment(ECSS_DATABASE_URL=self.cluster.url(DATABASE))
        run = subprocess.run([self.program("webapid"), "--migrate"], env=env, capture_output=True, text=True)
        if run.returncode != 0:
            raise AssertionError(f"webapid --migrate ended with status {run.returncode}:\n{run.stdout}{run.stderr}")

    def spawn(self, program, env, wrap=None, **more):
        """more: subprocess.Popen's."""
        self.started += 1
        command = [*(self.wrap if wrap is None else wrap), self.program(program)]
        daemon = Daemon(f"{program}-{self.started}", command, env, self.dir, **more)
        self.daemons.append(daemon)
        return daemon

    def start_webapid(self, port=None, path="/health/ready", **env):
        """Returns when it answers GET of the path. The first one's address is stack.address; each has its own in daemon.address."""
        port = port or free_port()
        settings = {"ECSS_DATABASE_URL": self.cluster.url(DATABASE, USERS["webapid"]), "ECSS_LISTEN": f"127.0.0.1:{port}"}
        daemon = self.spawn("webapid", self.environment(**{**settings, **env}))
        daemon.address = ("127.0.0.1", port)
        self.address = self.address or daemon.address
        # A worker has its own connection to the database, and the kernel picks the worker: ask until all have been met.
        wait_until(f"{daemon.name} answers", lambda: daemon.check() and all(answers(daemon.address, path) for _ in range(12)))
        return daemon

    def start_scheduld(self, lead=True, **env):
        """Returns when it leads, or, with lead=False, at once."""
        settings = {"ECSS_DATABASE_URL": self.cluster.url(DATABASE, USERS["scheduld"]), "ECSS_ECS_CLUSTER": ECS_CLUSTER,
                    **self.aws.environment()}
        before = self.epoch()
        daemon = self.spawn("scheduld", self.environment(**{**settings, **env}))
        if lead:
            wait_until(f"{daemon.name} leads", lambda: daemon.check() and self.epoch() > before)
        return daemon

    def epoch(self):
        return self.sql("SELECT epoch FROM scheduler")[0][0]

    def sql(self, text, params=None, user=None):
        """Runs one statement as the owner of the tables (or as user), and returns its rows, [] if it has none."""
        import psycopg2

        for attempt in (1, 2):
            try:
                connection = self.connection(user)
                with connection, connection.cursor() as cursor:
                    cursor.execute(text, params)
                    return cursor.fetchall() if cursor.description else []
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if attempt == 2 or not connection.closed:  # closed: the server was restarted since
                    raise

    def connection(self, user=None):
        """The connection that sql() keeps for a user: tests ask often."""
        import psycopg2

        if user not in self.connections or self.connections[user].closed:
            self.connections[user] = psycopg2.connect(self.cluster.url(DATABASE, **({"user": user} if user else {})))
        return self.connections[user]

    def api(self, method, path, body=None, **headers):
        """Status and parsed body of one request to the first webapid."""
        connection = http.client.HTTPConnection(*self.address, timeout=DEADLINE_S)
        try:
            if body is not None:
                headers.setdefault("Content-Type", "application/json")
                body = json.dumps(body)
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()


def answers(address, path="/jobs?count=0"):
    """Whether webapid is there, and its database, too, unless the path needs none."""
    try:
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE_S)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status == 200
    except OSError:
        return False
