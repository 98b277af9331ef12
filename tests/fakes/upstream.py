"""An upstream on loopback that records every request byte for byte and answers by a script.

    async with RecorderUpstream() as up:
        up.reply(200, b"body", [("X-A", "1")])     # the first request
        up.raw(b"HTTP/1.1 200 OK\\r\\n...")          # the second
        ...
        (first, second) = await up.wait_for(2)

Requests beyond the script get `up.default` (200, empty). Own answers: `up.answer(callable)`, `answers.py`.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from tests.fakes import answers
from tests.fakes.answers import Answer
from tests.fakes.exchange import Connection, Exchange, PeerClosed, RecordedRequest, parse_fields, within

__all__ = ["RecorderUpstream"]

_READER_LIMIT_BYTES = 1 << 20


class RecorderUpstream:
    """`keep_bodies` False only counts and hashes bodies (for gigabytes). `hold_bodies`: bodies are not read
    from the socket until the event is set."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        keep_bodies: bool = True,
        hold_bodies: asyncio.Event | None = None,
        reader_limit_bytes: int = _READER_LIMIT_BYTES,
    ) -> None:
        self.host, self.port = host, port
        self.keep_bodies = keep_bodies
        self.requests: list[RecordedRequest] = []
        self.connections: list[Connection] = []
        self.default: Answer = answers.reply()
        self.errors: list[BaseException] = []
        self._hold_bodies, self._limit_bytes, self._tls = hold_bodies, reader_limit_bytes, tls
        self._script: deque[Answer] = deque()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.authority}"

    @property
    def open_connections(self) -> int:
        return sum(not connection.gone.is_set() for connection in self.connections)

    async def __aenter__(self) -> "RecorderUpstream":
        await self.listen()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        await self.close()
        if self.errors and error is None:
            raise self.errors[0]

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stops listening and aborts every connection; `listen()` starts again on the same port."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        tasks = [connection.task for connection in self.connections if connection.task]
        for connection in self.connections:
            if connection.task is not None:
                with suppress(AttributeError):  # Python 3.11.2: of a TLS transport that was closed twice
                    connection.writer.transport.abort()
                connection.task.cancel()
        async with within("the upstream's connections to end"):
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in self.connections:
                if connection.task is not None:
                    await connection.gone.wait()

    # the script: each call answers one more request

    def answer(self, answer: Answer) -> None:
        self._script.append(answer)

    def reply(
        self, status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, str]] = (), **more: Any
    ) -> None:
        """See `answers.reply` for `chunked`, `trailers`, `close`."""
        self.answer(answers.reply(status, body, headers, **more))

    def raw(self, data: bytes, *, close: bool = False, early: bool = False) -> None:
        self.answer(answers.raw(data, close=close, early=early))

    def pieces(self, *parts: bytes | asyncio.Event, close: bool = False, early: bool = False) -> None:
        self.answer(answers.pieces(*parts, close=close, early=early))

    def hang_up(self, *, early: bool = False) -> None:
        self.answer(answers.hang_up(early=early))

    def reset(self, after: bytes = b"", *, early: bool = False) -> None:
        self.answer(answers.reset(after, early=early))

    def never(self) -> None:
        self.answer(answers.never())

    # waiting, each with the deadline of five seconds

    async def wait_for(self, count: int) -> list[RecordedRequest]:
        """`count` heads have arrived (bodies perhaps not)."""
        await self.until(lambda: len(self.requests) >= count, f"{count} requests at the upstream")
        return self.requests

    async def wait_whole(self, count: int) -> list[RecordedRequest]:
        """`count` requests have arrived with their bodies."""
        await self.until(
            lambda: sum(request.whole for request in self.requests) >= count, f"{count} whole requests"
        )
        return self.requests

    async def wait_closed_early(self, index: int = 0) -> RecordedRequest:
        """The peer gave up request number `index` before its answer was done."""
        await self.until(
            lambda: len(self.requests) > index and self.requests[index].peer_closed_early,
            f"request {index} to be given up",
        )
        return self.requests[index]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async with within(what):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()

    # one connection

    def _accept(self) -> Connection:
        reader = asyncio.StreamReader(limit=self._limit_bytes)
        connection = Connection(self, len(self.connections), reader)
        self.connections.append(connection)
        return connection

    async def _serve(self, connection: Connection) -> None:
        self._notify()
        try:
            while await self._serve_one(connection):
                pass
        except (PeerClosed, ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            if error not in self.errors:
                self.errors.append(error)
        finally:
            connection.writer.close()
            self._notify()

    async def _serve_one(self, connection: Connection) -> bool:
        """One request and its answer; says whether the connection lives on."""
        head = await connection.reader.readuntil(b"\r\n\r\n")
        request = _parse_head(connection.number, head)
        self.requests.append(request)
        connection.requests.append(request)
        exchange = Exchange(connection, request)
        exchange.body_read = asyncio.get_running_loop().create_task(self._read_body(exchange))
        self._notify()
        answer = self._script.popleft() if self._script else self.default
        connection.in_work = request
        try:
            await answer(exchange)
            if exchange.closing:
                return False
            await exchange.body_read
        finally:
            connection.in_work = None
            if not exchange.body_read.done():
                exchange.body_read.cancel()
            (failure,) = await asyncio.gather(exchange.body_read, return_exceptions=True)
            if isinstance(failure, AssertionError):
                self.errors.append(failure)
        return request.whole and _persistent(request)

    async def _read_body(self, exchange: Exchange) -> None:
        if self._hold_bodies is not None:
            await self._hold_bodies.wait()
        await exchange.read_body(self.keep_bodies)
        self._notify()


def _parse_head(connection: int, head: bytes) -> RecordedRequest:
    line, _, rest = head.partition(b"\r\n")
    parts = line.decode("latin-1").split(" ")
    assert len(parts) == 3, f"bad request line {line!r}"
    return RecordedRequest(connection, head, parts[0], parts[1], parts[2], parse_fields(rest))


def _persistent(request: RecordedRequest) -> bool:
    tokens = {token.strip().lower() for value in request.all("Connection") for token in value.split(",")}
    return "close" not in tokens and (request.version == "HTTP/1.1" or "keep-alive" in tokens)
