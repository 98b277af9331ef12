"""The monitor through real sockets: what a viewer gets."""

import asyncio
import json
import time

import pytest

from app.admin.feed.feed import SLOW_FROM_BYTES
from app.gateway.limits import LimitStore
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.monitored_gateway import handshake, seen_by, watched_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until

TWO_ROUTES = """
upstreams: {{cache: {{endpoints: ["{url}"]}}}}
routes:
  - {{name: orders, match: {{path: {{prefix: /orders}}}}, upstream: cache, auth: none}}
  - {{name: rest, match: {{path: {{prefix: /}}}}, upstream: cache, auth: none}}
policies:
  - name: own
    spec:
      targetRefs: [{{kind: Route, name: orders}}]
      circuitBreaker: {{consecutiveFailures: {failures}, openDuration: 10s, halfOpenRequests: 1}}
"""


async def fail(upstream, port, times, path="/"):
    async with RawClient(port) as client:
        for _ in range(times):
            upstream.reply(500)
            assert (await client.request("GET", path)).status == 500


@pytest.mark.parametrize("which", ["port", "admin_port"])
async def test_a_viewer_gets_everything_at_once_on_either_port(which):
    async with watched_gateway(RATE_LIMIT="7-M") as (_, gateway), viewing(getattr(gateway, which)) as viewer:
        assert viewer.gateway["configSequence"] == 1
        assert viewer.breaker("cache")["state"] == "closed"
        assert viewer.breaker("cache")["settings"]["origin"]["source"] == "built-in"
        assert viewer.routes["default"]["auth"] == "none"
        assert viewer.limits["RATE_LIMIT/default"]["requests"] == 7
        assert viewer.kinds == ["gateway_started"]
        assert viewer.rest["test"]["available"] is False


async def test_a_breaker_that_opens_is_told_with_its_cause():
    async with watched_gateway() as (upstream, gateway), viewing(gateway.port) as viewer:
        await fail(upstream, gateway.port, 3)
        await viewer.until(lambda: viewer.breaker("cache")["state"] == "open", "the breaker to open")
        breaker = viewer.breaker("cache")
        assert (breaker["failuresInRow"], breaker["threshold"]) == (3, 3)
        assert breaker["lastError"]["reason"] == "status_500"
        assert breaker["openUntil"] - breaker["since"] == 10_000
        (moved,) = viewer.transitions
        assert (moved["from"], moved["to"], moved["error"]) == ("closed", "open", "status_500")
        assert viewer.kinds[-1] == "breaker_opened"


async def test_half_open_is_told_when_it_comes_without_any_request(tmp_path):
    async with RecorderUpstream() as upstream:
        config = TWO_ROUTES.format(url=upstream.url, failures=1).replace("10s", "1s")
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            viewing(gateway.port) as viewer,
        ):
            await fail(upstream, gateway.port, 1, "/orders")
            await viewer.until(lambda: viewer.breaker("cache@orders")["state"] == "open", "open")
            await viewer.until(lambda: viewer.breaker("cache@orders")["state"] == "half_open", "half-open")
            # the state is looked at with each sample, the step is told by the second hand
            await viewer.until(lambda: viewer.transitions[-1]["to"] == "half_open", "the step to half-open")
            moved = viewer.transitions[-1]
            assert moved["heldS"] == 1.0
            assert moved["at"] == viewer.breaker("cache@orders")["since"]
            assert viewer.kinds[-1] == "breaker_half_opened"


