"""What browsers of other origins are told; the cases of the Gateway API's conformance test HTTPRouteCORS among them."""

import pytest

from app.config.model import Cors
from app.dataplane.codec.cors import CorsRules, Preflight, preflight_of
from app.dataplane.codec.fields import REQUEST_LINES

SEVERAL = Cors(
    origins=("https://www.foo.com", "https://*.bar.com"),
    methods=("GET", "OPTIONS"),
    headers=("x-header-1", "x-header-2"),
    expose_headers=("x-header-3", "x-header-4"),
    has_credentials=True,
    max_age_s=3600.0,
)
ALL = Cors(origins=("*",), methods=("*",), headers=("*",), expose_headers=("*",))
ALL_WITH_CREDENTIALS = Cors(("*",), ("*",), ("*",), ("*",), has_credentials=True)
VARY = ("vary", "origin")
VARY_OF_PREFLIGHT = ("vary", "origin, access-control-request-method, access-control-request-headers")


def fields(**named):
    return [
        field
        for name, value in named.items()
        if (field := REQUEST_LINES.read(f"{name.replace('_', '-')}: {value}".encode())) is not None
    ]


def pairs(lines):
    assert lines == b"" or lines.endswith(b"\r\n")
    read = [line.decode().partition(": ") for line in lines.split(b"\r\n")[:-1]]
    return [(name.removeprefix("access-control-"), value) for name, _, value in read]


def granted(cors, origin="https://www.foo.com", method="GET", headers=""):
    asked = Preflight(origin.encode(), method.encode(), headers.encode())
    return pairs(CorsRules(cors).preflight_lines(asked))


def shared(cors, lines=b"", **named):
    return pairs(CorsRules(cors).shared(lines, fields(**named)))


# Preflight requests


def test_a_preflight_request_is_one_that_names_its_origin_and_the_method_to_come():
    asked = preflight_of(
        fields(
            origin="https://a.example",
            access_control_request_method="PUT",
            access_control_request_headers="x-a, x-b",
        )
    )
    assert asked is not None
    assert (asked.origin, asked.method, asked.headers) == (b"https://a.example", b"PUT", b"x-a, x-b")
    without_headers = preflight_of(fields(origin="https://a.example", access_control_request_method="PUT"))
    assert without_headers is not None
    assert without_headers.headers == b""
    assert preflight_of(fields(origin="https://a.example")) is None
    assert preflight_of(fields(access_control_request_method="PUT")) is None


def test_two_origins_are_none():
    two = [*fields(origin="https://a.example", access_control_request_method="PUT"), *fields(origin="null")]
    assert preflight_of(two) is None
    assert pairs(CorsRules(SEVERAL).grant_lines(two)) == [VARY]


@pytest.mark.parametrize(
    "origin",
    ["https://www.foo.com", "https://www.bar.com", "https://xpto.www.bar.com", "HTTPS://WWW.foo.com"],
)
def test_an_allowed_origin_is_told_all_that_is_granted(origin):
    assert granted(SEVERAL, origin, headers="x-header-1, x-header-2") == [
        ("allow-origin", origin),
        ("allow-credentials", "true"),
        ("allow-methods", "GET, OPTIONS"),
        ("allow-headers", "x-header-1, x-header-2"),
        ("expose-headers", "x-header-3, x-header-4"),
        ("max-age", "3600"),
        VARY_OF_PREFLIGHT,
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "https://foobar.com",
        "https://bar.com",
        "https://.bar.com",
        "https://xbar.com",
        "http://www.bar.com",
        "https://www.bar.com:8443",
        "https://evil.com/.bar.com",
        "https://evil.com:1.bar.com",
        "https://user@x.bar.com",
        "https://www.foo.com.evil.com",
        "null",
        "",
    ],
)
def test_another_origin_is_granted_nothing(origin):
    assert granted(SEVERAL, origin) == [VARY_OF_PREFLIGHT]


def test_the_schemes_own_port_is_the_same_origin():
    cors = Cors(("https://a.example", "http://b.example", "https://c.example:8443", "https://*:9443"))
    for origin in (
        "https://a.example:443",
        "http://b.example:80",
        "https://c.example:8443",
        "https://d.example:9443",
    ):
        assert granted(cors, origin)[0] == ("allow-origin", origin)
    for origin in ("https://a.example:80", "https://c.example", "https://a.example:8443"):
        assert granted(cors, origin) == [VARY_OF_PREFLIGHT]


def test_all_hosts_of_a_scheme():
    assert granted(Cors(("https://*",)), "https://any.example")[0] == ("allow-origin", "https://any.example")
    assert granted(Cors(("https://*",)), "http://any.example") == [VARY_OF_PREFLIGHT]


def test_all_origins_get_the_same():
    assert granted(ALL, "https://foobar.com:12345", "POST", "x-a, authorization") == [
        ("allow-origin", "*"),
        ("allow-methods", "POST"),
        ("allow-headers", "x-a, authorization"),
        ("expose-headers", "*"),
        ("max-age", "5"),
        VARY_OF_PREFLIGHT,
    ]


def test_with_credentials_nothing_is_granted_to_all():
    assert granted(ALL_WITH_CREDENTIALS, "https://other.foo.com", "PUT", "x-header-1, x-header-2") == [
        ("allow-origin", "https://other.foo.com"),
        ("allow-credentials", "true"),
        ("allow-methods", "PUT"),
        ("allow-headers", "x-header-1, x-header-2"),
        ("max-age", "5"),
        VARY_OF_PREFLIGHT,
    ]
    names = [name for name, _ in granted(ALL_WITH_CREDENTIALS, method="PUT")]
    assert "allow-headers" not in names


def test_methods_and_headers_that_are_not_named_are_not_granted():
    names = [name for name, _ in granted(Cors(("https://www.foo.com",)))]
    assert names == ["allow-origin", "max-age", "vary"]


# Responses


def test_a_response_says_who_may_read_it():
    assert shared(SEVERAL, b"x-a: 1\r\n", origin="https://www.bar.com") == [
        ("x-a", "1"),
        ("allow-origin", "https://www.bar.com"),
        ("allow-credentials", "true"),
        VARY,
        ("expose-headers", "x-header-3, x-header-4"),
    ]


def test_a_response_to_another_origin_says_nothing_but_that_it_varies():
    assert shared(SEVERAL, origin="https://foobar.com") == [VARY]
    assert shared(SEVERAL) == [VARY]


def test_what_all_may_read_does_not_vary():
    assert shared(ALL, origin="https://a.example") == [("allow-origin", "*"), ("expose-headers", "*")]
    assert shared(ALL) == [("allow-origin", "*"), ("expose-headers", "*")]


def test_what_the_upstream_said_goes():
    lines = (
        b"Access-Control-Allow-Origin: *\r\naccess-control-allow-credentials: true\r\n"
        b"access-control-expose-headers: a\r\n"
    )
    assert shared(SEVERAL, lines, origin="https://foobar.com") == [VARY]


def test_with_credentials_all_headers_are_exposed_by_their_names():
    lines = b"x-b: 1\r\nX-A: 2\r\nx-b: 3\r\n"
    assert shared(ALL_WITH_CREDENTIALS, lines, origin="https://a.example")[-1] == (
        "expose-headers",
        "x-a, x-b",
    )
    exposed = [name for name, _ in shared(ALL_WITH_CREDENTIALS, lines) if name == "expose-headers"]
    assert exposed == []
