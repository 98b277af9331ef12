"""The breaker test, run for real: demo upstream, gateway, viewer."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest
import uvicorn

from app.demo.upstream import configuration
from app.gateway.monitor.monitor import DEMO_VARIABLE
from app.policy.model import OverrideState
from tests.fakes.client import RawClient
from tests.fakes.gateway import KEY, running_gateway
from tests.fakes.process import Child, free_port, free_ports
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until

CONFIG = """
upstreams: {{demo: {{endpoints: ["http://127.0.0.1:{port}"]}}}}
routes:
  - {{name: demo, match: {{path: {{prefix: /demo}}}}, upstream: demo, rewrite: {{prefix: /}}, auth: {auth}}}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {breaker}
"""
QUICK = "{consecutiveFailures: 3, openDuration: 2s, halfOpenRequests: 1}"
IDS = ["start", "failure_1", "failure_2", "failure_3", "opened", "refused", "half_opened", "probe", "closed"]


@asynccontextmanager
async def demo_server():
    port = free_port()
    server = uvicorn.Server(configuration(port))
    serving = asyncio.ensure_future(server.serve())
    await until(lambda: server.started, "the demo upstream")
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def showing(tmp_path, monkeypatch, breaker=QUICK, auth="key", **variables):
    """A gateway with the demo upstream, and a viewer of it."""
    async with demo_server() as port:
        monkeypatch.setenv(DEMO_VARIABLE, f"http://127.0.0.1:{port}")
        config = CONFIG.format(port=port, auth=auth, breaker=breaker)
        given = {"API_KEY": KEY, "ADMIN_PORT": str(free_port()), "ADMIN_TOKEN": "token-1", **variables}
        async with (
            running_gateway(config=config, folder=tmp_path, **given) as gateway,
            viewing(gateway.port) as viewer,
        ):
            yield gateway, viewer


async def ended(viewer):
    await viewer.until(lambda: viewer.run.get("state") in ("passed", "failed"), "the run's end")
    return viewer.run


async def test_the_seed_scenario_runs_and_every_step_is_told(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch) as (_, viewer):
        assert viewer.rest["test"]["available"]
        assert viewer.breaker("demo")["demo"]
        assert (await viewer.ask(type="test.start"))["ok"]
        run = await ended(viewer)
        assert (run["state"], [step["state"] for step in run["steps"]]) == ("passed", ["passed"] * 9), run
        assert [step["id"] for step in run["steps"]] == IDS
        steps = {step["id"]: step for step in run["steps"]}
        assert steps["failure_3"]["seen"] == "503 from the upstream"
        assert steps["refused"]["seen"] == "503 breaker_open, Retry-After 2 s"
        assert steps["probe"]["seen"] == "200 from the upstream"
        opened, became_half_open, _ = viewer.transitions
        half_opened = steps["half_opened"]
        assert half_opened["expectedAt"] == opened["at"] + 2000 == became_half_open["at"]
        assert half_opened["seenAt"] >= half_opened["expectedAt"]
        moves = [(moved["from"], moved["to"], moved["reason"]) for moved in viewer.transitions]
        assert moves == [
            ("closed", "open", "consecutive_failures"),
            ("open", "half_open", "open_duration_over"),
            ("half_open", "closed", "probe_succeeded"),
        ]
        assert [kind for kind in viewer.kinds if kind.startswith("test_")] == ["test_started", "test_ended"]
        runs = [message["test"]["run"] for message in viewer.messages if message.get("test", {}).get("run")]
        shown = {run["steps"][6]["state"] for run in runs}
        assert {"running", "passed"} <= shown  # narrated as it happened, not at the end


async def test_one_run_at_a_time_seen_by_all(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch) as (gateway, viewer), viewing(gateway.admin_port) as other:
        replies = [await each.ask(type="test.start") for each in (viewer, other)]
        assert [reply["ok"] for reply in replies] == [True, False]
        assert (replies[1]["error"]["status"], replies[1]["error"]["code"]) == (409, "test_running")
        assert (await ended(other)) == (await ended(viewer))


async def test_it_can_be_run_again(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch) as (_, viewer):
        for number in (1, 2):
            assert (await viewer.ask(type="test.start"))["ok"]
            await viewer.until(lambda number=number: viewer.run.get("id") == number, "the run")
            assert (await ended(viewer))["state"] == "passed"


async def test_a_breaker_that_is_open_is_closed_first(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch) as (gateway, viewer):
        async with RawClient(gateway.port) as client:
            for _ in range(3):
                await client.request("GET", "/demo/status/500", [("X-API-Key", KEY)])
        await viewer.until(lambda: viewer.breaker("demo")["state"] == "open", "the breaker to open")
        await viewer.ask(type="test.start")
        assert (await ended(viewer))["state"] == "passed"


async def test_it_passes_while_others_use_the_demo_upstream(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch, RATE_LIMIT="off") as (gateway, viewer):
        over = False

        async def others():
            async with RawClient(gateway.port) as client:
                while not over:
                    await client.request("GET", "/demo/ok", [("X-API-Key", KEY)])
                    await asyncio.sleep(0.002)

        using = [asyncio.ensure_future(others()) for _ in range(2)]
        await viewer.ask(type="test.start")
        run = await ended(viewer)
        over = True
        await asyncio.gather(*using)
        assert run["state"] == "passed", run


async def test_an_override_fails_the_test_with_its_reason(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch) as (_, viewer):
        await viewer.ask(
            type="drill.start", breaker="demo", who="Ada", why="x", token="token-1", **{"for": "60s"}
        )
        await viewer.ask(type="test.start")
        run = await ended(viewer)
        assert run["state"] == "failed"
        assert "an override holds the breaker open" in run["result"]
        assert [step["state"] for step in run["steps"]] == ["failed", *["skipped"] * 8]


async def test_a_used_up_limit_fails_the_test_with_its_reason(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch, RATE_LIMIT="2-H") as (_, viewer):
        await viewer.ask(type="test.start")
        run = await ended(viewer)
        assert run["state"] == "failed"
        assert "429 rate_limited" in run["result"]


async def test_an_override_meanwhile_fails_the_test_with_its_reason(tmp_path, monkeypatch):
    async with showing(tmp_path, monkeypatch, breaker="{consecutiveFailures: 3, openDuration: 5m}") as (
        gateway,
        viewer,
    ):
        await viewer.ask(type="test.start")
        await viewer.until(lambda: viewer.run and viewer.run["steps"][5]["state"] == "passed", "open")
        gateway.overrides.put("demo", OverrideState.CLOSED, 60.0, "Ada", "")
        run = await ended(viewer)
        assert run["state"] == "failed"
        assert "held by an override" in run["result"]


@pytest.mark.parametrize(
    ("breaker", "auth", "variables", "why"),
    [
        ("{failureRate: {percent: 50}}", "key", {}, "consecutiveFailures"),
        (QUICK, "key", {DEMO_VARIABLE: ""}, "no demo upstream"),
        (QUICK, "key", {DEMO_VARIABLE: "http://127.0.0.1:9"}, "no route"),
    ],
)
async def test_where_it_cannot_be_run_it_says_why(tmp_path, monkeypatch, breaker, auth, variables, why):
    async with demo_server() as port:
        demo = variables.get(DEMO_VARIABLE, f"http://127.0.0.1:{port}")
        if demo:
            monkeypatch.setenv(DEMO_VARIABLE, demo)
        config = CONFIG.format(port=port, auth=auth, breaker=breaker)
        async with (
            running_gateway(config=config, folder=tmp_path, API_KEY=KEY) as gateway,
            viewing(gateway.port) as viewer,
        ):
            assert viewer.rest["test"]["available"] is False
            assert why in viewer.rest["test"]["why"]
            reply = await viewer.ask(type="test.start")
            assert (reply["error"]["status"], reply["error"]["code"]) == (409, "test_unavailable")


@pytest.mark.slow
async def test_it_runs_on_what_up_starts(tmp_path):
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1"}
    async with Child.app("up", env=env, cwd=tmp_path) as up:
        await up.wait_line("Tidegate is up", 30.0)
        async with viewing(port) as viewer:
            assert (await viewer.ask(type="test.start"))["ok"]
            await viewer.until(lambda: viewer.run.get("state") in ("passed", "failed"), "the run's end")
            assert viewer.run["state"] == "passed", viewer.run
            steps = {step["id"]: step for step in viewer.run["steps"]}
            opened = next(moved for moved in viewer.transitions if moved["to"] == "open")
            assert steps["half_opened"]["expectedAt"] == opened["at"] + 10_000
            assert steps["half_opened"]["seenAt"] >= steps["half_opened"]["expectedAt"]
        assert await up.stop(signal.SIGINT) == 0
