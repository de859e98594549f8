"""docker-compose.yml and the Dockerfile: valid by the schema of the compose specification, and each daemon starts with the
command and environment that they give it. What needs an engine is done by hand: docs/operations.md.
"""
import os
import pathlib
import re
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(os.environ.get("ECSS_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", ROOT / "build" / "dev"))
EXAMPLE = ROOT / ".env.example"


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

    def test_each_daemon_takes_its_environment(self):
        for name in ("migrate", "webapid", "scheduld-a", "scheduld-b"):
            service = self.services[name]
            target = service["build"]["target"]
            env = dict(re.findall(r"^ENV (\w+)=(\S+)$", self.targets[target], re.M)) | service["environment"]
            kept = {key: os.environ[key] for key in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS") if key in os.environ}
            run = subprocess.run([BUILD / target / target, "--check-config"], capture_output=True, text=True,
                                 env={**kept, **{key: str(value) for key, value in env.items()}})
            self.assertEqual(run.returncode, 0, f"{name}: {run.stderr}")
            self.assertIn("@postgres/scheduler\n", run.stdout)

    def test_what_the_build_copies_is_there(self):
        for line in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.M):
            for path in line.split()[:-1]:
                self.assertTrue((ROOT / path).exists(), path)

    def test_the_build_installs_what_the_project_needs(self):
        text = (ROOT / "Dockerfile").read_text()
        needed = re.search(r"^\[build\]\n((?:.+\n)+)", (ROOT / "packages.txt").read_text(), re.M)[1].split()
        for name in set(needed) - {"ccache"}:
            self.assertRegex(text, rf"[\s]{re.escape(name)}[\s]", name)


if __name__ == "__main__":
    unittest.main()
