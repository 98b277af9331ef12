"""A port of the cache service, with the lane beneath the app or without, and the bytes that clients say to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from uvicorn.config import Config
from uvicorn.server import ServerState

from cache.api import create_app
from cache.drain import Drain
from cache.http_protocol import protocol_of
from cache.memory import MemoryStore
from cache.settings import Settings
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.valkey import eventually

__all__ = ["CLOSE", "KEEP", "LARGE", "LAST", "THERE", "Served", "get", "put", "served"]


LARGE = b"L" * 20_000
SETTINGS = Settings(max_bytes=10**6, max_entry_bytes=50_000)


def put(target: bytes, body: bytes, fields: bytes = b"") -> bytes:
    return b"PUT %b HTTP/1.1\r\nhost: h\r\n%bcontent-length: %d\r\n\r\n%b" % (target, fields, len(body), body)


def get(target: bytes, fields: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"GET %b HTTP/%b\r\nhost: h\r\n%b\r\n" % (target, version, fields)


class Served:
    """A port, what the protocol keeps of all its connections, and their drain."""

    def __init__(self, port: int, state: ServerState, drain: Drain) -> None:
        self.port = port
        self.state = state
        self._drain = drain

    def begin_to_drain(self) -> None:
        self._drain.begin()
        for connection in list(self.state.connections):
            connection.shutdown()

    async def talk(self, *pieces: bytes, closes: bool = True) -> bytes:
        """Sends the pieces and returns all that comes, until the end or a silence of 0.3 s."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            answer = b""
            while True:
                try:
                    more = await asyncio.wait_for(reader.read(2**20), DEADLINE_S if closes else 0.3)
                except TimeoutError:
                    return answer
                if not more:
                    return answer
                answer += more
        finally:
            writer.close()


@asynccontextmanager
async def served(
    lane: bool, settings: Settings = SETTINGS, clock: Callable[[], float] = lambda: 5.0, **options: float
) -> AsyncIterator[Served]:
    drain = Drain()
    app = create_app(MemoryStore(settings.max_bytes), settings, clock, fast_lane=False, drain=drain)
    config = Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
    config.load()
    for name, value in options.items():
        setattr(config, name, value)
    state = ServerState()
    make = protocol_of(app.state.lane if lane else None, drain)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make(config, state, {}, loop), "127.0.0.1", 0)
    try:
        yield Served(server.sockets[0].getsockname()[1], state, drain)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await eventually(lambda: not state.connections)


THERE = put(b"/cache/there", b"value", b"content-type: text/x\r\n")
CLOSE = b"connection: close\r\n"
LAST = get(b"/cache/there", CLOSE)
KEEP = b"connection: keep-alive\r\n"
