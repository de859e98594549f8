"""A TCP relay between a daemon and what it talks to, which can do what networks do.

    with Relay(upstream) as relay:          # ("127.0.0.1", port), or the path of a unix socket
        connect(relay.port)
        relay.stall(2.0)                    # nothing passes for so long, in either direction, then all that waited
        relay.mute()                        # answers are lost from now on; requests still get through
        relay.deafen()                      # requests are lost from now on; answers still get through
        relay.restore()                     # all passes again
        relay.reset()                       # likewise, and RST to both ends of each connection

What was lost is lost: a connection that has lost something while it was muted or deafened passes nothing in that direction
until it ends, and who uses it has to find out. New connections meet the relay's present state as well.

With sessions=True, upstream being PostgreSQL, connections have names, application_name, and statements can be told apart:

        relay.cut("scheduld leader")        # RST to both ends of these only
        held = relay.hold("run_plan")       # the answer to the next such prepared statement is kept back when it is complete
        held.wait(10)                       # whether that has happened: what it did is committed, and who asked cannot know
        held.cut()                          # the answer is lost, with its connection, and no other
        held.release()                      # or: it comes late
"""
import asyncio
import socket
import struct
import threading

from wire import Wire

LINGER_NOT = struct.pack("ii", 1, 0)  # close() sends RST
CHUNK = 1 << 16


class Link:
    """One connection through the relay."""

    def __init__(self, writer, wire):
        self.writers, self.wire = [writer], wire
        self.lossy = False  # has lost something
        self.held = None  # whose answer is kept back
        self.kept = []  # messages that are

    def cut(self):
        for writer in self.writers:
            try:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            except OSError:
                pass
            writer.transport.abort()

    def ask(self, data, wanted):
        """Sees what the client asks; takes from wanted what has come."""
        for name, end in self.wire.from_client(data):
            held = next((each for each in wanted if each.statement == name), None)
            if held is not None and self.held is None:
                wanted.remove(held)
                self.held, held.link, held.end = held, self, end

    def answer(self, data):
        """What of it is passed on now."""
        passed = []
        for message, ends in self.wire.from_server(data):
            # The one that ends the answer before has come: what follows is the answer that is kept back.
            if self.held is not None and (ends >= self.held.end or ends == self.held.end - 1 and message[:1] != b"Z"):
                self.kept.append(message)
                if ends >= self.held.end:
                    self.held.complete.set()
            else:
                passed.append(message)
        return b"".join(passed)

    def release(self):
        kept, self.kept, self.held = self.kept, [], None
        if kept:
            self.writers[0].write(b"".join(kept))


class Held:
    """An answer that is, or will be, kept back. cut() and release() come after a wait() that was not in vain."""

    def __init__(self, relay, statement):
        self.relay, self.statement = relay, statement
        self.link, self.end = None, 0
        self.complete = threading.Event()

    def wait(self, seconds):
        return self.complete.wait(seconds)

    def cut(self):
        self.relay.ask(self.link.cut)

    def release(self):
        self.relay.ask(self.link.release)


class Relay:
    def __init__(self, upstream, address="127.0.0.1", sessions=False):
        self.upstream, self.address, self.sessions = upstream, address, sessions
        self.port = None
        self.links = set()
        self.wanted = []  # Held of which nobody has asked the statement yet
        self.muted = self.deaf = False
        self.passed = self.lost = 0  # bytes

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.open = asyncio.Event()
        self.open.set()
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, self.address, 0))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        self.cut_all()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    # What may be asked from another thread; each returns when it is done.

    def ask(self, action):
        done = threading.Event()

        def act():
            action()
            done.set()

        self.loop.call_soon_threadsafe(act)
        done.wait()

    def restore(self):
        def act():
            self.muted = self.deaf = False
            self.open.set()
            self.wanted.clear()
            for link in self.links:
                link.release()
        self.ask(act)

    def reset(self):
        self.restore()
        self.ask(self.cut_all)

    def cut(self, name):
        self.ask(lambda: self.cut_all(name))

    def hold(self, statement):
        held = Held(self, statement)
        self.ask(lambda: self.wanted.append(held))
        return held

    def stall(self, seconds):
        def act():
            self.open.clear()
            self.loop.call_later(seconds, self.open.set)
        self.ask(act)

    def mute(self):
        self.ask(lambda: setattr(self, "muted", True))

    def deafen(self):
        self.ask(lambda: setattr(self, "deaf", True))

    def lossy(self):
        """Whether there are connections that have lost something, and have not ended yet."""
        return any(link.lossy for link in tuple(self.links))

    # The loop's.

    def cut_all(self, name=None):
        for link in list(self.links):
            if name is None or link.wire.name == name:
                link.cut()

    async def connect(self):
        if isinstance(self.upstream, tuple):
            return await asyncio.open_connection(*self.upstream)
        return await asyncio.open_unix_connection(str(self.upstream))

    async def serve(self, reader, writer):
        link = Link(writer, Wire() if self.sessions else None)
        self.links.add(link)
        try:
            await self.open.wait()
            up_reader, up_writer = await self.connect()
            link.writers.append(up_writer)
            await asyncio.gather(self.pump(link, reader, up_writer, "deaf"), self.pump(link, up_reader, writer, "muted"))
        except OSError:
            pass
        finally:
            self.links.discard(link)
            for each in link.writers:
                each.close()

    async def pump(self, link, reader, writer, lost):
        """One direction. The end of either side is the end of the connection, as none of our peers half-closes."""
        gone = False  # what was lost can't be made up for
        while data := await reader.read(CHUNK):
            await self.open.wait()
            gone = gone or getattr(self, lost)
            if gone:
                link.lossy = True
                self.lost += len(data)
                continue
            self.passed += len(data)
            if link.wire and lost == "deaf":
                link.ask(data, self.wanted)
            elif link.wire:
                data = link.answer(data)
            writer.write(data)
            await writer.drain()
        await self.open.wait()
        raise ConnectionAbortedError("one side has closed")
