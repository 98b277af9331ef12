"""An edit under traffic, as somebody sees it who is called: what changed, what it did, whom it hits, and how it goes
back; and what a policy in Shadow mode would do."""

import asyncio
import contextlib
import hashlib
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.browser.watching import eventually, violations
from tests.fakes.client import RawClient
from tests.fakes.process import Child, free_ports
from tests.fakes.upstream import RecorderUpstream

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

CLIENTS = {"acme": 12, "bella": 3}  # requests in a round
ROUND_S = 0.4
SEEN_S = 12.0  # more than the ten seconds that rates need
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def document(upstream, requests, *policies):
    rule = {"name": "per-client", "key": "Client", "requests": requests, "period": "1m", "burst": 100}
    defaults = {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": [rule]}}
    return {
        "upstreams": {"orders": {"endpoints": [upstream.url]}},
        "routes": [{"name": "orders", "match": {"path": {"prefix": "/"}}, "upstream": "orders"}],
        "keys": [
            {"name": name, "hash": "sha256:" + hashlib.sha256(name.encode()).hexdigest()} for name in CLIENTS
        ],
        "policies": [{"name": "defaults", "spec": defaults}, *policies],
    }


SHADOW: dict[str, Any] = {
    "name": "trial",
    "spec": {
        "targetRefs": [{"kind": "Route", "name": "orders"}],
        "mode": "Shadow",
        "rateLimit": {"rules": [{"name": "all", "key": "Global", "requests": 1, "period": "1m"}]},
        "circuitBreaker": {"consecutiveFailures": 3},
    },
}


class Running:
    """A gateway with its file and its traffic."""

    def __init__(self, file, port, upstream) -> None:
        self.file, self.port, self.upstream = file, port, upstream

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, requests, *policies) -> None:
        self.file.write_text(yaml.safe_dump(document(self.upstream, requests, *policies)))

    def put_back(self, text) -> None:
        """As the page says it: policies of `text` in the place of those of their names."""
        given = {policy["name"]: policy for policy in yaml.safe_load(text)["policies"]}
        now = yaml.safe_load(self.file.read_text())
        now["policies"] = [given.get(policy["name"], policy) for policy in now["policies"]]
        self.file.write_text(yaml.safe_dump(now))

    async def send(self) -> None:
        """Requests of all clients, until cancelled."""
        async with contextlib.AsyncExitStack() as stack:
            connections = {name: await stack.enter_async_context(RawClient(self.port)) for name in CLIENTS}
            while True:
                for name, count in CLIENTS.items():
                    for _ in range(count):
                        await connections[name].request("GET", "/x", [("X-API-Key", name)])
                await asyncio.sleep(ROUND_S)


@pytest_asyncio.fixture(loop_scope="session")
async def running(tmp_path):
    port, admin_port = free_ports(2)
    env = {
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "HOST": "127.0.0.1",
        "ACCESS_LOG": "off",
        "RATE_LIMIT": "off",
    }
    async with RecorderUpstream() as upstream:
        made = Running(tmp_path / "gateway.yaml", port, upstream)
        made.write(1800, SHADOW)
        async with Child.app("gateway", "--config", str(made.file), env=env) as child:
            await child.wait_port(port)
            sending = asyncio.get_running_loop().create_task(made.send())
            try:
                yield made
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


def edit(page, sequence):
    return page.locator(f'.edit[data-edit="{sequence}"]')


async def seconds_seen(page, seconds):
    """The page has seen so many seconds of traffic since it was opened."""

    async def seen() -> bool:
        text = await page.locator(".top-facts").inner_text()
        return bool(text) and await page.evaluate("performance.now()") > seconds * 1000

    await eventually(seen, True, f"{seconds} s of traffic", seconds=seconds * 3)


async def text_of(locator):
    return (await locator.inner_text()).replace("\u00a0", " ")


async def says(locator, *words):
    text = " ".join((await text_of(locator)).split())
    return all(word in text for word in words)


