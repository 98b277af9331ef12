"""What an upstream and a client get of each other's header fields, through the modules that decide it; no socket."""

from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.table import compile_table
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import read_request
from app.dataplane.codec.request_head import http1_head
from app.dataplane.codec.response import read_response
from app.dataplane.proxy.client_response import response_lines
from app.dataplane.proxy.routes import RoutePlan
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.proxy.upstream_request import request_head

__all__ = ["DATE", "Pairs", "UNTRUSTED", "answered", "pairs", "plain_route", "sent"]

Pairs = list[tuple[bytes, bytes]]
UNTRUSTED = PeerIdentity("192.0.2.1", "http")
DATE = b"date: now\r\n"
_CONFIG = b"""\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: a, match: {path: {prefix: /}}, upstream: one, auth: none}]
"""


def plain_route() -> RoutePlan:
    """A route that changes nothing."""
    rules = EnvironmentRules(rate_limit="off")
    (settings,) = compile_table(parse_config(_CONFIG, "gw.yaml"), rules, 1).routes
    return RoutePlan(settings, (), 0, ("limits", None), ("timeouts", None))


_ROUTE = plain_route()


def pairs(lines: bytes) -> Pairs:
    """Of header lines, each ended by CRLF."""
    assert lines == b"" or lines.endswith(b"\r\n")
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])]


def sent(
    headers: Pairs,
    peer: PeerIdentity = UNTRUSTED,
    *,
    host: bytes | None = b"a.example",
    key: bytes | None = None,
    method: bytes = b"GET",
) -> Pairs:
    """The upstream's fields behind Host, of a request of `peer`'s. `host` None: of HTTP/1.0 without Host."""
    start = b"%b /x HTTP/1.%d" % (method, host is not None)
    lines = [
        start,
        *([b"Host: " + host] if host is not None else []),
        *(b"%b: %b" % each for each in headers),
    ]
    request = read_request(b"\r\n".join(lines), peer)
    assert request.rejection is None, request.rejection
    state = ExchangeState(request, b"id-1", 0.0)
    state.key = key
    head = http1_head(request_head(state, _ROUTE.forwarding, None, None, request.length_bytes))
    first, _, rest = head.partition(b"\r\n")
    assert first == method + b" /x HTTP/1.1"
    block, end, body = rest.rpartition(b"\r\n")
    assert (end, body) == (b"\r\n", b"")
    (name, value), *fields = pairs(block)
    assert (name, value) == (b"host", host or b"")
    return fields


def answered(headers: Pairs) -> tuple[Pairs, bool]:
    """The client's fields but framing, and whether the upstream's Date is among them; DATE comes last otherwise."""
    head = read_response(b"\r\n".join([b"HTTP/1.1 200 OK", *(b"%b: %b" % each for each in headers)]))
    assert not head.fault, head.fault
    state = ExchangeState(read_request(b"GET / HTTP/1.1\r\nHost: a", UNTRUSTED), b"id-1", 0.0)
    lines = b"".join(response_lines(state, head, DATE))
    assert head.dated != lines.endswith(DATE)
    return pairs(lines if head.dated else lines.removesuffix(DATE)), head.dated
