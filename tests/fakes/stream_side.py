"""A stream of a client without its connection: what is written to it, and what it is asked for."""

from typing import Any

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import ResponseHead

__all__ = ["StreamSide"]


class StreamSide:
    """Both of what an exchange has of its client (`Downstream`, `ResponseWriter`). `calls`: in their order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.head: tuple[int, bytes, int] | None = None
        self.body = b""
        self.waiting_bytes = 0
        self.upload_paused = False

    # ResponseWriter

    def write_continue(self) -> None:
        self.calls.append("continue")

    def write_interim(self, head: ResponseHead) -> None:
        self.calls.append(head.status)

    def write_head(self, status: int, phrase: bytes, lines: list[bytes], length_bytes: int) -> None:
        assert self.head is None, "a second head"
        self.head = (status, b"".join(lines), length_bytes)

    def write_body(self, data: bytes) -> None:
        assert data, "an empty write"
        self.body += data

    def flush(self) -> bool:
        return True

    def end_response(self, trailers: list[Field], last: bytes = b"") -> None:
        self.body += last
        self.calls.append("end")

    def reply(self, reply: LocalReply) -> int:
        raise AssertionError("a page rejects by itself")

    def end_after_response(self) -> None: ...

    def unsent_bytes(self) -> int:
        return self.waiting_bytes

    # Downstream

    def set_deadline(self, deadline_s: float) -> None: ...

    def pause_upload(self) -> None:
        self.upload_paused = True

    def resume_upload(self) -> None:
        self.upload_paused = False

    def abort(self) -> None:
        self.calls.append("abort")

    def exchange_done(self, now: float) -> None:
        self.calls.append("done")

    def start_tunnel(self, *of: Any) -> None:
        raise AssertionError("no exchange is here")
