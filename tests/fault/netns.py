"""Hosts of their own for the members of a system: network namespaces on a bridge, of which one can fall silent.

    sys.exit(netns.rerun()) if netns.possible() and not netns.inside()   # this program, in a network of its own
    with Network(2) as network:
        spawn([*network.wrap(0), program])      # it reaches us at SERVER, and nothing else
        network.silence(0)                      # packets are lost in both directions, and nobody is told
        network.speak(0)

All of it is in a namespace that goes with this process: the machine's own network is not touched. Needs root and
the programs ip, unshare and nsenter.
"""
import os
import shutil
import subprocess
import sys

SERVER, NET = "10.77.0.1", "10.77.0.0/24"
INSIDE = "ECSS_TEST_NETNS"


def possible():
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("ip", "unshare", "nsenter")) and \
        subprocess.run(["unshare", "--net", "ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1"],
                       capture_output=True).returncode == 0


def inside():
    return INSIDE in os.environ


def rerun():
    return subprocess.run(["unshare", "--net", sys.executable, "-B", *sys.argv], env=dict(os.environ, **{INSIDE: "1"})).returncode


def ip(*words, of=None):
    enter = [] if of is None else ["nsenter", f"--net=/proc/{of.pid}/ns/net"]
    subprocess.run([*enter, "ip", *words], check=True)


class Network:
    def __init__(self, members):
        self.wanted, self.hosts = members, []

    def __enter__(self):
        ip("link", "set", "lo", "up")
        ip("link", "add", "br0", "type", "bridge")
        ip("address", "add", f"{SERVER}/24", "dev", "br0")
        ip("link", "set", "br0", "up")
        for number in range(self.wanted):
            self.add(number)
        return self

    def add(self, number):
        host = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.hosts.append(host)
        host.stdout.readline()  # it has its namespace
        ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        ip("link", "set", f"port{number}", "master", "br0", "up")
        ip("address", "add", f"10.77.0.{number + 11}/24", "dev", "eth0", of=host)
        ip("link", "set", "eth0", "up", of=host)

    def __exit__(self, *_):
        for host in self.hosts:
            host.kill()
            host.wait()

    def wrap(self, number):
        return ["nsenter", f"--net=/proc/{self.hosts[number].pid}/ns/net"]

    def silence(self, number):
        """Its port is on the bridge no more. The link stays up: neither end sees anything but silence."""
        ip("link", "set", f"port{number}", "nomaster")

    def speak(self, number):
        ip("link", "set", f"port{number}", "master", "br0")
