"""The whole system in processes of its own, under mixed load with faults, scraped by a real Prometheus."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import trustme

from tests.fakes.memory_group import MemoryGroup
from tests.fakes.process import Child, free_port, free_ports
from tests.fakes.prometheus import Prometheus
from tests.fakes.valkey import Valkey
from tests.monitoring.operator_page import OperatorPage

__all__ = ["CONFIG", "KEY", "Gateway", "Load", "Stage", "cache_calls", "calls", "running_stage"]

KEY = "a-key-of-the-tests-0123456789"
MEMORY_LIMIT_BYTES = 512 << 20

CONFIG = """
upstreams:
  orders: {{endpoints: ["http://127.0.0.1:{port}"]}}
  failing: {{endpoints: ["http://127.0.0.1:{port}"]}}
  flapping: {{endpoints: ["http://127.0.0.1:{port}"]}}
  shaky: {{endpoints: ["http://127.0.0.1:{port}"]}}
routes:
  - {{name: orders, match: {{path: {{prefix: /orders}}}}, upstream: orders, rewrite: {{prefix: /}}}}
  - {{name: failing, match: {{path: {{prefix: /failing}}}}, upstream: failing, rewrite: {{prefix: /}}}}
  - {{name: flapping, match: {{path: {{prefix: /flapping}}}}, upstream: flapping, rewrite: {{prefix: /}}}}
  - {{name: shaky, match: {{path: {{prefix: /shaky}}}}, upstream: shaky, rewrite: {{prefix: /}}}}
  - name: limited
    match: {{path: {{prefix: /limited}}}}
    upstream: orders
    rewrite: {{prefix: /}}
    mirror: [{{upstream: orders}}]
  - {{name: edited, match: {{path: {{prefix: /edited}}}}, upstream: orders, rewrite: {{prefix: /}}}}
policies:
  - name: defaults
    spec:
      targetRefs: [{{kind: Gateway}}]
      circuitBreaker: {{consecutiveFailures: 3, openDuration: {open}, halfOpenRequests: 1}}
      rateLimit: {{rules: [{{name: per-client, key: Client, requests: 100000, period: 1m}}]}}
  - name: flapping
    spec:
      targetRefs: [{{kind: Upstream, name: flapping}}]
      circuitBreaker: {{consecutiveFailures: 2, openDuration: 100ms}}
  - name: shaky
    spec:
      targetRefs: [{{kind: Upstream, name: shaky}}]
      circuitBreaker: {{consecutiveFailures: 10000, failureRate: {{percent: 100, minimumRequests: 1000000}}}}
  - name: shaky-retry
    spec:
      targetRefs: [{{kind: Route, name: shaky}}]
      retry: {{attempts: 1, on: [503]}}
  - name: stricter
    spec:
      targetRefs: [{{kind: Gateway}}]
      mode: Shadow
      circuitBreaker: {{consecutiveFailures: 1, openDuration: 100ms}}
      rateLimit: {{rules: [{{name: fewer, key: Client, requests: 1, period: 1m}}]}}
  - name: limited
    spec:
      targetRefs: [{{kind: Route, name: limited}}]
      rateLimit: {{rules: [{{name: few, key: Client, requests: 5, period: 1m}}]}}
  - name: edited
    spec:
      targetRefs: [{{kind: Route, name: edited}}]
      rateLimit: {{rules: [{{name: edited, key: Client, requests: 90000, period: 1m}}]}}
"""
LISTENER = """
listeners: [{{name: own, port: {port}, protocol: https, certificates: [own]}}]
certificates: [{{name: own, certFile: {cert}, keyFile: {key}}}]
"""

Load = Callable[[httpx.AsyncClient], Awaitable[object]]


@dataclass(frozen=True)
class Gateway:
    """A gateway's process, where to reach it, and the file it is configured by."""

    child: Child
    url: str
    admin: str
    file: Path


