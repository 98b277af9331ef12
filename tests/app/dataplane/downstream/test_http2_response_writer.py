from typing import Any

import pytest

from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import read_response
from app.dataplane.downstream.http2_response_writer import Http2ResponseWriter, response_pairs

LINES = b"x-a: 1\r\nX-Mixed: 2\r\nempty: \r\n"
PAIRS = [(b"x-a", b"1"), (b"x-mixed", b"2"), (b"empty", b"")]


class Session:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.queued = 0

    def __getattr__(self, name: str) -> Any:
        def noted(stream_id: int, *more: Any) -> None:
            assert stream_id == 7
            self.calls.append((name, *more))

        return noted

    def queued_bytes(self, stream_id: int) -> int:
        return self.queued


class Written:
    def __init__(self, *, head_only: bool = False) -> None:
        self.session = Session()
        self.flushes = 0
        session: Any = self.session
        self.writer = Http2ResponseWriter(session, 7, self._flush, head_only=head_only)

    def _flush(self) -> None:
        self.flushes += 1

    def take(self):
        calls, self.session.calls = self.session.calls, []
        return calls


def head(status: int, *more: tuple[bytes, bytes], end: bool = False):
    return ("send_head", [(b":status", b"%d" % status), *PAIRS, *more], end)


def test_names_go_out_in_lower_case_and_any_status_has_its_pair():
    assert response_pairs(200, LINES) == [(b":status", b"200"), *PAIRS]
    assert response_pairs(599, b"") == [(b":status", b"599")]


def test_nothing_is_sent_before_the_flush():
    made = Written()
    made.writer.write_head(200, b"OK", LINES, 4)
    made.writer.write_body(b"ab")
    assert (made.take(), made.flushes) == ([], 0)
    assert made.writer.flush()
    assert not made.writer.flush()
    length = (b"content-length", b"4")
    assert made.take() == [head(200, length), ("be_fair",), ("send_data", b"ab", False)]
    made.writer.write_body(b"cd")
    made.writer.end_response([])
    assert made.take() == [("send_data", b"cd", True)]
    assert (made.flushes, made.writer.ended) == (2, True)


def test_a_response_without_content_is_one_frame():
    made = Written()
    made.writer.write_head(204, b"", LINES, 0)
    made.writer.end_response([])
    assert made.take() == [head(204, end=True)]


def test_a_small_response_is_head_and_data_without_a_share():
    made = Written()
    made.writer.write_head(200, b"", LINES, 2)
    made.writer.write_body(b"ok")
    made.writer.end_response([])
    assert made.take() == [head(200, (b"content-length", b"2")), ("send_data", b"ok", True)]


def test_a_large_body_shares_the_connection():
    made = Written()
    made.writer.write_head(200, b"", LINES, -1)
    made.writer.write_body(b"x" * 20_000)
    made.writer.end_response([])
    assert [call[0] for call in made.take()] == ["send_head", "be_fair", "send_data"]


def test_trailers_end_the_response_behind_its_data():
    made = Written()
    made.writer.write_head(200, b"", LINES, -1)
    made.writer.write_body(b"ok")
    fields = [RESPONSE_LINES.read(line) for line in (b"X-Sum: 1", b"Set-Cookie: a")]
    made.writer.end_response([field for field in fields if field is not None])
    calls = made.take()
    assert calls[0] == head(200)
    assert calls[2:] == [("send_data", b"ok", False), ("send_trailers", [(b"x-sum", b"1")])]


def test_trailers_without_data_follow_the_head():
    made = Written()
    made.writer.write_head(200, b"", LINES, -1)
    field = RESPONSE_LINES.read(b"grpc-status: 0")
    assert field is not None
    made.writer.end_response([field])
    assert made.take() == [head(200), ("send_trailers", [(b"grpc-status", b"0")])]


def test_interim_responses_leave_at_once():
    made = Written()
    made.writer.write_continue()
    made.writer.write_interim(read_response(b"HTTP/1.1 103 E\r\nLink: a\r\nContent-Length: 3"))
    assert made.take() == [
        ("send_interim", [(b":status", b"100")]),
        ("send_interim", [(b":status", b"103"), (b"link", b"a")]),
    ]
    assert made.flushes == 2


@pytest.mark.parametrize("head_only", [False, True])
def test_a_local_reply_drops_what_was_collected(head_only):
    made = Written(head_only=head_only)
    made.writer.write_head(200, b"OK", b"x-b: 1\r\n", 4)
    made.writer.write_body(b"ab")
    assert made.writer.reply(LocalReply(503, LINES, b"problem")) == (0 if head_only else 7)
    length = (b"content-length", b"7")
    expected = [head(503, length, end=head_only)]
    assert made.take() == (expected if head_only else [*expected, ("send_data", b"problem", True)])


def test_what_is_unsent_is_what_the_session_holds():
    made = Written()
    made.session.queued = 5
    made.writer.end_after_response()
    assert made.writer.unsent_bytes() == 5
    assert made.take() == []


def test_of_a_stream_that_is_gone_nobody_hears():
    made = Written()
    made.writer.stop()
    made.writer.write_continue()
    assert made.flushes == 0
