"""Ports of listeners without clients: what is open, what is not, and who hears of it. With clients: scenarios."""

import asyncio
import socket
from functools import partial
from typing import Any

import pytest

from app.config.model import CertificateName, ClientCertificates, Listener, ListenerName, ListenerProtocol
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.serving.listener import listen
from app.gateway.certificates import Certificates
from app.gateway.listener_ports import ListenerPorts
from tests.fakes.certificates import Authority
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.process import free_port
from tests.fakes.unaccepted import unaccepted
from tests.fakes.waiting import until

HTTPS = ListenerProtocol.HTTPS


def plain(port: int, name: str = "web") -> Listener:
    return Listener(ListenerName(name), port)


def secure(port: int, **of: Any) -> Listener:
    return Listener(ListenerName("web"), port, HTTPS, certificates=(CertificateName("shop"),), **of)


class Ports:
    """`heard`: how often a change was told."""

    def __init__(self, parts: GatewayParts, open_socket=listen) -> None:
        self.parts = parts
        self.heard = 0
        self.certificates = Certificates()
        self.all = ListenerPorts(
            parts.context,
            self.certificates,
            parts.tasks,
            open_socket,
            lambda: setattr(self, "heard", self.heard + 1),
        )

    async def follow(self, *listeners: Listener, **client_cas: str) -> None:
        await self.all.follow(listeners, client_cas)


@pytest.fixture
async def parts(tmp_path):
    made = GatewayParts(tmp_path, HOST="127.0.0.1")
    yield made
    assert made.faults == []
    await made.close()


def _are_closed(servers: list[asyncio.Server]) -> bool:
    return not any(each.is_serving() for each in servers)


@pytest.fixture
async def opened(parts):
    """Makes ports, which are closed after the test."""
    made = []

    def opened_with(*more):
        made.append(Ports(parts, *more))
        return made[-1]

    yield opened_with
    for ports in made:
        servers = ports.all.servers
        await ports.follow()
        await until(partial(_are_closed, servers), "the end")


async def test_nothing_is_open_before_a_listener_asks_for_it(opened):
    ports = opened()
    await ports.follow()
    assert (ports.all.bound, ports.all.faults, ports.all.servers) == ((), {}, [])
    ports.all.retry(0.0)


async def test_listeners_of_one_port_share_it(opened):
    port, ports = free_port(), opened()
    await ports.follow(plain(port), plain(port, "other"))
    assert ports.all.bound == (port,)
    assert len(ports.all.servers) == 1
    before = ports.all.servers[0]
    await ports.follow(plain(port))
    assert ports.all.servers == [before]
    await ports.follow()
    assert ports.all.bound == ()
    await until(lambda: not before.is_serving(), "the end")


async def test_who_waits_at_a_port_that_closes_is_accepted_first(parts, opened):
    port, ports = free_port(), opened()
    await ports.follow(plain(port))
    with unaccepted(port, 20, b"GET / HTTP/1.1\r\n"):
        await ports.follow()
        assert len(parts.context.open_clients) == 20


async def test_a_port_without_its_address_is_tried_again_until_it_is_not_wanted_any_more(opened):
    asked = []

    def open_socket(host: str, port: int, what: str) -> socket.socket:
        asked.append(what)
        raise ConfigFaults([ConfigFault(what, "is of another machine", "take one of this")])

    ports = opened(open_socket)
    await ports.follow(plain(7))
    assert ports.all.faults == {7: "the port of listener web: is of another machine; take one of this"}
    ports.all.retry(0.0)
    await until(lambda: len(asked) == 2, "another try")
    assert ports.heard == 1
    await ports.follow()
    assert ports.all.faults == {}


async def test_a_port_waits_for_a_ca_that_can_be_read(opened):
    authority, port, ports = Authority(), free_port(), opened()
    asking = secure(port, client_certificates=ClientCertificates(ca="no certificate"))
    await ports.follow(asking)
    assert ports.all.bound == ()
    assert "the CA certificates for clients cannot be used" in ports.all.faults[port]
    await ports.follow(secure(port, client_certificates=ClientCertificates(ca=authority.pem)))
    assert (ports.all.bound, ports.all.faults) == ((port,), {})
    await ports.certificates.take({"shop": authority.pair("shop.example")})
    await ports.follow(asking)
    assert (ports.all.bound, list(ports.all.faults)) == ((port,), [port])


async def test_a_port_in_clear_closes_where_tls_is_wanted_and_cannot_be_had(parts, opened):
    port, ports = free_port(), opened()
    await ports.follow(plain(port))
    with unaccepted(port, 2) as waiting:
        await ports.follow(secure(port, client_certificates=ClientCertificates(ca_file="ca.pem")))
        for client in waiting:
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(client.recv, 1)
    assert parts.context.open_clients == set()
    assert (ports.all.bound, list(ports.all.faults)) == ((), [port])
    await ports.follow(
        secure(port, client_certificates=ClientCertificates(ca_file="ca.pem", is_required=False))
    )
    assert ports.all.bound == (port,)
