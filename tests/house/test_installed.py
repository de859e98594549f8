"""What is installed beside the programs: systemd's units, manuals, and all of it where GNUInstallDirs says."""
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("ECSS_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", ROOT / "build" / "dev"))
DAEMONS = ("webapid", "scheduld")
EXPOSURE_MAX = 2.0
SETTINGS = {"webapid.env", "webapid.pgpass", "scheduld.env", "scheduld.pgpass", "scheduld.aws"}


class Units(unittest.TestCase):
    """As they were configured for this build, but with programs that are there."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="ecss-units-")
        cls.addClassCleanup(folder.cleanup)
        cls.dir = pathlib.Path(folder.name)
        for unit in ("webapid.service", "webapid.socket", "scheduld.service"):
            text = (BUILD / "packaging" / unit).read_text()
            for daemon in DAEMONS:
                text = re.sub(rf"^ExecStart=.*/{daemon}$", f"ExecStart={BUILD / daemon / daemon}", text, flags=re.M)
            (cls.dir / unit).write_text(text)

    def test_systemd_understands_them(self):
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", *sorted(map(str, self.dir.iterdir()))],
                             env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.dir}:"}, capture_output=True, text=True)
        # What this machine's own units do wrong is none of ours.
        ours = [line for line in (run.stdout + run.stderr).splitlines() if re.search("webapid|scheduld", line)]
        self.assertEqual((run.returncode, ours), (0, []), run.stderr)

    def test_they_expose_little(self):
        for daemon in DAEMONS:
            run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", self.dir / f"{daemon}.service"],
                                 capture_output=True, text=True)
            exposure = re.search(rf"exposure level for {daemon}.service: ([0-9.]+)", run.stdout)
            self.assertTrue(exposure, run.stdout + run.stderr)
            self.assertLessEqual(float(exposure[1]), EXPOSURE_MAX, run.stdout)

    def test_what_they_load_is_installed(self):
        for daemon in DAEMONS:
            text = (self.dir / f"{daemon}.service").read_text()
            names = re.findall(r"^(?:EnvironmentFile=-?|LoadCredential=\w+:)/.*/ecs-scheduler/(\S+)$", text, re.M)
            self.assertGreaterEqual(len(names), 2)
            self.assertLessEqual(set(names), SETTINGS)

    def test_a_stop_takes_less_time_than_systemd_gives(self):
        for daemon, source, name in (("webapid", "main.c", "DRAIN_TIMEOUT_MS"), ("scheduld", "runner.c", "DRAIN_MS")):
            drain_s = int(re.search(rf"\b{name} = (\d+)", (ROOT / daemon / source).read_text())[1]) / 1000
            given_s = int(re.search(r"^TimeoutStopSec=(\d+)s$", (self.dir / f"{daemon}.service").read_text(), re.M)[1])
            self.assertGreater(given_s, drain_s + 5, daemon)


class Manuals(unittest.TestCase):
    def test_mandoc_has_nothing_to_say(self):
        pages = sorted((ROOT / "docs" / "man").iterdir())
        self.assertEqual([page.name for page in pages], ["ecs-scheduler.conf.5", "scheduld.8", "webapid.8"])
        run = subprocess.run(["mandoc", "-Tlint", *pages], capture_output=True, text=True)
        # Whether manuals of others are there depends on the machine.
        said = [line for line in (run.stdout + run.stderr).splitlines() if not re.search("referenced manual not found|mandoc.db", line)]
        self.assertEqual(said, [])

    def test_manuals_that_are_referred_to_are_ours_or_known(self):
        known = {"psql 1", "systemd.exec 5", "webapid 8", "scheduld 8", "ecs-scheduler.conf 5"}
        for page in (ROOT / "docs" / "man").iterdir():
            self.assertLessEqual({" ".join(words) for words in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.M)}, known, page.name)

    def test_each_option_of_a_daemon_is_in_its_manual(self):
        for daemon in DAEMONS:
            said = subprocess.run([BUILD / daemon / daemon, "--help"], capture_output=True, text=True, check=True).stdout
            options = set(re.findall(r"^  --([a-z-]+)", said, re.M))
            page = (ROOT / "docs" / "man" / f"{daemon}.8").read_text()
            self.assertEqual(set(re.findall(r"^\.It Fl -([a-z-]+)", page, re.M)), options, daemon)
            codes = set(re.findall(r"\b(\d+) ", said.partition("Exit status:")[2]))
            self.assertLessEqual(set(re.findall(r"^\.It (\d+)$", page, re.M)), codes | {"69"}, daemon)

    def test_each_signal_that_is_handled_is_in_both_manuals(self):
        signals = set(re.findall(r"signal_event\(base, (SIG\w+)", (ROOT / "common" / "daemon.c").read_text()))
        self.assertIn("SIGUSR1", signals)
        for daemon in DAEMONS:
            page = (ROOT / "docs" / "man" / f"{daemon}.8").read_text()
            self.assertEqual(set(re.findall(r"SIG\w+", "".join(re.findall(r"^\.It Dv .*", page, re.M)))), signals, daemon)


class Install(unittest.TestCase):
    def install(self, folder):
        subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": folder}, check=True, capture_output=True)

    def test_all_goes_where_it_was_told_to_below_DESTDIR(self):
        with tempfile.TemporaryDirectory(prefix="ecss-install-") as folder:
            self.install(folder)
            # This build has CMake's own prefix; GNUInstallDirs puts its settings below that.
            root = pathlib.Path(folder, "usr", "local")
            for path in ("sbin/webapid", "sbin/scheduld", "lib/systemd/system/webapid.service", "lib/systemd/system/webapid.socket",
                         "lib/systemd/system/scheduld.service", "share/man/man8/webapid.8.gz", "share/man/man8/scheduld.8.gz",
                         "share/man/man5/ecs-scheduler.conf.5.gz", "share/ecs-scheduler/sql/0001_init.sql",
                         "share/doc/ecs-scheduler/configuration.md", "share/doc/ecs-scheduler/CHANGELOG.md",
                         "share/doc/ecs-scheduler/examples/webapid.env", "share/doc/ecs-scheduler/examples/scheduld.env",
                         "share/doc/ecs-scheduler/monitoring/alerts.yml", "share/doc/ecs-scheduler/monitoring/dashboard.json"):
                self.assertTrue((root / path).is_file(), path)
            for document in (root / "share/doc/ecs-scheduler").rglob("*.md"):
                for target in re.findall(r"\]\((?![a-z]+:|#)([^)\s#]+)", document.read_text()):
                    self.assertTrue((document.parent / target).exists(), f"{document.name} links to {target}")
            self.assertEqual({path.name for path in (root / "etc/ecs-scheduler").iterdir()}, SETTINGS)
            for path in (root / "etc/ecs-scheduler").iterdir():
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path.name)
            unit = (root / "lib/systemd/system/webapid.service").read_text()
            self.assertIn("ExecStart=/usr/local/sbin/webapid\n", unit)
            self.assertIn("EnvironmentFile=-/usr/local/etc/ecs-scheduler/webapid.env\n", unit)

    def test_settings_that_are_edited_do_not_change_with_each_release(self):
        """Else dpkg asks whoever upgrades which file it shall be, or fails where nobody can answer."""
        for daemon, names in (("webapid", {"ECSS_DATABASE_URL", "ECSS_LISTEN"}),
                              ("scheduld", {"ECSS_DATABASE_URL", "ECSS_ECS_CLUSTER", "ECSS_ADMIN_LISTEN", "AWS_REGION", "AWS_PROFILE"})):
            text = (ROOT / f"packaging/etc/{daemon}.env").read_text()
            self.assertEqual(set(re.findall(r"^#?([A-Z_]+)=", text, re.M)), names)

    def test_settings_that_are_there_are_kept(self):
        with tempfile.TemporaryDirectory(prefix="ecss-install-") as folder:
            self.install(folder)
            settings = pathlib.Path(folder, "usr/local/etc/ecs-scheduler")
            (settings / "webapid.env").write_text("mine")
            (settings / "scheduld.aws").unlink()
            (settings / "scheduld.aws").symlink_to("/nowhere/mine")
            (settings / "scheduld.env").unlink()
            self.install(folder)
            self.assertEqual((settings / "webapid.env").read_text(), "mine")
            self.assertEqual(os.readlink(settings / "scheduld.aws"), "/nowhere/mine")
            self.assertEqual((settings / "scheduld.env").read_bytes(), (ROOT / "packaging/etc/scheduld.env").read_bytes())


if __name__ == "__main__":
    unittest.main()
