"""The head for the upstream, from the client's bytes."""

import pytest

from app.dataplane.codec.credential import Credential
from app.dataplane.codec.request_head import http1_head
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.proxy.upstream_request import prepare_call, request_head
from app.telemetry.tracing import Trace
from tests.fakes.plans import plans_of
from tests.fakes.requests import request_of

ROUTE = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: r, match: {path: {prefix: /a}}, upstream: one, auth: none%s}]
"""


def head(
    target="/a/b?c=%64", method="GET", *, route="", length_bytes=0, key=None, trace=None, endpoint=False, **of
):
    """Request line and header lines, as the upstream reads them."""
    request = request_of(target, method, **of)
    assert request.rejection is None, request.rejection
    (plan,) = plans_of(ROUTE % (f", {route}" if route else "")).plans
    state = ExchangeState(request, b"id-1", 0.0)
    state.key, state.trace = key, trace
    pool = plan.targets[0].upstream.choose(0.0, None) if endpoint else None
    taken = http1_head(request_head(state, plan.forwarding, None, pool, length_bytes))
    assert taken.endswith(b"\r\n\r\n")
    return taken.decode("latin-1").split("\r\n")[:-2]


async def test_the_whole_of_a_plain_request():
    assert head(fields=["User-Agent: probe", "Accept: */*", "X-A: 1", "x-a: 2"]) == [
        "GET /a/b?c=%64 HTTP/1.1",
        "host: h",
        "user-agent: probe",
        "accept: */*",
        "x-a: 1",
        "x-a: 2",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-proto: http",
        "via: 1.1 tidegate",
        "x-forwarded-host: h",
        "x-request-id: id-1",
    ]


def values(lines, name):
    return [value for field, _, value in (line.partition(": ") for line in lines[1:]) if field == name]


@pytest.mark.parametrize(
    "field",
    [
        "Keep-Alive: 5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic x",
        "Proxy-Authenticate: Basic",
        "TE: trailers",
        "Upgrade: h2c",
        "X-API-Key: k",
        "X-Forwarded-For: 203.0.113.9",
        "X_Forwarded_For: 203.0.113.9",
        "X-Forwarded-Port: 1",
        "Forwarded: for=203.0.113.9",
        "X-Request-ID: theirs",
    ],
)
async def test_what_is_not_the_upstreams_stays_here(field):
    assert head(fields=[field]) == head()


@pytest.mark.parametrize("field", ["Connection: close", "Connection: keep-alive, Upgrade", "Connection: te,"])
async def test_connection_itself_stays_here(field):
    assert head(fields=[field]) == head()


async def test_what_connection_names_stays_here():
    fields = ["X-Named: 1", "Connection: X-Named, close", "X-Other: 2", "Authorization: Basic a"]
    assert values(head(fields=fields), "x-named") == []
    assert values(head(fields=fields), "x-other") == ["2"]
    assert values(head(fields=["Connection: authorization", "Authorization: Basic a"]), "authorization") == []


@pytest.mark.parametrize("name", ["via", "x-forwarded-for", "x-request-id", "host"])
async def test_connection_cannot_take_away_what_the_gateway_tells(name):
    assert head(fields=[f"Connection: {name}"]) == head()


@pytest.mark.parametrize(
    ("value", "key", "goes_on"),
    [
        ("Bearer k", b"k", False),
        ("Bearer k", b"other", True),
        ("Bearer k", None, True),
        ("Basic azpr", b"k", True),
    ],
)
async def test_authorization_goes_on_unless_it_carried_the_key(value, key, goes_on):
    assert (values(head(fields=[f"Authorization: {value}"], key=key), "authorization") == [value]) is goes_on


async def test_without_via_the_gateway_does_not_name_itself():
    assert values(head(via=False), "via") == []
    assert values(head(via=False, fields=["Via: 1.0 before"]), "via") == ["1.0 before"]
    assert values(head(fields=["Via: 1.0 before"]), "via") == ["1.0 before, 1.1 tidegate"]
    assert values(head(version="1.0"), "via") == ["1.0 tidegate"]


async def test_a_trusted_proxy_is_believed_and_the_gateway_adds_itself():
    trusted = head(
        peer_ip="10.0.0.1",
        trusted="10.0.0.0/8",
        fields=[
            "X-Forwarded-For: 203.0.113.9",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: public.example",
            "Forwarded: for=203.0.113.9",
        ],
    )
    assert values(trusted, "x-forwarded-for") == ["203.0.113.9, 10.0.0.1"]
    assert values(trusted, "x-forwarded-proto") == ["https"]
    assert values(trusted, "x-forwarded-host") == ["public.example"]
    assert values(trusted, "forwarded") == ["for=203.0.113.9"]


async def test_a_client_over_tls_is_told():
    assert values(head(scheme="https"), "x-forwarded-proto") == ["https"]


async def test_a_traced_request_carries_the_gateways_traceparent():
    came = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
    trace = Trace(b"a" * 32, b"b" * 16, b"", 1)
    own = trace.traceparent.decode()
    assert values(head(fields=[f"Traceparent: {came}"], trace=trace), "traceparent") == [own]
    assert values(head(fields=[f"Traceparent: {came}"]), "traceparent") == [came]


@pytest.mark.parametrize(
    ("route", "target", "sent"),
    [
        ("rewrite: {prefix: /x}", "/a/b?c", "/x/b?c"),
        ("rewrite: {prefix: /}", "/a", "/"),
        ("rewrite: {path: /fixed}", "/a/b?c", "/fixed?c"),
        ("", "/a//b/../%2e?", "/a//b/../%2e?"),
        ("", "http://other.example/a?x", "/a?x"),
        ("rewrite: {prefix: /x}", "http://other.example/a?x", "/x?x"),
    ],
)
async def test_the_target_is_rewritten_or_goes_on_as_it_is(route, target, sent):
    assert head(target, route=route)[0] == f"GET {sent} HTTP/1.1"


async def test_the_host_is_the_routes_the_targets_or_the_fields():
    assert values(head(route="rewrite: {host: in.example}"), "host") == ["in.example"]
    assert values(head("http://other.example/a"), "host") == ["other.example"]
    assert values(head(host="H.example:81"), "host") == ["H.example:81"]


async def test_a_request_without_a_host_gets_the_endpoints():
    assert values(head(host=None, version="1.0", endpoint=True), "host") == ["127.0.0.1:9"]
    assert values(head(host=None, version="1.0", endpoint=True), "x-forwarded-host") == []


async def test_a_routes_edits_are_made_on_the_request_as_they_are_written():
    route = "requestHeaders: {set: {X-Set: new}, add: {X-Add: '1'}, remove: [X-Gone]}"
    edited = head(route=route, fields=["X-Set: a", "X-Set: b", "X-Add: 0", "X-Gone: 1"])
    assert [line for line in edited if line.lower().startswith(("x-set", "x-add", "x-gone"))] == [
        "x-add: 0",
        "X-Set: new",
        "X-Add: 1",
    ]


@pytest.mark.parametrize(
    ("method", "length_bytes", "framing"),
    [
        ("GET", 0, []),
        ("DELETE", 0, []),
        ("POST", 0, ["content-length: 0"]),
        ("PUT", 0, ["content-length: 0"]),
        ("PATCH", 0, ["content-length: 0"]),
        ("GET", 7, ["content-length: 7"]),
        ("POST", -1, ["transfer-encoding: chunked"]),
    ],
)
async def test_the_body_is_framed_anew(method, length_bytes, framing):
    made = head(method=method, length_bytes=length_bytes)
    assert [line for line in made if line.startswith(("content-length", "transfer-encoding"))] == framing


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (b"authorization", ["x_token: theirs", "authorization: ours"]),
        (b"x-token", ["authorization: theirs", "x-token: ours"]),
    ],
)
async def test_the_gateways_own_credential_stands_in_the_clients_place(name, sent):
    request = request_of("/a", fields=["Authorization: theirs", "X_Token: theirs"])
    (plan,) = plans_of(ROUTE % "").plans
    state = ExchangeState(request, b"id-1", 0.0)
    made = request_head(state, plan.forwarding, Credential(name, b"ours"), None, 0)
    lines = http1_head(made).decode().split("\r\n")
    assert [line for line in lines if line.endswith(("theirs", "ours"))] == sent


async def test_a_websocket_asks_the_upstream_for_one():
    made = head(fields=["Connection: Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: x"])
    assert made[-2:] == ["connection: Upgrade", "upgrade: websocket"]
    assert values(made, "sec-websocket-key") == ["x"]


async def test_a_websocket_of_a_client_that_has_no_key_gets_ours():
    request = request_of("/a")
    request.websocket, request.websocket_key = True, b"ours"
    (plan,) = plans_of(ROUTE % "").plans
    lines = request_head(ExchangeState(request, b"id-1", 0.0), plan.forwarding, None, None, 0).lines
    assert lines[-1] == b"sec-websocket-key: ours\r\n"


def prepared(*fields: str, route="", now: float = 0.0) -> list[str]:
    """The lines behind X-Request-ID of a call that came at 0.0."""
    request = request_of("/a", "POST", fields=["content-type: application/grpc", *fields])
    (plan,) = plans_of(ROUTE % (f", {route}" if route else "")).plans
    state = ExchangeState(request, b"id-1", 0.0)
    made = request_head(state, plan.forwarding, None, None, -1)
    prepare_call(made, state, now)
    return http1_head(made).decode().split("\r\n")[3:-2]


async def test_of_a_call_te_goes_on_if_it_came():
    te, connection, _ = prepared("te: trailers")[-3:]
    assert (te, connection) == ("te: trailers", "connection: TE")
    assert not [line for line in prepared() if line.startswith(("te:", "connection:"))]


async def test_of_a_calls_timeout_what_is_left_goes_on():
    assert "grpc-timeout: 750000u" in prepared("grpc-timeout: 1S", now=0.25)
    assert "grpc-timeout: 0u" in prepared("grpc-timeout: 1S", now=2.0)


@pytest.mark.parametrize("field", ["x-grpc-timeout: 1S", "x-a: grpc-timeout: 1S"])
async def test_a_field_that_only_ends_like_the_timeout_stays(field):
    assert {field, "grpc-timeout: 750000u"} <= set(prepared(field, "grpc-timeout: 1S", now=0.25))


async def test_a_timeout_that_the_route_sets_stays():
    lines = prepared("grpc-timeout: 1S", route="requestHeaders: {set: {x-a: b}}", now=0.25)
    assert [line for line in lines if line.startswith("grpc-timeout")] == ["grpc-timeout: 750000u"]
    lines = prepared("grpc-timeout: 1S", route="requestHeaders: {set: {grpc-timeout: 5S}}", now=0.25)
    assert [line for line in lines if line.startswith("grpc-timeout")] == ["grpc-timeout: 5S"]
