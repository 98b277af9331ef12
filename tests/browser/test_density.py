"""Many breakers on one screen: rows for the healthy, tiles for what asks for attention, and nothing jumps."""

import asyncio
import contextlib

import pytest

from tests.browser.test_gateways import gateway
from tests.browser.watching import eventually, feed, opened, row, state_of, tile, tiles
from tests.fakes.client import RawClient
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SCREEN = (1440, 900)
POLICIES = """
policies:
  - name: all
    spec:
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {consecutiveFailures: 3, openDuration: 1m}
  - name: rated
    spec:
      targetRefs: [{kind: Upstream, name: rated}]
      circuitBreaker:
        failureRate: {percent: 40, window: 1m, minimumRequests: 20}
        openDuration: 1m
  - name: slow
    spec:
      targetRefs: [{kind: Upstream, name: slow}]
      circuitBreaker:
        failureRate: {percent: 100, window: 1m, minimumRequests: 5}
        slowCalls: {percent: 60, threshold: 100ms}
        openDuration: 1m
  - name: flapping
    spec:
      targetRefs: [{kind: Upstream, name: flapping}]
      circuitBreaker: {consecutiveFailures: 1, openDuration: 100ms}
"""


def config(upstreams, policies=POLICIES):
    """`upstreams`: endpoints by name; each has a route of its own."""
    lines = ["upstreams:"]
    lines += [f"  {name}: {{endpoints: {list(endpoints)!r}}}" for name, endpoints in upstreams.items()]
    lines += ["routes:"]
    lines += [
        f"  - {{name: {name}, match: {{path: {{prefix: /{name}}}}}, upstream: {name}, auth: none}}"
        for name in upstreams
    ]
    return "\n".join(lines) + policies


def dead():
    return f"http://127.0.0.1:{free_port()}"


@contextlib.asynccontextmanager
async def forty(folder):
    """40 upstreams: `broken-1`, `broken-2` and `zz-broken` refuse connections, the others respond well."""
    async with RecorderUpstream() as up:
        names = {f"service-{number:02}": [up.url] for number in range(34)}
        names |= {name: [dead()] for name in ("broken-1", "broken-2", "zz-broken")}
        names |= {name: [up.url] for name in ("rated", "slow", "flapping")}
        async with gateway(folder, config(names)) as (port, _):
            yield port


async def fail(port, name, times=3):
    async with RawClient(port) as client:
        for _ in range(times):
            await client.request("GET", f"/{name}/x")


async def top_of(found):
    return await found.evaluate("one => one.getBoundingClientRect().top")


async def names_of(found):
    return await found.evaluate_all("all => all.map((one) => one.dataset.breaker)")


