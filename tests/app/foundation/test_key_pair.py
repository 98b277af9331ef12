import ssl
from datetime import UTC, datetime

import pytest
import trustme

from app.foundation.key_pair import (
    KeyPair,
    certificate_end_wall_s,
    file_end_wall_s,
    subject_names,
    why_unusable,
)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def pair_for(authority: trustme.CA, *names: str) -> KeyPair:
    leaf = authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
    return KeyPair(b"".join(part.bytes() for part in leaf.cert_chain_pems), leaf.private_key_pem.bytes())


def test_a_pair_is_shown_by_a_context_without_any_file(authority):
    pair = pair_for(authority, "a.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair.load(context)
    assert why_unusable(pair) is None


def test_the_key_is_never_printed(authority):
    pair = pair_for(authority, "a.example")
    assert "PRIVATE" not in repr(pair)


def test_what_is_wrong_with_a_pair_is_told_without_it(authority):
    one, other = pair_for(authority, "a.example"), pair_for(authority, "b.example")
    mixed = why_unusable(KeyPair(one.certificate, other.private_key))
    assert mixed is not None
    assert mixed.startswith("key values mismatch")
    for bad in (KeyPair(b"", one.private_key), KeyPair(one.certificate, b"no key")):
        why = why_unusable(bad)
        assert why is not None
        assert "PEM" in why


def test_the_names_of_a_certificate_are_lower_case(authority):
    assert subject_names(pair_for(authority, "a.example", "*.B.example")) == {"a.example", "*.b.example"}
    assert subject_names(KeyPair(b"none", b"none")) == frozenset()


def test_the_end_is_that_of_the_first_certificate(authority, tmp_path):
    end = datetime(2031, 5, 1, tzinfo=UTC)
    leaf = authority.issue_cert("a.example", key_type=trustme.KeyType.ECDSA, not_after=end)
    chain = b"".join(part.bytes() for part in leaf.cert_chain_pems) + authority.cert_pem.bytes()
    assert certificate_end_wall_s(KeyPair(chain, b"")) == end.timestamp()
    file = tmp_path / "tls.crt"
    file.write_bytes(chain)
    assert file_end_wall_s(str(file)) == end.timestamp()


def test_what_is_no_certificate_has_no_end(tmp_path):
    assert certificate_end_wall_s(KeyPair(b"none", b"none")) is None
    assert file_end_wall_s(str(tmp_path / "missing.crt")) is None
