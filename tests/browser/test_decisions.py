"""The inspector of decisions: what became of single requests, narrowed, followed, and told in sentences."""

import asyncio
import re

import pytest

from app.cli.why import explain_request
from tests.browser.watching import eventually, violations
from tests.fakes.client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def send(up, path, request_id, key=None):
    async with RawClient(up.port) as client:
        await client.request("GET", path, [("X-API-Key", key or up.key), ("X-Request-ID", request_id)])


def row(page, request_id):
    return page.locator(f'.decision[data-request="{request_id}"]')


async def test_nothing_is_asked_until_it_is_shown(viewer, up):
    page = await viewer.open(up.url)
    await page.get_by_role("button", name="Show the last ones").click()
    await send(up, "/demo/ok", "browser-shown")
    await row(page, "browser-shown").wait_for()
    assert "decisions=all" in await settled_url(page)
    await page.get_by_role("button", name="Hide").click()
    await eventually(page.locator(".decision").count, 0, "the list is gone")


async def settled_url(page):
    await eventually(lambda: page.evaluate("location.search !== ''"), True, "the address")
    return page.url


async def test_one_that_is_opened_tells_what_why_tells(viewer, up, capsys):
    await send(up, "/demo/status/503", "browser-failed")
    await send(up, "/demo/ok", "browser-passed")
    page = await viewer.open(f"{up.url}?decisions=route:demo")
    await row(page, "browser-failed").get_by_role("button").first.click()
    await row(page, "browser-failed").locator(".decision-sentences li").first.wait_for()
    shown = await row(page, "browser-failed").locator(".decision-sentences li").all_inner_texts()
    assert await asyncio.to_thread(explain_request, up.admin_url, "browser-failed") == 0
    assert shown == capsys.readouterr().out.splitlines()
    assert "The upstream responded with 503." in shown
    assert await row(page, "browser-failed").locator(".attempts li").count() == 1
    assert "503 upstream error" in await row(page, "browser-failed").inner_text()
    assert "200 passed" in await row(page, "browser-passed").inner_text()


async def test_filters_hold_together_and_stand_in_the_address(viewer, up):
    await send(up, "/demo/ok", "browser-known")
    await send(up, "/demo/ok", "browser-unknown", key="wrong")
    page = await viewer.open(f"{up.url}?decisions=all")
    await row(page, "browser-known").wait_for()
    await page.locator(".decisions-narrow select").select_option("key_unknown")
    await row(page, "browser-known").wait_for(state="detached")
    await row(page, "browser-unknown").wait_for()

    async def is_shared() -> bool:
        return "decisions=reason:key_unknown" in page.url

    await eventually(is_shared, True, "the filter in the address")
    await page.get_by_label("Client", exact=True).fill("nobody")
    await page.get_by_text("None of them matches.").wait_for()
    await page.get_by_role("button", name="Show all", exact=True).last.click()
    await row(page, "browser-known").wait_for()


async def test_new_ones_wait_while_one_is_read(viewer, up):
    await send(up, "/demo/ok", "browser-first")
    page = await viewer.open(f"{up.url}?decisions=all")
    await row(page, "browser-first").get_by_role("button").first.click()
    await page.get_by_text("Held while one is open").wait_for()
    await send(up, "/demo/ok", "browser-second")
    assert await row(page, "browser-second").count() == 0
    await row(page, "browser-first").get_by_role("button").first.click()
    await page.mouse.move(0, 0)
    await row(page, "browser-second").wait_for()
    ids = await page.locator(".decision").evaluate_all("all => all.map((one) => one.dataset.request)")
    assert ids.index("browser-second") < ids.index("browser-first")


