"""Rate limits through a real gateway: whose bucket, how much is left, and when to come back."""

import asyncio
import contextlib
import re

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.upstream import RecorderUpstream

CONFIG = """\
routes: [{{name: r, match: {{path: {{prefix: /}}}}, upstream: cache, auth: none}}]
policies:
  - {{name: p, spec: {{targetRefs: [{{kind: Gateway}}], rateLimit: {{rules: [{rules}]}}}}}}
"""


@contextlib.asynccontextmanager
async def limited(tmp_path, *rules, **variables):
    config = CONFIG.format(rules=", ".join(rules)) if rules else None
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, config=config, folder=tmp_path, **variables) as gateway,
        RawClient(gateway.port) as client,
    ):
        yield client


async def statuses(client, count, *fields):
    return [(await client.request("GET", "/", fields)).status for _ in range(count)]


async def test_the_limit_of_the_environment_is_per_client_and_told_truthfully(tmp_path):
    async with limited(tmp_path, AUTH="key", API_KEY=KEY, RATE_LIMIT="2-H") as client:
        answers = [await client.request("GET", "/", [("X-API-Key", KEY)]) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert {answer.get("RateLimit-Policy") for answer in answers} == {'"default";q=2;w=3600'}
        assert [re.findall("r=(\\d+)", answer.get("RateLimit")) for answer in answers] == [
            ["1"],
            ["0"],
            ["0"],
        ]
        refused = answers[-1]
        assert refused.get("Tidegate-Reason") == "rate_limited"
        assert int(refused.get("Retry-After")) in (1799, 1800)


async def test_a_rejected_client_passes_again_when_its_token_is_back(tmp_path):
    async with limited(tmp_path, RATE_LIMIT="1-S") as client:
        assert (await client.request("GET", "/")).status == 200
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("Retry-After")) == (429, "1")
        while answer.status == 429:
            await asyncio.sleep(0.02)
            answer = await client.request("GET", "/")
        assert answer.status == 200


async def test_without_a_limit_no_field_speaks_of_one(tmp_path):
    async with limited(tmp_path, RATE_LIMIT="off") as client:
        answer = await client.request("GET", "/")
        assert answer.all("RateLimit") == answer.all("RateLimit-Policy") == []


async def test_a_burst_of_its_own_bounds_what_passes_at_once(tmp_path):
    rule = "{name: b, key: Global, requests: 100, period: 1h, burst: 3}"
    async with limited(tmp_path, rule) as client:
        assert await statuses(client, 4) == [200, 200, 200, 429]


async def test_a_header_rule_has_a_bucket_for_each_value(tmp_path):
    rule = "{name: h, key: Header, header: X-Tenant, requests: 1, period: 1h}"
    async with limited(tmp_path, rule) as client:
        assert await statuses(client, 2, ("X-Tenant", "a")) == [200, 429]
        assert await statuses(client, 2, ("x-tenant", "b")) == [200, 429]
        assert await statuses(client, 2) == [200, 429]  # those without share one


async def test_all_rules_apply_and_the_answer_names_the_used_up_one(tmp_path):
    rules = [
        "{name: wide, key: Global, requests: 100, period: 1h}",
        "{name: tight, key: ClientIP, requests: 1, period: 1h}",
    ]
    async with limited(tmp_path, *rules) as client:
        assert await statuses(client, 1) == [200]
        answer = await client.request("GET", "/")
        assert answer.status == 429
        assert "tight" in answer.json()["detail"]
        assert answer.get("RateLimit-Policy") == '"wide";q=100;w=3600, "tight";q=1;w=3600'


@pytest.mark.parametrize("key", ["Client", "ClientIP"])
async def test_a_trusted_proxy_names_the_client_and_others_cannot(tmp_path, key):
    rule = f"{{name: ip, key: {key}, requests: 1, period: 1h}}"
    one, two = ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.2")
    async with limited(tmp_path, rule, TRUSTED_PROXIES="127.0.0.0/8") as client:
        assert await statuses(client, 2, one) == [200, 429]
        assert await statuses(client, 1, two) == [200]
    async with limited(tmp_path, rule) as client:
        assert await statuses(client, 1, one) == [200]
        assert await statuses(client, 1, two) == [429]
