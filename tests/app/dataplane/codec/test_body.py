from itertools import pairwise

import pytest

from app.dataplane.codec.body import (
    HIGH_WATER_BYTES,
    MAX_SIZE_DIGITS,
    ChunkReader,
    RequestBody,
    chunk,
    last_chunk,
)
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import REQUEST_LINES

BOUND_BYTES = 200
Result = tuple[bytes, list[tuple[bytes, bytes]], bool, int]

GOOD: dict[str, tuple[bytes, bytes, list[tuple[bytes, bytes]]]] = {
    "empty": (b"0\r\n\r\n", b"", []),
    "one-chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    "two-chunks": (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc", []),
    "size-in-both-cases": (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, []),
    "leading-zeros": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello", []),
    "data-that-looks-like-framing": (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", []),
    "any-octets": (b"4\r\n\0\n\r\xff\r\n0\r\n\r\n", b"\0\n\r\xff", []),
    "extensions": (b'5;a;b=c;d="e; f\xff\t"\r\nhello\r\n0;x\r\n\r\n', b"hello", []),
    "extension-with-quotes": (b'5;a="b\\"c\\\\";d=""\r\nhello\r\n0\r\n\r\n', b"hello", []),
    "trailers": (
        b"5\r\nhello\r\n0\r\nX-A: 1\r\nx-b:\r\nX-A:  2 \r\n\r\n",
        b"hello",
        [(b"x-a", b"1"), (b"x-b", b""), (b"x-a", b"2")],
    ),
}

BAD: dict[str, tuple[bytes, str]] = {
    "size-negative": (b"-5\r\nhello", "invalid chunk size"),
    "size-plus": (b"+5\r\nhello", "invalid chunk size"),
    "size-hex-prefix": (b"0x5\r\nhello", "invalid chunk size"),
    "size-underscore": (b"1_0\r\n", "invalid chunk size"),
    "size-no-hex": (b"zz\r\n", "invalid chunk size"),
    "size-empty": (b"\r\nhello", "invalid chunk size"),
    "size-missing": (b";a\r\nhello", "invalid chunk size"),
    "size-blank-before": (b" 5\r\nhello", "invalid chunk size"),
    "size-blank-after": (b"5 \r\nhello", "invalid chunk size"),
    "size-blank-before-extension": (b"5 ;a\r\nhello", "invalid chunk size"),
    "size-two-numbers": (b"5 5\r\nhello", "invalid chunk size"),
    "size-overflow": (b"1" + b"0" * MAX_SIZE_DIGITS + b"\r\n", "invalid chunk size"),
    "size-bare-lf": (b"5\nhello", "a line of it does not end in CRLF"),
    "size-bare-cr": (b"5\rhello\r\n", ""),
    "extension-bare-lf": (b"5;a\nhello", "a line of it does not end in CRLF"),
    "extension-bare-cr": (b"5;a\rb\r\nhello", ""),
    "extension-empty": (b"5;\r\nhello", "a chunk extension is malformed"),
    "extension-empty-value": (b"5;a=\r\nhello", "a chunk extension is malformed"),
    "extension-blank-before": (b"5; a\r\nhello", "a chunk extension is malformed"),
    "extension-blank-around": (b"5;a = b\r\nhello", "a chunk extension is malformed"),
    "extension-tail": (b"5;a=b\t\r\nhello", "a chunk extension is malformed"),
    "extension-obs-text": (b"5;\xff\r\nhello", "a chunk extension is malformed"),
    "extension-quote-open": (b'5;a="b\r\nhello', "a chunk extension is malformed"),
    "extension-quote-tail": (b'5;a="b"c\r\nhello', "a chunk extension is malformed"),
    "extension-nul": (b"5;\0\r\nhello", "a chunk extension is malformed"),
    "extension-delete": (b"5;\x7f\r\nhello", "a chunk extension is malformed"),
    "data-longer": (b"3\r\nhello\r\n0\r\n\r\n", "a chunk is longer than its size"),
    "data-bare-lf": (b"5\r\nhello\n0\r\n\r\n", ""),
    "data-bare-cr": (b"5\r\nhello\r0\r\n\r\n", ""),
    "data-two-crs": (b"5\r\nhello\r\r\n0\r\n\r\n", ""),
    "last-bare-lf": (b"0\r\n\n", "a line of it does not end in CRLF"),
    "trailer-length": (b"0\r\nContent-Length: 5\r\n\r\n", "a trailer is malformed"),
    "trailer-coding": (b"0\r\ntransfer-encoding: chunked\r\n\r\n", "a trailer is malformed"),
    "trailer-no-colon": (b"0\r\nnonsense\r\n\r\n", "a trailer is malformed"),
    "trailer-nul": (b"0\r\nX: \0\r\n\r\n", "a trailer is malformed"),
    "trailer-folded": (b"0\r\nX: a\r\n b\r\n\r\n", "a trailer is malformed"),
    "trailer-bare-cr": (b"0\r\nX: a\rb\r\n\r\n", "a line of it does not end in CRLF"),
    "trailer-bare-lf": (b"0\r\nX: a\n\r\n", "a line of it does not end in CRLF"),
    "extension-endless": (b"5;" + b"a" * 300, "too much that is neither chunk data nor its size"),
    "zeros-endless": (b"0" * 300, "too much that is neither chunk data nor its size"),
    "trailer-endless": (b"0\r\nX: " + b"a" * 300, "too much that is neither chunk data nor its size"),
    "trailers-endless": (b"0\r\n" + b"X: a\r\n" * 60, "too much that is neither chunk data nor its size"),
}
"""With the fault that is told; "" where it depends on the pieces, which differ in how early it is found."""


