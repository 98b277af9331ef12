"""Fields of a request's head: which pass on, which are noted, and its host."""

import pytest

from app.foundation.reasons import Rejection
from tests.fakes.request_lines import MALFORMED, PROXY, read, reason_of, started

# --- fields ------------------------------------------------------------------------------------------------


def test_ordinary_fields_pass_byte_identical_in_order_with_duplicates():
    request = read(
        b"accept: */*", b"Cookie: a=1", b"X-A:  \xff,", b"cookie: b=2", b"X-B:", b"Content-Type: t"
    )
    assert request.lines == [
        b"accept: */*\r\n",
        b"cookie: a=1\r\n",
        b"x-a: \xff,\r\n",
        b"cookie: b=2\r\n",
        b"x-b: \r\n",
        b"content-type: t\r\n",
    ]
    assert [field.name for field in request.fields] == (
        b"host accept cookie x-a cookie x-b content-type".split()
    )


@pytest.mark.parametrize(
    "line",
    [
        b"Keep-Alive: 5",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authenticate: Basic",
        b"Proxy-Authorization: Basic YTpi",
        b"TE: trailers",
        b"Connection: keep-alive",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Content-Length: 0",
        b"X-API-Key: k",
        b"Authorization: Bearer k",
        b"X-Request-ID: id",
        b"Via: 1.0 fred",
        b"Forwarded: for=127.0.0.1",
        b"X-Forwarded-For: 127.0.0.1",
        b"X-Forwarded-Anything: 1",
        b"X_Forwarded_For: 127.0.0.1",
    ],
)
def test_what_is_of_this_connection_or_the_gateways_to_say_is_in_no_line_that_passes(line):
    assert read(line).lines == []
    assert read(line, peer=PROXY).lines == []


def test_user_agent_and_traceparent_are_noted_and_pass():
    request = read(b"User-Agent: u", b"Traceparent: t")
    assert (request.agent, request.traceparent) == (b"u", b"t")
    assert request.lines == [b"user-agent: u\r\n", b"traceparent: t\r\n"]


@pytest.mark.parametrize(
    ("name", "attribute", "once", "joined"),
    [
        (b"X-API-Key", "x_api_key", b"v", b"v, w"),
        (b"Authorization", "authorization", b"v", b"v, w"),
        (b"X-Request-ID", "request_id", b"v", b""),
        (b"Traceparent", "traceparent", b"v", b""),
        (b"Connection", "options", b"v", b"v,w"),
        (b"Upgrade", "upgrade", b"v", b"v,w"),
    ],
)
def test_a_field_that_is_there_twice_is_never_half_believed(name, attribute, once, joined):
    assert getattr(read(name + b": v"), attribute) == once
    assert getattr(read(name + b": v", name + b": w"), attribute) == joined
    assert getattr(read(), attribute) is None


@pytest.mark.parametrize("line", [b"no colon", b"X : a", b" X: a", b"X: \0", b"X: a\rb", b"X: a\nY: b", b""])
def test_a_malformed_line_is_a_fault(line):
    assert read(line).rejection == Rejection(MALFORMED, "a field line is malformed")


def test_of_an_untrusted_client_only_via_is_brought_along():
    lines = (b"Via: 1.0 fred", b"X-Forwarded-For: 127.0.0.1", b"Forwarded: for=127.0.0.1")
    request = read(*lines)
    assert request.brought == ((b"via", b"1.0 fred"),)
    assert request.client_ip == "192.0.2.1"


def test_of_a_trusted_proxy_its_view_is_brought_along_but_for_underscores():
    request = read(
        b"X-Forwarded-For: 127.0.0.1, 192.0.2.9",
        b"X_Forwarded_For: 127.0.0.1",
        b"Via: 1.0 fred",
        b"X-Forwarded-Port: 80",
        peer=PROXY,
    )
    assert request.brought == (
        (b"x-forwarded-for", b"127.0.0.1, 192.0.2.9"),
        (b"via", b"1.0 fred"),
        (b"x-forwarded-port", b"80"),
    )
    assert request.client_ip == "192.0.2.9"


def test_forwarded_of_a_trusted_proxy_tells_the_client_too():
    assert read(b"Forwarded: for=192.0.2.9", peer=PROXY).client_ip == "192.0.2.9"
    assert read(b"Via: 1.0 fred", peer=PROXY).client_ip == "10.0.0.1"


# --- Host --------------------------------------------------------------------------------------------------


def test_http11_wants_a_host():
    assert started(b"GET /x HTTP/1.1").rejection == Rejection(MALFORMED, "Host is missing")
    assert reason_of(started(b"GET http://a/x HTTP/1.1")) is MALFORMED


@pytest.mark.parametrize("value", [b"", b"a b", b"a, b", b"u@a", b"a/b", b"a:x", b"a:99999", b"[::g]"])
def test_a_bad_host_is_a_fault_in_every_version(value):
    for version in (b"1.0", b"1.1"):
        request = started(b"GET /x HTTP/" + version, b"Host: " + value)
        assert request.rejection == Rejection(MALFORMED, "Host is no host and port")


@pytest.mark.parametrize("other", [b"a", b"b"])
def test_two_hosts_are_a_fault(other):
    assert read(b"Host: " + other).rejection == Rejection(MALFORMED, "Host is there twice; send it once")
