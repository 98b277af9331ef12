"""How a connection of HTTP/2 with a client ends: by time, by windows held at zero, in a drain."""

import asyncio
import json
import re

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import begin_drain, running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.http2_serving import (
    ENHANCE_YOUR_CALM,
    MEBI,
    NO_ERROR,
    PREFACE,
    serving,
)
from tests.fakes.upstream import RecorderUpstream

# Time


async def test_an_idle_connection_ends_with_goaway():
    async with serving(KEEP_ALIVE_TIMEOUT="200ms") as (_, _, client):
        assert (await client.request("GET", "/")).status == 200
        assert await client.read_goaway() == (client_last(client), NO_ERROR)
        await client.expect_closed()


def client_last(client):
    return max(client.streams)


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, rb""), (10, rb"HTTP/1\.1 408 .+"), (len(PREFACE), rb".+\0\0\x08\x07\0{13}")],  # GOAWAY, NO_ERROR
    ids=["nothing", "a part of it", "no SETTINGS behind it"],
)
async def test_a_preface_that_does_not_come_in_time_ends_the_connection(size, told):
    async with serving(HEADER_TIMEOUT="200ms") as (_, gateway, _), RawClient(gateway.port) as client:
        await client.send(PREFACE[:size])
        assert re.fullmatch(told, await client.read_until_closed(), re.DOTALL)


async def test_a_head_in_parts_that_does_not_become_whole_ends_the_connection(tmp_path):
    log = tmp_path / "access.log"
    async with serving(HEADER_TIMEOUT="1s", ACCESS_LOG=str(log)) as (_, gateway, client):
        assert (await client.request("GET", "/")).status == 200
        client.send_raw(b"\x00\x00\x10\x01\x05\x00\x00\x00\x03\x82")  # 16 bytes announced, one sent
        assert (await client.read_goaway())[1] == ENHANCE_YOUR_CALM
        await client.expect_closed()
        await gateway.stop(0.0, 1.0)
        reasons = [json.loads(line).get("reason") for line in log.read_text().splitlines()]
        assert "request_timeout" in reasons


async def test_windows_held_at_zero_end_the_connection(tmp_path):
    config = """
upstreams: {one: {endpoints: ["%s"]}}
routes: [{name: r, match: {path: {prefix: /}}, auth: none, upstream: one}]
policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], timeout: {idle: 200ms}}}]
"""
    async with RecorderUpstream() as upstream:
        upstream.reply(200, b"x" * MEBI)
        async with (
            running_gateway(config=config % upstream.url, folder=tmp_path) as gateway,
            Http2Client(gateway.port, credit=False) as client,
        ):
            stream = client.open("GET", "/")
            assert await stream.read_reset() == ENHANCE_YOUR_CALM
            assert (await client.read_goaway())[1] == ENHANCE_YOUR_CALM
            await client.expect_closed()
            await upstream.until(lambda: not upstream.open_connections, "the upstream's connection to end")


# Drain


async def test_a_drain_asks_for_no_more_streams_and_lets_those_under_way_end(secured):
    go_on = asyncio.Event()
    async with serving(secured) as (upstream, gateway, client):
        upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        stream = client.open("GET", "/")
        await upstream.wait_for(1)
        stop = asyncio.ensure_future(gateway.stop(0.0, 5.0))
        await client.until(lambda: len(client.goaways) == 2, "both GOAWAY")
        assert client.goaways == [(2**31 - 1, NO_ERROR), (stream.number, NO_ERROR)]
        go_on.set()
        assert (await stream.response()).body == b"ok"
        await client.expect_closed()
        await stop


async def test_a_drain_closes_an_idle_connection_with_goaway(secured):
    async with serving(secured) as (_, gateway, client):
        assert (await client.request("GET", "/")).status == 200
        stop = asyncio.ensure_future(gateway.stop(0.0, 30.0))
        await client.expect_closed()
        assert client.goaways[-1] == (1, NO_ERROR)
        await asyncio.wait_for(stop, 5.0)


async def test_during_the_delay_streams_are_served_and_the_client_is_asked_to_leave():
    async with serving() as (_, gateway, client):
        stop = await begin_drain(gateway, 0.5, 5.0)
        assert (await client.request("GET", "/")).status == 200
        assert (await client.read_goaway())[1] == NO_ERROR
        await stop


async def test_a_stream_that_outlasts_the_drain_is_cut_with_goaway():
    async with serving() as (upstream, gateway, client):
        upstream.never()
        stream = client.open("GET", "/")
        await upstream.wait_for(1)
        await asyncio.wait_for(gateway.stop(0.0, 0.2), 4.0)
        await client.expect_closed()
        assert stream.head is None
        assert client.goaways


async def test_clients_at_full_speed_lose_nothing_in_a_drain():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        clients = [Http2Client(gateway.port) for _ in range(5)]
        for client in clients:
            await client.connect()
        served = [asyncio.ensure_future(until_goaway(client)) for client in clients]
        await upstream.until(lambda: len(upstream.requests) > 50, "traffic")
        await gateway.stop(0.0, 5.0)
        assert all([await each > 0 for each in served])
        for client in clients:
            await client.close()


async def until_goaway(client):
    """Requests four at a time until the gateway asks to leave; how many, each with its response."""
    count = 0
    while not client.goaways:
        streams = [client.open("GET", f"/{count}") for _ in range(4)]
        for stream in streams:
            assert (await stream.response()).status == 200
            count += 1
    return count
