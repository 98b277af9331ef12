import pytest

from app.config.sync.snapshot import PART_BYTES
from app.config.sync.snapshot_parts import ALL_PARTS, PartsIndex, join, read_index, split, write_index
from app.foundation.errors import ConfigFaults

PACKED = bytes(PART_BYTES) + b"rest"


def test_parts_join_to_what_was_split():
    index, parts = split(PACKED, None)
    assert (index.parts, [len(part) for part in parts.values()]) == (("a1", "a2"), [PART_BYTES, 4])
    assert join(index, parts) == PACKED
    assert read_index(write_index(index)) == index


def test_the_next_one_leaves_the_parts_of_the_current_one_alone():
    first, _ = split(PACKED, None)
    second, _ = split(PACKED, first)
    third, _ = split(PACKED, second)
    assert (second.parts, third.parts) == (("b1", "b2"), first.parts)
    assert set(first.parts + second.parts) <= set(ALL_PARTS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"a2": None}, "lacks the parts a2"), ({"a2": b"another"}, "has parts of another one")],
)
def test_parts_of_another_one_make_none(changed, said):
    index, parts = split(PACKED, None)
    with pytest.raises(ConfigFaults, match=said):
        join(index, {**parts, **changed})


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"parts": [], "sha256": "x"}',
        b'{"parts": ["../etc"], "sha256": "x"}',
        b'{"parts": ["a1"], "sha256": 5}',
        b'{"parts": ["a1"], "sha256": "x"}',
    ],
)
def test_an_index_that_says_nothing_sound_is_rejected(content):
    with pytest.raises(ConfigFaults, match="has an index"):
        read_index(content)


def test_an_index_is_a_value():
    assert PartsIndex(("a1",), "0" * 64) == PartsIndex(("a1",), "0" * 64)
