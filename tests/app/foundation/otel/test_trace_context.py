import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.otel.trace_context import TraceParent, format_traceparent, parse_traceparent

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


@given(st.binary(max_size=80))
def test_no_bytes_make_the_parser_fail(value):
    parsed = parse_traceparent(value)
    assert parsed is None or len(parsed.trace_id) == 32
