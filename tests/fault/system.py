"""The system under test: the stack of tests/e2e, with several scheduld, each behind relays of its own."""
import os
import pathlib
import sys
import time

import psycopg2

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
from stack import BUILD, DATABASE, USERS, Stack, free_port, wait_until  # noqa: E402, F401

import ledger  # noqa: E402
import netns  # noqa: E402
from ledger import collect  # noqa: E402, F401
from relay import Relay  # noqa: E402

OPEN = "('planned', 'launching')"
# The stand-in has no quota, and more jobs are due here than a default quota would take.
RATES = {f"ECSS_{name}": "1000" for name in ("ECS_LAUNCH_RATE", "ECS_LAUNCH_BURST", "ECS_READ_RATE", "ECS_READ_BURST", "SQS_RATE")}
QUIET_S = 200  # the longest pause between two tries of a launch is 60 s
NOTICE_S = 60  # the longest time until a daemon notices that a session of its own is dead is 10 s
LOOKS = 4


class Member:
    """One place in which a scheduld runs, and runs again after it was killed."""

    def __init__(self, system, number):
        self.system, self.number, self.name = system, number, f"scheduld {number + 1}"
        self.address = netns.SERVER if system.network else "127.0.0.1"
        self.database = Relay(system.stack.cluster.dir / ".s.PGSQL.5432", self.address, sessions=True)
        self.aws = Relay(("127.0.0.1", system.stack.aws.port), self.address)
        self.daemon = None

    def start(self):
        stack, network = self.system.stack, self.system.network
        port = 5432 if network else self.database.port  # from a host of its own it goes to PostgreSQL itself
        url = f"postgresql://{USERS['scheduld']}@{self.address}:{port}/{DATABASE}{self.system.session}"
        env = {"ECSS_DATABASE_URL": url, "ECSS_ECS_CLUSTER": "test-cluster", **stack.aws.environment(),
               "AWS_ENDPOINT_URL": f"http://{self.address}:{self.aws.port}", **RATES, **self.system.settings}
        self.daemon = stack.spawn("scheduld", stack.environment(**env), network and network.wrap(self.number))
        return self

    def silence(self):
        """No packet of it arrives any more, and none gets there."""
        if self.system.network:
            self.system.network.silence(self.number)
        else:
            self.database.stall(600)

    def speak(self):
        if self.system.network:
            self.system.network.speak(self.number)
        else:
            self.database.reset()

    def ready(self):
        """Whether it is connected, with all jobs loaded, and leads or tries to."""
        log = self.daemon.check() and self.daemon.log()
        return "scheduld.loaded" in log and ("leader.standby" in log or "leader.leading" in log)


