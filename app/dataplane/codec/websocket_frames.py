"""Frames of a WebSocket, followed only so far that another one can be put between two of them (RFC 6455 §5.2)."""

import re
import struct

__all__ = ["FrameMeter", "close_frame"]

FRAMES_A_STEP = 256
_FORBIDDEN = -1
_FEWEST_BYTES = {2: 126, 8: 1 << 16}  # the least that a length of so many bytes may say (RFC 6455 §5.2)


def close_frame(code: int, masked: bool) -> bytes:
    """A Close frame; a client's must be masked (RFC 6455 §5.3), and zeros are a mask."""
    body = struct.pack("!H", code)
    return b"\x88\x82\0\0\0\0" + body if masked else b"\x88\x02" + body


def _short_frames(masked: bool) -> "re.Pattern[bytes]":
    """Up to FRAMES_A_STEP whole frames of at most 125 bytes in a row (RFC 6455 §5.2).

    Its second byte alone says which branch a frame takes, so nothing is tried twice. No possessive quantifier:
    in Python 3.11 before 3.11.5 they match what they should not (gh-106052).
    """
    mark, mask_bytes = (0x80, 4) if masked else (0, 0)
    frames = [b"%b.{%d}" % (re.escape(bytes((mark | size,))), mask_bytes + size) for size in range(126)]
    return re.compile(b"(?:.(?:%b)){0,%d}" % (b"|".join(frames), FRAMES_A_STEP), re.DOTALL)


_FROM_CLIENT, _FROM_SERVER = _short_frames(masked=True), _short_frames(masked=False)


class FrameMeter:
    """Follows frame after frame of one direction; `between_frames`: another may be put in.

    A frame that RFC 6455 forbids (§5.1 masking, §5.2 lengths in the fewest bytes) ends the following: nothing can
    be put in any more. Such frames could hold so little that following them would cost per frame, not per byte.
    """

    __slots__ = ("_head", "_left_bytes", "_lost", "_masked", "_short")

    def __init__(self, *, masked: bool) -> None:
        """`masked`: as a client's frames are."""
        self._masked = masked
        self._short = _FROM_CLIENT if masked else _FROM_SERVER
        self._head = b""
        self._left_bytes = 0
        self._lost = False

    @property
    def between_frames(self) -> bool:
        return not self._head and not self._left_bytes and not self._lost

    def feed(self, data: bytes) -> None:
        """O(bytes in `data`), whatever the frames' sizes: short ones in a row are steps of a regex.

        256 KiB of a client's empty pings take 6 ms; read head by head they took 50, in which all other clients waited.
        """
        at = 0
        while at < len(data) and not self._lost:
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - at)
                self._left_bytes -= step
                at += step
                continue
            if not self._head:
                short = self._short.match(data, at)
                if short is not None and short.end() > at:
                    at = short.end()
                    continue
            self._head += data[at : at + 1]
            at += 1
            length = _payload_bytes(self._head, self._masked)
            if length == _FORBIDDEN:
                self._lost = True
            elif length is not None:
                self._head, self._left_bytes = b"", length


def _payload_bytes(head: bytes, masked: bool) -> int | None:
    """What follows a whole frame head; None while the head is not whole, _FORBIDDEN where it is no frame's."""
    if len(head) < 2:
        return None
    if bool(head[1] & 0x80) != masked:
        return _FORBIDDEN
    short = head[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(head) < 2 + extended + (4 if masked else 0):
        return None
    if not extended:
        return short
    length = int.from_bytes(head[2 : 2 + extended], "big")
    return length if _FEWEST_BYTES[extended] <= length < 1 << 63 else _FORBIDDEN
