"""Policies in Shadow mode on a running gateway: they count what they would refuse, and refuse nothing."""

import asyncio
import json
import logging

from app.foundation.clock import now_s
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GATEWAY = [{"kind": "Gateway"}]
ROUTE_A = [{"kind": "Route", "name": "a"}]


def config(upstream, *policies):
    """Routes `a` and `b` to the upstream `one`; `policies`: (name, spec)."""
    return json.dumps(
        {
            "upstreams": {"one": {"endpoints": [upstream.url]}},
            "routes": [
                {"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": "one", "auth": "none"}
                for name in ("a", "b")
            ],
            "policies": [{"name": name, "spec": {"targetRefs": GATEWAY, **spec}} for name, spec in policies],
        }
    )


def limit(requests, mode="Enforce", **more):
    rule = {"name": "all", "key": "Global", "requests": requests, "period": "1h"}
    return {"mode": mode, "rateLimit": {"rules": [rule]}, **more}


def breaker(mode="Enforce", targets=GATEWAY, **fields):
    return {"mode": mode, "targetRefs": targets, "circuitBreaker": fields}


async def statuses(gateway, count, path="/a"):
    found = []
    async with RawClient(gateway.port) as client:
        for _ in range(count):
            found.append((await client.request("GET", path)).status)
            await settled(gateway)
    return found


async def pass_s(seconds):
    end_s = now_s() + seconds
    await until(lambda: now_s() > end_s, "time to pass")


def state(gateway, name="one"):
    view = gateway.view.breaker(name)
    assert view is not None
    return view.state.value


def refusals(gateway):
    return dict(gateway.counts.shadow_rejections)


def transitions(gateway):
    return dict(gateway.counts.shadow_transitions)


async def edit(gateway, folder, text):
    before = gateway.context.plans.table.sequence
    (folder / "gateway.yaml").write_text(text)
    await until(lambda: gateway.context.plans.table.sequence > before, "the edit")


async def test_a_shadow_limit_counts_and_lets_pass(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("trial", limit(2, "Shadow")))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            assert await statuses(gateway, 5) == [200] * 5
            await settled(gateway)
            assert refusals(gateway) == {("trial", "Gateway", "rate_limited"): 3}
            assert gateway.counts.routes["a"].decisions == {("all", "shadowed"): 3}


async def test_a_shadow_limit_tells_the_client_nothing(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("trial", limit(0, "Shadow")))
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("GET", "/a")
            assert (answer.status, answer.get("RateLimit"), answer.get("RateLimit-Policy")) == (200, "", "")


async def test_shadow_and_enforced_limits_have_buckets_of_their_own(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("real", limit(4)), ("trial", limit(2, "Shadow")))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            assert await statuses(gateway, 6) == [200] * 4 + [429] * 2
            await settled(gateway)
            assert refusals(gateway) == {("trial", "Gateway", "rate_limited"): 4}
            assert gateway.counts.routes["a"].decisions == {
                ("all", "allowed"): 4, ("all", "limited"): 2, ("all", "shadowed"): 4,
            }  # fmt: skip


async def test_a_shadow_limit_sees_only_the_clients_of_its_tiers(tmp_path):
    rule = {"name": "gold", "key": "Client", "requests": 0, "period": "1h", "tiers": ["gold"]}
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("trial", {"mode": "Shadow", "rateLimit": {"rules": [rule]}}))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            assert await statuses(gateway, 2) == [200] * 2
            await settled(gateway)
            assert refusals(gateway) == {}


async def test_the_more_specific_shadow_takes_the_place_of_the_other(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("all", limit(1, "Shadow")), ("mine", limit(3, "Shadow", targetRefs=ROUTE_A)))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            await statuses(gateway, 4, "/a")
            await statuses(gateway, 4, "/b")
            await settled(gateway)
            assert refusals(gateway) == {
                ("mine", "Route/a", "rate_limited"): 1,
                ("all", "Gateway", "rate_limited"): 3,
            }


async def test_a_shadow_breaker_opens_beside_the_enforced_one_and_traffic_goes_on(tmp_path, caplog):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            ("real", breaker(consecutiveFailures=100)),
            ("trial", breaker("Shadow", consecutiveFailures=2, openDuration="1h")),
        )
        async with running_gateway(config=text, folder=tmp_path, LOG_LEVEL="info") as gateway:
            for _ in range(3):
                upstream.reply(500)
            with caplog.at_level(logging.INFO, "tidegate.shadow"):
                assert await statuses(gateway, 5) == [500, 500, 500, 200, 200]
            await settled(gateway)
            assert transitions(gateway) == {("trial", "Gateway", "open"): 1}
            await settled(gateway)
            assert refusals(gateway) == {("trial", "Gateway", "breaker_open"): 3}
            assert state(gateway) == "closed"
            assert "policy trial in Shadow mode: breaker one would go closed → open" in caplog.text