class System:
    def __init__(self, members=3, task_definitions=("hello:main",), queues=(), network=None, session="", **settings):
        """network: a netns.Network, to which the members belong. session: of scheduld's database URL, what comes after
        the name. settings: of scheduld, from the environment."""
        self.network, self.session = network, session
        listen = {"listen_addresses": netns.SERVER} if network else {}
        self.stack = Stack(task_definitions=task_definitions, queues=queues, **listen)
        self.wanted, self.settings = members, settings
        self.members = []
        self.webapid = self.port = None

    def __enter__(self):
        self.stack.__enter__()
        ledger.install(self.stack)
        if self.network:
            self.stack.cluster.trust(netns.NET)
        for number in range(self.wanted):
            member = Member(self, number)
            member.database.__enter__()
            member.aws.__enter__()
            self.members.append(member)
        return self

    def __exit__(self, kind, error, trace):
        try:
            self.stack.__exit__(kind, error, trace)
        finally:
            for member in self.members:
                member.aws.__exit__()
                member.database.__exit__()

    def start(self):
        for member in self.members:
            member.start()
        wait_until("all are ready", lambda: all(member.ready() for member in self.members) and self.leads())

    def start_webapid(self):
        self.port = self.port or free_port()
        self.webapid = self.stack.start_webapid(port=self.port)

    def check(self):
        self.stack.check()
        return True

    def row(self):
        """(epoch, holder, age of the heartbeat); None if the database does not answer."""
        try:
            return self.stack.sql("SELECT epoch, holder, extract(epoch FROM clock_timestamp() - heartbeat)::float8 FROM scheduler")[0]
        except psycopg2.Error:
            return None

    def epoch(self):
        row = self.row()
        return None if row is None else row[0]

    def leads(self):
        row = self.row()
        return row is not None and row[1] is not None and row[2] < 3 and self.holder(row[1]) is not None

    def holder(self, name):
        return next((member for member in self.members if member.daemon.running() and name.endswith(f":{member.daemon.pid}")), None)

    def leader(self):
        """Who leads, as far as the database knows; any of them if it does not."""
        row = self.row()
        return (row and row[1] and self.holder(row[1])) or self.members[0]

    def open_runs(self):
        return self.stack.sql(f"SELECT count(*) FROM runs WHERE state IN {OPEN}")[0][0]

    def caught_up(self, instant):
        """Whether all fire times until then are on record, as the product sees it, and nothing of them is open."""
        return self.stack.sql(
            f"SELECT NOT EXISTS (SELECT FROM runs WHERE state IN {OPEN} AND fire_at <= to_timestamp(%s)) AND NOT EXISTS ("
            " SELECT FROM jobs j LEFT JOIN job_state s ON s.job_id = j.id"
            " WHERE s.armed_revision IS DISTINCT FROM j.revision OR s.next_run <= to_timestamp(%s))", [instant, instant])[0][0]

    def look(self, seconds=QUIET_S):
        """When nothing is wrong any more: all that is due or open by now comes to an end, and nothing is reset, cut or
        replaced for that, as the next leader would mend what this one has left. Returns what was found."""
        for _ in range(LOOKS):
            wait_until("all have noticed what they lost, and somebody leads", lambda: self.check() and self.leads() and not any(
                relay.lossy() for member in self.members for relay in (member.database, member.aws)), NOTICE_S)
            now, epoch = time.time(), self.epoch()
            found = self.unfinished(now, epoch, seconds)
            if self.epoch() == epoch:
                return found
            print(f"nothing was wrong any more, and epoch {epoch} became {self.epoch()}", flush=True)
        return [f"epoch: nothing was wrong, and it has changed {LOOKS} times"]

    def unfinished(self, instant, epoch, seconds):
        """What was due or open at an instant, and is after so long, or when another epoch begins."""
        try:
            wait_until("it ends", lambda: self.check() and (self.caught_up(instant) or self.epoch() != epoch), seconds)
            return []
        except AssertionError:
            self.check()
        runs = self.stack.sql("SELECT job_id, id, state, epoch, extract(epoch FROM fire_at)::bigint, error FROM runs"
                              f" WHERE state IN {OPEN} AND fire_at <= to_timestamp(%s) ORDER BY fire_at", [instant])
        late = self.stack.sql("SELECT job_id, extract(epoch FROM next_run)::bigint FROM job_state WHERE next_run <= to_timestamp(%s)",
                              [instant])
        return [f"stuck: {job}: run {run} of {fire} is {state} for {seconds} s since nothing is wrong any more; it is of epoch"
                f" {began}, {epoch} leads: {error}" for job, run, state, began, fire, error in runs] + \
               [f"lost: {job}: nobody plans what was due at {due}, for {seconds} s since nothing is wrong any more" for job, due in late]

    def calm_down(self, stop=True):
        """Waits until all that was due is on record, then suspends all jobs, and stops all scheduld, unless something is not
        at its end: who takes over would mend it before the audit has seen it. Returns the time until which nothing may be
        missing."""
        quiet_at = time.time()
        quiet = self.patiently("all that was due is on record", lambda: self.caught_up(quiet_at))
        self.stack.sql("UPDATE jobs SET suspended = true")
        quiet &= self.patiently("nothing is armed, no run is open",
                                lambda: self.caught_up(time.time() + 3600) and self.open_runs() == 0)
        for member in self.members if stop and quiet else ():
            member.daemon.stop()
        return quiet_at

    def patiently(self, what, condition):
        """Whether it comes true. If not it is told, not raised: the audit will say what is missing."""
        try:
            wait_until(what, condition, QUIET_S)
            return True
        except AssertionError as error:
            print(error, flush=True)
            return False
        finally:
            self.check()

    def logs(self, folder):
        """Keeps the daemons' logs for whoever looks for what went wrong."""
        os.makedirs(folder, exist_ok=True)
        for daemon in self.stack.daemons:
            (pathlib.Path(folder) / f"{daemon.name}.log").write_text(daemon.log())
        (pathlib.Path(folder) / "postgresql.log").write_text(self.stack.cluster.log())
