"""What an on-call engineer reads first: what is broken, since when, which edit began it; seen on real gateways.

Each scenario is photographed in light, dark and on a phone: into SCREENSHOTS, else into pytest's own folder.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.watching import eventually, violations
from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.process import Child, free_ports
from tests.fakes.upstream import RecorderUpstream

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DEAD = "http://127.0.0.1:9"
LOOKS = {
    "light": ((1440, 900), "light"),
    "dark": ((1440, 900), "dark"),
    "phone": ((390, 844), "light"),
}
TIME = r"\d\d:\d\d:\d\d"


class Scene:
    """A gateway before two upstreams, `payments` and `sideshow`, with traffic that flows until it ends."""

    def __init__(self, viewer, port: int, file: Path, shots: Path) -> None:
        self.viewer, self.port, self.file, self.shots = viewer, port, file, shots

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, times: int) -> None:
        async with RawClient(self.port) as client:
            for _ in range(times):
                await client.request("GET", path)

    @contextlib.asynccontextmanager
    async def traffic(self, path: str, at_once: int = 1, pause_s: float = 0.025) -> AsyncIterator[None]:
        """`at_once` clients, each of which waits `pause_s` between its requests."""

        async def flow() -> None:
            async with RawClient(self.port) as client:
                while True:
                    await client.request("GET", path)
                    await asyncio.sleep(pause_s)

        flows = [asyncio.ensure_future(flow()) for _ in range(at_once)]
        try:
            yield
        finally:
            for each in flows:
                each.cancel()
            ended = await asyncio.gather(*flows, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended

    async def photograph(self, name: str) -> None:
        """In all looks; nothing is wider than the screen, and axe finds nothing to complain about."""
        for look, (size, scheme) in LOOKS.items():
            page = await self.viewer.open(self.url, size=size, scheme=scheme)
            await page.locator("h1").wait_for()
            await page.screenshot(path=self.shots / f"{name}-{look}.png")
            wide = await page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide[0] <= wide[1], look
            assert await violations(page) == [], look
            await page.context.close()


def config(payments: str, requests: int = 1_800, more: str = "") -> str:
    return f"""
upstreams:
  payments: {{endpoints: ["{payments}"]}}
  sideshow: {{endpoints: ["{DEAD}"]}}
