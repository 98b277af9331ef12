import json

import pytest

from app.dataplane.codec.local_reply import redirect_bytes, refusal_bytes, status_line
from app.errors import REASONS, Reason, Refuse

DATE = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


def refusal(refuse: Refuse, extra: bytes = b"", close: bool = False, head_only: bool = False):
    data, length = refusal_bytes(refuse, b"id-1", DATE, extra, close, head_only)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    return lines[0], lines[1:], body, length


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_an_answer_of_rfc_9457(reason):
    first, lines, body, length = refusal(Refuse(reason, "what is wrong"))
    status, title = REASONS[reason]
    assert first.startswith(b"HTTP/1.1 %d " % status)
    problem = json.loads(body)
    assert problem.pop("type")
    assert problem == {
        "title": title,
        "status": status,
        "detail": "what is wrong",
        "reason": reason.value,
        "requestId": "id-1",
    }
    assert b"content-length: %d" % len(body) in lines
    assert length == len(body)
    assert b"tidegate-reason: " + reason.value.encode() in lines
    assert DATE[:-2] in lines


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_401_challenges(reason):
    _, lines, _, _ = refusal(Refuse(reason, ""))
    challenged = b'www-authenticate: Bearer realm="tidegate"' in lines
    assert challenged == (REASONS[reason][0] == 401)


def test_a_spent_quota_has_its_registered_type():
    _, _, body, _ = refusal(Refuse(Reason.RATE_LIMITED, ""))
    assert json.loads(body)["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    _, _, body, _ = refusal(Refuse(Reason.NO_ROUTE, ""))
    assert json.loads(body)["type"] == "about:blank"


def test_what_a_refusal_adds_stands_in_its_head():
    refuse = Refuse(Reason.RATE_LIMITED, "", retry_after_s=3, headers=((b"x-a", b"1"),))
    _, lines, _, _ = refusal(refuse, extra=b"x-b: 2\r\n", close=True)
    for line in (b"retry-after: 3", b"x-a: 1", b"x-b: 2", b"connection: close"):
        assert lines.count(line) == 1


def test_a_connection_that_goes_on_is_not_mentioned():
    _, lines, _, _ = refusal(Refuse(Reason.NO_ROUTE, ""))
    assert not [line for line in lines if line.startswith((b"connection", b"retry-after"))]


def test_an_answer_to_head_has_the_length_but_no_body():
    _, lines, body, length = refusal(Refuse(Reason.NO_ROUTE, ""), head_only=True)
    _, _, whole, _ = refusal(Refuse(Reason.NO_ROUTE, ""))
    assert (body, length) == (b"", 0)
    assert b"content-length: %d" % len(whole) in lines


def test_a_detail_cannot_break_the_body():
    _, _, body, _ = refusal(Refuse(Reason.NO_ROUTE, 'a "quoted"\r\nline'))
    assert json.loads(body)["detail"] == 'a "quoted"\r\nline'


@pytest.mark.parametrize(
    ("status", "phrase", "line"),
    [
        (200, b"OK", b"HTTP/1.1 200 OK\r\n"),
        (200, b"Fine", b"HTTP/1.1 200 Fine\r\n"),
        (200, b"", b"HTTP/1.1 200 \r\n"),
        (599, b"Odd", b"HTTP/1.1 599 Odd\r\n"),
    ],
)
def test_an_upstreams_phrase_passes_unchanged(status, phrase, line):
    assert status_line(status, phrase) == line


@pytest.mark.parametrize("close", [True, False])
def test_a_redirect_has_a_location_and_no_body(close):
    data = redirect_bytes(308, b"https://a/x", b"id-1", DATE, b"x-b: 2\r\n", close)
    lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 308 Permanent Redirect"
    assert b"location: https://a/x" in lines
    assert b"content-length: 0" in lines
    assert b"x-request-id: id-1" in lines
    assert b"x-b: 2" in lines
    assert (b"connection: close" in lines) is close
