"""HTTP/2 from clients, in clear by prior knowledge and over TLS by ALPN, to upstreams of HTTP/1.1."""

import asyncio
import contextlib
import json
import ssl

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.http2_client import StreamCut
from tests.fakes.http2_serving import (
    MEBI,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    serving,
)
from tests.fakes.issued_certificate import IssuedCertificate
from tests.fakes.upstream import RecorderUpstream

# One request


async def test_a_get_reaches_the_upstream_and_its_response_the_client(secured):
    async with serving(secured) as (upstream, _, client):
        upstream.reply(200, b"hello", [("X-A", "1")])
        response = await client.request("GET", "/path?query=1", [("X-B", "2"), ("Host", "shop.example")])
        assert (response.status, response.body, response.get("x-a")) == (200, b"hello", "1")
        assert response.get("content-length") == "5"
        assert response.get("x-request-id")
        (seen,) = upstream.requests
        assert (seen.method, seen.target, seen.version) == ("GET", "/path?query=1", "HTTP/1.1")
        assert (seen.get("host"), seen.get("x-b")) == ("shop.example", "2")
        assert seen.get("x-forwarded-host") == "shop.example"
        assert seen.get("x-forwarded-proto") == ("https" if secured else "http")
        assert seen.get("via") == "2 tidegate"


async def test_a_body_of_known_length_and_one_of_unknown_length_reach_the_upstream(secured):
    async with serving(secured) as (upstream, _, client):
        await client.request("POST", "/", body=b"x" * 100_000)
        stream = client.open("POST", "/", end=False)
        await stream.send(b"ab")
        await stream.send(b"cd", end=True)
        assert (await stream.response()).status == 200
        known, unknown = await upstream.wait_whole(2)
        assert (known.get("content-length"), known.body_size_bytes) == ("100000", 100_000)
        assert (unknown.get("transfer-encoding"), unknown.body) == ("chunked", b"abcd")


async def test_bodies_of_megabytes_pass_both_ways_at_once(secured):
    async with serving(secured) as (upstream, _, client):
        upstream.reply(200, b"r" * 3 * MEBI)
        response = await client.request("POST", "/", body=b"q" * 3 * MEBI)
        assert len(response.body) == 3 * MEBI
        assert upstream.requests[0].body_size_bytes == 3 * MEBI


async def test_trailers_pass_both_ways():
    async with serving() as (upstream, _, client):
        upstream.reply(200, b"body", chunked=True, trailers=[("X-Sum", "9")])
        stream = client.open("POST", "/", end=False)
        await stream.send(b"abc")
        stream.end([("x-checksum", "5"), ("authorization", "no")])
        response = await stream.response()
        assert (response.body, response.trailers) == (b"body", [("x-sum", "9")])
        (seen,) = await upstream.wait_whole(1)
        assert seen.trailers == [("x-checksum", "5")]


async def test_a_response_to_head_and_one_without_content_have_no_body():
    async with serving() as (upstream, _, client):
        upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        head = await client.request("HEAD", "/")
        assert (head.status, head.get("content-length"), head.body) == (200, "7", b"")
        for status in (204, 304):
            upstream.raw(b"HTTP/1.1 %d X\r\nETag: a\r\n\r\n" % status)
            empty = await client.request("GET", "/")
            assert (empty.status, empty.get("etag"), empty.get("content-length"), empty.body) == (
                status,
                "a",
                "",
                b"",
            )


async def test_interim_responses_and_100_continue_pass():
    async with serving() as (upstream, _, client):
        upstream.raw(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )
        response = await client.request("GET", "/")
        assert [(each.status, each.get("link")) for each in response.interim] == [(103, "</a>")]
        stream = client.open("POST", "/", [("expect", "100-continue"), ("content-length", "2")], end=False)
        await client.until(lambda: bool(stream.interim), "100")
        assert stream.interim[0].status == 100
        await stream.send(b"ok", end=True)
        assert (await stream.response()).status == 200


async def test_many_streams_are_under_way_at_once_and_end_in_any_order():
    go_on = asyncio.Event()
    async with serving() as (upstream, _, client):
        upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        first = client.open("GET", "/first")
        await upstream.wait_for(1)
        others = [client.open("GET", f"/{number}") for number in range(50)]
        assert {(await other.response()).status for other in others} == {200}
        assert first.head is None
        go_on.set()
        assert (await first.response()).body == b"late"


async def test_http_1_1_is_spoken_on_the_same_port(secured):
    async with serving(secured) as (_, gateway, client):
        tls = secured.client() if secured else None
        async with RawClient(gateway.port, tls=tls, server_name="localhost" if tls else None) as old:
            assert (await old.request("GET", "/")).status == 200
        assert (await client.request("GET", "/")).status == 200


async def test_http2_off_offers_it_nowhere(tmp_path):
    secured = IssuedCertificate(tmp_path)
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, HTTP2="off") as clear,
        running_gateway(upstream.url, HTTP2="off", **secured.variables) as tls,
    ):
        async with RawClient(clear.port) as client:
            await client.send(PREFACE)
            assert (await client.read_response()).status == 505
        context = secured.client()
        context.set_alpn_protocols(["h2", "http/1.1"])
        async with RawClient(tls.port, tls=context, server_name="localhost") as client:
            assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            assert (await client.request("GET", "/")).status == 200


async def test_a_preface_may_come_byte_by_byte():
    async with serving() as (_, gateway, _), RawClient(gateway.port) as client:
        for octet in PREFACE:
            await client.send(bytes((octet,)))
        settings = await client.read(9)
        assert settings[3] == 4  # RFC 9113 §6.5: the server's preface is SETTINGS


