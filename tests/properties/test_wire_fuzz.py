"""Mutated requests in random pieces: answered or closed, no fault of ours, and never two out of one."""

import asyncio
import random

import pytest
import uvloop

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
SEEDS = (
    b"GET /x?y HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: y\r\n\r\n",
    b"GET /x HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /stats HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"GET http://b.example/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\t",
    b"0",
    b"Content-Length: 3\r\n",
    b"chunked",
)
TURNS = 60


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


def mutated(source: random.Random) -> bytes:
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(0, 4)):
        at = source.randrange(len(data))
        kind = source.randrange(4)
        if kind == 0:
            data[at] = source.randrange(256)
        elif kind == 1:
            del data[at : at + source.randint(1, 4)]
        elif kind == 2:
            data[at:at] = source.choice(PIECES)
        else:
            data[at:at] = data[at : at + source.randint(1, 12)]
        if not data:
            data += b"\r\n"
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_a_mutated_request_never_hangs_fails_inside_or_becomes_two(seed):
    source = random.Random(seed)
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, HEADER_TIMEOUT="100ms", KEEP_ALIVE_TIMEOUT="100ms") as gateway,
    ):
        for _ in range(TURNS):
            before, data = len(upstream.requests), mutated(source)
            async with RawClient(gateway.port) as client:
                start = 0
                while start < len(data):
                    end = start + source.randint(1, len(data))
                    client.writer.write(data[start:end])
                    await asyncio.sleep(0)
                    start = end
                if source.random() < 0.5:
                    client.half_close()  # else the gateway's own deadlines must end it
                answers = await client.read_until_closed()
            assert b" 500 " not in answers, data
            # a change can cut one request in two only where it leaves a whole second request line
            lines = data.count(b"HTTP/1.")
            assert len(upstream.requests) - before <= max(lines, 1), data
            assert gateway.context.counts.internal_errors == 0, data
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/good")).status == 200
        assert gateway.context.counts.in_flight == 0
