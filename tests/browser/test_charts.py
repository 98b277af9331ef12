"""Charts, and what of the page can be shared: links, files, the name of the gateway."""

import csv
import io
import json
import socket
from datetime import datetime

import pytest

from tests.browser.dead_ends import address, gateway, query_of, send
from tests.browser.watching import bands, eventually, shown

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

CHARTS = ("outcomes", "latency", "limits", "connections")
POD = {"POD_NAME": "gw-7d9f-abcde", "POD_NAMESPACE": "shop", "GATEWAY_NAME": "front", "NODE_NAME": "node-3"}


async def span_ms(page, chart="timeline"):
    """What the time axis of a chart shows."""
    return await page.evaluate(
        "id => { const { x } = document.getElementById(id).chart.scales; return [x.min, x.max] }", chart
    )


async def test_a_link_shows_another_viewer_the_same_window_selection_and_filter(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        await send(port, "/orders/1", "/orders/2", "/orders/3")
        page = await viewer.open(address(port))

        async def opened() -> bool:
            return any(state == "open" for state, _ in await bands(page, "orders"))

        await eventually(opened, True, "the band of the open breaker")
        await page.get_by_label("Find breakers by name").fill("ord")
        await page.locator(".breakers select").select_option("name")
        await page.get_by_text("Transitions as a table").click()
        await page.get_by_role("region", name="Transitions").get_by_role("button").first.click()
        await page.locator('.timeline-detail[data-picked="orders"]').wait_for()

        async def written() -> set[str]:
            return set(await query_of(page))

        await eventually(written, {"time", "selected", "find", "order"}, "the address")
        assert (await query_of(page))["selected"].startswith("orders,20")
        link = str(await page.evaluate("location.search"))
        fixed = (await query_of(page))["time"].split("/")

        other = await viewer.open(address(port, link))
        assert await other.get_by_label("Find breakers by name").input_value() == "ord"
        assert await other.locator(".breakers select").input_value() == "name"
        await other.locator('.timeline-detail[data-picked="orders"]').wait_for()
        await eventually(lambda: query_of(other), await query_of(page), "the same address")
        if len(fixed) == 2:
            wanted = [datetime.fromisoformat(end).timestamp() * 1000 for end in fixed]
            await shows(other, "timeline", wanted)
        assert await other.locator(".url-notice").count() == 0


async def test_a_window_of_the_past_is_the_same_for_another_viewer(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        await send(port, "/orders/1")
        past = "2026-11-27T14:03:12Z/2026-11-27T14:05:12Z"
        page = await viewer.open(address(port, f"?time={past}"))
        ends = [datetime.fromisoformat(end).timestamp() * 1000 for end in past.split("/")]
        await shown(page, "orders").wait_for()
        for chart in ("timeline", "canvas-latency"):
            await page.locator(f"#{chart}").scroll_into_view_if_needed()
            await page.wait_for_function("id => Boolean(document.getElementById(id)?.chart)", arg=chart)
            await shows(page, chart, ends)


async def shows(page, chart, wanted):
    """Waits until the chart's time axis shows the window."""
    await eventually(lambda: span_ms(page, chart), wanted, "the window of the link")


async def test_what_a_link_says_wrongly_is_ignored_with_a_quiet_notice(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(
            address(port, "?time=yesterday&order=9&state=&selected=gone&find=user&x=%E0%A4%A")
        )
        notice = page.locator(".url-notice")
        await eventually(notice.count, 1, "the notice")
        said = await notice.inner_text()
        for part in ("time=yesterday", "such as 5m", "order=9", "selected=gone", "no such breaker"):
            assert part in said
        assert await page.get_by_label("Find breakers by name").input_value() == "user"
        await shown(page, "users").wait_for()
        await notice.get_by_role("button", name="Dismiss").click()
        await eventually(notice.count, 0, "no notice")


async def test_the_page_says_which_pod_it_shows_and_in_which_zone_its_times_are(viewer, tmp_path):
    async with gateway(tmp_path, **POD) as port:
        page = await viewer.open(address(port), timezone_id="Asia/Kolkata")
        said = await page.locator(".top-facts").inner_text()
        for part in ("pod gw-7d9f-abcde", "namespace shop", "gateway front", "node node-3", "UTC+05:30"):
            assert part in said
        event = page.locator(".event time").first
        assert str(await event.get_attribute("title")).endswith("UTC+05:30")
        await page.close()


async def test_outside_a_cluster_it_is_the_host(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(address(port))
        first = (await page.locator(".top-facts span").first.inner_text()).lower()
        assert first.startswith("host ")
        assert first.removeprefix("host ").startswith(socket.gethostname().lower()[:5].replace("_", "-"))


async def test_a_slash_leads_to_the_filter_and_a_question_mark_to_the_keys(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(address(port))
        await page.keyboard.press("/")
        await page.keyboard.type("pay/?")
        field = page.get_by_label("Find breakers by name")
        assert await field.input_value() == "pay/?", "typed, not taken as keys"
        await field.blur()
        await page.keyboard.press("?")
        help_dialog = page.get_by_role("dialog", name="Keys and sharing")
        assert "Find breakers and routes" in await help_dialog.inner_text()
        await page.keyboard.press("Escape")
        await help_dialog.wait_for(state="hidden")


async def drawn(page):
    """All charts are there."""
    for chart in CHARTS:
        await page.locator(f"#canvas-{chart}").scroll_into_view_if_needed()
        await page.wait_for_function(
            "id => Boolean(document.getElementById(id)?.chart)", arg=f"canvas-{chart}"
        )


def legend(page, chart):
    return page.locator(f".chart:has(#canvas-{chart}) .legend")


async def test_pointing_at_one_chart_shows_the_same_instant_in_all_of_them(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(address(port), size=(1440, 2600))
        await drawn(page)
        for _ in range(3):
            await send(port, "/users/1")
        named = legend(page, "outcomes").locator('[data-series="key_missing"]')
        await named.wait_for()
        place = page.locator("#canvas-outcomes")
        box = await place.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
        lines = page.locator(".crosshair:not([hidden])")
        await eventually(
            lines.count, 1 + len(CHARTS) - await page.locator(".chart-empty").count(), "the lines"
        )
        instants = await page.evaluate(
            """() => [...document.querySelectorAll(".crosshair:not([hidden])")].map((line) => {
              const canvas = line.parentElement.querySelector("canvas")
              const { x } = canvas.chart.scales
              return x.getValueForPixel(new DOMMatrix(getComputedStyle(line).transform).m41)
            })"""
        )
        assert max(instants) - min(instants) < 500, "one instant, to a pixel"
        assert "–" in await named.inner_text(), "before the gateway there was nothing"

        at = await page.evaluate(
            """() => {
              const { chart } = document.getElementById("canvas-outcomes")
              const data = chart.data.datasets.find((one) => one.label === "key missing").data
              const best = data.reduce((a, b) => (b.y > a.y ? b : a))
              return chart.scales.x.getPixelForValue(best.x)
            }"""
        )
        await page.mouse.move(box["x"] + at, box["y"] + 80)

        async def value() -> bool:
            return float((await named.locator("b").inner_text()).replace("–", "0")) > 0

        await eventually(value, True, "the value at that second")
        assert (
            await page.locator(".timeline-plot .crosshair b").inner_text()
            == await page.locator(".chart:has(#canvas-outcomes) .chart-at").inner_text()
        )
        await page.mouse.move(5, 5)
        await eventually(lines.count, 0, "no line when nothing is pointed at")
        await page.locator(".chart-plot").first.focus()
        await page.keyboard.press("Shift+ArrowRight")
        await eventually(lines.count, 1 + len(CHARTS) - await page.locator(".chart-empty").count(), "by keys")


async def test_an_empty_plot_says_so_in_words_and_legends_list_only_what_occurred(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(address(port))
        await drawn(page)
        begin, end = await span_ms(page)
        assert end - begin == pytest.approx(60_000, abs=2_000), "a minute, for it has just started"
        for chart in ("outcomes", "latency"):
            plot = page.locator(f".chart-plot:has(#canvas-{chart})")
            await plot.get_by_text("No requests in this window").wait_for()
            assert await page.locator(f"#canvas-{chart}").is_hidden(), "no axes of nothing"
        assert await legend(page, "outcomes").locator("li").count() == 0
        await send(port, "/users/1", "/nowhere", "/orders/1")
        await legend(page, "outcomes").get_by_text("upstream connect").wait_for()
        said = [
            await one.get_attribute("data-series")
            for one in await legend(page, "outcomes").locator("li").all()
        ]
        assert said == ["no_route", "key_missing", "upstream_connect"]
        assert await page.locator("#canvas-outcomes").is_visible()


async def test_latency_has_an_axis_of_powers_of_ten(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        await send(port, *["/users/1"] * 5)
        page = await viewer.open(address(port))
        await drawn(page)
        await legend(page, "latency").get_by_text("p99").wait_for()
        ticks = await page.evaluate(
            "document.getElementById('canvas-latency').chart.scales.y.ticks.map((one) => one.label)"
        )
        assert len(ticks) >= 3
        assert {label.replace("\u00a0", " ") for label in ticks} <= {
            "0.1 ms",
            "1 ms",
            "10 ms",
            "100 ms",
            "1 s",
            "10 s",
        }


async def test_the_charts_are_saved_as_csv_and_json(viewer, tmp_path):
    async with gateway(tmp_path, **POD) as port:
        await send(port, *["/orders/1"] * 4)
        page = await viewer.open(address(port))
        await drawn(page)
        await legend(page, "outcomes").get_by_text("breaker open").wait_for()
        saved = {}
        for kind in ("CSV", "JSON"):
            async with page.expect_download() as begun:
                await page.get_by_role("button", name=f"Export as {kind}").click()
            download = await begun.value
            assert download.suggested_filename.startswith("tidegate-shop-gw-7d9f-abcde-20")
            assert download.suggested_filename.endswith(kind.lower())
            saved[kind] = (await download.path()).read_text()

    rows = list(csv.DictReader(io.StringIO(saved["CSV"])))
    assert {row["pod"] for row in rows} == {"shop/gw-7d9f-abcde"}
    assert sum(float(row["outcome.upstream_connect"] or 0) for row in rows) == 3
    assert sum(float(row["outcome.breaker_open"] or 0) for row in rows) == 1
    (opened,) = [row for row in rows if row["event"]]
    assert (opened["event"], opened["subject"]) == ("breaker_open", "orders")
    assert opened["detail"].startswith("closed to open: consecutive_failures")
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)

    whole = json.loads(saved["JSON"])
    assert whole["gateway"]["pod"] == "gw-7d9f-abcde"
    assert sum(whole["series"]["columns"]["outcome.upstream_connect"]) == 3
    assert [(one["breaker"], one["to"]) for one in whole["transitions"]] == [("orders", "open")]
    assert whole["edits"] == []


async def test_a_phones_charts_have_three_labels_of_time_at_least(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        await send(port, "/users/1", "/orders/1")
        page = await viewer.open(address(port), size=(390, 844))
        await drawn(page)
        await legend(page, "outcomes").get_by_text("key missing").wait_for()
        for chart in CHARTS[:2]:
            labels = await page.evaluate(
                "id => document.getElementById(id).chart.scales.x.ticks.length", f"canvas-{chart}"
            )
            assert labels >= 3
