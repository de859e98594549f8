"""docker-compose.yml and the Dockerfile: valid by the schema of the compose specification, and each daemon starts with the
command and environment that they give it. What needs an engine is done by hand: docs/operations.md.
"""
import itertools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(os.environ.get("ECSS_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", ROOT / "build" / "dev"))
EXAMPLE = ROOT / ".env.example"
# Of the API inside of its container, where nobody else could set them right.
FIXED = {"ECSS_LISTEN", "ECSS_TLS_CERT", "ECSS_TLS_KEY", "ECSS_TLS_CLIENT_CA"}


def config(env_file):
    """What docker-compose makes of the file; it checks it against the schema."""
    run = subprocess.run(["docker-compose", "--env-file", env_file, "config"], cwd=ROOT, capture_output=True, text=True,
                         env={"PATH": os.environ["PATH"]})
    if run.returncode != 0 or "WARNING" in run.stderr:
        raise AssertionError(run.stderr)
    return yaml.safe_load(run.stdout)


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = config(EXAMPLE)["services"]
        plain, _, demo = EXAMPLE.read_text().partition("# For the demo")
        with tempfile.NamedTemporaryFile("w", suffix=".env") as env:
            env.write(plain + re.sub(r"^#(?=\w+=)", "", "#" + demo, flags=re.M))
            env.flush()
            cls.demo = config(env.name)["services"]
        cls.targets = dict(re.findall(r"^FROM \S+ AS (\S+)\n((?:(?!^FROM ).*\n)*)", (ROOT / "Dockerfile").read_text(), re.M))

    def test_each_service_is_there(self):
        self.assertEqual(set(self.services), {"postgres", "migrate", "webapid", "scheduld-a", "scheduld-b", "stand-in"})
        self.assertEqual(self.services["stand-in"]["profiles"], ["demo"])

    def test_nothing_but_the_demo_needs_the_demo(self):
        for name, service in self.services.items():
            self.assertNotIn("stand-in", service.get("depends_on", {}), name)

    def test_each_image_is_a_target_that_does_not_run_as_root(self):
        for name, service in self.services.items():
            if "build" in service:
                self.assertRegex(self.targets[service["build"]["target"]], r"(?m)^USER (?!root)", name)

    def test_a_daemon_is_stopped_no_sooner_than_by_systemd(self):
        for name in ("webapid", "scheduld-a", "scheduld-b"):
            self.assertEqual(self.services[name]["stop_grace_period"], "20s")

    def test_the_example_is_for_AWS_and_its_demo_is_not(self):
        self.assertNotIn("COMPOSE_PROFILES=", re.sub("^#.*", "", EXAMPLE.read_text(), flags=re.M))
        self.assertIsNone(self.services["scheduld-a"]["environment"]["AWS_ENDPOINT_URL"])
        demo = self.demo
        self.assertEqual(demo["scheduld-a"]["environment"]["AWS_ENDPOINT_URL"], "http://stand-in:8004")
        self.assertIn(demo["scheduld-a"]["environment"]["AWS_SECRET_ACCESS_KEY"], demo["stand-in"]["command"])

    def test_only_the_demo_asks_for_no_token(self):
        """Inside of a container no address is loopback, so names are not checked: a web page could start tasks."""
        self.assertEqual(self.services["webapid"]["environment"]["ECSS_TOKENS"], "public")
        self.assertEqual(self.demo["webapid"]["environment"]["ECSS_TOKENS"], "never")

    def test_each_setting_can_be_set(self):
        for name in ("webapid", "scheduld-a", "scheduld-b"):
            target = self.services[name]["build"]["target"]
            said = subprocess.run([BUILD / target / target, "--help"], capture_output=True, text=True, check=True).stdout
            env = dict(re.findall(r"^ENV (\w+)=(\S+)$", self.targets[target], re.M)) | self.services[name]["environment"]
            self.assertLessEqual(set(re.findall(r"^  (ECSS_\w+)$", said, re.M)) - FIXED, set(env), name)

    def test_the_example_has_each_variable_with_its_default(self):
        """docker-compose.yml takes from .env what has no value there, and what is ${...}."""
        text = (ROOT / "docker-compose.yml").read_text()
        taken = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.M))
        said = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text().partition("# For the demo")[0], re.M))
        self.assertEqual(taken - {"AWS_ENDPOINT_URL"}, set(said))
        for daemon in ("webapid", "scheduld"):
            defaults = (ROOT / f"packaging/examples/{daemon}.env").read_text()
            for name in set(said) - {"ECSS_ECS_CLUSTER", "AWS_REGION"}:
                for default in re.findall(rf"^#({name}=.*)$", defaults, re.M):
                    self.assertEqual(f"{name}={said[name]}", default)

    def test_who_is_outside_of_a_container_can_ask_scheduld(self):
        listen = re.search(r"^ENV ECSS_ADMIN_LISTEN=unix:(\S+)$", self.targets["scheduld"], re.M)[1]
        self.assertIn(f'"--unix-socket", "{listen}"', self.targets["scheduld"])
        mounts = {name: self.services[name]["volumes"][0].split(":")[:2] for name in ("scheduld-a", "scheduld-b")}
        self.assertEqual({folder for _, folder in mounts.values()}, {str(pathlib.Path(listen).parent)})
        self.assertEqual(len({volume for volume, _ in mounts.values()}), 2)

    def test_each_daemon_takes_its_environment(self):
        for services, name in itertools.product((self.services, self.demo), ("migrate", "webapid", "scheduld-a", "scheduld-b")):
            service = services[name]
            target = service["build"]["target"]
            env = dict(re.findall(r"^ENV (\w+)=(\S+)$", self.targets[target], re.M)) | service["environment"]
            kept = {key: os.environ[key] for key in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS") if key in os.environ}
            run = subprocess.run([BUILD / target / target, "--check-config"], capture_output=True, text=True,
                                 env={**kept, **{key: str(value) for key, value in env.items() if value is not None}})
            self.assertEqual(run.returncode, 0, f"{name}: {run.stderr}")
            self.assertIn("@postgres/scheduler\n", run.stdout)

    def test_what_the_build_copies_is_there(self):
        for line in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.M):
            for path in line.split()[:-1]:
                self.assertTrue((ROOT / path).exists(), path)

    def test_the_build_installs_what_the_project_needs(self):
        text = (ROOT / "Dockerfile").read_text()
        sections = dict(re.findall(r"^\[(\w+)\]\n((?:.+\n)+)", (ROOT / "packages.txt").read_text(), re.M))
        needed = (sections["build"] + sections["package"]).split()
        for name in set(needed) - {"ccache"}:
            self.assertRegex(text, rf"[\s]{re.escape(name)}[\s]", name)


if __name__ == "__main__":
    unittest.main()