async def test_one_is_found_by_its_id_and_an_unknown_one_tells_the_reach(viewer, up):
    await send(up, "/demo/ok", "browser-found")
    page = await viewer.open(f"{up.url}?decisions=reason:rate_limited")
    await page.get_by_label("Request ID", exact=True).fill("browser-found")
    await page.get_by_role("button", name="Find").click()
    await page.locator(".decision-found").get_by_text("took route demo").wait_for()
    await page.get_by_label("Request ID", exact=True).fill("odd")
    await page.keyboard.press("Enter")
    notice = page.locator(".decisions-found .notice")
    await notice.wait_for()
    assert "No decision about 'odd' is kept; there are the last" in await notice.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_it(viewer, up, scheme):
    await send(up, "/demo/status/503", "browser-axe")
    await send(up, "/demo/ok", "browser-axe-2")
    for size in ((1440, 1000), (390, 844)):
        page = await viewer.open(f"{up.url}?decisions=all", scheme=scheme, size=size)
        await row(page, "browser-axe").get_by_role("button").first.click()
        await row(page, "browser-axe").locator(".decision-sentences li").first.wait_for()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_keyboard_opens_and_closes_one(viewer, up):
    await send(up, "/demo/ok", "browser-keys")
    page = await viewer.open(f"{up.url}?decisions=all")
    own = row(page, "browser-keys").get_by_role("button").first
    await own.focus()
    await page.keyboard.press("Enter")
    await row(page, "browser-keys").locator(".decision-sentences li").first.wait_for()
    assert await own.get_attribute("aria-expanded") == "true"
    await page.keyboard.press("Space")
    await row(page, "browser-keys").locator(".decision-explained").wait_for(state="detached")


async def test_a_route_leads_to_its_requests(viewer, up):
    await send(up, "/demo/ok", "browser-led")
    await send(up, "/cache/none", "browser-other")
    page = await viewer.open(up.url)
    await page.get_by_role("button", name="Decisions: route demo").click()
    await row(page, "browser-led").wait_for()
    assert await row(page, "browser-other").count() == 0
    assert await page.get_by_label("Route", exact=True).input_value() == "demo"
    assert await page.evaluate("document.activeElement.id") == "decisions-title"


async def test_the_address_may_name_a_policy(viewer, up):
    await send(up, "/demo/ok", "browser-of-no-policy")
    page = await viewer.open(f"{up.url}?decisions=policy:defaults")
    await page.get_by_text(re.compile(r"^The last \d")).wait_for()
    assert await page.get_by_label("Policy", exact=True).input_value() == "defaults"
    assert await row(page, "browser-of-no-policy").count() == 0


async def test_they_hold_still_while_one_is_pointed_at(viewer, up):
    await send(up, "/demo/ok", "browser-pointed")
    page = await viewer.open(f"{up.url}?decisions=all")
    await row(page, "browser-pointed").hover(position={"x": 100, "y": 5})
    await row(page, "browser-pointed").hover(position={"x": 140, "y": 9})  # by a hand: the first only enters
    await page.get_by_text("Held while you point at it").wait_for()
    await page.mouse.move(0, 0)
    await page.get_by_text("Held while you point at it").wait_for(state="detached")


async def test_what_is_typed_slowly_stays_and_a_reason_chosen_meanwhile_holds_too(viewer, up):
    await send(up, "/demo/ok", "browser-typed", key="wrong")
    await send(up, "/demo/ok", "browser-typed-passed")
    page = await viewer.open(f"{up.url}?decisions=all")
    await row(page, "browser-typed").wait_for()
    route = page.get_by_label("Route", exact=True)
    await route.press_sequentially("demo", delay=700)  # longer than a round of questions, and a key settles
    assert await route.input_value() == "demo"
    await route.press_sequentially("!")
    await page.locator(".decisions-narrow select").select_option("key_unknown")
    await page.get_by_text("None of them matches.").wait_for()
    assert await route.input_value() == "demo!"
    await route.press("Backspace")
    await row(page, "browser-typed").wait_for()
    assert await row(page, "browser-typed-passed").count() == 0


async def test_a_filter_that_changes_lets_the_list_go_on(viewer, up):
    await send(up, "/demo/ok", "browser-open", key="wrong")
    page = await viewer.open(f"{up.url}?decisions=all")
    await row(page, "browser-open").get_by_role("button").first.click()
    await page.get_by_text("Held while one is open").wait_for()
    await page.locator(".decisions-narrow select").select_option("no_route")
    await page.get_by_text("Held while one is open").wait_for(state="detached")
    await page.get_by_text("None of them matches.").wait_for()
