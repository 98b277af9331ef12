"""The index against the plain way: compare every route, sort what matches, take the first."""

import re
from itertools import groupby
from urllib.parse import unquote_to_bytes

from hypothesis import example, given
from hypothesis import strategies as st

from app.config.model import Match, PathKind, Route, RouteName, UpstreamName, ValueMatch, WeightedUpstream
from app.routing.conditions import Fields
from app.routing.index import NO_ROUTE, VARIES, NotAllowed, RouteIndex
from app.routing.target import join_target, rewrite_path, split_target
from app.routing.weights import choose

HOSTS = ["a.example", "b.example", "x.a.example", "*.example", "*.a.example", "*.x.a.example", "[::1]"]
REQUEST_HOSTS = [
    b"a.example",
    b"A.Example:80",
    b"b.example.",
    b"x.a.example",
    b"y.x.a.example",
    b"q.example",
    b"example",
    b"[::1]:8080",
    b"other",
    b"",
]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/a//b", "/a/b/c", "/%61"]
REGEXES = ["/a.*", "/[ab]+", "/a/(b|c)", ".*"]


def value_matches(names: list[str]) -> st.SearchStrategy[tuple[ValueMatch, ...]]:
    values = st.sampled_from([(None, re.compile("1|2")), ("1", None), ("2", None), ("", None)])
    return st.lists(st.tuples(st.sampled_from(names), values), max_size=2, unique_by=lambda one: one[0]).map(
        lambda found: tuple(ValueMatch(name, *value) for name, value in found)
    )


def matches() -> st.SearchStrategy[Match]:
    return st.builds(
        lambda hosts, path, methods, headers, query: Match(
            tuple(hosts), path[0], path[1], tuple(methods), headers, query
        ),
        st.lists(st.sampled_from(HOSTS), max_size=2, unique=True),
        st.one_of(
            st.tuples(st.just(PathKind.EXACT), st.sampled_from(PATHS)),
            st.tuples(st.just(PathKind.PREFIX), st.sampled_from(PATHS)),
            st.tuples(st.just(PathKind.REGEX), st.sampled_from(REGEXES)),
        ),
        st.lists(st.sampled_from(["GET", "PUT"]), max_size=2, unique=True),
        value_matches(["h", "i"]),
        value_matches(["p", "q"]),
    )


requests = st.tuples(
    st.sampled_from(REQUEST_HOSTS),
    st.sampled_from([b"GET", b"PUT", b"POST"]),
    st.sampled_from([b"*", b"//", b"/b", b"/c", b"/a/c", b"/a/b/c/d", *(path.encode() for path in PATHS)]),
    st.sampled_from([None, b"", b"p=1", b"p=1&q=2", b"p=%31", b"p=2&p=1", b"q", b"%70=1"]),
    st.lists(st.tuples(st.sampled_from([b"h", b"i", b"j"]), st.sampled_from([b"1", b"2", b""])), max_size=3),
)


def host_rank(written: str, host: str) -> tuple[int, int] | None:
    if not written.startswith("*."):
        return (0, 0) if written == host else None
    return (1, -len(written)) if host.endswith(written[1:]) and len(host) >= len(written) else None


def path_rank(match: Match, path: str) -> tuple[int, int] | None:
    if match.path_kind is PathKind.EXACT:
        return (0, 0) if path == match.path else None
    if match.path_kind is PathKind.REGEX:
        return (2, 0) if re.fullmatch(match.path, path) else None
    prefix = match.path.removesuffix("/")
    return (1, -len(prefix)) if path == prefix or path.startswith(prefix + "/") else None


def holds(test: ValueMatch, value: str | None) -> bool:
    if value is None:
        return False
    return value == test.value if test.pattern is None else bool(test.pattern.fullmatch(value))


def plain_header(headers: Fields, name: str) -> str | None:
    found = [value.decode() for each, value in headers if each.decode() == name]
    return ", ".join(found) if found else None


def plain_parameter(query: bytes, name: str) -> str | None:
    for pair in query.split(b"&"):
        each, _, value = pair.partition(b"=")
        if unquote_to_bytes(each).decode() == name:
            return unquote_to_bytes(value).decode()
    return None


