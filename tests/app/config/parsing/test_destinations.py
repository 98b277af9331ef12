import pytest

from app.config.model import HeaderEdits, Mirror, Redirect, Rewrite, UpstreamName
from app.config.parsing.config_file import parse_config
from tests.app.config.samples import assert_one_fault, route


def routes_of(text):
    config = parse_config(text.encode(), "gw.yaml")
    assert config.routes is not None
    return config.routes


def test_each_upstream_may_edit_what_it_gets_and_replies():
    (read,) = routes_of(
        "routes: [{name: a, upstream: [{name: cache, requestHeaders: {set: {X-To: cache}}, "
        "responseHeaders: {remove: [Server]}}]}]"
    )
    (share,) = read.upstreams
    assert share.request_headers == HeaderEdits(set=(("X-To", "cache"),))
    assert share.response_headers == HeaderEdits(remove=("Server",))


def test_each_upstream_may_rewrite_or_redirect_its_share():
    (read,) = routes_of(
        "routes: [{name: a, upstream: [{name: cache, rewrite: {prefix: /x, host: in.example}}]}]"
    )
    (share,) = read.upstreams
    assert share.rewrite == Rewrite(prefix="/x", host="in.example")
    (redirected,) = routes_of(
        "routes: [{name: b, upstream: [{name: cache, redirect: {path: /y, status: 308}}]}]"
    )
    assert redirected.upstreams[0].redirect == Redirect(status=308, path="/y")


def test_an_upstream_that_redirects_has_nothing_to_rewrite():
    assert_one_fault(
        "routes: [{name: a, upstream: [{name: cache, redirect: {path: /y}, rewrite: {path: /x}}]}]",
        "routes[0].upstream[0].rewrite: has no effect on a redirect",
        "into redirect",
    )


@pytest.mark.parametrize("key", ["rewrite", "redirect"])
def test_an_upstreams_prefix_needs_one_that_the_route_matched(key):
    assert_one_fault(
        f"routes: [{{name: a, match: {{path: {{exact: /a}}}}, upstream: [{{name: cache, {key}: {{prefix: /x}}}}]}}]",
        f"routes[0].upstream[0].{key}.prefix: has no prefix to replace",
        "must be a prefix",
    )


@pytest.mark.parametrize(
    ("inner", "share"),
    [
        ("", 1.0),
        (", percent: 25", 0.25),
        (", percent: 0", 0.0),
        (", fraction: {numerator: 1, denominator: 1000}", 0.001),
        (", fraction: {numerator: 5}", 0.05),
    ],
)
def test_a_mirror_gets_its_share_of_copies(inner, share):
    (read,) = routes_of(route(f"mirror: [{{upstream: cache{inner}}}]"))
    assert read.mirrors == (Mirror(UpstreamName("cache"), share),)


@pytest.mark.parametrize(
    ("inner", "place", "cure"),
    [
        ("mirror: cache", "routes[0].mirror: is a text, not a list", "[..]"),
        ("mirror: [{percent: 5}]", "mirror[0].upstream: is required", "the name of an upstream"),
        (
            "mirror: [{upstream: cahce}]",
            "mirror[0].upstream: names the unknown upstream cahce",
            "mean cache?",
        ),
        ("mirror: [{upstream: cache}, {upstream: cache}]", "mirror[1].upstream: repeats cache", "once"),
        ("mirror: [{upstream: cache, percent: 101}]", "mirror[0].percent: is 101", "0 to 100"),
        (
            "mirror: [{upstream: cache, percent: 1, fraction: {numerator: 1}}]",
            "mirror[0].fraction: stands beside percent",
            "keep one",
        ),
        (
            "mirror: [{upstream: cache, fraction: {numerator: 101}}]",
            "mirror[0].fraction.numerator: is above denominator",
            "at most",
        ),
        ("mirror: [{upstream: cache, fraction: {}}]", "fraction.numerator: is required", "whole number"),
    ],
)
def test_a_bad_mirror_gives_one_fault_with_place_and_cure(inner, place, cure):
    assert_one_fault(route(inner), place, cure)
