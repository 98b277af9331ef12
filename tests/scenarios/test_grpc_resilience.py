"""Rejections of gRPC calls, breakers and retries by their status, servers that do not serve."""

import asyncio

import pytest
import trustme
import yaml

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.grpc_calls import calling, calls_config, counted, end_of
from tests.fakes.grpc_peer import CALLS, GrpcClient, GrpcUpstream, wait_until
from tests.fakes.http2_client import Http2Client
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream

BREAKER = {"consecutiveFailures": 2, "openDuration": "1h"}


# Rejections

GRPC = ("content-type", "application/grpc")


async def test_a_malformed_deadline_is_rejected(tmp_path):
    async with calling(tmp_path) as calls, Http2Client(calls.gateway.port) as client:
        head = await client.request("POST", f"/{CALLS}/Unary", [GRPC, ("grpc-timeout", "soon")])
        assert (head.status, head.get("grpc-status"), head.body) == (200, "13", b"")
        assert str(head.get("grpc-message")).startswith("request_malformed: grpc-timeout is not ")
        assert await counted(calls.gateway) == {(400, "request_malformed"): 1}


async def test_over_http_1_too_a_rejection_is_a_head_alone(tmp_path):
    async with calling(tmp_path) as calls, RawClient(calls.gateway.port) as client:
        head = await client.request("POST", "/other.Service/Call", [GRPC])
        assert (head.status, head.get("grpc-status"), head.body) == (200, "12", b"")


async def test_to_grpc_web_a_rejection_is_one_of_http(tmp_path):
    async with calling(tmp_path) as calls, Http2Client(calls.gateway.port) as client:
        head = await client.request("POST", "/other.Service/Call", [(GRPC[0], "application/grpc-web+proto")])
        assert (head.status, head.get("content-type")) == (404, "application/problem+json")


async def test_no_route_is_unimplemented(tmp_path):
    async with calling(tmp_path) as calls:
        done = await calls.unary(b"", path="/other.Service/Call")
        assert (done.code, done.details) == ("UNIMPLEMENTED", "no_route: no route matches this host and path")
        assert await counted(calls.gateway) == {(404, "no_route"): 1}


async def test_a_missing_key_is_unauthenticated(tmp_path):
    secret = "a-key-of-the-tests-0123456789"
    async with calling(
        tmp_path, route={"auth": "key"}, environment={"API_KEY": secret, "AUTH": "key"}
    ) as calls:
        assert (await calls.unary(b"")).code == "UNAUTHENTICATED"
        assert (await calls.unary(b"hello", metadata=(("x-api-key", secret),))).reply == b"hello"
        assert "x-api-key" not in calls.up.calls[0][1]


async def test_a_used_up_limit_is_resource_exhausted(tmp_path):
    limit = {"rules": [{"name": "all", "key": "Global", "requests": 1, "period": "1h", "burst": 1}]}
    async with calling(tmp_path, rateLimit=limit) as calls:
        assert (await calls.unary(b"")).code == "OK"
        done = await calls.unary(b"")
        assert done.code == "RESOURCE_EXHAUSTED"
        assert int(str(done.trailing["retry-after"])) > 0
        assert await counted(calls.gateway, 2) == {(200, ""): 1, (429, "rate_limited"): 1}


async def test_a_message_over_the_bound_is_resource_exhausted(tmp_path):
    async with calling(tmp_path, environment={"MAX_BODY_BYTES": "1000"}) as calls:
        assert (await calls.unary(bytes(2000))).code == "RESOURCE_EXHAUSTED"


async def test_an_upstream_that_is_not_there_is_unavailable(tmp_path):
    async with calling(tmp_path, url=f"http://127.0.0.1:{free_port()}") as calls:
        done = await calls.unary(b"")
        assert done.code == "UNAVAILABLE"
        assert done.trailing["tidegate-reason"] == "upstream_connect"


# Resilience


@pytest.mark.parametrize("method", ["Fail", "FailLate"])
async def test_a_breaker_opens_by_the_status_though_http_says_200(tmp_path, method):
    async with calling(tmp_path, circuitBreaker=BREAKER) as calls:
        for _ in range(2):
            stream = calls.client.server_stream(b"UNAVAILABLE", method)
            assert await asyncio.to_thread(end_of, stream) == "UNAVAILABLE"
            await settled(calls.gateway)
        rejected = await calls.unary(b"")
        assert rejected.code == "UNAVAILABLE"
        assert rejected.trailing["tidegate-reason"] == "breaker_open"
        assert calls.up.named("Unary") == []
        assert await counted(calls.gateway, 3) == {(503, ""): 2, (503, "breaker_open"): 1}


