"""packages.txt, and tools/packages with an apt-get, a dpkg-query and an id of the test's own."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "packages"
SECTIONS = ("build", "run", "package", "test")


class PackagesFile(unittest.TestCase):
    def setUp(self):
        self.sections, here = {}, None
        for line in (ROOT / "packages.txt").read_text().splitlines():
            if line.startswith("["):
                here = self.sections.setdefault(line.strip("[]"), [])
            elif line and not line.startswith("#"):
                here.append(line)

    def test_has_these_sections(self):
        self.assertEqual(tuple(self.sections), SECTIONS)

    def test_names_are_sorted_valid_and_there_once(self):
        everything = [name for names in self.sections.values() for name in names]
        self.assertEqual(len(everything), len(set(everything)))
        for names in self.sections.values():
            self.assertEqual(names, sorted(names))
            for name in names:
                self.assertRegex(name, re.compile(r"[a-z0-9][a-z0-9.+-]+\Z"))

    def test_the_tool_lists_what_the_file_says(self):
        for section, names in self.sections.items():
            run = subprocess.run([TOOL, "list", section], capture_output=True, text=True, check=True)
            self.assertEqual(run.stdout.split(), names)


class Tool(unittest.TestCase):
    """The tool sees only the commands in a folder of this test, so nothing of this machine can be installed."""

    BORROWED = ("awk", "sed", "grep", "sort", "tr", "fold", "mktemp", "rm", "env", "tail", "dirname", "sh", "true",
                "mkdir", "rmdir", "tee", "setsid", "cat")

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ecss-packages-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for name in self.BORROWED:
            (self.bin / name).symlink_to(shutil.which(name))
        self.calls = self.dir / "calls"
        self.installed = self.dir / "installed"
        self.calls.touch()
        self.install(subprocess.run([TOOL, "list", *SECTIONS], capture_output=True, text=True, check=True).stdout)
        self.fake("dpkg-query", f"sed 's/^/installed /' {self.installed}")
        self.fake("dpkg", f"echo dpkg $@ >>{self.calls}")
        # What it installs are the arguments that are no options, after the word install.
        self.fake("apt-get", f"""
            echo apt-get $@ >>{self.calls}
            case " $* " in *' update '* | *' --download-only '*) exit 0 ;; esac
            for arg; do case $arg in -* | install) ;; *) echo $arg >>{self.installed} ;; esac; done""")
        self.fake("id", "echo 0")

    def fake(self, name, body):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def install(self, text):
        self.installed.write_text(text)

    def without(self, *names):
        self.install("".join(f"{n}\n" for n in self.installed.read_text().split() if n not in names))

    def run_tool(self, *args):
        return subprocess.run(["/bin/sh", TOOL, *args], capture_output=True, text=True,
                              env={"PATH": str(self.bin), "TMPDIR": str(self.dir)})

    def apt_calls(self):
        return [line for line in self.calls.read_text().splitlines() if line.startswith("apt-get")]

    def test_does_nothing_if_all_is_there(self):
        self.fake("id", "echo 1000")  # and needs no root for that
        run = self.run_tool("install", *SECTIONS)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertEqual(self.calls.read_text(), "")

    def test_says_what_is_missing(self):
        self.without("cmake", "valgrind")
        self.assertEqual(self.run_tool("missing", *SECTIONS).stdout.split(), ["cmake", "valgrind"])
        self.assertEqual(self.run_tool("missing", "build").stdout.split(), ["cmake"])

    def test_what_another_package_provides_is_there(self):
        self.without("npm")
        self.install(self.installed.read_text() + "node-of-others nodejs-doc, npm (= 9.1), node-abc\n")
        self.assertEqual(self.run_tool("missing", *SECTIONS).stdout, "")

    def test_installs_what_is_missing_and_nothing_else(self):
        self.without("cmake", "valgrind")
        run = self.run_tool("install", *SECTIONS)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("cmake valgrind", run.stderr)
        calls = self.apt_calls()
        self.assertEqual(len(calls), 3)
        self.assertTrue(calls[0].endswith(" update"), calls[0])
        for call in calls[1:]:
            self.assertTrue(call.endswith(" cmake valgrind"), call)
            self.assertIn("--no-install-recommends", call)
        self.assertIn("--download-only", calls[1])

    def test_nothing_that_comes_with_a_service_is_left_running(self):
        """Also if it is the only package, or the last one."""
        for name in ("tee", "mkdir", "chmod", "update-rc.d"):
            (self.bin / name).unlink(missing_ok=True)
            self.fake(name, f"echo {name} $@ >>{self.calls}")
        for package, call in (("postgresql-15", "tee /etc/postgresql-common/createcluster.d/ecs-scheduler.conf"),
                              ("prometheus", "update-rc.d prometheus disable")):
            self.without(package)
            self.assertEqual(self.run_tool("install", "run", "test").returncode, 0)
            self.assertIn(call, self.calls.read_text().splitlines(), package)

    def test_reports_why_apt_failed(self):
        self.without("cmake")
        self.fake("apt-get", "echo E: no space left >&2; exit 100")
        run = self.run_tool("install", "build")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no space left", run.stderr)

    def test_notices_that_apt_did_nothing(self):
        self.without("cmake")
        self.fake("apt-get", "exit 0")
        run = self.run_tool("install", "build")
        self.assertEqual(run.returncode, 1)
        self.assertIn("not installed: cmake", run.stderr)

    def test_tells_a_plain_user_without_sudo_what_to_ask_for(self):
        self.without("cmake")
        self.fake("id", "echo 1000")
        run = self.run_tool("install", "build")
        self.assertEqual(run.returncode, 1)
        self.assertIn("As root, run: apt-get install --no-install-recommends cmake", run.stderr)
        self.assertEqual(self.apt_calls(), [])

    def test_uses_sudo_for_a_plain_user(self):
        self.without("cmake")
        self.fake("id", "echo 1000")
        self.fake("sudo", f'echo sudo $1 >>{self.calls}; exec "$@"')
        run = self.run_tool("install", "build")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("sudo setsid", self.calls.read_text())

    def test_leaves_no_file_behind(self):
        self.without("cmake")
        self.run_tool("install", "build")
        self.assertEqual(sorted(os.listdir(self.dir)), ["bin", "calls", "installed"])

    def test_refuses_a_section_that_is_not_there(self):
        run = self.run_tool("list", "biuld")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no section [biuld]", run.stderr)


if __name__ == "__main__":
    unittest.main()
