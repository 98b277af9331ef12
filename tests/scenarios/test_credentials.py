"""Secrets in files: credentials shown to upstreams in place of the client's, API_KEY_FILE and its like."""

import json

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import Child, free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

TOKEN, OTHER = "cache-token-0123456789", "cache-token-9876543210"
CONFIG = """\
upstreams:
  orders: {{endpoints: ["{one}"], credential: {{file: {file}, header: X-Internal-Token}}}}
  open: {{endpoints: ["{two}"]}}
routes:
  - {{name: orders, match: {{path: {{prefix: /orders}}}}, upstream: orders, auth: none,
     requestHeaders: {{set: {{X-Team: shop}}}}}}
  - {{name: both, match: {{path: {{prefix: /both}}}}, auth: none,
     upstream: [{{name: orders}}, {{name: open}}]}}
"""


@pytest.mark.parametrize("where", ["environment", "file"])
async def test_the_cache_service_with_a_token_answers_through_the_gateway(tmp_path, where):
    """Also a client that sends its own key as Authorization, or a token of its own invention."""
    port, secret = free_port(), tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    given = {"CACHE_TOKEN": TOKEN} if where == "environment" else {"CACHE_TOKEN_FILE": str(secret)}
    env = {"PORT": str(port), "HOST": "127.0.0.1", "CACHE_TOKEN": TOKEN}
    async with Child.module("cache", env=env) as service:
        await service.wait_port(port)
        async with (
            running_gateway(f"http://127.0.0.1:{port}", API_KEY=KEY, AUTH="key", **given) as gateway,  # type: ignore[arg-type]
            RawClient(gateway.port) as client,
        ):
            for fields in (
                [("X-API-Key", KEY)],
                [("Authorization", f"Bearer {KEY}")],
                [("X-API-Key", KEY), ("Authorization", "Bearer wrong")],
            ):
                answer = await client.request("PUT", "/cache/a", [("Host", "a"), *fields], b"value")
                assert answer.status in (201, 204)
                assert (await client.request("GET", "/cache/a", [("Host", "a"), *fields])).body == b"value"
            assert (
                await client.request("GET", "/cache/a", [("Host", "a")])
            ).status == 401  # the gateway's own


async def test_without_a_token_the_clients_own_authorization_goes_on():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url) as gateway,
        RawClient(gateway.port) as client,
    ):
        await client.request("GET", "/", [("Host", "a"), ("Authorization", "Basic eDp5")])
        assert upstream.requests[0].get("authorization") == "Basic eDp5"


async def test_a_client_can_neither_send_another_credential_nor_take_ours_away(tmp_path, client_protocol):
    (tmp_path / "secret").write_text("internal-1")
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        config = CONFIG.format(one=one.url, two=two.url, file=tmp_path / "secret")
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for fields in (
                [],
                [("X-Internal-Token", "evil")],
                [("X_Internal_Token", "evil"), ("x-internal_token", "evil")],
                [("Connection", "X-Internal-Token")] if client_protocol == "HTTP/1.1" else [],
            ):
                for _ in range(3):  # the third is recognised by its bytes
                    await client.request("GET", "/orders", [("Host", "a"), *fields])
    for request in one.requests:
        assert request.get("x-internal-token") == "internal-1"
        assert request.get("x-team") == "shop"
        assert [value for name, value in request.fields if "evil" in value] == []
    assert len(one.requests) == 12


async def test_each_upstream_of_a_route_is_shown_its_own_credential_only(tmp_path):
    (tmp_path / "secret").write_text("internal-1")
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        config = CONFIG.format(one=one.url, two=two.url, file=tmp_path / "secret")
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(40):
                await client.request("GET", "/both", [("Host", "a")])
    assert {request.get("x-internal-token") for request in one.requests} == {"internal-1"}
    assert {request.get("x-internal-token") for request in two.requests} == {""}


async def test_a_changed_file_is_the_credential_of_the_next_request(tmp_path):
    """Also of one whose head came before; a file that turns bad leaves the last good one."""
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, CACHE_TOKEN_FILE=str(secret)) as gateway,
        RawClient(gateway.port) as client,
    ):
        for _ in range(3):
            await client.request("GET", "/", [("Host", "a")])
        secret.write_text(OTHER + "\n")
        await until(lambda: gateway.context.plans.table.sequence == 2, "the new secret")
        await client.request("GET", "/", [("Host", "a")])
        secret.write_text("two words")
        await until(lambda: gateway.counts.config_applies["rejected"] == 1, "the refusal")
        await client.request("GET", "/", [("Host", "a")])
    shown = [request.get("authorization") for request in upstream.requests]
    assert shown == [f"Bearer {TOKEN}"] * 3 + [f"Bearer {OTHER}"] * 2