# Rejections


async def test_a_rejection_is_a_response_with_its_reason_and_the_connection_goes_on():
    async with serving(AUTH="key", API_KEY=KEY) as (upstream, _, client):
        response = await client.request("GET", "/")
        assert (response.status, response.get("tidegate-reason")) == (401, "key_missing")
        assert response.get("content-type") == "application/problem+json"
        assert response.get("www-authenticate").startswith("Bearer")
        assert json.loads(response.body)["requestId"] == response.get("x-request-id")
        assert upstream.requests == []
        assert (await client.request("GET", "/", [("x-api-key", KEY)])).status == 200


async def test_a_rejected_upload_ends_early_and_others_go_on():
    async with serving(MAX_BODY_BYTES="1000") as (_, _, client):
        stream = client.open("POST", "/", end=False)
        with contextlib.suppress(StreamCut):
            await stream.send(b"x" * MEBI)
        assert await stream.read_reset() == NO_ERROR
        assert stream.head is not None
        assert (stream.head.status, stream.ended) == (413, True)
        assert (await client.request("GET", "/")).status == 200


async def test_too_many_fields_are_too_large_a_head():
    async with serving(MAX_FIELDS="5") as (_, _, client):
        response = await client.request("GET", "/", [(f"x-{number}", "a") for number in range(6)])
        assert (response.status, response.get("tidegate-reason")) == (431, "head_too_large")
        five = await client.request("GET", "/", [(f"x-{number}", "a") for number in range(5)])
        assert five.status == 200  # pseudo-fields do not count


async def test_a_malformed_request_ends_its_stream_only_and_is_logged(tmp_path):
    log = tmp_path / "access.log"
    async with serving(ACCESS_LOG=str(log)) as (_, gateway, client):
        bad = client.open("GET", "/", [("connection", "close")])
        assert await bad.read_reset() == PROTOCOL_ERROR
        assert (await client.request("GET", "/")).status == 200
        await client.close()
        await gateway.stop(0.0, 1.0)
        reasons = [json.loads(line).get("reason") for line in log.read_text().splitlines()]
        assert reasons.count("request_malformed") == 1


@pytest.mark.parametrize(
    ("cookie_bytes", "data", "status", "reason"),
    [
        (100_000, b"", 431, "head_too_large"),
        (0, b"\x00\x00\x00\x09\x00\x00\x00\x00\x01", 400, "request_malformed"),
    ],
    ids=["a-large-head", "a-lone-continuation"],
)
async def test_what_ends_the_connection_is_logged_as_a_rejected_request(
    tmp_path, cookie_bytes, data, status, reason
):
    log = tmp_path / "access.log"
    async with serving(ACCESS_LOG=str(log)) as (upstream, gateway, client):
        if data:
            client.send_raw(data)
        else:
            client.open("GET", "/", [("cookie", "a" * cookie_bytes)])
        await client.expect_closed()
        assert (await client.read_goaway())[1] != NO_ERROR
        await gateway.stop(0.0, 1.0)
        (line,) = [json.loads(line) for line in log.read_text().splitlines()]
        assert (line["status"], line["reason"], line["protocol"]) == (status, reason, "HTTP/2")
        assert upstream.requests == []


async def test_the_log_names_the_protocol(tmp_path):
    log = tmp_path / "access.log"
    async with serving(ACCESS_LOG=str(log)) as (_, gateway, client):
        await client.request("GET", "/")
        async with RawClient(gateway.port) as old:
            await old.request("GET", "/")
        await client.close()
        await gateway.stop(0.0, 1.0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert sorted(line["protocol"] for line in lines) == ["HTTP/1.1", "HTTP/2"]


async def test_a_stream_above_the_bound_is_refused_and_may_be_sent_again():
    async with serving(MAX_STREAMS="2") as (upstream, _, client):
        assert client.settings == {} or client.settings[3] == 2
        upstream.never()
        upstream.never()
        client.h2.remote_settings.max_concurrent_streams  # noqa: B018 - the client is to go over it
        client.h2.remote_settings = type(client.h2.remote_settings)(client=False)
        streams = [client.open("GET", f"/{number}") for number in range(3)]
        assert await streams[2].read_reset() == 7
        assert streams[0].reset_code is None


@pytest.mark.one_process("a worker has its part of MAX_CONNECTIONS: tests/scenarios/test_workers_sharing.py")
async def test_connections_count_against_the_same_bound_as_http_1_1():
    async with serving(MAX_CONNECTIONS="1") as (_, gateway, client):
        assert (await client.request("GET", "/")).status == 200
        async with RawClient(gateway.port) as other:
            await other.expect_closed()
        assert (await client.request("GET", "/")).status == 200


# TLS


async def test_prior_knowledge_is_for_ports_in_clear_only(tmp_path):
    secured = IssuedCertificate(tmp_path)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, **secured.variables) as gateway:
        context = secured.client()
        context.set_alpn_protocols(["http/1.1"])
        async with RawClient(gateway.port, tls=context, server_name="localhost") as client:
            await client.send(PREFACE)
            assert (await client.read_response()).status == 505


async def test_alpn_without_overlap_is_http_1_1(tmp_path):
    secured = IssuedCertificate(tmp_path)
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, **secured.variables) as gateway:
        context: ssl.SSLContext = secured.client()
        context.set_alpn_protocols(["spdy/3"])
        async with RawClient(gateway.port, tls=context, server_name="localhost") as client:
            assert (await client.request("GET", "/")).status == 200
