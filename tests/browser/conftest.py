"""A real Chromium before a real gateway. A test fails when its page logs an error or breaks its policy."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.watching import Viewer
from tests.fakes.process import ROOT, Child, free_ports

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
STATIC = ROOT / "app" / "admin" / "static"
READY_S = 60.0


@pytest.fixture(autouse=True, scope="session")
def _needs() -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    if not (STATIC / "index.html").exists():
        pytest.fail("the page is not built: make monitor")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # No sandbox: in a container, and as root, Chromium cannot make one. Only our own page is opened.
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def viewer(browser: Browser) -> AsyncIterator[Viewer]:
    """Opens pages; at the end none of them may have complained."""
    made = Viewer(browser)
    try:
        yield made
    finally:
        await made.close()
    assert made.complaints == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Up"]:
    """`tidegate up`, shared by all tests of the page: each leaves the breakers closed."""
    port, admin_port = free_ports(2)
    state = tmp_path_factory.mktemp("up") / "state"
    env = {
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "TIDEGATE_STATE": str(state),
        "RATE_LIMIT": "off",
    }
    async with Child.app("up", env=env) as child:
        await child.wait_line(r"Tidegate is up", READY_S)
        yield Up(port, admin_port, state)


class Up:
    def __init__(self, port: int, admin_port: int, state: Path) -> None:
        self.port, self.admin_port, self.state = port, admin_port, state

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def token(self) -> str:
        return (self.state / "admin-token").read_text().strip()

    @property
    def key(self) -> str:
        return (self.state / "api-key").read_text().strip()
