from dataclasses import replace

from app.config.model import (
    Auth,
    Listener,
    ListenerName,
    Match,
    Route,
    RouteName,
    UpstreamName,
    WeightedUpstream,
)
from app.routing.index import NO_ROUTE
from app.routing.listener_routes import listener_routes


def route(name: str, *listeners: str, match: Match | None = None) -> Route:
    upstreams = (WeightedUpstream(UpstreamName("u")),)
    return Route(
        RouteName(name),
        Match() if match is None else match,
        upstreams,
        listeners=tuple(ListenerName(each) for each in listeners),
    )


def listener(name: str, port: int = 80, *hosts: str, public_port: int | None = None) -> Listener:
    return Listener(ListenerName(name), port, hosts=hosts, public_port=public_port)


A, B = listener("a", 80), listener("b", 80, "b.example")


def find(ports, port, position, path=b"/"):
    of_listener = ports[port].listeners[position]
    found = of_listener.index.find(b"b.example", b"GET", path, None, ())
    return NO_ROUTE if found == NO_ROUTE else of_listener.positions[found]


def test_each_listener_has_its_own_routes_and_finds_their_places_among_all():
    routes = [route("own"), route("x", "a"), route("y", "b", "c"), route("z", "a", match=Match(path="/z"))]
    ports = listener_routes([A, B, listener("c", 81)], routes)
    assert (find(ports, 80, 0), find(ports, 80, 0, b"/z"), find(ports, 80, 1, b"/z")) == (1, 3, 2)
    assert find(ports, 81, 0) == 2


def test_a_listener_without_routes_takes_requests_and_finds_none():
    ports = listener_routes([A], [route("own")])
    assert find(ports, 80, 0) == NO_ROUTE


def test_an_index_serves_on_while_its_listeners_routes_are_the_same():
    routes = [route("x", "a"), route("y", "b")]
    before = listener_routes([A, B], routes)
    after = listener_routes([A, B], [route("new", "b"), *routes], before)
    assert after[80].listeners[0].index is before[80].listeners[0].index
    assert after[80].listeners[1].index is not before[80].listeners[1].index
    assert (find(after, 80, 0), find(after, 80, 1)) == (1, 0)


def test_an_index_serves_on_where_what_is_done_with_requests_changes_but_not_which_requests():
    routes = [route("x", "a", match=Match(path="/x")), route("y", "a")]
    before = listener_routes([A], routes)
    edited = replace(routes[0], match=Match(path="/x"), auth=Auth.NONE)
    same, other = (
        listener_routes([A], [each, routes[1]], before)[80].listeners[0].index
        for each in (edited, replace(edited, match=Match(path="/z")))
    )
    assert same is before[80].listeners[0].index
    assert other is not before[80].listeners[0].index


def test_a_listener_that_is_new_on_a_known_port_gets_an_index():
    before = listener_routes([A], [])
    assert find(listener_routes([A, B], [route("y", "b")], before), 80, 1) == 0


def test_the_public_port_is_the_listeners_own_unless_it_says_otherwise():
    (plain,), (mapped,) = (
        listener_routes([listener("a", 20_001, public_port=port)], [])[20_001].listeners
        for port in (None, 80)
    )
    assert (plain.public_port, mapped.public_port) == (20_001, 80)


def test_only_the_clusters_listeners_hide_that_another_method_would_do():
    hidden = [
        each.hides_methods
        for each in listener_routes([A, listener("shop/web/http", 80, "c.d")], [])[80].listeners
    ]
    assert hidden == [False, True]
