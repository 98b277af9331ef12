"""Framing is read from any field list without raising, and never accepts what is ambiguous."""

from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.heads import read_answer_head, read_request_head

NAMES = st.sampled_from(
    b"host content-length transfer-encoding connection expect upgrade x-api-key authorization x-request-id "
    b"traceparent user-agent x".split()
)
VALUES = st.one_of(
    st.sampled_from(
        [b"a", b"5", b"0", b"chunked", b"gzip, chunked", b"close", b"100-continue", b"websocket"]
    ),
    st.binary(max_size=20),
    st.integers().map(lambda number: str(number).encode()),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


@given(FIELDS, st.booleans())
def test_a_request_is_read_without_raising_and_ambiguity_is_a_fault(fields, http10):
    head = read_request_head(fields, http10)
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    hosts = [value for name, value in fields if name == b"host"]
    if (
        len(lengths) + len(codings) > 1
        or len(hosts) > 1
        or (codings and http10)
        or (not hosts and not http10)
    ):
        assert head.fault is not None
    if head.fault is None:
        expected = -1 if codings else int(lengths[0]) if lengths else 0
        assert head.length_bytes == expected
    assert head.is_websocket in (True, False)


@given(FIELDS, st.booleans())
def test_an_answer_is_read_without_raising_and_ambiguity_is_a_fault(fields, http10):
    head = read_answer_head(fields, http10)
    lengths = {value for name, value in fields if name == b"content-length"}
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) > 1 or len(codings) > 1 or (codings and (lengths or http10)):
        assert head.fault
    if not head.fault:
        assert head.length_bytes == (-1 if codings else int(lengths.pop()) if lengths else -2)
