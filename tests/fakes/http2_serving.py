"""An upstream of HTTP/1.1, a gateway before it, and a client of that which speaks HTTP/2; codes: RFC 9113 §7."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from app.gateway.process import Gateway
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.issued_certificate import IssuedCertificate
from tests.fakes.upstream import RecorderUpstream

__all__ = [
    "ENHANCE_YOUR_CALM",
    "INTERNAL_ERROR",
    "MEBI",
    "NO_ERROR",
    "PREFACE",
    "PROTOCOL_ERROR",
    "client_of",
    "serving",
]


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 0, 1, 2, 11
MEBI = 1024 * 1024


@contextlib.asynccontextmanager
async def serving(
    secured: IssuedCertificate | None = None, *, client: Mapping[str, Any] | None = None, **variables: Any
) -> AsyncIterator[tuple[RecorderUpstream, Gateway, Http2Client]]:
    """All three. `secured`: the public port's certificate; `client`: how that is made; `variables`: the gateway's."""
    files: dict[str, Any] = secured.variables if secured else {}
    async with (
        RecorderUpstream() as up,
        running_gateway(up.url, **files, **variables) as gateway,
        client_of(gateway, secured, **(client or {})) as connected,
    ):
        yield up, gateway, connected


def client_of(gateway: Gateway, secured: IssuedCertificate | None = None, **more: Any) -> Http2Client:
    """A client that is not connected yet; `more`: how it is made."""
    if secured:
        return Http2Client(gateway.port, tls=secured.client(), server_name="localhost", **more)
    return Http2Client(gateway.port, **more)
