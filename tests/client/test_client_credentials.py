#!/usr/bin/python3
"""Where scheduld's AWS client finds its keys, how it gets new ones, and what it says when there are none."""

from __future__ import annotations

import json
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from driver import Case, Driver, says


class Credentials(Case):
    """Keys from the environment and the shared files."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="ecss-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def temporary_keys(self, ident: str, **more: Any) -> dict[str, str]:
        """Keys that the stand-in knows from now on, as lines of a shared file have them."""
        keys = {"accessKeyId": ident, "secret": f"secret-of-{ident}", "token": f"token-of-{ident}", **more}
        self.aws.post("keys", keys)
        self.secrets += [keys["secret"], keys["token"]]
        return {"aws_access_key_id": ident, "aws_secret_access_key": keys["secret"], "aws_session_token": keys["token"]}

    def write(self, name: str, sections: dict[str, dict[str, str]]) -> str:
        """As a program that takes care: a new file takes the old one's place."""
        draft = self.folder / f"{name}.new"
        draft.write_text("".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                                 for section, keys in sections.items()))
        draft.rename(self.folder / name)
        return str(self.folder / name)

    def drive_with(self, credentials: dict[str, Any] | None, config: dict[str, Any] | None = None,
                   **more: str) -> Driver:
        environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                       "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
                       "AWS_CONFIG_FILE": str(self.folder / "config")}
        if credentials is not None:
            self.write("credentials", credentials)
        if config is not None:
            self.write("config", config)
        return self.drive({**environment, **more})

    def listed(self, driver: Driver) -> Any:
        answer = driver.do("list", cluster="c", family="plain")
        return answer.get("arns", answer.get("error", {}).get("text"))

    def key_ids(self) -> list[str]:
        return [call["key_id"] for call in self.calls()]

    def test_the_session_token_of_the_environment(self) -> None:
        self.temporary_keys("ASIAENV")
        driver = self.drive({"AWS_ACCESS_KEY_ID": "ASIAENV", "AWS_SECRET_ACCESS_KEY": "secret-of-ASIAENV",
                             "AWS_SESSION_TOKEN": "token-of-ASIAENV"})
        self.assertEqual(self.listed(driver), [])
        self.assert_signed()

    def test_the_environment_wins(self) -> None:
        keys = self.temporary_keys("ASIAFILE")
        self.assertEqual(self.listed(self.drive_with({"default": keys}, AWS_ACCESS_KEY_ID=self.aws.access_key,
                                                     AWS_SECRET_ACCESS_KEY=self.aws.secret)), [])
        self.assertEqual(self.key_ids(), [self.aws.access_key])

    def test_the_credentials_file_and_then_the_config_file(self) -> None:
        one, two = self.temporary_keys("ASIAONE"), self.temporary_keys("ASIATWO")
        self.assertEqual(self.listed(self.drive_with({"default": one}, {"default": two})), [])
        self.assertEqual(self.listed(self.drive_with({}, {"default": two})), [])
        self.assertEqual(self.key_ids(), ["ASIAONE", "ASIATWO"])

    def test_a_profile(self) -> None:
        one, two = self.temporary_keys("ASIAONE"), self.temporary_keys("ASIATWO")
        self.assertEqual(self.listed(self.drive_with({"default": one, "other": two}, AWS_PROFILE="other")), [])
        self.assertEqual(self.key_ids(), ["ASIATWO"])

    def test_a_file_that_is_rotated(self) -> None:
        driver = self.drive_with({"default": self.temporary_keys("ASIAOLD")})
        self.assertEqual(self.listed(driver), [])
        self.write("credentials", {"default": self.temporary_keys("ASIANEW")})
        self.aws.post("keys/delete", {"accessKeyId": "ASIAOLD"})
        self.assertEqual(self.listed(driver), [])
        self.assertEqual(self.listed(driver), [])
        self.assertEqual([(call["key_id"], call["error"]) for call in self.calls()],
                         [("ASIAOLD", None), (None, "UnrecognizedClientException"), ("ASIANEW", None),
                          ("ASIANEW", None)])

    def test_a_file_that_is_broken_for_a_while(self) -> None:
        driver = self.drive_with({"default": self.temporary_keys("ASIAOLD")})
        self.assertEqual(self.listed(driver), [])
        (self.folder / "credentials").write_text("[default]\nsecret-of-ASIAOLD\n")
        self.aws.post("keys/delete", {"accessKeyId": "ASIAOLD"})
        self.assertRegex(self.listed(driver), "no credentials: AWS credentials: .*credentials: line 2: this is neither")
        self.write("credentials", {"default": self.temporary_keys("ASIANEW")})
        self.aws.wait_until(lambda: self.listed(driver) == [], "the mended file")

    def test_tokens_that_expire(self) -> None:
        keys = self.temporary_keys("ASIASHORT", life_s=3600)
        driver = self.drive_with({"default": keys})
        self.assertEqual(self.listed(driver), [])
        self.aws.post("keys", {"accessKeyId": "ASIASHORT", "secret": keys["aws_secret_access_key"],
                               "token": keys["aws_session_token"], "life_s": 0})
        self.assertIn("ExpiredTokenException", self.listed(driver))
        self.write("credentials", {"default": self.temporary_keys("ASIALONG")})
        self.aws.wait_until(lambda: self.listed(driver) == [], "the new token")

    def test_good_keys_that_are_refused_somewhere(self) -> None:
        """As in a region that the account has not enabled: others go on with them while new ones are looked for,
        whatever comes of that; and who is refused again and again does not have them looked up each time. (The
        program that has them sees none of our connections.)"""
        keys, runs, bad, go = self.temporary_keys("ASIAGOOD"), *(self.folder / name for name in ("runs", "bad", "go"))
        made = {"Version": 1, "AccessKeyId": "ASIAGOOD", "SecretAccessKey": keys["aws_secret_access_key"],
                "SessionToken": keys["aws_session_token"]}
        program = self.folder / "get"
        program.write_text(f"#!/bin/sh\necho x >>{runs}\n"
                           "if ls -l /proc/$$/fd | grep -q socket: ; then exit 4; fi\n"
                           f"if [ -e {bad} ]; then while [ ! -e {go} ]; do sleep 0.05; done; exit 3; fi\n"
                           f"echo '{json.dumps(made)}'\n")
        program.chmod(0o700)
        driver = self.drive_with({}, {"default": {"credential_process": str(program)}})
        self.assertEqual(self.listed(driver), [])
        self.aws.fault("GetQueueAttributes", "unknown_token")
        bad.touch()
        refused = driver.start("depth", queue="q")
        self.aws.wait_until(lambda: runs.read_text().count("x") == 2, "a search for others")
        self.assertEqual(self.listed(driver), [])
        go.touch()
        self.assertIn("ended with status 3", driver.answer(refused)["error"]["text"])
        self.assertEqual(self.listed(driver), [])
        bad.unlink()
        self.aws.wait_until(lambda: driver.do("depth", queue="q")["error"]["code"] == "UnrecognizedClientException",
                            "a search that finds them again")
        before = runs.read_text().count("x")
        for _ in range(20):
            self.assertEqual(driver.do("depth", queue="q")["error"]["code"], "UnrecognizedClientException")
        self.assertEqual(self.listed(driver), [])
        self.assertLessEqual(runs.read_text().count("x"), before + 1)

    def test_a_clock_that_is_put_right(self) -> None:
        """Keys are judged by AWS's clock, and by our own again when that is right."""
        made = self.folder / "made"

        def make(ident: str, **more: str) -> None:
            keys = self.temporary_keys(ident)
            made.write_text(json.dumps({"Version": 1, "AccessKeyId": ident, "SessionToken": keys["aws_session_token"],
                                        "SecretAccessKey": keys["aws_secret_access_key"], **more}))

        make("ASIAOLD")
        driver = self.drive_with({}, {"default": {"credential_process": f"cat {made}"}})
        for offset_s in (3600, 0):
            self.aws.clock(offset_s=offset_s)
            self.assertEqual(self.listed(driver), [])
        make("ASIANEW", Expiration=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800)))
        self.aws.post("keys/delete", {"accessKeyId": "ASIAOLD"})
        self.assertEqual(self.listed(driver), [])
        self.assertEqual(self.key_ids()[-1], "ASIANEW")

    def test_what_is_missing_is_said(self) -> None:
        key = {"AWS_ACCESS_KEY_ID": "AKIDX"}
        for environment, sections, words in (
                ({}, {}, "no AWS credentials; environment: AWS_ACCESS_KEY_ID is not set; .*"
                         "role: profile \"default\" has no role_arn; web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; "
                         "shared credentials file: .*has no profile \"default\"; process: no credential_process; "
                         "config file: .*; container endpoint: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; "
                         "instance metadata: AWS_EC2_METADATA_DISABLED is true$"),
                (key, {}, "environment: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"),
                ({}, {"default": {"aws_secret_access_key": "x"}},
                 "profile \"default\" of .*credentials: aws_secret_access_key is set, but aws_access_key_id is not"),
                ({**key, "AWS_SECRET_ACCESS_KEY": "a b"}, {},
                 "AWS_SECRET_ACCESS_KEY has a character that cannot be in it"),
                ({**key, "AWS_SECRET_ACCESS_KEY": "a", "AWS_SESSION_TOKEN": "t\nX: y"}, {},
                 "the session token has a character"),
                ({"AWS_ACCESS_KEY_ID": "a/b", "AWS_SECRET_ACCESS_KEY": "a"}, {}, "AWS_ACCESS_KEY_ID has a character")):
            with self.subTest(words):
                driver = self.drive_with(sections, **environment)
                error = driver.do("list", cluster="c", family="plain")["error"]
                self.assertEqual(says(error), ("auth", "no credentials", False, 0))
                self.assertRegex(error["message"], words)
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    unittest.main()
