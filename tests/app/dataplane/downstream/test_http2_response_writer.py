import pytest

from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import read_response
from app.dataplane.downstream.http2_response_writer import Http2ResponseWriter
from tests.fakes.http2_pair import Http2Pair

LINES = b"x-a: 1\r\nX-Mixed: 2\r\nempty: \r\n"
PAIRS = [("x-a", "1"), ("x-mixed", "2"), ("empty", "")]


class Written:
    def __init__(self, *, head_only: bool = False) -> None:
        self.pair = Http2Pair()
        self.number = self.pair.open()
        self.flushes = 0
        self.writer = Http2ResponseWriter(self.pair.session, self.number, self, head_only=head_only)

    def on_written(self) -> None:
        self.flushes += 1

    def take(self):
        return self.pair.take()


def head(status: int, *more: tuple[str, str]):
    return ("head", [(":status", str(status)), *PAIRS, *more])


END = ("end",)


def test_names_go_out_in_lower_case_and_any_status_has_its_pair():
    for status in (200, 599):
        made = Written()
        made.writer.write_head(status, b"", [LINES], -1)
        made.writer.end_response([])
        assert made.take() == [head(status), END]


def test_nothing_is_sent_before_the_flush():
    made = Written()
    made.writer.write_head(200, b"OK", [LINES], 4)
    made.writer.write_body(b"ab")
    assert (made.take(), made.flushes) == ([], 0)
    assert made.writer.flush()
    assert not made.writer.flush()
    assert made.take() == [head(200, ("content-length", "4")), ("data", b"ab")]
    made.writer.write_body(b"cd")
    made.writer.end_response([])
    assert made.take() == [("data", b"cd"), END]
    assert (made.flushes, made.writer.ended) == (2, True)


def test_a_response_without_content_ends_with_its_head():
    made = Written()
    made.writer.write_head(204, b"", [LINES], 0)
    made.writer.end_response([])
    assert made.take() == [head(204), END]


def test_a_small_response_is_head_and_data():
    made = Written()
    made.writer.write_head(200, b"", [LINES], 2)
    made.writer.write_body(b"ok")
    made.writer.end_response([])
    assert made.take() == [head(200, ("content-length", "2")), ("data", b"ok"), END]


def test_the_last_of_a_body_goes_out_with_the_end():
    for written in (b"", b"ab"):
        made = Written()
        made.writer.write_head(200, b"", [LINES], -1)
        if written:
            made.writer.write_body(written)
        made.writer.end_response([], b"cd")
        assert made.take() == [head(200), ("data", written + b"cd"), END]


def test_large_bodies_share_the_connection():
    pair = Http2Pair()
    writers = [Http2ResponseWriter(pair.session, pair.open(), Written(), head_only=False) for _ in range(2)]
    for writer, octet in zip(writers, (b"a", b"b"), strict=True):
        writer.write_head(200, b"", [], -1)
        writer.write_body(octet * 30_000)
        writer.end_response([])
    assert [said[1][:1] for said in pair.take() if said[0] == "data"] == [b"a", b"b", b"a", b"b"]


def test_trailers_end_the_response_behind_its_data():
    made = Written()
    made.writer.write_head(200, b"", [LINES], -1)
    made.writer.write_body(b"ok")
    fields = [RESPONSE_LINES.read(line) for line in (b"X-Sum: 1", b"Set-Cookie: a")]
    made.writer.end_response([field for field in fields if field is not None])
    assert made.take() == [head(200), ("data", b"ok"), ("trailers", [("x-sum", "1")]), END]


def test_trailers_without_data_follow_the_head():
    made = Written()
    made.writer.write_head(200, b"", [LINES], -1)
    field = RESPONSE_LINES.read(b"grpc-status: 0")
    assert field is not None
    made.writer.end_response([field])
    assert made.take() == [head(200), ("trailers", [("grpc-status", "0")]), END]


def test_interim_responses_leave_at_once():
    made = Written()
    made.writer.write_continue()
    made.writer.write_interim(read_response(b"HTTP/1.1 103 E\r\nLink: a\r\nContent-Length: 3"))
    assert made.take() == [
        ("interim", [(":status", "100")]),
        ("interim", [(":status", "103"), ("link", "a")]),
    ]
    assert made.flushes == 2


@pytest.mark.parametrize("head_only", [False, True])
def test_a_local_reply_drops_what_was_collected(head_only):
    made = Written(head_only=head_only)
    made.writer.write_head(200, b"OK", [b"x-b: 1\r\n"], 4)
    made.writer.write_body(b"ab")
    assert made.writer.reply(LocalReply(503, LINES, b"problem")) == (0 if head_only else 7)
    said = [] if head_only else [("data", b"problem")]
    assert made.take() == [head(503, ("content-length", "7")), *said, END]


def test_what_is_unsent_is_what_the_session_holds():
    made = Written()
    made.writer.write_head(200, b"OK", [LINES], -1)
    made.writer.write_body(b"x" * 70_000)
    made.writer.flush()
    assert made.writer.unsent_bytes() == 70_000
    made.take()
    assert made.writer.unsent_bytes() == 70_000 - 65_535
    made.writer.end_after_response()
    assert made.take() == []


def test_of_a_stream_that_is_gone_nobody_hears():
    made = Written()
    made.writer.stop()
    made.writer.write_continue()
    assert made.flushes == 0
