"""The page itself: its weight, what the tiles say, sizes, colours, motion."""

import pytest

from tests.browser.watching import bands, eventually, opened, shown, state_of
from tests.fakes.client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

MOST_BYTES = 200 * 1024


async def test_all_of_it_is_light(viewer, up):
    page = await viewer.open(up.url)
    await drawn(page)
    sizes = await page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .map((one) => [one.name, one.encodedBodySize])"""
    )
    assert len(sizes) >= 5
    assert all(size > 0 for _, size in sizes), sizes
    assert sum(size for _, size in sizes) <= MOST_BYTES


async def test_nothing_jumps_while_the_page_fills(viewer, up):
    page = await viewer.open(up.url, live=False)
    await page.evaluate(
        """() => {
          window.shift = 0
          new PerformanceObserver((list) => {
            for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value
          }).observe({ type: "layout-shift", buffered: true })
        }"""
    )
    await drawn(page)
    async with RawClient(up.port) as client:
        await client.request("GET", "/demo/ok", [("X-API-Key", up.key)])
    await eventually(lambda: ticked(page), True, "a second of the series")
    assert await page.evaluate("window.shift") < 0.02


async def drawn(page):
    """Every part of the page has come: tiles, and the charts, which come last."""
    await shown(page, "demo").wait_for()

    async def known() -> bool:
        return len(await bands(page, "demo")) > 0

    await eventually(known, True, "the timeline")


async def ticked(page):
    return await page.evaluate(
        "document.getElementById('canvas-outcomes').chart.data.datasets.some((one) => one.data.length > 1)"
    )


async def test_a_tile_tells_state_by_word_shape_and_colour_failures_and_settings(viewer, up):
    page = await viewer.open(up.url)
    assert await state_of(page, "demo") == "Closed"
    own = await opened(page, "demo")
    assert await state_of(page, "demo") == "Closed"
    assert await own.locator("svg.mark-closed circle").count() == 1
    assert "of 3 failures" in await own.locator(".tile-count").inner_text()
    summary = await own.locator(".settings summary").inner_text()
    assert "3 in a row · open 10s · 1 probe" in summary
    assert "from file · defaults" in summary
    await own.locator(".settings summary").click()
    rows = await own.locator(".settings dl").inner_text()
    assert "Open for" in rows
    assert "built-in defaults" in rows
    async with RawClient(up.port) as client:
        fields = [("X-API-Key", up.key)]
        await client.request("GET", "/demo/status/503", fields)
        await eventually(own.locator(".pips .lit").count, 1, "one failure of three")
        assert "opens after 2 more failures" in await own.locator(".tile-next").inner_text()
        assert "HTTP 503" in await own.locator(".tile-why").inner_text()
        await client.request("GET", "/demo/ok", fields)
    await eventually(own.locator(".pips .lit").count, 0, "the row of failures is over")
    colour = await own.locator(".mark-body").evaluate("one => getComputedStyle(one).fill")
    assert colour == "rgb(44, 154, 113)"


async def test_the_numbers_follow_the_traffic(viewer, up):
    page = await viewer.open(up.url)
    async with RawClient(up.port) as client:
        for _ in range(30):
            await client.request("GET", "/demo/ok", [("X-API-Key", up.key)])
        await client.request("GET", "/demo/ok")  # no key

    async def moved() -> bool:
        rps = await shown(page, "demo").locator("[data-figure=rps]").inner_text()
        total = await page.locator("[data-number=requests]").inner_text()
        return float(rps.split()[0]) > 1 and float(total.removesuffix("/s")) > 1

    await eventually(moved, True, "requests per second")
    outcomes = page.locator(".chart", has_text="Requests by outcome").locator(".legend")
    await eventually(outcomes.get_by_text("key missing").count, 1, "a series for the refusal")
    route = page.locator('tr[data-route="demo"]')
    assert int((await route.locator("td").last.inner_text()).replace(",", "")) >= 31


async def test_it_fits_a_phone_and_a_wall(viewer, up):
    for size in ((390, 844), (768, 1024), (3840, 2160)):
        page = await viewer.open(up.url, size=size)
        wide = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], size
        assert await shown(page, "demo").is_visible()


async def test_the_chosen_colours_stay_and_the_systems_are_followed(viewer, up):
    page = await viewer.open(up.url, scheme="dark")

    async def ground() -> str:
        return str(await page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = await ground()
    await page.get_by_role("radio", name="Light").check(force=True)
    light = await ground()
    assert dark != light
    await page.reload()
    assert await ground() == light
    await page.get_by_role("radio", name="As the system").check(force=True)
    assert await ground() == dark


async def test_nothing_moves_for_those_who_asked_for_no_motion(viewer, up):
    page = await viewer.open(up.url, reduced_motion="reduce")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_the_feed_of_events_can_be_paused(viewer, up):
    page = await viewer.open(up.url)
    events = page.locator(".event")
    await page.get_by_role("button", name="Pause").click()
    before = await events.count()
    other = await viewer.open(up.admin_url)
    await opened(other, "cache")
    await other.get_by_role("button", name="Drill … of cache").click()
    dialog = other.get_by_role("dialog")
    await dialog.get_by_label("other").check()
    await dialog.get_by_label("Duration").fill("1s")
    await dialog.get_by_label("Who").fill("Grace")
    await dialog.get_by_label("Why").fill("the pause")
    await dialog.get_by_label("Admin token").fill(up.token)
    await dialog.get_by_role("button", name="Start the drill").click()
    await page.get_by_role("button", name="new)").wait_for()
    assert await events.count() == before
    await page.get_by_role("button", name="new)").click()
    await eventually(lambda: more(events, before), True, "what came meanwhile")
    await eventually(lambda: state_of(page, "cache"), "Closed", "the end of the drill")


async def more(events, before):
    return await events.count() > before
