import asyncio
import ssl

import pytest
import trustme

from app.dataplane.downstream import (
    connection_life,
    http1_connection,
    http2_connection,
    http2_life,
    http2_stream,
)
from app.dataplane.downstream.tls_connection import TlsListener
from app.dataplane.downstream.tls_transport import TlsSession
from app.dataplane.eventloop import timer_wheel
from app.dataplane.eventloop.timer_wheel import Wheel
from app.dataplane.proxy import attempt, attempts, exchange, relay
from app.dataplane.proxy.entrance import Entrance
from tests.fakes.connected_client import ConnectedClient
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import Clock
from tests.fakes.tls_pair import HANDSHAKE_S, MOST_CONNECTIONS, Pair


@pytest.fixture
def clock(monkeypatch):
    """The time as connections, exchanges, their attempts and the wheel see it."""
    clock = Clock()
    of_http2 = (http2_connection, http2_life, http2_stream)
    for module in (
        attempt,
        attempts,
        exchange,
        relay,
        connection_life,
        http1_connection,
        timer_wheel,
        *of_http2,
    ):
        monkeypatch.setattr(module, "now_s", clock)
    return clock


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
    yield TlsListener(context, Entrance(1, set(), set()), MOST_CONNECTIONS, wheel, HANDSHAKE_S)
    wheel.stop()


@pytest.fixture
def pair(listener, trusting):
    return Pair(listener, trusting).shake_hands()


@pytest.fixture
def proxy(clock):
    """A route for /a and for everything that is not /none."""

    def made(*stanzas, **environment):
        text = gateway_text(*stanzas).replace("{prefix: /}", "{path: /}")
        text = text.replace("{path: {path: /}}", "{path: {exact: /}}")
        return Proxy(clock, text, **environment)

    return made


@pytest.fixture
def connect(proxy):
    def made(*stanzas, tls=False, sock=None, **environment):
        return ConnectedClient(proxy(*stanzas, **environment), tls=tls, sock=sock)

    return made
