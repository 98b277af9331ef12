import gzip
from random import Random

import pytest

from app.config.sync.packing import QUICK_BYTES, pack_bytes, unpack_bytes
from app.config.sync.snapshot import PART_BYTES
from app.foundation.errors import BadValue

PACKED = pack_bytes(b"x" * 100)


def test_what_was_packed_comes_out_and_is_the_same_bytes_each_time():
    assert unpack_bytes(PACKED, 100) == b"x" * 100
    assert pack_bytes(b"x" * 100) == PACKED


@pytest.mark.parametrize("lines", [40_000, 110_000], ids=["too-large-quickly", "too-large-at-once"])
def test_what_would_not_fit_one_configmap_is_packed_as_densely_as_it_was(lines):
    """The head of a file tells the quickest level from all others (RFC 1952: XFL)."""
    random = Random(7)
    plain = "".join(f"route/{random.randrange(10**30)}/web\n" for _ in range(lines)).encode()
    packed = pack_bytes(plain)
    assert len(packed) > QUICK_BYTES == PART_BYTES
    assert len(packed) < len(gzip.compress(plain, 1))
    assert (packed[8], pack_bytes(plain[:1000])[8]) == (0, 4)
    assert unpack_bytes(packed, len(plain)) == plain


@pytest.mark.parametrize(
    ("packed", "most_bytes", "said"),
    [
        (b"plain", 100, "is no whole gzip file (Error"),
        (PACKED, 99, "is larger than 99 bytes unpacked"),
        (PACKED[:-1], 100, "is no whole gzip file;"),
        (PACKED + b"x", 100, "is no whole gzip file;"),
        (b"", 100, "is no whole gzip file;"),
    ],
)
def test_what_is_no_whole_file_or_too_large_is_rejected(packed, most_bytes, said):
    with pytest.raises(BadValue) as found:
        unpack_bytes(packed, most_bytes)
    assert str(found.value).startswith(said)
