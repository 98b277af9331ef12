"""How soon the monitor is painted here, and how much it loads: `python -m tests.bench.first_paint`.

Each round opens the page of a running gateway in a fresh Chromium context, so nothing is cached.
"""

import argparse
import asyncio
import os
import statistics

from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import CHROMIUM
from tests.fakes.process import Child, free_ports

PAINTED = (
    "performance.getEntriesByType('paint').find((one) => one.name === 'first-contentful-paint').startTime"
)
LOADED = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, one) => sum + one.encodedBodySize, 0)"""


async def opened(browser: Browser, url: str) -> tuple[float, int]:
    """Milliseconds to the first contentful paint, and bytes on the wire."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    await page.locator("[data-live=live]").wait_for()
    painted_ms, loaded = await page.evaluate(f"[{PAINTED}, {LOADED}]")
    await context.close()
    return float(painted_ms), int(loaded)


async def measure(rounds: int) -> None:
    port, admin_port = free_ports(2)
    env = {
        "PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1", "ACCESS_LOG": "off",
        "AUTH": "none", "RATE_LIMIT": "off", "CACHE_SERVICE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    async with Child.app("gateway", env=env) as gateway, async_playwright() as playwright:
        await gateway.wait_port(port)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        seen = [await opened(browser, f"http://127.0.0.1:{port}/monitor") for _ in range(rounds)]
        await browser.close()
    painted = sorted(painted_ms for painted_ms, _ in seen)
    print(f"first paint of {rounds}: best {painted[0]:.0f} ms, median {statistics.median(painted):.0f} ms")
    print(f"loaded: {seen[-1][1] / 1024:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f}")
    asyncio.run(measure(given.rounds))


if __name__ == "__main__":
    main()
