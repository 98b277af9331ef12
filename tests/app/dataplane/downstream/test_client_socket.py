"""A client's socket: its place among the others, its peer, its reading paused and resumed, what the client takes."""

import pytest

from app.dataplane.downstream.client_socket import (
    HIGH_WATER_BYTES,
    ClientSocket,
    client_peer,
    join_open_clients,
)
from app.dataplane.downstream.tls_transport import TlsSession
from app.dataplane.proxy.entrance import OWN_PORT
from tests.fakes.driven_exchange import gateway_text
from tests.fakes.manual_loop import ManualLoop
from tests.fakes.proxy import context_of
from tests.fakes.transport import FakeTransport


class Held:
    """A socket with what stands around it."""

    def __init__(self, **of_transport):
        self.loop = ManualLoop()
        self.context = context_of(gateway_text(), self.loop, MAX_CONNECTIONS="1")
        self.transport = FakeTransport(**of_transport)
        self.socket = ClientSocket(self.transport, self.context.disconnects)

    @property
    def looks(self):
        """How often the poller is about to look whether clients are gone."""
        return self.loop.waiting.count(0.5)


@pytest.fixture
async def held():
    return Held()


async def test_there_is_room_for_max_connections_and_one_more_is_ended(held):
    first, second = object(), object()
    assert join_open_clients(first, held.transport, held.context, held.context.own_entrance)
    assert (held.transport.high_bytes, held.transport.aborted) == (HIGH_WATER_BYTES, False)
    assert not join_open_clients(second, held.transport, held.context, held.context.own_entrance)
    assert held.transport.aborted
    assert held.context.open_clients == {first}


@pytest.mark.parametrize(("tls", "scheme"), [(True, b"https"), (False, b"http")])
async def test_a_peer_is_known_by_address_and_scheme(tls, scheme):
    held = Held(tls=tls)
    peer = client_peer(held.transport, held.context, held.context.own_entrance)
    assert (peer.peer_ip, peer.scheme) == (held.transport.get_extra_info("peername")[0], scheme)
    assert (peer.port, peer.server_name) == (OWN_PORT, None)


async def test_a_peer_of_a_listeners_port_is_known_by_that_and_the_server_name(held):
    entrance, session = held.context.entrance(20001), TlsSession.__new__(TlsSession)
    session.server_name = "a.example"
    held.transport.get_extra_info = {"sslcontext": True, "ssl_object": session}.get
    peer = client_peer(held.transport, held.context, entrance)
    assert (peer.scheme, peer.port, peer.server_name) == (b"https", 20001, b"a.example")
    assert (peer.http2.port, peer.http2.server_name) == (20001, b"a.example")
    held.transport.get_extra_info = {}.get
    plain = client_peer(held.transport, held.context, entrance)
    assert (plain.scheme, plain.port, plain.server_name) == (b"http", 20001, None)


async def test_reading_is_paused_and_resumed_once(held):
    socket = held.socket
    socket.resume_reading()
    socket.pause_reading(watched=False)
    assert (socket.read_paused, held.looks) == (True, 0)
    socket.pause_reading(watched=True)
    assert held.looks == 1
    socket.resume_reading()
    socket.resume_reading()
    assert held.transport.calls == ["pause_reading", "resume_reading"]


async def test_a_transport_that_is_closing_is_left_alone(held):
    held.socket.pause_reading(watched=True)
    held.transport.close()
    held.socket.resume_reading()
    held.socket.pause_reading(watched=False)
    assert held.socket.read_paused
    assert held.transport.calls == ["pause_reading"]


async def test_a_client_takes_more_while_what_it_is_owed_becomes_less(held):
    assert not held.socket.takes_more()
    held.transport.stall()
    held.transport.write(b"x" * 10)
    assert [held.socket.takes_more() for _ in range(2)] == [True, False]
    held.transport._unsent_bytes = 5
    assert [held.socket.takes_more() for _ in range(2)] == [True, False]
    held.transport._unsent_bytes = 0
    assert not held.socket.takes_more()


async def test_the_poller_ends_a_client_that_is_gone(held):
    held.socket.abort()
    assert held.transport.aborted
