"""HTTP/2 from clients: streams that either side leaves, and windows as back-pressure of each stream alone."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes import answers
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.http2_serving import (
    INTERNAL_ERROR,
    MEBI,
    serving,
)
from tests.fakes.socket_buffers import kernel_keeps_bytes
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import standstill, until

# Clients that leave


async def test_a_reset_stream_ends_the_upstreams_work(tmp_path):
    log = tmp_path / "access.log"
    async with serving(ACCESS_LOG=str(log)) as (upstream, gateway, client):
        upstream.never()
        stream = client.open("GET", "/")
        await upstream.wait_for(1)
        stream.reset()
        await upstream.wait_closed_early()
        assert (await client.request("GET", "/")).status == 200
        await client.close()
        await gateway.stop(0.0, 1.0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert sorted(line["status"] for line in lines) in ([0, 200], [200, 499])


async def test_a_lost_connection_ends_all_its_streams_work():
    async with serving() as (upstream, gateway, client):
        for _ in range(3):
            upstream.never()
            client.open("GET", "/")
        await upstream.wait_for(3)
        client.abort()
        for index in range(3):
            await upstream.wait_closed_early(index)
        await upstream.until(lambda: not gateway.context.counts.in_flight, "the exchanges' ends")


async def test_an_upstream_that_breaks_off_cuts_its_stream_only():
    async with serving() as (upstream, _, client):
        upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", close=True)
        stream = client.open("GET", "/")
        assert await stream.read_reset() == INTERNAL_ERROR
        assert stream.head is not None
        assert (stream.head.status, stream.head.body) == (200, b"half")
        assert (await client.request("GET", "/")).status == 200


# Flow control


async def test_a_client_that_takes_nothing_pauses_the_upstream_and_stops_no_other_stream():
    async with serving(client={"credit": False}) as (upstream, _, client):
        # the upstream's socket and the gateway's; then the windows and what the gateway keeps itself
        most_bytes = kernel_keeps_bytes(senders=1, receivers=1) + 4 * MEBI
        sent = upstream_that_counts(upstream, 2 * most_bytes)
        slow = client.open("GET", "/slow")
        assert len(await slow.read_body(65_535)) == 65_535  # the window that RFC 9113 gives
        client.h2.increment_flow_control_window(MEBI)  # the connection's
        client.flush()
        assert (await client.request("GET", "/quick")).status == 200
        await standstill(sent, "bytes sent", most_bytes)
        slow.reset()


def upstream_that_counts(upstream, size_bytes):
    """The next response is as large; gives how much of it was written so far."""
    written = [0]

    async def answer(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size_bytes)
        for _ in range(size_bytes // 65_536):
            await exchange.send(bytes(65_536))
            written[0] += 65_536

    upstream.answer(answer)
    return lambda: written[0]


async def test_an_upstream_that_takes_nothing_stops_the_upload_and_no_other_stream():
    hold = asyncio.Event()
    async with (
        RecorderUpstream(hold_bodies=hold, reader_limit_bytes=4096) as stalled,
        serving() as (_, gateway, _),
        running_gateway(stalled.url) as gateway,
        Http2Client(gateway.port) as client,
    ):
        for _ in range(4):
            stalled.reply()
        stalled.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", early=True)
        uploads = [client.open("POST", f"/{number}", end=False) for number in range(4)]
        sending = [asyncio.ensure_future(upload.send(bytes(8 * MEBI), end=True)) for upload in uploads]
        await stalled.wait_for(4)
        await client.until(lambda: all(upload.room_bytes == 0 for upload in uploads), "windows at zero")
        assert client.h2.outbound_flow_control_window > 0  # the connection's is larger than four streams'
        assert (await client.request("GET", "/other")).status == 200
        hold.set()
        await asyncio.gather(*sending)
        assert [(await upload.response()).status for upload in uploads] == [200] * 4


async def test_large_responses_share_the_connection():
    async with serving(client={"window_bytes": 0}) as (upstream, _, client):
        for _ in range(2):
            upstream.reply(200, b"x" * 2 * MEBI)
        streams = [client.open("GET", f"/{number}") for number in range(2)]
        await asyncio.gather(*[stream.read_head() for stream in streams])  # both wait for credit
        client.h2.increment_flow_control_window(16 * MEBI)
        for stream in streams:
            client.h2.increment_flow_control_window(4 * MEBI, stream.number)
        client.flush()
        await asyncio.gather(*[stream.response() for stream in streams])
        kinds = [event.stream_id for event in client.events if type(event).__name__ == "DataReceived"]
        first_end = min(len(kinds) - 1 - kinds[::-1].index(stream.number) for stream in streams)
        before = set(kinds[: first_end // 2])
        assert before == {stream.number for stream in streams}


async def test_a_small_response_does_not_wait_for_large_ones():
    async with serving(client={"window_bytes": 4 * MEBI}) as (upstream, _, client):
        client.h2.increment_flow_control_window(32 * MEBI)
        client.flush()
        for _ in range(3):
            upstream.reply(200, b"x" * 8 * MEBI)
        large = [client.open("GET", f"/{number}") for number in range(3)]
        await asyncio.gather(*[stream.read_body(100_000) for stream in large])
        assert (await client.request("GET", "/small")).status == 200
        assert not any(stream.ended for stream in large)


@pytest.mark.one_process("sees the state of a connection")
async def test_what_waits_for_clients_that_take_nothing_is_bounded_by_streams():
    async with serving(client={"window_bytes": 0}) as (upstream, gateway, client):
        upstream.default = answers.reply(200, b"x" * 4 * MEBI)
        streams = [client.open("GET", f"/{number}") for number in range(20)]
        await asyncio.gather(*[stream.read_head() for stream in streams])
        open_clients: list[Any] = list(gateway.context.open_clients)
        (connection,) = open_clients
        await until(
            lambda: all(stream._blocked for stream in connection.streams.values()), "all to be blocked"
        )
        waiting = [stream.writer.unsent_bytes() for stream in connection.streams.values()]
        assert len(waiting) == 20
        assert (
            max(waiting) <= (64 + 256) * 1024
        )  # the mark, and one read of the upstream's connection above it
