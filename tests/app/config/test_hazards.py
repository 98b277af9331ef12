import pytest

from app.config.hazards import find_hazards, find_oversights
from app.config.parsing.config_file import parse_config
from app.schema.faults import spell

UPSTREAMS = "upstreams: {shop: {endpoints: [http://h]}, same: {endpoints: [http://h]}, other: {endpoints: [http://o]}}\n"


def warned(*routes, raw_paths=True):
    """Places of the warnings for routes as written in a file."""
    text = UPSTREAMS + "routes:\n" + "".join(f"  - {{{route}}}\n" for route in routes)
    config = parse_config(text.encode(), "gw.yaml")
    return [spell(found.path) for found in find_hazards(config, raw_paths=raw_paths).found]


OPEN = "name: open, match: {path: {prefix: /p}}, auth: none, upstream: shop"
KEY = "name: key, match: {path: {prefix: /k}}, upstream: "


@pytest.mark.parametrize("upstream", ["shop", "same", "[{name: other}, {name: shop}]"])
def test_an_open_route_beside_one_with_a_key_is_a_hazard_where_paths_are_raw(upstream):
    assert warned(OPEN, KEY + upstream) == ["routes[0]"]
    assert warned(KEY + upstream, OPEN) == ["routes[1]"]
    assert warned(OPEN, KEY + upstream, raw_paths=False) == []


def test_the_upstream_of_the_environment_is_one_too():
    assert warned("name: o, auth: none, match: {path: {prefix: /p}}, upstream: cache", KEY + "cache") == [
        "routes[0]"
    ]


@pytest.mark.parametrize(
    "route",
    [
        OPEN.replace("prefix: /p", "exact: /p"),
        OPEN + ", rewrite: {path: /x}",
        OPEN.replace("upstream: shop", "redirect: {path: /x}"),
        OPEN.replace("upstream: shop", "upstream: other"),
        OPEN.replace("auth: none", "auth: key"),
    ],
    ids=["exact path", "path replaced", "redirect", "other server", "wants a key too"],
)
def test_no_way_past_a_key_no_warning(route):
    assert warned(route, KEY + "shop") == []


@pytest.mark.parametrize(
    ("match", "place"),
    [
        ("path: {regex: '/(a+)+'}", "path.regex"),
        ("path: {regex: '/.*a.*b'}", "path.regex"),
        ("headers: {X-Env: {regex: '(a|a)*b'}}", "headers.x-env.regex"),
        ("query: {q: {regex: '(.*)*'}}", "query.q.regex"),
    ],
)
def test_a_regex_that_may_take_long_is_a_hazard(match, place):
    assert warned(f"name: r, match: {{{match}}}, upstream: shop", raw_paths=False) == [
        f"routes[0].match.{place}"
    ]


@pytest.mark.parametrize(
    "match",
    [
        "path: {regex: '/orders/[0-9]+'}",
        "headers: {X-Env: {regex: '(.*)*'}, X-A: b}",
        "path: {prefix: '/(a+)+'}",
    ],
)
def test_a_regex_that_takes_a_text_in_one_way_is_none(match):
    assert warned(f"name: r, match: {{{match}}}, upstream: shop") == []


def test_a_file_without_routes_has_no_hazard():
    assert find_hazards(parse_config(b"", "gw.yaml"), raw_paths=True).found == []


def overlooked(text, auth="key", *, has_key=False):
    """What `check` warns of in a file, each with its place."""
    config = parse_config(text.encode(), "gw.yaml")
    found = find_oversights(config, auth, has_key=has_key, is_empty=not text).found
    return [f"{spell(one.path)}: {one.what}" for one in found]


ROUTES = (
    "routes: [{name: a, upstream: cache, auth: %s}, {name: b, match: {path: {prefix: /b}}, upstream: cache}]"
)


def test_an_empty_file_is_an_oversight():
    (only,) = overlooked("")
    assert "is empty: the gateway then has its one built-in route" in only


def test_a_file_that_wants_no_route_wants_no_key_either():
    assert overlooked("routes: []") == []
    assert overlooked("routes: []\nupstreams: {o: {endpoints: [http://h]}}") == [
        "upstreams.o: is used by no route"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (ROUTES % "none", "routes[1]: wants a key, and no key is known here"),
        (ROUTES % "key", "routes[0]: wants a key (and 1 more), and no key is known here"),
        ("upstreams: {o: {endpoints: [http://h]}}", "holds no keys, and the built-in route wants one"),
    ],
)
def test_a_route_that_wants_a_key_where_there_is_none_is_an_oversight(text, place):
    (only,) = overlooked(text)
    assert place in only
    assert overlooked(text, has_key=True) == []
    assert overlooked(f"keysFile: k.yaml\n{text}") == []


def test_an_open_built_in_route_wants_no_key():
    assert overlooked("upstreams: {o: {endpoints: [http://h]}}", "none") == []


def test_an_upstream_that_no_route_uses_is_an_oversight():
    text = UPSTREAMS + "routes: [{name: a, upstream: [{name: shop}, {name: other}], auth: none}]"
    assert overlooked(text) == ["upstreams.same: is used by no route"]


def test_a_route_with_several_matches_is_one_in_the_file():
    several = "matches: [{path: {prefix: /p}}, {path: {regex: '/(a+)+'}}]"
    routes = (f"name: open, {several}, auth: none, upstream: shop", KEY + "shop")
    assert warned(*routes) == ["routes[0].matches[1].path.regex", "routes[0]"]


def test_a_mirror_uses_its_upstream():
    text = UPSTREAMS + "routes: [{name: a, auth: none, upstream: shop, mirror: [{upstream: same}]}]"
    config = parse_config(text.encode(), "gw.yaml")
    left = find_oversights(config, "none", has_key=False, is_empty=False).found
    assert [spell(found.path) for found in left] == ["upstreams.other"]
