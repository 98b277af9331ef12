import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec import fields
from app.dataplane.codec.field_lines import PASS
from app.dataplane.codec.fields import (
    REQUEST_LINES,
    RESPONSE_LINES,
    allowed_trailer,
    id_in_json,
    named_by_connection,
    sane_request_id,
)


def request_role(name: bytes) -> int:
    field = REQUEST_LINES.read(name + b": x")
    assert field is not None
    return field.role


def response_role(name: bytes) -> int:
    field = RESPONSE_LINES.read(name + b": x")
    assert field is not None
    return field.role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (b"Accept", PASS),
        (b"Cookie", PASS),
        (b"Trailer", PASS),
        (b"Date", PASS),
        (b"Keep-Alive", fields.DROP),
        (b"Proxy-Connection", fields.DROP),
        (b"Proxy-Authenticate", fields.DROP),
        (b"Proxy-Authorization", fields.DROP),
        (b"TE", fields.TE),
        (b"grpc-timeout", fields.GRPC_TIMEOUT),
        (b"Content-Type", PASS),
        (b"Transfer-Encoding", fields.CODING),
        (b"Content-Length", fields.LENGTH),
        (b"Connection", fields.CONNECTION),
        (b"Host", fields.HOST),
        (b"Expect", fields.EXPECT),
        (b"Upgrade", fields.UPGRADE),
        (b"X-API-Key", fields.KEY),
        (b"Authorization", fields.AUTHORIZATION),
        (b"X-Request-ID", fields.ID),
        (b"Via", fields.VIA),
        (b"Traceparent", fields.TRACE),
        (b"User-Agent", fields.AGENT),
        (b"Forwarded", fields.FORWARDED),
        (b"X-Forwarded-For", fields.FORWARDED),
        (b"X_Forwarded-For", fields.FORWARDED),
        (b"x_forwarded_anything", fields.FORWARDED),
        (b"X-Forwarded", PASS),
        (b"Forwarded-For", PASS),
    ],
)
def test_what_a_requests_field_means_to_the_gateway(name, role):
    assert request_role(name) == role


def test_only_a_content_type_of_grpc_has_a_role_of_its_own():
    roles = [
        field.role
        for kind in (b"application/grpc+proto", b"application/json", b"application/grpc-web")
        if (field := REQUEST_LINES.read(b"Content-Type: " + kind)) is not None
    ]
    assert roles == [fields.GRPC, PASS, PASS]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (b"Set-Cookie", PASS),
        (b"Via", PASS),
        (b"X-Forwarded-For", PASS),
        (b"Trailer", PASS),
        (b"X-Request-ID", fields.DROP),
        (b"Tidegate-Reason", fields.DROP),
        (b"Keep-Alive", fields.DROP),
        (b"Proxy-Connection", fields.DROP),
        (b"TE", fields.DROP),
        (b"Content-Length", fields.LENGTH),
        (b"Transfer-Encoding", fields.CODING),
        (b"Connection", fields.CONNECTION),
        (b"Upgrade", fields.UPGRADE),
        (b"Date", fields.DATE),
        (b"Content-Type", fields.CONTENT_TYPE),
    ],
)
def test_what_a_responses_field_means_to_the_gateway(name, role):
    assert response_role(name) == role


@pytest.mark.parametrize("options", [b"x-private", b"close, X-Private", b" x-private ,,keep-alive"])
def test_connection_names_fields_in_any_case_and_with_any_blanks(options):
    assert named_by_connection(options) == {b"x-private"}


@pytest.mark.parametrize("options", [None, b"keep-alive", b"Upgrade", b"close", b"keep-alive, Upgrade", b""])
def test_plain_connection_options_name_no_field(options):
    assert named_by_connection(options) == frozenset()


def test_connection_cannot_take_away_what_the_gateway_says_or_framing():
    options = (
        b"x-forwarded-for, x-forwarded-host, x-forwarded-proto, via, x-request-id, host, forwarded,"
        b" content-length, transfer-encoding, x_forwarded_for"
    )
    assert named_by_connection(options) == frozenset()


@pytest.mark.parametrize("value", [b"a", b"!~", b"x" * 128, b"0b1c-2:3/4"])
def test_sane_request_ids_are_kept(value):
    assert sane_request_id(value)


@pytest.mark.parametrize("value", [b"", b"a b", b"x" * 129, b"caf\xc3\xa9", b"a\t", b"a\n", b"\x7f"])
def test_other_request_ids_are_replaced(value):
    assert not sane_request_id(value)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_a_sane_request_id_stands_in_json_as_it_was(text):
    assert json.loads(b'"%b"' % id_in_json(text.encode())) == text


@pytest.mark.parametrize("name", [b"x-checksum", b"grpc-status", b"server-timing", b"digest", b"etag"])
def test_trailers_that_speak_of_the_body_pass(name):
    assert allowed_trailer(name)


@pytest.mark.parametrize(
    "name",
    [
        b"transfer-encoding",
        b"content-length",
        b"connection",
        b"te",
        b"trailer",
        b"host",
        b"authorization",
        b"cookie",
        b"set-cookie",
        b"x-api-key",
        b"proxy-authorization",
        b"forwarded",
        b"x-forwarded-for",
        b"x_forwarded_for",
        b"x-request-id",
        b"via",
        b"content-type",
        b"content-encoding",
        b"cache-control",
        b"location",
        b"tidegate-reason",
    ],
)
def test_framing_routing_and_key_fields_never_pass_in_trailers(name):
    assert not allowed_trailer(name)
