import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.dataplane.codec.grpc_health import check_request, is_serving


def framed(message: bytes) -> bytes:
    return b"\x00%b%b" % (len(message).to_bytes(4, "big"), message)


def test_the_server_as_a_whole_is_asked_for_by_an_empty_message():
    assert check_request("") == framed(b"")


@pytest.mark.parametrize(("length", "written"), [(18, b"\x12"), (200, b"\xc8\x01")])
def test_a_service_is_asked_for_by_its_name(length, written):
    name = "s" * length
    assert check_request(name) == framed(b"\x0a" + written + name.encode())


@pytest.mark.parametrize(
    "message",
    [
        b"\x08\x01",
        b"\x08\x02\x08\x01",  # the last of a field counts
        b"\x12\x02xy\x08\x01",  # and what is unknown does not
        b"\x11" + bytes(8) + b"\x1d" + bytes(4) + b"\x10\xff\x01" + b"\x08\x01",
    ],
)
def test_serving_is_status_1(message):
    assert is_serving(framed(message))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        framed(b""),
        framed(b"\x08\x00"),
        framed(b"\x08\x02"),
        framed(b"\x08\x03"),
        framed(b"\x08"),
        framed(b"\x08\x01\x12\x7fx"),
        framed(b"\x08\x01\x11x"),
        framed(b"\x08\x01\x0b"),
        framed(b"\x08" + b"\xff" * 11 + b"\x01"),
        framed(b"\x08\x01")[:-1],
        framed(b"\x08\x01") + b"\x00",
        b"\x01" + framed(b"\x08\x01")[1:],
    ],
)
def test_anything_else_is_not(body):
    assert not is_serving(body)


@given(some.binary(max_size=40))
def test_no_body_is_a_fault_inside(message):
    assert is_serving(message) in {True, False}
    assert is_serving(framed(message)) in {True, False}