async def test_no_secret_is_shown_by_the_admin_port_or_the_logs(tmp_path, caplog):
    secret, log = tmp_path / "token", tmp_path / "access.log"
    secret.write_text(TOKEN)
    async with RecorderUpstream() as upstream:
        admin_port = free_port()
        async with (
            running_gateway(
                upstream.url,
                ADMIN_PORT=str(admin_port),
                CACHE_TOKEN_FILE=str(secret),
                ACCESS_LOG=str(log),
                LOG_LEVEL="debug",
            ) as gateway,
            RawClient(gateway.port) as client,
            RawClient(admin_port) as admin,
        ):
            await client.request("GET", "/", [("Host", "a")])
            said = (await admin.request("GET", "/v1/config", [("Host", "127.0.0.1")])).body.decode()
            secret.write_text("not a secret " + OTHER)
            await until(lambda: gateway.counts.config_applies["rejected"] == 1, "the refusal")
    assert upstream.requests[0].get("authorization") == f"Bearer {TOKEN}"
    assert json.loads(said)["upstreams"]["cache"]["credential"] == {
        "header": "authorization",
        "from": str(secret),
    }
    told = said + log.read_text() + caplog.text
    assert "holds a blank" in told
    assert TOKEN not in told
    assert OTHER not in told


async def test_a_credential_file_that_is_not_there_is_a_fault_at_start(tmp_path):
    env = {"AUTH": "none", "PORT": "0", "ADMIN_PORT": "0", "CACHE_TOKEN_FILE": str(tmp_path / "none")}
    async with Child.app("gateway", env=env) as child:
        assert await child.wait() == 2
        assert child.lines == [
            f"error: {tmp_path}/none: does not exist; check the path, or that the volume is mounted"
        ]


async def test_the_key_of_a_file_is_another_as_soon_as_the_file_is(tmp_path, caplog):
    secret = tmp_path / "key"
    secret.write_text("first-key-0123456789")
    async with (
        RecorderUpstream() as upstream,
        running_gateway(
            upstream.url, AUTH="key", API_KEY_FILE=str(secret), LOG_LEVEL="debug", folder=tmp_path
        ) as gateway,
        RawClient(gateway.port) as client,
    ):

        async def statuses() -> list[int]:
            keys = ("first-key-0123456789", "second-key-012345678")
            return [
                (await client.request("GET", "/", [("Host", "a"), ("X-API-Key", key)])).status for key in keys
            ]

        assert await statuses() == [200, 401]
        secret.write_text("second-key-012345678\n")
        await until(lambda: gateway.context.plans.table.sequence == 2, "the new key")
        assert await statuses() == [401, 200]
        secret.write_text("no key")
        await until(lambda: "secret not taken over" in caplog.text, "the refusal")
        assert await statuses() == [401, 200]
    assert "second-key" not in caplog.text


async def test_the_admin_token_of_a_file_is_another_as_soon_as_the_file_is(tmp_path, caplog):
    secret, admin_port = tmp_path / "token", free_port()
    secret.write_text("first-token")
    async with (
        running_gateway(ADMIN_PORT=str(admin_port), ADMIN_TOKEN_FILE=str(secret)) as gateway,
        RawClient(admin_port) as admin,
    ):

        async def statuses() -> list[int]:
            body, found = b'{"state": "auto"}', []
            for token in ("first-token", "second-token"):
                fields = [("Host", "127.0.0.1"), ("Authorization", f"Bearer {token}")]
                fields.append(("Content-Type", "application/json"))
                found.append((await admin.request("PUT", "/v1/breakers/cache/override", fields, body)).status)
            return found

        assert await statuses() == [200, 403]
        secret.write_text("second-token\n")
        await until(lambda: gateway.context.settings.admin_token == "second-token", "the new token")
        assert await statuses() == [403, 200]
        secret.unlink()
        await until(lambda: "secret not taken over" in caplog.text, "the refusal")
        assert await statuses() == [403, 200]
