"""promises.py sees what is lost, and asks for nothing that nobody promised."""
import unittest

from promises import Promises


class Kept(unittest.TestCase):
    def setUp(self):
        self.promises = Promises()
        self.promises.made("a", {"schedule": "*", "task_count": 1})

    def broken(self, **table):
        return self.promises.broken(table)

    def test_what_was_acknowledged_is_there(self):
        self.promises.changed("a", {"task_count": 2}, True)
        self.assertEqual(self.broken(a={"schedule": "*", "task_count": 2}), [])
        self.assertEqual(self.broken(a={"schedule": "*", "task_count": 1}), ["a has task_count 1, and 2 was acknowledged"])
        self.assertEqual(self.broken(a={"schedule": None, "task_count": 2}), ["a has schedule None, and '*' was acknowledged"])
        self.assertEqual(self.broken(), ["a is not there, and nobody deleted it"])

    def test_what_failed_may_be_there_even_after_what_came_later(self):
        self.promises.changed("a", {"task_count": 2}, False)
        for count in (1, 2):
            self.assertEqual(self.broken(a={"schedule": "*", "task_count": count}), [])
        self.promises.changed("a", {"task_count": 3}, True)
        for count in (2, 3):
            self.assertEqual(self.broken(a={"schedule": "*", "task_count": count}), [])
        self.assertEqual(len(self.broken(a={"schedule": "*", "task_count": 1})), 1)

    def test_what_was_deleted_is_not_there(self):
        self.promises.removed("a", False)
        self.assertEqual(self.broken(), [])
        self.assertEqual(self.broken(a={"schedule": "*", "task_count": 1}), [])
        self.promises.removed("a", True)
        self.assertEqual(self.broken(), [])
        self.assertEqual(self.broken(a={"schedule": "*", "task_count": 1}), ["a is there, and was deleted"])


if __name__ == "__main__":
    unittest.main()
