import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.otel.trace_context import TraceParent, format_traceparent, parse_traceparent, trace_id_of

TRACE = b"0af7651916cd43dd8448eb211c80319c"
SPAN = b"b7ad6b7169203331"


def test_the_example_of_the_standard_is_read():
    assert parse_traceparent(b"00-%b-%b-01" % (TRACE, SPAN)) == TraceParent(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        b"00-%b-%b" % (TRACE, SPAN),
        b"00-%b-%b-1" % (TRACE, SPAN),
        b"00-%b-%b-01-extra" % (TRACE, SPAN),
        b"00-%b-%b-01-" % (TRACE, SPAN),
        b"00-%b-%b-01\n" % (TRACE, SPAN),
        b"00-%b-%b-01 " % (TRACE, SPAN),
        b"00-%b-%b-0x" % (TRACE, SPAN),
        b"0-%b-%b-01" % (TRACE, SPAN),
        b"ff-%b-%b-01" % (TRACE, SPAN),
        b"01-%b-%b-01x" % (TRACE, SPAN),
        b"00-%b-%b-01" % (TRACE.upper(), SPAN),
        b"00-%b-%b-01" % (TRACE, SPAN.upper()),
        b"00-%b-%b-0A" % (TRACE, SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE[:-1], SPAN),
        b"00_%b_%b_01" % (TRACE, SPAN),
    ],
)
def test_what_the_standard_calls_invalid_is_ignored(value):
    assert parse_traceparent(value) is None


@pytest.mark.parametrize("tail", [b"", b"-", b"-what-the-future-holds"])
def test_a_later_version_is_read_as_far_as_it_is_known(tail):
    assert parse_traceparent(b"cc-%b-%b-01%b" % (TRACE, SPAN, tail)) == TraceParent(TRACE, SPAN, 1)


def test_flags_nobody_knows_are_not_passed_on():
    assert format_traceparent(TRACE, SPAN, 0xFF) == b"00-%b-%b-03" % (TRACE, SPAN)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 3))
def test_what_is_made_is_read_back(trace_id, span_id, flags):
    made = format_traceparent(b"%032x" % trace_id, b"%016x" % span_id, flags)
    assert parse_traceparent(made) == TraceParent(b"%032x" % trace_id, b"%016x" % span_id, flags)


NEARLY = st.from_regex(rb"\A(00|ff|cc)-[0-9a-f]{31}[0-9a-fA]-(0{16}|[0-9a-f]{16})-[0-9a-f]{2}(-x|x)?\Z")
LAYOUT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", re.DOTALL
)


@given(st.binary(max_size=80) | NEARLY)
def test_whatever_bytes_come_what_the_standard_says_is_read_and_nothing_else(value):
    """Against the layout as one expression."""
    match = LAYOUT.fullmatch(value)
    is_sound = match is not None and (match[1] != b"00" or match[3] is None)
    parsed = parse_traceparent(value)
    assert (parsed is not None) == is_sound
    assert trace_id_of(value) == (match[2] if match is not None and is_sound else None)
    assert parsed is None or parsed.trace_id == trace_id_of(value)
