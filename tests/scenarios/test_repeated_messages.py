"""Equal bytes on one connection mean the same again: what is kept of a head never shows."""

import json
import random
from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.proxy import exchange as exchange_module
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

HOST = b"Host: a.example\r\n"
GET = b"GET /x?q=1 HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
POST = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
NAMED = b"GET /x HTTP/1.1\r\n" + HOST + b"X-Request-ID: mine\r\n\r\n"
MESSAGES = [GET, GET, HEAD, POST + b"abcd", POST + b"efgh", CHUNKED, NAMED]


def heads_without_ids(upstream):
    lines = [request.head.split(b"\r\n") for request in upstream.requests]
    return [[line for line in head if not line.startswith(b"x-request-id")] for head in lines]


def connections_used(upstream):
    return len({request.connection for request in upstream.requests})


@pytest.mark.parametrize("seed", range(4))
async def test_a_connection_that_repeats_itself_is_served_like_fresh_ones(seed):
    order = random.Random(seed).choices(MESSAGES, k=40)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for data in order:
                await client.send(data)
                answer = await client.read_response(head=data is HEAD)
                assert answer.status == 200
        one = heads_without_ids(upstream), [request.body for request in upstream.requests]
        upstream.requests.clear()
        for data in order:
            async with RawClient(gateway.port) as client:
                await client.send(data)
                await client.read_response(head=data is HEAD)
        assert one == (heads_without_ids(upstream), [request.body for request in upstream.requests])


async def test_every_request_has_an_id_of_its_own_unless_it_brings_one():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for data in (GET, GET, GET, NAMED, NAMED):
                await client.send(data)
                await client.read_response()
        ids = [request.get("x-request-id") for request in upstream.requests]
        assert len(set(ids[:3])) == 3
        assert ids[3:] == ["mine", "mine"]


@pytest.mark.parametrize("cut", [1, 20, len(GET) - 1])
async def test_a_repeated_head_in_pieces_is_read_as_one(cut):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for pieces in ([GET], [GET[:cut], GET[cut:]], [GET], [GET + GET], [GET]):
                for piece in pieces:
                    await client.send(piece)
                for _ in range(b"".join(pieces).count(b"GET")):
                    assert (await client.read_response()).status == 200
        assert len(upstream.requests) == 6


async def test_a_repeated_head_whose_body_comes_later_waits_for_it():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for pieces in ([POST + b"abcd"], [POST, b"efgh"], [POST + b"ij", b"kl"], [POST + b"mnop" + GET]):
                for piece in pieces:
                    await client.send(piece)
                assert (await client.read_response()).status == 200
            assert (await client.read_response()).status == 200
        assert [request.body for request in upstream.requests] == [b"abcd", b"efgh", b"ijkl", b"mnop", b""]


async def test_a_repeated_post_leaves_with_its_body_and_may_be_sent_again_on_a_stale_connection():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            put = POST.replace(b"POST", b"PUT") + b"abcd"
            await client.send(put)
            await client.read_response()
            upstream.hang_up()  # on the reused connection: an idempotent request goes once more
            await client.send(put)
            assert (await client.read_response()).status == 200
        assert [request.body for request in upstream.requests] == [b"abcd"] * 3