async def test_traffic_is_told_each_second_by_outcome_route_and_rule():
    async with watched_gateway(RATE_LIMIT="4-H") as (upstream, gateway), viewing(gateway.port) as viewer:
        async with RawClient(gateway.port) as client:
            for status in (200, 404, 500, 200, 200):
                upstream.reply(status)
                await client.request("GET", "/")
        await viewer.until(
            lambda: sum(viewer.rest["traffic"]["totals"].values()) == 5, "the requests to be counted"
        )
        assert viewer.rest["traffic"]["totals"] == {"ok": 3, "upstream_error": 1, "rate_limited": 1}
        assert viewer.rest["traffic"]["outcomes"]["ok"] == 0.3
        assert viewer.breaker("cache")["rps"] == 0.4
        assert viewer.breaker("cache")["errorShare"] == 0.25
        assert viewer.breaker("cache")["p50Ms"] > 0
        assert viewer.routes["default"]["total"] == 5
        assert viewer.routes["default"]["refusedShare"] == 0.2
        rule = viewer.limits["RATE_LIMIT/default"]
        assert (rule["allowedTotal"], rule["limitedTotal"]) == (4, 1)
        assert viewer.rest["connections"]["upstreams"]["cache"]["idle"] == 1


async def test_each_breaker_of_an_upstream_tells_its_own_traffic(tmp_path):
    async with RecorderUpstream() as upstream:
        config = TWO_ROUTES.format(url=upstream.url, failures=5)
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            viewing(gateway.port) as viewer,
        ):
            async with RawClient(gateway.port) as client:
                for path in ("/orders", "/orders", "/x"):
                    await client.request("GET", path)
            await viewer.until(lambda: viewer.breaker("cache@orders")["rps"], "the traffic")
            assert viewer.breaker("cache@orders")["rps"] == 0.2
            assert viewer.breaker("cache")["rps"] == 0.1


async def test_many_changes_are_at_most_ten_messages_a_second():
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        began, changes = time.monotonic(), 0
        while changes <= 200 or time.monotonic() - began < 1.5:
            changes += 1
            gateway.events.publish("test_started", "cache", str(changes))
            await asyncio.sleep(0.002)
        await viewer.until(lambda: viewer.events[-1]["detail"] == str(changes), "the last change")
        deltas = [message for message in viewer.messages if message["type"] == "delta"]
        took_s = time.monotonic() - began
        assert changes > 200
        assert len(deltas) <= took_s * 10 + 2
        assert [event["id"] for event in viewer.events] == list(
            range(viewer.events[0]["id"], viewer.events[0]["id"] + len(viewer.events))
        )


async def test_a_viewer_that_comes_back_finds_the_history():
    async with watched_gateway() as (upstream, gateway):
        async with viewing(gateway.port) as viewer:
            await fail(upstream, gateway.port, 3)
            await viewer.until(lambda: len(viewer.points[1]) >= 2 and viewer.transitions, "two seconds")
            points, transitions, events = viewer.points[1], viewer.transitions, viewer.events
        async with viewing(gateway.admin_port) as viewer:
            assert viewer.points[1][: len(points)] == points
            assert viewer.transitions == transitions
            assert viewer.events[: len(events)] == events


async def test_a_slow_viewer_is_left_behind_and_then_gets_the_newest_state():
    async with (
        watched_gateway() as (_, gateway),
        viewing(gateway.port) as quick,
        RawClient(gateway.admin_port, receive_buffer_bytes=4096, reader_limit_bytes=4096) as slow,
    ):
        await slow.send(handshake())
        (behind,) = await seen_by(gateway, 1)
        await until(lambda: behind.in_step, "its first snapshot")
        rounds = 0
        while behind.in_step:
            rounds += 1
            assert rounds < 200
            await burst(gateway, quick, f"round {rounds}")
        stuck_bytes = behind.unsent_bytes
        assert stuck_bytes > SLOW_FROM_BYTES
        for number in range(3):
            await burst(gateway, quick, f"meanwhile {number}")
            async with RawClient(gateway.port) as client:
                assert (await client.request("GET", "/")).status == 200
        assert behind.unsent_bytes <= stuck_bytes  # nothing more is kept for it
        gateway.events.publish("config_applied", "newest", "")
        assert (await slow.read_head()).status == 101
        text = b""
        while b'"newest"' not in text:
            text = text[-100_000:] + await slow.reader.read(65_536)
        await until(lambda: behind.in_step, "the slow one to be in step again")


async def burst(gateway, viewer, name):
    """A large delta that the viewer takes."""
    for _ in range(100):
        gateway.events.publish("config_applied", "x" * 1000, name)
    await viewer.until(lambda: viewer.events[-1]["detail"] == name, name)


