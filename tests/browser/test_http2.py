"""The page, and WebSockets of any page, over HTTP/2: a real browser uses RFC 8441 where it is offered."""

import pytest
from websockets.asyncio.server import ServerConnection, serve

from app.dataplane.downstream.http2_connection import Http2Connection
from tests.fakes.gateway import running_gateway
from tests.fakes.issued_certificate import IssuedCertificate

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

TALK = """
new Promise((resolve, reject) => {
  const socket = new WebSocket(`wss://${location.host}/chat`);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = (event) => { resolve(event.data); };
  socket.onerror = () => reject(new Error("the WebSocket failed"));
  globalThis.talking = socket;
})
"""
CLOSE = """
new Promise((resolve) => {
  globalThis.talking.onclose = (event) => resolve([event.code, event.reason, event.wasClean]);
  globalThis.talking.close(4001, "because");
})
"""


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_page_and_websockets_share_one_connection(viewer, tmp_path):
    issued = IssuedCertificate(tmp_path)
    async with serve(echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with running_gateway(f"http://127.0.0.1:{port}", **issued.variables) as gateway:
            page = await viewer.open(f"https://localhost:{gateway.port}", ignore_https_errors=True)
            used = await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
            assert used == "h2"
            assert await page.evaluate(TALK) == "hello"
            assert len(gateway.context.tunnels) == 1
            (connection,) = gateway.context.open_clients
            assert isinstance(connection, Http2Connection)
            assert len(connection.streams) == 2
            assert await page.evaluate(CLOSE) == [4001, "because", True]
            await viewer.close()
