"""A whole gateway in the test's own process, on free loopback ports and uvloop, as production runs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.gateway.process import Gateway
from app.settings import load_settings
from tests.fakes.process import as_many_workers
from tests.fakes.waiting import until

__all__ = ["KEY", "begin_drain", "public_ports", "running_gateway", "settled"]

KEY = "a-key-of-the-tests-0123456789"

public_ports: set[int] = set()
"""Of the gateways that run now."""


async def settled(gateway: Gateway) -> None:
    """Where it has workers, each has reported what it met, and heard what became of it; at once where it has none."""
    if gateway.parent is not None:
        await gateway.parent.settle()


async def begin_drain(gateway: Gateway, delay_s: float = 0.0, timeout_s: float = 5.0) -> asyncio.Task[None]:
    """Its `stop` under way: this process drains, and each worker has heard that it is to."""
    stop = asyncio.create_task(gateway.stop(delay_s, timeout_s))
    await until(lambda: gateway.context.draining, "the drain's begin")
    await settled(gateway)
    return stop


@asynccontextmanager
async def running_gateway(
    upstream: str = "http://127.0.0.1:9",
    *,
    config: str | None = None,
    folder: Path | None = None,
    drain_s: float = 0.2,
    **variables: str,
) -> AsyncIterator[Gateway]:
    """A started gateway: `.port`, `.admin_port`. By default the built-in route to `upstream`, open
    (`AUTH=none`), without limit and log. `config` is written to `folder`/gateway.yaml; `variables` are the
    environment's."""
    environment = {
        "HOST": "127.0.0.1",
        "PORT": "0",
        "ADMIN_PORT": "0",
        "AUTH": "none",
        "RATE_LIMIT": "off",
        "ACCESS_LOG": "off",
        "CACHE_SERVICE_URL": upstream,
        "LOG_LEVEL": "error",
        **as_many_workers(),
        **variables,
    }
    if config is not None:
        assert folder is not None, "a config needs a folder"
        (folder / "gateway.yaml").write_text(config)
        environment["CONFIG_FILE"] = str(folder / "gateway.yaml")
    gateway = Gateway(load_settings(environment))
    await gateway.start()
    public_ports.add(gateway.port)
    try:
        yield gateway
    finally:
        public_ports.discard(gateway.port)
        await gateway.stop(0.0, drain_s)
