"""API keys through a real gateway: who gets in, what is said to the others, and that no key ever leaks."""

import contextlib
import hashlib
import hmac
import json

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream

OTHER, GONE, GOLD = "o" * 40, "g" * 40, "a" * 40


def plain(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def peppered(key):
    return "hmac-sha256:" + hmac.digest(b"pepper", key.encode(), "sha256").hex()


CONFIG = f"""\
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: cache}}]
keys:
  - {{name: acme, hash: "{plain(KEY)}"}}
  - {{name: acme, hash: "{peppered(OTHER)}"}}
  - {{name: late, hash: "{plain(GONE)}", notAfter: 2020-01-01T00:00:00Z}}
  - {{name: rich, hash: "{plain(GOLD)}", tier: gold}}
policies:
  - name: p
    spec:
      targetRefs: [{{kind: Gateway}}]
      rateLimit:
        rules:
          - {{name: all, key: Client, requests: 2, period: 1h, tiers: [free]}}
          - {{name: gold, key: Client, requests: 5, period: 1h, tiers: [gold]}}
"""


@contextlib.asynccontextmanager
async def serving(**variables):
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **{"AUTH": "key", "API_KEY": KEY, **variables}) as gateway,
        RawClient(gateway.port) as client,
    ):
        yield upstream, gateway, client


@pytest.mark.parametrize(
    "field", [("X-API-Key", KEY), ("Authorization", f"Bearer {KEY}"), ("authorization", f"bearer {KEY}")]
)
async def test_a_key_opens_the_route_and_is_not_forwarded(field):
    async with serving() as (upstream, _, client):
        assert (await client.request("GET", "/", [field])).status == 200
        (seen,) = upstream.requests
        assert KEY.encode() not in seen.head
        assert seen.all("Authorization") == seen.all("X-API-Key") == []


async def test_another_authorization_passes_beside_the_key():
    async with serving() as (upstream, _, client):
        fields = [("X-API-Key", KEY), ("Authorization", "Basic dTpw")]
        assert (await client.request("GET", "/", fields)).status == 200
        assert upstream.requests[0].get("Authorization") == "Basic dTpw"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "key_missing"),
        ([("Authorization", "Basic dTpw")], "key_missing"),
        ([("X-API-Key", OTHER)], "key_unknown"),
        ([("Authorization", f"Bearer {OTHER}")], "key_unknown"),
        ([("X-API-Key", "k" * 5000)], "key_unknown"),
        ([("X-API-Key", OTHER), ("Authorization", f"Bearer {KEY}")], "key_unknown"),
    ],
)
async def test_everybody_else_gets_401_with_the_way_in(fields, reason):
    async with serving() as (upstream, _, client):
        answer = await client.request("GET", "/", fields)
        assert (answer.status, answer.get("Tidegate-Reason")) == (401, reason)
        assert answer.get("WWW-Authenticate").startswith("Bearer")
        assert answer.json()["reason"] == reason
        assert upstream.requests == []


async def test_keys_are_rotated_expire_and_have_tiers(tmp_path):
    variables = {"config": CONFIG, "folder": tmp_path, "KEY_PEPPER": "pepper"}
    async with serving(**variables) as (_, _, client):

        async def reason(key):
            answer = await client.request("GET", "/", [("X-API-Key", key)])
            return answer.get("Tidegate-Reason") or answer.status

        assert [await reason(KEY), await reason(OTHER), await reason(GONE)] == [200, 200, "key_expired"]
        assert [await reason(GOLD) for _ in range(6)] == [200] * 5 + ["rate_limited"]


async def test_no_key_is_logged_counted_or_told(tmp_path, caplog):
    log = tmp_path / "access.log"
    variables = {"ACCESS_LOG": str(log), "ADMIN_PORT": str(free_port()), "LOG_LEVEL": "debug"}
    async with serving(**variables) as (_, gateway, client):
        for key in (KEY, OTHER):
            for fields in ([("X-API-Key", key)], [("Authorization", f"Bearer {key}")]):
                answer = await client.request("GET", "/", fields)
                assert key.encode() not in answer.raw
        async with RawClient(gateway.admin_port) as admin:
            pages = [
                (await admin.request("GET", path)).body for path in ("/metrics", "/v1/config", "/v1/routes")
            ]
    written = log.read_text()
    assert [json.loads(line)["client"] for line in written.splitlines()] == ["default", "default", None, None]
    for key in (KEY, OTHER):
        assert key not in written + caplog.text
        assert all(key.encode() not in page for page in pages)


async def test_unknown_keys_leave_no_state():
    async with serving(RATE_LIMIT="100-M") as (_, gateway, client):
        for number in range(50):
            await client.request("GET", "/", [("X-API-Key", f"{number:040}")])
        async with RawClient(gateway.port) as other:
            answer = await other.request("GET", "/", [("X-API-Key", KEY)])
        assert answer.get("RateLimit").startswith('"default";r=99')
