"""Header lines as values (RFC 9110 §5, RFC 9112 §5): read strictly once, kept while they repeat.

Paths, queries and cookies of real traffic differ, but most lines of its heads do not: hosts, user agents, accept
lists. So the unit that is kept is the line. A kept line costs one dictionary step instead of 0.6 µs of reading.
"""

from collections.abc import Callable
from typing import Final

__all__ = ["BY_VALUE", "PASS", "TEXT_TABLE", "Field", "FieldLines", "pairs_of"]

PASS: Final = 0
"""The role of a field that means nothing to the gateway: it goes on as it is."""
BY_VALUE: Final = -1
"""Of a name: the role of its field is not known before its value is."""

MAX_KEPT_LINE_BYTES: Final = 1024
MAX_KEPT_BYTES: Final = 512 * 1024
"""Of each of two generations: lines and what was read from them (KEPT_OVERHEAD_BYTES each)."""
KEPT_OVERHEAD_BYTES: Final = 400
PAIR_OVERHEAD_BYTES: Final = 200
SEEN_BITS: Final = 1 << 20
MAX_NAMES: Final = 1024
MAX_NAME_BYTES: Final = 64

_TOKEN: Final = (
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 §5.6.2
)
_TEXT: Final = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
TEXT_TABLE: Final = bytes(octet if octet in _TEXT else 0x21 for octet in range(256))
"""For `bytes.translate`: leaves field values and reason phrases as they are (RFC 9110 §5.5, RFC 9112 §4), and nothing
else. A table, since of octets to delete one is made with each call, which takes 0.1 µs."""


class Field:
    """One field. `name`: lower-case; `value`: without the blanks around it; `line`: both, as it is sent on."""

    __slots__ = ("line", "name", "role", "value")

    def __init__(self, name: bytes, value: bytes, role: int, line: bytes) -> None:
        self.name = name
        self.value = value
        self.role = role
        self.line = line


class _Name:
    """A field's name as it was received, understood."""

    __slots__ = ("name", "role", "start")

    def __init__(self, name: bytes, role: int) -> None:
        self.name = name
        self.role = role
        self.start = name + b": "


class FieldLines:
    """Reads lines of one direction. `role_of`: what a name (lower-case) means to the reader of heads; where it says
    BY_VALUE, `role_by_value` of name and value does.

    Lines are kept at second sight, so that those which never come again push nothing out; of two generations
    the older goes when the younger is full. Names are kept too, at most MAX_NAMES of them, since they repeat
    where values don't: a line that was never seen costs 0.7 µs instead of 2. Bounded by 2 × `max_kept_bytes`,
    SEEN_BITS / 8 and MAX_NAMES × MAX_NAME_BYTES. One thread only.
    """

    __slots__ = (
        "_kept_bytes",
        "_max_kept_bytes",
        "_names",
        "_old",
        "_role_by_value",
        "_role_of",
        "_seen",
        "kept",
        "kept_pairs",
    )

    def __init__(
        self,
        role_of: Callable[[bytes], int],
        max_kept_bytes: int = MAX_KEPT_BYTES,
        role_by_value: Callable[[bytes, bytes], int] | None = None,
    ) -> None:
        self._role_of = role_of
        self._role_by_value = role_by_value
        self._max_kept_bytes = max_kept_bytes
        self.kept: dict[bytes, Field] = {}
        """By the line's bytes; who looks here before `read` saves a call."""
        self.kept_pairs: dict[tuple[bytes, bytes], Field] = {}
        """The same of fields that came by HTTP/2, by name and value; who looks here before `read_pair` saves a call."""
        self._old: dict[bytes, Field] = {}
        self._names: dict[bytes, _Name] = {}
        self._kept_bytes = 0
        self._seen = bytearray(SEEN_BITS // 8)

    def read(self, line: bytes) -> Field | None:
        """The field of `line` (without its CRLF); None where it is malformed, folded ones too (§5.2)."""
        field = self.kept.get(line)
        if field is not None:
            return field
        field = self._old.get(line)
        if field is None:
            raw_name, colon, value = line.partition(b":")
            field = self._understood(raw_name, value) if colon else None
            if field is None or not self._was_seen(line):
                return field
        return self._keep(line, field)

    def _understood(self, raw_name: bytes, value: bytes) -> Field | None:
        known = self._names.get(raw_name)
        if known is None:
            known = self._read_name(raw_name)
            if known is None:
                return None
        value = value.strip(b" \t")
        if value.translate(TEXT_TABLE) != value:
            return None
        role = known.role
        if role == BY_VALUE:
            role = self._role_by_value(known.name, value) if self._role_by_value is not None else PASS
        return Field(known.name, value, role, b"%b%b\r\n" % (known.start, value))

    def _was_seen(self, line: bytes) -> bool:
        """Before now. Strangers with the same hash do no harm."""
        number = hash(line) & (SEEN_BITS - 1)
        at, bit = number >> 3, 1 << (number & 7)
        before: int = self._seen[at]
        self._seen[at] = before | bit
        return before & bit != 0

    def read_pair(self, pair: tuple[bytes, bytes]) -> Field | None:
        """The same of a field as HTTP/2 carries it; None where the name is not lower-case, or the value has blanks
        around it (RFC 9113 §8.2.1). What would be another field in a line is malformed, too."""
        name, value = pair
        line = b"%b: %b" % (name, value)
        field = self.read(line) if self._was_seen(line) else self._understood(name, value)
        if field is None or field.name != name or field.value != value:
            return None
        if line in self.kept:
            self.kept_pairs[pair] = field
            self._kept_bytes += len(line) + PAIR_OVERHEAD_BYTES
        return field

    def _read_name(self, raw_name: bytes) -> _Name | None:
        if not raw_name or raw_name.translate(None, _TOKEN):
            return None
        name = raw_name.lower()
        known = _Name(name, self._role_of(name))
        if len(raw_name) <= MAX_NAME_BYTES:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()  # else made-up ones would keep others out for ever
            self._names[raw_name] = known
        return known

    def _keep(self, line: bytes, field: Field) -> Field:
        if len(line) > MAX_KEPT_LINE_BYTES:
            return field
        cost_bytes = 3 * len(line) + KEPT_OVERHEAD_BYTES
        if self._kept_bytes + cost_bytes > self._max_kept_bytes:
            self._old, self.kept, self.kept_pairs, self._kept_bytes = self.kept, {}, {}, 0
            self._seen = bytearray(SEEN_BITS // 8)  # else it fills up and everything seems seen
        self.kept[line] = field
        self._kept_bytes += cost_bytes
        return field


def pairs_of(fields: list[Field]) -> list[tuple[bytes, bytes]]:
    """Names and values, in order."""
    return [(field.name, field.value) for field in fields]
