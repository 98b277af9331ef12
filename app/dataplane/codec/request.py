"""One request as understood, and its body on the way to the upstream."""

from typing import TYPE_CHECKING

from app.dataplane.codec.fields import Hop, allowed_trailer
from app.dataplane.codec.heads import RequestHead
from app.errors import Refuse

if TYPE_CHECKING:
    from app.dataplane.proxy.admission import Recognised

__all__ = ["HIGH_WATER_BYTES", "NO_BODY", "UNKNOWN_TARGET", "Request", "RequestBody", "chunk", "last_chunk"]

UNKNOWN_TARGET = (b"", None, None)
"""Of a request that never named one that can be read."""

HIGH_WATER_BYTES = 64 * 1024
"""Of a body that has no connection yet; also what is kept of one for another try."""
SMALL_BODY_BYTES = 64 * 1024


class Request:
    """`close`: the client connection ends after the answer. `refuse`: the answer is decided already.

    Not changed once it is read: a client that sends the same bytes again sends the same request, whose
    `recognised` and `sent_lines` were then found before.
    """

    __slots__ = (
        "authorization",
        "client_ip",
        "close",
        "fields",
        "head",
        "hop",
        "host",
        "http10",
        "method",
        "path",
        "query",
        "recognised",
        "refuse",
        "sent_lines",
        "websocket",
        "x_api_key",
    )

    def __init__(
        self,
        method: bytes,
        target: tuple[bytes, bytes | None, bytes | None],
        fields: list[tuple[bytes, bytes]],
        head: RequestHead,
        hop: Hop,
    ) -> None:
        self.method = method
        self.path, self.query, authority = target
        self.fields = fields
        self.head = head
        # RFC 9112 §3.2.2: the target's host replaces the field
        self.host = (head.host or b"") if authority is None else authority
        self.x_api_key = head.x_api_key
        self.authorization = head.authorization
        self.hop = hop
        self.client_ip = hop.peer_ip
        self.http10 = False
        self.close = False
        self.websocket = False
        self.refuse: Refuse | None = None
        self.recognised: Recognised | None = None
        self.sent_lines: tuple[object, object, bytes, bytes] | None = None
        """Of the head for the upstream: under which plan and credential, what is before and after its id."""

    @property
    def means_the_same_again(self) -> bool:
        """Whether equal bytes, with as long a body, may be taken for this request without being read."""
        head = self.head
        return head.length_bytes >= 0 and not (
            self.close or head.upgrade or head.expects_continue or self.refuse is not None
        )

    @property
    def rest_is_short(self) -> bool:
        """Of a refused request: its body is surely coming, and is read so that the connection can go on."""
        return 0 < self.head.length_bytes <= SMALL_BODY_BYTES and not self.head.expects_continue


def chunk(data: bytes) -> bytes:
    """RFC 9112 §7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: list[tuple[bytes, bytes]]) -> bytes:
    """The end of a chunked body with the trailer fields that may pass."""
    if not trailers:
        return b"0\r\n\r\n"
    lines = [b"%b: %b\r\n" % field for field in trailers if allowed_trailer(field[0])]
    return b"0\r\n%b\r\n" % b"".join(lines)


class RequestBody:
    """The body between the two connections: framed for the upstream, held back while there is none.

    `length_bytes`: as announced, −1 when chunked. What was sent stays at hand (`replay`) up to
    HIGH_WATER_BYTES, for another try; `replay` None: too much was sent.
    """

    __slots__ = ("complete", "length_bytes", "replay", "replay_bytes", "seen_bytes", "sent", "trailers")

    def __init__(self, length_bytes: int) -> None:
        self.length_bytes = length_bytes
        self.seen_bytes = 0
        self.complete = length_bytes == 0
        self.sent = False
        self.replay: list[bytes] | None = []
        self.replay_bytes = 0
        self.trailers: list[tuple[bytes, bytes]] = []

    @property
    def replayable(self) -> bool:
        return self.replay is not None

    def add(self, data: bytes) -> bytes:
        """Take what the client sent; returns it framed."""
        self.seen_bytes += len(data)
        return self._keep(chunk(data) if self.length_bytes < 0 else data)

    def end(self) -> bytes:
        """The client's message is complete; returns what ends it for the upstream."""
        self.complete = True
        return self._keep(last_chunk(self.trailers)) if self.length_bytes < 0 else b""

    def _keep(self, framed: bytes) -> bytes:
        if self.replay is not None:
            self.replay.append(framed)
            self.replay_bytes += len(framed)
        return framed

    @property
    def is_large(self) -> bool:
        return self.replay_bytes > HIGH_WATER_BYTES

    def forget(self) -> None:
        """Sent and too large to be sent again."""
        self.replay = None
        self.replay_bytes = 0


NO_BODY = RequestBody(0)
