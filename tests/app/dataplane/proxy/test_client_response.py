from app.config.model import Redirect
from app.dataplane.codec.cors import Preflight
from app.dataplane.codec.response import read_response
from app.dataplane.proxy.client_response import preflight, redirection, rejection, response_lines
from app.dataplane.proxy.state import ExchangeState
from app.foundation.reasons import Reason, Rejection
from tests.fakes.plans import plans_of
from tests.fakes.requests import request_of

DATE = b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
EDITS = "responseHeaders: {set: {Server: gateway}, add: {X-A: '1'}, remove: [X-Powered-By]}"
ROUTE = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: r, match: {path: {prefix: /a}}, auth: none, %s}]
"""


def state_of(rest="upstream: one", target="/a/b?c", **request):
    state = ExchangeState(request_of(target, **request), b"id-1", 0.0)
    (state.route,) = plans_of(ROUTE % rest).plans
    state.limit_lines = b"ratelimit: l\r\n"
    return state


def lines(state, *fields, status="200 OK"):
    head = read_response("\r\n".join((f"HTTP/1.1 {status}", *fields)).encode("latin-1"))
    assert not head.fault
    return b"".join(response_lines(state, head, DATE)).decode("latin-1").split("\r\n")[:-1]


async def test_fields_of_the_upstream_go_on_with_the_requests_id_and_its_limits():
    assert lines(state_of(), "Server: x", "X-A: caf\u00e9", "Date: then") == [
        "server: x",
        "x-a: caf\u00e9",
        "date: then",
        "x-request-id: id-1",
        "ratelimit: l",
    ]


async def test_a_response_without_a_date_gets_one():
    assert lines(state_of())[-1] == DATE.decode().strip()


async def test_what_speaks_to_the_next_hop_only_stays_here():
    taken = lines(
        state_of(),
        "Connection: x-named, close",
        "X-Named: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: Basic",
        "Transfer-Encoding: chunked",
        "X-Request-ID: theirs",
        "Tidegate-Reason: no_route",
        "Date: then",
    )
    assert taken == ["date: then", "x-request-id: id-1", "ratelimit: l"]


async def test_a_date_that_connection_takes_away_is_made_anew():
    assert lines(state_of(), "Connection: date", "Date: then")[-1] == DATE.decode().strip()


async def test_a_routes_edits_are_made_on_the_response_as_they_are_written():
    taken = lines(state_of(f"upstream: one, {EDITS}"), "Server: x", "X-Powered-By: y", "X-A: 0", "Date: then")
    assert taken == [
        "x-a: 0",
        "date: then",
        "x-request-id: id-1",
        "ratelimit: l",
        "Server: gateway",
        "X-A: 1",
    ]


CORS = "cors: {allowOrigins: ['https://a.example']}"


async def test_cors_says_who_may_read_and_the_routes_edits_come_last():
    state = state_of(f"upstream: one, {CORS}, {EDITS}", fields=["origin: https://a.example"])
    assert lines(state, "Access-Control-Allow-Origin: *", "Date: then") == [
        "date: then",
        "x-request-id: id-1",
        "ratelimit: l",
        "access-control-allow-origin: https://a.example",
        "vary: origin",
        "Server: gateway",
        "X-A: 1",
    ]
    state = state_of(f"upstream: one, {CORS}", fields=["origin: https://b.example"])
    assert lines(state, "Date: then")[-1] == "vary: origin"


async def test_a_rejection_says_who_may_read_it():
    state = state_of(f"upstream: one, {CORS}, {EDITS}", fields=["origin: https://a.example"])
    reply = rejection(state, Rejection(Reason.RATE_LIMITED, "d"), DATE)
    assert reply.lines.endswith(
        b"ratelimit: l\r\naccess-control-allow-origin: https://a.example\r\nvary: origin\r\n"
        b"Server: gateway\r\nX-A: 1\r\n"
    )


async def test_a_preflight_request_gets_an_empty_reply_with_what_is_granted():
    state = state_of(f"upstream: one, {CORS}")
    reply = preflight(state, Preflight(b"https://a.example", b"PUT", b""), DATE)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.lines.startswith(
        b"x-request-id: id-1\r\n" + DATE + b"access-control-allow-origin: https://a."
    )


async def test_edits_of_the_upstream_come_before_the_routes():
    own = "{name: one, responseHeaders: {set: {X-A: '0', X-B: '0'}, remove: [X-C]}}"
    state = state_of(f"upstream: [{own}], {EDITS}")
    assert state.route is not None
    (state.target,) = state.route.targets
    assert lines(state, "X-C: 1", "Date: then") == [
        "date: then",
        "x-request-id: id-1",
        "ratelimit: l",
        "X-A: 0",
        "X-B: 0",
        "Server: gateway",
        "X-A: 1",
    ]


async def test_a_rejection_has_the_lines_of_limits_and_route():
    reply = rejection(state_of(f"upstream: one, {EDITS}"), Rejection(Reason.RATE_LIMITED, "d"), DATE)
    assert reply.status == 429
    assert reply.lines.endswith(DATE + b"ratelimit: l\r\nServer: gateway\r\nX-A: 1\r\n")
    assert b"cache-control: no-store\r\n" in reply.lines


async def test_a_rejection_of_what_met_no_route_has_none():
    state = ExchangeState(request_of("/"), b"id-1", 0.0)
    reply = rejection(state, Rejection(Reason.NO_ROUTE, "d"), DATE)
    assert (reply.status, b"ratelimit" in reply.lines, b"x-request-id: id-1" in reply.lines) == (
        404,
        False,
        True,
    )


async def test_a_redirect_names_where_to():
    state = state_of("redirect: {host: new.example, status: 308}")
    reply = redirection(state, Redirect(host="new.example", status=308), plans_of("", auth="none"), DATE)
    assert (reply.status, reply.body) == (308, b"")
    assert reply.lines.startswith(b"location: http://new.example/a/b?c\r\n")
    assert reply.lines.endswith(DATE + b"ratelimit: l\r\n")


LISTENER = """\
listeners: [{name: web, port: 20001}]
routes: [{name: r, auth: none, listeners: [web], redirect: {host: new.example}}]
"""


async def test_a_redirect_leads_to_the_listeners_port_whatever_host_says():
    plans = plans_of(LISTENER)
    for port, location in ((20001, b"http://new.example:20001/"), (0, b"http://new.example:99/")):
        state = ExchangeState(request_of("/", host="a.example:99", port=port), b"id-1", 0.0)
        reply = redirection(state, Redirect(host="new.example"), plans, DATE)
        assert reply.lines.startswith(b"location: %b\r\n" % location)
