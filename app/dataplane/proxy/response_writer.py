"""How an exchange writes its response, whatever the client's protocol."""

from typing import Protocol

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import ResponseHead

__all__ = ["ResponseWriter"]


class ResponseWriter(Protocol):
    """HTTP/1.1's is `downstream.response_writer`.

    Of a response, `write_head`, `write_body` and `end_response` only collect; `flush` and `end_response` send.
    """

    __slots__ = ()

    def write_continue(self) -> None: ...
    def write_interim(self, head: ResponseHead) -> None: ...
    def write_head(self, status: int, phrase: bytes, lines: list[bytes], length_bytes: int) -> None:
        """`lines`: header lines, each ended by CRLF, in pieces, unframed. `length_bytes`: as `ResponseHead`'s."""
        ...

    def write_body(self, data: bytes) -> None: ...
    def flush(self) -> bool:
        """Send what was collected; whether there was anything."""
        ...

    def end_response(self, trailers: list[Field], last: bytes = b"") -> None:
        """`last`: of the body, what was not written yet."""
        ...

    def reply(self, reply: LocalReply) -> int:
        """A whole response; returns the bytes of body that were sent."""
        ...

    def end_after_response(self) -> None:
        """What is left of the request will not be read: HTTP/1.1 ends the connection then."""
        ...

    def unsent_bytes(self) -> int: ...
