"""`RawClient` for suites that hold for HTTP/1.1 and HTTP/2 alike: on a gateway's public port it speaks HTTP/2.

It can do what does not depend on the protocol. A test that writes bytes of HTTP/1.1 itself is skipped.
"""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.fakes.client import RawClient, Response, Truncated
from tests.fakes.gateway import public_ports
from tests.fakes.http2_client import Http2Client, StreamCut

__all__ = ["EitherClient"]


class EitherClient(RawClient):
    """HTTP/2 to a port of `public_ports`; HTTP/1.1 to any other: admin ports, upstreams."""

    _http2: Http2Client | None = None

    async def connect(self) -> None:
        if self.port not in public_ports:
            await super().connect()
            return
        self._http2 = Http2Client(
            self.port, self.host, tls=self._tls, server_name=self._server_name, timeout_s=self._timeout_s
        )
        await self._http2.connect()

    async def close(self) -> None:
        if self._http2 is None:
            await super().close()
        else:
            await self._http2.close()

    def abort(self) -> None:
        if self._http2 is None:
            super().abort()
        else:
            self._http2.abort()

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        if self._http2 is None:
            return await super().request(method, target, headers, body)
        fields = list(headers)
        if target.startswith(("http://", "https://")):  # what HTTP/2 says by :authority (RFC 9113 §8.3.1)
            authority, slash, path = target.partition("://")[2].partition("/")
            target = slash + path
            fields = [("Host", authority), *(each for each in fields if each[0].lower() != "host")]
        try:
            return await self._http2.request(method, target, fields, body)
        except StreamCut as cut:
            raise Truncated(cut.head, cut.head.body if cut.head else b"") from None

    async def expect_closed(self) -> None:
        if self._http2 is None:
            await super().expect_closed()
        else:
            await self._http2.expect_closed()

    async def send(self, data: bytes) -> None:
        if self._http2 is not None:
            pytest.skip("writes HTTP/1.1 itself")
        await super().send(data)

    async def _one_head(self) -> Response:
        if self._http2 is not None:
            pytest.skip("reads HTTP/1.1 itself")
        return await super()._one_head()

    def __getattr__(self, name: str) -> Any:
        if name in ("reader", "writer"):
            pytest.skip("works on the socket itself")
        raise AttributeError(name)
