"""The smuggling corpus over a socket: what HTTP/2 would carry into HTTP/1.1 never gets to a raw upstream of HTTP/1.1.

Each is rejected on its stream, by a status or a reset, with its reason in the log; the connection serves the next.
"""

import asyncio

import hpack
import orjson
import pytest

from tests.fakes.exchange import within
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_frames import (
    DATA,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    Frame,
    frames,
    headers,
    settings,
)
from tests.fakes.http2_smuggling import SMUGGLED
from tests.fakes.upstream import RecorderUpstream

GOOD = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/good"), (b":authority", b"a.example")]
PROTOCOL_ERROR = (1).to_bytes(4, "big")
GROUPS = 8


async def exchange(port: int, sent: bytes, good_stream: int) -> list[Frame]:
    """What comes back until the response on `good_stream` has ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(PREFACE + settings() + sent)
        async with within("the end of the good response"):
            while True:
                piece = await reader.read(65_536)
                received += piece
                read = list(frames(received))
                if not piece or any(ends(one, good_stream) for one in read):
                    return read
    finally:
        writer.close()


def ends(one: Frame, stream_id: int) -> bool:
    return one.stream_id == stream_id and one.kind in (DATA, HEADERS) and bool(one.flags & END_STREAM)


def outcomes(read: list[Frame]) -> dict[int, str]:
    """Status or reset of each stream."""
    decoder, found = hpack.Decoder(), {}
    for one in read:
        if one.kind == HEADERS:
            pairs: dict[bytes, bytes] = dict(decoder.decode(one.payload, raw=True))
            said = pairs[b":status"] + b" " + pairs.get(b"tidegate-reason", b"")
            found[one.stream_id] = said.decode().strip()
        elif one.kind == RST_STREAM and one.payload == PROTOCOL_ERROR:
            found.setdefault(one.stream_id, "reset")
    return found


@pytest.mark.parametrize("group", range(GROUPS))
async def test_nothing_is_smuggled_and_each_has_its_reason(group, tmp_path):
    names = sorted(SMUGGLED)[group::GROUPS]
    log = tmp_path / "access.log"
    async with RecorderUpstream() as upstream:
        async with running_gateway(upstream.url, ACCESS_LOG=str(log)) as gateway:
            for name in names:
                read = await exchange(gateway.port, SMUGGLED[name](1) + headers(3, GOOD), 3)
                assert outcomes(read).get(1) in ("reset", "400 request_malformed"), name
                assert outcomes(read)[3] == "200", name
            assert gateway.context.counts.internal_errors == 0
        whole = [request for request in upstream.requests if request.whole]
        assert [request.target for request in whole] == ["/good"] * len(names)
        assert not [request for request in upstream.requests if "smuggled" in request.target]
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    bad = [line for line in lines if line["path"] != "/good"]
    assert len(bad) == len(names)
    assert {line["reason"] for line in bad} == {"request_malformed"}
    assert {line["protocol"] for line in lines} == {"HTTP/2"}


async def test_the_whole_corpus_on_the_streams_of_one_connection_smuggles_nothing():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        sent = b"".join(SMUGGLED[name](1 + 2 * at) for at, name in enumerate(sorted(SMUGGLED)))
        last = 1 + 2 * len(SMUGGLED)
        read = await exchange(gateway.port, sent + headers(last, GOOD), last)
        found = outcomes(read)
        assert found.pop(last) == "200"
        assert len(found) == len(SMUGGLED)
        assert set(found.values()) <= {"reset", "400 request_malformed"}
        assert [request.target for request in upstream.requests if request.whole] == ["/good"]
