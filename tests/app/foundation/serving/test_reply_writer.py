"""The bytes of a reply: its fields in order, whether the connection goes on, and one write where that is cheaper."""

import pytest

from app.foundation.reply import Reply
from app.foundation.serving.reply_writer import JOIN_BYTES, write_reply

DATE = ((b"date", b"now"),)


class Recorder:
    """A transport that keeps what is written, write by write."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))

    def writelines(self, pieces):
        self.writes.append([bytes(piece) for piece in pieces])


@pytest.mark.parametrize(
    ("keep_alive", "old", "end"),
    [
        (True, False, b"a: b\r\n\r\n"),
        (False, False, b"a: b\r\nconnection: close\r\n\r\n"),
        (True, True, b"connection: keep-alive\r\na: b\r\n\r\n"),
        (False, True, b"a: b\r\nconnection: close\r\n\r\n"),
    ],
)
def test_a_head_says_whether_the_connection_goes_on(keep_alive, old, end):
    transport = Recorder()
    write_reply(transport, Reply(204, ((b"a", b"b"),)), DATE, keep_alive, old)
    assert transport.writes == [b"HTTP/1.1 204 No Content\r\ndate: now\r\n" + end]


def test_a_small_body_goes_with_the_head_and_a_large_one_beside_it():
    small, large = Recorder(), Recorder()
    write_reply(small, Reply(200, (), b"x" * (JOIN_BYTES - 1)), (), True, False)
    write_reply(large, Reply(200, (), b"x" * JOIN_BYTES), (), True, False)
    assert len(small.writes[0]) == len(b"HTTP/1.1 200 OK\r\n\r\n") + JOIN_BYTES - 1
    assert large.writes == [[b"HTTP/1.1 200 OK\r\n\r\n", b"x" * JOIN_BYTES]]
