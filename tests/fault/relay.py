"""A TCP relay between a daemon and what it talks to, which can do what networks do.

    with Relay(upstream) as relay:          # ("127.0.0.1", port), or the path of a unix socket
        connect(relay.port)
        relay.stall(2.0)                    # nothing passes for so long, in either direction, then all that waited
        relay.resume()                      # already now
        relay.mute()                        # answers are lost from now on; requests still get through
        relay.deafen()                      # requests are lost from now on; answers still get through
        relay.reset()                       # RST to both ends of each connection; the relay is as new

What was lost is lost: a connection that was muted or deafened stays so until it ends; reset() ends them all. New
connections meet the relay's present state as well.
"""
import asyncio
import socket
import struct
import threading

LINGER_NOT = struct.pack("ii", 1, 0)  # close() sends RST
CHUNK = 1 << 16


class Relay:
    def __init__(self, upstream, address="127.0.0.1"):
        self.upstream, self.address = upstream, address
        self.port = None
        self.connections = set()
        self.muted = self.deaf = False
        self.passed = self.lost = 0  # bytes
        self.lock = threading.Lock()

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

    def reset(self):
        def act():
            self.muted = self.deaf = False
            self.open.set()
            self.cut_all()
        self.ask(act)

    def stall(self, seconds):
        def act():
            self.open.clear()
            self.loop.call_later(seconds, self.open.set)
        self.ask(act)

    def resume(self):
        self.ask(lambda: self.open.set())

    def mute(self):
        self.ask(lambda: setattr(self, "muted", True))

    def deafen(self):
        self.ask(lambda: setattr(self, "deaf", True))

    # The loop's.

    def cut_all(self):
        for writers in list(self.connections):
            for writer in writers:
                try:
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                except OSError:
                    pass
                writer.transport.abort()

    async def connect(self):
        if isinstance(self.upstream, tuple):
            return await asyncio.open_connection(*self.upstream)
        return await asyncio.open_unix_connection(str(self.upstream))

    async def serve(self, reader, writer):
        writers = [writer]
        self.connections.add(pair := tuple(writers))
        try:
            await self.open.wait()
            up_reader, up_writer = await self.connect()
            self.connections.discard(pair)
            self.connections.add(pair := (writer, up_writer))
            await asyncio.gather(self.pump(reader, up_writer, "deaf"), self.pump(up_reader, writer, "muted"))
        except OSError:
            pass
        finally:
            self.connections.discard(pair)
            for each in pair:
                each.close()

    async def pump(self, reader, writer, lost):
        """One direction. The end of either side is the end of the connection, as none of our peers half-closes."""
        gone = False
        while data := await reader.read(CHUNK):
            await self.open.wait()
            gone = gone or getattr(self, lost)
            if gone:
                self.lost += len(data)
                continue
            self.passed += len(data)
            writer.write(data)
            await writer.drain()
        await self.open.wait()
        raise ConnectionAbortedError("one side has closed")
