"""The context of the public port: what it offers, and what it notes of a handshake."""

import ssl
from contextlib import suppress

import pytest
import trustme

from app.dataplane.downstream.tls_transport import TlsSession
from app.gateway.tls import Certificate


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def certificate(authority, tmp_path):
    leaf = authority.issue_cert("a.example", "b.example", key_type=trustme.KeyType.ECDSA)
    leaf.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    return Certificate(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"), None, http2=True)


def greeted(certificate: Certificate, authority: trustme.CA, name: str | None) -> ssl.SSLObject:
    """The server's side after a ClientHello for that name."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = name is not None
    authority.configure_trust(trusting)
    hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        trusting.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=name).do_handshake()
    incoming.write(hello.read())
    server = certificate.context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    with suppress(ssl.SSLWantReadError):
        server.do_handshake()
    return server


@pytest.mark.parametrize("name", ["a.example", "b.example", None])
def test_the_session_knows_the_name_that_the_client_asked_for(certificate, authority, name):
    session = greeted(certificate, authority, name)
    assert isinstance(session, TlsSession)
    assert session.server_name == name


def test_only_suites_with_forward_secrecy_and_authenticated_encryption_are_offered(certificate):
    offered = certificate.context.get_ciphers()
    assert {cipher["aead"] for cipher in offered} == {True}
    older = [cipher for cipher in offered if cipher["protocol"] == "TLSv1.2"]
    assert {cipher["kea"] for cipher in older} == {"kx-ecdhe"}
    assert {cipher["auth"] for cipher in older} == {"auth-ecdsa", "auth-rsa"}


def test_a_client_may_not_ask_for_another_handshake(certificate):
    assert certificate.context.options & ssl.OP_NO_RENEGOTIATION
