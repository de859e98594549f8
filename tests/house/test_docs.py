"""The documents agree with what is there: links lead somewhere, scripts can be run and are valid."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def headings(path):
    """The anchors of a document, as GitHub makes them."""
    text = re.sub(r"^(```|    ).*?$", "", path.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text, re.M)}


class Links(unittest.TestCase):
    def test_each_leads_somewhere(self):
        self.assertTrue(DOCUMENTS)
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
                if re.match(r"[a-z]+:", target):
                    continue
                with self.subTest(document=document.name, target=target):
                    name, _, anchor = target.partition("#")
                    path = (document.parent / name) if name else document
                    self.assertTrue(path.exists(), f"{document.name} links to {target}, which is not there")
                    if anchor:
                        self.assertIn(anchor, headings(path))


class Scripts(unittest.TestCase):
    def test_each_can_be_run_and_is_valid(self):
        scripts = [path for path in [*ROOT.glob("*"), *ROOT.glob(".ci/*"), *ROOT.glob("tools/*")]
                   if path.is_file() and path.read_bytes()[:2] == b"#!"]
        self.assertIn(ROOT / "check", scripts)
        for path in scripts:
            with self.subTest(script=path.name):
                self.assertTrue(path.stat().st_mode & 0o100, "has no run bit")
                first = path.read_text().splitlines()[0]
                if first == "#!/bin/sh":
                    subprocess.run(["sh", "-n", path], check=True)
                else:
                    self.assertEqual(first, "#!/usr/bin/python3")
                    compile(path.read_text(), path.name, "exec")


if __name__ == "__main__":
    unittest.main()
