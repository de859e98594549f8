"""A PostgreSQL of one's own: in a temporary folder, reached by a unix socket only, gone afterwards.

    with Cluster() as cluster:
        cluster.create_database("jobs")
        run(ECSS_DATABASE_URL=cluster.url("jobs"))

PostgreSQL refuses to run as root, so for root it runs as the user postgres. The folder belongs to that user and nobody
else can enter it, so no other user of the machine reaches the socket.
"""
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

SUPERUSER = "postgres"
START_DEADLINE_S = 60
# Nothing in it is to survive a power cut, but everything a crash of the server: commits are written, only not synced.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "listen_addresses": "",
            "shared_buffers": "32MB", "max_connections": "100", "timezone": "UTC", "log_checkpoints": "off",
            "autovacuum_naptime": "10s",
            # Who waits for a lock is in the log, with the one who has it, well before webapid gives up.
            "log_lock_waits": "on", "deadlock_timeout": "200ms", "log_line_prefix": "%m [%p] %u %a "}
PR_SET_PDEATHSIG = 1
# What initdb makes, which takes it seconds of the processor, is the same each time.
MADE = pathlib.Path(__file__).resolve().parents[2] / "build" / "postgresql.tar"


def die_with_parent(number):
    """For preexec_fn: the child gets the signal when this process ends, however it does."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)


def program(name):
    """The path of a server program, newest version first; Debian keeps these out of PATH."""
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                      key=lambda path: float(path.parts[-3]), reverse=True)
    found = versions[0] if versions else shutil.which(name)
    if not found:
        raise FileNotFoundError(f"{name} is missing: install postgresql-15")
    return str(found)


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def exists(pid):
    """Whether there is such a process that is not a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cluster:
    def __init__(self, **settings):
        """settings: as in postgresql.conf; they go before ours."""
        self.settings = {**SETTINGS, **settings}
        self.user = None
        if os.geteuid() == 0:
            try:
                self.user = pwd.getpwnam("postgres")
            except KeyError:
                self.user = pwd.getpwnam("nobody")
        self.dir = self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Makes the folder, unless it is there from before, and returns when connections are accepted."""
        try:
            if self.dir is None:
                self.make()
            self.launch()
        except BaseException:
            self.stop()
            raise

    def make(self):
        initdb = program("initdb")
        try:
            made = MADE.open("rb") if MADE.stat().st_mtime > max(os.stat(by).st_mtime for by in (initdb, __file__)) else None
        except OSError:
            made = None
        if made:
            with made:
                self.fill(["tar", "-xf", "-"], stdin=made)
        else:
            self.fill([initdb, "-D", "data", "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                       "--no-instructions"])
            self.keep()

    def keep(self):
        """Packs what initdb has made, for the clusters that come after this one."""
        if os.access(MADE.parent, os.W_OK):  # else nothing is built there, or by another user
            half = MADE.with_name(f"{self.dir.name}.tar")
            try:
                subprocess.run(["tar", "-C", self.dir, "-cf", half, "data"], check=True)
                half.rename(MADE)
            finally:
                half.unlink(missing_ok=True)

    def fill(self, command, **options):
        """Makes the folder, and has the command make "data" in it."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ecss-pg-"))
        if self.user:
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        made = self.run(command, cwd=self.dir, **options)
        if made.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{made.stdout}")

    def replica(self):
        """Another server that follows this one, started. From then on a commit here waits until it is there, too."""
        other = Cluster(**self.settings)
        try:
            other.fill([program("pg_basebackup"), "-D", "data", "-d", self.url(), "-R", "-c", "fast", "--no-sync"])
            other.start()
            self.psql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.psql("SELECT pg_reload_conf()")
            deadline = time.monotonic() + START_DEADLINE_S
            while self.psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").strip() != "1":
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the other server does not follow:\n{other.log()}")
                time.sleep(0.02)
        except BaseException:
            other.stop()
            raise
        return other

    def promote(self):
        """A replica becomes a server that is written to; returns when it is."""
        self.psql("SELECT pg_promote()")

    def launch(self):
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        with open(self.dir / "log", "ab") as log:
            self.server = self.spawn([program("postgres"), "-D", str(self.dir / "data"), "-k", str(self.dir), *options],
                                     stdout=log, stderr=log, preexec_fn=die_with_parent(signal.SIGINT))
        deadline = time.monotonic() + START_DEADLINE_S
        # The line is written when the server has begun to accept connections; a connection is the proof.
        while subprocess.run([program("pg_isready"), "-q", "-h", self.dir, "-U", SUPERUSER]).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.02)

    def spawn(self, command, **options):
        if self.user:
            options.update(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[])
        # In a session of its own, Ctrl-C in the terminal does not reach it before those who use it have ended.
        return subprocess.Popen(command, **{"cwd": "/", "stdin": subprocess.DEVNULL, **options}, start_new_session=True,
                                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})

    def run(self, command, **options):
        child = self.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           preexec_fn=die_with_parent(signal.SIGTERM), **options)
        try:
            text, _ = child.communicate()
        except BaseException:
            self.kill_session(child)
            raise
        return subprocess.CompletedProcess(command, child.returncode, text)

    @staticmethod
    def kill_session(child):
        """Ends a child that leads a session of its own, and what it has started."""
        deadline = time.monotonic() + 10
        try:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            while time.monotonic() < deadline:
                os.killpg(child.pid, 0)
                time.sleep(0.01)
        except ProcessLookupError:
            child.wait()

    def halt(self, first):
        """Ends the server: first asks with this signal, at the end insists."""
        if self.server is None:
            return
        if self.server.poll() is None:
            self.thaw()
        for number, seconds in ((first, 20), (signal.SIGQUIT, 10)):
            if self.server.poll() is None:
                self.server.send_signal(number)
                try:
                    self.server.wait(seconds)
                except subprocess.TimeoutExpired:
                    pass
        self.server.kill()
        self.server.wait()
        self.server = None

    def stop(self):
        """Ends the server and removes the folder. Does no harm when it is called again."""
        self.halt(signal.SIGINT)
        if self.dir is not None:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None

    def crash(self):
        """Ends the server without a checkpoint, and its clients without a word; start() brings the server back with what was written."""
        self.halt(signal.SIGQUIT)

    def restart(self):
        self.halt(signal.SIGINT)
        self.launch()

    def shut_down(self):
        """Ends the server in order; start() brings it back."""
        self.halt(signal.SIGINT)

    def kill(self):
        """kill -9 of all of its processes, as if the machine had gone; start() has it recover."""
        pids = self.pids()
        for pid in pids:
            send(pid, signal.SIGKILL)
        self.server.wait()
        self.server = None
        deadline = time.monotonic() + 20
        while any(map(exists, pids)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def freeze(self):
        """SIGSTOP to all of its processes: it neither answers nor closes a connection."""
        for pid in self.pids():
            send(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.pids():
            send(pid, signal.SIGCONT)

    def pids(self):
        """The server's processes, the postmaster first."""
        found = [self.server.pid]
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == self.server.pid:
                found.append(int(stat.parent.name))
        return found

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def url(self, dbname="postgres", user=SUPERUSER, **more):
        return f"postgresql:///{dbname}?" + urllib.parse.urlencode({"host": self.dir, "user": user, **more})

    def psql(self, sql, dbname="postgres", user=SUPERUSER, options=("-qAt",)):
        """What psql prints; raises with the server's words if a statement fails."""
        run = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", *options, "-d", self.url(dbname, user)],
                             input=sql, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"psql: {run.stderr.strip()}")
        return run.stdout

    def trust(self, network, by="trust"):
        """Whoever comes from there is let in, as are those who come by the socket; by another method with a password, say."""
        with open(self.dir / "data" / "pg_hba.conf", "a", encoding="ascii") as rules:
            rules.write(f"host all all {network} {by}\n")
        self.psql("SELECT pg_reload_conf()")

    def create_database(self, name, owner=SUPERUSER):
        self.psql(f'CREATE DATABASE "{name}" OWNER "{owner}"')
