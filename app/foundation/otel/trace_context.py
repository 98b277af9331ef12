"""W3C Trace Context (https://www.w3.org/TR/trace-context/): reads and makes `traceparent`; pure.

`tracestate` is never looked into: it passes on unchanged beside a `traceparent` that was understood, and is
dropped beside one that was not (§4.3). More than one `traceparent` field counts as none (§3.2).
"""

import re
from typing import Final, NamedTuple

__all__ = ["SAMPLED", "TraceParent", "format_traceparent", "parse_traceparent"]

SAMPLED: Final = 0x01
_KNOWN_FLAGS: Final = (
    0x03  # sampled, and random-trace-id of level 2; §3.2.2.5.2: unknown ones are set to zero
)

# §3.2.2: lower case only; `ff` is no version; a later version may go on after another dash
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_ZERO_TRACE: Final = b"0" * 32
_ZERO_SPAN: Final = b"0" * 16


class TraceParent(NamedTuple):
    """`trace_id`: 32, `parent_id`: 16 lower-case hex digits, neither all zero; `flags`: one byte."""

    trace_id: bytes
    parent_id: bytes
    flags: int


def parse_traceparent(value: bytes) -> TraceParent | None:
    """The field's value, or None when it must be ignored (§3.2.2.2–§3.2.2.5, §4.3)."""
    match = _TRACEPARENT.fullmatch(value)
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if trace_id == _ZERO_TRACE or parent_id == _ZERO_SPAN:  # §3.2.2.3, §3.2.2.4
        return None
    if version == b"00" and more is not None:  # §3.2.2: version 00 ends after the flags
        return None
    return TraceParent(trace_id, parent_id, int(flags, 16))


def format_traceparent(trace_id: bytes, span_id: bytes, flags: int) -> bytes:
    """The value for the next hop, always version 00, with `span_id` as its parent."""
    return b"00-%b-%b-%02x" % (trace_id, span_id, flags & _KNOWN_FLAGS)
