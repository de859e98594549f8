"""The short form of load.py."""
import unittest

import load
from stack import Stack


class Load(unittest.TestCase):
    def test_writes_while_postgresql_is_restarted(self):
        with Stack() as stack:
            self.assertEqual(load.run(stack, seconds=6, connections=16, restarts=1), [])


if __name__ == "__main__":
    unittest.main()
