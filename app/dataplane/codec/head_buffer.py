"""Bytes of one direction of a connection, from which heads are taken (RFC 9112 §2).

What can never become a head is rejected while it comes: its end might never come.
"""

from typing import Final

__all__ = ["HeadBuffer"]

SHORT_BYTES: Final = 4096
_IN_A_HEAD: Final = b"\t\r\n" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))


class HeadBuffer:
    """`data` from `at` on is not taken yet. `fault`: why what came is no head, "" while it may become one."""

    __slots__ = ("_checked", "at", "data", "fault")

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        self._checked = 0
        self.fault = ""

    @property
    def unread_bytes(self) -> int:
        return len(self.data) - self.at

    def add(self, data: bytes) -> None:
        if self.at >= len(self.data):
            self.data, self.at, self._checked = data, 0, 0
        else:
            self._checked = max(self._checked - self.at, 0)
            self.data, self.at = self.data[self.at :] + data, 0

    def take_head(self) -> bytes | None:
        """The next head without its empty line; None while it is not whole, or where there is a fault."""
        data, at = self.data, self.at
        if at or self._checked or len(data) > SHORT_BYTES:
            # what is behind the head may be long: it is not copied
            end = data.find(b"\r\n\r\n", max(at, self._checked - 3))
            head = data[at:end] if end >= 0 else None
        else:  # found and copied with one call, which takes half of what two take
            found, empty_line, _ = data.partition(b"\r\n\r\n")
            head, end = (found, len(found)) if empty_line else (None, -1)
        if head is None:
            self._check()
            return None
        self.take_to(end + 4)
        self._checked = self.at
        return head

    def take_to(self, at: int) -> None:
        """The bytes before `at` are taken. What is taken whole is let go: a connection may rest for long."""
        if at >= len(self.data):
            self.data, self.at, self._checked = b"", 0, 0
        else:
            self.at = at

    def take_rest(self) -> bytes:
        """All that is not taken yet."""
        rest = self.data[self.at :] if self.at else self.data
        self.data, self.at, self._checked = b"", 0, 0
        return rest

    def skip_empty_lines(self) -> None:
        """Before a request line they are ignored (RFC 9112 §2.2)."""
        while self.data.startswith(b"\r\n", self.at):
            self.at += 2

    def first_line(self) -> bytes | None:
        """The start line of a head that is not whole yet; None while it is not whole itself."""
        end = self.data.find(b"\r\n", self.at)
        return self.data[self.at : end] if end >= 0 else None

    def _check(self) -> None:
        """A bare CR or LF, or a control character, in what came since the last time (RFC 9112 §2.2)."""
        start = max(self.at, self._checked)
        piece = self.data[start:]
        ends = piece.count(b"\r\n")
        half = piece[-1:] == b"\r"
        if piece.count(b"\n") != ends or piece.count(b"\r") - half != ends:
            self.fault = "a line of it does not end in CRLF"
        elif piece.translate(None, _IN_A_HEAD):
            self.fault = "a control character is in it"
        self._checked = len(self.data) - half
