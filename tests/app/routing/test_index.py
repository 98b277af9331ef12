"""Names in the tests follow the groups of Gateway API's HTTPRoute conformance tests."""

import re
from typing import Any

import pytest

from app.config.model import Match, PathKind, Route, RouteName, UpstreamName, ValueMatch, WeightedUpstream
from app.routing.conditions import Fields
from app.routing.index import NO_ROUTE, VARIES, NotAllowed, RouteIndex


def routes(*matches: Match) -> list[Route]:
    upstreams = (WeightedUpstream(UpstreamName("u")),)
    return [Route(RouteName(f"r{at}"), match, upstreams) for at, match in enumerate(matches)]


def index(*matches: Match) -> RouteIndex:
    return RouteIndex(routes(*matches))


def find(
    table: RouteIndex,
    path: bytes = b"/",
    host: bytes = b"a.example",
    method: bytes = b"GET",
    query: bytes | None = None,
    headers: Fields = (),
) -> int | NotAllowed:
    return table.find(host, method, path, query, headers)


def exact(path: str, **more: Any) -> Match:
    return Match(path_kind=PathKind.EXACT, path=path, **more)


def prefix(path: str, **more: Any) -> Match:
    return Match(path=path, **more)


def regex(path: str, **more: Any) -> Match:
    return Match(path_kind=PathKind.REGEX, path=path, **more)


def header(**values: str) -> tuple[ValueMatch, ...]:
    return tuple(ValueMatch(name, value) for name, value in values.items())


def test_no_routes_match_nothing():
    assert find(index()) == NO_ROUTE


def test_a_single_route_takes_every_path_and_host():
    table = index(Match())
    assert [find(table, b"/"), find(table, b"/a?b", b""), find(table, b"//")] == [0, 0, 0]


def test_a_single_route_does_not_take_the_asterisk():
    assert find(index(Match()), b"*", method=b"OPTIONS") == NO_ROUTE


def test_a_single_route_with_conditions_is_no_shortcut():
    table = index(Match(methods=("POST",)))
    assert [find(table), find(table, method=b"POST")] == [NotAllowed((b"POST",)), 0]


@pytest.mark.parametrize(
    ("path", "expected"), [(b"/one", 0), (b"/one/", NO_ROUTE), (b"/ONE", NO_ROUTE), (b"/two", 1)]
)
def test_exact_path_matching(path, expected):
    assert find(index(exact("/one"), exact("/two")), path) == expected


@pytest.mark.parametrize("written", ["/orders", "/orders/"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/orders", 0),
        (b"/orders/", 0),
        (b"/orders/x", 0),
        (b"/orders//x", 0),
        (b"/ordersx", NO_ROUTE),
        (b"/Orders", NO_ROUTE),
        (b"/order", NO_ROUTE),
        (b"/%6frders", NO_ROUTE),
        (b"/x/orders", NO_ROUTE),
    ],
)
def test_matching_of_a_prefix_goes_by_raw_path_elements(written, path, expected):
    assert find(index(prefix(written)), path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/match/exact/one", 0),
        (b"/match/exact", 1),
        (b"/match/exact/", 2),
        (b"/match/prefix/one/any", 3),
        (b"/match/prefix/any", 4),
        (b"/match/any", 5),
        (b"/other", NO_ROUTE),
    ],
)
def test_path_match_order_is_exact_then_longest_prefix(path, expected):
    table = index(
        exact("/match/exact/one"),
        exact("/match/exact"),
        prefix("/match/exact"),
        prefix("/match/prefix/one/"),
        prefix("/match/prefix"),
        prefix("/match"),
    )
    assert find(table, path) == expected


def test_path_match_order_puts_regexes_after_exact_and_prefix():
    table = index(regex("/a.*"), prefix("/a"), exact("/a"))
    assert [find(table, b"/a"), find(table, b"/a/b"), find(table, b"/ab")] == [2, 1, 0]


def test_matching_of_a_regex_takes_the_whole_path():
    table = index(regex("/v[0-9]+"))
    assert [find(table, b"/v1"), find(table, b"/v1/x"), find(table, b"/x/v1")] == [0, NO_ROUTE, NO_ROUTE]


def test_path_match_order_of_regexes_is_method_then_headers_then_file():
    table = index(
        regex("/.*"), regex("/a.*"), regex("/ab", headers=header(x="1")), regex("/.+", methods=("PUT",))
    )
    assert find(table, b"/ab") == 0
    assert find(table, b"/ab", headers=[(b"x", b"1")]) == 2
    assert find(table, b"/ab", headers=[(b"x", b"1")], method=b"PUT") == 3


