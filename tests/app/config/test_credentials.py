import pytest

from app.config.credentials import read_secret
from app.foundation.errors import ConfigFaults


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n", b"s3cret\n\n"])
def test_a_secret_stands_alone_in_its_file(content):
    assert read_secret(content, "/f") == "s3cret"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b" s", b"a\nb", b"\x00", "ä".encode(), b"x" * 8193]
)
def test_anything_else_is_a_fault_that_does_not_show_it(content):
    with pytest.raises(ConfigFaults) as caught:
        read_secret(content, "/f")
    (fault,) = caught.value.faults
    assert fault.path == "/f"
    assert "alone" in fault.fix
    assert "words" not in str(fault)
