from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.model import KeyEntry, KeyScheme
from app.foundation.errors import ConfigFaults
from app.foundation.reasons import Reason
from app.keys.keyring import MOST_REMEMBERED, Client, Keyring
from app.keys.making import hash_line, new_key

PEPPER = b"a pepper of some length"


def plain(name: str, key: bytes, **more: Any) -> KeyEntry:
    return KeyEntry(name, KeyScheme.SHA256, sha256(key).digest(), **more)


def keyed(name: str, key: bytes, pepper: bytes = PEPPER, **more: Any) -> KeyEntry:
    return KeyEntry(name, KeyScheme.HMAC_SHA256, hmac_digest(pepper, key, "sha256"), **more)


def test_a_key_stored_as_a_plain_digest_is_its_clients():
    keyring = Keyring.build((plain("acme", b"one"), plain("bolt", b"two", tier="gold")), None)
    assert keyring.check(b"two", 0.0) == Client("bolt", "gold")


def test_a_key_stored_as_a_keyed_digest_is_its_clients():
    keyring = Keyring.build((keyed("acme", b"one", tier="gold"),), PEPPER)
    assert keyring.check(b"one", 0.0) == Client("acme", "gold")


def test_both_schemes_live_side_by_side():
    keyring = Keyring.build((plain("acme", b"one"), keyed("bolt", b"two")), PEPPER)
    assert [keyring.check(key, 0.0) for key in (b"one", b"two")] == [Client("acme"), Client("bolt")]


@given(pepper=st.binary(min_size=1, max_size=200), key=st.binary(max_size=512))
def test_the_keyed_digest_is_hmac_for_any_pepper_and_key(pepper, key):
    assert Keyring.build((keyed("acme", key, pepper),), pepper).check(key, 0.0) == Client("acme")


@pytest.mark.parametrize("pepper", [None, PEPPER])
def test_what_keys_new_prints_is_what_the_keyring_reads(pepper):
    key = new_key()
    scheme, _, digest = hash_line(key, pepper).partition(":")
    keyring = Keyring.build((KeyEntry("acme", KeyScheme(scheme), bytes.fromhex(digest)),), pepper)
    assert keyring.check(key.encode(), 0.0) == Client("acme")


@pytest.mark.parametrize("presented", [b"", b"two", b"one ", b"ONE", b"one, one"])
def test_any_other_key_is_unknown(presented):
    keyring = Keyring.build((plain("acme", b"one"), keyed("acme", b"uno")), PEPPER)
    assert keyring.check(presented, 0.0) is Reason.KEY_UNKNOWN


def test_an_empty_keyring_knows_no_key():
    assert Keyring.build((), None).check(b"one", 0.0) is Reason.KEY_UNKNOWN


def test_another_pepper_makes_every_keyed_digest_unknown():
    assert Keyring.build((keyed("acme", b"one"),), b"other").check(b"one", 0.0) is Reason.KEY_UNKNOWN


def test_a_key_longer_than_512_bytes_is_unknown_even_if_its_digest_is_stored():
    keyring = Keyring.build((plain("acme", b"x" * 512), plain("bolt", b"x" * 513)), None)
    assert keyring.check(b"x" * 512, 0.0) == Client("acme")
    assert keyring.check(b"x" * 513, 0.0) is Reason.KEY_UNKNOWN


def test_a_key_is_good_until_its_end_and_expired_after():
    keyring = Keyring.build((plain("acme", b"one", not_after_wall_s=1000.0),), None)
    assert keyring.check(b"one", 1000.0) == Client("acme")
    assert keyring.check(b"one", 1000.001) is Reason.KEY_EXPIRED


def test_two_keys_of_one_client_both_pass_until_the_firsts_end():
    keyring = Keyring.build((plain("acme", b"old", not_after_wall_s=1000.0), plain("acme", b"new")), None)
    assert [keyring.check(key, 999.0) for key in (b"old", b"new")] == [Client("acme"), Client("acme")]
    assert [keyring.check(key, 1001.0) for key in (b"old", b"new")] == [Reason.KEY_EXPIRED, Client("acme")]


def test_the_same_digest_twice_is_a_fault_that_names_the_place_and_both_clients():
    with pytest.raises(ConfigFaults) as caught:
        Keyring.build((plain("acme", b"one"), plain("bolt", b"two"), plain("coco", b"one")), None)
    (fault,) = caught.value.faults
    assert fault.path == "keys[2].hash"
    assert "'coco'" in fault.what
    assert "'acme'" in fault.what


def test_keyed_digests_without_a_pepper_are_faults_all_told_at_once():
    with pytest.raises(ConfigFaults) as caught:
        Keyring.build((keyed("acme", b"one"), plain("bolt", b"two"), keyed("coco", b"three")), b"")
    assert [fault.path for fault in caught.value.faults] == ["keys[0].hash", "keys[2].hash"]
    assert "KEY_PEPPER" in str(caught.value)


def test_no_fault_shows_a_digest():
    with pytest.raises(ConfigFaults) as caught:
        Keyring.build((plain("acme", b"one"), plain("acme", b"one")), None)
    assert sha256(b"one").hexdigest() not in str(caught.value)


def test_a_client_brings_its_name_as_a_bucket_key():
    assert Client("acme", "gold").bucket == b"acme"


def test_a_key_of_the_table_is_remembered_and_an_unknown_one_leaves_no_trace():
    keyring = Keyring.build((plain("acme", b"one"), keyed("bolt", b"two")), PEPPER)
    for presented in (b"", b"three", b"one ", b"one", b"two", b"x" * 513, b"one", b"two"):
        keyring.check(presented, 0.0)
    assert keyring._remembered == {b"one": Client("acme"), b"two": Client("bolt")}


def test_a_remembered_key_is_the_very_client_it_was():
    keyring = Keyring.build((plain("acme", b"one"),), None)
    first, again = keyring.check(b"one", 0.0), keyring.check(bytes(bytearray(b"one")), 0.0)
    assert isinstance(first, Client)
    assert again is first


def test_the_end_of_a_remembered_key_is_judged_each_time():
    keyring = Keyring.build((plain("acme", b"one", not_after_wall_s=1000.0),), None)
    met = [keyring.check(b"one", wall_s) for wall_s in (999.0, 1000.0, 1000.5, 999.0)]
    assert met == [Client("acme"), Client("acme"), Reason.KEY_EXPIRED, Client("acme")]


def test_a_new_table_remembers_nothing_of_the_old_one():
    old = Keyring.build((plain("acme", b"one"),), None)
    assert old.check(b"one", 0.0) == Client("acme")
    assert Keyring.build((plain("acme", b"new"),), None).check(b"one", 0.0) is Reason.KEY_UNKNOWN


def test_what_is_remembered_is_bounded():
    keys = [b"%d" % number for number in range(MOST_REMEMBERED + 1)]
    keyring = Keyring.build(tuple(plain("acme", key) for key in keys), None)
    for key in keys:
        assert keyring.check(key, 0.0) == Client("acme")
    assert list(keyring._remembered) == [keys[-1]]
    assert keyring.check(keys[0], 0.0) == Client("acme")
