from dataclasses import replace

import pytest

from app.config.model import Redirect
from app.routing.target import join_target, redirect_location, rewrite_path, split_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", (b"/", None, None)),
        (b"/a/b", (b"/a/b", None, None)),
        (b"/a?", (b"/a", b"", None)),
        (b"/a?b?c=/d", (b"/a", b"b?c=/d", None)),
        (b"//a.example/b", (b"//a.example/b", None, None)),
        (b"/%2e%2e/../%00", (b"/%2e%2e/../%00", None, None)),
        (b"/caf%C3%A9", (b"/caf%C3%A9", None, None)),
    ],
)
def test_origin_form_is_split_and_left_as_it_is(target, expected):
    assert split_target(target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://a.example/b?c=d", (b"/b", b"c=d", b"a.example")),
        (b"HTTPS://A.example:8443/", (b"/", None, b"A.example:8443")),
        (b"http://a.example", (b"/", None, b"a.example")),
        (b"http://a.example?b=/c", (b"/", b"b=/c", b"a.example")),
        (b"http://[::1]:80/x", (b"/x", None, b"[::1]:80")),
        (b"http://a.example//b", (b"//b", None, b"a.example")),
    ],
)
def test_absolute_form_brings_its_host(target, expected):
    assert split_target(target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"*", (b"*", None, None)),
        (b"http://a.example", (b"*", None, b"a.example")),
        (b"http://a.example/", (b"/", None, b"a.example")),
        (b"http://a.example?b", (b"/", b"b", b"a.example")),
    ],
)
def test_options_may_ask_about_the_server_as_a_whole(target, expected):
    assert split_target(target, b"OPTIONS") == expected


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"a.example:443",
        b"a/b",
        b"?a",
        b"ftp://a.example/",
        b"http:///a",
        b"http://",
        b"http:/a",
        b"http://user@a.example/",
        b"http://user:pw@a.example/",
        b"http://a.example:99999/",
        b"http://a b/",
        b"/a b",
        b"/a#b",
        b"/a\x00",
        b"/a\x1f",
        b"/a\x7f",
        b"/\x80",
        b"/caf\xc3\xa9",
        b"/?caf\xe9",
        b"/a\tb",
        b"/a\r\nX: y",
    ],
)
def test_every_other_form_is_refused(target):
    assert split_target(target) is None


def test_a_lone_question_mark_survives():
    path, query, _ = split_target(b"/a?") or (b"", None, None)
    assert join_target(path, query) == b"/a?"


@pytest.mark.parametrize(
    ("path", "matched", "new", "expected"),
    [  # the table of HTTPRoute's ReplacePrefixMatch
        (b"/foo/bar", b"/foo", b"/xyz", b"/xyz/bar"),
        (b"/foo/bar", b"/foo", b"/xyz/", b"/xyz/bar"),
        (b"/foo/bar", b"/foo/", b"/xyz", b"/xyz/bar"),
        (b"/foo/bar", b"/foo/", b"/xyz/", b"/xyz/bar"),
        (b"/foo", b"/foo", b"/xyz", b"/xyz"),
        (b"/foo/", b"/foo", b"/xyz", b"/xyz/"),
        (b"/foo/bar", b"/foo", b"", b"/bar"),
        (b"/foo/", b"/foo", b"", b"/"),
        (b"/foo", b"/foo", b"", b"/"),
        (b"/foo/", b"/foo", b"/", b"/"),
        (b"/foo", b"/foo", b"/", b"/"),
        (b"/foo/bar", b"/", b"/xyz", b"/xyz/foo/bar"),
        (b"/", b"/", b"/xyz", b"/xyz/"),
        (b"/a%2Fb", b"/v[0-9]+", b"/xyz", b"/xyz"),
    ],
)
def test_a_prefix_is_replaced_as_httproute_says(path, matched, new, expected):
    assert rewrite_path(path, None, matched, new) == expected


def test_a_rewrite_leaves_the_query_as_it_is():
    assert rewrite_path(b"/foo/a%20b", b"q=%2F&&=+?", b"/foo", b"/") == b"/a%20b?q=%2F&&=+?"


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        (Redirect(host="example.org"), b"http://example.org:8080/old/x?q=1"),
        (Redirect(scheme="https"), b"https://a.example/old/x?q=1"),
        (Redirect(scheme="HTTP"), b"http://a.example/old/x?q=1"),
        (Redirect(scheme="https", port=8443), b"https://a.example:8443/old/x?q=1"),
        (Redirect(port=80), b"http://a.example/old/x?q=1"),
        (Redirect(scheme="https", port=443), b"https://a.example/old/x?q=1"),
        (Redirect(port=443), b"http://a.example:443/old/x?q=1"),
        (Redirect(path="/new"), b"http://a.example:8080/new?q=1"),
        (Redirect(prefix="/new"), b"http://a.example:8080/new/x?q=1"),
        (Redirect(host="::1", port=81), b"http://[::1]:81/old/x?q=1"),
        (Redirect(host="[::1]", port=81), b"http://[::1]:81/old/x?q=1"),
    ],
)
def test_redirect_host_and_status_keeps_what_it_does_not_name(redirect, expected):
    assert redirect_location(redirect, b"/old", b"http", b"a.example:8080", b"/old/x", b"q=1") == expected


def test_a_redirect_without_any_host_cannot_lead_elsewhere():
    location = redirect_location(Redirect(status=301), b"/", b"http", b"", b"//evil.example/x", None)
    assert location == b"/evil.example/x"


@pytest.mark.parametrize(
    ("scheme", "listener_port", "redirect", "expected"),
    [
        (b"http", 80, Redirect(), b"http://example.org/x"),
        (b"http", 80, Redirect(port=80), b"http://example.org/x"),
        (b"http", 80, Redirect(port=8080), b"http://example.org:8080/x"),
        (b"http", 80, Redirect(scheme="https"), b"https://example.org/x"),
        (b"http", 80, Redirect(scheme="https", port=443), b"https://example.org/x"),
        (b"http", 80, Redirect(scheme="https", port=8443), b"https://example.org:8443/x"),
        (b"http", 8080, Redirect(), b"http://example.org:8080/x"),
        (b"http", 8080, Redirect(port=80), b"http://example.org/x"),
        (b"http", 8080, Redirect(scheme="https"), b"https://example.org/x"),
        (b"https", 443, Redirect(), b"https://example.org/x"),
        (b"https", 443, Redirect(port=443), b"https://example.org/x"),
        (b"https", 443, Redirect(port=8443), b"https://example.org:8443/x"),
        (b"https", 443, Redirect(scheme="http"), b"http://example.org/x"),
        (b"https", 443, Redirect(scheme="http", port=80), b"http://example.org/x"),
        (b"https", 443, Redirect(scheme="http", port=8080), b"http://example.org:8080/x"),
    ],
)
@pytest.mark.parametrize("host", [b"a.example", b"a.example:8080", b"a.example:31234"])
def test_httproute_redirect_port_and_scheme(scheme, listener_port, redirect, expected, host):
    """The cases of that conformance test: what a client says in Host decides nothing about the port."""
    redirect = replace(redirect, host="example.org")
    assert redirect_location(redirect, b"/", scheme, host, b"/x", None, listener_port) == expected
