"""Opening the page and looking at it: what tests of the page share."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request

from tests.fakes.exchange import DEADLINE_S
from tests.fakes.process import ROOT

__all__ = [
    "Viewer",
    "bands",
    "begun",
    "eventually",
    "feed",
    "fold_up",
    "opened",
    "passed",
    "row",
    "shown",
    "state_of",
    "tile",
    "tiles",
    "violations",
]

DESKTOP = (1440, 1000)
AXE = ROOT / "app" / "admin" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
REFUSED = "net::ERR_CONNECTION_REFUSED"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Viewer:
    """Opens pages, each a browser of its own; collects what they complain about and whom they call."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()

    async def open(
        self, url: str, size: tuple[int, int] = DESKTOP, scheme: str = "light", live: bool = True, **more: Any
    ) -> Page:
        """The monitor of the gateway at `url` (with a query as it stands there), once it shows live numbers."""
        context = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            **more,
        )
        self._contexts.append(context)
        page = await context.new_page()
        at = urlsplit(url)
        own = at.netloc
        page.on("console", lambda message: self._heard(message, own))
        page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))
        page.on("request", lambda request: self._called(request, own))
        await page.goto(at._replace(path="/monitor").geturl())
        if live:
            await page.locator("[data-live=live]").wait_for()
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def _heard(self, message: ConsoleMessage, own: str) -> None:
        text, place = message.text, message.location["url"]
        if message.type not in ("error", "warning") or any(one in text for one in self.expected):
            return
        if REFUSED in text and own in text + place:
            return  # many tests end their gateway before its page
        self.complaints.append(f"{message.type}: {text} ({place})")

    def _called(self, request: Request, own: str) -> None:
        if urlsplit(request.url).netloc != own:
            self.complaints.append(f"called {request.url}")


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'.tile[data-breaker="{name}"]')


def shown(page: Page, name: str) -> Locator:
    """The breaker's row or tile, whichever it is."""
    return page.locator(f'[data-breaker="{name}"]')


def row(page: Page, name: str) -> Locator:
    """The one line of a healthy breaker that is not opened into its tile."""
    return page.locator(f'.row[data-breaker="{name}"]')


def tiles(page: Page) -> Locator:
    """What asks for attention; not the rows that were opened."""
    return page.locator(".tiles > .tile[data-breaker]")


async def opened(page: Page, name: str) -> Locator:
    """The tile of a breaker; opened by its row where it is healthy."""
    await shown(page, name).wait_for()
    if await row(page, name).count():
        await row(page, name).get_by_role("button").click()
    await tile(page, name).wait_for()
    return tile(page, name)


async def fold_up(page: Page, name: str) -> None:
    """The row again of a breaker that was opened into its tile."""
    await tile(page, name).locator(".tile-fold").click()
    await row(page, name).wait_for()


async def state_of(page: Page, name: str) -> str:
    """The word on the tile, or of the row."""
    return await shown(page, name).locator(".tile-state, .row-name > span").text_content() or ""


def feed(page: Page, kind: str) -> Locator:
    return page.locator(f'.event[data-kind="{kind}"]')


async def bands(page: Page, name: str) -> list[tuple[str, float]]:
    """What the timeline's chart holds for a breaker: (state, seconds), oldest first."""
    found = await page.evaluate(
        """name => {
          const { chart } = document.getElementById("timeline")
          const names = [...document.querySelectorAll(".timeline-names bdi")].map((one) => one.textContent)
          return JSON.stringify(
            chart.data.datasets
              .flatMap((dataset) => dataset.data.map((bar) => ({ ...bar, state: dataset.label })))
              .filter((bar) => names[bar.y] === name)
              .sort((a, b) => a.x[0] - b.x[0])
              .map((bar) => [bar.state, (bar.x[1] - bar.x[0]) / 1000]),
          )
        }""",
        name,
    )
    return [(state, seconds) for state, seconds in json.loads(found)]


async def begun(page: Page) -> None:
    """A run is under way: what the panel shows is not the run before."""
    await page.locator(".result-running").wait_for()


async def passed(page: Page) -> None:
    """Waits for the end of the breaker test just begun; fails with its story unless it passed."""
    ended = page.locator(".result-passed, .result-failed")
    await ended.wait_for(timeout=60_000)
    assert "result-passed" in (await ended.get_attribute("class") or ""), await page.locator(
        ".test"
    ).inner_text()


async def eventually(
    ask: Callable[[], Awaitable[object]], wanted: object, what: str, seconds: float = DEADLINE_S
) -> None:
    """Polls what a browser's page tells until it is `wanted`."""
    deadline_s = time.monotonic() + seconds
    while (seen := await ask()) != wanted:
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what}: {wanted!r} was wanted, {seen!r} is seen after {seconds:g} s")
        await asyncio.sleep(0.05)


async def violations(page: Page) -> list[Any]:
    """What axe finds wrong for people with a disability: rule, meaning, elements."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make e2e does it")
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(
        """async (rules) => {
          const { violations } = await axe.run(document, { runOnly: rules })
          const told = violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.html)])
          return JSON.stringify(told)
        }""",
        RULES,
    )
    return list(json.loads(found))
