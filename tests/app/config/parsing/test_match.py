import pytest

from tests.app.config.samples import assert_one_fault, match, route

BAD = [
    (route("match: /x"), "routes[0].match: is a text, not a mapping", "give hosts, path"),
    (match("path: /x"), "match.path: is a text, not a mapping", "give exact, prefix, regex"),
    (match("path: {}"), "match.path: has none of prefix, exact, regex", "exactly one"),
    (match("path: {prefix: /a, exact: /b}"), "match.path: has exact and prefix", "exactly one"),
    (match("path: {prefix: orders}"), "match.path.prefix: is 'orders'", "such as /orders"),
    (match("path: {prefix: 5}"), "match.path.prefix: is a number", "quotes"),
    (match("path: {exact: '/a?b=1'}"), "match.path.exact: holds ? or #", "match.query"),
    (match("path: {exact: '/a b'}"), "match.path.exact: holds spaces", "percent-encoded: /a%20b"),
    (match("path: {prefix: /ü}"), "match.path.prefix: holds spaces or", "percent-encoded: /%C3%BC"),
    (match("path: {regex: '('}"), "match.path.regex: is no regex: missing )", "escape"),
    (match("path: {regex: ''}"), "match.path.regex: is a regex of 0 characters", "1 to 1,024"),
    (match(f"path: {{regex: {'a' * 1025}}}"), "path.regex: is a regex of 1,025 characters", "1 to 1,024"),
    (match("path: {regex: '[[:digit:]]'}"), "path.regex: holds a POSIX class", "[0-9]"),
    (match("hosts: api.example.com"), "match.hosts: is a text, not a list", "[..]"),
    (match("hosts: []"), "match.hosts: has 0 items", "at least 1"),
    (
        match("hosts: ['api.example.com:80']"),
        "hosts[0]: is 'api.example.com:80'",
        "leave out the port: api.example.com",
    ),
    (match("hosts: ['http://h/']"), "hosts[0]: is 'http://h/'", "the host only"),
    (match("hosts: ['*']"), "hosts[0]: is '*'", "leave out hosts"),
    (match("hosts: ['a.*.c']"), "hosts[0]: is 'a.*.c'", "*.example.com"),
    (match("hosts: ['a b']"), "hosts[0]: is 'a b'", "a DNS name"),
    (match("hosts: ['[::g]']"), "hosts[0]: is '::g'", "in brackets: [::1]"),
    (match("hosts: [5]"), "hosts[0]: is a number", "quotes"),
    (match("hosts: [a.b, A.B]"), "hosts[1]: repeats 'a.b'", "once"),
    (match("methods: [get]"), "methods[0]: is get", "write GET"),
    (match("methods: ['GET POST']"), "methods[0]: is 'GET POST'", "such as GET"),
    (match("methods: [CONNECT]"), "methods[0]: is CONNECT", "remove it"),
    (match("headers: [X-A]"), "match.headers: is a list, not a mapping", "{X-Env: staging}"),
    (match("headers: {X-A: 5}"), "match.headers.X-A: is a number", "quotes"),
    (match("headers: {'X A': b}"), "match.headers['X A']: 'X A' is not a header name", "X-Tenant"),
    (match("headers: {X-A: a, x-a: b}"), "match.headers.x-a: is given twice", "ignore case"),
    (match("headers: {X-A: ' a'}"), "match.headers.X-A: can never match", "outer spaces"),
    (match('headers: {X-A: "a\\nb"}'), "match.headers.X-A: can never match", "control characters"),
    (match("headers: {X-A: {regex: '['}}"), "headers.X-A.regex: is no regex", "escape"),
    (
        match("headers: {X-A: {regex: b, exact: a}}"),
        "headers.X-A.exact: is not a known key",
        "known here: regex",
    ),
    (match("headers: {X-A: {}}"), "headers.X-A.regex: is required", "a pattern"),
    (match("query: {'': a}"), "match.query['']: is empty", "a text on one line"),
    (match("query: 5"), "match.query: is a number", "{X-Env: staging}"),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_match_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)
