"""One reason word everywhere: in header, body, log and metric of each refusal on the client's side."""

import json
from random import Random
from typing import cast

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
MEMBERS = {"type", "title", "status", "detail", "reason", "requestId"}

REFUSALS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "request_malformed": (400, b"GET /x HTTP/1.1\r\n\r\n", {}),
    "key_missing": (401, b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n", {"AUTH": "key", "API_KEY": "secret-key-1"}),
    "key_unknown": (
        401,
        b"GET /x HTTP/1.1\r\n" + HOST + b"X-API-Key: other-key-2\r\n\r\n",
        {"AUTH": "key", "API_KEY": "secret-key-1"},
    ),
    "no_route": (404, b"GET /stats HTTP/1.1\r\n" + HOST + b"\r\n", {}),
    "method_not_allowed": (405, b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", {}),
    "request_timeout": (408, b"GET /x HT", {"HEADER_TIMEOUT": "100ms"}),
    "body_too_large": (
        413,
        b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n",
        {"MAX_BODY_BYTES": "8"},
    ),
    "uri_too_long": (414, b"GET /abcdefgh HTTP/1.1\r\n" + HOST + b"\r\n", {"MAX_TARGET_BYTES": "8"}),
    "expectation_failed": (417, b"GET /x HTTP/1.1\r\n" + HOST + b"Expect: x\r\n\r\n", {}),
    "head_too_large": (431, b"GET /x HTTP/1.1\r\n" + HOST + b"A: b\r\nC: d\r\n\r\n", {"MAX_FIELDS": "2"}),
    "version_not_supported": (505, b"GET /x HTTP/2.0\r\n" + HOST + b"\r\n", {}),
}


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_refusal_has_one_reason_word_everywhere(reason, tmp_path):
    status, data, variables = REFUSALS[reason]
    log = tmp_path / "access.log"
    async with running_gateway(ACCESS_LOG=str(log), **variables) as gateway:  # type: ignore[arg-type]
        async with RawClient(gateway.port) as client:
            await client.send(data)
            answer = await client.read_response()
        problem = answer.json()
        assert answer.status == problem["status"] == status
        assert answer.get("Content-Type") == "application/problem+json"
        assert answer.get("Tidegate-Reason") == problem["reason"] == reason
        assert set(problem) == MEMBERS
        assert problem["requestId"] == answer.get("X-Request-ID") != ""
        assert answer.get("Date").endswith("GMT")
        assert answer.get("Cache-Control") == "no-store"
        allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"  # RFC 9110 §15.5.6
        assert answer.get("Allow") == (allow if status == 405 else "")
        assert bool(answer.get("WWW-Authenticate")) == (status == 401)
        await settled(gateway)
        counted = [
            (code, word)
            for cells in gateway.context.counts.routes.values()
            for (_, code, word), number in cells.requests.items()
            if number
        ]
        assert counted == [(status, reason)]
    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["status"], line["reason"]) == (status, reason)
    assert line["request_id"] == problem["requestId"]
    assert "other-key-2" not in log.read_text()


async def test_a_sane_request_id_is_kept_and_goes_upstream():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/x", [("X-Request-ID", "id-1")])
        assert answer.get("X-Request-ID") == upstream.requests[0].get("X-Request-ID") == "id-1"


@pytest.mark.parametrize("given", [[], ["a b"], ["x" * 129], [""], ["one", "two"]])
async def test_an_absent_or_insane_request_id_is_made(given):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/x", [("X-Request-ID", value) for value in given])
        made = answer.get("X-Request-ID")
        assert made == upstream.requests[0].get("X-Request-ID")
        assert made not in given
        assert len(made) == 32


async def test_a_refusal_keeps_the_request_id():
    async with running_gateway() as gateway, RawClient(gateway.port) as client:
        answer = await client.request("GET", "/stats", [("X-Request-ID", "id-1")])
        assert answer.get("X-Request-ID") == answer.json()["requestId"] == "id-1"


async def test_an_upstreams_own_answer_has_no_reason():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(404, b"mine")
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/x")
        assert (answer.status, answer.body, answer.all("Tidegate-Reason")) == (404, b"mine", [])


@pytest.mark.one_process("makes it fail inside")
@pytest.mark.parametrize("place", ["first", "waiting"])
async def test_a_fault_of_ours_is_answered_500_and_counted(place):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        random = gateway.context.random
        async with RawClient(gateway.port) as client:
            if place == "waiting":
                upstream.reply(200, b"one")
                await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\nGET /y HTTP/1.1\r\n" + HOST + b"\r\n")
                await upstream.wait_for(1)
            gateway.context.random = cast("Random", object())  # has nothing that deciding asks for
            if place == "waiting":
                assert (await client.read_response()).body == b"one"
            else:
                await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = await client.read_response()
            assert (answer.status, answer.get("Tidegate-Reason")) == (500, "internal_error")
            assert answer.get("Connection") == "close"
            await client.expect_closed()
        gateway.context.random = random
        assert gateway.context.counts.internal_errors == 1
        assert gateway.context.counts.in_flight == 0
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/x")).status == 200