async def test_an_edit_is_told_marked_measured_and_put_back(viewer, running):
    page = await viewer.open(running.url, **CLIPBOARD)
    changes = page.locator(".changes")
    await eventually(lambda: says(changes, "No edit since the gateway started"), True, "no edit yet")
    await seconds_seen(page, SEEN_S)

    running.write(18, SHADOW)
    row = edit(page, 2)
    await row.wait_for()
    assert await says(row, "gateway.yaml", "per-client.requests 1800 → 18", "file · defaults")
    before = row.locator('[data-side="before"]')
    await eventually(lambda: says(before, "s before", "0 %"), True, "rates before the edit")
    assert await says(row.locator('[data-side="after"]'), "not enough seen yet")

    marker = page.get_by_role("button", name="per-client.requests 1800 → 18")
    await eventually(marker.count, 1, "one marker that the keyboard reaches")
    await page.locator(".charts").scroll_into_view_if_needed()  # charts out of sight are not drawn
    await eventually(page.locator('.charts .markers [data-mark="2"]').count, 4, "a marker on each chart")
    await marker.focus()
    await eventually(page.locator(".timeline .markers .tip").inner_text, await marked(marker), "its text")
    await page.keyboard.press("Enter")
    await eventually(lambda: focused_edit(page), "2", "the marker leads to its row")
    await eventually(lambda: address(page), "?edit=2", "and so does the page's address")
    await row.get_by_role("button", name="Clear").click()
    await eventually(lambda: address(page), "", "until it is cleared")

    opened = await page.evaluate("performance.now()") / 1000
    await seconds_seen(page, opened + SEEN_S)
    await row.get_by_role("button", name="Copy YAML: Replace defaults in gateway.yaml").click()
    await row.get_by_role("button", name="Copied").wait_for()
    running.put_back(await page.evaluate("navigator.clipboard.readText()"))
    back = edit(page, 3)
    await back.wait_for()
    assert await says(back, "per-client.requests 18 → 1800")
    limit = page.locator('[data-limit="defaults/per-client"]')
    await eventually(lambda: says(limit, "1,800/min per client"), True, "the old value is in force")

    after = row.locator('[data-side="after"]')
    await eventually(lambda: says(after, "s after"), True, "rates after the edit")
    assert await after.locator(".bad").count() == 1, "rejections are marked"
    later = await viewer.open(running.url, scheme="dark")
    await eventually(lambda: says(edit(later, 2), "s before", "s after"), True, "also for who comes later")
    assert await violations(page) == []
    assert await violations(later) == []


async def address(page):
    return await page.evaluate("location.search")


async def marked(marker):
    return (await marker.get_attribute("aria-label")).removeprefix("Edit ")


async def focused_edit(page):
    return await page.evaluate("document.activeElement.dataset.edit ?? ''")


async def test_whom_a_limit_rejects_is_named_and_linked(viewer, running):
    running.write(6, SHADOW)
    page = await viewer.open(running.url)
    row = page.locator('[data-clients="rules/defaults/per-client"]')
    await row.wait_for(timeout=60_000)

    async def first() -> str:
        return str(await text_of(row.locator(".client-name").first))

    await eventually(first, "acme", "who is rejected most", seconds=60)
    assert await says(row, "none left now")
    await page.get_by_role("button", name="Show the edit").click(timeout=30_000)
    await eventually(lambda: focused_edit(page), "2", "the verdict leads to the edit that began it")
    route = page.locator('tr[data-route="orders"]')
    await route.get_by_role("button", name="acme").click()
    await eventually(lambda: focused_clients(page), "routes/orders", "the route's row leads there")
    limit = page.locator('[data-limit="defaults/per-client"]')
    await limit.get_by_role("button", name="acme").click()
    await eventually(lambda: focused_clients(page), "rules/defaults/per-client", "so does the limit's")
    assert await violations(page) == []
    phone = await viewer.open(running.url, size=(390, 844))
    await phone.locator('[data-clients="rules/defaults/per-client"]').wait_for()
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390, (
        "nothing is wider than a phone"
    )
    assert await violations(phone) == []


async def focused_clients(page):
    return await page.evaluate("document.activeElement.dataset.clients ?? ''")


async def test_a_shadow_policy_says_what_it_would_reject_and_is_enforced_by_what_is_copied(viewer, running):
    page = await viewer.open(running.url, **CLIPBOARD)
    row = page.locator('[data-shadow="trial"]')
    await row.wait_for()

    async def rejects() -> bool:
        said = await row.locator(".shadow-count b").all_inner_texts()
        return bool(said) and float(said[0].replace(",", "")) > 20

    await eventually(rejects, True, "what it would have rejected", seconds=30)
    assert await says(
        row, "would have rejected", "since", "limit all: 1 per 1m for all clients", "breaker: 3 in a row"
    )
    await row.get_by_role("button", name="Copy as Enforce: trial as Enforce").click()
    await row.get_by_role("button", name="Copied").wait_for()
    enforced = yaml.safe_load(await page.evaluate("navigator.clipboard.readText()"))["policies"]
    assert enforced == [{"name": "trial", "spec": {"mode": "Enforce"}}]
    running.write(1800, {"name": "trial", "spec": {**SHADOW["spec"], **enforced[0]["spec"]}})
    await row.wait_for(state="detached")
    await page.locator('[data-limit="trial/all"]').wait_for()
