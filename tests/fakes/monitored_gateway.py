"""A gateway whose monitor is looked at, an upstream behind it, and the handshake that a viewer begins with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.gateway.process import Gateway
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

__all__ = ["handshake", "seen_by", "watched_gateway"]


HANDSHAKE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


@asynccontextmanager
async def watched_gateway(**variables: Any) -> AsyncIterator[tuple[RecorderUpstream, Gateway]]:
    """It and its upstream; `variables`: its environment's."""
    given: dict[str, Any] = {"ADMIN_PORT": str(free_port()), "ADMIN_TOKEN": "token-1", **variables}
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, **given) as gateway:
        yield upstream, gateway


def handshake(*fields: tuple[str, str], path: str = "/monitor/ws", host: str = "localhost:8080") -> bytes:
    """A viewer's request, `fields` behind those that every WebSocket has."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        *(f"{a}: {b}" for a, b in (*HANDSHAKE, *fields)),
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


async def seen_by(gateway: Gateway, others: int) -> set[Any]:
    """The viewers beside the first `others`."""
    known = set(gateway.monitor.hub.feed.viewers)
    await until(lambda: len(gateway.monitor.hub.feed.viewers) > others, "another viewer")
    return set(gateway.monitor.hub.feed.viewers) - known or gateway.monitor.hub.feed.viewers
