import re
from hashlib import sha256
from hmac import new as new_hmac

from app.keys.making import hash_line, new_key


def test_a_new_key_has_256_bits_in_characters_that_pass_unquoted():
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", new_key())


def test_no_two_keys_are_alike():
    assert len({new_key() for _ in range(100)}) == 100


def test_without_a_pepper_the_line_is_the_plain_digest():
    assert hash_line("tg_abc", None) == "sha256:" + sha256(b"tg_abc").hexdigest()


def test_an_empty_pepper_is_none():
    assert hash_line("tg_abc", b"") == hash_line("tg_abc", None)


def test_with_a_pepper_the_line_is_the_keyed_digest():
    assert (
        hash_line("tg_abc", b"pepper")
        == "hmac-sha256:" + new_hmac(b"pepper", b"tg_abc", "sha256").hexdigest()
    )
