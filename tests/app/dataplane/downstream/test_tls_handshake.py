"""The handshake of a TLS connection, without sockets: what it costs, what it delivers, when it ends."""

import ssl

import pytest
from uvicorn.protocols.utils import is_ssl

from app.dataplane.downstream.tls_transport import TlsSession
from tests.fakes.tls_pair import MOST_CONNECTIONS, Pair, with_want_read

# Handshake


async def test_the_inner_protocol_is_made_when_the_handshake_is_complete(pair, listener):
    assert pair.inner.heard == ["made"]
    assert pair.connection.inner is pair.inner
    assert listener.entrance.open_clients == set()
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
    assert listener.entrance.open_clients == {pair.connection for pair in held}
    over = Pair(listener, trusting)
    assert (over.socket.calls, over.connection in listener.entrance.open_clients) == (["abort"], False)
    over.connection.connection_lost(None)
    held[0].connection.connection_lost(None)
    assert listener.entrance.open_clients == {pair.connection for pair in held[1:]}
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
    assert (listener.entrance.open_clients, pair.inner.heard) == (set(), [])


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