async def test_forty_breakers_stand_on_two_screens_and_only_a_broken_one_is_a_tile(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        rows = page.locator(".row[data-breaker]")
        await eventually(rows.count, 40, "a row for each")
        assert await tiles(page).count() == 0
        await fail(port, "broken-1")
        await eventually(lambda: names_of(tiles(page)), ["broken-1"], "the broken one is a tile")
        assert await rows.count() == 39
        end = await page.locator(".breakers").evaluate("one => one.getBoundingClientRect().bottom + scrollY")
        assert end <= 2 * SCREEN[1]
        timeline, list_top = [
            await page.locator(one).evaluate("one => one.getBoundingClientRect().top + scrollY")
            for one in (".timeline", ".breakers")
        ]
        assert timeline < SCREEN[1] / 2
        assert timeline < list_top
        heights = await rows.evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
        assert max(heights) <= 32, "one line each"


async def test_a_row_tells_its_figures_and_opens_into_its_tile_by_click_and_by_key(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        line = row(page, "service-05")
        async with RawClient(port) as client:
            for _ in range(20):
                await client.request("GET", "/service-05/x")

        async def figures():
            said = [
                await line.locator(f"[data-figure={one}]").inner_text() for one in ("rps", "errors", "p99")
            ]
            return said[0].startswith("2"), said[1].startswith("0"), "ms" in said[2]

        await eventually(figures, (True, True, True), "requests per second, errors, p99")
        assert await line.locator(".spark-ok").get_attribute("d")
        await line.get_by_role("button").click()
        own = tile(page, "service-05")
        assert "0 of 3 failures" in await own.locator(".tile-count").inner_text()
        assert await own.get_by_role("button", name="Drill … of service-05").count() == 1
        await page.keyboard.press("Enter")
        await line.wait_for()
        await page.keyboard.press("Enter")
        await own.wait_for()
        await own.locator(".tile-fold").click()
        await line.wait_for()
        assert await tiles(page).count() == 0


async def test_nothing_moves_while_the_pointer_or_the_keyboard_is_in_the_list(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        pointed = row(page, "service-33")
        await pointed.hover(position={"x": 8, "y": 6})
        await pointed.hover(position={"x": 12, "y": 8})  # by a hand: the first only enters
        place = await top_of(pointed)
        before = await names_of(page.locator(".row[data-breaker]"))
        await fail(port, "broken-1")
        await eventually(lambda: state_of(page, "broken-1"), "Open", "its row says so")
        held = page.locator(".held span")
        await held.wait_for()
        assert await names_of(page.locator(".row[data-breaker]")) == before
        assert await tiles(page).count() == 0
        assert await top_of(pointed) == pytest.approx(place, abs=1), "whatever grew above"
        await page.mouse.move(5, 5)
        await eventually(lambda: names_of(tiles(page)), ["broken-1"], "it catches up")
        await held.wait_for(state="detached")

        await page.locator("#breakers-title").focus()
        await page.get_by_label("Order").focus()
        await page.keyboard.press("Tab")
        assert await page.evaluate("!!document.activeElement.closest('.tile')")
        await fail(port, "broken-2")
        await eventually(lambda: state_of(page, "broken-2"), "Open", "its row says so")
        assert await names_of(tiles(page)) == ["broken-1"]
        await page.get_by_label("Order").focus()
        await eventually(lambda: names_of(tiles(page)), ["broken-1", "broken-2"], "and catches up")


async def test_the_one_with_the_most_lost_requests_comes_first(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        await fail(port, "broken-1", 5)
        await fail(port, "broken-2", 60)
        await eventually(lambda: names_of(tiles(page)), ["broken-2", "broken-1"], "the order of what is lost")
        await page.get_by_label("Order").select_option("name")
        await eventually(lambda: names_of(tiles(page)), ["broken-1", "broken-2"], "by name")


async def test_settings_unfolded_on_a_tile_make_no_tile_beside_it_grow(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        for name in ("broken-1", "broken-2"):
            await fail(port, name)
        await eventually(tiles(page).count, 2, "two tiles")
        heights = "all => all.map((one) => one.getBoundingClientRect().height)"
        before = await tiles(page).evaluate_all(heights)
        for part, said in ((".settings", "Open for"), (".endpoints", "127.0.0.1")):
            await tile(page, "broken-1").locator(f"{part} summary").click()
            assert said in await tile(page, "broken-1").locator(f"{part} .fold-body").inner_text()
            assert await tiles(page).evaluate_all(heights) == pytest.approx(before, abs=1), part


async def test_rates_and_slow_calls_are_told_with_their_numbers(viewer, tmp_path):
    async with RecorderUpstream() as up:
        names = {"rated": [up.url], "slow": [up.url]}
        async with gateway(tmp_path, config(names, POLICIES.split("  - name: flapping")[0])) as (port, _):
            page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
            own = await opened(page, "rated")
            rates = own.locator(".tile-rates")
            async with RawClient(port) as client:
                for _ in range(6):
                    await client.request("GET", "/rated/x")
                wanted = "the failure rate needs 20 requests, 6 so far"
                await eventually(lambda: plain(rates), wanted, "what it is judged by")
                for status in [503] * 6 + [200] * 12:
                    up.reply(status)
                    await client.request("GET", "/rated/x")
                await eventually(lambda: plain(rates), "25 % of 24 failing, opens at 40 %", "the share")
                for _ in range(6):
                    up.reply(503)
                    await client.request("GET", "/rated/x")
            why = own.locator(".tile-why")
            wanted = "Opened by 40 % of 30 failed, opens at 40 %; last error HTTP 503"
            await eventually(lambda: plain(why), wanted, "what opened it")

            await page.mouse.move(5, 5)  # else the order is held
            held = asyncio.Event()
            clients = [RawClient(port) for _ in range(5)]
            for client in clients:
                await client.__aenter__()
                up.pieces(held, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await client.send(b"GET /slow/x HTTP/1.1\r\nHost: a\r\n\r\n")
            await up.wait_for(35)
            asyncio.get_running_loop().call_later(0.15, held.set)
            for client in clients:
                assert (await client.read_response()).status == 200
                await client.__aexit__(None, None, None)
            await eventually(lambda: state_of(page, "slow"), "Open", "the slow one")
            wanted = "Opened by 100 % of 5 slower than 100 ms, opens at 60 %"
            await eventually(lambda: plain(tile(page, "slow").locator(".tile-why")), wanted, "what opened it")
            said = await plain(tile(page, "slow").locator(".tile-since"))
            assert said.startswith("down for ")
            assert "(since " in said


async def plain(found):
    return (await found.inner_text()).replace("\u00a0", " ").strip()


async def test_a_tile_shows_its_endpoints_and_warns_where_none_responds(viewer, tmp_path):
    async with RecorderUpstream() as up:
        gone = dead()
        names = {"halved": [up.url, gone], "nowhere": [dead()]}
        policies = "\npolicies: [{name: all, spec: {targetRefs: [{kind: Gateway}], retry: {attempts: 2}}}]\n"
        async with gateway(tmp_path, config(names, policies)) as (port, _):
            page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
            own = await opened(page, "halved")
            summary = own.locator(".endpoints summary")
            await eventually(lambda: plain(summary), "2 endpoints, not used yet", "before the first request")
            await fail(port, "halved", 12)
            address = gone.removeprefix("http://")
            await eventually(
                lambda: plain(summary), f"1 of 2 endpoints healthy, {address} ejected", "after requests"
            )
            await summary.click()
            listed = own.locator(".endpoint")
            assert await listed.count() == 2
            assert "ejected" in await listed.filter(has_text=address).inner_text()
            assert "healthy" in await listed.filter(has_text=up.authority).inner_text()

            lost = await opened(page, "nowhere")
            warning = lost.locator(".endpoints-warning")
            await warning.wait_for()
            assert "No endpoint was reachable at the start" in await warning.inner_text()
            assert "Connection refused" in await warning.inner_text()


async def test_repeated_openings_are_one_line_of_the_feed(viewer, tmp_path):
    names = {"flapping": [dead()]}
    async with gateway(tmp_path, config(names, POLICIES[: POLICIES.index("  - name: rated")] + FLAPPING)) as (
        port,
        _,
    ):
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        folds = page.locator(".event-fold")

        async def times():
            await fail(port, "flapping", 1)
            found = await folds.locator("strong").all_inner_texts()
            return [int(one.split()[1]) >= 6 for one in found]

        await eventually(times, [True], "one line that counts", 30)
        assert await feed(page, "breaker_opened").count() == 1, "the first opening stands by itself"
        assert await feed(page, "gateway_started").count() == 1
        await folds.locator("summary").click()

        async def all_of_them():
            return await folds.locator(".event").count() >= 12

        await eventually(all_of_them, True, "what was folded")
        text = (tmp_path / "gateway.yaml").read_text()
        (tmp_path / "gateway.yaml").write_text(text.replace("openDuration: 100ms", "openDuration: 200ms"))
        applied = feed(page, "config_applied").first
        await applied.wait_for()
        for _ in range(10):
            await fail(port, "flapping", 1)
        place = await page.locator(".feed-scroll > ol > li").evaluate_all(
            "all => all.map((one) => one.dataset.kind)"
        )
        assert place.index("config_applied") <= 2, "the edit does not drown"


FLAPPING = POLICIES[POLICIES.index("  - name: flapping") :]


async def test_no_band_stands_beside_a_wrong_name_in_any_frame(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        await fail(port, "broken-2")
        await page.evaluate(
            """() => {
              window.beside = []
              const began = {}
              const look = () => {
                const { chart } = document.getElementById("timeline")
                const names = [...document.querySelectorAll(".timeline-names bdi")].map((one) => one.textContent)
                for (const { band, y } of chart.data.datasets[0].data) {
                  began[band.fromMs] ??= names[y]
                  if (began[band.fromMs] !== names[y]) window.beside.push([band.fromMs, names[y]])
                }
                requestAnimationFrame(look)
              }
              look()
            }"""
        )
        for name in ("zz-broken", "broken-1"):
            await fail(port, name)
            first = page.locator(".timeline-names li", has_text=name)
            await eventually(first.locator(".mark-open").count, 1, "its row is an open one")
        assert await page.evaluate("window.beside") == []


async def test_the_rows_of_the_timeline_keep_their_places_while_pointed_at(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        rows = page.locator(".timeline-names bdi")
        await fail(port, "broken-2")
        await eventually(rows.first.inner_text, "broken-2", "the open one is the first")
        assert await rows.count() == 6
        before = await rows.all_inner_texts()
        pointed = page.locator(".timeline-names li").nth(2)
        await pointed.hover(position={"x": 8, "y": 6})
        await pointed.hover(position={"x": 12, "y": 8})  # by a hand: the first only enters
        place = await top_of(pointed)
        for name in ("broken-1", "zz-broken"):
            await fail(port, name)
        await eventually(rows.all_inner_texts, [*before, "zz-broken"], "what opens meanwhile comes below")
        assert await top_of(pointed) == pytest.approx(place, abs=1), "whatever grew above"
        await page.mouse.move(5, 5)
        wanted = ["broken-1", "broken-2", "zz-broken"]
        await eventually(lambda: first_three(rows), wanted, "and catches up")


async def first_three(rows):
    return (await rows.all_inner_texts())[:3]


async def test_the_loudest_button_of_a_production_page_is_no_drill(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=SCREEN)
        drill = page.get_by_role("button", name="Start a drill …")
        await drill.wait_for()
        assert await drill.evaluate("one => getComputedStyle(one).backgroundColor") == "rgba(0, 0, 0, 0)"
        assert await page.locator("header .primary").count() == 0


async def test_on_a_phone_the_order_is_the_same_and_the_events_are_a_tap_away(viewer, tmp_path):
    async with forty(tmp_path) as port:
        page = await viewer.open(f"http://127.0.0.1:{port}", size=(390, 844))
        await row(page, "service-00").wait_for()
        tops = "all => all.map((one) => one.getBoundingClientRect().top)"
        parts = page.locator(".hero, .timeline, .breakers, .feed")
        found = await parts.evaluate_all(tops)
        assert found == sorted(found)
        for name, title in (("events", "feed"), ("timeline", "timeline"), ("breakers", "breakers")):
            await page.get_by_role("link", name=f"To the {name}").click()
            heading = page.locator(f"#{title}-title")

            async def in_view(heading=heading):
                top = await heading.evaluate("one => one.getBoundingClientRect().top")
                return 0 <= top < 844 - 48

            await eventually(in_view, True, name)
        wide = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1]