def decoded(pieces: list[bytes]) -> Result:
    """The body, its trailers, whether it is complete, and how many bytes were read."""
    reader, out, read_bytes = ChunkReader(REQUEST_LINES, BOUND_BYTES), list[bytes](), 0
    for piece in pieces:
        stopped = reader.read(piece, 0, out)
        read_bytes += stopped
        assert reader.complete or reader.fault or stopped == len(piece)
        if stopped < len(piece):
            break
    trailers = [(field.name, field.value) for field in reader.trailers]
    return b"".join(out), trailers, reader.complete and not reader.fault, read_bytes


def fault_of(pieces: list[bytes]) -> str:
    reader = ChunkReader(REQUEST_LINES, BOUND_BYTES)
    for piece in pieces:
        reader.read(piece, 0, [])
    assert not (reader.fault and reader.complete)
    return reader.fault


def cut(data: bytes, *at: int) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *at, len(data)])]


def all_cuts(data: bytes) -> list[list[bytes]]:
    """In one piece, byte by byte, and in two and three pieces wherever they are cut."""
    length = len(data)
    twos = [cut(data, one) for one in range(length)]
    threes = [cut(data, one, two) for one in range(length) for two in range(one, length)]
    return [[data], cut(data, *range(1, length)), *twos, *threes]


@pytest.mark.parametrize("name", GOOD)
def test_a_body_is_the_same_in_whatever_pieces_it_comes(name):
    data, body, trailers = GOOD[name]
    for pieces in all_cuts(data):
        assert decoded(pieces) == (body, trailers, True, len(data)), pieces


@pytest.mark.parametrize("name", GOOD)
def test_what_comes_behind_a_body_is_left_alone(name):
    data, body, trailers = GOOD[name]
    for rest in (b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"0"):
        assert decoded([data + rest]) == (body, trailers, True, len(data))
        assert decoded([data, rest]) == (body, trailers, True, len(data))


@pytest.mark.parametrize("name", GOOD)
def test_a_body_that_is_cut_off_is_neither_complete_nor_malformed(name):
    data = GOOD[name][0]
    for length in range(len(data)):
        assert fault_of([data[:length]]) == ""
        assert not decoded([data[:length]])[2]


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_body_is_found_out_in_whatever_pieces_it_comes(name):
    data, told = BAD[name]
    cuts = all_cuts(data) if len(data) < 50 else [[data], cut(data, *range(1, len(data)))]
    for pieces in cuts:
        fault = fault_of(pieces)
        assert fault == told if told else fault, pieces


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"z", "invalid chunk size"),
        (b" ", "invalid chunk size"),
        (b"\r", ""),
        (b"5\rh", "invalid chunk size"),
        (b"5h", "invalid chunk size"),
        (b"5 ", "invalid chunk size"),
        (b";", "invalid chunk size"),
        (b"5;a\rb", "invalid chunk size"),
        (b"5\r\nhelloX", "a chunk is longer than its size"),
        (b"5\r\nhello\rX", "a chunk is longer than its size"),
    ],
)
def test_what_cannot_become_a_line_is_found_out_before_its_end_comes(start, told):
    assert fault_of([start]) == (told or "invalid chunk size")


