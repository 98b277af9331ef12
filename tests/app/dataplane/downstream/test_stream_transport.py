"""A stream as a transport: what asyncio's protocols count on."""

import asyncio

import pytest

from app.dataplane.downstream.stream_transport import StreamTransport
from tests.fakes.manual_loop import settled
from tests.fakes.stream_side import StreamSide
from tests.fakes.transport import FakeTransport


class Spoken(asyncio.Protocol):
    """Notes what it hears; `stays`: it goes on writing after the client's end."""

    transport: asyncio.Transport

    def __init__(self):
        self.heard = []
        self.stays = False
        self.pauses_after = None

    def data_received(self, data):
        self.heard.append(data)
        if data == self.pauses_after:
            self.transport.pause_reading()

    def eof_received(self):
        self.heard.append("eof")
        return self.stays

    def pause_writing(self):
        self.heard.append("pause")

    def resume_writing(self):
        self.heard.append("resume")

    def connection_lost(self, exc):
        self.heard.append(("lost", type(exc)))


@pytest.fixture
async def side():
    return StreamSide()


@pytest.fixture
async def protocol(side):
    spoken = Spoken()
    spoken.transport = StreamTransport(side, side, FakeTransport(tls=True))
    spoken.transport.set_protocol(spoken)
    return spoken


@pytest.fixture
async def transport(protocol):
    return protocol.transport


GONE = ("lost", type(None))


async def test_what_is_written_goes_out_as_the_streams_data(transport, side):
    transport.write(b"one")
    transport.write(bytearray(b"two"))
    transport.write(b"")
    assert (side.body, side.calls) == (b"onetwo", [])
    assert (transport.get_write_buffer_size(), transport.is_closing()) == (0, False)
    side.waiting_bytes = 7
    assert transport.get_write_buffer_size() == 7


async def test_what_comes_is_heard(transport, protocol):
    transport.on_request_body(b"a")
    transport.on_request_body(b"b")
    assert protocol.heard == [b"a", b"b"]


async def test_what_comes_while_nobody_reads_waits_without_credit(transport, protocol, side):
    transport.pause_reading()
    transport.pause_reading()
    assert side.upload_paused
    assert not transport.is_reading()
    transport.on_request_body(b"a")
    transport.on_request_body(b"b")
    assert protocol.heard == []
    transport.resume_reading()
    transport.resume_reading()
    assert protocol.heard == [b"a", b"b"]
    assert not side.upload_paused
    assert transport.is_reading()


async def test_one_that_pauses_amid_what_waited_gets_the_rest_later(transport, protocol, side):
    transport.pause_reading()
    for data in (b"a", b"b", b"c"):
        transport.on_request_body(data)
    transport.on_request_end([])
    protocol.pauses_after = b"b"
    transport.resume_reading()
    assert protocol.heard == [b"a", b"b"]
    assert side.upload_paused
    protocol.pauses_after = None
    transport.resume_reading()
    assert protocol.heard == [b"a", b"b", b"c", "eof"]


async def test_one_that_pauses_at_the_last_piece_hears_the_end_later(transport, protocol, side):
    transport.pause_reading()
    transport.on_request_body(b"a")
    transport.on_request_end([])
    protocol.pauses_after = b"a"
    transport.resume_reading()
    assert protocol.heard == [b"a"]
    transport.resume_reading()
    assert protocol.heard == [b"a", "eof"]


async def test_the_clients_end_closes_the_transport_unless_the_protocol_stays(transport, protocol, side):
    protocol.stays = True
    transport.on_request_end([])
    transport.write(b"more")
    assert (protocol.heard, side.body, side.calls) == (["eof"], b"more", [])
    transport.close()
    await settled()
    assert (protocol.heard, side.calls) == (["eof", GONE], ["end", "done"])


async def test_a_protocol_that_says_nothing_ends_with_the_client(transport, protocol, side):
    transport.on_request_end([])
    assert transport.is_closing()
    await settled()
    assert (protocol.heard, side.calls) == (["eof", GONE], ["end", "done"])


async def test_our_end_comes_behind_what_was_written_and_once(transport, protocol, side):
    transport.write(b"last")
    assert transport.can_write_eof()
    transport.write_eof()
    transport.write_eof()
    transport.write(b"too late")
    assert (side.body, side.calls) == (b"last", ["end"])
    transport.on_request_body(b"heard still")
    transport.close()
    transport.close()
    await settled()
    assert protocol.heard == [b"heard still", GONE]
    assert side.calls == ["end", "done"]


async def test_after_the_close_nothing_is_heard_or_paced(transport, protocol, side):
    transport.close()
    transport.on_request_body(b"late")
    transport.on_request_end([])
    transport.pause_reading()
    transport.resume_reading()
    transport.write(b"late")
    await settled()
    assert (protocol.heard, side.body, side.upload_paused) == ([GONE], b"", False)
    assert not transport.is_reading()


async def test_an_abort_resets_the_stream_and_is_heard_once(transport, protocol, side):
    transport.abort()
    transport.abort()
    transport.on_client_gone()
    await settled()
    assert (protocol.heard, side.calls) == ([GONE], ["abort"])


async def test_a_request_that_breaks_the_protocol_is_cut(transport, protocol, side):
    transport.on_request_malformed("more DATA than announced")
    await settled()
    assert (protocol.heard, side.calls) == ([GONE], ["abort"])


async def test_a_client_that_is_gone_is_heard_with_its_cause(transport, protocol, side):
    side.waiting_bytes = 9
    transport.on_client_gone()
    transport.on_client_gone()
    assert transport.get_write_buffer_size() == 0
    assert transport.is_closing()
    await settled()
    assert (protocol.heard, side.calls) == ([("lost", ConnectionResetError)], [])


async def test_a_client_that_takes_nothing_stops_the_protocol_until_it_does(transport, protocol):
    transport.set_write_buffer_limits(1, 0)  # the stream's own bounds hold
    for step in (transport.on_client_blocked, transport.on_client_blocked):
        step()
    assert protocol.heard == ["pause"]
    for step in (transport.on_client_writable, transport.on_client_writable):
        step()
    assert protocol.heard == ["pause", "resume"]


async def test_a_transport_without_a_protocol_yet_says_nothing(side):
    bare = StreamTransport(side, side, FakeTransport())
    bare.on_client_blocked()
    bare.on_client_writable()
    bare.on_deadline(0.0)
    bare.on_request_body(b"nobody is there")
    bare.on_request_end([])
    bare.abort()
    await settled()
    assert side.calls == ["abort"]


async def test_it_knows_what_its_connection_knows(transport, protocol):
    assert transport.get_extra_info("peername") == ("192.0.2.1", 40_000)
    assert transport.get_extra_info("sslcontext") is not None
    assert transport.get_extra_info("unheard", 1) == 1
    assert transport.get_protocol() is protocol
