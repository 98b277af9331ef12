"""TLS connections without sockets: bytes in, expected calls out. The client is OpenSSL's own other side."""

import asyncio
import gc
import ssl
import weakref
from typing import Any

import pytest
import trustme
from uvicorn.protocols.utils import is_ssl

from app.dataplane.downstream.tls_connection import TlsConnection, TlsListener
from app.dataplane.downstream.tls_transport import TlsSession
from app.dataplane.eventloop.timer_wheel import Wheel

MOST_CONNECTIONS = 3
HANDSHAKE_S = 10.0


class Socket(asyncio.Transport):
    """What the connection does to its socket. `waiting_bytes`: what the client has not taken."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5), "socket": self})
        self.written: list[bytes] = []
        self.calls: list[str] = []
        self.waiting_bytes = 0
        self.limits: tuple[int | None, int | None] = (None, None)

    def write(self, data: Any) -> None:
        assert data
        self.written.append(data)

    def writelines(self, list_of_data: Any) -> None:
        self.written += list_of_data

    def take(self) -> bytes:
        data, self.written = b"".join(self.written), []
        return data

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 1, 2

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = high, low

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


class Inner(asyncio.Protocol):
    """What the protocol above hears. `on_made`: what it does with its transport at once."""

    def __init__(self, on_made: Any = None) -> None:
        self.heard: list[Any] = []
        self.on_made = on_made

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.heard.append("made")
        if self.on_made is not None:
            self.on_made(transport)

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def eof_received(self) -> None:
        self.heard.append("eof")

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append(("lost", exc))


class Pair:
    """A connection, its socket and the client at the other end of it."""

    def __init__(self, listener: TlsListener, trusting: ssl.SSLContext, inner: Inner | None = None) -> None:
        self.inner = inner or Inner()
        self.socket = Socket()
        self.connection = TlsConnection(listener, lambda _agreed: self.inner)
        self.connection.connection_made(self.socket)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trusting.wrap_bio(self._incoming, self._outgoing, server_hostname="gate.example")

    def sent(self) -> bytes:
        """What the client has to send."""
        return self._outgoing.read()

    def answer(self) -> None:
        """What the connection has to say."""
        self._incoming.write(self.socket.take())

    def pass_on(self) -> None:
        """What either side has to say, until both are silent."""
        while (data := self.sent()) or self.socket.written:
            if data and not self.socket.is_closing():
                self.connection.data_received(data)
            self.answer()

    def shake_hands(self) -> "Pair":
        for _ in range(3):
            with_want_read(self.client.do_handshake)
            self.pass_on()
        return self

    def send(self, data: bytes) -> None:
        self.client.write(data)
        self.pass_on()

    def read(self) -> bytes:
        """All that has come; b"" after close_notify too."""
        self.pass_on()
        got = b""
        while data := with_want_read(lambda: self.client.read(1 << 20)):
            got += data
        return got

    def is_closed_by_notice(self) -> bool:
        """The client has read all, and then close_notify."""
        self.pass_on()
        try:
            return self.client.read(1) == b""
        except ssl.SSLZeroReturnError:  # it has sent its own
            return True


def with_want_read(call: Any) -> Any:
    try:
        return call()
    except ssl.SSLWantReadError:
        return None


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
def trusting(authority, request):
    context = ssl.create_default_context()
    context.maximum_version = request.param
    context.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(context)
    return context


@pytest.fixture
async def listener(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gate.example", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = TlsSession
    wheel = Wheel(asyncio.get_running_loop())
    yield TlsListener(context, set(), MOST_CONNECTIONS, wheel, HANDSHAKE_S)
    wheel.stop()


@pytest.fixture
def pair(listener, trusting):
    return Pair(listener, trusting).shake_hands()


# Handshake


async def test_the_inner_protocol_is_made_when_the_handshake_is_complete(pair, listener):
    assert pair.inner.heard == ["made"]
    assert pair.connection.inner is pair.inner
    assert listener.open_clients == set()
    assert pair.socket.calls == []


async def test_the_transport_tells_of_the_session_and_of_the_socket(pair, trusting):
    transport = pair.inner.transport
    session = transport.get_extra_info("ssl_object")
    assert (session.selected_alpn_protocol(), session.version()) == ("http/1.1", pair.client.version())
    assert transport.get_extra_info("cipher") == session.cipher()
    assert transport.get_extra_info("peercert") is None
    assert isinstance(transport.get_extra_info("sslcontext"), ssl.SSLContext)
    assert is_ssl(transport)
    assert transport.get_extra_info("peername") == ("192.0.2.1", 5)
    assert transport.get_extra_info("other", "default") == "default"


async def test_a_connection_counts_from_its_first_moment_and_one_too_many_is_aborted(listener, trusting):
    held = [Pair(listener, trusting) for _ in range(MOST_CONNECTIONS)]
    assert listener.open_clients == {pair.connection for pair in held}
    over = Pair(listener, trusting)
    assert (over.socket.calls, over.connection in listener.open_clients) == (["abort"], False)
    over.connection.connection_lost(None)
    held[0].connection.connection_lost(None)
    assert listener.open_clients == {pair.connection for pair in held[1:]}
    assert Pair(listener, trusting).socket.calls == []


@pytest.mark.parametrize("sent_bytes", [0, 50])
async def test_a_handshake_that_is_not_complete_in_time_is_cut_off(listener, trusting, sent_bytes):
    pair = Pair(listener, trusting)
    with_want_read(pair.client.do_handshake)
    if sent_bytes:
        pair.connection.data_received(pair.sent()[:sent_bytes])
    listener.wheel.turn(pair.connection.deadline_s - 1)
    assert pair.socket.calls == []
    listener.wheel.turn(pair.connection.deadline_s + 1)
    assert pair.socket.calls == ["abort"]
    pair.connection.connection_lost(None)
    assert (listener.open_clients, pair.inner.heard) == (set(), [])


async def test_a_complete_handshake_has_no_deadline_any_more(listener, trusting):
    pair = Pair(listener, trusting)
    deadline_s = pair.connection.deadline_s
    pair.shake_hands()
    listener.wheel.turn(deadline_s + 1)
    assert pair.socket.calls == []


async def test_a_silent_connection_costs_no_tls_state(listener, trusting):
    made = []
    listener.context.sslobject_class = type(
        "Counted", (TlsSession,), {"_create": classmethod(lambda *_, **__: made.append(1))}
    )
    Pair(listener, trusting).connection.connection_lost(None)
    assert made == []


async def test_what_came_with_the_end_of_the_handshake_is_delivered_after_it(listener, trusting):
    pair = Pair(listener, trusting)
    with_want_read(pair.client.do_handshake)
    pair.connection.data_received(pair.sent())
    pair.answer()
    with_want_read(pair.client.do_handshake)
    if trusting.maximum_version == ssl.TLSVersion.TLSv1_2:  # there the server's is the last word
        pair.pass_on()
        pair.client.do_handshake()
    pair.client.write(b"early")
    pair.connection.data_received(pair.sent())
    assert pair.inner.heard == ["made", b"early"]


async def test_a_handshake_in_single_bytes_is_as_good(listener, trusting):
    pair = Pair(listener, trusting)
    for _ in range(3):
        with_want_read(pair.client.do_handshake)
        for byte in pair.sent():
            pair.connection.data_received(bytes([byte]))
        pair.answer()
    assert pair.inner.heard == ["made"]


async def test_the_drain_may_close_a_handshake(listener, trusting):
    pair = Pair(listener, trusting)
    assert pair.connection.busy is False
    pair.connection.prepare_to_end()
    assert (pair.connection.quiet_s(5.0, 2.0), pair.socket.calls) == (3.0, [])
    pair.connection.close()
    assert pair.socket.calls == ["close"]


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
