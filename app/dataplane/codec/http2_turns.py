"""Uploads that share an HTTP/2 connection take turns, a frame each.

libnghttp2 sends the data of a client's streams in the order in which they were opened, each to its end: an upload that
never waits would keep all younger ones back for as long as the upstream gives it credit. A server's streams can be
told to take turns (RFC 9218 §4.2), a client's cannot; so the library is given no more of each than one frame.
"""

from collections import deque
from typing import Final, TypeAlias

from ngh2 import Connection, NGH2Error

from app.dataplane.codec.http2_owner import Pairs

__all__ = ["FRAME_BYTES", "UploadTurns"]

FRAME_BYTES: Final = 16_384
"""The largest payload that either side sends: SETTINGS_MAX_FRAME_SIZE stays as RFC 9113 sets it."""

_End: TypeAlias = "bool | Pairs"
"""Whether the message ends here, or the trailers that end it."""


class _Upload:
    """What the library has not been given yet of one stream's data. `end`: what comes behind it."""

    __slots__ = ("at", "end", "pieces", "waiting_bytes")

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.at = 0
        self.end: _End = False
        self.waiting_bytes = 0

    def next_frame(self) -> bytes:
        """Its next bytes, at most a frame's."""
        piece = self.pieces[0]
        data = piece[self.at : self.at + FRAME_BYTES]
        self.at += len(data)
        if self.at == len(piece):
            self.pieces.popleft()
            self.at = 0
        self.waiting_bytes -= len(data)
        return data


class UploadTurns:
    """`uploads`: those that wait, by stream."""

    __slots__ = ("_connection", "_turn", "uploads")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn: set[int] = set()
        """Streams that were given a frame in this round."""
        self.uploads: dict[int, _Upload] = {}

    def send(self, stream_id: int, data: bytes, end: bool) -> None:
        """At once, where the stream has no more than a frame under way. Raises NGH2Error where it is gone."""
        connection = self._connection
        upload = self.uploads.get(stream_id)
        if upload is None:
            if connection.queued_body_size(stream_id) + len(data) <= FRAME_BYTES:
                connection.send_data(stream_id, data, end_stream=end)
                return
            upload = self.uploads[stream_id] = _Upload()
        if data:
            upload.pieces.append(data)
            upload.waiting_bytes += len(data)
        upload.end = end

    def send_trailers(self, stream_id: int, pairs: Pairs) -> None:
        """Behind all its data. Raises NGH2Error where it is gone."""
        upload = self.uploads.get(stream_id)
        if upload is None:
            self._connection.send_trailers(stream_id, pairs)
        else:
            upload.end = pairs

    def drop(self, stream_id: int) -> None:
        """The stream is over."""
        self.uploads.pop(stream_id, None)
        self._turn.discard(stream_id)

    def waiting_bytes(self, stream_id: int) -> int:
        """What the library was not given yet."""
        upload = self.uploads.get(stream_id)
        return 0 if upload is None else upload.waiting_bytes

    def total_waiting_bytes(self) -> int:
        """Of all streams."""
        return sum([upload.waiting_bytes for upload in self.uploads.values()])

    def next_round(self) -> None:
        """Give each stream that waits its next frame, once all have sent their last that the peer lets send."""
        if any(self._is_sending(stream_id) for stream_id in self._turn):
            return
        self._turn.clear()
        for stream_id, upload in list(self.uploads.items()):
            try:
                if not self._connection.queued_body_size(stream_id):
                    self._turn.add(stream_id)
                    self._give(stream_id, upload)
            except NGH2Error:
                self.drop(stream_id)

    def _is_sending(self, stream_id: int) -> bool:
        connection = self._connection
        if not connection.queued_body_size(stream_id):
            return False
        try:
            return connection.stream_remote_window_size(stream_id) > 0
        except NGH2Error:  # it waits until the peer allows another stream
            return False

    def _give(self, stream_id: int, upload: _Upload) -> None:
        data = upload.next_frame() if upload.pieces else b""
        if upload.pieces:
            self._connection.send_data(stream_id, data)
            return
        del self.uploads[stream_id]
        if isinstance(upload.end, bool):
            self._connection.send_data(stream_id, data, end_stream=upload.end)
            return
        self._connection.send_data(stream_id, data)
        self._connection.send_trailers(stream_id, upload.end)
