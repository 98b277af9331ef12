import pytest

from app.config.sync.packing import pack_bytes, unpack_bytes
from app.foundation.errors import BadValue

PACKED = pack_bytes(b"x" * 100)


def test_what_was_packed_comes_out_and_is_the_same_bytes_each_time():
    assert unpack_bytes(PACKED, 100) == b"x" * 100
    assert pack_bytes(b"x" * 100) == PACKED


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
