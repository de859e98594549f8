#!/usr/bin/python3
"""Each way in which scheduld finds AWS keys, against the stand-in's STS, IMDSv2 and container endpoint: found,
refreshed, rotated, expired, unreachable, malformed. At the end a table says which were shown.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from driver import DEADLINE_S, Case, Driver

ROLE = "arn:aws:iam::123456789012:role/scheduler"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
CLOSED = "http://127.0.0.1:9"  # nobody listens on the port "discard"
REFRESHED_S = 7.5
LIFE_S = 6.0
PROVIDERS = ("environment", "credentials file", "config file", "role", "role of an instance", "web identity", "process",
             "container", "instance")
WHAT = ("found", "refreshed", "rotated", "expired", "unreachable", "malformed")
# What cannot be: keys that are written down do not expire by themselves, and an environment stays as it is.
NOT = {("environment", "refreshed"), ("environment", "rotated"), ("environment", "unreachable"),
       ("credentials file", "refreshed"), ("config file", "refreshed")}

# Gets keys from the stand-in as a program would get them from somebody.
PROCESS = """#!/usr/bin/python3
import http.client, json, os, sys, time
seed = json.load(open(sys.argv[1]))
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
ident = f"ASIAPROC{seed['name']}{os.getpid()}"
keys = {"accessKeyId": ident, "secret": f"secret-of-{ident}", "token": "token-of-process", "life_s": seed["life_s"]}
connection.request("POST", "/_standin/keys", json.dumps(keys))
made = [key for key in json.loads(connection.getresponse().read()) if key["accessKeyId"] == ident][0]
print(json.dumps({"Version": 1, "AccessKeyId": ident, "SecretAccessKey": keys["secret"], "SessionToken": keys["token"],
                  "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made["expires"]))}))
"""


class Providers(Case):
    """One kind of provider after the other, all in the same way."""

    shown: set[tuple[str, str]] = set()

    def setUp(self) -> None:
        super().setUp()
        self.new_folder()
        self.issued = 0
        self.secrets += ["token-of-", "secret-of-"]

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        print("\n" + "provider".ljust(22) + "".join(each.ljust(12) for each in WHAT))
        for name in PROVIDERS:
            print(name.ljust(22) + "".join(
                ("ok" if (name, each) in cls.shown else "-" if (name, each) in NOT else "NOT SHOWN").ljust(12)
                for each in WHAT))

    # What the providers are pointed at.

    def new_folder(self) -> None:
        """For the files of the next driver."""
        folder = tempfile.TemporaryDirectory(prefix="ecss-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def keys(self, **more: Any) -> dict[str, str]:
        """New keys that the stand-in knows."""
        self.issued += 1
        ident = f"ASIA{self.issued:04}{self._testMethodName[-4:].upper()}"
        self.aws.post("keys", {"accessKeyId": ident, "secret": f"secret-of-{ident}", "token": f"token-of-{ident}", **more})
        return {"aws_access_key_id": ident, "aws_secret_access_key": f"secret-of-{ident}",
                "aws_session_token": f"token-of-{ident}"}

    def write(self, name: str, text: str) -> str:
        """A new file takes the old one's place."""
        path = self.folder / name
        draft = self.folder / f"{name}.new"
        draft.write_text(text)
        draft.chmod(0o700)
        draft.rename(path)
        return str(path)

    def section(self, file: str, **sections: dict[str, str]) -> None:
        self.write(file, "".join(f"[{name.replace('_', ' ')}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
                                 for name, keys in sections.items()))

    def life(self, life_s: float) -> None:
        """How long keys live that are made from now on, and that those made so far are forgotten."""
        self.aws.post("metadata", {"life_s": life_s, "rotate": True})
        for arn in (ROLE, OTHER_ROLE):
            self.aws.post("roles", {"arn": arn, "life_s": life_s})
        self.write("seed", json.dumps({"name": "X", "life_s": life_s}))

    def prepare(self, name: str) -> dict[str, str]:
        """Sets up what a provider needs; returns its environment."""
        if name == "environment":
            keys = self.keys()
            return {key.upper(): value for key, value in keys.items()}
        if name == "credentials file":
            self.section("credentials", default=self.keys())
        elif name == "config file":
            self.section("config", default=self.keys())
        elif name == "role":
            self.section("config", default={"role_arn": ROLE, "source_profile": "base"})
            self.section("credentials", base=self.keys())
        elif name == "role of an instance":
            self.section("config", default={"role_arn": ROLE, "credential_source": "Ec2InstanceMetadata",
                                            "role_session_name": "me@host", "duration_seconds": "3600"})
        elif name == "web identity":
            return {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": self.write("token", "eyJ.first\n")}
        elif name == "process":
            program = self.write("get keys", PROCESS)
            self.section("config", default={
                "credential_process": f'"{program}" "{self.folder}/seed" {self.aws.port}'})
        elif name == "container":
            self.aws.post("metadata", {"authorization": "Bearer of-the-pod"})
            return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.aws.url}/v1/credentials",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.write("pod", "Bearer of-the-pod\n")}
        return {}

    def begin(self, name: str, life_s: float = 3600, **more: str) -> Driver:
        self.life(life_s)
        return self.drive({
            "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.url, "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"), **self.prepare(name), **more})

    @staticmethod
    def says(driver: Driver) -> str:
        """"" if a call goes well, else what is said."""
        answer = driver.do("list", cluster="c", family="plain")
        return "" if answer.get("arns") == [] else answer["error"]["text"]

    def errors(self) -> list[tuple[str, str]]:
        return [(call["operation"], call["error"]) for call in self.calls() if call["error"] is not None]

    def show(self, what: str, *skip: str):
        """Each provider for which `what` can be, with files of its own."""
        for name in PROVIDERS:
            if (name, what) in NOT or name in skip:
                continue
            self.aws.reset()
            self.mark = self.aws.mark()
            self.new_folder()
            yield name
            self.shown.add((name, what))

    # What is shown of each.

    def test_found(self) -> None:
        for name in self.show("found"):
            driver = self.begin(name)
            self.assertEqual(self.says(driver), "", name)
            self.assertEqual(self.says(driver), "")
            self.assertEqual(self.errors(), [])
            self.assertEqual({call["signature"] for call in self.calls("ListTasks")}, {"ok"})

    def test_refreshed(self) -> None:
        """All at once, each with calls all the time; nobody waits for keys that have expired, and no call fails."""
        names = [name for name in PROVIDERS if (name, "refreshed") not in NOT]
        drivers = {}
        for name in names:
            self.new_folder()
            drivers[name] = self.begin(name, LIFE_S)
        end = time.monotonic() + REFRESHED_S
        count = 0
        while time.monotonic() < end or not all(self.refreshed(name) for name in names):
            self.assertLess(time.monotonic(), end + DEADLINE_S, "no second keys")
            asked = {name: [driver.start("list", cluster="c", family=f"of-{name.replace(' ', '-')}") for _ in range(4)]
                     for name, driver in drivers.items()}
            for name, idents in asked.items():
                for answer in drivers[name].all(idents):
                    self.assertEqual(answer.get("arns"), [], f"{name}: {answer}")
                    count += 1
            time.sleep(0.1)
        self.assertEqual(self.errors(), [])
        self.shown.update((name, "refreshed") for name in names)
        print(f"\n{count} calls with keys that live {LIFE_S:.0f} s, none refused")

    def refreshed(self, name: str) -> bool:
        """Whether its calls have come with one keys, and then with others."""
        family = f"of-{name.replace(' ', '-')}"
        return len({call["key_id"] for call in self.calls("ListTasks") if call["body"]["family"] == family}) >= 2

    def test_rotated(self) -> None:
        """The keys at hand are no good any more; the call that finds out goes well all the same."""
        for name in self.show("rotated"):
            driver = self.begin(name)
            self.assertEqual(self.says(driver), "", name)
            old = self.calls("ListTasks")[-1]["key_id"]
            if name in ("credentials file", "config file"):
                self.section(name.replace(" file", ""), default=self.keys())
            elif name == "role":
                source = self.calls("AssumeRole")[-1]["key_id"]
                self.section("credentials", base=self.keys())
                self.aws.post("keys/delete", {"accessKeyId": source})
            elif name == "web identity":
                self.write("token", "eyJ.second")
                self.aws.post("roles", {"arn": ROLE, "webTokens": ["eyJ.second"]})
            elif name == "container":
                self.write("pod", "Bearer two")
                self.aws.post("metadata", {"authorization": "Bearer two", "rotate": True})
            else:
                self.aws.post("metadata", {"rotate": True, "forget_tokens": True})
            self.aws.post("keys/delete", {"accessKeyId": old})
            self.assertEqual(self.says(driver), "", name)
            self.assertNotEqual(self.calls("ListTasks")[-1]["key_id"], old)
            self.assertEqual([error for error in self.errors() if error[0] != "ListTasks"], [])

    def test_expired(self) -> None:
        for name in self.show("expired"):
            if name in ("environment", "credentials file", "config file"):
                driver = self.begin(name)
                ident = [key["accessKeyId"] for key in self.aws.get("keys") if key["temporary"]][-1]
                self.aws.post("keys", {"accessKeyId": ident, "secret": f"secret-of-{ident}", "life_s": -5})
                words = "ExpiredTokenException: The security token included in the request is expired"
            elif name in ("instance", "role of an instance"):
                driver = self.begin(name, -5)
                words = "ExpiredToken"  # they are tried, as AWS may take them when the service is ill
            else:
                driver = self.begin(name, -5)
                words = "the keys in the answer expired at 20"
            self.assertRegex(self.says(driver), words, name)
            if name in ("instance", "role of an instance"):
                self.assertIn("warning aws.instance_keys_expired", driver.logged())
            if name in ("role", "container"):
                self.life(3600)
                self.aws.wait_until(lambda: self.says(driver) == "", f"{name}: keys that are good")

    def test_unreachable(self) -> None:
        asked = []
        for name in self.show("unreachable"):
            more = {}
            if name in ("credentials file", "config file"):
                os.mkdir(self.folder / "gone")
                more = {"AWS_SHARED_CREDENTIALS_FILE" if name == "credentials file" else "AWS_CONFIG_FILE":
                        str(self.folder / "gone")}
                self.assertIn("gone is a folder", self.begin(name, **more).answer(0)["refused"])
                continue
            if name in ("role", "web identity"):
                more = {"AWS_ENDPOINT_URL_STS": CLOSED}
                words = "127.0.0.1:9/ does not answer: Failed to connect"
            elif name in ("instance", "role of an instance"):
                more = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": CLOSED, "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1"}
                words = "instance metadata: http://127.0.0.1:9/: does not answer: .*hop limit has to be 2"
            elif name == "container":
                more = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{CLOSED}/v1/credentials"}
                words = "container endpoint: http://127.0.0.1:9: it does not answer: Failed to connect"
            driver = self.begin(name, **more)
            if name == "process":
                self.section("config", default={"credential_process": "/no/such/program --now"})
                words = "process: credential_process: /no/such/program cannot be started: No such file"
            asked.append((driver, driver.start("list", cluster="c", family="plain"), words))
        for driver, ident, words in asked:
            self.assertRegex(driver.answer(ident)["error"]["text"], words)

    def test_malformed(self) -> None:
        cases = {
            "role": ("AssumeRole", "role/scheduler: STS: the answer has no AccessKeyId"),
            "role of an instance": ("IMDS:Credentials", "http.*: the answer is not JSON"),
            "web identity": ("AssumeRoleWithWebIdentity", "web identity: STS: the answer has no AccessKeyId"),
            "container": ("Container:Credentials", "container endpoint: .*: the answer is not JSON"),
            "instance": ("IMDS:Credentials", "instance metadata: .*: the answer is not JSON")}
        for name in self.show("malformed"):
            if name in cases:
                operation, words = cases[name]
                self.aws.fault(operation, "garbage", count=1)
                driver = self.begin(name)
                self.assertRegex(self.says(driver), words, name)
            elif name == "environment":
                driver = self.begin(name, AWS_SESSION_TOKEN="a b")
                self.assertRegex(self.says(driver), "environment: the session token has a character")
            elif name == "process":
                for text, words in (("echo secret-of-nobody", "process: credential_process: the answer is not JSON"),
                                    ("exit 3", "the program ended with status 3"),
                                    ("echo no luck today >&2; exit 1", "ended with status 1, saying: no luck today"),
                                    ("kill -9 $$", "was ended by signal 9"),
                                    ("env | grep -q '^ECSS_\\|^PG' && exit 4; exit 5", "ended with status 5"),
                                    ("echo '{\"Version\":2}'", "Version in the answer is not 1"),
                                    ("echo '{\"Version\":1}'", "the answer has no AccessKeyId"),
                                    ("head -c 100000 /dev/zero; sleep 60", "writes more than credentials can be")):
                    self.write("bad", f"#!/bin/sh\n{text}\n")
                    driver = self.begin(name, ECSS_DATABASE_URL="postgresql://u:secret-of-nobody@h/d", PGPASSWORD="x")
                    self.section("config", default={"credential_process": str(self.folder / "bad")})
                    self.assertIn(words, self.says(driver))
            else:
                self.assertRegex(self.broken(name), "line 2: this is neither")

    def broken(self, name: str) -> str:
        """What is said of a file whose second line makes no sense."""
        file = name.replace(" file", "")
        driver = self.begin(name)
        self.assertEqual(self.says(driver), "")
        self.aws.post("keys/delete", {"accessKeyId": self.calls("ListTasks")[-1]["key_id"]})
        self.write(file, "[default]\nsecret-of-nobody\n")
        return self.says(driver)

    # And what has no column.

    def test_keys_stay_in_use_while_no_new_ones_are_to_be_had(self) -> None:
        driver = self.begin("container", LIFE_S)
        self.assertEqual(self.says(driver), "")
        self.aws.fault("Container:Credentials", "status", status=403)
        while "warning aws.credentials error=" not in driver.logged():
            self.assertEqual(self.says(driver), "")
            time.sleep(0.1)
        self.assertEqual(self.says(driver), "")
        self.aws.wait_until(lambda: "it answers HTTP 403" in self.says(driver), "their end")
        self.aws.clear_faults()
        self.aws.wait_until(lambda: self.says(driver) == "", "new keys")

    def test_one_search_at_a_time(self) -> None:
        driver = self.begin("role")
        self.aws.fault("AssumeRole", "delay", delay_s=0.5, count=1)
        idents = [driver.start("list", cluster="c", family="plain") for _ in range(50)]
        self.assertEqual([answer.get("arns") for answer in driver.all(idents)], [[]] * 50)
        self.assertEqual(len(self.calls("AssumeRole")), 1)

    def test_what_may_pass_is_tried_again(self) -> None:
        kinds = [("status", {"status": 503}), ("reset", {}), ("status", {"status": 429})]
        asked = []
        for name, operation in (("role", "AssumeRole"), ("web identity", "AssumeRoleWithWebIdentity"),
                                ("container", "Container:Credentials"), ("instance", "IMDS:Credentials")):
            for kind, details in kinds:
                self.aws.fault(operation, kind, count=1, **details)
            for _ in kinds:
                self.new_folder()
                driver = self.begin(name)
                asked.append((name, driver, driver.start("list", cluster="c", family="plain")))
        for name, driver, ident in asked:
            self.assertEqual(driver.answer(ident).get("arns"), [], name)
        self.aws.clear_faults()
        self.aws.fault("AssumeRoleWithWebIdentity", "error", error="IDPCommunicationError", count=1)
        self.new_folder()
        self.assertEqual(self.says(self.begin("web identity")), "")

    def test_chains_of_roles(self) -> None:
        base = self.keys()
        two = {"role_arn": OTHER_ROLE, "source_profile": "base", "external_id": "x=y/z"}
        for config, words in (
                ({"default": {"role_arn": ROLE, "source_profile": "two"}, "profile_two": two}, ""),
                ({"default": {"role_arn": ROLE, "source_profile": "default", **base}}, ""),
                ({"default": {"role_arn": ROLE, "source_profile": "default"}},
                 "role: .*profile \"default\" is a source of its own role"),
                ({"default": {"role_arn": ROLE, "source_profile": "two"},
                  "profile_two": {"role_arn": ROLE, "source_profile": "default"}}, "source of its own role"),
                ({"default": {"role_arn": ROLE, "source_profile": "gone"}}, "is \"gone\", which is neither in"),
                ({"default": {"role_arn": ROLE}}, "needs either source_profile or credential_source"),
                ({"default": {"role_arn": ROLE, "credential_source": "Here"}}, "is \"Here\", not Environment, Ec2"),
                ({"default": {"role_arn": ROLE, "source_profile": "base", "mfa_serial": "x"}}, "mfa_serial, which needs"),
                ({"default": {"role_arn": ROLE, "source_profile": "base", "duration_seconds": "9"}}, "not 900 to 43200"),
                ({"default": {"role_arn": ROLE, "source_profile": "base", "role_session_name": "a b"}}, "\"a b\" is not"),
                ({"default": {"role_arn": "arn:aws:iam::123456789012:role/nobody", "source_profile": "base"}},
                 "role: arn:aws:iam::123456789012:role/nobody: STS says AccessDenied: User: .* is not authorized to "
                 "perform: sts:AssumeRole"),
                ({"default": {"sso_session": "x"}}, "single sign-on: .*needs a person to log in"),
                ({"default": {"login_session": "x"}}, "login session: .*needs a person")):
            with self.subTest(config):
                self.section("config", **config)
                self.section("credentials", base=base)
                driver = self.begin("environment", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="")
                self.aws.post("roles", {"arn": OTHER_ROLE, "externalId": "x=y/z"})
                self.assertRegex(self.says(driver), words or "^$")

    def test_the_clock(self) -> None:
        """An hour of skew is found out by STS already, and keys are judged by the clock of those who made them."""
        for name in ("role", "container"):
            with self.subTest(name):
                self.aws.reset()
                self.new_folder()
                self.aws.clock(offset_s=-3600)
                self.assertEqual(self.says(self.begin(name, 900)), "")

    def test_where_a_container_may_send_its_token(self) -> None:
        for url, words in (("http://example.com/x", "neither https nor a loopback address"),
                           ("http://127.example.com/x", "neither https nor"),
                           ("ftp://127.0.0.1/", "AWS_CONTAINER_CREDENTIALS_FULL_URI: an endpoint is"),
                           (f"{self.aws.url}/v1/credentials", "HTTP 401: the Authorization header is not what")):
            driver = self.begin("container", AWS_CONTAINER_CREDENTIALS_FULL_URI=url,
                                AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=self.write("other", "nobody"))
            self.assertRegex(self.says(driver), words)
        driver = self.begin("container", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="v2/credentials")
        self.assertIn("does not begin with a slash", self.says(driver))
        driver = self.begin("container", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="", AWS_CONTAINER_AUTHORIZATION_TOKEN="a\nb")
        self.assertIn("has a line break", self.says(driver))

    def test_the_region_of_the_instance(self) -> None:
        none = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
        for name in ("instance", "role of an instance"):
            self.new_folder()
            self.assertEqual(self.says(self.begin(name, **none)), "", name)
        self.assertEqual({call["signature"] for call in self.calls("ListTasks")}, {"ok"})
        for fault, status, later, words in (("IMDS:Get", 404, False, "the instance has no role"),
                                            ("IMDS:Get", 503, True, "HTTP 503"), ("IMDS:Token", 503, True, "HTTP 503")):
            self.aws.clear_faults()
            self.aws.fault(fault, "status", status=status)
            answer = self.begin("instance", **none).answer(0)
            self.assertRegex(answer["refused"], f"no AWS region: set AWS_REGION .*; instance metadata: .*{words}")
            self.assertEqual(answer["later"], later)  # it is started again, or not

    def test_an_instance_without_a_role(self) -> None:
        driver = self.begin("instance")
        self.aws.post("metadata", {"role": None})
        self.assertRegex(self.says(driver), "no AWS credentials; .*instance metadata: .*: the instance has no role")


if __name__ == "__main__":
    assert stat.S_ISDIR(os.stat(tempfile.gettempdir()).st_mode)
    sys.exit(unittest.main())
