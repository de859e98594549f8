#!/usr/bin/python3
"""HTTP as the stand-in takes it: cut anywhere, pipelined, chunked, malformed; and what the journal says."""

from __future__ import annotations

import json
import random
import unittest

import case
from stand import wire

LIST = {"cluster": "c"}


class Parser(unittest.TestCase):
    """The parser alone."""

    def test_head(self) -> None:
        buffer = bytearray(b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nA:  1 \r\na:2\r\n\r\nrest")
        request = wire.take_head(buffer)
        assert request is not None
        self.assertEqual((request.method, request.path, request.query, bytes(buffer)),
                         ("POST", "/a", "b=c", b"rest"))
        self.assertEqual(request.headers, [("Host", " x"), ("A", "  1 "), ("a", "2")])
        self.assertEqual(request.named["a"], ["  1 ", "2"])
        self.assertEqual((request.header("a"), request.header("b")), ("1", None))

    def test_incomplete(self) -> None:
        self.assertIsNone(wire.take_head(bytearray(b"POST / HTTP/1.1\r\nHost: x\r\n")))

    def test_bad_heads(self) -> None:
        for head in (b"POST /", b"POST  / HTTP/1.1", b"POST / HTTP/1.0", b"POST / HTTP/2", b"POST x HTTP/1.1",
                     b"P(ST / HTTP/1.1", b"POST /\xff HTTP/1.1", b"POST / HTTP/1.1\r\nno colon",
                     b"POST / HTTP/1.1\r\nA : b", b"POST / HTTP/1.1\r\nA: b\r\n folded",
                     b"POST / HTTP/1.1\r\n: b",
                     b"POST / HTTP/1.1\r\nA: b\0", b"POST / HTTP/1.1\r\nA: b\nC: d", b"\r\nPOST / HTTP/1.1"):
            with self.subTest(head=head), self.assertRaises(wire.BadRequest):
                wire.take_head(bytearray(head + b"\r\n\r\n"))
        with self.assertRaises(wire.BadRequest):
            wire.take_head(bytearray(b"A" * (wire.MAX_HEAD + 1)))

    def test_body_length(self) -> None:
        for headers, length in (([], 0), ([("Content-Length", " 12 ")], 12),
                                ([("Transfer-Encoding", "Chunked")], None)):
            self.assertEqual(wire.body_length(wire.Request("POST", "/", headers)), length)
        for headers in ([("Content-Length", "1"), ("Content-Length", "1")], [("Content-Length", "+1")],
                        [("Content-Length", "-1")], [("Content-Length", "1,1")], [("Content-Length", "")],
                        [("Content-Length", "99999999")], [("Transfer-Encoding", "gzip")],
                        [("Transfer-Encoding", "chunked"), ("Content-Length", "1")],
                        [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")]):
            with self.subTest(headers=headers), self.assertRaises(wire.BadRequest):
                wire.body_length(wire.Request("POST", "/", headers))

    def test_chunks_at_every_cut(self) -> None:
        data = b"5\r\nhello\r\nA;x=y\r\n, world...\r\n0\r\n\r\n"
        for cut in range(len(data)):
            self.assertIsNone(wire.take_chunks(bytearray(data[:cut])), cut)
        buffer = bytearray(data + b"next")
        self.assertEqual((wire.take_chunks(buffer), bytes(buffer)), (b"hello, world...", b"next"))

    def test_bad_chunks(self) -> None:
        for data in (b"x\r\n", b"-1\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"5\nhello",
                     b"0x5\r\nhello",
                     b"FFFFFFFF\r\n", b"1" * 2000):
            with self.subTest(data=data[:40]), self.assertRaises(wire.BadRequest):
                wire.take_chunks(bytearray(data))


class Live(case.Case):
    """The same over sockets."""

    def test_cut_at_every_offset(self) -> None:
        data = self.signer.ecs("RunTask", {"cluster": "c", "taskDefinition": "plain", "clientToken": "same"})
        wire_ = self.wire()
        for cut in range(1, len(data)):
            wire_.send(data[:cut])
            wire_.send(data[cut:])
            self.assertEqual(wire_.answer().status, 200, cut)
        self.assertEqual(len(self.aws.tasks()), 1)

    def test_pipelined(self) -> None:
        wire_ = self.wire()
        wire_.send(b"".join(self.signer.ecs("RunTask",
                                            {"cluster": "c", "taskDefinition": "plain", "startedBy": str(n)})
                            for n in range(5)))
        self.assertEqual([wire_.answer().json["tasks"][0]["startedBy"] for _ in range(5)], list("01234"))

    def test_pipelined_behind_a_delay(self) -> None:
        self.aws.fault("ListTasks", "delay", delay_s=0.2, count=1)
        wire_ = self.wire()
        wire_.send(self.signer.ecs("ListTasks", LIST) + self.signer.ecs("DescribeTasks",
                                                                        {"cluster": "c", "tasks": ["x"]}))
        self.assertEqual(wire_.answer().json, {"taskArns": []})
        self.assertEqual(wire_.answer().json["tasks"], [])

    def test_chunked_body(self) -> None:
        whole = self.signer.ecs("ListTasks", LIST)
        head, _, body = whole.partition(b"\r\n\r\n")
        head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        self.assertEqual(self.exchange(head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)).status,
                         200)

    def test_expect(self) -> None:
        head, _, body = self.signer.ecs("ListTasks", LIST,
                                        unsigned_headers=[("Expect", "100-continue")]).partition(
            b"\r\n\r\n")
        wire_ = self.wire()
        wire_.send(head + b"\r\n\r\n")
        self.assertEqual(wire_.sock.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
        wire_.send(body)
        self.assertEqual(wire_.answer().status, 200)

    def test_damaged_by_chance(self) -> None:
        """No damage to a signed request's head does anything else than the request would, or breaks it."""
        chance = random.Random(7)
        right = self.signer.ecs("RunTask", {"cluster": "c", "taskDefinition": "plain", "clientToken": "t"})
        end = right.index(b"\r\n\r\n")
        passed = 0
        for _ in range(600):
            at = chance.randrange(end)
            with case.Wire(self.aws.port) as wire_:
                wire_.send(right[:at] + bytes([chance.randrange(256)]) + right[at + 1:])
                wire_.sock.shutdown(1)
                answer = wire_.answer()
            self.assertIn(answer.status, (200, 400, 404, 413, None), answer.raw)
            passed += answer.status == 200
        self.assertLessEqual(len(self.aws.tasks()), 1)
        self.assertLess(passed, 30)  # the same byte again, blanks, the case of names and hexadecimal digits

    def test_half_closed(self) -> None:
        self.aws.fault("ListTasks", "delay", delay_s=0.2)
        wire_ = self.wire()
        wire_.send(self.signer.ecs("ListTasks", LIST))
        self.aws.wait_calls(1, "ListTasks")
        wire_.sock.shutdown(1)
        self.assertEqual(wire_.answer().status, 200)
        self.assertTrue(wire_.ended())

    def test_refusals_are_noted(self) -> None:
        for data, status in ((b"nonsense\r\n\r\n", 400), (b"POST / HTTP/1.1\r\nA : b\r\n\r\n", 400),
                             (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413)):
            before = self.aws.mark()
            answer = self.exchange(data)
            self.assertEqual((answer.status, answer.headers["connection"]), (status, "close"))
            call = self.aws.calls(after=before)[0]
            self.assertEqual((call["operation"], call["status"]), ("(no request)", None))
            self.assertTrue(call["error"])

    def test_cut_off_request_is_noted(self) -> None:
        data = self.signer.ecs("RunTask", {"cluster": "c", "taskDefinition": "plain"})
        with case.Wire(self.aws.port) as wire_:
            wire_.send(data[:-3])
        call = self.aws.wait_calls(1, "(no request)")[0]
        self.assertEqual(call["error"], "the request was cut off")
        self.assertEqual(self.aws.tasks(), [])

    def test_journal(self) -> None:
        wire_ = self.wire()
        body = {"taskDefinition": "plain", "cluster": "c", "count": 2, "clientToken": "t"}
        for _ in range(2):
            wire_.send(self.signer.ecs("RunTask", body,
                                       unsigned_headers=[("amz-sdk-request", "attempt=2; max=3")]))
            wire_.answer()
        first, second = self.aws.calls("RunTask")
        self.assertEqual(json.dumps(first["body"]), json.dumps(body), "the order of members is kept")
        self.assertEqual(first["client"], "%s:%d" % wire_.sock.getsockname())
        self.assertEqual((first["nth"], second["nth"], first["connection"]), (1, 2, second["connection"]))
        self.assertEqual((first["service"], first["protocol"], first["method"], first["target"],
                          first["status"]),
                         ("ecs", "json", "POST", "/", 200))
        self.assertEqual((first["attempt"], first["key_id"]), ("attempt=2; max=3", self.aws.access_key))
        self.assertEqual((len(first["tasks"]), first["effect"], second["effect"]), (2, True, False))
        self.assertLess(first["time"], second["time"])

    def test_no_such_control(self) -> None:
        self.assertRaises(case.StandInError, self.aws.get, "nonsense")
        for path, body in (("settings", {"nonsense": 1}), ("tasks/stop", {}),
                           ("tasks/stop", {"tasks": ["nope"]}),
                           ("queues", {"nonsense": 1}), ("clusters", {}),
                           ("tasks", {"taskDefinition": "nope"}),
                           ("life", {"nonsense": 1}), ("keys", {"accessKeyId": "AKIDNEW"})):
            with self.subTest(path=path, body=body), self.assertRaises(case.StandInError):
                self.aws.post(path, body)
        answer = self.exchange(b"POST /_standin/faults HTTP/1.1\r\nContent-Length: 1\r\n\r\n{")
        self.assertEqual(answer.status, 400)
        self.assertRaises(case.StandInError, self.aws.audit, "nonsense")

    def test_signed_target_is_what_counts(self) -> None:
        """A body moved to another operation is not signed for it."""
        data = self.signer.ecs("DescribeTasks", {"cluster": "c", "tasks": ["x"]})
        answer = self.exchange(data.replace(b".DescribeTasks", b".StopTask"))
        self.assertEqual((answer.status, answer.error), (400, "InvalidSignatureException"))
        self.assertFalse(self.aws.calls()[0]["effect"])


if __name__ == "__main__":
    unittest.main()
