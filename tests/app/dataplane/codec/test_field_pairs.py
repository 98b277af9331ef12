import pytest
from ngh2 import NeverIndexedHeader

from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.field_pairs import (
    _KEPT,
    MAX_KEPT_PAIRS,
    MAX_KEPT_PIECE_BYTES,
    add_pairs,
    read_trailers,
)
from app.dataplane.codec.fields import REQUEST_LINES, RESPONSE_LINES


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x: 1\r\nX-Set: a: b\r\nempty: \r\nx: 2\r\n"],
        [b"x: 1\r\n", b"X-Set: a: b\r\n", b"", b"empty: \r\n", b"x: 2\r\n"],
        [b"x: 1\r\nX-Set: a: b\r\n", b"empty: \r\nx: 2\r\n"],
    ],
)
def test_lines_become_pairs_in_order_with_names_in_lower_case(pieces):
    for _ in range(2):  # the second time they are kept
        pairs = [(b":status", b"200")]
        add_pairs(pairs, pieces)
        assert pairs == [
            (b":status", b"200"),
            (b"x", b"1"),
            (b"x-set", b"a: b"),
            (b"empty", b""),
            (b"x", b"2"),
        ]


def test_no_lines_add_nothing():
    pairs: list[tuple[bytes, bytes]] = []
    add_pairs(pairs, [b""])
    add_pairs(pairs, [])
    assert pairs == []


def test_what_is_kept_is_bounded():
    add_pairs([], [b"x: %d\r\n" % number for number in range(3 * MAX_KEPT_PAIRS)])
    assert len(_KEPT) <= MAX_KEPT_PAIRS
    before = len(_KEPT)
    pairs: list[tuple[bytes, bytes]] = []
    add_pairs(pairs, [b"y: " + b"z" * MAX_KEPT_PIECE_BYTES + b"\r\n"])
    assert (len(_KEPT), len(pairs)) == (before, 1)


@pytest.mark.parametrize(
    "name", [b"x-request-id", b"X-Request-Id", b"traceparent", b"ratelimit", b"grpc-timeout"]
)
@pytest.mark.parametrize("beside", [b"", b"x: 1\r\n"])
def test_what_never_comes_again_is_in_no_table(name, beside):
    for value in (b"1", b"2", b"1"):
        pairs: list[tuple[bytes, bytes]] = []
        add_pairs(pairs, [b"x: 0\r\n", beside + name + b": " + value + b"\r\n", b"x: 2\r\n"])
        assert (pairs[0], pairs[-2:]) == ((b"x", b"0"), [(name.lower(), value), (b"x", b"2")])
        assert [type(pair) for pair in pairs[-2:]] == [NeverIndexedHeader, tuple]
    # the names end with a colon: other tests leave fields here whose names begin so
    assert not [piece for piece in _KEPT if name + b": " in piece]


@pytest.mark.parametrize("known", [REQUEST_LINES, RESPONSE_LINES])
class TestTrailers:
    def test_they_are_fields(self, known):
        trailers = read_trailers([(b"grpc-status", b"0"), (b"x-t", b"")], known)
        assert trailers is not None
        assert pairs_of(trailers) == [(b"grpc-status", b"0"), (b"x-t", b"")]

    @pytest.mark.parametrize(
        "pair",
        [
            (b":status", b"200"),
            (b"X-T", b"1"),
            (b"x t", b"1"),
            (b"x:t", b"1"),
            (b"x-t", b"a\nb"),
            (b"x-t", b" a"),
            (b"content-length", b"3"),
            (b"transfer-encoding", b"chunked"),
        ],
    )
    def test_a_malformed_one_makes_all_of_them_so(self, known, pair):
        assert read_trailers([(b"x-a", b"1"), pair], known) is None
