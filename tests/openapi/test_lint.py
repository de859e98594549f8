"""The OpenAPI document passes a strict linter from npm; lint.mjs says which rules it is held to.

The linter is installed once from package-lock.json into build/npm/, whichever preset is tested, and again when that file
or Node.js changes.
"""
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENT = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", ROOT / "build" / "dev")) / "webapid" / "openapi.json"
PLACE = ROOT / "build" / "npm"
INSTALL_S = 240  # a try


def run(*words, seconds=60):
    return subprocess.run(words, cwd=PLACE, capture_output=True, text=True, timeout=seconds)


def npm_ci():
    """None, or what npm says why not."""
    try:
        npm = run("npm", "ci", "--no-progress", seconds=INSTALL_S)
    except subprocess.TimeoutExpired:
        return f"no answer within {INSTALL_S} s"
    return None if npm.returncode == 0 else f"status {npm.returncode}\n{npm.stdout}{npm.stderr}"


def install():
    """Fails with what is missing and what to do about it."""
    for program in ("node", "npm"):
        assert shutil.which(program), f"{program} is missing: tools/packages install test"
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in (".npmrc", "lint.mjs", "package.json", "package-lock.json"):
            shutil.copy(HERE / name, PLACE)
        wanted = hashlib.sha256((PLACE / "package-lock.json").read_bytes()).hexdigest() + " " + run("node", "--version").stdout
        done = PLACE / "installed"
        if done.exists() and done.read_text() == wanted:
            return
        done.unlink(missing_ok=True)
        said = npm_ci() and npm_ci()  # a registry may fail once
        assert said is None, \
            f"The linter cannot be installed by npm ci; it needs npm's registry, or a mirror that npm is set up for. npm says:\n{said}"
        done.write_text(wanted)


class Lint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        install()

    def lint(self, *files):
        node = run("node", "lint.mjs", *files)
        self.assertEqual(node.returncode, 0, node.stderr)  # which may have warnings of deprecations besides
        return json.loads(node.stdout)

    def test_document(self):
        document = json.loads(DOCUMENT.read_text())
        post = document["paths"]["/jobs"]["post"]
        del post["summary"], post["responses"]["201"]
        post["requestBody"]["content"]["application/json"]["schema"]["$ref"] += "X"
        document["paths"]["/jobs/{name}"] = document["paths"].pop("/jobs/{id}")
        mistaken = PLACE / "mistaken.json"
        mistaken.write_text(json.dumps(document))

        found = self.lint(DOCUMENT, mistaken)
        self.assertEqual(found[str(DOCUMENT)], [])
        # And it does look.
        rules = {problem["rule"] for problem in found[str(mistaken)]}
        self.assertLessEqual({"no-unresolved-refs", "operation-2xx-response", "operation-summary", "path-parameters-defined"}, rules)


if __name__ == "__main__":
    unittest.main()
