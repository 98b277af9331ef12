"""One message between the parent and a worker, and its bytes. Pure.

    4 bytes: how many follow | 4 bytes: length of the header | header: JSON [kind, call, body] | blob

Both lengths are unsigned and big-endian. A blob is what would be a burden as JSON: files, snapshots.
"""

from typing import Any, Final, NamedTuple, TypeAlias

import orjson

__all__ = ["FAULT", "MAX_MESSAGE_BYTES", "REPLY", "Json", "LinkFault", "Message", "MessageReader", "encode"]

Json: TypeAlias = Any
"""What orjson writes and reads: None, numbers, texts, lists, objects with texts as keys."""

MAX_MESSAGE_BYTES: Final = 256 << 20
"""The files of a configuration travel as one message; with a million keys they are some 150 MiB."""

REPLY: Final = "reply"
FAULT: Final = "fault"

_LENGTH_BYTES: Final = 4


class LinkFault(Exception):
    """The other end sent what is no message: the link is of no more use."""


class Message(NamedTuple):
    """`call` 0: a notice, which nobody replies to. Else the number that the reply, a REPLY or a FAULT, bears too.

    The body of a FAULT says for people what was wrong.
    """

    kind: str
    body: Json = None
    blob: bytes = b""
    call: int = 0


def encode(message: Message) -> bytes:
    """Raises ValueError for one that is longer than MAX_MESSAGE_BYTES."""
    header = orjson.dumps([message.kind, message.call, message.body])
    rest_bytes = _LENGTH_BYTES + len(header) + len(message.blob)
    if rest_bytes > MAX_MESSAGE_BYTES:
        raise ValueError(
            f"a message {message.kind!r} of {rest_bytes} bytes; {MAX_MESSAGE_BYTES} are the most"
        )
    lengths = rest_bytes.to_bytes(_LENGTH_BYTES, "big") + len(header).to_bytes(_LENGTH_BYTES, "big")
    return b"".join((lengths, header, message.blob))


class MessageReader:
    """Cuts a stream of bytes into messages."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in their order. Raises LinkFault."""
        rest = self._rest
        rest += data
        found: list[Message] = []
        at = 0
        while len(rest) - at >= _LENGTH_BYTES:
            length = int.from_bytes(rest[at : at + _LENGTH_BYTES], "big")
            if length > MAX_MESSAGE_BYTES:
                raise LinkFault(f"a message of {length} bytes; {MAX_MESSAGE_BYTES} are the most")
            begin, end = at + _LENGTH_BYTES, at + _LENGTH_BYTES + length
            if len(rest) < end:
                break
            found.append(_decode(bytes(rest[begin:end])))
            at = end
        del rest[:at]
        return found


def _decode(content: bytes) -> Message:
    header_end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    try:
        kind, call, body = orjson.loads(content[_LENGTH_BYTES:header_end])
    except ValueError as error:  # orjson's own is one
        raise LinkFault("a message without a header that can be read") from error
    if not isinstance(kind, str) or not isinstance(call, int) or call < 0:
        raise LinkFault("a message whose header has no kind or no number")
    return Message(kind, body, content[header_end:], call)
