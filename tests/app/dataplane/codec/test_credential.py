import pytest

from app.dataplane.codec.credential import Credential, put_credential

KEY = Credential(b"x-api-key", b"s3cret")


def test_it_comes_behind_the_lines_that_pass():
    assert put_credential(b"a: 1\r\nb: 2\r\n", KEY) == b"a: 1\r\nb: 2\r\nx-api-key: s3cret\r\n"
    assert put_credential(b"", KEY) == b"x-api-key: s3cret\r\n"


@pytest.mark.parametrize("name", [b"x-api-key", b"X-API-Key", b"x_api_key", b"X_Api-Key"])
def test_it_takes_the_place_of_whatever_was_said_there(name):
    lines = b"a: 1\r\n" + name + b": theirs\r\nx-api-key-2: 3\r\n" + name + b": again\r\n"
    assert put_credential(lines, KEY) == b"a: 1\r\nx-api-key-2: 3\r\nx-api-key: s3cret\r\n"


def test_a_name_with_an_underscore_is_sent_as_it_is_written():
    assert put_credential(b"x-k: 1\r\n", Credential(b"x_k", b"v")) == b"x_k: v\r\n"


def test_its_value_is_in_no_representation():
    assert "s3cret" not in repr(KEY)
