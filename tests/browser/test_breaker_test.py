"""The breaker test, as somebody sees it who presses its button: the whole cycle, told and drawn."""

import asyncio

import pytest
import pytest_asyncio

from tests.browser.watching import bands, begun, eventually, feed, passed, shown, state_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

STEPS = [
    "start",
    "failure_1",
    "failure_2",
    "failure_3",
    "opened",
    "refused",
    "half_opened",
    "probe",
    "closed",
]


@pytest_asyncio.fixture(loop_scope="session")
async def tested(viewer, up):
    """The page while and after the test ran; it ends when the run has."""
    page = await viewer.open(up.url)
    seen: list[str] = []
    said: list[str] = []

    async def watch() -> None:
        while True:
            for known, now in (
                (seen, await state_of(page, "demo")),
                (said, await page.locator("[data-announcer]").inner_text()),
            ):
                if now and (not known or known[-1] != now):
                    known.append(now)
            await asyncio.sleep(0.02)

    watching = asyncio.get_running_loop().create_task(watch())
    await page.get_by_role("button", name="Run circuit breaker test").click()
    await begun(page)
    await passed(page)
    await eventually(lambda: end_was_noticed(seen, said), True, "the demo breaker, seen and told")
    watching.cancel()
    return page, seen, said


async def end_was_noticed(seen: list[str], said: list[str]) -> bool:
    return seen[-1] == "Closed" and any("demo is closed" in one for one in said)


async def test_the_whole_cycle_is_narrated_drawn_and_told(tested):
    page, seen, said = tested
    steps = page.locator(".step")
    assert await steps.evaluate_all("all => all.map((one) => one.dataset.step)") == STEPS
    assert await steps.evaluate_all("all => all.map((one) => one.dataset.state)") == ["passed"] * len(STEPS)
    times = await steps.evaluate_all(
        """all => all.map((one) => [...one.querySelectorAll("time")])
          .map((both) => both.map((time) => parseFloat(time.textContent)))"""
    )
    assert all(len(both) == 2 for both in times), "each step tells when it was expected and seen"
    expected, opened = times[STEPS.index("half_opened")][0], times[STEPS.index("opened")][1]
    assert 0 < expected - opened <= 10.01, "ten seconds from the transition, which was before it was seen"

    # The tile went the same way, and so did the voice for those who do not see it.
    assert seen[0] == "Closed"
    assert seen[-1] == "Closed"
    assert "Open" in seen
    assert any("demo is open" in one for one in said)
    assert any("demo is closed" in one for one in said)

    way = await bands(page, "demo")
    assert [state for state, _ in way][-4:] == ["closed", "open", "half_open", "closed"]
    assert dict(way)["open"] == pytest.approx(10, abs=0.1)
    for kind in ("test_started", "breaker_opened", "breaker_half_opened", "breaker_closed", "test_ended"):
        assert await feed(page, kind).count() > 0


async def test_a_band_tells_its_cause_and_a_click_shows_its_events(tested):
    page, _, _ = tested
    await page.locator("#timeline").scroll_into_view_if_needed()
    where = await page.evaluate(
        """() => {
          const { chart } = document.getElementById("timeline")
          const names = [...document.querySelectorAll(".timeline-names bdi")].map((one) => one.textContent)
          const last = chart.data.datasets[0].data.findLastIndex((bar) => names[bar.y] === "demo")
          const open = chart.getDatasetMeta(0).data[last]
          const corner = chart.canvas.getBoundingClientRect()
          return [corner.left + (open.x + open.base) / 2, corner.top + open.y]
        }"""
    )
    await page.mouse.move(*where)

    async def tip() -> str:
        told = await page.evaluate(
            """() => {
              const { tooltip } = document.getElementById("timeline").chart
              return JSON.stringify([tooltip.opacity, tooltip.title, tooltip.body.map((part) => part.lines)])
            }"""
        )
        return str(told)

    async def told() -> bool:
        text = await tip()
        return all(one in text for one in ("demo: Closed → Open", "consecutive_failures", "503", "10.0"))

    await eventually(told, True, f"the tip of the open band ({await tip()})")
    await page.mouse.click(*where)
    picked = page.locator(".picked")
    await picked.wait_for()
    assert "consecutive_failures" in await picked.inner_text()
    subjects = await page.locator(".event-head bdi").all_inner_texts()
    assert set(subjects) == {"demo"}
    assert await feed(page, "breaker_opened").count() >= 1
    assert await feed(page, "gateway_started").count() == 0
    await page.get_by_role("button", name="Clear").click()
    await eventually(feed(page, "gateway_started").count, 1, "all events again")


async def test_the_timeline_is_there_after_a_reload_and_can_be_zoomed_and_moved(tested):
    page, _, _ = tested
    await page.reload()
    await page.locator("[data-live=live]").wait_for()

    async def known() -> bool:
        return "open" in dict(await bands(page, "demo"))

    await eventually(known, True, "the bands after a reload")

    async def span_s() -> float:
        return float(
            await page.evaluate(
                "() => { const { min, max } = document.getElementById('timeline').chart.scales.x;"
                " return Math.round((max - min) / 1000) }"
            )
        )

    began_s = await span_s()
    assert 60 <= began_s <= 300, "five minutes to begin with, or what there is of them"
    plot = page.locator(".timeline-plot")
    await plot.scroll_into_view_if_needed()
    box = await plot.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    await page.mouse.move(*place)
    await page.keyboard.down("Control")
    await page.mouse.wheel(0, -400)
    await page.keyboard.up("Control")
    await eventually(lambda: closer(span_s, began_s), True, "Ctrl and the wheel zoom in")
    zoomed = await span_s()

    async def ends_s() -> float:
        return float(
            await page.evaluate("() => document.getElementById('timeline').chart.scales.x.max / 1000")
        )

    before = await ends_s()
    await page.mouse.down()
    await page.mouse.move(place[0] + box["width"] / 4, place[1], steps=5)
    await page.mouse.up()

    async def moved() -> bool:
        return before - await ends_s() > zoomed / 8

    await eventually(moved, True, "dragging to the right shows earlier times")
    hour = page.get_by_role("button", name="1 h", exact=True)
    await hour.click()
    await eventually(lambda: hour.get_attribute("aria-pressed"), "true", "one hour")
    await eventually(lambda: closer(span_s, 3600), True, "or what there is of it")
    await page.get_by_role("button", name="since start").click()

    async def whole() -> bool:
        return 30 < await span_s() < 3600

    await eventually(whole, True, "all since the start")
    assert await shown(page, "demo").is_visible()


async def closer(span_s, than_s):
    return await span_s() < than_s * 0.9
