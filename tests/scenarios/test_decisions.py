"""What the admin port says of single requests: the last decisions, as a running gateway keeps them."""

import asyncio
import contextlib
import json

import pytest

from app.cli.decision_stream import TapOutput, TapQuery
from app.cli.tap import tap_gateway
from app.cli.why import explain_request
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import KEY, running_gateway, settled
from tests.fakes.patience import patient_with_leases
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.valkey import Valkey
from tests.fakes.viewer import viewing

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
        await client.request("GET", "/", [("X-Request-ID", "failed")])
        failed = await one(admin, "failed")  # which every worker has reported, and so heard of the breaker
        await client.request("GET", "/", [("X-Request-ID", "rejected")])
        rejected = await one(admin, "rejected")
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
        shown = json.loads((await admin.request("GET", "/v1/decisions")).body)
        assert (shown["decisions"], shown["oldest"], shown["mark"]) == ([], None, None)
        assert "DECISIONS_KEPT is 0" in (await one(admin, "mine"))["detail"]


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
async def test_a_wrong_limit_is_a_fault_of_the_caller(tmp_path, limit):
    async with serving(tmp_path) as (_, _, admin):
        answer = await admin.request("GET", f"/v1/decisions?limit={limit}")
        assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "limit")


async def test_the_runner_up_would_have_taken_it(tmp_path):
    async with RecorderUpstream() as upstream:
        content = json.loads(config_text(upstream.url))
        open_one = {"auth": "none", "upstream": "main"}
        content["routes"] += [
            {"name": "orders", "match": {"path": {"prefix": "/orders"}}, **open_one},
            {
                "name": "canary",
                "match": {"path": {"prefix": "/orders"}, "headers": {"x-beta": "1"}},
                **open_one,
            },
        ]
        port = str(free_port())
        async with (
            running_gateway(config=json.dumps(content), folder=tmp_path, ADMIN_PORT=port) as gateway,
            RawClient(gateway.port) as client,
            RawClient(gateway.admin_port) as admin,
        ):
            for number, (path, beta) in enumerate((("/orders/7", "1"), ("/orders/7", "0"), ("/", "1"))):
                await client.request("GET", path, [("X-Request-ID", f"id-{number}"), ("X-Beta", beta)])
            took = [await one(admin, f"id-{number}") for number in range(3)]
            assert [(each["route"], each["runnerUp"]) for each in took] == [
                ("canary", "orders"),
                ("orders", "main"),
                ("main", None),
            ]


async def test_a_timeout_names_the_policy_that_set_it(tmp_path):
    async with serving(tmp_path, timeout={"request": "50ms"}) as (upstream, client, admin):
        upstream.never()
        await client.request("GET", "/", [("X-Request-ID", "late")])
        late = await one(admin, "late")
        assert (late["reason"], late["policy"]) == ("upstream_timeout", "defaults")


async def test_with_a_shared_store_it_says_what_this_gateway_knew(tmp_path, monkeypatch):
    patient_with_leases(monkeypatch)
    rules = {
        "rules": [{"name": "per-client", "key": "Client", "requests": 5, "period": "1h", "scope": "Global"}]
    }
    with Valkey(tmp_path / "valkey") as valkey:
        variables = {"REDIS_URL": valkey.url}
        async with serving(tmp_path, variables=variables, rateLimit=rules) as (_, client, admin):
            for number in range(6):
                await client.request("GET", "/", [("X-Request-ID", f"id-{number}")])
            first, last = await one(admin, "id-0"), await one(admin, "id-5")
            assert (first["limitsShared"], first["rules"]) == (True, [{"rule": "per-client", "remaining": 4}])
            assert (last["reason"], last["rules"]) == (
                "rate_limited",
                [{"rule": "per-client", "remaining": 0}],
            )


