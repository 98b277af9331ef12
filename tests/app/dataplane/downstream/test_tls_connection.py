"""TLS connections without sockets: bytes in, expected calls out. The client is OpenSSL's own other side."""

import asyncio
import gc
import ssl
import weakref

import pytest

from tests.fakes.tls_pair import Inner, Pair, with_want_read

# Reading


async def test_a_record_that_comes_in_single_bytes_is_delivered_once_and_whole(pair):
    pair.client.write(b"x" * 1000)
    for byte in pair.sent():
        pair.connection.data_received(bytes([byte]))
    assert pair.inner.heard == ["made", b"x" * 1000]


async def test_many_records_in_one_read_are_delivered_at_once(pair):
    for number in range(500):
        pair.client.write(b"%d," % number)
    pair.pass_on()
    assert pair.inner.heard == ["made", b"".join(b"%d," % number for number in range(500))]


@pytest.mark.parametrize("read_bytes", [1, 4, 5, 7, 4096, 16_406, 65_536, 262_144])
async def test_a_large_body_arrives_whole_however_the_socket_cuts_it(pair, read_bytes):
    body = bytes(range(251)) * (40 if read_bytes < 10 else 2000)
    pair.client.write(body)
    encrypted = pair.sent()
    for start in range(0, len(encrypted), read_bytes):
        pair.connection.data_received(encrypted[start : start + read_bytes])
    assert b"".join(pair.inner.heard[1:]) == body


async def test_a_paused_reader_pauses_the_socket(pair):
    transport = pair.inner.transport
    transport.pause_reading()
    assert (pair.socket.calls, transport.is_reading()) == (["pause"], False)
    transport.resume_reading()
    transport.resume_reading()
    assert (pair.socket.calls, transport.is_reading()) == (["pause", "resume"], True)


async def test_a_reader_paused_from_the_start_is_fed_only_after_it_resumes(listener, trusting):
    pair = Pair(listener, trusting, Inner(lambda transport: transport.pause_reading()))
    pair.shake_hands()
    pair.send(b"one")
    pair.send(b"two")
    assert pair.inner.heard == ["made"]
    pair.inner.transport.resume_reading()
    assert pair.inner.heard == ["made"]  # never within the call
    await asyncio.sleep(0)
    assert pair.inner.heard == ["made", b"onetwo"]
    assert pair.socket.calls == ["pause", "resume"]


async def test_a_reader_that_pauses_again_before_it_was_fed_is_not_fed(listener, trusting):
    pair = Pair(listener, trusting, Inner(lambda transport: transport.pause_reading()))
    pair.shake_hands()
    pair.send(b"one")
    pair.inner.transport.resume_reading()
    pair.inner.transport.pause_reading()
    await asyncio.sleep(0)
    assert pair.inner.heard == ["made"]
    pair.inner.transport.resume_reading()
    await asyncio.sleep(0)
    assert pair.inner.heard == ["made", b"one"]


async def test_another_protocol_may_take_the_connection_over(pair):
    other = Inner()
    pair.inner.transport.set_protocol(other)
    assert pair.inner.transport.get_protocol() is other
    pair.send(b"for the other")
    pair.connection.connection_lost(None)
    assert (pair.inner.heard, other.heard) == (["made"], [b"for the other", ("lost", None)])


# Writing


