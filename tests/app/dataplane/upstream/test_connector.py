"""Which protocol a connection speaks once it is made, and why there is none; no socket."""

import asyncio
import ssl
from typing import Any, cast

import pytest
import trustme

from app.config.model import Endpoint, UpstreamProtocol, UpstreamTls
from app.dataplane.upstream.connector import Connector, client_context
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_connection import Http2Connection
from app.foundation.key_pair import KeyPair
from tests.fakes.http2_peer import Http2Peer
from tests.fakes.network import Network, Transport

AUTO, HTTP1, H2 = UpstreamProtocol
CLEAR = Endpoint("in.example", 80)
SECURE = Endpoint("in.example", 443, tls=True)
CONTEXT = ssl.create_default_context()


class Nobody:
    def forget(self, connection: UpstreamConnection) -> None: ...
    def forget_http2(self, connection: Http2Connection) -> None: ...


def greets(transport: Transport) -> None:
    """The server's SETTINGS, a little later."""
    asyncio.get_running_loop().create_task(Http2Peer(transport).begin())


async def connect(
    network: Network,
    endpoint: Endpoint,
    protocol: UpstreamProtocol,
    http1: bool = False,
    timeout_s: float = 5.0,
) -> Any:
    loop = cast(asyncio.AbstractEventLoop, network)
    plain = ssl.create_default_context()
    connector = Connector(loop, CONTEXT, None, protocol, lambda _: plain)
    return await connector.connect(Nobody(), endpoint, "10.0.0.1", timeout_s, http1)


@pytest.mark.parametrize(
    ("endpoint", "protocol", "alpn", "http1", "kind"),
    [
        (CLEAR, AUTO, None, False, UpstreamConnection),
        (CLEAR, HTTP1, None, False, UpstreamConnection),
        (CLEAR, H2, None, False, Http2Connection),
        (SECURE, AUTO, "h2", False, Http2Connection),
        (SECURE, AUTO, "http/1.1", False, UpstreamConnection),
        (SECURE, AUTO, None, False, UpstreamConnection),
        (SECURE, AUTO, "http/1.1", True, UpstreamConnection),
        (SECURE, HTTP1, "http/1.1", False, UpstreamConnection),
        (SECURE, HTTP1, None, False, UpstreamConnection),
        (SECURE, H2, "h2", False, Http2Connection),
    ],
)
async def test_the_protocol_is_what_is_set_and_what_alpn_agrees_on(endpoint, protocol, alpn, http1, kind):
    network = Network()
    network.alpn = alpn
    if kind is Http2Connection:
        network.arrange = greets
    connection = await connect(network, endpoint, protocol, http1)
    assert type(connection) is kind
    assert not network.made[0].aborted


@pytest.mark.parametrize(("alpn", "agreed"), [("http/1.1", "http/1.1"), (None, "no protocol")])
async def test_h2_that_alpn_does_not_agree_on_is_a_failure(alpn, agreed):
    network = Network()
    network.alpn = alpn
    failure = await connect(network, SECURE, H2)
    assert (failure.reason, failure.detail) == (
        "upstream_protocol",
        f"it agrees on {agreed} (ALPN), and protocol: h2 is set",
    )
    assert network.made[0].aborted
    (made,) = network.made
    made.lose()  # nobody hears of it
    made.connection.data_received(b"x")
    made.connection.eof_received()
    cast(Any, made.connection).pause_writing()
    cast(Any, made.connection).resume_writing()


async def test_a_server_that_takes_none_of_our_protocols_is_named_as_such():
    network = Network()
    network.reject = ssl.SSLError(1, "alert")
    cast(Any, network.reject).reason = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
    failure = await connect(network, SECURE, H2)
    assert (failure.reason, failure.detail) == (
        "upstream_protocol",
        "it does not take the protocol that is set for it (ALPN)",
    )


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ConnectionResetError(), "ConnectionResetError"),
        (ssl.SSLCertVerificationError(1, "x"), "x"),
    ],
)
async def test_what_the_system_says_is_passed_on(error, detail):
    network = Network()
    network.reject = error
    failure = await connect(network, CLEAR, AUTO)
    assert (failure.reason, failure.detail) == ("upstream_connect", detail)


async def test_what_does_not_speak_http2_in_clear_is_a_failure():
    network = Network()
    network.arrange = lambda transport: transport.connection.data_received(b"HTTP/1.1 400 Bad\r\n\r\n")
    failure = await connect(network, CLEAR, H2)
    assert (failure.reason, failure.detail) == (
        "upstream_protocol",
        "it responds in HTTP/1.1, not in HTTP/2",
    )
    assert network.made[0].aborted


async def test_an_upstream_that_never_sends_settings_is_given_up_in_time():
    network = Network()
    failure = await connect(network, CLEAR, H2, timeout_s=0.01)
    assert (failure.reason, failure.detail) == (
        "upstream_connect",
        "connected, but no SETTINGS of HTTP/2 within 0.01 s",
    )
    assert network.made[0].aborted


