"""A request that arrives in pieces is the request that was sent: cut at every offset, and byte by byte."""
import unittest

from echod import Echod, head

PUT = head("PUT", "/echo/job-1234567890?q=abcdefghij", "X: some value", body=b'{"taskCount": 2}')
CHUNKED = (head("POST", "/echo/job-1234567890", "Transfer-Encoding: chunked") +
           b'9\r\n{"taskCou\r\n7;x=y\r\nnt": 2}\r\n0\r\nTrailer: 1\r\n\r\n')


class Split(unittest.TestCase):
    def check(self, answer):
        self.assertEqual(answer.status, 200)
        said = answer.json()
        self.assertEqual((said["param"], said["body"]), ("job-1234567890", '{"taskCount": 2}'))
        return said

    def test_at_every_offset(self):
        for request in (PUT, CHUNKED):
            with Echod(WORKERS=1) as echod, echod.connect() as client, echod.connect() as other:
                for cut in range(1, len(request)):
                    client.send(request[:cut])
                    # While this is answered, the worker has read the first piece, or will read it alone.
                    self.assertEqual(other.ask(head("GET", "/")).status, 200)
                    said = self.check(client.ask(request[cut:]))
                    if request is PUT:
                        self.assertEqual((said["q"], said["x"]), ("abcdefghij", "some value"))

    def test_byte_by_byte(self):
        with Echod(WORKERS=1) as echod, echod.connect() as client, echod.connect() as other:
            for byte in PUT:
                client.send(bytes([byte]))
                other.ask(head("GET", "/"))
            self.check(client.answer())

    def test_long_paths(self):
        # libevent reads 4096 bytes at a time.
        with Echod() as echod, echod.connect() as client:
            for length in (1000, 4000, 4070, 4080, 4090):
                said = client.ask(head("GET", "/echo/" + "a" * (length - 6))).json()
                self.assertEqual(said["param"], "a" * (length - 6))


if __name__ == "__main__":
    unittest.main()
