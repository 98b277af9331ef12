import pytest

from app.config.model import Match
from app.config.parsing.config_file import parse_config
from app.policy.model import Retry, RetryOn, Timeout
from tests.app.config.samples import assert_one_fault, match, redirect, route

BAD = [
    ("routes: [a]", "routes[0]: is a text, not a mapping", "give name"),
    ("routes: [{upstream: cache}]", "routes[0].name: is required", "DNS subdomain"),
    ("routes: [{name: A_b, upstream: cache}]", "routes[0].name: 'A_b' is not a DNS", "such as a-b"),
    ("routes: [{name: a}]", "routes[0]: has neither upstream nor redirect", "give upstream: NAME"),
    (
        "routes: [{name: a, upstream: ordrs}]\nupstreams: {orders: {endpoints: [http://h]}}",
        "gw.yaml:1: routes[0].upstream: names the unknown upstream ordrs",
        "did you mean orders?",
    ),
    (
        "routes: [{name: a, upstream: zzz}]",
        "routes[0].upstream: names the unknown upstream zzz",
        "use one of cache",
    ),
    ("routes: [{name: a, upstream: Bad}]", "routes[0].upstream: 'Bad' is not a DNS", "such as bad"),
    ("routes: [{name: a, upstream: 5}]", "routes[0].upstream: is a number", "give a name, or a list"),
    ("routes: [{name: a, upstream: []}]", "routes[0].upstream: has 0 items", "at least 1"),
    ("routes: [{name: a, upstream: [cache]}]", "routes[0].upstream[0]: is a text", "give name, weight"),
    (
        "routes: [{name: a, upstream: [{weight: 1}]}]",
        "upstream[0].name: is required",
        "the name of an upstream",
    ),
    (
        "routes: [{name: a, upstream: [{name: q}]}]",
        "upstream[0].name: names the unknown upstream q",
        "use one of",
    ),
    (
        "routes: [{name: a, upstream: [{name: cache, weight: -1}]}]",
        "upstream[0].weight: is -1",
        "0 to 1,000,000",
    ),
    (
        "routes: [{name: a, upstream: [{name: cache, weight: 0}]}]",
        "upstream: has no weight above 0",
        "at least 1",
    ),
    (
        "routes: [{name: a, upstream: [{name: cache}, {name: cache}]}]",
        "upstream[1].name: repeats 'cache'",
        "sum",
    ),
    (
        "routes: [{name: a, upstream: cache, redirect: {port: 1}}]",
        "redirect: stands beside upstream",
        "one of the two",
    ),
    (
        "routes: [{name: a, upstream: cache}, {name: a, upstream: cache, match: {path: {prefix: /b}}}]",
        "routes[1].name: repeats a",
        "its own name",
    ),
    (
        "routes: [{name: a, upstream: cache}, {name: b, upstream: cache}]",
        "routes[1].match: takes the same requests as route a",
        "tell them apart by match",
    ),
    (
        "routes:\n- {name: a, upstream: cache, match: {path: {prefix: /x/}, hosts: [b.c, d.e]}}\n"
        "- {name: b, upstream: cache, match: {path: {prefix: /x}, hosts: [D.E, b.c]}}",
        "gw.yaml:3: routes[1].match: takes the same requests as route a",
        "remove one of the two",
    ),
    (route("auth: kay"), "routes[0].auth: is 'kay'", "one of key, none"),
    (route("auth: false"), "routes[0].auth: is true/false", "one of key, none"),
    (route("timeouts: 3s"), "routes[0].timeouts: is not a known key", "did you mean timeout?"),
    (route("timeout: 3s"), "routes[0].timeout: is a text, not a mapping", "give request, perTry"),
    (
        route("timeout: {request: 1s, perTry: 2s}"),
        "timeout.perTry: is longer than request",
        "at most request",
    ),
    (route("retry: {}"), "routes[0].retry.attempts: is required", "0 to 10"),
    (route("match: {}, matches: [{}]"), "routes[0].matches: stands beside match", "into matches"),
    (route("matches: []"), "routes[0].matches: has 0 items", "1 to 128"),
    (route("matches: [{}, {path: {prefix: /}}]"), "routes[0].matches[1]: repeats another one", "once"),
    (
        "routes: [{name: a, upstream: cache, match: {path: {prefix: /b}}}, "
        "{name: b, upstream: cache, matches: [{methods: [GET]}, {path: {prefix: /b}}]}]",
        "routes[1].matches[1]: takes the same requests as route a",
        "remove one",
    ),
    (
        route("matches: [{}, {path: {exact: /a}}], rewrite: {prefix: /}"),
        "rewrite.prefix: has no prefix to replace",
        "match.path must be a prefix",
    ),
    (
        "routes: [{name: a, redirect: {port: 1}, mirror: [{upstream: cache}]}]",
        "routes[0].mirror: has no effect on a redirect",
        "leave it out",
    ),
    (
        "listeners: [{name: l, port: 1}]\n"
        "routes: [{name: a, upstream: cache, listeners: [l]}, {name: b, upstream: cache, listeners: [l]}]",
        "routes[1].match: takes the same requests as route a",
        "remove one",
    ),
    (route("rewrite: {prefx: /}"), "rewrite.prefx: is not a known key", "did you mean prefix?"),
    (route("rewrite: {prefix: /, path: /}"), "rewrite.path: stands beside prefix", "keep one of the two"),
    (
        match("path: {exact: /a}}, rewrite: {prefix: /"),
        "rewrite.prefix: has no prefix to replace",
        "match.path must be a prefix",
    ),
    (route("rewrite: {path: x}"), "rewrite.path: is 'x'", "such as /x"),
    (route("rewrite: {host: 'http://h'}"), "rewrite.host: is 'http://h'", "a host such as"),
    (route("rewrite: {host: 'h:99999'}"), "rewrite.host: has the port '99999'", "1 to 65535"),
    (route("rewrite: /"), "routes[0].rewrite: is a text", "give prefix, path, host"),
    (redirect(""), "routes[0].redirect: leads back to the same URL", "must have scheme"),
    (redirect("status: 301"), "routes[0].redirect: leads back", "must have scheme"),
    (redirect("port: 0"), "redirect.port: is 0", "1 to 65,535"),
    (redirect("port: 1, status: 300"), "redirect.status: is 300", "301, 302, 303, 307 or 308"),
    (redirect("port: 1, status: true"), "redirect.status: is true/false", "301, 302"),
    (redirect("scheme: ftp"), "redirect.scheme: is 'ftp'", "one of http, https"),
    (redirect("host: 'h:80'"), "redirect.host: is 'h:80'", "into redirect.port"),
    (redirect("prefix: /a, path: /b"), "redirect.path: stands beside prefix", "keep one"),
    (
        "routes: [{name: a, redirect: {port: 1}, rewrite: {path: /}}]",
        "rewrite: has no effect on a redirect",
        "into redirect",
    ),
    ("routes: [{name: a, redirect: /x}]", "routes[0].redirect: is a text", "give status"),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_route_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)