@pytest.mark.parametrize("length", [1, 8 * 1024, 8 * 1024 + 1, 16 * 1024, 1_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_what_is_written_is_read_by_the_client(pair, length, kind):
    data = bytes(length - 1) + b"!"
    pair.inner.transport.write(kind(data))
    assert pair.read() == data


async def test_nothing_written_is_no_record(pair):
    pair.inner.transport.write(b"")
    assert pair.socket.written == []


async def test_a_small_response_is_one_write(pair):
    pair.inner.transport.write(b"x" * 500)
    assert len(pair.socket.written) == 1


async def test_several_pieces_may_be_written_together(pair):
    pair.inner.transport.writelines([b"a", b"b" * 9000])
    assert pair.read() == b"a" + b"b" * 9000


async def test_back_pressure_is_the_sockets(pair):
    transport = pair.inner.transport
    transport.set_write_buffer_limits(9)
    pair.socket.waiting_bytes = 7
    assert (pair.socket.limits, transport.get_write_buffer_size()) == ((9, None), 7)
    assert transport.get_write_buffer_limits() == (1, 2)
    pair.connection.pause_writing()
    pair.connection.resume_writing()
    assert pair.inner.heard == ["made", "pause", "resume"]


async def test_before_the_handshake_is_complete_nobody_is_told_of_back_pressure(listener, trusting):
    pair = Pair(listener, trusting)
    pair.connection.pause_writing()
    pair.connection.resume_writing()
    assert pair.inner.heard == []


async def test_half_of_a_connection_cannot_be_closed(pair):
    assert pair.inner.transport.can_write_eof() is False


# The end


async def test_a_close_is_told_after_what_was_written(pair):
    transport = pair.inner.transport
    transport.write(b"last words")
    transport.close()
    transport.close()
    transport.write(b"too late")
    assert (pair.socket.calls, transport.is_closing()) == (["close"], True)
    assert pair.read() == b"last words"
    assert pair.is_closed_by_notice()


async def test_a_close_amid_a_record_of_the_client_is_told_too(pair):
    pair.client.write(b"x" * 1000)
    pair.connection.data_received(pair.sent()[:500])
    pair.inner.transport.close()
    assert pair.is_closed_by_notice()


async def test_an_abort_says_nothing(pair):
    pair.inner.transport.abort()
    assert (pair.socket.calls, pair.socket.written) == (["abort"], [])


async def test_nothing_is_delivered_after_a_close(listener, trusting):
    pair = Pair(listener, trusting, Inner(lambda transport: transport.close()))
    pair.shake_hands()
    pair.client.write(b"x")
    pair.connection.data_received(pair.sent())
    assert pair.inner.heard == ["made"]
    pair.inner.transport.pause_reading()
    pair.inner.transport.resume_reading()
    assert pair.socket.calls == ["close"]


async def test_the_clients_close_is_the_end_of_the_stream_after_its_data(pair):
    pair.client.write(b"data")
    with_want_read(pair.client.unwrap)
    pair.connection.data_received(pair.sent())
    assert pair.inner.heard == ["made", b"data", "eof"]
    assert pair.socket.calls == ["close"]
    assert pair.is_closed_by_notice()


async def test_the_clients_close_alone_ends_the_stream(pair):
    with_want_read(pair.client.unwrap)
    pair.connection.data_received(pair.sent())
    assert (pair.inner.heard, pair.socket.calls) == (["made", "eof"], ["close"])


async def test_the_clients_close_waits_for_a_paused_reader(listener, trusting):
    pair = Pair(listener, trusting, Inner(lambda transport: transport.pause_reading()))
    pair.shake_hands()
    pair.client.write(b"data")
    with_want_read(pair.client.unwrap)
    pair.connection.data_received(pair.sent())
    assert pair.inner.heard == ["made"]
    pair.inner.transport.resume_reading()
    await asyncio.sleep(0)
    assert pair.inner.heard == ["made", b"data", "eof"]
    assert pair.socket.calls == ["pause", "close"]


async def test_a_stream_that_just_ends_is_a_lost_connection(pair):
    assert pair.connection.eof_received() is None
    error = ConnectionResetError()
    pair.connection.connection_lost(error)
    assert pair.inner.heard == ["made", ("lost", error)]


async def test_a_record_that_was_tampered_with_is_answered_by_an_alert_and_ends_the_connection(pair):
    pair.client.write(b"data")
    record = bytearray(pair.sent())
    record[-1] ^= 1
    pair.connection.data_received(bytes(record))
    assert (pair.inner.heard, pair.socket.calls) == (["made"], ["close"])
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        pair.read()


async def test_a_fault_of_a_client_that_takes_nothing_aborts(pair):
    pair.socket.waiting_bytes = 1000
    pair.connection.data_received(b"\x17\x03\x03\x00\x20" + b"junk" * 8)
    assert (pair.inner.heard, pair.socket.calls) == (["made"], ["abort"])


async def test_a_client_without_a_common_version_gets_an_alert(listener, trusting):
    listener.context.minimum_version = ssl.TLSVersion.TLSv1_3
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    pair = Pair(listener, trusting)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        pair.shake_hands()
    assert (pair.inner.heard, pair.socket.calls) == ([], ["close"])


async def test_a_closed_connection_is_freed_without_the_collector(listener, trusting):
    gc.collect()
    gc.disable()
    try:
        pair = Pair(listener, trusting).shake_hands()
        pair.send(b"x")
        kept = [
            weakref.ref(each)
            for each in (pair.connection.inner, pair.inner.transport.get_extra_info("ssl_object"))
        ]
        pair.connection.connection_lost(None)
        del pair
        assert [each() for each in kept] == [None, None]
    finally:
        gc.enable()
