import json

import pytest

from app.dataplane.codec.fields import id_in_json
from app.dataplane.codec.local_reply import (
    LocalReply,
    grpc_rejection_reply,
    grpc_rejection_trailers,
    redirect_reply,
    rejection_reply,
)
from app.foundation.reasons import REASONS, Reason, Rejection

DATE = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


def reply(rejection: Rejection, request_id: bytes = b"id-1", extra: bytes = b"") -> LocalReply:
    made = rejection_reply(rejection, request_id, id_in_json(request_id), DATE, extra)
    assert made.lines.endswith(b"\r\n")
    return made


def lines_of(made: LocalReply) -> list[bytes]:
    return made.lines.split(b"\r\n")[:-1]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_response_of_rfc_9457(reason):
    made = reply(Rejection(reason, "what is wrong"))
    status, title = REASONS[reason]
    assert made.status == status
    problem = json.loads(made.body)
    assert problem.pop("type")
    assert problem == {
        "title": title,
        "status": status,
        "detail": "what is wrong",
        "reason": reason.value,
        "requestId": "id-1",
    }
    for line in (
        b"content-type: application/problem+json",
        b"tidegate-reason: " + reason.value.encode(),
        b"x-request-id: id-1",
        DATE[:-2],
    ):
        assert lines_of(made).count(line) == 1


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_401_challenges_and_none_is_stored(reason):
    lines = lines_of(reply(Rejection(reason, "")))
    challenged = b'www-authenticate: Bearer realm="tidegate"' in lines
    assert challenged == (REASONS[reason][0] == 401)
    assert lines.count(b"cache-control: no-store") == 1


def test_a_spent_quota_has_its_registered_type():
    body = reply(Rejection(Reason.RATE_LIMITED, "")).body
    assert json.loads(body)["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert json.loads(reply(Rejection(Reason.NO_ROUTE, "")).body)["type"] == "about:blank"


def test_what_a_rejection_and_its_route_add_stands_in_its_head():
    rejection = Rejection(Reason.RATE_LIMITED, "", retry_after_s=3, headers=((b"x-a", b"1"),))
    lines = lines_of(reply(rejection, extra=b"x-b: 2\r\n"))
    for line in (b"retry-after: 3", b"x-a: 1", b"x-b: 2"):
        assert lines.count(line) == 1


def test_framing_and_connection_are_not_its_business():
    names = {line.partition(b":")[0] for line in lines_of(reply(Rejection(Reason.NO_ROUTE, "")))}
    assert not names & {b"connection", b"content-length", b"transfer-encoding", b"retry-after"}


def test_a_rejection_given_again_differs_only_by_its_id():
    rejection = Rejection(Reason.RATE_LIMITED, "often", retry_after_s=1)
    first, second = reply(rejection), reply(rejection, b"id-2", b"x-b: 2\r\n")
    assert second.body == first.body.replace(b"id-1", b"id-2")
    assert set(lines_of(second)) - set(lines_of(first)) == {b"x-request-id: id-2", b"x-b: 2"}
    assert rejection == Rejection(Reason.RATE_LIMITED, "often", retry_after_s=1)


@pytest.mark.parametrize("request_id", [b'a"b', b"a\\b", b'\\"', b"~!'"])
def test_neither_a_detail_nor_an_id_can_break_the_body(request_id):
    body = reply(Rejection(Reason.NO_ROUTE, 'a "quoted"\r\nline'), request_id).body
    problem = json.loads(body)
    assert (problem["detail"], problem["requestId"]) == ('a "quoted"\r\nline', request_id.decode())


def test_a_redirect_has_a_location_and_no_body():
    made = redirect_reply(308, b"https://a/x", b"id-1", DATE, b"x-b: 2\r\n")
    assert (made.status, made.body) == (308, b"")
    assert lines_of(made) == [b"location: https://a/x", b"x-request-id: id-1", DATE[:-2], b"x-b: 2"]


def grpc_reply(rejection: Rejection) -> LocalReply:
    return grpc_rejection_reply(rejection, b"id-1", DATE, b"x-b: 2\r\n")


def test_to_a_call_of_grpc_a_rejection_is_a_head_with_its_status():
    made = grpc_reply(Rejection(Reason.RATE_LIMITED, "50 % used", retry_after_s=3))
    assert (made.status, made.body, made.counted_status) == (200, b"", 429)
    assert lines_of(made) == [
        b"content-type: application/grpc",
        b"grpc-status: 8",
        b"tidegate-reason: rate_limited",
        b"grpc-message: rate_limited: 50 %25 used",
        b"retry-after: 3",
        b"x-request-id: id-1",
        DATE[:-2],
        b"x-b: 2",
    ]


def test_the_lines_for_grpc_are_made_once():
    rejection = Rejection(Reason.NO_ROUTE, "no route")
    assert grpc_reply(rejection).lines == grpc_reply(rejection).lines
    assert rejection == Rejection(Reason.NO_ROUTE, "no route")


def test_any_other_reply_is_counted_as_what_it_says():
    assert reply(Rejection(Reason.NO_ROUTE, "")).counted_status == 404


def test_a_call_that_had_begun_ends_with_the_same_status_and_message():
    trailers = grpc_rejection_trailers(Rejection(Reason.UPSTREAM_RESET, "é"))
    assert [field.line for field in trailers] == [
        b"grpc-status: 14\r\n",
        b"grpc-message: upstream_reset: %C3%A9\r\n",
    ]
