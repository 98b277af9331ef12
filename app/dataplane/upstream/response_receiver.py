"""Who takes a response, whichever protocol it came in."""

from typing import Protocol

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.response import ResponseHead
from app.foundation.reasons import Reason

__all__ = ["ResponseReceiver"]


class ResponseReceiver(Protocol):
    """The exchange as its connection sees it; called in the order of the message, then `on_flush`.

    `upgrade_key`: of the WebSocket that was asked for, b"" where only the client knows it; None: none was.
    """

    __slots__ = ()

    head_only: bool
    upgrade_key: bytes | None

    def on_interim(self, head: ResponseHead) -> None: ...
    def on_response_head(self, head: ResponseHead) -> bool:
        """False: this response is not wanted (the request is retried); the connection is gone already."""
        ...

    def on_response_body(self, data: bytes) -> None: ...
    def on_flush(self) -> None: ...
    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None:
        """`data`: the last of the body, b"" where all of it came before."""
        ...

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None: ...
    def on_upstream_failed(self, reason: Reason, detail: str) -> None: ...
    def failed_inside(self, bug: BaseException) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