async def test_a_reload_is_told_with_what_came_and_what_went(tmp_path):
    async with RecorderUpstream() as upstream:
        config = TWO_ROUTES.format(url=upstream.url, failures=5)
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            viewing(gateway.port) as viewer,
        ):
            file = tmp_path / "gateway.yaml"
            file.write_text(config.replace("orders", "shop").replace("failures: 5", "failures: 7"))
            await viewer.until(lambda: "cache@shop" in viewer.breakers, "the new breaker")
            assert set(viewer.breakers) == {"cache", "cache@shop"}
            assert set(viewer.routes) == {"shop", "rest"}
            assert viewer.gateway["configSequence"] == 2
            file.write_text("routes: 7")
            await viewer.until(lambda: "config_rejected" in viewer.kinds, "the refusal")
            rejected = viewer.events[-1]
            assert (rejected["subject"], "routes" in rejected["detail"]) == (str(file), True)


async def test_a_store_that_goes_and_comes_is_an_event(monkeypatch):
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        is_up = False
        monkeypatch.setattr(LimitStore, "is_up", property(lambda _: is_up))
        await viewer.until(lambda: "store_down" in viewer.kinds, "the store to be away")
        assert viewer.gateway["storeUp"] is False
        is_up = True
        await viewer.until(lambda: "store_up" in viewer.kinds, "the store to be back")


async def test_names_reach_the_page_as_they_are(tmp_path):
    async with RecorderUpstream() as upstream:
        config = f"""
upstreams: {{cache: {{endpoints: ["{upstream.url}"]}}}}
routes:
  - {{name: odd, match: {{path: {{prefix: "/<script>alert(1)</script>"}}}}, upstream: cache, auth: none}}
"""
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            viewing(gateway.port) as viewer,
        ):
            assert viewer.routes["odd"]["match"] == "/<script>alert(1)</script>"


async def test_one_connection_mixes_the_page_and_traffic():
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
        assert (await client.request("GET", "/monitor")).status in (200, 503)
        assert (await client.request("GET", "/x")).status == 200
        assert (await client.request("HEAD", "/monitor")).body == b""


async def test_json_of_every_message_is_small_at_rest():
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        delta = await viewer.next()
        assert delta["type"] == "delta"
        assert len(json.dumps(delta)) < 500


async def test_many_routes_and_rules_are_charted_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.monitor.ROUTES_AT_ONCE", 1)
    monkeypatch.setattr("app.gateway.monitor.sampling.MOST_RULES_CHARTED", 1)
    one, two = (f"{{name: {name}, key: Global, requests: 100, period: 1h}}" for name in ("one", "two"))
    async with RecorderUpstream() as upstream:
        config = f"""
upstreams: {{cache: {{endpoints: ["{upstream.url}"]}}}}
routes:
  - {{name: a, match: {{path: {{prefix: /a}}}}, upstream: cache, auth: none}}
  - {{name: b, match: {{path: {{prefix: /b}}}}, upstream: cache, auth: none}}
policies:
  - name: own
    spec:
      targetRefs: [{{kind: Gateway}}]
      rateLimit: {{rules: [{one}, {two}]}}
"""
        async with (
            running_gateway(config=config, folder=tmp_path) as gateway,
            viewing(gateway.port) as viewer,
        ):
            async with RawClient(gateway.port) as client:
                for path in ("/a", "/b", "/b"):
                    await client.request("GET", path)
            await viewer.until(lambda: viewer.limits["own/two"]["allowedTotal"] == 3, "the decisions")
            rule = viewer.limits["own/one"]
            assert (rule["routes"], rule["clients"]) == (2, 1)
            assert 0.02 < rule["fullest"] <= 0.03  # a token is back after 36 s
            series = [point for message in viewer.messages for point in message.get("series", ())]
            columns = {name for point in series if "t" in point for name in point["columns"]}
            charted = {name for name in columns if name.startswith("limit.")}
            assert len(charted) == 1
