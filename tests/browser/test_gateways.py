"""The page before other gateways: one that restarts, one with 200 upstreams, one with hostile names."""

import contextlib

import pytest

from tests.browser.watching import bands, eventually, opened, row, shown, tile, tiles
from tests.fakes.client import RawClient
from tests.fakes.process import Child, free_port, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DEAD = "http://127.0.0.1:9"


@contextlib.asynccontextmanager
async def gateway(folder, config, **env):
    (folder / "gateway.yaml").write_text(config)
    port, admin_port = free_ports(2)
    env = {
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "HOST": "127.0.0.1",
        "ACCESS_LOG": "off",
        "RATE_LIMIT": "off",
        **env,
    }
    async with Child.app("gateway", "--config", str(folder / "gateway.yaml"), env=env) as child:
        await child.wait_port(int(env["PORT"]))
        yield int(env["PORT"]), child


def many(count):
    names = [f"service-{number:03}" for number in range(count)]
    upstreams = "".join(f'  {name}: {{endpoints: ["{DEAD}"]}}\n' for name in names)
    routes = "".join(
        f"  - {{name: {name}, match: {{path: {{prefix: /{name}}}}}, upstream: {name}, auth: none}}\n"
        for name in names
    )
    return f"upstreams:\n{upstreams}routes:\n{routes}"


async def test_it_says_not_live_and_comes_back_after_a_restart_of_the_gateway(viewer, tmp_path):
    port = free_port()
    viewer.expected = ("WebSocket connection", "net::ERR")
    async with gateway(tmp_path, many(2), PORT=str(port)):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        assert await page.locator(".not-live").count() == 0
    await page.locator(".not-live").wait_for()
    assert await page.locator("[data-live]").inner_text() == "Not live"
    assert "as of" in await page.locator(".not-live").inner_text()
    frozen = await (await opened(page, "service-000")).locator(".tile-since").inner_text()
    await eventually(lambda: waits_long(page), True, "the pauses grow")
    assert await tile(page, "service-000").locator(".tile-since").inner_text() == frozen, "time stands still"
    await page.mouse.move(5, 5)  # over the list it would hold the order
    async with gateway(tmp_path, many(3), PORT=str(port)):
        await page.locator("[data-live=live]").wait_for(timeout=20_000)
        await page.locator(".not-live").wait_for(state="detached")
        await shown(page, "service-002").wait_for()


async def waits_long(page):
    """Only after three tries in vain is the next one that far away."""
    said = (await page.locator(".not-live").inner_text()).replace("\u00a0", " ")
    return any(f"Next try in {pause} s" in said for pause in (3, 4, 5, 6))


async def test_two_hundred_upstreams_are_found_filtered_and_the_broken_ones_come_first(viewer, tmp_path):
    async with gateway(tmp_path, many(200)) as (port, _):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        each = page.locator("[data-breaker]")
        await eventually(each.count, 200, "a row for each")
        async with RawClient(port) as client:
            for _ in range(3):
                await client.request("GET", "/service-137/x")
        first = each.first

        async def who() -> object:
            return await first.get_attribute("data-breaker")

        await eventually(who, "service-137", "the broken one comes first")
        assert await tiles(page).count() == 1
        await page.get_by_role("heading", level=1, name="service-137 down for").wait_for()
        assert "upstream connect" in await first.locator(".tile-why").inner_text()
        await page.get_by_role("button", name="Open 1").click()
        await eventually(each.count, 1, "only open ones")
        await page.get_by_role("button", name="All 200", exact=True).click()
        await page.get_by_label("Find breakers by name").fill("service-01")
        await eventually(each.count, 10, "those of that name")
        await page.get_by_label("Find breakers by name").fill("")
        await page.get_by_label("Order").select_option("name")
        ordered = page.locator(".row[data-breaker]").first
        await eventually(lambda: ordered.get_attribute("data-breaker"), "service-000", "by name")
        await page.get_by_label("Order").select_option("lost")
        await eventually(who, "service-137", "the broken one first again")

        assert await page.locator(".timeline-names li").count() == 6, "most have never moved"
        assert [state for state, _ in await bands(page, "service-137")] == ["closed", "open"]
        await page.get_by_role("button", name="Show all 200 breakers").click()
        await eventually(page.locator(".timeline-names li").count, 200, "all rows")

        async def drawn() -> bool:
            return [state for state, _ in await bands(page, "service-199")] == ["closed"]

        await eventually(drawn, True, "the last row's band")


HOSTILE = "<img src=x onerror=window.hit=1>"
MATCHES = f"""
upstreams:
  plain: {{endpoints: ["{DEAD}"]}}
routes:
  - name: hostile
    match:
      path: {{prefix: /}}
      headers: {{X-Name: "{HOSTILE}"}}
    upstream: plain
    auth: none
policies:
  - name: p
    spec:
      targetRefs: [{{kind: Gateway}}]
      rateLimit: {{rules: [{{name: r, key: Header, header: X-Name, requests: 5, period: 1m}}]}}
"""


async def test_hostile_text_of_a_configuration_is_shown_as_text(viewer, tmp_path):
    async with gateway(tmp_path, MATCHES) as (port, _):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        row = page.locator('tr[data-route="hostile"]')
        await row.wait_for()
        assert HOSTILE in await row.inner_text()
        assert await page.locator("img").count() == 0
        assert await page.evaluate("window.hit") is None


async def test_without_a_token_there_are_no_drills_and_without_a_demo_no_test(viewer, tmp_path):
    async with gateway(tmp_path, many(1)) as (port, _):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        assert await page.get_by_role("button", name="Run circuit breaker test").count() == 0
        await page.get_by_role("button", name="Start a drill …").click()
        dialog = page.get_by_role("dialog")
        assert "ADMIN_TOKEN" in await dialog.inner_text()
        assert await dialog.get_by_role("textbox").count() == 0
        await dialog.get_by_role("button", name="Understood").click()
        await dialog.wait_for(state="hidden")


async def test_a_breaker_that_opens_among_many_looks_like_any_open_one(viewer, tmp_path):
    async with gateway(tmp_path, many(30)) as (port, _):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        own = tile(page, "service-000")
        await row(page, "service-000").wait_for()
        assert await own.count() == 0, "a closed one among many is a line"
        async with RawClient(port) as client:
            for _ in range(3):
                await client.request("GET", "/service-000/x")
        await page.get_by_role("heading", name="service-000 down for").wait_for()
        await eventually(tiles(page).count, 1, "its tile")
        assert "tile-open" in (await own.get_attribute("class") or "").split()
        assert await own.get_by_role("button", name="Drill … of service-000").is_visible()