def test_matching_of_many_slashes_ends_at_the_longest_prefix():
    assert find(index(prefix("/a"), exact("/b")), b"/a" + b"/" * 60_000) == 0
    assert find(index(prefix("/a"), exact("/b")), b"/" * 60_000) == NO_ROUTE


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"version", b"one")], 0),
        ([(b"version", b"two")], 1),
        ([(b"version", b"two"), (b"color", b"orange")], 2),
        ([(b"version", b"two"), (b"color", b"blue")], 1),
        ([(b"color", b"blue")], 3),
        ([(b"color", b"red")], 4),
        ([(b"color", b"purple")], NO_ROUTE),
    ],
)
def test_header_matching(headers, expected):
    table = index(
        Match(headers=header(version="one")),
        Match(headers=header(version="two")),
        Match(headers=header(version="two", color="orange")),
        Match(headers=header(color="blue")),
        Match(headers=header(color="red")),
    )
    assert find(table, headers=headers) == expected


def test_header_matching_with_a_pattern():
    table = index(Match(headers=(ValueMatch("v", pattern=re.compile("1|2")),)), Match())
    assert [find(table, headers=[(b"v", b"2")]), find(table, headers=[(b"v", b"3")])] == [0, 1]


def test_query_parameter_matching_prefers_more_parameters():
    animal = (ValueMatch("animal", "whale"),)
    table = index(Match(query=animal), Match(query=(*animal, ValueMatch("color", "blue"))))
    assert find(table, query=b"animal=whale") == 0
    assert find(table, query=b"animal=whale&color=blue") == 1
    assert find(table, query=b"animal=dolphin") == NO_ROUTE
    assert find(table, query=None) == NO_ROUTE


def test_method_matching_comes_before_header_matching():
    table = index(Match(headers=header(a="1", b="2")), Match(methods=("GET",)))
    assert find(table, headers=[(b"a", b"1"), (b"b", b"2")]) == 1


def test_header_matching_comes_before_query_matching():
    table = index(Match(query=(ValueMatch("a", "1"), ValueMatch("b", "2"))), Match(headers=header(h="1")))
    assert find(table, headers=[(b"h", b"1")], query=b"a=1&b=2") == 1


def test_matching_falls_back_to_the_order_in_the_file():
    assert find(index(prefix("/a/"), prefix("/a")), b"/a") == 0


def test_matching_gives_way_to_a_shorter_prefix_when_conditions_fail():
    table = index(prefix("/"), prefix("/v2", headers=header(version="two")))
    assert [find(table, b"/v2"), find(table, b"/v2", headers=[(b"version", b"two")])] == [0, 1]


def test_matching_drops_nothing_that_can_be_reached():
    table = index(
        prefix("/a", methods=("POST",)), prefix("/a", headers=header(x="1")), prefix("/a"), prefix("/a")
    )
    assert [
        find(table, b"/a"),
        find(table, b"/a", headers=[(b"x", b"1")]),
        find(table, b"/a", method=b"POST"),
    ] == [2, 1, 0]


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (b"example.com", b"/", 0),
        (b"example.com", b"/example", 0),
        (b"example.net", b"/example", NO_ROUTE),
        (b"example.com", b"/v2", 1),
        (b"example.net", b"/v2", 1),
    ],
)
def test_matching_across_routes(host, path, expected):
    table = index(prefix("/", hosts=("example.com",)), prefix("/v2", hosts=("example.com", "example.net")))
    assert find(table, path, host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"very.specific.com", 0),
        (b"VERY.specific.com:8080", 0),
        (b"very.specific.com.", 0),
        (b"non.specific.com", 1),
        (b"foo.wildcard.io", 2),
        (b"foo.bar.wildcard.io", 2),
        (b"wildcard.io", NO_ROUTE),
        (b".wildcard.io", NO_ROUTE),
        (b"foowildcard.io", NO_ROUTE),
        (b"deep.very.wildcard.io", 3),
        (b"other.org", NO_ROUTE),
        (b"[::1]:8080", 4),
        (b"[0:0::1]", 4),
        (b"", NO_ROUTE),
        (b"x." * 40_000 + b"wildcard.io", 2),
    ],
)
def test_hostname_intersection(host, expected):
    table = index(
        Match(hosts=("very.specific.com",)),
        Match(hosts=("*.specific.com",)),
        Match(hosts=("*.wildcard.io",)),
        Match(hosts=("*.very.wildcard.io",)),
        Match(hosts=("[::1]",)),
    )
    assert find(table, host=host) == expected


