"""One request of the gateway's own to an endpoint, on a connection of its own: a kept one says nothing of new ones."""

import asyncio

from app.config.model import Endpoint
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.codec.response import ResponseHead
from app.dataplane.upstream.connector import ConnectFailure, Connector
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_connection import Http2Connection
from app.foundation.reasons import Reason

__all__ = ["StatusReceiver", "status_of"]


async def status_of(
    connector: Connector,
    endpoint: Endpoint,
    ip: str,
    head: RequestHead,
    body: RequestBody,
    receiver: "StatusReceiver",
) -> int:
    """What `receiver` makes of the response; 0 where none came. For ever, unless it is cancelled. `body`: whole."""
    made = await connector.connect(_Nobody(), endpoint, ip, 0.0, False)
    if isinstance(made, ConnectFailure):
        return 0
    try:
        stream = made.take() if isinstance(made, Http2Connection) else made
        stream.begin(receiver)
        stream.send(head, body)
        return await receiver.status
    finally:
        if isinstance(made, Http2Connection):
            made.close()  # it says so first (RFC 9113 §6.8)
        made.abort()


class _Nobody:
    """Owns a connection that no pool counts."""

    def forget(self, connection: UpstreamConnection) -> None: ...
    def forget_http2(self, connection: Http2Connection) -> None: ...


class StatusReceiver:
    """Takes a response for its status. Its body is of no interest, and may be endless: all ends with the head."""

    def __init__(self) -> None:
        self.head_only = False
        self.upgrade_key: bytes | None = None
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def settle(self, status: int) -> None:
        """The first one counts."""
        if not self.status.done():
            self.status.set_result(status)

    def on_response_head(self, head: ResponseHead) -> bool:
        self.settle(head.status)
        return False

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        self.settle(0)

    def failed_inside(self, bug: BaseException) -> None:
        if not self.status.done():
            self.status.set_exception(bug)

    # Of no interest

    def on_interim(self, head: ResponseHead) -> None: ...
    def on_response_body(self, data: bytes) -> None: ...
    def on_flush(self) -> None: ...
    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None: ...
    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
