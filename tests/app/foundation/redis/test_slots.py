"""The slots themselves are compared with a real Cluster's in contracts/test_redis_leases.py."""

from app.foundation.redis.slots import SLOTS, primaries_of, slot_of


def test_a_slot_is_the_checksum_of_the_hash_tag_alone():
    assert slot_of(b"{tag}one") == slot_of(b"two{tag}") == slot_of(b"tag")
    assert slot_of(b"123456789") == 0x31C3 % SLOTS  # the check value of CRC-16/XMODEM


def test_an_empty_or_open_tag_is_none():
    assert slot_of(b"{}a") != slot_of(b"{}b")
    assert slot_of(b"{a") != slot_of(b"a")


def test_each_slot_has_the_primary_that_the_reply_names():
    reply = [
        [0, 99, [b"a", 7000], [b"replica", 7001]],
        [100, 199, [b"", 7002]],
        [300, SLOTS - 1, [None, 7003]],
    ]
    primaries = primaries_of(reply, "asked")
    assert (primaries[0], primaries[99]) == (("a", 7000), ("a", 7000))
    assert primaries[100] == ("asked", 7002)
    assert primaries[200] is None
    assert primaries[SLOTS - 1] == ("asked", 7003)
    assert len(primaries) == SLOTS
