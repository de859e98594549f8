"""The Debian package: what is in it, what it asks for, and what lintian says. tools/try-package installs it for real."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = output("tools/package").strip()
        cls.files = {name[1:]: mode for mode, name in re.findall(r"^(\S+) .* (\./\S*)$", output("dpkg-deb", "-c", cls.deb), re.M)}

    def field(self, name):
        return output("dpkg-deb", "-f", self.deb, name).strip()

    def test_its_name_has_version_and_architecture(self):
        version = re.search(r"project\(ecs-scheduler VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual(pathlib.Path(self.deb).name, f"ecs-scheduler_{version}_{output('dpkg', '--print-architecture').strip()}.deb")
        self.assertEqual(self.field("Version"), version)

    def test_it_has_all_parts(self):
        for path in ("/usr/sbin/webapid", "/usr/sbin/scheduld", "/usr/lib/systemd/system/webapid.service", "/usr/lib/systemd/system/webapid.socket",
                     "/usr/lib/systemd/system/scheduld.service", "/usr/share/man/man8/webapid.8.gz", "/usr/share/ecs-scheduler/sql/0001_init.sql",
                     "/usr/share/doc/ecs-scheduler/copyright"):
            self.assertIn(path, self.files)

    def test_each_file_in_etc_is_a_conffile_that_others_cannot_read(self):
        conffiles = subprocess.run(["dpkg-deb", "-I", self.deb, "conffiles"], capture_output=True, text=True, check=True).stdout.split()
        in_etc = [path for path in self.files if path.startswith("/etc/") and not path.endswith("/")]
        self.assertEqual(sorted(conffiles), sorted(in_etc))
        self.assertEqual({self.files[path] for path in in_etc}, {"-rw-------"})

    def test_it_asks_for_the_libraries_that_it_links(self):
        depends = self.field("Depends")
        for name in ("adduser", "ca-certificates", "tzdata", "libc6", "libcurl4", "libevent-2.1-7", "libevhtp0", "libjson-c5", "libpq5", "libssl3",
                     "libsystemd0"):
            self.assertRegex(depends, rf"(^|, ){re.escape(name)}( |,|$)")

    def test_its_units_start_what_it_installs(self):
        unit = subprocess.run(f"dpkg-deb --fsys-tarfile {self.deb} | tar -xO ./usr/lib/systemd/system/scheduld.service", shell=True,
                              capture_output=True, text=True, check=True).stdout
        self.assertIn("ExecStart=/usr/sbin/scheduld\n", unit)
        self.assertIn("EnvironmentFile=-/etc/ecs-scheduler/scheduld.env\n", unit)

    def test_lintian_finds_no_error(self):
        run = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", self.deb], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
