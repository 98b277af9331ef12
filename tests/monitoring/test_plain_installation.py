"""A gateway that is well, with a file and nothing else: every panel has data, or says why it has none."""

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest

from tests.fakes.process import Child, free_ports
from tests.fakes.prometheus import MISSING, Prometheus, shown
from tests.monitoring.stage import KEY, calls
from tools.boards.build import FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]

CONFIG = """
upstreams:
  orders: {{endpoints: ["http://127.0.0.1:{port}"]}}
routes:
  - {{name: orders, match: {{path: {{prefix: /}}}}, upstream: orders}}
"""
WINDOW_S = 10
DEADLINE_S = 30.0
BOARDS = sorted(path for path in FOLDER.glob("*.json") if path.stem != "cache")  # no cache service runs here


def silent_panels() -> dict[tuple[str, str], list[str]]:
    """(dashboard, panel without a text for "no data") → its expressions."""
    found = {}
    for path in BOARDS:
        page = json.loads(path.read_text())
        for panel in [panel for one in page["panels"] for panel in (one, *(one.get("panels") or ()))]:
            if panel["type"] != "row" and not panel["fieldConfig"]["defaults"].get("noValue"):
                found[path.stem, panel["title"]] = [target["expr"] for target in panel["targets"]]
    return found


async def unexplained(folder: Path) -> set[tuple[str, str]]:
    """Panels that have no data in the end, and no word about it."""
    port, admin, upstream = free_ports(3)
    file = folder / "gateway.yaml"
    file.write_text(CONFIG.format(port=upstream))
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ADMIN_PORT": str(admin),
        "API_KEY": KEY,
        "CONFIG_FILE": str(file),
        "RATE_LIMIT": "1000000-M",
        "ACCESS_LOG": "off",
        "LOG_LEVEL": "error",
    }
    answers = Child.module("app.demo.upstream", "--port", str(upstream))
    gateway = Child([sys.executable, "-m", "app", "gateway"], env)
    scraped = Prometheus(folder / "prometheus", {"gateway": [f"127.0.0.1:{admin}"]})
    request, waiting = calls(f"http://127.0.0.1:{port}", "/ok"), silent_panels()
    async with answers, gateway, scraped as prometheus, httpx.AsyncClient(trust_env=False) as client:
        await gateway.wait_port(port)
        await answers.wait_port(upstream)
        loop = asyncio.get_running_loop()
        end_s = loop.time() + DEADLINE_S
        while waiting and loop.time() < end_s:
            for _ in range(10):
                await request(client)
            for panel, exprs in list(waiting.items()):
                if all([await prometheus.query_range(shown(expr), WINDOW_S) for expr in exprs]):
                    del waiting[panel]
            await asyncio.sleep(0.5)
    return set(waiting)


async def test_a_panel_without_data_says_why(tmp_path):
    assert await unexplained(tmp_path) == set()
