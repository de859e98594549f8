"""Requests for real jobs as a network may deliver them: in two segments, cut anywhere, or many in one."""
import json
import sys
import unittest

from stack import SOURCE, Stack

sys.path[:0] = [str(SOURCE / "tests" / "http")]
from echod import Client, head  # noqa: E402

# Each is what a cut or doubled path of another would be.
JOBS = ("job-1", "job-12", "job-123", "job-1234", "ob-123", "3", "job-123job-123")
TARGET = "job-123"
LATER = "0 0 0 * * 1 1 2099"


def request(method, path, body=None):
    if body is None:
        return head(method, path)
    return head(method, path, "Content-Type: application/json", body=json.dumps(body).encode())


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = cls.enterClassContext(Stack())
        cls.stack.start_webapid(ECSS_WORKERS=1)  # so that a second client's answer says what the worker has read

    def setUp(self):
        self.stack.sql("DELETE FROM jobs")
        for job in JOBS:
            self.assertEqual(self.stack.api("POST", "/jobs", {"taskDefinition": job, "schedule": LATER})[0], 201)

    def client(self):
        return self.enterContext(Client(self.stack.address))

    def counts(self, client):
        return {job["id"]: job["taskCount"] for job in client.ask(request("GET", "/jobs")).json()["jobs"]}

    def test_a_change_cut_at_every_offset_changes_the_right_job(self):
        client, other = self.client(), self.client()
        length = len(request("PUT", f"/jobs/{TARGET}", {"taskCount": 10}))
        for cut in range(1, length):
            count = 10 + cut % 40  # always two digits, and another one than before
            whole = request("PUT", f"/jobs/{TARGET}", {"taskCount": count})
            client.send(whole[:cut])
            self.assertEqual(other.ask(request("GET", "/")).status, 200)  # the worker has had its chance to misread
            answer = client.ask(whole[cut:])
            self.assertEqual((answer.status, answer.json()["id"]), (200, TARGET), whole[:cut])
            self.assertEqual(self.counts(other), {**dict.fromkeys(JOBS, 1), TARGET: count}, whole[:cut])

    def test_other_methods_cut_here_and_there(self):
        client, other = self.client(), self.client()
        cycle = [(201, request("POST", "/jobs", {"id": "new", "schedule": LATER})), (200, request("GET", "/jobs/new")),
                 (200, request("DELETE", "/jobs/new"))]
        for cut in range(1, max(len(whole) for _, whole in cycle), 5):
            for status, whole in cycle:
                client.send(whole[:cut])
                self.assertEqual(other.ask(request("GET", "/")).status, 200)
                if cut < len(whole):
                    client.send(whole[cut:])
                answer = client.answer()
                self.assertEqual((answer.status, answer.json()["id"]), (status, "new"), whole[:cut])
        self.assertEqual(self.counts(other), dict.fromkeys(JOBS, 1))

    def test_five_pipelined_reads_get_five_answers(self):
        client = self.client()
        client.send(b"".join(request("GET", f"/jobs/{job}") for job in JOBS[:5]))
        answers = [client.answer() for _ in range(5)]
        self.assertEqual([(answer.status, answer.json()["id"]) for answer in answers], [(200, job) for job in JOBS[:5]])
        self.assertEqual(client.buffer, b"")

    def test_what_is_pipelined_is_done_in_order(self):
        client = self.client()
        client.send(request("POST", "/jobs", {"id": "p", "schedule": LATER}) + request("PUT", "/jobs/p", {"taskCount": 7}) +
                    request("GET", "/jobs/p") + request("PUT", "/jobs/p", {"schedule": "5"}) + request("PUT", "/jobs/p", {"taskCount": 0}) +
                    request("GET", "/jobs/p") + request("DELETE", "/jobs/p") + request("GET", "/jobs/p") +
                    request("POST", "/jobs", {"id": "p", "schedule": LATER}))
        answers = [client.answer() for _ in range(9)]
        self.assertEqual([answer.status for answer in answers], [201, 200, 200, 200, 400, 200, 200, 404, 201])
        shown = [(answers[i].json()["taskCount"], answers[i].json()["schedule"]) for i in (2, 5)]
        self.assertEqual(shown, [(7, LATER), (7, "5")])

    def test_who_leaves_before_the_answer_harms_nobody(self):
        for n in range(100):
            with Client(self.stack.address) as client:
                client.send(request("PUT", f"/jobs/{TARGET}", {"taskCount": n % 50 + 1}) + request("GET", f"/jobs/{TARGET}") * 5)
        self.stack.check()
        counts = self.counts(self.client())
        self.assertIn(counts.pop(TARGET), range(1, 51))
        self.assertEqual(counts, {job: 1 for job in JOBS if job != TARGET})


if __name__ == "__main__":
    unittest.main()