def plain_ranking(
    routes: list[Route], host_field: bytes, path: bytes, query: bytes | None, headers: Fields
) -> list[tuple[int, tuple[str, ...]]]:
    """Position and methods of every route that takes it but for the method, the strongest first."""
    host = re.sub(r":\d*$", "", host_field.decode().lower()).removesuffix(".")
    taken = []
    for position, route in enumerate(routes):
        match = route.match
        found_path = path_rank(match, path.decode())
        conditions_hold = all(
            holds(test, plain_header(headers, test.name)) for test in match.headers
        ) and all(holds(test, plain_parameter(query or b"", test.name)) for test in match.query)
        if found_path is None or not conditions_hold:
            continue
        conditions = (not match.methods, -len(match.headers), -len(match.query), position)
        hosts = [host_rank(written, host) for written in match.hosts] if match.hosts else [(2, 0)]
        taken += [(rank, found_path, conditions, match.methods) for rank in hosts if rank is not None]
    taken.sort()
    return [(conditions[-1], methods) for _, _, conditions, methods in taken]


def plain_find(
    routes: list[Route], host: bytes, method: bytes, path: bytes, query: bytes | None, headers: Fields
) -> int | NotAllowed:
    ranking = plain_ranking(routes, host, path, query, headers)
    for position, methods in ranking:
        if not methods or method.decode() in methods:
            return position
    allow = {name.encode() for _, methods in ranking for name in methods}
    return NotAllowed(tuple(sorted(allow))) if allow else NO_ROUTE


def routes_of(found: list[Match]) -> list[Route]:
    return [
        Route(RouteName(f"r{at}"), match, (WeightedUpstream(UpstreamName("u")),))
        for at, match in enumerate(found)
    ]


@given(st.lists(matches(), max_size=8).map(routes_of), st.lists(requests, min_size=1, max_size=6))
def test_the_index_finds_what_comparing_every_route_finds(routes, asked):
    index = RouteIndex(routes)
    for request in asked:
        assert index.find(*request) == plain_find(routes, *request)


@given(st.lists(matches(), max_size=8).map(routes_of), requests)
def test_all_matches_are_those_that_comparing_every_route_finds_in_their_order(routes, request_):
    host, method, path, query, headers = request_
    ranking = plain_ranking(routes, host, path, query, headers)
    expected = [position for position, methods in ranking if not methods or method.decode() in methods]
    found = list(RouteIndex(routes).all_matches(*request_))
    assert [position for position, _ in groupby(found)] == [position for position, _ in groupby(expected)]


@given(st.lists(matches(), max_size=8).map(routes_of), st.lists(requests, min_size=1, max_size=6))
def test_a_runner_up_that_is_known_beforehand_is_the_second_of_all_matches(routes, asked):
    index = RouteIndex(routes)
    for request in asked:
        position = index.find(*request)
        if isinstance(position, int) and position >= 0:
            others = [each for each in index.all_matches(*request) if each != position]
            assert index.runner_up(position) in (VARIES, others[0] if others else NO_ROUTE)


@given(st.lists(matches(), min_size=1, max_size=6).map(routes_of), requests)
def test_asking_twice_gives_the_same_answer(routes, request_):
    index = RouteIndex(routes)
    assert index.find(*request_) == index.find(*request_)


target_bytes = st.binary(max_size=30).map(lambda tail: b"/" + tail)


@given(target_bytes)
@example(b"/?")
def test_a_target_in_origin_form_comes_out_as_it_went_in(target):
    found = split_target(target)
    if found is not None:
        assert join_target(*found[:2]) == target
    assert (found is None) == any(not 0x20 < byte < 0x7F or byte in b"#" for byte in target)


@given(st.binary(max_size=40), st.sampled_from([b"GET", b"OPTIONS"]))
def test_no_target_of_any_form_lets_a_line_end_or_space_through(target, method):
    found = split_target(target, method)
    if found is not None:
        assert not set(b" \r\n\t\x00#") & set(join_target(*found[:2]) + (found[2] or b""))
        assert found[0][:1] == b"/" or found[0] == b"*"


@given(st.sampled_from(PATHS), st.text("abc/%", max_size=8), st.sampled_from(["/", "/x", "/x/", "/x/y"]))
def test_replacing_a_prefix_gives_a_path_that_the_new_prefix_matches(prefix, rest, new):
    path = prefix.removesuffix("/") + "/" + rest
    result = rewrite_path(path.encode(), None, prefix.encode(), new.encode()).decode()
    assert path_rank(Match(path=new), result) is not None
    assert result.endswith("/" + rest)


@given(st.lists(st.integers(0, 100), max_size=6), st.floats(0, 1, exclude_max=True))
def test_a_choice_by_weight_never_falls_on_zero(weights, random_unit):
    position = choose(tuple(weights), random_unit)
    assert weights[position] > 0 if any(weights) else position == -1
