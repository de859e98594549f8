"""Plays systemd's part for one daemon: passes it sockets, hears what it says by sd_notify(3), and kills it when its
watchdog is not fed.

    with Unit(stack, "webapid", listen=[sock], watchdog_s=30, ECSS_WORKERS=1) as unit:
        unit.start()                  # returns when it is ready
        unit.wait_status("serves")
"""
import os
import pathlib
import signal
import socket
import tempfile
import threading
import time

from stack import ECS_CLUSTER, DATABASE, USERS, wait_until

FIRST_SOCKET = 3
# The process whose sockets they are is known only when it runs.
WITH_PID = ["/bin/sh", "-c", 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"', "sh"]


class Unit:
    def __init__(self, stack, program, listen=(), watchdog_s=0, **settings):
        self.stack, self.program, self.listen, self.watchdog_s, self.settings = stack, program, list(listen), watchdog_s, settings
        self.said = []  # every message's assignments, (name, value), in order
        self.daemon = None
        self.fed_at = None  # until it is ready, the watchdog sleeps
        self.barked = 0
        self.ended = False

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ecss-systemd-")
        self.path = pathlib.Path(self.dir.name) / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(0.05)
        self.thread = threading.Thread(target=self.hear)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        self.socket.close()
        self.dir.cleanup()

    def environment(self):
        settings = {"ECSS_DATABASE_URL": self.stack.cluster.url(DATABASE, USERS[self.program]), "NOTIFY_SOCKET": self.path}
        if self.program == "scheduld":
            settings |= {"ECSS_ECS_CLUSTER": ECS_CLUSTER, **self.stack.aws.environment()}
        if self.listen:
            settings["LISTEN_FDS"] = len(self.listen)
        if self.watchdog_s:
            settings["WATCHDOG_USEC"] = int(self.watchdog_s * 1e6)
        return self.stack.environment(**{**settings, **self.settings})

    def start(self):
        self.said.clear()
        self.fed_at = None
        wanted = range(FIRST_SOCKET, FIRST_SOCKET + len(self.listen))
        # As systemd hands them over: blocking, from number 3 on. The duplicates are out of the way of those numbers.
        spare = [os.dup(sock.fileno()) for sock in self.listen]
        moved = " ".join(f"{number}<&{fd}" for number, fd in zip(wanted, spare)) + " " + " ".join(f"{fd}<&-" for fd in spare)
        wrap = ["/bin/bash", "-c", f'exec {moved}; exec "$@"', "bash", *WITH_PID] if self.listen else WITH_PID
        try:
            self.daemon = self.stack.spawn(self.program, self.environment(), wrap=wrap, pass_fds=spare)
        finally:
            for fd in spare:
                os.close(fd)
        self.wait("READY", "1")
        return self.daemon

    def hear(self):
        while not self.ended:
            try:
                text = self.socket.recv(4096).decode()
                messages = [tuple(line.split("=", 1)) for line in text.splitlines()]
                if {("READY", "1"), ("WATCHDOG", "1")} & set(messages):
                    self.fed_at = time.monotonic()
                self.said += messages
            except TimeoutError:
                self.watch()  # all that it has said is heard, however late this thread had its turn

    def watch(self):
        """WatchdogSec=: what does not say WATCHDOG=1 in time is ended, by the signal that leaves a core."""
        daemon, fed_at = self.daemon, self.fed_at
        if self.watchdog_s and fed_at and daemon and not daemon.stopped and time.monotonic() - fed_at > self.watchdog_s:
            daemon.stopped = True
            self.barked += 1
            daemon.process.send_signal(signal.SIGABRT)
            daemon.process.send_signal(signal.SIGCONT)

    def names(self):
        return [name for name, _ in self.said if name not in ("WATCHDOG", "STATUS", "MONOTONIC_USEC")]

    def wait(self, name, value, after=0):
        wait_until(f"{self.program} says {name}={value}", lambda: self.daemon.check() and (name, value) in self.said[after:])

    def status(self):
        return next((value for name, value in reversed(self.said) if name == "STATUS"), "")

    def wait_status(self, text, seconds=60):
        wait_until(f"the status of {self.program} has {text!r}", lambda: self.daemon.check() and text in self.status(), seconds)
