"""Each alert fires once its fault is caused in earnest, and none while all is well (a real Prometheus)."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml

from tests.fakes.gateway import running_gateway
from tests.fakes.prometheus import MISSING, RULES
from tests.fakes.waiting import until
from tests.monitoring.stage import CONFIG, Load, Stage, cache_calls, calls, running_stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]

DEADLINE_S = 60.0
QUIET_S = 6.0
ALERTS = sorted(
    {
        (rule["alert"], rule["labels"]["severity"])
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
)
NEEDS_MEMORY_LIMIT = ("TidegateMemoryNearLimit", "warning")


async def break_everything(stage: Stage, plain: Any) -> None:
    """One fault for each alert."""
    store = {"REDIS_URL": f"redis://127.0.0.1:{stage.valkey.port}/0"}
    full = {"ACCESS_LOG": "/dev/full"}  # TidegateLogDropped
    strict = await stage.start_strict(3, MAX_IN_FLIGHT="2", **store, **full)  # TidegateCertificateExpiring
    stage.load(calls(strict.url, "/orders/slow?ms=300"), 0.01, 4)  # TidegateOverloaded
    if stage.memory_group is not None:  # TidegateMemoryNearLimit
        stage.memory_group.limit(int(await resident_bytes(stage) * 1.04))
    stage.load(calls(plain.url, "/shaky/slow?ms=1500"), 0.01, 8)  # TidegateLatency…
    stage.load(calls(plain.url, "/failing/status/503"), 0.05)  # TidegateBreakerOpen, TidegateErrorBudgetBurn
    stage.load(recovering(plain.url), 0.02)  # TidegateBreakerFlapping
    stage.load(calls(plain.url, "/orders/ok", key="unknown"), 0.02)  # TidegateRefusalsHigh
    tightened = CONFIG.replace("90000", "9")  # TidegateLimitTightened
    plain.file.write_text(tightened.format(port=stage.upstream_port, open="59s"))  # TidegateConfigSkew
    await asyncio.sleep(3)
    plain.file.write_text("routes: [")  # TidegateConfigRejected
    stage.valkey.kill()  # TidegateLimitStoreDown, TidegateCacheDegraded
    stage.operator.instances = {"applied": 0, "pending": 0, "rejected": 1, "stale": 1}
    stage.load(slow_delivery(stage), 0.2)  # TidegatePolicyLag


def recovering(url: str) -> Load:
    """Fails until the breaker opens (after two), then responds well until it has closed."""
    fail, recover = calls(url, *["/flapping/status/503"] * 2), calls(url, *["/flapping/ok"] * 5)

    async def one(client: httpx.AsyncClient) -> None:
        await fail(client)
        await asyncio.sleep(0.15)  # its openDuration is 100 ms
        await recover(client)

    return one


def slow_delivery(stage: Stage) -> Load:
    async def one(_: object) -> None:
        stage.operator.advance(lag_s=45.0)

    return one


async def resident_bytes(stage: Stage) -> float:
    address = f"127.0.0.1:{stage.admin_ports['strict']}"
    expr = f'process_resident_memory_bytes{{instance="{address}"}}'
    while not (found := await stage.prometheus.query(expr)):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.2)
    return float(found[0]["value"][1])


@dataclass
class Seen:
    """What fired while all was well, what for the faults; `last`: gauges at the end, for failures."""

    quiet: list[Any]
    fired: dict[tuple[str, str], Any]
    limits_memory: bool
    last: dict[str, str]


async def watch(folder: Any) -> Seen:
    async with running_stage(folder) as stage:
        store = {"REDIS_URL": f"redis://127.0.0.1:{stage.valkey.port}/0"}
        plain = await stage.start_plain(**store)
        stage.load(cache_calls(stage.cache_port), 0.05)
        stage.load(calls(plain.url, "/orders/ok", "/orders/slow?ms=50", "/limited/ok", "/edited/ok"), 0.02)
        await asyncio.sleep(QUIET_S)
        quiet = await stage.prometheus.alerts()
        async with running_gateway(ADMIN_PORT=str(stage.admin_ports["spare"])) as spare:
            await until(lambda: spare.admin_port > 0, "the spare gateway")
            await asyncio.sleep(2)  # a scrape before the fault, so that there is an increase
            spare.context.on_internal_error(RuntimeError("caused by the test"))  # TidegateInternalErrors
            await break_everything(stage, plain)
            fired: dict[tuple[str, str], Any] = {}
            loop = asyncio.get_running_loop()
            end_s = loop.time() + DEADLINE_S
            while len(fired) < len(ALERTS) - (stage.memory_group is None) and loop.time() < end_s:
                for alert in await stage.prometheus.alerts():
                    fired[alert["labels"]["alertname"], alert["labels"]["severity"]] = alert
                if ("TidegatePolicyLag", "warning") in fired:
                    stage.operator_stack.close()  # TidegateOperatorDown
                await asyncio.sleep(0.5)
        gauges = await stage.prometheus.query('{__name__=~"up|.*_store_up|.*_last_apply.*|.*_max_fds"}')
        last = {str(sorted(one["metric"].items())): one["value"][1] for one in gauges}
        return Seen(quiet, fired, stage.memory_group is not None, last)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return asyncio.run(watch(tmp_path_factory.mktemp("stage")))


def test_nothing_fires_while_all_is_well(seen):
    assert [alert["labels"] for alert in seen.quiet] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: "-".join(alert))
def test_an_alert_fires_when_its_fault_is_caused(seen, alert):
    if alert == NEEDS_MEMORY_LIMIT and not seen.limits_memory:
        pytest.skip("this user may make no control group with a memory limit")
    assert alert in seen.fired, seen.last
    notes = seen.fired[alert]["annotations"]
    assert not [text for text in notes.values() if "no value" in text or "{{" in text]


def test_an_alert_about_an_upstream_names_it(seen):
    alert = seen.fired["TidegateBreakerOpen", "critical"]
    assert f"upstream {alert['labels']['upstream']} " in alert["annotations"]["summary"]
