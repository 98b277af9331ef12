import pytest

from app.foundation.errors import ConfigFaults
from app.schema.file_size import MAX_FILE_BYTES, check_size


def test_a_text_at_the_bound_is_taken_and_one_byte_more_is_not():
    check_size(MAX_FILE_BYTES, "f.yaml")
    with pytest.raises(ConfigFaults) as caught:
        check_size(MAX_FILE_BYTES + 1, "f.yaml")
    assert str(caught.value) == (
        "f.yaml: is 16,777,217 bytes long; a file must be at most 16 MiB; is it the right file?"
    )
