"""Drills: who may, how they look while they last, and that they end."""

import pytest

from tests.browser.watching import eventually, feed, opened, state_of, tile
from tests.fakes.client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

HOSTILE = '<img src=x onerror="window.hit=1"><b>tide</b>'


async def ask(page, breaker, token, *, for_="10s", who="Ada", why="a fire drill"):
    own = await opened(page, breaker)
    await own.get_by_role("button", name=f"Drill … of {breaker}").click()
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    if for_ in ("10s", "30s", "1m"):
        await dialog.get_by_label(for_, exact=True).check()
    else:
        await dialog.get_by_label("other").check()
        await dialog.get_by_label("Duration").fill(for_)
    await dialog.get_by_label("Who").fill(who)
    await dialog.get_by_label("Why").fill(why)
    if token is not None:
        await dialog.get_by_label("Admin token").fill(token)
    await dialog.get_by_role("button", name="Start the drill").click()
    return dialog


async def test_a_drill_counts_down_refuses_requests_and_reverts_by_itself(viewer, up):
    page = await viewer.open(up.admin_url)
    dialog = await ask(page, "cache", up.token, for_="4s", who="Ada", why=HOSTILE)
    await dialog.wait_for(state="hidden")
    await eventually(lambda: state_of(page, "cache"), "Open", "the tile during the drill")
    own = tile(page, "cache")
    assert "Drill by Ada" in await own.locator(".tile-why").inner_text()
    assert HOSTILE in await own.locator(".tile-why").inner_text(), "shown as it was typed"
    assert "drill ends in" in await own.locator(".tile-next").inner_text()
    async with RawClient(up.port) as client:
        answer = await client.request("GET", "/cache/x", [("X-API-Key", up.key)])
    assert (answer.status, answer.get("Tidegate-Reason")) == (503, "breaker_open")

    await eventually(lambda: state_of(page, "cache"), "Closed", "the tile after the drill")
    assert await own.get_by_role("button", name="End drill").count() == 0
    await feed(page, "override_ended").first.wait_for()
    started = await feed(page, "override_started").first.inner_text()
    assert "Ada" in started
    assert HOSTILE in started
    assert await page.evaluate("window.hit") is None


async def test_a_drill_is_ended_by_its_button_and_the_token_is_asked_once(viewer, up):
    page = await viewer.open(up.admin_url)
    dialog = await ask(page, "cache", up.token, for_="1m")
    await dialog.wait_for(state="hidden")
    await tile(page, "cache").get_by_role("button", name="End drill").click()
    assert await page.get_by_label("Admin token").count() == 0
    await page.get_by_role("button", name="End it now").click()
    await eventually(lambda: state_of(page, "cache"), "Closed", "the tile after the end")
    kept = await page.evaluate(
        "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    )
    assert up.token not in kept
    await page.reload()
    own = await opened(page, "cache")
    await own.get_by_role("button", name="Drill … of cache").click()
    assert await page.get_by_label("Admin token").count() == 1, "a reload forgets the token"


async def test_a_wrong_token_and_a_wrong_time_are_refused_in_words(viewer, up):
    page = await viewer.open(up.url)
    dialog = await ask(page, "cache", "not-the-token", for_="1m")
    alert = dialog.get_by_role("alert")
    await alert.wait_for()
    assert "Wrong admin token" in await alert.inner_text()
    assert "not-the-token" not in await alert.inner_text()
    assert await state_of(page, "cache") == "Closed"
    await dialog.get_by_label("other").check()
    await dialog.get_by_label("Duration").fill("2h")
    await dialog.get_by_label("Admin token").fill(up.token)
    start = dialog.get_by_role("button", name="Start the drill")
    await eventually(lambda: alert_names_time(start, alert), True, "what is wrong with 2h")
    await page.keyboard.press("Escape")
    await dialog.wait_for(state="hidden")
    assert await state_of(page, "cache") == "Closed"


async def alert_names_time(start, alert):
    """Asks once more: after a wrong token none is looked at for a second."""
    if await start.is_enabled():
        await start.click()
    return "1h" in await alert.inner_text()
