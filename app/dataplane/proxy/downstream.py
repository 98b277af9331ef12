"""The client's side as an exchange sees it, whatever the client's protocol."""

from typing import Protocol

from app.dataplane.upstream.http1_connection import UpstreamConnection

__all__ = ["Downstream", "TunnelOwner"]


class TunnelOwner(Protocol):
    """Whose request became a WebSocket."""

    __slots__ = ()

    def on_tunnel_end(self, bytes_in: int, bytes_out: int) -> None:
        """Both sides of it are gone."""
        ...


class Downstream(Protocol):
    """Of HTTP/1.1 the connection (`downstream.http1_connection`), of HTTP/2 a stream of it.

    `upload_paused`: the request's body is not read, because the exchange asked for that.
    """

    __slots__ = ()

    upload_paused: bool

    def set_deadline(self, deadline_s: float) -> None:
        """When `Exchange.on_deadline` is to be called; replaces the one before."""
        ...

    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
    def abort(self) -> None:
        """End the response visibly before its end."""
        ...

    def exchange_done(self, now: float) -> None:
        """The response is written: the client's side may go on to its next request."""
        ...

    def start_tunnel(
        self, owner: TunnelOwner, phrase: bytes, lines: bytes, upstream: UpstreamConnection, rest: bytes
    ) -> None:
        """Write the 101 and leave HTTP. `rest`: what the upstream sent behind its own."""
        ...