async def test_a_refused_request_is_refused_again_and_its_body_read():
    async with RecorderUpstream() as upstream:
        async with (
            running_gateway(upstream.url, AUTH="key", API_KEY=KEY) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(3):
                await client.send(POST + b"abcd")
                answer = await client.read_response()
                assert (answer.status, answer.get("tidegate-reason")) == (401, "key_missing")
            await client.send(GET.replace(b"\r\n\r\n", b"\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n"))
            assert (await client.read_response()).status == 200
        assert len(upstream.requests) == 1


REFUSED: dict[str, tuple[dict[str, Any], bytes, int]] = {
    "no key": ({"AUTH": "key", "API_KEY": KEY}, POST + b"abcd", 401),
    "no key, HEAD": ({"AUTH": "key", "API_KEY": KEY}, HEAD, 401),
    "its own id": ({"AUTH": "key", "API_KEY": KEY}, NAMED, 401),
    "limit used up": ({"RATE_LIMIT": "1-D"}, GET, 429),
    "not forwarded": ({}, GET.replace(b"/x", b"/stats"), 404),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_repeated_refusal_is_answered_counted_and_logged_like_the_first(case, tmp_path):
    environment, message, status = REFUSED[case]
    log = tmp_path / "log"
    answers = []
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, ACCESS_LOG=str(log), **environment) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(7):
            await client.send(message)
            answers.append(await client.read_response(head=message.startswith(b"HEAD")))
    refused = [answer for answer in answers if answer.status == status]
    assert len(refused) >= 6
    cells = [gateway.counts.route(name) for name in ("", "default")]
    counted = Counter({key[1]: number for cell in cells for key, number in cell.requests.items()})
    assert counted == Counter(answer.status for answer in answers)
    assert sum(sum(cell.duration.cells) for cell in cells) == 7
    assert gateway.counts.in_flight == 0
    lines = [line for line in map(json.loads, log.read_text().splitlines()) if line["status"] == status]
    assert [line["request_id"] for line in lines] == [answer.get("x-request-id") for answer in refused]
    # the first is refused, and logged, before its body is read
    assert alike(lines, ("ts", "request_id", "duration_ms", "bytes_in"))
    heads = [dict(answer.headers) for answer in refused]
    assert alike(heads, ("x-request-id", "date", "ratelimit", "retry-after"))
    assert alike([{"bytes": len(answer.body)} for answer in refused], ())


def alike(values, but_for):
    """Whether all say the same, apart from some of their members."""
    return all(
        {**value, **dict.fromkeys(but_for)} == {**values[0], **dict.fromkeys(but_for)} for value in values
    )


@pytest.mark.one_process("makes it fail inside")
async def test_a_fault_of_ours_amid_a_repeated_refusal_is_a_500_and_the_connections_end(monkeypatch):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, AUTH="key", API_KEY=KEY) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(2):
            await client.send(GET)
            assert (await client.read_response()).status == 401

        monkeypatch.setattr(gateway.context, "random", None)  # deciding asks for it
        await client.send(GET)
        answer = await client.read_response()
        assert (answer.status, answer.get("connection")) == (500, "close")
        assert gateway.counts.internal_errors == 1
        assert gateway.counts.in_flight == 0


@pytest.mark.one_process("sets a count inside it")
async def test_a_repeated_request_is_refused_as_overloaded_before_anything_else():
    environment: dict[str, Any] = {"AUTH": "key", "API_KEY": KEY, "MAX_IN_FLIGHT": "1"}
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **environment) as gateway,
        RawClient(gateway.port) as client,
    ):
        await client.send(GET)
        assert (await client.read_response()).status == 401
        gateway.counts.in_flight = 1
        await client.send(GET)
        assert (await client.read_response()).get("tidegate-reason") == "overloaded"
        gateway.counts.in_flight = 0


@pytest.mark.one_process("sees the state of a connection")
async def test_a_client_that_takes_no_rejection_is_sent_no_more():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, AUTH="key", API_KEY=KEY) as gateway,
        RawClient(gateway.port, receive_buffer_bytes=4096, reader_limit_bytes=4096) as client,
    ):
        (connection,) = gateway.context.open_clients
        assert isinstance(connection, ClientConnection)
        connection.pause_writing()
        await client.send(GET + GET)
        await until(lambda: connection.socket.read_paused, "the reading to pause")
        assert gateway.counts.route("").requests == {}
        connection.resume_writing()
        for _ in range(2):
            assert (await client.read_response()).status == 401
        assert not connection.socket.read_paused


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n"


async def test_answers_with_equal_heads_keep_their_own_bodies():
    bodies = [b"abc", b"def", b"ghi", b"jkl"]
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        for body in bodies:
            upstream.raw(ANSWER + body)
        async with RawClient(gateway.port) as client:
            answers = [await client.request("GET", f"/{number}") for number in range(4)]
        assert [answer.body for answer in answers] == bodies
        assert all(answer.get("content-type") == "text/plain" for answer in answers)
        assert connections_used(upstream) == 1