def routes_of(text):
    routes = parse_config(text.encode(), "gw.yaml").routes
    assert routes is not None
    return routes


def test_a_route_with_several_matches_is_several_of_one_name():
    first, second = routes_of(route("matches: [{hosts: [a.b]}, {methods: [GET]}]"))
    assert (first.name, second.name) == ("a", "a")
    assert (first.match, second.match) == (Match(hosts=("a.b",)), Match(methods=("GET",)))


def test_a_route_may_say_its_own_times_and_retries_as_a_policy_does():
    (read,) = routes_of(
        route("timeout: {request: 2s, perTry: 500ms}, retry: {attempts: 1, 'on': [Reset, 502]}")
    )
    assert read.timeout == Timeout(request_s=2.0, per_try_s=0.5)
    assert read.retry == Retry(1, on=RetryOn(frozenset({"Reset"}), frozenset({502})))


def test_the_same_requests_on_different_listeners_are_different_ones():
    text = "listeners: [{name: l, port: 1}, {name: m, port: 2}]\nroutes: ["
    text += "{name: a, upstream: cache}, {name: b, upstream: cache, listeners: [l]}, "
    text += "{name: c, upstream: cache, listeners: [m]}]"
    assert [each.listeners for each in routes_of(text)] == [(), ("l",), ("m",)]
