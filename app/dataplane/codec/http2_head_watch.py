"""Whether a header block has begun to come on an HTTP/2 connection and is not whole (RFC 9113 §§4.1, 6.2, 6.10).

Such a block keeps every other frame back, so it has a deadline, as the head of an HTTP/1.1 request has. Only the
frames' own heads are read here: what frames mean is the library's. Those that it ignores without a word are counted.
"""

from typing import Final

__all__ = ["PREFACE", "HeadWatch"]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4
_PREFACE_BYTES: Final = 24
_FRAME_HEAD_BYTES: Final = 9
_OF_HEADS: Final = (1, 9)  # HEADERS, CONTINUATION
_END_HEADERS: Final = 4
_PRIORITY: Final = 2
_LAST_KIND: Final = 9  # of RFC 9113
_PRIORITY_UPDATE: Final = 16  # RFC 9218 §7.1


class HeadWatch:
    """Of what a client sends, from its preface on. `open`: the number of the frame with which a header block, or a
    frame's own head, began that is not whole; 0: none. The preface counts as the first.

    `ignored_frames`: PRIORITY, and of kinds that are not known, since it was last set to 0.
    """

    __slots__ = (
        "_block_frame",
        "_frames",
        "_left_bytes",
        "_start",
        "_unfinished_block",
        "_within_head",
        "ignored_frames",
        "open",
    )

    def __init__(self) -> None:
        self._left_bytes = _PREFACE_BYTES
        self._start = b""
        self._within_head = True
        self._unfinished_block = False
        self._frames = self._block_frame = 1
        self.ignored_frames = 0
        self.open = 1

    def feed(self, data: bytes) -> None:
        """What came next."""
        at, size = 0, len(data)
        left = self._left_bytes
        if self._start:
            data = self._start + data
            size = len(data)
            self._start = b""
        while True:
            if left:
                if size - at < left:
                    left -= size - at
                    break
                at += left
                left = 0
                self._within_head = False
            if size - at < _FRAME_HEAD_BYTES:
                self._start = data[at:]
                break
            left = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind = data[at + 3]
            self._frames += 1
            if kind in _OF_HEADS:
                if not self._unfinished_block:
                    self._block_frame = self._frames
                self._within_head = left > 0
                self._unfinished_block = not data[at + 4] & _END_HEADERS
            elif kind == _PRIORITY or (kind > _LAST_KIND and kind != _PRIORITY_UPDATE):
                self.ignored_frames += 1
            at += _FRAME_HEAD_BYTES
        self._left_bytes = left
        if self._unfinished_block or self._within_head:
            self.open = self._block_frame
        else:
            self.open = self._frames + 1 if self._start else 0
