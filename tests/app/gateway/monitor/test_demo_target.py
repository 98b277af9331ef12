import pytest

from app.admin.demo_scenario import DemoRoute
from app.foundation.clock import now_s, wall_s
from app.gateway.monitor.demo_target import DemoTarget
from app.gateway.ports import Port
from app.policy.model import OverrideState
from tests.fakes.gateway import running_gateway
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

DEMO = "http://127.0.0.1:9"
CONFIG = """
upstreams: {demo: {endpoints: ["http://127.0.0.1:9"]}, other: {endpoints: ["http://127.0.0.1:8"]}}
routes: [%s]
"""
ROUTE = "{name: demo, match: {path: {prefix: /demo}}, upstream: demo, rewrite: {prefix: /}, auth: none}"


def target_of(parts: GatewayParts, demo_url: str | None = DEMO) -> DemoTarget:
    return DemoTarget(parts.context, parts.breakers, Port("127.0.0.1", 0, "PORT"), demo_url)


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (ROUTE, DemoRoute("demo", "/demo")),
        (ROUTE.replace(", rewrite: {prefix: /}", ""), "no route with nothing but a path prefix"),
        (ROUTE.replace("{path", "{methods: [GET], path"), "no route with nothing but a path prefix"),
        (ROUTE.replace("upstream: demo", "upstream: other"), "no route with nothing but a path prefix"),
        (ROUTE.replace("auth: none", "auth: key"), "wants a key"),
    ],
)
async def test_its_route_leads_to_the_demo_upstream_alone(route, expected, tmp_path):
    keyed = {"API_KEY": "key-1-of-the-tests-0123"} if "auth: key" in route else {}
    parts = GatewayParts(tmp_path, CONFIG % route, **keyed)
    if "auth: key" in route:
        parts.context.settings = GatewayParts(tmp_path, CONFIG % ROUTE).settings  # as if the key had gone
    found = target_of(parts).route()
    assert found == expected if isinstance(expected, DemoRoute) else expected in str(found)
    await parts.close()


async def test_without_a_demo_upstream_it_says_who_runs_one(tmp_path):
    parts = GatewayParts(tmp_path)
    target = target_of(parts, None)
    assert "tidegate up" in str(target.route())
    assert target.breaker_name() is None
    await parts.close()


async def test_it_knows_its_breaker_and_whether_it_was_half_open(tmp_path, monkeypatch):
    parts = GatewayParts(tmp_path, CONFIG % ROUTE)
    target = target_of(parts)
    assert target.breaker_name() == "demo"
    assert target.breaker("odd") is None
    view = target.breaker("demo")
    assert view is not None
    assert view.state == "closed"
    assert not target.has_moved("demo", 0.0)
    breaker = parts.breakers.known("demo")
    assert breaker is not None
    for _ in range(3):
        breaker.fail(breaker.admit(now_s()), now_s(), "status_503")  # type: ignore[arg-type]
    breaker.pass_time(now_s() + breaker.settings.open_duration_s)
    assert target.has_moved("demo", 0.0)
    assert not target.has_moved("demo", wall_s() + 1e6)
    await parts.close()


async def test_it_sends_through_the_public_port():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        target = DemoTarget(gateway.context, gateway.breakers, gateway.public, upstream.url)
        seen = await target.ask("/ok")
        assert (seen.status, seen.reason) == (200, "")
        gateway.overrides.put("cache", OverrideState.OPEN, 60.0, "Ada", "")
        await until(lambda: gateway.breakers.known("cache") is not None, "the breaker")
        assert (await target.ask("/ok")).reason == "breaker_open"
