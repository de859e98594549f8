#!/usr/bin/python3
"""valgrind looks on while scheduld's AWS client works, fails and is stopped: no leak, no bad read.

For builds without a sanitizer; those look for themselves.
"""

from __future__ import annotations

import unittest

from driver import Case, Driver, says
from test_client_faults import FAULTS

QUICK = [row for row in FAULTS if row[0] not in ("delay", "hang", "slow")]


class Leaks(Case):
    """One client for everything, so that valgrind starts once."""

    def setUp(self) -> None:
        super().setUp()
        Driver.wrap = ["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
                       "--error-exitcode=99", "--num-callers=30"]
        self.addCleanup(setattr, Driver, "wrap", [])

    def test_nothing_leaks(self) -> None:
        self.aws.settings(page_size=2)
        mine = self.aws.start_tasks("plain", 5, cluster="c")
        for number, (kind, details, _, _) in enumerate(QUICK):
            self.aws.fault("RunTask", kind, match={"clientToken": str(number)}, **details)
        driver = self.drive()
        self.assertEqual(len(driver.do("list", cluster="c", family="plain")["arns"]), 5)
        self.assertEqual(len(driver.do("describe", cluster="c", tasks=[*mine, mine[0][:-4] + "0000"])["failures"]), 1)
        self.assertEqual(driver.do("describe", cluster="c", tasks=[])["tasks"], [])
        self.assertEqual(driver.do("depth", queue="q")["visible"], 0)
        self.assertIn("error", driver.do("depth", queue="none"))
        self.assertEqual(says(driver.do("run", plan="[]", token="t")["error"])[0], "refused")
        answers = driver.all([driver.run(str(number)) for number in range(len(QUICK))])
        self.assertEqual([says(answer["error"]) for answer in answers], [said for _, _, said, _ in QUICK])
        self.aws.clear_faults()
        self.aws.fault("*", "hang")
        left = [driver.run("left"), driver.start("depth", queue="q"), driver.start("list", cluster="c", family="plain")]
        self.aws.wait_until(lambda: sum(call["fault"] == "hang" for call in self.calls()) == 3, "three calls that hang")
        driver.stop()
        self.assertEqual({says(answer["error"])[0] for answer in driver.all(left)}, {"cancelled"})


if __name__ == "__main__":
    unittest.main()
