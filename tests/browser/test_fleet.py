"""The fleet's page on an operator's admin port: three gateways, one breaker down at two of them, one pod silent."""

import os
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page

from tests.browser.watching import eventually, violations
from tests.fakes.fleet import Fleet, running_fleet
from tests.fakes.process import Child

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DEAD = "http://127.0.0.1:9"
SHOTS = os.environ.get("SCREENSHOTS")
PHONE = (390, 844)


def config(number: int) -> str:
    names = ["pay", "shop", "search", "mail", "stock"]
    upstreams = "".join(f'  {name}: {{endpoints: ["{DEAD}"]}}\n' for name in names)
    routes = "".join(
        f"  - {{name: {name}, match: {{path: {{prefix: /{name}}}}}, upstream: {name}, auth: none}}\n"
        for name in names
    )
    failures = 3 if number < 2 else 5
    breaker = f"circuitBreaker: {{consecutiveFailures: {failures}, openDuration: 1h}}"
    spec = f"{{targetRefs: [{{kind: Gateway}}], {breaker}}}"
    return f"upstreams:\n{upstreams}routes:\n{routes}policies:\n  - {{name: defaults, spec: {spec}}}\n"


async def fail_at(fleet: Fleet, *numbers: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for number in numbers:
            for _ in range(6):
                await client.get(f"http://127.0.0.1:{fleet.gateways[number].port}/pay/x")


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"fleet-{name}.png", full_page=True)


async def wide(page: Page) -> int:
    """Pixels that the page is wider than its window."""
    found: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found


async def test_a_fleet_of_three_with_one_silent(viewer, tmp_path):
    async with running_fleet(tmp_path, 3, config) as fleet:
        await fleet.until(lambda seen: {one["reports"] for one in seen["pods"]} == {"live"}, "all report")
        page = await viewer.open(fleet.url)
        title = page.get_by_role("heading", level=1)
        await eventually(title.inner_text, "Nothing is down in the fleet", "all is well")
        await fail_at(fleet, 0, 1)
        await eventually(title.inner_text, "pay is open at 2 of 3 pods", "the verdict over all pods", 20)
        style = "getComputedStyle(document.querySelector('.verdict')).display"
        assert await page.evaluate(style) == "flex", (
            "the head has the styles that it shares with a gateway's page"
        )
        assert (await page.title()).startswith("✖ pay is open")
        row = page.locator('tr[data-row="pay"]')
        assert await page.locator("tr[data-row]").first.get_attribute("data-row") == "pay"
        assert await row.locator("[data-state=open]").count() == 2
        assert await row.locator("[data-state=closed]").count() == 1
        differing = page.locator("[data-stanza=circuitBreaker]")
        assert "consecutiveFailures" in await differing.inner_text()
        assert "at 2 pods: edge-0, edge-1" in await differing.inner_text()
        pod = page.locator('[data-pod-row="edge-2"]')
        assert "tidegate dashboard -n shop edge-2" in await pod.inner_text()
        assert await pod.get_by_role("button", name="Copy").count() == 1
        held = page.get_by_text("the order is held while you point at it")
        await row.hover(position={"x": 20, "y": 6})
        await row.hover(position={"x": 26, "y": 9})  # by a hand: the first only enters
        await held.wait_for()
        await page.mouse.move(5, 5)
        await held.wait_for(state="detached")
        await shot(page, "light")

        fleet.gateways[1].silence()
        said = page.locator('[data-pod-row="edge-1"]')

        async def is_silent() -> bool:
            return "silent for" in await said.inner_text()

        await eventually(is_silent, True, "one pod is silent", 20)
        assert await page.locator("[data-live=live]").count() == 1, "it holds nobody up"
        assert await row.locator(".stale").count() == 1
        await shot(page, "light-silent")
        assert await violations(page) == []

        dark = await viewer.open(fleet.url, scheme="dark")
        await dark.locator('tr[data-row="pay"]').wait_for()
        await shot(dark, "dark")
        assert await violations(dark) == []

        phone = await viewer.open(fleet.url, size=PHONE)
        await phone.locator('tr[data-row="pay"]').wait_for()
        assert await wide(phone) == 0
        await shot(phone, "phone")
        assert await violations(phone) == []
        await viewer.close()  # before the operator ends


async def test_a_pods_page_is_a_click_away_below_the_dashboard(viewer, tmp_path):
    async with running_fleet(tmp_path, 2, config) as fleet:
        await fleet.until(lambda seen: {one["reports"] for one in seen["pods"]} == {"live"}, "all report")
        env = {"KUBECONFIG": str(fleet.server.kubeconfig)}
        async with Child.app("dashboard", "--no-open", env=env) as child:
            found = await child.wait_line(r"(http://127\.0\.0\.1:\d+)/monitor/\?dashboard", 30.0)
            page = await viewer.open(f"{found[1]}?dashboard")
            way = page.locator('[data-pod-row="edge-1"]').get_by_role("link", name="Open")
            async with page.context.expect_page() as opening:
                await way.click()
            pod = await opening.value
            assert pod.url.startswith("http://edge-1.shop.localhost:")
            await pod.locator("[data-live=live]").wait_for()
            assert "edge-1" in await pod.locator(".top-facts").inner_text()
            async with page.context.expect_page() as opening:
                await page.locator('tr[data-row="pay"] [data-state]').first.click()
            pod = await opening.value
            assert pod.url.startswith("http://edge-0.shop.localhost:")
            assert pod.url.endswith("/monitor?selected=pay")
            await viewer.close()


async def test_an_operator_without_gateways_says_what_to_look_at_and_a_lost_one_is_told(viewer, tmp_path):
    viewer.expected = ("net::ERR",)
    async with running_fleet(tmp_path, 0, config) as fleet:
        page = await viewer.open(fleet.url)
        title = page.get_by_role("heading", level=1)
        assert await title.inner_text() == "No gateway has called this operator"
        await shot(page, "none")
        assert await violations(page) == []
    await page.locator(".not-live").wait_for(timeout=20_000)
    assert "The operator does not respond" in await page.locator(".not-live").inner_text()
    await shot(page, "lost")