@pytest.mark.parametrize("more", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_bytes_beyond_a_repeated_answer_reach_nobody(more):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(ANSWER + b"abc")
        upstream.raw(ANSWER + b"def" + more)
        async with RawClient(gateway.port) as client:
            assert [(await client.request("GET", "/")).body for _ in range(3)] == [b"abc", b"def", b""]
        assert connections_used(upstream) == 2


async def test_an_equal_head_answers_a_head_request_without_its_body():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        for body in (b"abc", b"", b"abc"):
            upstream.raw(ANSWER + body)
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/")).body == b"abc"
            answer = await client.request("HEAD", "/")
            assert (answer.get("content-length"), answer.body) == ("3", b"")
            assert (await client.request("GET", "/")).body == b"abc"
        assert connections_used(upstream) == 1


async def test_a_repeated_answer_in_pieces_arrives_whole():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.raw(ANSWER + b"abc")
        upstream.pieces(ANSWER, b"d", b"ef")
        upstream.raw(ANSWER + b"ghi")
        async with RawClient(gateway.port) as client:
            bodies = [(await client.request("GET", "/")).body for _ in range(3)]
        assert bodies == [b"abc", b"def", b"ghi"]


async def test_a_repeated_failing_answer_is_retried_each_time(tmp_path):
    async with RecorderUpstream() as upstream:
        config = f"""
upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: one, auth: none}}]
policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}],
  retry: {{attempts: 2, on: [503], backoff: {{base: 1ms, max: 2ms}}}}}}}}]
"""
        failing = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(2):
                upstream.raw(failing)
                upstream.raw(ANSWER + b"yes")
                assert (await client.request("GET", "/")).body == b"yes"
        assert len(upstream.requests) == 4


async def test_a_kept_request_follows_a_changed_configuration(tmp_path):
    text = """
upstreams: {{one: {{endpoints: ["{url}"]}}}}
routes: [{{name: r, match: {{path: {{prefix: /x}}}}, upstream: one, auth: none, rewrite: {{prefix: {to}}}}}]
"""
    async with RecorderUpstream() as upstream:
        config = text.format(url=upstream.url, to="/before")
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for to in ("/before", "/before", "/after", "/after"):
                if to not in config:
                    config = text.format(url=upstream.url, to=to)
                    sequence = gateway.context.plans.table.sequence
                    (tmp_path / "gateway.yaml").write_text(config)
                    while gateway.context.plans.table.sequence == sequence:
                        await client.send(GET)
                        await client.read_response()
                    upstream.requests.pop()
                await client.send(GET)
                await client.read_response()
        targets = [request.target for request in upstream.requests]
        assert targets[:2] == ["/before?q=1"] * 2
        assert targets[-2:] == ["/after?q=1"] * 2


@pytest.mark.one_process("has a clock of its own")
async def test_a_kept_key_ends_at_its_end(tmp_path, monkeypatch):
    clock = {"wall_s": 1_000.0}
    monkeypatch.setattr(exchange_module, "wall_s", lambda: clock["wall_s"])
    key = "sha256:" + sha256(b"k" * 40).hexdigest()
    async with RecorderUpstream() as upstream:
        config = f"""
upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: one}}]
keys: [{{name: acme, hash: "{key}", notAfter: 1970-01-01T00:20:00Z}}]
"""
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            statuses = []
            for clock["wall_s"] in (1_000.0, 1_200.0, 1_200.1, 1_199.0):
                await client.send(b"GET / HTTP/1.1\r\n" + HOST + b"X-API-Key: " + b"k" * 40 + b"\r\n\r\n")
                statuses.append((await client.read_response()).status)
        assert statuses == [200, 200, 401, 200]


@pytest.mark.one_process("sets that it drains")
async def test_a_draining_gateway_closes_after_a_repeated_request():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(2):
            await client.send(GET)
            assert (await client.read_response()).get("connection") == ""
        gateway.context.draining = True
        await client.send(GET)
        assert (await client.read_response()).get("connection") == "close"
