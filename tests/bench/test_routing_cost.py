"""What routing and header rewriting cost; ratios within one run are printed, no timing is asserted."""

import timeit
from collections.abc import Callable

import pytest

from app.config.model import Match, Route, RouteName, UpstreamName, WeightedUpstream
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import read_request
from app.dataplane.codec.response import read_response
from app.routing.host import valid_host
from app.routing.index import RouteIndex
from app.routing.target import split_target

pytestmark = pytest.mark.bench

FIELDS = [
    (b"host", b"api.example.com"),
    (b"user-agent", b"curl/8.5.0"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"cookie", b"session=0123456789abcdef"),
    (b"x-api-key", b"k" * 40),
]


def cost_us(call: Callable[[], object], rounds: int = 5000) -> float:
    return min(timeit.repeat(call, number=rounds, repeat=5)) / rounds * 1e6


def routes(count: int, host: bool = False) -> list[Route]:
    return [
        Route(
            RouteName(f"r{at}"),
            Match(hosts=(f"h{at}.example.com",) if host else (), path=f"/service-{at}/v1"),
            (WeightedUpstream(UpstreamName("u")),),
        )
        for at in range(count)
    ]


def test_looking_up_a_route_does_not_cost_more_with_more_routes():
    single = RouteIndex([Route(RouteName("all"), Match(), (WeightedUpstream(UpstreamName("u")),))])
    print(f"\none route: {cost_us(lambda: single.find(b'a', b'GET', b'/x', None, FIELDS)):.2f} µs")
    for kind, host in (("prefixes", False), ("hosts", True)):
        few, many = look_up_us(10, host), look_up_us(10_000, host)
        print(f"{kind}: 10 → 10,000 routes: {few:.2f} → {many:.2f} µs, ratio {many / few:.2f}")


def look_up_us(count: int, host: bool) -> float:
    index = RouteIndex(routes(count, host))
    asked = (b"h7.example.com", b"GET", b"/service-7/v1/x", None, FIELDS)
    assert index.find(*asked) == 7
    return cost_us(lambda: index.find(*asked))


def test_building_an_index_of_ten_thousand_routes():
    many = routes(10_000, host=True)
    print(f"\nbuild of 10,000 routes: {timeit.timeit(lambda: RouteIndex(many), number=1):.3f} s")


def test_reading_heads():
    peer = PeerIdentity("192.0.2.1", "http")
    lines = b"".join(b"%b: %b\r\n" % field for field in FIELDS)
    numbers = iter(range(10_000_000))

    def same() -> object:
        return read_request(b"GET /orders/12345?expand=items HTTP/1.1\r\n" + lines[:-2], peer)

    def other() -> object:
        number = next(numbers)
        head = b"GET /orders/%d HTTP/1.1\r\n%bcookie: session=%d" % (number, lines, number)
        return read_request(head, peer)

    def answer() -> object:
        return read_response(b"HTTP/1.1 200 OK\r\nserver: a\r\ncontent-length: %d" % next(numbers))

    for name, call in (("request", same), ("request that differs", other), ("response", answer)):
        print(f"\n{name}: {cost_us(call):.2f} µs", end="")
    print(f"\ntarget: {cost_us(lambda: split_target(b'/orders/12345?expand=items')):.2f} µs", end="")
    print(f"\nhost: {cost_us(lambda: valid_host(b'api.example.com')):.2f} µs")
