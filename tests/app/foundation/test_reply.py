"""Whole responses as values, and how they go out through ASGI."""

import json

import pytest

from app.foundation.reply import Reply, json_reply, problem, reply, send_reply


async def sent(whole, method="GET"):
    messages = []

    async def send(message):
        messages.append(message)

    await send_reply(send, method, whole)
    return messages


def test_a_reply_has_its_type_and_length_and_is_not_stored():
    assert reply(200, b"text/plain", b"abc").headers == (
        (b"content-type", b"text/plain"),
        (b"content-length", b"3"),
        (b"cache-control", b"no-store"),
    )


def test_what_may_be_kept_says_so_once():
    whole = reply(200, b"text/plain", b"", ((b"cache-control", b"max-age=9"),))
    assert [value for name, value in whole.headers if name == b"cache-control"] == [b"max-age=9"]


def test_json_is_utf_8():
    assert json_reply(200, {"a": "ü"}).body == '{"a": "ü"}'.encode()


def test_a_problem_carries_its_type_and_further_fields():
    whole = problem(405, "use GET", ((b"allow", b"GET"),), errors=[])
    assert (b"content-type", b"application/problem+json") in whole.headers
    assert (b"allow", b"GET") in whole.headers
    assert json.loads(whole.body) == {
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "use GET",
        "errors": [],
    }


@pytest.mark.parametrize(("method", "body"), [("GET", b"abc"), ("HEAD", b"")])
async def test_the_head_alone_is_sent_to_head(method, body):
    start, end = await sent(reply(200, b"text/plain", b"abc"), method)
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, b"3")
    assert end == {"type": "http.response.body", "body": body}


async def test_a_reply_without_a_body_has_only_the_fields_it_was_given():
    start, _ = await sent(Reply(304, ((b"etag", b'"a"'),)))
    assert start["headers"] == [(b"etag", b'"a"')]
