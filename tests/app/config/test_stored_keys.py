from app.config.model import KeyScheme
from app.config.parsing.keys import parse_keys
from app.config.stored_keys import hmac_names, key_digest
from tests.app.config.samples import HASH


def test_with_a_pepper_a_key_is_stored_under_hmac():
    # RFC 4231 §4.3
    scheme, digest = key_digest(b"what do ya want for nothing?", b"Jefe")
    assert scheme is KeyScheme.HMAC_SHA256
    assert digest.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_without_a_pepper_a_key_is_stored_under_sha_256():
    scheme, digest = key_digest(b"abc", None)
    assert scheme is KeyScheme.SHA256
    # FIPS 180-2, appendix B.1
    assert digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_keys_that_need_the_pepper_are_named_once():
    hashes = [("a", f"hmac-{HASH}"), ("a", f"hmac-{HASH[:-2]}00"), ("b", HASH)]
    text = "\n".join(f"- {{name: {name}, hash: '{stored}'}}" for name, stored in hashes)
    assert hmac_names(parse_keys(text.encode(), "k.yaml")) == ["a"]
