"""The table of routes: its order, its links, its figures, on a phone, too."""

import pytest

from tests.browser.dead_ends import address, gateway, query_of, send
from tests.browser.watching import eventually, tile
from tests.fakes import answers
from tests.fakes.upstream import RecorderUpstream

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def routes_shown(page):
    return await page.evaluate(
        "[...document.querySelectorAll('tr[data-route]')].map((one) => one.dataset.route)"
    )


def figure(page, route, key):
    return page.locator(f'tr[data-route="{route}"] [data-figure={key}]')


async def test_the_routes_that_lose_most_come_first_and_lead_to_their_breakers(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        page = await viewer.open(address(port))
        await page.locator(".routes").scroll_into_view_if_needed()
        assert await routes_shown(page) == ["orders", "pay", "users"], "nothing is lost yet: by name"
        await send(port, *["/pay/1"] * 8, *["/users/1"] * 2)
        await eventually(lambda: routes_shown(page), ["pay", "users", "orders"], "by requests lost")

        async def shares() -> tuple[str, ...]:
            keys = ("errors", "rejected")
            return tuple(
                [(await figure(page, "pay", key).inner_text()).replace("\u00a0", " ") for key in keys]
            )

        await eventually(shares, ("38 %", "63 %"), "three failed at the upstream, five met the open breaker")
        await page.get_by_role("button", name="Breaker payments, open").click()
        await eventually(
            lambda: page.evaluate("document.activeElement?.dataset?.breaker ?? ''"),
            "payments",
            "its tile has focus",
        )
        assert await tile(page, "payments").is_visible()

        await page.get_by_role("columnheader", name="Route").get_by_role("button").click()
        await page.mouse.move(5, 5)
        await eventually(lambda: routes_shown(page), ["orders", "pay", "users"], "by name")

        async def shared() -> object:
            return (await query_of(page)).get("routes")

        await eventually(shared, "name", "the order is in the link")
        await page.get_by_label("Find breakers by name").fill("user")
        await eventually(lambda: routes_shown(page), ["users"], "found by the same text")
        await page.get_by_label("Find breakers by name").fill("nothing of that name")
        await page.locator(".routes").get_by_text("No match").wait_for()


async def test_on_a_phone_a_route_is_a_card_with_all_its_figures(viewer, tmp_path):
    async with gateway(tmp_path) as port:
        await send(port, "/pay/1", "/users/1")
        page = await viewer.open(address(port), size=(390, 844))
        await page.locator(".routes").scroll_into_view_if_needed()
        for key in ("lost", "rps", "errors", "rejected", "p50", "p99", "total"):
            box = await figure(page, "pay", key).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
        await page.get_by_label("Sort routes by").select_option("name")
        await eventually(lambda: routes_shown(page), ["orders", "pay", "users"], "by name")


FAILING = """
upstreams:
  notify: {{endpoints: ["{url}"]}}
routes:
  - {{name: notify, match: {{path: {{prefix: /}}}}, upstream: notify, auth: none}}
policies:
  - name: own
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{failureOn: [429, 5xx], consecutiveFailures: 50}}
"""


async def test_statuses_that_a_breaker_counts_as_failures_are_errors_of_the_route(viewer, tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.default = answers.reply(429)
        config = FAILING.format(url=upstream.url)
        async with gateway(tmp_path, config) as port:
            await send(port, *["/1"] * 4)
            page = await viewer.open(address(port))
            await page.locator(".routes").scroll_into_view_if_needed()

            async def both() -> list[str]:
                own = tile(page, "notify").locator("[data-figure=errors]")
                return [await one.inner_text() for one in (figure(page, "notify", "errors"), own)]

            await eventually(both, ["100\u00a0%"] * 2, "route and breaker say the same")
