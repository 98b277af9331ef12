"""What a `RecorderUpstream` can answer: each function here makes one `Answer`, played against one request.

An answer is `async def answer(exchange)`; a test may write its own with the methods of `Exchange`.
"""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from tests.fakes.exchange import Exchange

__all__ = [
    "Answer",
    "close_mid_body",
    "hang_up",
    "never",
    "pieces",
    "raw",
    "reply",
    "reset",
    "upgrade_echo",
    "websocket_echo",
]

Answer = Callable[[Exchange], Awaitable[None]]
Fields = Iterable[tuple[str, str]]
_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


def reply(
    status: int = 200,
    body: bytes = b"",
    headers: Fields = (),
    *,
    chunked: bool = False,
    trailers: Fields = (),
    close: bool = False,
) -> Answer:
    """A well-formed answer after the whole request; HEAD, 1xx, 204 and 304 get no body."""

    async def answer(exchange: Exchange) -> None:
        await exchange.whole_request()
        bodiless = exchange.request.method == "HEAD" or status < 200 or status in (204, 304)
        fields = list(headers)
        names = {name.lower() for name, _ in fields}
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif "content-length" not in names and status >= 200 and status not in (204, 304):
            fields.append(("Content-Length", str(len(body))))
        if close:
            fields.append(("Connection", "close"))
        await exchange.send(_head(status, fields))
        if not bodiless:
            await exchange.send(_chunks(body, trailers) if chunked else body)
        if close:
            await exchange.close()

    return answer


def raw(data: bytes, *, close: bool = False, early: bool = False) -> Answer:
    """Exactly these bytes; `early`: without waiting for the request's body."""
    return pieces(data, close=close, early=early)


def pieces(*parts: bytes | asyncio.Event, close: bool = False, early: bool = False) -> Answer:
    """Bytes sent one write after the other; an Event in between is waited for."""

    async def answer(exchange: Exchange) -> None:
        if not early:
            await exchange.whole_request()
        for part in parts:
            if isinstance(part, bytes):
                await exchange.send(part)
            else:
                await part.wait()
        if close:
            await exchange.close()

    return answer


def hang_up(*, early: bool = False) -> Answer:
    """Closes without any answer; `early`: right after the head."""
    return pieces(close=True, early=early)


def close_mid_body(body: bytes = b"half", length_bytes: int = 1000) -> Answer:
    """Announces `length_bytes`, sends `body` only, closes."""
    return pieces(_head(200, [("Content-Length", str(length_bytes))]) + body, close=True)


def reset(after: bytes = b"", *, early: bool = False) -> Answer:
    """Sends `after`, then RST."""

    async def answer(exchange: Exchange) -> None:
        if not early:
            await exchange.whole_request()
        if after:
            await exchange.send(after)
        exchange.reset()

    return answer


def never() -> Answer:
    """No answer; ends when the peer closes."""

    async def answer(exchange: Exchange) -> None:
        await exchange.peer_closes()

    return answer


def upgrade_echo(protocol: str = "echo") -> Answer:
    """101, then every byte comes back until the peer ends its side."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(_head(101, [("Connection", "Upgrade"), ("Upgrade", protocol)]))
        await _echo(exchange)

    return answer


def websocket_echo() -> Answer:
    """RFC 6455 handshake, then every frame comes back unmasked as it came, close with its code."""

    async def answer(exchange: Exchange) -> None:
        key = exchange.request.get("Sec-WebSocket-Key").encode()
        accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID).digest()).decode()  # noqa: S324 RFC 6455 asks for it
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)]
        await exchange.send(_head(101, fields))
        while True:
            first, payload = await _read_frame(exchange)
            if first & 0x0F == 0x9:
                first = (first & 0xF0) | 0xA  # a ping is answered with a pong
            await exchange.send(_frame(first, payload))
            if first & 0x0F == 0x8:
                await exchange.close()
                return

    return answer


async def _echo(exchange: Exchange) -> None:
    while data := await exchange.reader.read(65536):
        await exchange.send(data)
    await exchange.close()


async def _read_frame(exchange: Exchange) -> tuple[int, bytes]:
    first, second = await exchange.reader.readexactly(2)
    size_bytes = second & 0x7F
    if size_bytes >= 126:
        width_bytes = 2 if size_bytes == 126 else 8
        size_bytes = int.from_bytes(await exchange.reader.readexactly(width_bytes), "big")
    if not second & 0x80:
        raise AssertionError("a client's frame came without a mask (RFC 6455 §5.3)")
    mask = await exchange.reader.readexactly(4)
    data = await exchange.reader.readexactly(size_bytes)
    return first, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def _frame(first: int, payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    if len(payload) < 65536:
        return bytes((first, 126)) + len(payload).to_bytes(2, "big") + payload
    return bytes((first, 127)) + len(payload).to_bytes(8, "big") + payload


def _head(status: int, fields: Fields) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unnamed"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _chunks(body: bytes, trailers: Fields) -> bytes:
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    end = "".join(f"{name}: {value}\r\n" for name, value in trailers).encode("latin-1")
    return chunk + b"0\r\n" + end + b"\r\n"
