import pytest

from app.dataplane.downstream.request_validation import validate
from app.foundation.reasons import Reason
from app.settings import load_settings
from tests.fakes.requests import request_of

LIMITS = {
    "MAX_TARGET_BYTES": "256",
    "MAX_HEAD_BYTES": "1024",
    "MAX_FIELDS": "16",
    "MAX_BODY_BYTES": "10",
}


def judged(target="/", method="GET", head_bytes=100, **of):
    request = request_of(target, method, **of)
    return validate(request, load_settings(LIMITS), head_bytes) or request.rejection


def reason(*args, **of):
    rejection = judged(*args, **of)
    return rejection and rejection.reason


@pytest.mark.parametrize(
    ("at", "beyond", "expected"),
    [
        ({"target": "/" + "a" * 255}, {"target": "/" + "a" * 256}, Reason.URI_TOO_LONG),
        ({"head_bytes": 1024}, {"head_bytes": 1025}, Reason.HEAD_TOO_LARGE),
        (
            {"fields": [f"x-{at}: 1" for at in range(15)]},
            {"fields": [f"x-{at}: 1" for at in range(16)]},
            Reason.HEAD_TOO_LARGE,
        ),
        (
            {"method": "POST", "fields": ["content-length: 10"]},
            {"method": "POST", "fields": ["content-length: 11"]},
            Reason.BODY_TOO_LARGE,
        ),
    ],
)
def test_a_limit_is_reached_and_not_passed(at, beyond, expected):
    assert (reason(**at), reason(**beyond)) == (None, expected)


def test_without_a_bound_a_body_has_any_length():
    request = request_of("/", "POST", fields=["content-length: 999999999999"])
    assert validate(request, load_settings({"MAX_BODY_BYTES": "0"}), 10) is None


def test_connect_is_not_offered_and_what_is_is_told():
    rejection = judged("h.example:443", "CONNECT")
    assert rejection.reason is Reason.METHOD_NOT_ALLOWED
    assert rejection.headers == ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


def test_a_malformed_connect_is_malformed():
    assert reason("h.example:443", "CONNECT", host=None) is Reason.REQUEST_MALFORMED


def test_what_is_too_large_is_told_before_what_is_malformed():
    assert reason("/" + "a" * 256, host=None) is Reason.URI_TOO_LONG
    assert reason("/", host=None) is Reason.REQUEST_MALFORMED
    assert reason("/", "POST", host=None, fields=["content-length: 11"]) is Reason.REQUEST_MALFORMED


@pytest.mark.parametrize("path", ["/a/../b", "/a/%2e%2E", "/./a"])
def test_dot_segments_are_malformed_unless_paths_go_on_raw(path):
    assert reason(path) is Reason.REQUEST_MALFORMED
    request = request_of(path)
    assert validate(request, load_settings({"PATHS": "raw"}), 10) is None
