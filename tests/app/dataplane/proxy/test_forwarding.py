from app.config.model import HeaderEdits, Match, Rewrite, Route, RouteName, UpstreamName, WeightedUpstream
from app.dataplane.codec.field_edits import edited
from app.dataplane.proxy.forwarding import forwarding_of, forwarding_to

ONE = WeightedUpstream(UpstreamName("one"))
SET_A = HeaderEdits(set=(("A", "route"),))


def route(**more):
    return Route(RouteName("r"), Match(path="/a"), (ONE,), **more)


def test_routes_that_do_nothing_share_one():
    assert forwarding_of(route()) is forwarding_of(Route(RouteName("s"), Match(), (ONE,)))


def test_a_route_rewrites_and_edits():
    forwarding = forwarding_of(route(rewrite=Rewrite(prefix="/x", host="in.example"), request_headers=SET_A))
    assert (forwarding.host, forwarding.path) == (b"in.example", None)
    assert (forwarding.matched_prefix, forwarding.prefix) == (b"/a", b"/x")
    assert forwarding.request_edits is not None
    assert forwarding.response_edits is None
    assert forwarding_of(route(rewrite=Rewrite(path="/x"))).path == b"/x"
    assert forwarding_of(route(response_headers=SET_A)).response_edits is not None


def test_an_upstream_without_edits_gets_what_the_route_does():
    assert forwarding_to(route(request_headers=SET_A), ONE) is None


def test_a_message_meets_the_route_before_the_upstream_and_after_it_on_its_way_back():
    set_a = HeaderEdits(set=(("A", "upstream"),))
    own = WeightedUpstream(ONE.name, request_headers=set_a, response_headers=set_a)
    forwarding = forwarding_to(
        route(rewrite=Rewrite(host="in.example"), request_headers=SET_A, response_headers=SET_A), own
    )
    assert forwarding is not None
    assert forwarding.host == b"in.example"
    assert forwarding.request_edits is not None
    assert edited(b"a: 0\r\n", forwarding.request_edits) == b"A: upstream\r\n"
    assert forwarding.response_edits is not None
    assert edited(b"a: 0\r\n", forwarding.response_edits) == b"A: route\r\n"


def test_an_upstreams_rewrite_stands_in_place_of_the_routes():
    rewrite = Rewrite(prefix="/x", host="in.example")
    for own, (host, path, prefix) in (
        (Rewrite(path="/y"), (b"in.example", b"/y", None)),
        (Rewrite(prefix="/y"), (b"in.example", None, b"/y")),
        (Rewrite(host="own.example"), (b"own.example", None, b"/x")),
    ):
        forwarding = forwarding_to(route(rewrite=rewrite), WeightedUpstream(ONE.name, rewrite=own))
        assert forwarding is not None
        assert (forwarding.host, forwarding.path, forwarding.prefix) == (host, path, prefix)