async def test_what_the_caller_did_wrong_opens_no_breaker(tmp_path):
    async with calling(tmp_path, circuitBreaker=BREAKER) as calls:
        for code in (b"UNIMPLEMENTED", b"INVALID_ARGUMENT", b"NOT_FOUND", b"PERMISSION_DENIED"):
            await calls.unary(code, "Fail")
        assert (await calls.unary(b"hello")).reply == b"hello"


async def test_calls_that_hang_until_their_deadlines_open_the_breaker(tmp_path):
    async with calling(tmp_path, circuitBreaker=BREAKER) as calls:
        for _ in range(2):
            assert (await calls.unary(b"", "Hang", timeout_s=1.0)).code == "DEADLINE_EXCEEDED"
        await counted(calls.gateway, 2)
        assert (await calls.unary(b"")).trailing["tidegate-reason"] == "breaker_open"


async def test_a_call_that_failed_before_any_message_is_tried_again(tmp_path):
    retry = {"attempts": 2, "on": [503], "backoff": {"base": "1ms", "max": "2ms"}}
    async with calling(tmp_path, retry=retry) as calls:
        calls.up.failures = 2
        done = await calls.unary(b"hello")
        assert (done.code, done.reply) == ("OK", b"hello")
        assert len(calls.up.named("Unary")) == 3
        stream = calls.client.server_stream(b"UNAVAILABLE", "FailLate")
        assert await asyncio.to_thread(end_of, stream) == "UNAVAILABLE"
        assert len(calls.up.named("FailLate")) == 1


# What is seen of it


async def test_the_decision_of_a_call_tells_its_status(tmp_path):
    async with calling(tmp_path, environment={"ADMIN_PORT": str(free_port())}) as calls:
        await calls.unary(b"UNAVAILABLE", "Fail", metadata=(("x-request-id", "call-1"),))
        async with RawClient(calls.gateway.admin_port) as admin:
            decision = (await admin.request("GET", "/v1/decisions/call-1")).json()
        assert (decision["status"], decision["grpcStatus"]) == (503, "UNAVAILABLE")


# Misconfigured


async def test_a_server_of_grpc_that_is_spoken_to_in_http_1_is_unavailable(tmp_path):
    async with calling(tmp_path, protocol="auto") as calls:
        done = await calls.unary(b"hello")
        assert done.code == "UNAVAILABLE"  # it sends its SETTINGS and hangs up, and either may be seen first
        assert done.trailing["tidegate-reason"] in {"upstream_protocol", "upstream_reset"}


async def test_a_server_of_http_1_that_is_spoken_to_in_http_2_is_unavailable(tmp_path):
    async with RecorderUpstream() as up, calling(tmp_path, url=up.url) as calls:
        done = await calls.unary(b"hello")
        assert (done.code, done.trailing["tidegate-reason"]) == ("UNAVAILABLE", "upstream_protocol")


# Health


async def test_an_endpoint_that_does_not_serve_gets_no_calls(tmp_path):
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    pair = (leaf.private_key_pem.bytes(), b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    with GrpcUpstream(tls=pair) as well, GrpcUpstream(tls=pair) as ill:
        well.healths, ill.healths = {CALLS: True}, {CALLS: False}
        config = yaml.safe_load(
            calls_config(f"https://127.0.0.1:{well.port}", ca_file=str(tmp_path / "ca.crt"))
        )
        upstream = config["upstreams"]["calls"]
        upstream["endpoints"].append(f"https://127.0.0.1:{ill.port}")
        upstream["protocol"] = "auto"
        upstream["healthCheck"] = {
            "grpc": {"service": CALLS},
            "interval": "100ms",
            "timeout": "20s",
            "unhealthy": 1,
        }
        async with running_gateway(config=yaml.safe_dump(config), folder=tmp_path) as gateway:
            await asyncio.to_thread(wait_until, lambda: len(ill.named("Check")) > 1, "two checks")
            with GrpcClient(gateway.port) as client:
                for _ in range(10):
                    assert (await asyncio.to_thread(client.unary, b"hello")).code == "OK"
                assert (len(well.named("Unary")), len(ill.named("Unary"))) == (10, 0)
                ill.healths, well.healths = {CALLS: True}, {CALLS: False}
                seen = len(well.named("Check"))
                await asyncio.to_thread(wait_until, lambda: len(well.named("Check")) > seen + 1, "two more")
                assert (await asyncio.to_thread(client.unary, b"hello")).code == "OK"
                assert len(ill.named("Unary")) == 1
