from urllib.parse import unquote_to_bytes

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.grpc import (
    NO_STATUS,
    counted_status,
    is_grpc,
    parse_status,
    parse_timeout,
    percent_encoded,
    rejection_status,
    status_name,
    statuses_table_markdown,
    timeout_value,
    trailers_status,
)
from app.foundation.reasons import REASONS, Reason


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/grpc",
        b"application/grpc+proto",
        b"Application/gRPC+json",
        b"application/grpc; charset=utf-8",
    ],
)
def test_a_message_is_grpcs_by_its_content_type(content_type):
    assert is_grpc(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"application/json",
        b"application/grpc-web",
        b"application/grpc-web-text+proto",
        b"application/grpcx",
        b"text/application/grpc",
    ],
)
def test_other_messages_are_not_and_neither_are_those_of_grpc_web(content_type):
    assert not is_grpc(content_type)


@pytest.mark.parametrize(
    ("value", "timeout_s"),
    [
        (b"1H", 3600),
        (b"2M", 120),
        (b"3S", 3),
        (b"250m", 0.25),
        (b"99999999u", 99.999999),
        (b"1000n", 1e-6),
        (b"0n", 0),
    ],
)
def test_a_timeout_is_read_in_each_unit(value, timeout_s):
    assert parse_timeout(value) == pytest.approx(timeout_s, abs=1e-12)


@pytest.mark.parametrize(
    "value", [b"", b"1", b"S", b"1s", b"-1S", b"1.5S", b" 1S", b"1S ", b"123456789n", "١S".encode()]
)
def test_a_malformed_timeout_is_none(value):
    assert parse_timeout(value) is None


@given(some.floats(0, 1e15))
def test_a_timeout_passed_on_is_no_longer_and_hardly_shorter(timeout_s):
    read = parse_timeout(timeout_value(timeout_s))
    assert read is not None
    assert read <= timeout_s * 1.000001
    if timeout_s < 3600.0 * 99_999_999:
        assert read >= timeout_s - max(1e-6, timeout_s * 1e-4)


def test_the_statuses_are_those_of_grpc():
    for code in grpc.StatusCode:
        number, _ = code.value
        assert status_name(number) == code.name
        assert parse_status(b"%d" % number) == number


@pytest.mark.parametrize("value", [b"", b"17", b"-1", b"014", b"1x", b"99999999999999999999"])
def test_what_is_no_known_status_is_unknown(value):
    assert status_name(parse_status(value)) == "UNKNOWN"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("OK", 200), ("CANCELLED", 499), ("UNKNOWN", 500), ("INVALID_ARGUMENT", 400), ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404), ("ALREADY_EXISTS", 409), ("PERMISSION_DENIED", 403), ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400), ("ABORTED", 409), ("OUT_OF_RANGE", 400), ("UNIMPLEMENTED", 404),
        ("INTERNAL", 500), ("UNAVAILABLE", 503), ("DATA_LOSS", 500), ("UNAUTHENTICATED", 401),
    ],
)  # fmt: skip
def test_a_status_counts_as_the_one_of_http_that_code_proto_gives_it(name, status):
    assert counted_status(grpc.StatusCode[name].value[0]) == status


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (Reason.REQUEST_MALFORMED, "INTERNAL"),
        (Reason.KEY_MISSING, "UNAUTHENTICATED"),
        (Reason.NO_ROUTE, "UNIMPLEMENTED"),
        (Reason.METHOD_NOT_ALLOWED, "UNIMPLEMENTED"),
        (Reason.REQUEST_TIMEOUT, "DEADLINE_EXCEEDED"),
        (Reason.BODY_TOO_LARGE, "RESOURCE_EXHAUSTED"),
        (Reason.URI_TOO_LONG, "INTERNAL"),
        (Reason.EXPECTATION_FAILED, "INTERNAL"),
        (Reason.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (Reason.HEAD_TOO_LARGE, "RESOURCE_EXHAUSTED"),
        (Reason.INTERNAL_ERROR, "UNAVAILABLE"),
        (Reason.UPSTREAM_CONNECT, "UNAVAILABLE"),
        (Reason.BREAKER_OPEN, "UNAVAILABLE"),
        (Reason.UPSTREAM_TIMEOUT, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_rejection_says_the_same_in_grpc(reason, name):
    assert status_name(rejection_status(REASONS[reason][0])) == name


def test_a_message_is_encoded_where_it_must_be():
    assert percent_encoded("50 % of ~é\n") == b"50 %25 of ~%C3%A9%0A"


@given(some.text())
def test_an_encoded_message_is_visible_ascii_and_reads_back(message):
    encoded = percent_encoded(message)
    assert all(0x20 <= octet <= 0x7E for octet in encoded)
    assert unquote_to_bytes(encoded) == message.encode("utf-8", "replace")


def trailer(line: bytes) -> Field:
    field = RESPONSE_LINES.read(line)
    assert field is not None
    return field


def test_the_status_of_a_response_stands_in_its_trailers():
    more = trailer(b"x-more: 1")
    assert trailers_status([more, trailer(b"Grpc-Status: 5")]) == 5
    assert trailers_status([more]) == trailers_status([]) == NO_STATUS


def test_the_table_has_each_status_and_each_status_of_a_rejection_once():
    rows = [row.split("|")[1:4] for row in statuses_table_markdown().splitlines()[2:]]
    assert [row[0].split()[1] for row in rows] == [f"`{code.name}`" for code in grpc.StatusCode]
    named = [int(status) for row in rows for status in row[2].split(",") if status.strip()]
    assert sorted(named) == sorted({status for status, _ in REASONS.values()})


@given(some.binary(max_size=20))
def test_any_value_of_a_field_is_read(value):
    assert parse_status(value) in range(17)
    timeout_s = parse_timeout(value)
    assert timeout_s is None or timeout_s >= 0
    assert is_grpc(value) in {True, False}
