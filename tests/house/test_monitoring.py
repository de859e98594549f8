"""docs/monitoring: rules and dashboard make sense to Prometheus, speak of metrics that there are, and each alert says what to do."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(os.environ.get("ECSS_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
FOLDER = ROOT / "docs" / "monitoring"
README = (FOLDER / "README.md").read_text()
RULES = (FOLDER / "alerts.yml").read_text()
CASES = ROOT / "tests" / "house" / "alerts_cases.yml"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
NAME = r"\b(?:ecss|process)_[a-z_]+"


def documented():
    return set(re.findall(r"^\| `(\w+)` \|", README, re.M)) - {"metric"}


def used(text):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(NAME, text)}


def expressions():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


class Monitoring(unittest.TestCase):
    def promtool(self, *words):
        tool = shutil.which("promtool")
        if tool is None:
            self.fail("there is no promtool (Debian's package prometheus)")
        run = subprocess.run([tool, *words], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_the_scraper_can_reach_what_it_is_told_to(self):
        text = re.search(r"^    scrape_configs:\n(?:    .*\n)+", README, re.M)[0]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "prometheus.yml"
            path.write_text(re.sub("^    ", "", text, flags=re.M))
            self.promtool("check", "config", "--syntax-only", path)
            for job in yaml.safe_load(path.read_text())["scrape_configs"]:
                addresses = {target.rpartition(":")[0] for static in job["static_configs"] for target in static["targets"]}
                # What other hosts can reach is served with TLS and tokens only.
                if addresses - {"127.0.0.1"}:
                    self.assertEqual((job.get("scheme"), "authorization" in job), ("https", True), job["job_name"])

    def test_rules_are_rules(self):
        self.promtool("check", "rules", FOLDER / "alerts.yml")

    def test_rules_fire_when_they_should(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(FOLDER / "alerts.yml", folder)
            cases = pathlib.Path(folder) / "cases.yml"
            shutil.copy(CASES, cases)
            self.promtool("test", "rules", cases)

    def test_each_rule_is_seen_to_fire(self):
        cases = yaml.safe_load(CASES.read_text())["tests"]
        fire = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case["exp_alerts"]}
        self.assertEqual(set(re.findall(r"alert: (\w+)", RULES)), fire)

    def test_the_dashboard_asks_what_prometheus_understands(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "panels.yml"
            rules = [{"record": f"panel:{i}", "expr": e.replace("$__rate_interval", "5m").replace("$", "")}
                     for i, e in enumerate(expressions())]
            path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
            self.promtool("check", "rules", "--lint=none", path)

    def test_all_that_is_used_is_documented(self):
        self.assertLessEqual(used(RULES), documented())
        self.assertLessEqual(used(" ".join(expressions())), documented())

    def test_all_that_is_documented_is_on_the_dashboard(self):
        self.assertEqual(documented() - used(" ".join(expressions())), {"ecss_build_info"})

    def test_each_alert_has_its_chapter(self):
        alerts = re.findall(r"alert: (\w+)", RULES)
        self.assertEqual(alerts, re.findall(r"^### (\w+)$", README, re.M))
        self.assertEqual(re.findall(r"runbook: docs/monitoring/README.md#(\w+)", RULES), [name.lower() for name in alerts])

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    unittest.main()
