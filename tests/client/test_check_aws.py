#!/usr/bin/python3
"""scheduld --check-aws: what it says when all is well, and when something is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from driver import HERE, Case, clean_environment

from client import StandIn, make_certificate  # driver has told where it is

DAEMON = Path(os.environ.get("ECSS_BUILD_DIR", HERE.parents[1] / "build" / "dev")) / "scheduld" / "scheduld"
CLOSED = "http://127.0.0.1:9"  # nobody listens on the port "discard"
ARN = "arn:aws:ecs:{}:123456789012:cluster/c"


class CheckAws(Case):
    """One run a test; nothing is ever started, and no secret is shown."""

    def check(self, cluster: str = "c", **environment: str) -> tuple[int, str]:
        """Exit status and report."""
        run = subprocess.run([DAEMON, "--check-aws"], capture_output=True, text=True, timeout=120, env={
            **{name: value for name, value in clean_environment().items() if not name.startswith("ECSS_")}, **self.aws.environment(), "ECSS_ECS_CLUSTER": cluster, **environment})
        for secret in (self.aws.secret, "hush"):
            self.assertNotIn(secret, run.stdout + run.stderr)
        self.assertEqual(self.calls("RunTask"), [])
        return run.returncode, run.stdout + run.stderr

    def deny(self, *actions: str) -> None:
        self.aws.post("keys", {"accessKeyId": self.aws.access_key, "secret": self.aws.secret, "denied": list(actions)})

    def test_all_is_well(self) -> None:
        code, text = self.check()
        self.assertEqual(code, 0, text)
        for line in (r"region             us-east-1", rf"endpoint           {self.aws.url}/", "cluster            c",
                     r"credentials        environment: AKID\.\.\.",
                     r"identity           arn:aws:iam::123456789012:user/\w+", "ecs:ListTasks      works",
                     "ecs:DescribeTasks  works", "ecs:RunTask        not tried, as it would start a task; it needs iam:PassRole.*"):
            self.assertRegex(text, rf"(?m)^{line}$")

    def test_keys_that_expire(self) -> None:
        code, text = self.check(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                                AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{self.aws.url}/v1/credentials")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"credentials        container endpoint: ASIA\.\.\., for 3\d\d min more")
        self.assertIn("identity           arn:aws:sts::123456789012:assumed-role/task-role/", text)

    def test_no_credentials(self) -> None:
        code, text = self.check(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, "(?m)^credentials        no AWS credentials\n")
        self.assertRegex(text, "(?m)^ {18} environment: AWS_ACCESS_KEY_ID is not set$")
        self.assertRegex(text, "(?m)^ {18} instance metadata: AWS_EC2_METADATA_DISABLED is true$")
        self.assertIn("docs/aws.md has the ways to give scheduld credentials", text)
        self.assertEqual(self.calls(), [])

    def test_wrong_region(self) -> None:
        code, text = self.check(AWS_REGION="eu-west-1")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"ecs:ListTasks +ListTasks: InvalidSignatureException: Credential should be scoped to a valid region")
        self.assertIn("the region (eu-west-1) is not the endpoint's", text)

    def test_the_region_of_another_cluster(self) -> None:
        code, text = self.check(ARN.format("eu-west-1"))
        self.assertEqual(code, 1, text)
        self.assertIn("The cluster is in region eu-west-1, but calls go to us-east-1: set AWS_REGION", text)
        self.assertEqual(self.check(ARN.format("us-east-1"))[0], 0)

    def test_no_region(self) -> None:
        code, text = self.check(AWS_REGION="", AWS_DEFAULT_REGION="")
        self.assertEqual(code, 78, text)
        self.assertIn("no AWS region: set AWS_REGION", text)

    def test_unknown_cluster(self) -> None:
        code, text = self.check("nowhere")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"ecs:ListTasks +ListTasks: ClusterNotFoundException: ")
        self.assertIn("Check ECSS_ECS_CLUSTER (nowhere), the region (us-east-1) and the account", text)
        self.assertIn("aws ecs list-clusters --region us-east-1", text)

    def test_missing_permissions(self) -> None:
        self.deny("ecs:ListTasks")
        code, text = self.check()
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"ecs:ListTasks +ListTasks: AccessDeniedException: .*not authorized to perform: ecs:ListTasks")
        self.assertRegex(text, r"Allow ecs:ListTasks on the cluster to arn:aws:iam::123456789012:user/\w+; docs/aws.md has a policy")
        self.assertIn("ecs:DescribeTasks  works", text)
        self.deny("ecs:DescribeTasks")
        code, text = self.check()
        self.assertEqual(code, 1, text)
        self.assertIn("ecs:ListTasks      works", text)
        self.assertIn("Allow ecs:DescribeTasks on the cluster to", text)

    def test_expired_token(self) -> None:
        self.aws.post("keys", {"accessKeyId": "ASIAOLD", "secret": "hush", "token": "hushtoken", "life_s": -5})
        code, text = self.check(AWS_ACCESS_KEY_ID="ASIAOLD", AWS_SECRET_ACCESS_KEY="hush", AWS_SESSION_TOKEN="hushtoken")
        self.assertEqual(code, 1, text)
        self.assertRegex(text, r"ecs:ListTasks +ListTasks: ExpiredTokenException: ")
        self.assertIn("Temporary keys that were written down end here", text)

    def test_unknown_keys(self) -> None:
        code, text = self.check(AWS_ACCESS_KEY_ID="AKIDNOBODY")
        self.assertEqual(code, 1, text)
        self.assertIn("AWS does not know this access key in region us-east-1", text)

    def test_a_wrong_secret(self) -> None:
        code, text = self.check(AWS_SECRET_ACCESS_KEY="hush")
        self.assertEqual(code, 1, text)
        self.assertIn("The secret access key does not belong to the access key's id", text)

    def test_no_network(self) -> None:
        code, text = self.check(AWS_ENDPOINT_URL=CLOSED)
        self.assertEqual(code, 1, text)
        self.assertRegex(text, "ecs:ListTasks +ListTasks: not sent: Failed to connect to 127.0.0.1 port 9")
        self.assertIn("by a VPC endpoint com.amazonaws.us-east-1.ecs", text)

    def test_who_answers_is_not_trusted(self) -> None:
        with tempfile.TemporaryDirectory(prefix="ecss-") as folder:
            certificate = make_certificate(Path(folder))
            with StandIn(clusters=["c"], tls_certificate=certificate) as tls:
                code, text = self.check(AWS_ENDPOINT_URL=tls.url)
                self.assertEqual(code, 1, text)
                self.assertRegex(text, "ecs:ListTasks +ListTasks: not sent: .*certificate")
                self.assertIn("a proxy that looks into TLS needs its CA in AWS_CA_BUNDLE", text)
                code, text = self.check(AWS_ENDPOINT_URL=tls.url, AWS_CA_BUNDLE=str(certificate))
                self.assertEqual(code, 0, text)
        code, text = self.check(AWS_CA_BUNDLE="/no/such/bundle.pem")
        self.assertEqual(code, 78, text)
        self.assertIn("/no/such/bundle.pem", text)

    def test_without_sts(self) -> None:
        code, text = self.check(AWS_ENDPOINT_URL_STS=CLOSED)
        self.assertEqual(code, 0, text)
        self.assertRegex(text, "identity +http://127.0.0.1:9/ does not answer: ")

    def test_the_settings_are_checked_first(self) -> None:
        code, text = self.check("two words")
        self.assertEqual(code, 78, text)
        self.assertIn("ECSS_ECS_CLUSTER must be", text)


if __name__ == "__main__":
    sys.exit(unittest.main())