async def test_a_shadow_breaker_probes_and_closes_by_itself(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            ("real", breaker(consecutiveFailures=100)),
            ("trial", breaker("Shadow", consecutiveFailures=1, openDuration="100ms")),
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.reply(500)
            await statuses(gateway, 1)
            await settled(gateway)
            await pass_s(0.11)
            assert await statuses(gateway, 1) == [200]
            await settled(gateway)
            assert transitions(gateway) == {
                ("trial", "Gateway", "open"): 1,
                ("trial", "Gateway", "half_open"): 1,
                ("trial", "Gateway", "closed"): 1,
            }


async def test_a_shadow_breaker_judges_by_its_own_statuses(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            ("real", breaker(consecutiveFailures=100)),
            ("trial", breaker("Shadow", consecutiveFailures=1, failureOn=[404], openDuration="1h")),
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.reply(500)
            await statuses(gateway, 1)
            await settled(gateway)
            assert transitions(gateway) == {}
            upstream.reply(404)
            await statuses(gateway, 1)
            await settled(gateway)
            assert transitions(gateway) == {("trial", "Gateway", "open"): 1}


async def test_a_shadow_breaker_judges_slow_answers_by_its_own_threshold(tmp_path):
    slow = {"percent": 1, "threshold": "1s"}
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            (
                "trial",
                breaker("Shadow", slowCalls=slow, failureRate={"percent": 100, "minimumRequests": 1}),
            ),
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            await statuses(gateway, 1)
            await settled(gateway)
            assert transitions(gateway) == {}
            go_on = asyncio.Event()
            upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            asked = asyncio.create_task(statuses(gateway, 1))
            await upstream.wait_for(2)
            await pass_s(1.1)
            go_on.set()
            await asked
            await settled(gateway)
            assert transitions(gateway) == {("trial", "Gateway", "open"): 1}


async def test_a_connection_that_fails_counts_in_the_shadow_too(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            ("real", breaker(consecutiveFailures=100)),
            ("trial", breaker("Shadow", consecutiveFailures=1, failureOn=[], openDuration="1h")),
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.raw(b"garbage\r\n\r\n")
            assert await statuses(gateway, 1) == [502]
            await settled(gateway)
            assert transitions(gateway) == {("trial", "Gateway", "open"): 1}


async def test_a_shadow_on_a_route_leaves_other_routes_alone(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream, ("trial", breaker("Shadow", ROUTE_A, consecutiveFailures=1, openDuration="1h"))
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.reply(500)
            await statuses(gateway, 1, "/b")
            await settled(gateway)
            assert transitions(gateway) == {}
            upstream.reply(500)
            await statuses(gateway, 2, "/a")
            await settled(gateway)
            assert transitions(gateway) == {("trial", "Route/a", "open"): 1}
            await settled(gateway)
            assert refusals(gateway) == {("trial", "Route/a", "breaker_open"): 1}


async def test_what_the_enforced_breaker_refuses_the_shadow_does_not_see(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(
            upstream,
            ("real", breaker(consecutiveFailures=1, openDuration="1h")),
            ("trial", breaker("Shadow", consecutiveFailures=2, openDuration="1h")),
        )
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            upstream.reply(500)
            assert await statuses(gateway, 4) == [500, 503, 503, 503]
            assert (transitions(gateway), refusals(gateway)) == ({}, {})


async def test_an_edited_shadow_keeps_its_state_and_a_removed_one_its_series_no_longer(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("real", breaker(consecutiveFailures=100)), ("trial", limit(2, "Shadow")))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            await statuses(gateway, 3)
            more = config(upstream, ("real", breaker(consecutiveFailures=100)), ("trial", limit(3, "Shadow")))
            await edit(gateway, tmp_path, more)
            await statuses(gateway, 2)
            await settled(gateway)
            assert refusals(gateway) == {("trial", "Gateway", "rate_limited"): 2}
            await edit(gateway, tmp_path, config(upstream))
            assert await statuses(gateway, 1) == [200]
            await settled(gateway)
            assert refusals(gateway) == {}


async def test_shadow_to_enforce_takes_effect_with_the_next_request_and_carries_nothing_over(tmp_path):
    async with RecorderUpstream() as upstream:
        shadow = config(upstream, ("p", {**limit(2, "Shadow"), **breaker("Shadow", consecutiveFailures=1)}))
        enforce = config(upstream, ("p", {**limit(2), **breaker(consecutiveFailures=1)}))
        async with running_gateway(config=shadow, folder=tmp_path) as gateway:
            upstream.reply(500)
            assert await statuses(gateway, 5) == [500, 200, 200, 200, 200]
            await settled(gateway)
            assert transitions(gateway) == {("p", "Gateway", "open"): 1}
            await edit(gateway, tmp_path, enforce)
            assert state(gateway) == "closed"
            assert await statuses(gateway, 3) == [200, 200, 429]
            await edit(gateway, tmp_path, shadow)
            assert await statuses(gateway, 3) == [200] * 3
            await settled(gateway)
            assert refusals(gateway) == {("p", "Gateway", "rate_limited"): 1}


async def test_no_object_of_a_shadow_is_on_the_path_without_a_shadow(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config(upstream, ("real", {**limit(2), **breaker(consecutiveFailures=1)}))
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            (a, b) = gateway.context.plans.plans
            assert a.shadow_limit is None
            assert a.targets[0] is b.targets[0]
            assert a.targets[0].shadow is None
