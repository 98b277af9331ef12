"""Viewers as they come: more than there is place for, and with clocks that are wrong."""

import asyncio
import re

import pytest

from tests.browser.test_gateways import gateway, many
from tests.browser.watching import eventually
from tests.fakes.client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

MOST_VIEWERS = 1_000
AT_ONCE = 50
HANDSHAKE = (
    "GET /monitor/ws HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
AHEAD = """
(() => {
  const Real = Date
  globalThis.Date = class extends Real {
    constructor(...given) {
      if (given.length) super(...given)
      else super(Real.now() + AHEAD_MS)
    }
    static now() {
      return Real.now() + AHEAD_MS
    }
  }
})()
"""


async def silent_viewer(port):
    """One that is connected and reads nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(HANDSHAKE.format(port=port).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return writer


async def test_who_comes_after_a_thousand_reads_why_and_gets_in_when_one_leaves(viewer, tmp_path):
    async with gateway(tmp_path, many(2), MAX_CONNECTIONS="2000") as (port, _):
        seen = []
        for _ in range(0, MOST_VIEWERS, AT_ONCE):
            seen += await asyncio.gather(*(silent_viewer(port) for _ in range(AT_ONCE)))
        page = await viewer.open(f"http://127.0.0.1:{port}", live=False)
        note = page.locator(".not-live")
        await note.wait_for()
        assert "1,000 viewers are connected, which is the most" in await note.inner_text()
        assert await page.locator("[data-live]").inner_text() == "Not live"
        assert await page.locator("h1").inner_text() == "No connection to the gateway"
        async with RawClient(port) as client:
            assert (await client.request("GET", "/nowhere")).status == 404  # traffic goes on
        seen.pop().close()
        await page.locator("[data-live=live]").wait_for(timeout=30_000)
        await note.wait_for(state="detached")
        for writer in seen:
            writer.close()


@pytest.mark.parametrize("ahead_ms", [60_000, -60_000])
async def test_ages_are_right_though_the_viewers_clock_is_a_minute_off(viewer, tmp_path, ahead_ms):
    async with gateway(tmp_path, many(2)) as (port, _):
        page = await viewer.open(f"http://127.0.0.1:{port}")
        await page.add_init_script(AHEAD.replace("AHEAD_MS", str(ahead_ms)))
        await page.reload()
        await page.locator("[data-live=live]").wait_for()
        async with RawClient(port) as client:
            for _ in range(4):
                await client.request("GET", "/service-001")
        await eventually(lambda: is_down_for_seconds(page), True, "the page says how long it is down")
        said = (await page.locator(".top-facts").inner_text()).replace("\u00a0", " ")
        assert re.search(r"\bup \d+ s\b", said), said


async def is_down_for_seconds(page):
    """An age that is a minute off would be 0, or more than a minute."""
    text = (await page.locator("main").inner_text()).replace("\u00a0", " ")
    found = re.search(r"service-001 down for (\d+) s \(", text)
    return found is not None and 1 <= int(found[1]) < 40