routes:
  - {{name: payments, match: {{path: {{prefix: /payments}}}}, upstream: payments, auth: none}}
  - {{name: sideshow, match: {{path: {{prefix: /sideshow}}}}, upstream: sideshow, auth: none}}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: 2s}}
      timeout: {{request: 1s}}
      rateLimit: {{rules: [{{name: per-client, key: Client, requests: {requests}, period: 1m}}]}}
{more}"""


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("verdict"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def payments() -> AsyncIterator[RecorderUpstream]:
    async with RecorderUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(loop_scope="session")
async def scene(viewer, payments, tmp_path, shots) -> AsyncIterator[Scene]:
    file = tmp_path / "gateway.yaml"
    file.write_text(config(payments.url))
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1", "ACCESS_LOG": "off"}
    async with Child.app("gateway", "--config", str(file), env=env) as child:
        await child.wait_port(port)
        yield Scene(viewer, port, file, shots)


async def headline(page) -> str:
    return str(await page.locator("h1").inner_text()).replace("\u00a0", " ")


async def says(page, wanted: str, seconds: float = DEADLINE_S) -> str:
    """The headline, once it is like `wanted`."""
    deadline_s = asyncio.get_running_loop().time() + seconds
    while re.search(wanted, said := await headline(page)) is None:
        assert asyncio.get_running_loop().time() < deadline_s, f"{said!r} is not like {wanted!r}"
        await asyncio.sleep(0.05)
    return said


async def icon(page) -> str:
    return str(await page.locator('link[rel="icon"]').get_attribute("href"))


async def test_a_bad_edit_is_the_headline_with_its_limit_and_its_time(scene, payments):
    page = await scene.viewer.open(scene.url)
    await scene.get("/sideshow", 3)
    await says(page, "^sideshow down for")
    async with scene.traffic("/payments"), scene.traffic("/sideshow", pause_s=1.4):
        await eventually(lambda: flows(page), True, "the traffic")
        scene.file.write_text(config(payments.url, requests=18))
        wanted = (
            rf"^\d+ % of requests rejected by limit per-client \(18 a minute\), since the edit at {TIME}$"
        )
        await says(page, wanted, 15)
        pod = await page.locator(".whose bdi").inner_text()
        await eventually(page.title, f"✖ 2 problems · limit per-client — {pod} — Tidegate", "the tab")
        assert (await icon(page)).startswith("data:image/svg+xml,")
        detail = (await page.locator(".verdict-detail").inner_text()).replace("\u00a0", " ")
        assert "requests 1800 → 18" in detail
        assert "requests lost per second" in detail
        other = page.locator('.verdict-others [data-problem="breaker"]')
        assert "sideshow down for" in await other.inner_text()
        parts = await page.locator(".numbers div", has=page.locator("[data-number=rejected]")).inner_text()
        assert "limit" in parts
        assert "breaker" in parts
        await page.get_by_role("link", name="Show limit per-client").click()
        focused = await page.evaluate("document.activeElement.dataset.limit")
        assert focused == "defaults/per-client"
        await scene.photograph("bad-edit")


async def flows(page) -> bool:
    said = await page.locator("[data-number=requests]").inner_text()
    return float(said.removesuffix("/s")) > 5


async def test_a_dead_upstream_is_down_since_it_went_down_through_all_its_probes(scene):
    page = await scene.viewer.open(scene.url)
    async with scene.traffic("/sideshow"):
        first = await says(page, rf"^sideshow down for \d+ s \(since {TIME}\)")
        later = await says(page, rf"^sideshow down for \d+ s \(since {TIME}\), [2-9] probes failed$", 30)
        assert re.findall(TIME, first) == re.findall(TIME, later), "since does not restart with each probe"
        detail = await page.locator(".verdict-detail").inner_text()
        assert "too many failures in a row (upstream connect)" in detail
        failed = await page.locator("[data-number=failed]").inner_text()
        assert failed.replace("\u00a0", " ") == "100 %", "what a breaker rejects has failed"
        await scene.photograph("dead-upstream")


async def test_a_slow_upstream_is_told_before_its_requests_time_out(scene, payments):
    async def late(exchange) -> None:
        await exchange.whole_request()
        await asyncio.sleep(0.7)
        await answers.reply()(exchange)

    payments.default = late
    page = await scene.viewer.open(scene.url)
    async with scene.traffic("/payments", at_once=8):
        await says(page, r"^payments is slow: p99 .+, requests time out after 1 s, since", 20)
        assert await page.locator("[data-verdict=slow]").count() == 1
        assert (await page.title()).startswith("◆ payments slow")
        await page.get_by_role("link", name="Show payments").click()
        assert await page.evaluate("document.activeElement.dataset.breaker") == "payments"
        await scene.photograph("slow-upstream")


async def test_a_rejected_configuration_is_told_until_it_is_mended(scene, payments):
    page = await scene.viewer.open(scene.url)
    scene.file.write_text(config(payments.url).replace("requests: 1800", "requests: many"))
    await says(page, rf"^Configuration rejected since {TIME}: the one before stays in force$", 15)
    detail = await page.locator(".verdict-detail").inner_text()
    assert "gateway.yaml" in detail
    assert "requests" in detail
    await scene.photograph("rejected-configuration")
    scene.file.write_text(config(payments.url))
    await says(page, "^All well$", 15)
    assert (await page.title()).startswith("✔ All well")


async def test_a_green_tick_stands_only_where_nothing_is_wrong(scene):
    page = await scene.viewer.open(scene.url)
    async with scene.traffic("/payments"):
        await eventually(lambda: flows(page), True, "the traffic")
        assert await headline(page) == "All well"
        assert await page.locator(".verdict svg.mark-closed").count() == 1
        calm = await page.locator(".verdict p").inner_text()
        assert calm.startswith("All 2 breakers are closed")
        well = await icon(page)
        await scene.photograph("all-well")
    await scene.get("/sideshow", 3)
    await says(page, "^sideshow down for")
    assert await page.locator(".verdict svg.mark-closed").count() == 0
    assert await icon(page) != well


async def test_a_tab_without_a_live_feed_does_not_say_that_all_is_well(viewer, payments, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(config(payments.url))
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1"}
    viewer.expected = ("WebSocket connection", "net::ERR")
    async with Child.app("gateway", "--config", str(file), env=env) as child:
        await child.wait_port(port)
        page = await viewer.open(f"http://127.0.0.1:{port}")
        await says(page, "^All well$")
        well = await icon(page)

    async def title() -> str:
        return str(await page.title())[:10]

    await eventually(title, "⚠ Not live", "the tab of a gateway that is gone")
    assert await icon(page) != well
    assert await headline(page) == "Last known: All well"
    assert await page.locator(".verdict svg.mark-closed").count() == 0
