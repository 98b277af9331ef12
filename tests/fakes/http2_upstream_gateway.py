"""A gateway before an upstream that speaks HTTP/2, in clear or over TLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import trustme

from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_upstream import Http2Connection, Http2Upstream

__all__ = ["expect_bad_gateway", "gateway_to", "server_tls", "trusting", "two_on_one_connection"]


@asynccontextmanager
async def gateway_to(
    url: str, folder: Path, protocol: str = "h2", upstream: dict[str, Any] | None = None, **stanzas: Any
) -> AsyncIterator[Gateway]:
    """`upstream`: more of the file's `upstreams` entry; `stanzas`: of a policy for all routes."""
    text = config_text(url, upstream={"protocol": protocol, **(upstream or {})}, **stanzas)
    async with running_gateway(config=text, folder=folder) as gateway:
        yield gateway


def server_tls(folder: Path, *alpn: str) -> ssl.SSLContext:
    """What an upstream serves TLS with, by an authority of its own whose certificate is written to `folder`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def trusting(folder: Path) -> dict[str, Any]:
    """The entry that trusts it."""
    return {"tls": {"caFile": str(folder / "ca.pem")}}


@asynccontextmanager
async def two_on_one_connection(
    gateway: Gateway, upstream: Http2Upstream
) -> AsyncIterator[tuple[RawClient, RawClient]]:
    """Clients whose requests go to the upstream over the same connection, so are of one worker where a gateway has
    several. Each has one request behind it."""
    async with AsyncExitStack() as stack:
        clients: dict[Http2Connection, RawClient] = {}
        while True:
            client = await stack.enter_async_context(RawClient(gateway.port))
            assert (await client.request("GET", "/")).status == 200
            connection = upstream.streams[-1].connection
            if connection in clients:
                break
            clients[connection] = client
        yield clients[connection], client


async def expect_bad_gateway(client: RawClient, reason: str, detail: str = "") -> None:
    """A request gets 502 with that reason; `detail` is a part of its detail."""
    answer = await client.request("GET", "/")
    assert (answer.status, answer.get("tidegate-reason")) == (502, reason)
    assert detail in answer.json()["detail"]