def test_hostname_intersection_prefers_host_over_path():
    table = index(exact("/a/b"), prefix("/a", hosts=("*.example",)), prefix("/", hosts=("a.example",)))
    assert find(table, b"/a/b", b"a.example") == 2
    assert find(table, b"/a/b", b"b.example") == 1
    assert find(table, b"/a/b", b"c.other") == 0


def test_hostname_intersection_tries_less_specific_hosts():
    table = index(prefix("/c"), prefix("/b", hosts=("*.example",)), prefix("/a", hosts=("a.example",)))
    assert [find(table, path) for path in (b"/a", b"/b", b"/c", b"/d")] == [2, 1, 0, NO_ROUTE]


def test_not_allowed_names_the_methods_of_all_levels():
    table = index(
        exact("/a", methods=("PUT", "POST")),
        prefix("/", methods=("DELETE",)),
        prefix("/a", methods=("PATCH",), hosts=("a.example",)),
        regex("/.", methods=("PUT",)),
        prefix("/b", methods=("TRACE",)),
    )
    assert find(table, b"/a") == NotAllowed((b"DELETE", b"PATCH", b"POST", b"PUT"))


def test_not_allowed_needs_everything_else_to_hold():
    assert find(index(Match(methods=("PUT",), headers=header(x="1")))) == NO_ROUTE


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"get"])
def test_get_implies_no_other_method(method):
    assert find(index(Match(methods=("GET",))), method=method) == NotAllowed((b"GET",))


def test_made_up_hosts_do_not_grow_the_memory():
    table = index(Match(hosts=("a.example",)), exact("/b"))
    for number in range(3000):
        find(table, host=b"%d.example" % number)
    assert len(table._memo) <= 1024
    assert find(table) == 0


def test_a_path_that_is_not_utf_8_meets_regexes_without_fault():
    assert find(index(regex("/.")), b"/\xff") == 0


def test_the_runner_up_is_known_beforehand_where_no_request_can_change_it():
    table = index(prefix("/"), prefix("/a"), prefix("/a/b"), exact("/a/b"), prefix("/a", hosts=("h",)))
    assert [table.runner_up(position) for position in range(5)] == [NO_ROUTE, 0, 1, 2, VARIES]
    assert [table.runner_up(position) for position in range(5)] == [NO_ROUTE, 0, 1, 2, VARIES]
    of_a_host = index(prefix("/"), prefix("/a", hosts=("h",)), prefix("/b", hosts=("g", "f")))
    assert [of_a_host.runner_up(position) for position in (1, 2)] == [0, VARIES]
    assert index(prefix("/a", hosts=("h",))).runner_up(0) == NO_ROUTE
    twins = index(prefix("/a"), prefix("/a"), prefix("/a"))
    assert [twins.runner_up(position) for position in range(2)] == [1, VARIES]


def test_the_runner_up_varies_with_what_conditions_and_regexes_say():
    by_method = index(prefix("/a"), prefix("/", methods=("PUT",)), prefix("/"), regex("/.*"))
    assert [by_method.runner_up(position) for position in range(4)] == [VARIES] * 4
    by_host = index(prefix("/", methods=("PUT",)), prefix("/", hosts=("h",)), prefix("/", hosts=("*.h",)))
    assert by_host.runner_up(1) == VARIES
    assert index(prefix("/", methods=("PUT",)), prefix("/", hosts=("h",))).runner_up(1) == VARIES


def test_all_matches_go_on_where_find_ends():
    table = index(prefix("/"), prefix("/a"), prefix("/a"), exact("/a"), prefix("/a"), regex("/.*"))
    assert list(table.all_matches(b"h", b"GET", b"/a", None, ())) == [3, 1, 2, 4, 0, 5]
    assert list(index().all_matches(b"h", b"GET", b"/a", None, ())) == []


def test_a_route_whose_conditions_fail_is_no_match():
    table = index(prefix("/", methods=("PUT",)), prefix("/", headers=header(h="1")), prefix("/"))
    assert list(table.all_matches(b"h", b"GET", b"/", None, ((b"h", b"1"),))) == [1, 2]


def test_a_host_written_twice_is_no_route_of_its_own():
    table = index(prefix("/", hosts=("a.example", "A.example")), prefix("/"))
    assert set(table.all_matches(b"a.example", b"GET", b"/", None, ())) == {0, 1}
