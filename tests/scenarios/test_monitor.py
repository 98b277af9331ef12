"""The monitor through real sockets: what a viewer gets, and that nobody pays for it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pytest

from app.admin.feed.feed import SLOW_FROM_BYTES
from app.gateway.limits import LimitStore
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until

HANDSHAKE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
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


@asynccontextmanager
async def serving(**variables):
    given = {"ADMIN_PORT": str(free_port()), "ADMIN_TOKEN": "token-1", **variables}
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, **given) as gateway:
        yield upstream, gateway


async def fail(upstream, port, times, path="/"):
    async with RawClient(port) as client:
        for _ in range(times):
            upstream.reply(500)
            assert (await client.request("GET", path)).status == 500


@pytest.mark.parametrize("which", ["port", "admin_port"])
async def test_a_viewer_gets_everything_at_once_on_either_port(which):
    async with serving(RATE_LIMIT="7-M") as (_, gateway), viewing(getattr(gateway, which)) as viewer:
        assert viewer.gateway["configSequence"] == 1
        assert viewer.breaker("cache")["state"] == "closed"
        assert viewer.breaker("cache")["settings"]["origin"]["source"] == "built-in"
        assert viewer.routes["default"]["auth"] == "none"
        assert viewer.limits["RATE_LIMIT/default"]["requests"] == 7
        assert viewer.kinds == ["gateway_started"]
        assert viewer.rest["test"]["available"] is False


async def test_a_breaker_that_opens_is_told_with_its_cause():
    async with serving() as (upstream, gateway), viewing(gateway.port) as viewer:
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
    async with serving(RATE_LIMIT="4-H") as (upstream, gateway), viewing(gateway.port) as viewer:
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
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
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
    async with serving() as (upstream, gateway):
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
        serving() as (_, gateway),
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


def handshake(*fields: tuple[str, str], path: str = "/monitor/ws", host: str = "localhost:8080") -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        *(f"{a}: {b}" for a, b in (*HANDSHAKE, *fields)),
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


async def seen_by(gateway, others: int):
    """The viewers beside the first `others`."""
    known = set(gateway.monitor.hub.feed.viewers)
    await until(lambda: len(gateway.monitor.hub.feed.viewers) > others, "another viewer")
    return set(gateway.monitor.hub.feed.viewers) - known or gateway.monitor.hub.feed.viewers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8080", 101),
        ("http://localhost:8081", 403),
        ("http://evil.example", 403),
        ("null", 403),
        (None, 101),
    ],
)
async def test_only_a_page_of_this_origin_may_watch(origin, status):
    async with serving() as (_, gateway):
        for port in (gateway.port, gateway.admin_port):
            async with RawClient(port) as client:
                await client.send(handshake(*([("Origin", origin)] if origin is not None else [])))
                answer = await client.read_head()
                assert answer.status == status
                if status == 403:
                    await client.read_body(answer)
                    assert answer.get("Content-Type") == "application/problem+json"
                    assert answer.json()["status"] == 403


@pytest.mark.parametrize(
    ("host", "monitor_hosts", "status"),
    [
        ("evil.example", "", 403),
        ("evil.example", "monitor.example, other.example", 403),
        ("evil.example", "monitor.example, evil.example", 101),
        ("127.0.0.1", "", 101),
        ("tidegate.localhost", "", 101),
    ],
)
async def test_a_page_of_a_foreign_name_that_resolves_to_us_may_not_watch(host, monitor_hosts, status):
    async with serving(MONITOR_HOSTS=monitor_hosts) as (_, gateway):
        for port in (gateway.port, gateway.admin_port):
            place = f"{host}:{port}"
            async with RawClient(port) as client:
                await client.send(handshake(("Origin", f"http://{place}"), host=place))
                answer = await client.read_head()
                assert answer.status == status
                if status == 403:
                    await client.read_body(answer)
                    assert f"MONITOR_HOSTS names {host}" in answer.json()["detail"]
            async with RawClient(port) as script:  # no browser: it sends no Origin
                await script.send(handshake(host=place))
                assert (await script.read_head()).status == 101


async def test_other_paths_are_no_websockets():
    async with serving() as (_, gateway), RawClient(gateway.admin_port) as client:
        await client.send(handshake(path="/livez"))
        assert (await client.read_response()).status == 404


async def test_a_faulty_handshake_is_a_problem():
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake().replace(b"Version: 13", b"Version: 8"))
        answer = await client.read_response()
        assert (answer.status, answer.get("Content-Type")) == (400, "application/problem+json")
        assert answer.get("Sec-WebSocket-Version") == "13"
        # RFC 9110 §7.8: who sends Upgrade names it in Connection too
        assert (answer.get("Upgrade"), answer.get("Connection")) == ("websocket", "close, upgrade")
        await client.expect_closed()


async def test_the_feed_without_an_upgrade_says_what_it_is():
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        answer = await client.request("GET", "/monitor/ws")
        assert (answer.status, answer.get("Upgrade")) == (426, "websocket")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("x" * 65_537, 1009),
        (b"binary", 1003),
        ("no JSON", 1007),
        ("[]", 1007),
        ('{"type": "nope"}', 1007),
    ],
)
async def test_what_is_no_message_ends_the_connection(message, code):
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(message)
        assert await viewer.closed() == code
        await until(lambda: not gateway.monitor.hub.feed.viewers, "the viewer to be gone")
        assert gateway.counts.internal_errors == 0


async def test_a_message_in_pieces_is_bounded_too():
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(["x" * 40_000, "y" * 40_000])
        assert await viewer.closed() == 1009


async def test_no_utf_8_is_1007():
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        await client.send(b"\x81\x82\0\0\0\0\xff\xfe")
        while True:
            first, length = await client.read(2)
            size = int.from_bytes(await client.read(2)) if length == 126 else length
            body = await client.read(size)
            if first == 0x88:
                break
        assert int.from_bytes(body[:2]) == 1007


async def test_who_sends_too_much_is_1008():
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        for _ in range(60):
            await viewer.socket.send('{"type": "drill.end"}')
        assert await viewer.closed() == 1008


async def test_too_many_viewers_are_asked_to_come_later(monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.hub.MOST_VIEWERS", 1)
    async with serving() as (_, gateway), viewing(gateway.port), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        head, length, *code = await client.read(4)
        assert (head, bytes(code)) == (0x88, (1013).to_bytes(2))
        assert (await client.read(length - 2)).startswith(
            b"1 viewers are connected, which is the most; close"
        )


async def test_who_answers_no_ping_is_let_go():
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        (viewer,) = await seen_by(gateway, 0)
        for _ in range(3):
            viewer.beat()
        assert (1011).to_bytes(2) in await client.read_until_closed()
        assert not gateway.monitor.hub.feed.viewers


async def test_who_answers_pings_stays():
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        (socket,) = gateway.monitor.hub.feed.viewers
        for _ in range(4):
            socket.beat()
            await (await viewer.socket.ping())
        assert gateway.monitor.hub.feed.viewers == {socket}


async def test_a_drain_lets_viewers_go_with_1001():
    async with (
        serving() as (_, gateway),
        viewing(gateway.port) as public,
        viewing(gateway.admin_port) as admin,
    ):
        stopping = asyncio.ensure_future(gateway.stop(0.0, 1.0))
        assert await public.closed() == 1001
        assert await admin.closed() == 1001
        await stopping


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
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
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


@pytest.mark.parametrize("expose", ["metrics", "none"])
async def test_the_public_port_has_no_monitor_unless_told(expose):
    async with serving(EXPOSE=expose) as (upstream, gateway), RawClient(gateway.port) as client:
        for path in ("/monitor", "/monitor/ws"):
            assert (await client.request("GET", path)).status == 200  # the upstream's own
        assert [request.target for request in upstream.requests] == ["/monitor", "/monitor/ws"]
        async with viewing(gateway.admin_port) as viewer:
            assert viewer.breakers


async def test_one_connection_mixes_the_page_and_traffic():
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        assert (await client.request("GET", "/monitor")).status in (200, 503)
        assert (await client.request("GET", "/x")).status == 200
        assert (await client.request("HEAD", "/monitor")).body == b""


async def test_json_of_every_message_is_small_at_rest():
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        delta = await viewer.next()
        assert delta["type"] == "delta"
        assert len(json.dumps(delta)) < 500


async def test_a_head_that_the_library_cannot_read_is_refused():
    many = [(f"X-{number}", "x") for number in range(300)]
    async with serving(MAX_FIELDS="1000") as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake(*many))
        assert (await client.read_response()).status == 400


async def test_a_message_may_come_in_pieces():
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(['{"type": "drill.end", ', '"id": 1}'])
        await viewer.until(lambda: viewer.messages[-1]["type"] == "reply", "the reply")
        assert viewer.messages[-1]["error"]["code"] == "token_missing"


async def test_a_fault_of_the_feed_is_counted_and_viewers_go_on(monkeypatch):
    async with serving() as (_, gateway), viewing(gateway.port) as viewer:
        feed = gateway.monitor.hub.feed

        def broken(now_ms: int) -> None:
            monkeypatch.undo()
            raise ValueError("a fault")

        monkeypatch.setattr(feed, "tick", broken)
        await until(lambda: gateway.counts.internal_errors == 1, "the fault to be counted")
        gateway.events.publish("config_applied", "after", "")
        await viewer.until(lambda: viewer.events[-1]["subject"] == "after", "the next message")


async def test_pings_go_out_every_twenty_samples(monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.monitor.PING_EVERY_SAMPLES", 1)
    async with serving() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        seen = b""
        while b"\x89\x00" not in seen:
            seen += await client.read(1)


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
            assert rule["fullest"] == pytest.approx(0.03, abs=0.001)
            series = [point for message in viewer.messages for point in message.get("series", ())]
            columns = {name for point in series if "t" in point for name in point["columns"]}
            charted = {name for name in columns if name.startswith("limit.")}
            assert len(charted) == 1
