"""Who may watch the monitor, what a viewer may send, and how watching ends."""

import asyncio

import pytest

from tests.fakes.client import RawClient
from tests.fakes.monitored_gateway import handshake, seen_by, watched_gateway
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until


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
    async with watched_gateway() as (_, gateway):
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
    async with watched_gateway(MONITOR_HOSTS=monitor_hosts) as (_, gateway):
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
    async with watched_gateway() as (_, gateway), RawClient(gateway.admin_port) as client:
        await client.send(handshake(path="/livez"))
        assert (await client.read_response()).status == 404


async def test_a_faulty_handshake_is_a_problem():
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake().replace(b"Version: 13", b"Version: 8"))
        answer = await client.read_response()
        assert (answer.status, answer.get("Content-Type")) == (400, "application/problem+json")
        assert answer.get("Sec-WebSocket-Version") == "13"
        # RFC 9110 §7.8: who sends Upgrade names it in Connection too
        assert (answer.get("Upgrade"), answer.get("Connection")) == ("websocket", "close, upgrade")
        await client.expect_closed()


async def test_the_feed_without_an_upgrade_says_what_it_is():
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
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
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(message)
        assert await viewer.closed() == code
        await until(lambda: not gateway.monitor.hub.feed.viewers, "the viewer to be gone")
        assert gateway.counts.internal_errors == 0


async def test_a_message_in_pieces_is_bounded_too():
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(["x" * 40_000, "y" * 40_000])
        assert await viewer.closed() == 1009


async def test_no_utf_8_is_1007():
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
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
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        for _ in range(60):
            await viewer.socket.send('{"type": "drill.end"}')
        assert await viewer.closed() == 1008


async def test_too_many_viewers_are_asked_to_come_later(monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.hub.MOST_VIEWERS", 1)
    async with watched_gateway() as (_, gateway), viewing(gateway.port), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        head, length, *code = await client.read(4)
        assert (head, bytes(code)) == (0x88, (1013).to_bytes(2))
        assert (await client.read(length - 2)).startswith(
            b"1 viewers are connected, which is the most; close"
        )


async def test_who_answers_no_ping_is_let_go():
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        (viewer,) = await seen_by(gateway, 0)
        for _ in range(3):
            viewer.beat()
        assert (1011).to_bytes(2) in await client.read_until_closed()
        assert not gateway.monitor.hub.feed.viewers


async def test_who_answers_pings_stays():
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        (socket,) = gateway.monitor.hub.feed.viewers
        for _ in range(4):
            socket.beat()
            await (await viewer.socket.ping())
        assert gateway.monitor.hub.feed.viewers == {socket}


async def test_a_drain_lets_viewers_go_with_1001():
    async with (
        watched_gateway() as (_, gateway),
        viewing(gateway.port) as public,
        viewing(gateway.admin_port) as admin,
    ):
        stopping = asyncio.ensure_future(gateway.stop(0.0, 1.0))
        assert await public.closed() == 1001
        assert await admin.closed() == 1001
        await stopping


@pytest.mark.parametrize("expose", ["metrics", "none"])
async def test_the_public_port_has_no_monitor_unless_told(expose):
    async with watched_gateway(EXPOSE=expose) as (upstream, gateway), RawClient(gateway.port) as client:
        for path in ("/monitor", "/monitor/ws"):
            assert (await client.request("GET", path)).status == 200  # the upstream's own
        assert [request.target for request in upstream.requests] == ["/monitor", "/monitor/ws"]
        async with viewing(gateway.admin_port) as viewer:
            assert viewer.breakers


async def test_a_head_that_the_library_cannot_read_is_refused():
    many = [(f"X-{number}", "x") for number in range(300)]
    async with watched_gateway(MAX_FIELDS="1000") as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake(*many))
        assert (await client.read_response()).status == 400


async def test_a_message_may_come_in_pieces():
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
        await viewer.socket.send(['{"type": "drill.end", ', '"id": 1}'])
        await viewer.until(lambda: viewer.messages[-1]["type"] == "reply", "the reply")
        assert viewer.messages[-1]["error"]["code"] == "token_missing"


async def test_a_fault_of_the_feed_is_counted_and_viewers_go_on(monkeypatch):
    async with watched_gateway() as (_, gateway), viewing(gateway.port) as viewer:
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
    async with watched_gateway() as (_, gateway), RawClient(gateway.port) as client:
        await client.send(handshake())
        assert (await client.read_head()).status == 101
        seen = b""
        while b"\x89\x00" not in seen:
            seen += await client.read(1)
