"""For everybody: axe finds nothing in light and dark, and the keyboard alone is enough."""

import pytest

from tests.browser.watching import begun, eventually, opened, passed, state_of, violations

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_to_complain_about(viewer, up, scheme):
    page = await viewer.open(up.url, scheme=scheme)
    assert await violations(page) == []
    own = await opened(page, "demo")
    await own.locator(".settings summary").click()
    await page.get_by_text("Transitions as a table").click()
    await page.get_by_role("button", name="Run circuit breaker test").click()
    await begun(page)
    await eventually(lambda: state_of(page, "demo"), "Open", "the breaker during the test")
    assert await violations(page) == []
    await opened(page, "cache")
    await page.get_by_role("button", name="Drill … of cache").click()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await passed(page)
    assert await violations(page) == []
    phone = await viewer.open(up.url, scheme=scheme, size=(390, 844))
    assert await violations(phone) == []


async def focused(page):
    return await page.evaluate(
        """() => {
          const one = document.activeElement
          return one.getAttribute("aria-label") || one.textContent
        }"""
    )


async def tab_to(page, name, most=80):
    for _ in range(most):
        await page.keyboard.press("Tab")
        if name in (await focused(page) or ""):
            return
    raise AssertionError(f"{name!r} cannot be reached with {most} tabs")


async def shown_until(page):
    return await page.evaluate("document.getElementById('timeline').chart.scales.x.max")


async def earlier(page, before):
    return await shown_until(page) < before


async def test_the_keyboard_alone_runs_the_test_opens_and_leaves_a_drill(viewer, up):
    page = await viewer.open(up.url)
    await page.keyboard.press("Tab")
    assert await focused(page) == "To the breakers"
    ring = await page.evaluate("getComputedStyle(document.activeElement).clipPath")
    assert ring == "none", "the link is seen when it has the focus"
    await page.keyboard.press("Enter")
    await tab_to(page, "cache")
    await page.keyboard.press("Enter")
    assert await focused(page) == "cache", "the focus stays on the name of what was opened"
    await tab_to(page, "Drill … of cache")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    for _ in range(12):
        await page.keyboard.press("Tab")
        inside = await page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        assert inside, "the focus stays in the dialog"
    await page.keyboard.press("Escape")
    await dialog.wait_for(state="hidden")
    assert await focused(page) == "Drill … of cache", "the focus returns to where it was"

    await page.get_by_role("button", name="Run circuit breaker test").focus()
    await page.keyboard.press("Enter")
    await begun(page)
    await page.locator('.step[data-step="opened"][data-state="passed"]').wait_for()
    assert await focused(page) == "Circuit breaker test"
    await passed(page)
    await tab_to(page, "State timeline of the breakers")
    before = await shown_until(page)
    await page.keyboard.press("ArrowLeft")
    await eventually(lambda: earlier(page, before), True, "the timeline moves")
    await page.keyboard.press("End")
    await tab_to(page, "Transitions as a table")
    await page.keyboard.press("Enter")
    await page.locator(".as-table tbody tr").first.wait_for()
    await tab_to(page, ":", most=2)  # past the region that scrolls, to the first row's time
    await page.keyboard.press("Enter")
    await page.locator(".picked").wait_for()


async def test_on_a_phone_the_events_of_a_breaker_come_into_view(viewer, up):
    page = await viewer.open(up.url, size=(390, 844))
    own = await opened(page, "demo")
    await own.get_by_role("button", name="Events of demo").click()
    await eventually(lambda: focused(page), "Events", "the heading of the events")
    top = await page.locator("#feed-title").evaluate("one => one.getBoundingClientRect().top")
    assert 0 <= top < 844
