"""An upstream that refuses every connection, under little traffic: one page, although scrapes meet it half-open.

Time is a tenth of the real one: scrapes every 0.5 s instead of 5, `for` of 12 s instead of 2 minutes,
probes every 2 s instead of 20.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.process import Child, free_ports
from tests.fakes.prometheus import MISSING, Prometheus
from tests.monitoring.stage import KEY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]

FOR_S = 12
DEADLINE_S = 60.0
HALF_OPEN = 'max_over_time(tidegate_breaker_state{upstream="dead",state="half_open"}[2m]) == 1'
OPENINGS = 'tidegate_breaker_transitions_total{upstream="dead",to="open"}'
CONFIG = """
upstreams:
  dead: {{endpoints: ["http://127.0.0.1:{port}"]}}
routes:
  - {{name: dead, match: {{path: {{prefix: /}}}}, upstream: dead}}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: 2s, halfOpenRequests: 1}}
"""


@dataclass
class Seen:
    """`fired`: name → labels and annotations; `reopened`: how often a probe failed."""

    fired: dict[str, Any]
    half_open: list[Any]
    reopened: float


async def watch(folder: Any) -> Seen:
    port, admin, dead = free_ports(3)
    file = folder / "gateway.yaml"
    file.write_text(CONFIG.format(port=dead))
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ADMIN_PORT": str(admin),
        "API_KEY": KEY,
        "CONFIG_FILE": str(file),
        "ACCESS_LOG": "off",
        "LOG_LEVEL": "error",
    }
    scraped = Prometheus(folder / "prometheus", {"gateway": [f"127.0.0.1:{admin}"]}, wait=f"{FOR_S}s")
    async with Child([sys.executable, "-m", "app", "gateway"], env) as gateway, scraped as prometheus:
        await gateway.wait_port(port)
        fired: dict[str, Any] = {}
        loop = asyncio.get_running_loop()
        end_s = loop.time() + DEADLINE_S
        expected = {"TidegateBreakerOpen", "TidegateErrorBudgetBurn", "TidegateBreakerExplainsErrors"}
        while loop.time() < end_s and not (
            expected <= set(fired) and await prometheus.query(HALF_OPEN) and await reopened(prometheus) >= 6
        ):
            await call(port)
            fired |= {alert["labels"]["alertname"]: alert for alert in await prometheus.alerts()}
            await asyncio.sleep(0.7)  # so that half-open lasts until the next request comes
        return Seen(fired, await prometheus.query(HALF_OPEN), await reopened(prometheus))


async def call(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET / HTTP/1.1\r\nHost: t\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    await reader.read()
    writer.close()


async def reopened(prometheus: Prometheus) -> float:
    found = await prometheus.query(f'sum({OPENINGS[:-1]},from="half_open"}})')
    return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return asyncio.run(watch(tmp_path_factory.mktemp("dead")))


def test_scrapes_met_it_half_open_and_the_page_fired_all_the_same(seen):
    assert seen.half_open
    assert "TidegateBreakerOpen" in seen.fired
    summary = seen.fired["TidegateBreakerOpen"]["annotations"]["summary"]
    assert summary == "Breaker of upstream dead has not closed for two minutes; gateways that see it: 1"


def test_probes_that_fail_again_and_again_are_not_flapping(seen):
    assert seen.reopened >= 6
    assert "TidegateBreakerFlapping" not in seen.fired


def test_its_errors_are_explained_so_that_their_own_page_is_held_back(seen):
    assert seen.fired["TidegateBreakerExplainsErrors"]["labels"]["route"] == "dead"
    assert seen.fired["TidegateErrorBudgetBurn"]["labels"]["route"] == "dead"
