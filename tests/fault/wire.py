"""What passes between a client and PostgreSQL, message by message: so much of it as it takes to know whose connection it is,
which prepared statements are asked, and when the answer to one is complete, and with it what it did committed.

Pure: bytes go in as they come, whole messages come out. Without TLS, as then nothing can be seen.
"""

ENCRYPTION = (80877103, 80877104)  # SSLRequest, GSSENCRequest: answered by one byte
CANCEL = 80877102


class Wire:
    def __init__(self):
        self.name = None  # application_name
        self.begun = False  # the client has said who it is: from then on messages have types
        self.single = 0  # answers of one byte that are to come
        self.syncs = self.ends = 0  # each Sync or Query is answered by one ReadyForQuery
        self.client, self.server = b"", b""  # the first part of a message that is not complete

    def from_client(self, data):
        """Names of the prepared statements that are asked here, each with the number of the ReadyForQuery that ends its answer."""
        self.client += data
        asked = []
        while message := self.next_of_client():
            kind = message[:1]
            if kind == b"B":
                _, name, _ = message[5:].split(b"\0", 2)
                asked.append((name.decode(), self.syncs + 1))
            self.syncs += kind in (b"S", b"Q")
        return asked

    def next_of_client(self):
        """b"" at the end of what is complete."""
        while not self.begun:
            if not (message := self.take("client", 0)):
                return b""
            code = int.from_bytes(message[4:8], "big")
            if code in ENCRYPTION:
                self.single += 1
            elif code != CANCEL:
                self.begun, self.syncs = True, 1  # ReadyForQuery comes at the end of the greeting, too
                words = message[8:].split(b"\0")
                self.name = dict(zip(words[::2], words[1::2])).get(b"application_name", b"").decode()
        return self.take("client", 1)

    def from_server(self, data):
        """Messages that are complete now, each with the number of ReadyForQuery that have come, this one included."""
        self.server += data
        messages = []
        while self.server:
            if self.single:
                message, self.server, self.single = self.server[:1], self.server[1:], self.single - 1
            elif not (message := self.take("server", 1)):
                break
            else:
                self.ends += message[:1] == b"Z"
            messages.append((message, self.ends))
        return messages

    def take(self, side, type_length):
        """The next message, whose length comes after its type and does not count it; b"" if it is not complete."""
        data = getattr(self, side)
        length = type_length + int.from_bytes(data[type_length:type_length + 4], "big")
        if len(data) < type_length + 4 or len(data) < length:
            return b""
        setattr(self, side, data[length:])
        return data[:length]
