"""One check of an endpoint by `grpc.health.v1`, on an HTTP/2 connection of its own, beside the traffic."""

import asyncio
import ssl
from typing import Final, cast

from app.config.model import HealthCheck
from app.dataplane.codec.credential import Credential
from app.dataplane.codec.grpc import timeout_value
from app.dataplane.codec.grpc_health import PATH, check_request, is_serving
from app.dataplane.codec.http2_owner import Pairs, SessionLimits
from app.dataplane.codec.http2_session import Http2Session
from app.foundation.clock import now_s

__all__ = ["Checked", "check_health"]

_LIMITS: Final = SessionLimits(
    max_streams=1,
    max_head_bytes=16_384,
    max_fields=100,
    stream_window_bytes=16_384,  # credit is never given: no reply is as long
    connection_window_bytes=65_535,
)
_WRITE_BYTES: Final = 65_536


class Checked:
    """Where a check goes. `tls` None: in clear, and HTTP/2 by prior knowledge; else it must agree to `h2` (ALPN)."""

    __slots__ = ("authority", "credential", "ip", "port", "server_name", "tls")

    def __init__(
        self,
        ip: str,
        port: int,
        authority: str,
        credential: Credential | None,
        tls: ssl.SSLContext | None,
        server_name: str | None,
    ) -> None:
        self.ip = ip
        self.port = port
        self.authority = authority
        self.credential = credential
        self.tls = tls
        self.server_name = server_name


async def check_health(endpoint: Checked, check: HealthCheck) -> bool:
    """Whether `endpoint` says that the service is serving. It is the caller's to bound the time."""
    loop = asyncio.get_running_loop()
    call = _HealthCall(endpoint, check, loop.create_future())
    try:
        await loop.create_connection(
            lambda: cast(asyncio.Protocol, call),
            endpoint.ip,
            endpoint.port,
            ssl=endpoint.tls,
            server_hostname=endpoint.server_name if endpoint.tls is not None else None,
        )
        return await call.verdict
    except OSError:
        return False
    finally:
        call.abort()


class _HealthCall:
    """An asyncio protocol by its methods, and the owner of its session."""

    __slots__ = ("_body", "_check", "_endpoint", "_session", "_transport", "verdict")

    def __init__(self, endpoint: Checked, check: HealthCheck, verdict: asyncio.Future[bool]) -> None:
        self._endpoint = endpoint
        self._check = check
        self._session = Http2Session(self, False, _LIMITS)
        self._transport: asyncio.Transport | None = None
        self._body = b""
        self.verdict = verdict

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _settle(self, good: bool) -> None:
        if not self.verdict.done():
            self.verdict.set_result(good)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        secured: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() != "h2":
            self._settle(False)
            return
        stream_id = self._session.send_request(self._request(), False)
        self._session.send_data(stream_id, check_request(self._check.grpc_service or ""), end=True)
        self._write()

    def _request(self) -> Pairs:
        endpoint, shown = self._endpoint, self._endpoint.credential
        return [
            (b":method", b"POST"),
            (b":scheme", b"http" if endpoint.tls is None else b"https"),
            (b":path", PATH),
            (b":authority", endpoint.authority.encode()),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
            (b"grpc-timeout", timeout_value(self._check.timeout_s)),
            (b"user-agent", b"tidegate-check"),
            *([(shown.name, shown.value)] if shown is not None else ()),
        ]

    def data_received(self, data: bytes) -> None:
        self._session.receive(data, now_s())
        self._write()
        if self._session.over or self._session.fault is not None:
            self._settle(False)

    def eof_received(self) -> None:
        self._settle(False)

    def connection_lost(self, _error: Exception | None) -> None:
        self._settle(False)

    def pause_writing(self) -> None:
        """Little is written, so nothing is held back."""

    def resume_writing(self) -> None: ...

    def _write(self) -> None:
        if self._transport is not None:
            while data := self._session.output(_WRITE_BYTES):
                self._transport.write(data)

    # SessionOwner

    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        if dict(pairs).get(b":status") != b"200" or end:  # a head alone has a status that is no OK
            self._settle(False)

    def on_data(self, stream_id: int, data: bytes, end: bool) -> None:
        self._body += data
        if end:
            self._settle(False)  # without trailers it says nothing of its success

    def on_trailers(self, stream_id: int, pairs: Pairs) -> None:
        self._settle(dict(pairs).get(b"grpc-status") == b"0" and is_serving(self._body))

    def on_stream_closed(self, stream_id: int, error_code: int) -> None:
        self._settle(False)

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_interim(self, stream_id: int, pairs: Pairs) -> None: ...
    def on_stream_reset(self, stream_id: int, error_code: int) -> None: ...
    def on_malformed_head(self, stream_id: int, error_code: int) -> None: ...
    def on_settings(self) -> None: ...
    def on_ping_acknowledged(self) -> None: ...
    def on_goaway(self, last_stream_id: int, error_code: int) -> None: ...
