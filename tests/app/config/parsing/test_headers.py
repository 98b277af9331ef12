import pytest

from tests.app.config.samples import assert_one_fault, route

BAD = [
    (
        route("requestHeaders: {set: [X-A]}"),
        "requestHeaders.set: is a list, not a mapping",
        "{X-Name: value}",
    ),
    (
        route("requestHeaders: {X-A: b}"),
        "requestHeaders.X-A: is not a known key",
        "known here: set, add, remove",
    ),
    (route("requestHeaders: {set: {Host: h}}"), "set.Host: is made by the gateway itself", "rewrite.host"),
    (
        route("requestHeaders: {set: {content-length: '5'}}"),
        "set.content-length: is made by the gateway",
        "remove it",
    ),
    (
        route("responseHeaders: {remove: [Transfer-Encoding]}"),
        "remove[0]: is made by the gateway",
        "remove it",
    ),
    (
        route("responseHeaders: {add: {Connection: close}}"),
        "add.Connection: is made by the gateway",
        "remove it",
    ),
    (route("requestHeaders: {set: {X-A: 1}}"), "set.X-A: is a number", "quotes"),
    (
        route('requestHeaders: {set: {X-A: "a\\r\\nX-Evil: b"}}'),
        "set.X-A: holds what no header value",
        "one line",
    ),
    (route('requestHeaders: {set: {X-A: "a\\0"}}'), "set.X-A: holds what no header value", "one line"),
    (
        route("requestHeaders: {set: {X-A: 'a '}}"),
        "set.X-A: holds what no header value",
        "spaces at its ends",
    ),
    (route("requestHeaders: {set: {X-A: '€'}}"), "set.X-A: holds what no header value", "latin-1"),
    (route("requestHeaders: {set: {'X A': a}}"), "set['X A']: 'X A' is not a header name", "X-Tenant"),
    (route("requestHeaders: {set: {X-A: a, x-a: b}}"), "set.x-a: is given twice", "ignore case"),
    (route("requestHeaders: {remove: [X-A, x-a]}"), "remove[1]: is given twice", "ignore case"),
    (route("requestHeaders: {remove: [5]}"), "remove[0]: is a number", "X-Tenant"),
    (route("requestHeaders: {remove: X-A}"), "remove: is a text, not a list", "[..]"),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_header_edit_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)
