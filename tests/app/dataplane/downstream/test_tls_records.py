"""Records in any pieces in, application data out. The client is OpenSSL's own other side."""

import ssl
from contextlib import suppress

import pytest
import trustme

from app.dataplane.downstream.tls_records import HEADER_BYTES, PLAINTEXT_BYTES, TlsRecords


class Client:
    """A client and the records that it shook hands with."""

    def __init__(self, serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = trusting.wrap_bio(self.incoming, self.outgoing, server_hostname="gate.example")
        self.records = TlsRecords(serving)

    def shake_hands(self, piece_bytes: int) -> "Client":
        while not self.records.established:
            with suppress(ssl.SSLWantReadError):
                self.session.do_handshake()
            sent = self.outgoing.read()
            for at in range(0, len(sent), piece_bytes):
                assert self.records.decrypt(sent[at : at + piece_bytes]) == b""
            self.incoming.write(self.records.outgoing.read())
        self.session.do_handshake()
        return self

    def encrypt(self, *data: bytes) -> bytes:
        """Each of them in records of its own."""
        for each in data:
            self.session.write(each)
        return self.outgoing.read()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
def new_client(authority, request):
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("gate.example", key_type=trustme.KeyType.ECDSA).configure_cert(serving)
    authority.configure_trust(trusting)
    trusting.maximum_version = request.param
    return lambda: Client(serving, trusting)


@pytest.fixture
def client(new_client):
    return new_client().shake_hands(1 << 20)


@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
def test_a_handshake_may_come_in_any_pieces(new_client, piece_bytes):
    assert new_client().shake_hands(piece_bytes).records.established


def test_one_record_is_decrypted_at_once(client):
    assert client.records.decrypt(client.encrypt(b"hello")) == b"hello"
    assert client.records.decrypt(client.encrypt(b"again")) == b"again"


@pytest.mark.parametrize("piece_bytes", [1, HEADER_BYTES - 1, HEADER_BYTES, 100, 20_000, 1 << 20])
def test_records_may_come_in_any_pieces(client, piece_bytes):
    sent = [b"a", b"b" * 300, b"c" * PLAINTEXT_BYTES, b"d" * (2 * PLAINTEXT_BYTES + 1)]
    encrypted = client.encrypt(*sent)
    pieces = [encrypted[at : at + piece_bytes] for at in range(0, len(encrypted), piece_bytes)]
    assert b"".join(client.records.decrypt(piece) for piece in pieces) == b"".join(sent)


def test_what_the_session_is_given_is_to_be_written(client):
    client.records.session.write(b"response")
    client.incoming.write(client.records.outgoing.read())
    assert client.session.read() == b"response"


@pytest.mark.parametrize("before", [b"", b"last words"])
def test_the_clients_close_is_seen_and_what_comes_behind_it_is_not_read(client, before):
    encrypted = client.encrypt(before) if before else b""
    with pytest.raises(ssl.SSLWantReadError):
        client.session.unwrap()
    encrypted += client.outgoing.read()
    assert client.records.decrypt(encrypted + b"anything") == before
    assert client.records.peer_closed


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x17\x03\x03\x00\x03abc"])
def test_what_is_no_tls_is_a_fault(new_client, client, data):
    with pytest.raises(ssl.SSLError):
        new_client().records.decrypt(data + bytes(20_000))
    with pytest.raises(ssl.SSLError):
        client.records.decrypt(data + bytes(20_000))
