"""How much a connection reads at a time."""

import asyncio

from cache.bounded_reader import BODY_READ_BYTES, HEAD_READ_BYTES, BoundedReader

TRANSPORT = asyncio.Transport()


class Connection:
    """Records what the reader hands on."""

    def __init__(self):
        self.reads_body = False
        self.calls = []

    def connection_made(self, transport):
        self.calls.append(("made", transport))

    def connection_lost(self, exc):
        self.calls.append(("lost", exc))

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")

    def data_received(self, data):
        self.calls.append(data)


def test_little_is_read_until_a_body_is_asked_for():
    connection = Connection()
    reader = BoundedReader(connection)
    assert len(reader.get_buffer(1 << 20)) == HEAD_READ_BYTES
    connection.reads_body = True
    assert len(reader.get_buffer(-1)) == BODY_READ_BYTES


def test_what_came_is_handed_on_as_bytes_of_its_own():
    connection = Connection()
    reader = BoundedReader(connection)
    reader.get_buffer(-1)[:3] = b"abc"
    reader.buffer_updated(3)
    reader.get_buffer(-1)[:3] = b"xyz"
    assert connection.calls == [b"abc"]


def test_the_rest_of_the_protocol_is_the_connections():
    connection = Connection()
    reader = BoundedReader(connection)
    reader.connection_made(TRANSPORT)
    reader.pause_writing()
    reader.resume_writing()
    reader.connection_lost(None)
    assert connection.calls == [("made", TRANSPORT), "pause", "resume", ("lost", None)]