@pytest.mark.parametrize("endpoint", [CLEAR, SECURE])
async def test_one_that_is_given_up_leaves_no_connection(endpoint):
    network = Network()
    network.alpn = "h2"
    connecting: asyncio.Future[Any] = asyncio.ensure_future(connect(network, endpoint, H2))
    for _ in range(3):
        await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert network.made[0].aborted


async def test_http1_alone_is_offered_for_what_http2_cannot_carry():
    network = Network()
    await connect(network, SECURE, AUTO, http1=True)
    await connect(network, SECURE, AUTO)
    first, second = (asked["ssl"] for asked in network.asked)
    assert first is not CONTEXT
    assert second is CONTEXT


def test_the_context_for_http1_is_made_once():
    made = []

    def make(protocol: UpstreamProtocol) -> ssl.SSLContext:
        made.append(protocol)
        return ssl.create_default_context()

    loop = cast(asyncio.AbstractEventLoop, None)
    connector = Connector(loop, CONTEXT, None, AUTO, make)
    assert connector._context(True) is connector._context(True) is not CONTEXT
    assert made == [HTTP1]
    assert Connector(loop, CONTEXT, None, HTTP1, make)._context(True) is CONTEXT


def test_the_connector_for_http2_alone_is_made_once_with_its_context():
    made = []

    def make(protocol: UpstreamProtocol) -> ssl.SSLContext:
        made.append(protocol)
        return ssl.create_default_context()

    loop = cast(asyncio.AbstractEventLoop, None)
    connector = Connector(loop, CONTEXT, "in.example", AUTO, make)
    other = connector.over_http2()
    assert connector.over_http2() is other.over_http2() is other
    assert (other.protocol, other.server_name, made) == (H2, "in.example", [H2])
    assert other.tls is not CONTEXT
    assert Connector(loop, None, None, AUTO, make).over_http2().tls is None
    assert made == [H2]


def test_a_context_verifies():
    for protocol in UpstreamProtocol:
        context = client_context(UpstreamTls(), protocol)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


NAMED = {"subjectAltName": (("DNS", "in.example"), ("URI", "spiffe://shop/orders"))}


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
async def test_a_certificate_that_names_none_of_the_wanted_is_rejected_before_anything_is_sent(alpn):
    network = Network()
    network.alpn, network.certificate = alpn, NAMED
    loop = cast(asyncio.AbstractEventLoop, network)
    connector = Connector(loop, CONTEXT, None, AUTO, None, ("spiffe://shop/carts",))
    failure = await connector.connect(Nobody(), SECURE, "10.0.0.1", 5.0, False)
    assert not isinstance(failure, UpstreamConnection | Http2Connection)
    assert (failure.reason, failure.detail) == (
        "upstream_connect",
        "its certificate names in.example, spiffe://shop/orders, none of spiffe://shop/carts",
    )
    assert network.made[0].aborted


async def test_one_of_the_wanted_names_is_enough():
    network = Network()
    network.certificate = NAMED
    loop = cast(asyncio.AbstractEventLoop, network)
    connector = Connector(loop, CONTEXT, None, HTTP1, None, ("a.example", "spiffe://shop/orders"))
    made = await connector.connect(Nobody(), SECURE, "10.0.0.1", 5.0, False)
    assert isinstance(made, UpstreamConnection)
    assert connector.over_http2().subject_names == connector.subject_names
    made = await connector.connect(Nobody(), CLEAR, "10.0.0.1", 5.0, False)
    assert isinstance(made, UpstreamConnection)


def test_where_names_are_wanted_the_name_asked_for_does_not_decide():
    context = client_context(UpstreamTls(subject_names=("a.example",)))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_ca_may_be_a_text():
    authority = trustme.CA()
    context = client_context(UpstreamTls(ca=authority.cert_pem.bytes().decode()))
    assert len(context.get_ca_certs()) == 1
    with pytest.raises(OSError, match=r"no start line|not enough data|cadata"):
        client_context(UpstreamTls(ca="nothing"))


def pair_of(authority: trustme.CA, name: str) -> KeyPair:
    issued = authority.issue_cert(name)
    return KeyPair(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())


class Shown:
    """A context that notes what it is to show."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load_cert_chain(self, cert_path: str, key_path: str, password: str = "") -> None:
        self.calls.append("loaded")


def test_all_contexts_show_the_certificate_also_those_that_are_made_later():
    made: list[Any] = []

    def make(protocol: UpstreamProtocol) -> Any:
        made.append(Shown())
        return made[-1]

    loop, first, pair = cast(asyncio.AbstractEventLoop, None), Shown(), pair_of(trustme.CA(), "a.example")
    connector = Connector(loop, cast(Any, first), None, AUTO, make)
    connector._context(True)
    connector.show(pair)
    assert (first.calls, made[0].calls, connector.shown) == (["loaded"], ["loaded"], pair)
    other = connector.over_http2()
    assert made[1].calls == ["loaded"]
    connector.show(pair_of(trustme.CA(), "b.example"))
    assert made[1].calls == ["loaded", "loaded"]
    assert other.shown is connector.shown
