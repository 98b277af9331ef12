"""The gateway's own request to an endpoint; over both protocols, on a real socket."""

import asyncio

import pytest

from app.config.model import Endpoint, UpstreamProtocol
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream.check_request import StatusReceiver, status_of
from app.dataplane.upstream.connector import Connector
from tests.fakes import answers
from tests.fakes.exchange import within
from tests.fakes.http2_upstream import Http2Upstream, never
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream

HEAD = RequestHead(b"GET", b"/ready", b"in.example", [b"user-agent: x\r\n"], 0, False)


async def status(port: int, protocol: UpstreamProtocol) -> int:
    connector = Connector(asyncio.get_running_loop(), None, None, protocol)
    async with within("the status"):
        endpoint, receiver = Endpoint("127.0.0.1", port), StatusReceiver()
        return await status_of(connector, endpoint, "127.0.0.1", HEAD, RequestBody(0), receiver)


async def test_the_status_of_http1():
    async with RecorderUpstream() as upstream:
        upstream.reply(204)
        assert await status(upstream.port, UpstreamProtocol.AUTO) == 204
        await upstream.until(lambda: upstream.open_connections == 0, "the end of the connection")


async def test_the_status_of_http2_without_waiting_for_the_body():
    async def head_only(stream):
        stream.head(503)
        await stream.gone()

    async with Http2Upstream() as upstream:
        upstream.answer(head_only)
        assert await status(upstream.port, UpstreamProtocol.H2) == 503
        assert upstream.streams[0].path == b"/ready"
        await upstream.until(lambda: upstream.open_connections == 0, "the end of the connection")
        assert upstream.connections[0].goaway == (0, 0)


@pytest.mark.parametrize("protocol", [UpstreamProtocol.AUTO, UpstreamProtocol.H2])
async def test_no_connection_is_no_status(protocol):
    assert await status(free_port(), protocol) == 0


async def test_a_connection_that_ends_is_no_status():
    async with RecorderUpstream() as upstream:
        upstream.default = answers.hang_up()
        assert await status(upstream.port, UpstreamProtocol.AUTO) == 0


async def test_a_response_after_the_head_and_interim_ones_are_of_no_interest():
    async with RecorderUpstream() as upstream:
        upstream.raw(
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
        )
        assert await status(upstream.port, UpstreamProtocol.AUTO) == 200


async def test_given_up_it_leaves_no_connection():
    async with Http2Upstream() as upstream:
        upstream.answer(never())
        asking = asyncio.ensure_future(status(upstream.port, UpstreamProtocol.H2))
        await upstream.wait_for(1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await upstream.until(lambda: upstream.open_connections == 0, "the end of the connection")


async def test_a_fault_of_ours_is_raised_once():
    receiver = StatusReceiver()
    receiver.failed_inside(ZeroDivisionError())
    receiver.failed_inside(ValueError())
    with pytest.raises(ZeroDivisionError):
        await receiver.status