def test_nothing_more_is_read_after_a_fault_or_an_end():
    reader, out = ChunkReader(REQUEST_LINES, BOUND_BYTES), list[bytes]()
    assert reader.read(b"0\r\n\r\n", 0, out) == 5
    assert reader.read(b"5\r\nhello\r\n", 0, out) == 0
    broken = ChunkReader(REQUEST_LINES, BOUND_BYTES)
    broken.read(b"z\r\n", 0, out)
    assert broken.read(b"5\r\nhello\r\n", 0, out) == 0
    assert out == []


def test_reading_begins_where_it_is_told():
    reader, out = ChunkReader(REQUEST_LINES, BOUND_BYTES), list[bytes]()
    assert reader.read(b"zzz5\r\nhello", 3, out) == 11
    assert (out, reader.fault) == ([b"hello"], "")


def test_the_bound_is_of_what_comes_between_two_pieces_of_data():
    """Any number of chunks, each with an extension that is nearly too long."""
    line = b"1;" + b"a" * (BOUND_BYTES - 6)
    data = (line + b"\r\nx\r\n") * 50 + b"0\r\n\r\n"
    assert decoded([data])[0] == b"x" * 50
    assert fault_of([line + b"aaa\r\nx"]) == "too much that is neither chunk data nor its size"


def test_data_is_handed_on_as_it_comes():
    reader, out = ChunkReader(REQUEST_LINES, BOUND_BYTES), list[bytes]()
    for piece, expected in ((b"5\r\nhe", [b"he"]), (b"l", [b"he", b"l"]), (b"lo", [b"he", b"l", b"lo"])):
        reader.read(piece, 0, out)
        assert out == expected


# --- what goes to the upstream -----------------------------------------------------------------------------


def trailer(name: bytes, value: bytes) -> Field:
    return Field(name, value, 0, name + b": " + value + b"\r\n")


def test_a_chunk_has_its_size_in_hex():
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_the_last_chunk_carries_only_trailers_that_may_pass():
    assert last_chunk([]) == b"0\r\n\r\n"
    fields = [trailer(b"x-a", b"1"), trailer(b"x-request-id", b"i"), trailer(b"x-b", b"2")]
    assert last_chunk(fields) == b"0\r\nx-a: 1\r\nx-b: 2\r\n\r\n"
    assert last_chunk([trailer(b"host", b"evil")]) == b"0\r\n\r\n"


@pytest.mark.parametrize("length_bytes", [5, -1])
def test_a_body_is_kept_as_it_came_until_it_is_complete(length_bytes):
    body = RequestBody(length_bytes)
    assert not body.complete
    body.add(b"hel")
    body.add(b"lo")
    assert (body.complete, body.seen_bytes, body.replay_bytes) == (False, 5, 5)
    trailers = [trailer(b"x", b"y")]
    body.end(trailers)
    assert (body.complete, body.seen_bytes) == (True, 5)
    assert (body.replay, body.trailers) == ([b"hel", b"lo"], trailers)


def test_a_request_without_body_is_complete_at_once():
    body = RequestBody(0)
    assert body.complete
    assert body.replayable
    assert not body.is_large


def test_a_large_body_is_forgotten_once_it_was_sent():
    body = RequestBody(HIGH_WATER_BYTES * 2)
    body.add(b"x" * HIGH_WATER_BYTES)
    assert not body.is_large
    body.add(b"x")
    assert body.is_large


def test_a_forgotten_body_is_not_kept_again():
    body = RequestBody(2)
    body.add(b"x")
    body.forget()
    body.add(b"y")
    assert body.seen_bytes == 2
    assert (body.replayable, body.is_large, body.replay_bytes) == (False, False, 0)
