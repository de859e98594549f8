"""What goes wrong: one method a fault, each returning when it is over and what it broke has been started again (whether
that works by then is not awaited). All choices come from the seed.
"""
import random
import signal
import time

import psycopg2

from stack import DATABASE, wait_until

THAW_S = 20  # a frozen leader is thawed at the latest by then, whether another leads or not
SHORT_S = 30  # a grace that can be waited for
LEAD_S = 20  # longer than it takes until another one leads and takes over
ECS = ("RunTask", "ListTasks", "DescribeTasks", "GetQueueAttributes", "GetQueueUrl")
SESSIONS = LOCK_SESSION, WORK_SESSION = "scheduld leader", "scheduld"  # by application_name
TAKE_OVER = "run_read_open"  # the statement by which a new leader finds what is open


class Faults:
    def __init__(self, system, seed, grace, often=None):
        """often: one that shall be as likely as all the others together."""
        self.system, self.stack, self.grace = system, system.stack, grace
        self.table = self.TABLE + (self.OF_SHORT_GRACE if grace <= SHORT_S else ())
        if often:
            self.table += ((sum(weight for weight, name in self.table if name != often), often),)
        self.random = random.Random(f"{seed} faults")
        self.done = {}

    TABLE = (  # weight, method
        (12, "kill_leader"), (3, "kill_standby"), (3, "kill_webapid"), (4, "end_leader"),
        (3, "freeze_leader"), (2, "freeze_a_moment"), (1, "freeze_webapid"),
        (3, "lock_runs"), (6, "replace_leader_in_a_write"),
        (4, "cut_lock_session"), (6, "cut_sessions"), (12, "cut_one_session"),
        (9, "lose_one_answer"), (4, "lose_answer_while_launching"), (4, "lose_answer_of_take_over"), (2, "lose_answer_of_new_epoch"),
        (6, "net_resets_database"), (4, "net_stalls_database"), (5, "net_loses_answers_of_database"),
        (4, "net_loses_requests_to_database"),
        (5, "net_resets_aws"), (3, "net_stalls_aws"), (4, "net_loses_answers_of_aws"),
        (2, "database_restarts"), (3, "database_crashes"), (1, "database_freezes"),
        (6, "aws_throttles"), (6, "aws_fails"), (8, "aws_resets"), (6, "aws_answers_nonsense"), (5, "aws_is_slow"),
        (4, "aws_has_no_room"),
    )

    OF_SHORT_GRACE = ((8, "aws_resets_past_the_grace"),)
    MENDED_BY_OTHERS = ("lose_one_answer", "lose_answer_while_launching", "lose_answer_of_take_over")  # what they spoil, the next leader would put right

    def inject(self):
        """One fault; its name and what it says about itself."""
        name = self.random.choices([name for _, name in self.table], [weight for weight, _ in self.table])[0]
        words = getattr(self, name)()
        self.done[name] = self.done.get(name, 0) + 1
        return name, words

    def pause(self, low, high):
        time.sleep(self.random.uniform(low, high))  # part of the fault: how long it lasts

    # Processes.

    def replace(self, member, what):
        member.daemon.kill()
        self.pause(0, 1.5)
        member.start()
        return what

    def kill_leader(self):
        member = self.system.leader()
        return self.replace(member, member.name)

    def kill_standby(self):
        leader = self.system.leader()
        member = self.random.choice([each for each in self.system.members if each is not leader])
        return self.replace(member, member.name)

    def kill_webapid(self):
        self.system.webapid.kill()
        self.pause(0, 0.5)
        self.system.start_webapid()

    def end_leader(self):
        member = self.system.leader()
        member.daemon.stop()
        self.pause(0, 1)
        member.start()
        return member.name

    def freeze_leader(self):
        """For longer than it takes another one to take over."""
        member, epoch = self.system.leader(), self.system.epoch()
        member.daemon.process.send_signal(signal.SIGSTOP)
        try:
            deadline = time.monotonic() + THAW_S
            while time.monotonic() < deadline and (self.system.epoch() or 0) <= (epoch or 0):
                time.sleep(0.05)
            self.pause(0, 2)
        finally:
            member.daemon.process.send_signal(signal.SIGCONT)
        return f"{member.name}, epoch {epoch} to {self.system.epoch()}"

    def freeze(self, daemon, low, high):
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            self.pause(low, high)
        finally:
            daemon.process.send_signal(signal.SIGCONT)

    def freeze_a_moment(self):
        member = self.random.choice(self.system.members)
        self.freeze(member.daemon, 0.5, 4)
        return member.name

    def freeze_webapid(self):
        self.freeze(self.system.webapid, 0.5, 3)

    # Sessions and the database.

    def terminate(self, where):
        try:
            connection = psycopg2.connect(self.stack.cluster.url(DATABASE))
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(f"SELECT count(pg_terminate_backend(pid)) FROM ({where}) AS x")
                    return f"{cursor.fetchone()[0]} sessions"
            finally:
                connection.close()
        except psycopg2.Error as error:
            return f"{error}".strip()

    def cut_lock_session(self):
        return self.terminate("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1701016435")

    def cut_sessions(self):
        user = self.random.choice(("sched", "sched", "web"))
        half = self.random.choice(("true", "random() < 0.5"))
        return f"{user}: " + self.terminate(f"SELECT pid FROM pg_stat_activity WHERE usename = '{user}' AND {half}")

    # One of a scheduld's two sessions alone, or the answer of one statement that has committed.

    def cut_one_session(self):
        member, session = self.member(), self.random.choice(SESSIONS)
        member.database.cut(session)
        return f"{member.name}: {session}"

    def lose_one_answer(self):
        member = self.system.leader()
        statement = self.random.choice(("run_plan", "run_record"))
        return self.kept_back([member], statement, 3)

    def lose_answer_while_launching(self):
        """What is skipped then is written, and more of it comes until the loss is noticed."""
        self.stack.aws.fault("RunTask", "delay", delay_s=6, effect=True)
        try:
            self.pause(1, 2)  # until ECS is being asked
            return self.kept_back([self.system.leader()], "run_plan", 3, notice_s=4)
        finally:
            self.stack.aws.clear_faults()

    def lose_answer_of_take_over(self):
        return self.kept_back(self.system.members, TAKE_OVER, LEAD_S, self.end_of_leader)

    def lose_answer_of_new_epoch(self):
        return self.kept_back(self.system.members, "lease_begin", LEAD_S, self.end_of_leader)

    def end_of_leader(self):
        member = self.system.leader()
        if self.random.random() < 0.5:
            member.daemon.kill()
            member.start()
        else:
            member.database.cut(LOCK_SESSION)

    def kept_back(self, members, statement, seconds, begin=lambda: None, notice_s=0):
        """The first answer to the statement that comes for one of them is lost with its session, or late, as the other session
        is cut."""
        other = self.random.random() < 0.3
        answers = {member: member.database.hold(statement) for member in members}
        try:
            begin()
            deadline = time.monotonic() + seconds
            while not (here := [member for member, held in answers.items() if held.wait(0.01)]) and time.monotonic() < deadline:
                pass
            if not here:
                return f"nobody asked {statement}"
            if other:
                here[0].database.cut(LOCK_SESSION if statement.startswith("run_") else WORK_SESSION)
                self.pause(0, 1)
                return f"{here[0].name}: {statement}, late; the other session is cut"
            self.pause(0, notice_s)
            answers[here[0]].cut()
            return f"{here[0].name}: {statement}"
        finally:
            for member in members:
                member.database.restore()

    def locked(self, meanwhile):
        """Nobody writes runs meanwhile: what is asked now waits at the server."""
        try:
            connection = psycopg2.connect(self.stack.cluster.url(DATABASE))
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '10s'")
                    cursor.execute("LOCK TABLE runs IN SHARE MODE")
                    return meanwhile()
            finally:
                connection.close()
        except psycopg2.Error as error:
            return f"{error}".strip()

    def lock_runs(self):
        return self.locked(lambda: self.pause(0.2, 3))

    def replace_leader_in_a_write(self):
        """The write arrives before the next leader begins, and goes on when it has."""
        member, epoch = self.system.leader(), self.system.epoch()

        def replace():
            deadline = time.monotonic() + THAW_S
            while time.monotonic() < deadline and not self.stack.sql(
                    "SELECT 1 FROM pg_stat_activity WHERE usename = 'sched' AND wait_event_type = 'Lock' AND strpos(query, 'INTO runs') > 0"):
                time.sleep(0.02)
            member.daemon.process.send_signal(signal.SIGSTOP)
            self.cut_lock_session()
            while time.monotonic() < deadline and (self.system.epoch() or 0) <= (epoch or 0):
                time.sleep(0.05)
            return f"{member.name}, epoch {epoch} to {self.system.epoch()}"

        try:
            return self.locked(replace)
        finally:
            self.pause(0, 1)
            member.daemon.process.send_signal(signal.SIGCONT)

    def database_restarts(self):
        self.stack.cluster.restart()

    def database_crashes(self):
        self.stack.cluster.crash()
        self.pause(0, 2)
        self.stack.cluster.start()

    def database_freezes(self):
        self.stack.cluster.freeze()
        try:
            self.pause(0.5, 5)
        finally:
            self.stack.cluster.thaw()

    # The network.

    def member(self):
        return self.system.leader() if self.random.random() < 0.7 else self.random.choice(self.system.members)

    def net_resets_database(self):
        member = self.member()
        for _ in range(self.random.choice((1, 1, 3))):
            member.database.reset()
            self.pause(0, 0.4)
        return member.name

    def net_stalls_database(self):
        member, seconds = self.member(), self.random.uniform(0.2, 5)
        member.database.stall(seconds)
        time.sleep(seconds)
        return f"{member.name} {seconds:.1f} s"

    def lose(self, member, relay, lose):
        """What was lost on its way stays so; who notices it by himself, by and by, is not cut off."""
        lose()
        self.pause(0.1, 4)
        told = self.random.random() < 0.5
        relay.reset() if told else relay.restore()
        return f"{member.name}{'' if told else ', and is not told'}"

    def net_loses_answers_of_database(self):
        member = self.member()
        return self.lose(member, member.database, member.database.mute)

    def net_loses_requests_to_database(self):
        member = self.member()
        return self.lose(member, member.database, member.database.deafen)

    def net_resets_aws(self):
        member = self.member()
        for _ in range(self.random.choice((1, 3, 6))):
            member.aws.reset()
            self.pause(0, 0.3)
        return member.name

    def net_stalls_aws(self):
        member, seconds = self.member(), self.random.uniform(0.2, 4)
        member.aws.stall(seconds)
        time.sleep(seconds)
        return f"{member.name} {seconds:.1f} s"

    def net_loses_answers_of_aws(self):
        member = self.member()
        return self.lose(member, member.aws, member.aws.mute)

    # AWS: rules at the stand-in, for some seconds.

    def rule(self, kind, operation=None, low=0.3, high=2.5, **details):
        operation = operation or self.random.choice((("RunTask",), ("RunTask",), ("RunTask", "ListTasks"), ECS))
        chance = self.random.choice((0.1, 0.3, 0.7, 1))
        ident = self.stack.aws.fault(list(operation), kind, probability=chance, seed=self.random.randrange(1 << 30), **details)
        self.pause(low, high)
        hits = next(rule["hits"] for rule in self.stack.aws.faults() if rule["id"] == ident)
        self.stack.aws.clear_faults(ident)
        return f"{kind} {details or ''} at {', '.join(operation)} for {chance:.0%}: {hits} hits"

    def aws_throttles(self):
        return self.rule("throttle", **self.random.choice(({}, {"error": "RequestLimitExceeded"}, {"status": 429})))

    def aws_fails(self):
        effect = self.random.random() < 0.4
        if self.random.random() < 0.5:
            return self.rule("error", error="ServerException", status=500, effect=effect)
        return self.rule("status", status=self.random.choice((500, 502, 503, 504)), effect=effect)

    def aws_resets(self):
        return self.rule(self.random.choice(("reset", "close")), effect=self.random.random() < 0.6)

    def aws_resets_past_the_grace(self):
        """Runs are too late by then to be sent again, and what became of them is not known."""
        return self.rule("reset", ("RunTask",), self.grace + 1, self.grace + 3, effect=self.random.random() < 0.8)

    def aws_answers_nonsense(self):
        return self.rule(self.random.choice(("truncate", "empty", "garbage", "raw")))

    def aws_is_slow(self):
        return self.rule("delay", delay_s=self.random.choice((0.3, 1.5, 4)), effect=self.random.random() < 0.6)

    def aws_has_no_room(self):
        some = {} if self.random.random() < 0.4 else {"failed": self.random.choice((1, 4))}
        return self.rule("failures", ("RunTask",), reason=self.random.choice(("RESOURCE:CPU", "RESOURCE:MEMORY", "AGENT")), **some)


def undo(system):
    """Undoes what may still be wrong. Nothing is reset: what has broken is mended by the product, or it is not."""
    system.stack.aws.clear_faults()
    for member in system.members:
        member.database.restore()
        member.aws.restore()


def settle(system, seconds):
    """Undoes what may still be wrong, and waits until somebody leads and all that is due or open by then has ended."""
    undo(system)
    wait_until("somebody leads", lambda: system.check() and system.leads(), seconds)
    if found := system.look():
        raise AssertionError("\n".join(found))
