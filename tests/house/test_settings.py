"""The settings as documented are the settings as they are, and --check-config finds what is wrong with them."""
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(os.environ.get("ECSS_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ECSS_BUILD_DIR", ROOT / "build" / "dev"))
AWS = {"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


def run(daemon, *words, **env):
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run([BUILD / daemon / daemon, *words], env={**kept, **env}, capture_output=True, text=True, timeout=60)


def names(daemon):
    return re.findall(r"^  ([A-Z][A-Z0-9_]+)$", run(daemon, "--help").stdout, re.M)


class Settings(unittest.TestCase):
    def test_the_document_says_what_the_daemons_say(self):
        check = subprocess.run(["/usr/bin/python3", ROOT / "tools" / "settings-docs", BUILD], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_neither_daemon_takes_the_settings_of_the_other_for_misspelt(self):
        for daemon, other in (("webapid", "scheduld"), ("scheduld", "webapid")):
            foreign = set(names(other)) - set(names(daemon))
            said = run(daemon, "--check-config", **{**AWS, "ECSS_ECS_CLUSTER": "c", **{name: "1" for name in foreign}})
            self.assertEqual((said.returncode, said.stderr), (0, ""), daemon)

    def test_scheduld_without_settings_says_what_it_needs(self):
        said = run("scheduld", "--check-config")
        self.assertEqual((said.returncode, said.stdout), (78, ""))
        self.assertIn("ECSS_ECS_CLUSTER is required", said.stderr)

    def test_scheduld_names_every_mistake(self):
        said = run("scheduld", "--check-config", ECSS_ECS_CLUSTER="two words", ECSS_NAME="a/b", ECSS_MISFIRE_GRACE_SECONDS="86401",
                   ECSS_RUN_RETENTION_DAYS="0", ECSS_LOG_LEVEL="loud", AWS_EC2_METADATA_DISABLED="true")
        self.assertEqual(said.returncode, 78)
        for name in ("ECSS_ECS_CLUSTER", "ECSS_NAME", "ECSS_MISFIRE_GRACE_SECONDS", "ECSS_RUN_RETENTION_DAYS", "ECSS_LOG_LEVEL"):
            self.assertRegex(said.stderr, rf"(?m)^scheduld: {name} must be ")
        self.assertIn("region", said.stderr)  # AWS's settings are not kept for the next try

    def test_a_cluster_is_a_name_or_an_arn(self):
        arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/main"
        for cluster, status in (("main", 0), ("a" * 255, 0), (arn, 0), ("a" * 256, 78), ("a/b", 78), (arn.replace("cluster", "task"), 78),
                                (arn + "/", 78), ("arn:aws:ecs", 78)):
            self.assertEqual(run("scheduld", "--check-config", **AWS, ECSS_ECS_CLUSTER=cluster).returncode, status, cluster)

    def test_scheduld_checks_the_settings_of_aws_without_a_network(self):
        said = run("scheduld", "--check-config", ECSS_ECS_CLUSTER="c", **{**AWS, "AWS_REGION": ""}, AWS_EC2_METADATA_DISABLED="true")
        self.assertEqual(said.returncode, 78)
        self.assertRegex(said.stderr, "region")
        said = run("scheduld", "--check-config", ECSS_ECS_CLUSTER="c", **AWS, AWS_ENDPOINT_URL="nonsense")
        self.assertEqual(said.returncode, 78)
        self.assertIn("AWS_ENDPOINT_URL", said.stderr)
        said = run("scheduld", "--check-config", ECSS_ECS_CLUSTER="c", **AWS, AWS_CA_BUNDLE="/no/such/ca.pem")
        self.assertEqual(said.returncode, 78)
        self.assertIn("AWS_CA_BUNDLE: the CA bundle /no/such/ca.pem cannot be read: No such file", said.stderr)

    def test_limits_of_requests_fit_each_other(self):
        said = run("webapid", "--check-config", ECSS_MAX_URI_BYTES="8001", ECSS_MAX_HEADERS="7", ECSS_MAX_HEADER_BYTES="65537",
                   ECSS_MAX_BODY_BYTES="8388609", ECSS_MAX_IMPORT_BYTES="1", ECSS_MAX_JSON_DEPTH="33")
        self.assertEqual(said.returncode, 78)
        for name in ("URI_BYTES", "HEADERS", "HEADER_BYTES", "BODY_BYTES", "IMPORT_BYTES", "JSON_DEPTH"):
            self.assertRegex(said.stderr, rf"(?m)^webapid: ECSS_MAX_{name} must be ")
        for uri, status in (("512", 0), ("513", 78)):
            said = run("webapid", "--check-config", ECSS_MAX_HEADER_BYTES="1024", ECSS_MAX_URI_BYTES=uri)
            self.assertEqual(said.returncode, status)
            self.assertEqual("ECSS_MAX_HEADER_BYTES must be at least 512 more than ECSS_MAX_URI_BYTES" in said.stderr, status == 78)

    def test_a_value_may_name_another_variable(self):
        said = run("scheduld", "--check-config", **AWS, STAGE="test", ECSS_ECS_CLUSTER="main-{STAGE}", ECSS_NAME="sched-{AWS_REGION}")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("ECSS_ECS_CLUSTER=main-test\nECSS_NAME=sched-eu-west-1\n", said.stdout)

    def test_defaults_of_jobs_are_json_with_braces_of_its_own(self):
        good = '{"ephemeralStorage": {"sizeInGiB": 30}}'
        for value, status, words in ((good, 0, ""), ('{"launchType": "EC3"}', 78, "ECSS_ECS_DEFAULTS ecs.launchType: Must be one of EC2, "),
                                     ("@/nowhere/ecs.json", 78, "ECSS_ECS_DEFAULTS /nowhere/ecs.json cannot be read")):
            said = run("scheduld", "--check-config", **AWS, ECSS_ECS_CLUSTER="c", ECSS_ECS_DEFAULTS=value)
            self.assertEqual(said.returncode, status, said.stderr)
            self.assertIn(words, said.stderr)
        self.assertIn(f"ECSS_ECS_DEFAULTS={good}\n", run("scheduld", "--check-config", **AWS, ECSS_ECS_CLUSTER="c",
                                                         ECSS_ECS_DEFAULTS=good).stdout)

    def test_a_database_url_that_makes_no_sense_is_found(self):
        for daemon, more in (("webapid", {}), ("scheduld", {**AWS, "ECSS_ECS_CLUSTER": "c"})):
            said = run(daemon, "--check-config", **more, ECSS_DATABASE_URL="postgresql://web:hush%zz@db/x")
            self.assertEqual(said.returncode, 78)
            self.assertRegex(said.stderr, "ECSS_DATABASE_URL.* neither a PostgreSQL URI nor a conninfo")
            self.assertNotIn("hush", said.stderr)

    def test_a_database_url_that_makes_no_sense_ends_scheduld(self):
        said = run("scheduld", **AWS, ECSS_ECS_CLUSTER="c", ECSS_DATABASE_URL="nonsense")
        self.assertEqual(said.returncode, 78)
        self.assertIn("neither a PostgreSQL URI nor a conninfo", said.stderr)


if __name__ == "__main__":
    unittest.main()
