"""A gateway for the page's tests whose three upstreams nobody serves, and requests to it."""

import contextlib
from urllib.parse import parse_qs, urlsplit

from tests.fakes.client import RawClient
from tests.fakes.process import Child, free_ports

__all__ = ["CONFIG", "address", "gateway", "query_of", "send"]

DEAD = "http://127.0.0.1:9"
CONFIG = f"""
upstreams:
  orders: {{endpoints: ["{DEAD}"]}}
  payments: {{endpoints: ["{DEAD}"]}}
  users: {{endpoints: ["{DEAD}"]}}
routes:
  - {{name: orders, match: {{path: {{prefix: /orders}}}}, upstream: orders, auth: none}}
  - {{name: pay, match: {{path: {{prefix: /pay}}}}, upstream: payments, auth: none}}
  - {{name: users, match: {{path: {{prefix: /users}}}}, upstream: users}}
"""


@contextlib.asynccontextmanager
async def gateway(folder, config=CONFIG, **env):
    (folder / "gateway.yaml").write_text(config)
    port, admin_port = free_ports(2)
    fixed = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1", "ACCESS_LOG": "off"}
    env = {**fixed, "RATE_LIMIT": "off", "API_KEY": "key-of-the-tests", **env}
    async with Child.app("gateway", "--config", str(folder / "gateway.yaml"), env=env) as child:
        await child.wait_port(port)
        yield port


def address(port: int, query: str = "") -> str:
    return f"http://127.0.0.1:{port}{query}"


async def send(port, *paths):
    async with RawClient(port) as client:
        for path in paths:
            await client.request("GET", path)


async def query_of(page) -> dict[str, str]:
    query = urlsplit(str(await page.evaluate("location.href"))).query
    return {name: values[0] for name, values in parse_qs(query).items()}
