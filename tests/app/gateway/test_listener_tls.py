"""Whose certificate a client of a shared port sees: by its server name, from the handshakes of OpenSSL's own client."""

import ssl
from contextlib import suppress

import pytest
import trustme

from app.config.model import CertificateName, Listener, ListenerName, ListenerProtocol
from app.dataplane.downstream.tls_transport import TlsSession
from app.gateway.listener_tls import TlsContexts, port_context
from tests.fakes.certificates import Authority

ECDSA, RSA = trustme.KeyType.ECDSA, trustme.KeyType.RSA


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def pairs(authority):
    return {
        "all": authority.pair("all.example", "second.example", "x.wild.example"),
        "second": authority.pair("second.example"),
        "wild": authority.pair("*.wild.example"),
        "named": authority.pair("named.example"),
        "named-rsa": authority.pair("named.example", key_type=RSA),
    }


def listener(name: str, *hosts: str, certificates: tuple[str, ...] = ()) -> Listener:
    named = tuple(map(CertificateName, certificates or (name,)))
    return Listener(ListenerName(name), 20001, ListenerProtocol.HTTPS, hosts, named)


class Handshake:
    """Of a client for `name` with a port; `session`: the port's side."""

    def __init__(self, accepting: ssl.SSLContext, trusting: ssl.SSLContext, name: str | None) -> None:
        trusting.check_hostname = False
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
        server = accepting.wrap_bio(to_server, to_client, server_side=True)
        assert isinstance(server, TlsSession)
        self.session = server
        self.fault: ssl.SSLError | None = None
        for _ in range(4):
            for side in (self.client, server):
                try:
                    with suppress(ssl.SSLWantReadError):
                        side.do_handshake()
                except ssl.SSLError as fault:
                    self.fault = self.fault or fault

    @property
    def shown(self) -> set[str]:
        """The names of the certificate that the client saw; none where there was no handshake."""
        found = (self.client.getpeercert() or {}) if self.fault is None else {}
        return {str(each[1]) for each in found.get("subjectAltName", ())}


@pytest.fixture
def shake(authority, pairs):
    def shaken(listeners, name, *, client_ca=None, shown=None, held=pairs):
        accepting = port_context(listeners, held.get, client_ca, TlsContexts(http2=True))
        return Handshake(accepting, authority.client(shown), name)

    return shaken


SHARED = [listener("all"), listener("second", "second.example"), listener("wild", "*.wild.example")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("second.example", {"second.example"}),
        ("SECOND.example", {"second.example"}),
        ("a.wild.example", {"*.wild.example"}),
        ("other.example", {"all.example", "second.example", "x.wild.example"}),
        (None, {"all.example", "second.example", "x.wild.example"}),
    ],
)
def test_the_most_specific_listener_shows_its_certificate(shake, name, shown):
    met = shake(SHARED, name)
    assert met.shown == shown
    assert met.session.server_name == name
    assert not met.session.is_unwanted


@pytest.mark.parametrize("name", ["other.example", None])
def test_a_name_that_no_listener_takes_is_unwanted(shake, name):
    met = shake(SHARED[1:], name)
    assert (met.session.is_unwanted, met.shown) == (True, set())
    assert met.fault is not None


def test_a_listener_whose_certificate_has_not_come_is_silent(shake, pairs):
    met = shake(SHARED, "second.example", held={"all": pairs["all"]})
    assert met.session.is_unwanted
    assert shake(SHARED, "other.example", held={"all": pairs["all"]}).shown


def test_of_several_certificates_the_one_for_the_name_is_shown(shake):
    several = [listener("any", certificates=("second", "wild", "all"))]
    assert shake(several, "second.example").shown == {"second.example"}
    assert shake(several, "b.wild.example").shown == {"*.wild.example"}
    assert "all.example" in shake(several, "all.example").shown
    assert shake(several, "nobody.example").shown == {"second.example"}


@pytest.mark.parametrize(
    ("signatures", "kind"),
    [("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSA")],
)
def test_certificates_of_two_kinds_of_key_stand_beside_each_other(authority, pairs, signatures, kind):
    both = [listener("both", certificates=("named-rsa", "named"))]
    accepting = port_context(both, pairs.get, None, TlsContexts(http2=True))
    trusting = authority.client()
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.set_ciphers(signatures)
    met = Handshake(accepting, trusting, "named.example")
    cipher = met.client.cipher()
    assert met.fault is None
    assert cipher is not None
    assert kind in cipher[0]


def test_clients_must_show_a_certificate_where_they_are_asked(shake, authority):
    stranger = Authority()
    assert shake(SHARED, "second.example", client_ca=authority.pem, shown=authority.pair("me")).shown
    for shown in (None, stranger.pair("me")):
        met = shake(SHARED, "second.example", client_ca=authority.pem, shown=shown)
        assert met.fault is not None


def test_a_ca_that_cannot_be_read_is_told(pairs):
    with pytest.raises(OSError, match="certificate"):
        port_context(SHARED, pairs.get, "no certificate", TlsContexts(http2=True))


def test_one_context_serves_all_ports_that_show_the_same(pairs):
    contexts = TlsContexts(http2=False)
    first = contexts.of((pairs["all"],), None)
    assert contexts.of((pairs["all"],), None) is first
    assert contexts.of((pairs["second"],), None) is not first


def test_a_session_that_notes_nothing_gets_no_certificate(pairs):
    accepting = port_context(SHARED, pairs.get, None, TlsContexts(http2=True))
    accepting.sslobject_class = ssl.SSLObject
    trusting = ssl.create_default_context()
    to_server = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        trusting.wrap_bio(ssl.MemoryBIO(), to_server, server_hostname="second.example").do_handshake()
    with pytest.raises(ssl.SSLError):
        accepting.wrap_bio(to_server, ssl.MemoryBIO(), server_side=True).do_handshake()
