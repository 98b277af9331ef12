"""The public port's own pages over HTTP/2, beside proxied requests on one connection."""

import asyncio

import pytest
from h2.errors import ErrorCodes

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.stream_socket import opened
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

FRAMING = ("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade")


def told(response):
    """What must be the same by either protocol."""
    fields = {name.lower(): value for name, value in response.headers if name.lower() not in FRAMING}
    return response.status, fields, len(response.body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_each_page_is_the_one_that_http1_gets(method):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        paths = [path.decode() for path in sorted(gateway.context.local_paths) if path != b"/metrics"]
        async with RawClient(gateway.port) as http1, Http2Client(gateway.port) as http2:
            for path in paths:
                fields = [("accept-encoding", "gzip"), ("x-request-id", "mine")]
                body = b"a body" if method == "POST" else b""
                over_http2 = await http2.request(method, path, fields, body)
                over_http1 = await http1.request(method, path, fields, body)
                if over_http1.get("connection") == "close":
                    await http1.close()
                    await http1.connect()
                assert told(over_http2) == told(over_http1), path
        assert upstream.requests == []


async def test_pages_and_proxied_requests_share_a_connection():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, AUTH="key", API_KEY=KEY) as gateway,
        Http2Client(gateway.port) as client,
    ):
        asked = ["/metrics", "/monitor", "/api", "/refused"] * 10
        fields = {"/api": [("x-api-key", KEY)]}
        responses = await asyncio.gather(
            *[client.request("GET", path, fields.get(path, [])) for path in asked]
        )
        assert [response.status for response in responses] == [200, 200, 200, 401] * 10
        assert b"tidegate_requests" in responses[0].body
        assert {request.target for request in upstream.requests} == {"/api"}


async def test_a_viewer_that_takes_nothing_holds_its_page_back():
    async with running_gateway() as gateway:
        scripts = [path.decode() for path in gateway.context.local_paths if path.endswith(b".js")]
        async with Http2Client(gateway.port, credit=False, window_bytes=0) as client:
            streams = [client.open("GET", path) for path in scripts]
            heads = [await stream.read_head() for stream in streams]
            await client.ping()
            assert [(head.status, head.body) for head in heads] == [(200, b"")] * len(scripts)
            client.abort()
        await until(lambda: not gateway.context.open_clients, "the connection to end")


async def test_the_monitors_websocket_is_served_and_ends_with_the_gateway():
    async with running_gateway() as gateway, Http2Client(gateway.port) as client:
        own = [("origin", f"http://127.0.0.1:{gateway.port}")]
        socket = await opened(client, "/monitor/ws", own)
        assert socket.head.status == 200
        assert (await socket.message())[:1] == b"{"
        elsewhere = await opened(client, "/monitor/ws", [("origin", "http://elsewhere.test")])
        assert elsewhere.head.status == 403
        stopping = asyncio.create_task(gateway.stop(0.0, 2.0))
        while (frame := await socket.recv()).opcode != 8:
            pass
        assert frame.data[:2] == (1001).to_bytes(2, "big")
        if socket.stream.reset_code is None:
            socket.stream.end()
        await client.expect_closed()
        assert socket.stream.reset_code in {None, ErrorCodes.NO_ERROR}
        await stopping
