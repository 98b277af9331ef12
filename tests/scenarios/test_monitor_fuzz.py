"""Whatever a stranger sends to the feed, the gateway goes on and nothing is left behind."""

import asyncio
import random
import struct

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until

HANDSHAKE = (
    b"GET /monitor/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(first: int, payload: bytes, *, masked: bool = True, length: int | None = None) -> bytes:
    """A frame whose head says `length` bytes (None: the truth), masked with zeros."""
    size = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


ODD = [
    frame(0x81, b"{}", masked=False),
    frame(0xC1, b"{}"),  # a reserved bit
    frame(0x83, b""),  # a reserved opcode
    frame(0x80, b"{}"),  # a continuation of nothing
    frame(0x01, b'{"type"') + frame(0x81, b"{}"),  # a message within a message
    frame(0x01, b'{"type"') + frame(0x89, b"ping") + frame(0x80, b"}"),
    frame(0x89, b"x" * 126),  # a control frame that is too long
    frame(0x09, b"x"),  # a control frame in pieces
    frame(0x88, b"\x03"),  # half a close code
    frame(0x88, struct.pack("!H", 1005)),  # a code that is never sent
    frame(0x88, struct.pack("!H", 1000) + b"\xff"),  # a reason that is no text
    frame(0x88, b"") + frame(0x81, b"{}"),  # something after the end
    frame(0x8A, b"a pong that nobody asked for"),
    frame(0x81, b"{", length=2**62),
    frame(0x81, b"{", length=2**63 - 1),
    frame(0x81, b'{"type": "drill.start", "token": 7}') * 5,
    frame(0x81, b'{"type": "decisions", "limit": 1e308, "route": ["x"], "after": {}}'),
    frame(0x81, b'{"type": "decisions", "client": "\\ud800", "after": "99999999999999999999-1"}') * 5,
    frame(0x81, b'{"type": "decision", "requestId": "\\u0000\\ud83d"}') * 5,
    b"GET / HTTP/1.1\r\n\r\n",
    b"\0" * 100,
]


async def send(port: int, data: bytes, *, cut: bool) -> None:
    """A connection of its own, left open or cut in the middle."""
    async with RawClient(port) as client:
        await client.send(HANDSHAKE)
        assert (await client.read_head()).status == 101
        await client.send(data)
        if cut:
            client.abort()
        else:
            await asyncio.sleep(0)


async def survives(gateway, caplog) -> None:
    async with viewing(gateway.port) as viewer:
        assert viewer.breakers
        await until(lambda: len(gateway.monitor.hub.feed.viewers) == 1, "the others to be gone")
    assert gateway.counts.internal_errors == 0
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize("cut", [False, True])
async def test_odd_frames_do_no_harm(cut, caplog):
    async with running_gateway() as gateway:
        for data in ODD:
            await send(gateway.port, data, cut=cut)
        await survives(gateway, caplog)


@pytest.mark.parametrize("seed", range(4))
async def test_neither_do_random_bytes(seed, caplog):
    dice = random.Random(seed)
    async with running_gateway() as gateway:
        for _ in range(15):
            pieces = [
                dice.choice(ODD) if dice.random() < 0.4 else dice.randbytes(dice.randrange(1, 200))
                for _ in range(4)
            ]
            await send(gateway.port, b"".join(pieces), cut=dice.random() < 0.5)
        await survives(gateway, caplog)
