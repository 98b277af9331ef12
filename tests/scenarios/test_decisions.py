"""What the admin port says of single requests: the last decisions, as a running gateway keeps them."""

import contextlib
import json

import pytest

from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream

ONCE = {"rules": [{"name": "per-client", "key": "Client", "requests": 2, "period": "1h"}]}
RETRY = {"attempts": 1, "backoff": {"base": "1ms", "max": "2ms"}}


@contextlib.asynccontextmanager
async def serving(folder, *, route=None, variables=None, **stanzas):
    async with RecorderUpstream() as upstream:
        config = config_text(upstream.url, route=route, **stanzas)
        given = {"ADMIN_PORT": str(free_port()), **(variables or {})}
        async with (
            running_gateway(config=config, folder=folder, **given) as gateway,
            RawClient(gateway.port) as client,
            RawClient(gateway.admin_port) as admin,
        ):
            yield upstream, client, admin


async def one(admin, request_id):
    return (await admin.request("GET", f"/v1/decisions/{request_id}")).json()


async def test_a_limited_request_names_client_rule_and_policy(tmp_path):
    variables = {"API_KEY": KEY}
    async with serving(tmp_path, route={"auth": "key"}, variables=variables, rateLimit=ONCE) as (
        _,
        client,
        admin,
    ):
        for number in range(3):
            await client.request("GET", "/", [("X-API-Key", KEY), ("X-Request-ID", f"id-{number}")])
        passed, limited = await one(admin, "id-0"), await one(admin, "id-2")
        assert (passed["status"], passed["reason"], passed["policy"]) == (200, "", None)
        assert passed["rules"] == [{"rule": "per-client", "remaining": 1}]
        assert (limited["status"], limited["reason"], limited["client"]) == (429, "rate_limited", "default")
        assert (limited["route"], limited["policy"], limited["generation"]) == ("main", "defaults", None)
        assert limited["rules"] == [{"rule": "per-client", "remaining": 0}]
        assert (limited["attempts"], limited["breaker"]) == ([], None)
        (limit,) = (await admin.request("GET", "/v1/limits")).json()["limits"]
        assert limit["clients"] == [{"client": "default", "rejected": 1, "remaining": 0}]
        assert KEY not in (await admin.request("GET", "/v1/decisions")).body.decode()


async def test_each_attempt_has_its_endpoint_its_outcome_and_its_times(tmp_path):
    async with serving(tmp_path, retry=RETRY) as (upstream, client, admin):
        upstream.reply(503)
        upstream.reply(200, b"good")
        await client.request("GET", "/", [("X-Request-ID", "retried")])
        first, second = (await one(admin, "retried"))["attempts"]
        assert [each["outcome"] for each in (first, second)] == ["status_503", "status_200"]
        assert first["endpoint"] == second["endpoint"] == upstream.url.removeprefix("http://")
        assert 0 < first["headMs"] <= first["endMs"] <= second["headMs"] <= second["endMs"]


async def test_failures_and_an_open_breaker_name_what_failed(tmp_path):
    breaker = {"consecutiveFailures": 1, "openDuration": "1m"}
    async with serving(tmp_path, circuitBreaker=breaker) as (upstream, client, admin):
        upstream.hang_up()
        for name in ("failed", "rejected"):
            await client.request("GET", "/", [("X-Request-ID", name)])
        failed, rejected = await one(admin, "failed"), await one(admin, "rejected")
        assert (failed["reason"], failed["breaker"]) == (
            "upstream_reset",
            {"name": "main", "state": "closed"},
        )
        assert [each["outcome"] for each in failed["attempts"]] == ["upstream_reset"]
        assert failed["attempts"][0]["headMs"] is None
        assert (rejected["reason"], rejected["policy"]) == ("breaker_open", "defaults")
        assert rejected["breaker"] == {"name": "main", "state": "open"}
        found = (await admin.request("GET", "/v1/decisions?reason=breaker_open")).json()
        assert [each["requestId"] for each in found["decisions"]] == ["rejected"]
        assert found["oldest"] == failed["at"]


async def test_an_id_that_is_not_kept_tells_how_far_back_they_reach(tmp_path):
    async with serving(tmp_path) as (_, client, admin):
        assert "nor any other" in (await one(admin, "odd"))["detail"]
        await client.request("GET", "/")
        gone = await admin.request("GET", "/v1/decisions/odd")
        (kept,) = (await admin.request("GET", "/v1/decisions")).json()["decisions"]
        assert gone.status == 404
        assert f"the last 1 decisions, since {kept['at'][11:19]} UTC" in gone.json()["detail"]


async def test_switched_off_none_is_kept(tmp_path):
    async with serving(tmp_path, variables={"DECISIONS_KEPT": "0"}) as (_, client, admin):
        await client.request("GET", "/", [("X-Request-ID", "mine")])
        assert json.loads((await admin.request("GET", "/v1/decisions")).body) == {
            "decisions": [],
            "oldest": None,
        }
        assert "DECISIONS_KEPT is 0" in (await one(admin, "mine"))["detail"]


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
async def test_a_wrong_limit_is_a_fault_of_the_caller(tmp_path, limit):
    async with serving(tmp_path) as (_, _, admin):
        answer = await admin.request("GET", f"/v1/decisions?limit={limit}")
        assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "limit")