async def test_a_reader_goes_on_from_its_mark(tmp_path):
    async with serving(tmp_path) as (_, client, admin):
        await client.request("GET", "/")
        mark = (await admin.request("GET", "/v1/decisions")).json()["mark"]
        assert (await admin.request("GET", f"/v1/decisions?after={mark}")).json()["decisions"] == []
        for number in range(3):
            await client.request("GET", "/", [("X-Request-ID", f"id-{number}")])
        new = (await admin.request("GET", f"/v1/decisions?after={mark}&limit=2")).json()
        assert [each["requestId"] for each in new["decisions"]] == ["id-2", "id-1"]
        assert (new["omitted"], new["overwritten"], new["restarted"]) == (1, 0, False)
        odd = await admin.request("GET", "/v1/decisions?after=odd")
        assert (odd.status, odd.json()["errors"][0]["field"]) == (400, "after")


async def test_a_viewer_of_the_public_port_looks_them_up(tmp_path):
    async with RecorderUpstream() as upstream:
        config = config_text(upstream.url)
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
            viewing(gateway.port) as viewer,
        ):
            await client.request("GET", "/", [("X-Request-ID", "mine")])
            await settled(gateway)
            found = await viewer.ask(type="decisions", route="main", limit=1)
            assert [each["requestId"] for each in found["decisions"]] == ["mine"]
            told = await viewer.ask(type="decision", requestId="mine")
            assert told["sentences"][1] == "No other route takes such a request."
            odd = await viewer.ask(type="decision", requestId="odd")
            assert odd["error"]["code"] == "no_decision"
            assert "the last 1 decisions, since" in odd["error"]["detail"]
            assert (await client.request("GET", "/v1/decisions")).body == b""  # the upstream's, not ours


SECRET = "s3cr3t-of-the-caller"


async def tapped(gateway):
    """Runs `tidegate tap` once, in a thread, as its own process would run."""

    def run() -> None:
        def enough(_seconds: float) -> None:
            raise KeyboardInterrupt

        assert (
            tap_gateway(
                f"http://127.0.0.1:{gateway.admin_port}", TapQuery(output=TapOutput.JSON), pause=enough
            )
            == 0
        )

    await asyncio.to_thread(run)


async def test_a_secret_is_nowhere_wherever_it_was_sent(tmp_path, capsys):
    config = config_text("http://127.0.0.1:9", route={"auth": "key"}, rateLimit=ONCE)
    port = str(free_port())
    places = [
        [("X-API-Key", SECRET)],
        [("Authorization", f"Bearer {SECRET}")],
        [("X-API-Key", KEY), ("Authorization", f"Basic {SECRET}")],
        [("X-API-Key", KEY), ("Cookie", f"session={SECRET}")],
        [("X-API-Key", KEY), ("X-Anything", SECRET), ("Traceparent", SECRET), ("User-Agent", SECRET)],
        [("X-API-Key", KEY), ("Referer", f"https://a.example/?token={SECRET}"), ("X-Forwarded-For", SECRET)],
    ]
    async with (
        running_gateway(
            config=config, folder=tmp_path, API_KEY=KEY, ADMIN_PORT=port, ADMIN_TOKEN=SECRET
        ) as gateway,
        RawClient(gateway.port) as client,
        RawClient(gateway.admin_port) as admin,
        viewing(gateway.port) as viewer,
    ):
        for number, fields in enumerate(places):
            path = f"/reset/{SECRET}?key={SECRET}&{SECRET}=1&token={KEY}"
            await client.request("POST", path, [("X-Request-ID", f"id-{number}"), *fields], SECRET.encode())
        await settled(gateway)
        ring = gateway.decisions
        assert ring is not None
        assert len(ring) == len(places)
        told = [repr(list(ring._entries)), repr(await viewer.ask(type="decisions"))]
        for number in range(len(places)):
            told += [
                (await admin.request("GET", f"/v1/decisions/id-{number}")).body.decode(),
                repr(await viewer.ask(type="decision", requestId=f"id-{number}")),
            ]
            url = f"http://127.0.0.1:{gateway.admin_port}"
            assert await asyncio.to_thread(explain_request, url, f"id-{number}") == 0
        told.append((await admin.request("GET", "/v1/decisions")).body.decode())
        await tapped(gateway)
        told += capsys.readouterr()
        for text in told:
            assert SECRET not in text
            assert KEY not in text
        assert all("id-" in text for text in told[:-1])
