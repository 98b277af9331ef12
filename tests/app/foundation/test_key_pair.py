import ssl

import pytest
import trustme

from app.foundation.key_pair import KeyPair, subject_names, why_unusable


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
