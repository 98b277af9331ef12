"""Responses as HTTP/2 frames of one stream (RFC 9113 §8.3.2, §8.1)."""

from http import HTTPStatus
from typing import Final, Protocol

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.field_pairs import Pair, add_pairs
from app.dataplane.codec.fields import allowed_trailer
from app.dataplane.codec.http2_session import Http2Session
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import ResponseHead
from app.dataplane.proxy.response_writer import ResponseWriter

__all__ = ["Http2ResponseWriter", "WriterOwner"]

_STATUSES: Final = {status.value: (b":status", b"%d" % status.value) for status in HTTPStatus}
_WITHOUT_LENGTH: Final = frozenset({204})  # RFC 9110 §8.6
_NOT_IN_INTERIM: Final = (b"connection", b"transfer-encoding", b"content-length", b"upgrade", b"keep-alive")
_FRAME_BYTES: Final = 16_384
"""A body of more than one frame shares the connection with others, frame by frame."""


def response_pairs(status: int, lines: list[bytes]) -> list[Pair]:
    """`lines`: header lines, each ended by CRLF, in pieces. Names go out in lower case (RFC 9113 §8.2)."""
    pairs = [_STATUSES.get(status) or (b":status", b"%d" % status)]
    add_pairs(pairs, lines)
    return pairs


class WriterOwner(Protocol):
    """The stream."""

    __slots__ = ()

    def on_written(self) -> None:
        """The session has more to send."""
        ...


class Http2ResponseWriter(ResponseWriter):
    """Writes one response. `ended`: its end was given to the session, after which nothing of it is written.

    `_owner`: None once the stream is gone.
    """

    __slots__ = ("_data", "_fair", "_head", "_head_only", "_owner", "_session", "_stream_id", "ended")

    def __init__(self, session: Http2Session, stream_id: int, owner: WriterOwner, *, head_only: bool) -> None:
        """`head_only`: to HEAD."""
        self._session = session
        self._stream_id = stream_id
        self._owner: WriterOwner | None = owner
        self._head_only = head_only
        self._head: list[Pair] | None = None
        self._data: list[bytes] = []
        self._fair = False
        self.ended = False

    def write_continue(self) -> None:
        self._session.send_interim(self._stream_id, [(b":status", b"100")])
        self._notify_owner()

    def write_interim(self, head: ResponseHead) -> None:
        """A 1xx of the upstream, passed on (RFC 9110 §15.2)."""
        lines = [line for line in head.lines if line.partition(b":")[0] not in _NOT_IN_INTERIM]
        self._session.send_interim(self._stream_id, response_pairs(head.status, lines))
        self._notify_owner()

    def write_head(self, status: int, phrase: bytes, lines: list[bytes], length_bytes: int) -> None:
        """Collect the head. HTTP/2 has no reason phrase, and the stream's end is the end of any body."""
        pairs = self._head = response_pairs(status, lines)
        if length_bytes >= 0 and status not in _WITHOUT_LENGTH:
            pairs.append((b"content-length", b"%d" % length_bytes))

    def write_body(self, data: bytes) -> None:
        self._data.append(data)

    def flush(self) -> bool:
        """Give the session what was collected; whether there was anything."""
        data = self._data
        if self._head is None and not data:
            return False
        if self._head is not None:
            self._send_head(end=False)
        if data:
            self._data = []
            self._send_data(data[0] if len(data) == 1 else b"".join(data), last=False, end=False)
        self._notify_owner()
        return True

    def end_response(self, trailers: list[Field], last: bytes = b"") -> None:
        session, stream_id = self._session, self._stream_id
        pairs = (
            [(field.name, field.value) for field in trailers if allowed_trailer(field.name)]
            if trailers
            else []
        )
        data = last
        if self._data:
            data = b"".join([*self._data, last])
            self._data = []
        self.ended = True
        if self._head is not None:
            self._send_head(end=not data and not pairs)
            if not data and not pairs:
                self._notify_owner()
                return
        if pairs:
            if data:
                self._send_data(data, last=True, end=False)
            session.send_trailers(stream_id, pairs)
        else:
            self._send_data(data, last=True, end=True)
        self._notify_owner()

    def reply(self, reply: LocalReply) -> int:
        """A local reply, whole; what was collected of another response is dropped."""
        content = b"" if self._head_only else reply.body
        self._data = []
        self._head = response_pairs(reply.status, [reply.lines])
        self._head.append((b"content-length", b"%d" % len(reply.body)))
        self.ended = True
        self._send_head(end=not content)
        if content:
            self._send_data(content, last=True, end=True)
        self._notify_owner()
        return len(content)

    def end_after_response(self) -> None:
        """Nothing to do: a stream whose request is not complete is reset behind its response."""

    def stop(self) -> None:
        """The stream is gone: nobody hears of what is written any more."""
        self._owner = None  # no cycle is left to the collector

    def unsent_bytes(self) -> int:
        """Of the body, what waits for the client's windows or for the socket."""
        return self._session.queued_bytes(self._stream_id)

    def _notify_owner(self) -> None:
        if self._owner is not None:
            self._owner.on_written()

    def _send_head(self, *, end: bool) -> None:
        pairs, self._head = self._head, None
        if pairs is not None:
            self._session.send_head(self._stream_id, pairs, end)

    def _send_data(self, data: bytes, *, last: bool, end: bool) -> None:
        """`last`: of the body. `end`: of the response, which trailers end otherwise."""
        if not self._fair and (len(data) > _FRAME_BYTES or not last):
            self._fair = True
            self._session.be_fair(self._stream_id)
        self._session.send_data(self._stream_id, data, end)