class Stage:
    """What runs; `plain` is a gateway over HTTP, `strict` one over TLS with little room of every kind."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.upstream_port, self.cache_port, self.operator_port = free_ports(3)
        self.admin_ports = dict(zip(("plain", "strict", "spare"), free_ports(3), strict=True))
        self.authority = trustme.CA()
        self._loads: list[asyncio.Task[None]] = []
        self.memory_group: MemoryGroup | None = None

    async def start(self) -> None:
        (self.folder / "valkey").mkdir()
        self.valkey = self._stack.enter_context(Valkey(self.folder / "valkey"))
        self.operator_stack = self._stack.enter_context(ExitStack())
        self.operator = self.operator_stack.enter_context(OperatorPage(self.operator_port))
        upstream = Child.module("app.demo.upstream", "--port", str(self.upstream_port))
        cache = Child.module(
            "cache",
            env={
                "PORT": str(self.cache_port),
                "HOST": "127.0.0.1",
                "REDIS_URL": f"redis://127.0.0.1:{self.valkey.port}/0",
                "CACHE_MAX_BYTES": "64Ki",
                "CACHE_MAX_ENTRY_BYTES": "16Ki",
            },
        )
        for child, port in ((upstream, self.upstream_port), (cache, self.cache_port)):
            await self._stack.enter_async_context(child)
            await child.wait_port(port)
        self.prometheus = await self._stack.enter_async_context(
            Prometheus(
                self.folder / "prometheus",
                {
                    "gateway": [f"127.0.0.1:{port}" for port in self.admin_ports.values()],
                    "cache": [f"127.0.0.1:{self.cache_port}"],
                    "operator": [f"127.0.0.1:{self.operator_port}"],
                },
            )
        )

    async def start_plain(self, **variables: str) -> Gateway:
        return await self._start_gateway("plain", "http", None, "", variables)

    async def start_strict(self, certificate_days: int, **variables: str) -> Gateway:
        """Its memory is limited where this user may do that; `memory_group` is None elsewhere. A listener of it has the
        same certificate as its public port."""
        issued = self.authority.issue_cert(
            "127.0.0.1",
            not_after=datetime.now(UTC) + timedelta(days=certificate_days),
        )
        issued.private_key_pem.write_to_path(self.folder / "tls.key")
        issued.cert_chain_pems[0].write_to_path(self.folder / "tls.crt")
        tls = {"TLS_CERT_FILE": f"{self.folder}/tls.crt", "TLS_KEY_FILE": f"{self.folder}/tls.key"}
        listener = LISTENER.format(port=free_port(), cert=tls["TLS_CERT_FILE"], key=tls["TLS_KEY_FILE"])
        with suppress(OSError):
            self.memory_group = self._stack.enter_context(MemoryGroup(MEMORY_LIMIT_BYTES))
        return await self._start_gateway("strict", "https", self.memory_group, listener, {**tls, **variables})

    async def _start_gateway(
        self, name: str, scheme: str, group: MemoryGroup | None, more: str, variables: dict[str, str]
    ) -> Gateway:
        """`more`: of its configuration."""
        port, file = free_port(), self.folder / f"{name}.yaml"
        file.write_text(CONFIG.format(port=self.upstream_port, open="60s") + more)
        argv = [sys.executable, "-m", "app", "gateway"]
        child = Child(
            group.wrap(argv) if group is not None else argv,
            {
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "ADMIN_PORT": str(self.admin_ports[name]),
                "API_KEY": KEY,
                "CONFIG_FILE": str(file),
                "ACCESS_LOG": "off",
                "LOG_LEVEL": "error",
                **variables,
            },
        )
        await self._stack.enter_async_context(child)
        await child.wait_port(port)
        admin = f"http://127.0.0.1:{self.admin_ports[name]}"
        return Gateway(child, f"{scheme}://127.0.0.1:{port}", admin, file)

    def load(self, one: Load, every_s: float, at_once: int = 1) -> None:
        """Calls `one` again and again until the stage ends; what it raises from the network is load, too."""
        self._loads += [asyncio.create_task(self._keep(one, every_s)) for _ in range(at_once)]

    async def _keep(self, one: Load, every_s: float) -> None:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        async with httpx.AsyncClient(verify=context, timeout=10, trust_env=False) as client:
            while True:
                with suppress(httpx.HTTPError):
                    await one(client)
                await asyncio.sleep(every_s)

    async def stop_load(self) -> None:
        for task in self._loads:
            task.cancel()
        await asyncio.gather(*self._loads, return_exceptions=True)
        self._loads.clear()


def calls(url: str, *paths: str, key: str = KEY) -> Load:
    """GETs of these paths, one after the other."""

    async def one(client: httpx.AsyncClient) -> None:
        for path in paths:
            await client.get(url + path, headers={"X-API-Key": key})

    return one


def cache_calls(port: int) -> Load:
    """Writes that outgrow the memory, hits, misses, lists, deletes and purges."""
    url, numbers = f"http://127.0.0.1:{port}", iter(range(1_000_000))

    async def one(client: httpx.AsyncClient) -> None:
        number = next(numbers)
        await client.put(f"{url}/cache/{number % 40}?ttl=60&tag=a", content=b"x" * 8000)
        await client.get(f"{url}/cache/{number % 40}")
        await client.get(f"{url}/cache/absent")
        if number % 10 == 9:
            await client.get(f"{url}/cache?prefix=1")
            await client.delete(f"{url}/cache/{number % 40}")
            await client.post(f"{url}/cache:purge", json={"tags": ["b"]})

    return one


@asynccontextmanager
async def running_stage(folder: Path) -> AsyncIterator[Stage]:
    """Everything but the gateways, which tests start as they need them."""
    async with AsyncExitStack() as stack:
        stage = Stage(folder, stack)
        await stage.start()
        try:
            yield stage
        finally:
            await stage.stop_load()
