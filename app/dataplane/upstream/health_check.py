"""Active endpoint checks (off by default): each address is asked by HTTP or gRPC, and its verdict noted."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from app.config import model
from app.config.model import Endpoint, HealthCheck, UpstreamProtocol
from app.dataplane.codec.credential import Credential, put_credential
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream.check_request import status_of
from app.dataplane.upstream.connector import client_context
from app.dataplane.upstream.grpc_health_check import Checked, check_health
from app.dataplane.upstream.outlier import record_check
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.upstream import Upstream

__all__ = ["EndpointChecks"]

LOG: Final = logging.getLogger("tidegate.health")


class EndpointChecks:
    """Checks every upstream that asks for it; `upstreams()` is read again each round."""

    def __init__(self, upstreams: Callable[[], Sequence[Upstream]]) -> None:
        self._upstreams = upstreams
        self._due_s: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def start_due(self, now: float) -> None:
        """Start what is due; at most one round per upstream at a time (its timeout bounds it)."""
        for upstream in self._upstreams():
            check = upstream.model.health_check
            name = upstream.name
            if check is None or now < self._due_s.get(name, 0.0) or name in self._running:
                continue
            self._due_s[name] = now + check.interval_s
            task = asyncio.get_running_loop().create_task(self._round(upstream, check))
            self._running[name] = task
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running = {name: each for name, each in self._running.items() if each is not task}
        if not task.cancelled() and task.exception() is not None:
            LOG.error("endpoint check failed inside", exc_info=task.exception())

    async def _round(self, upstream: Upstream, check: HealthCheck) -> None:
        if check.grpc_service is not None:
            await self._round_by_grpc(upstream, check)
        else:
            await self._round_by_http(upstream, check)

    async def _round_by_grpc(self, upstream: Upstream, check: HealthCheck) -> None:
        tls = await asyncio.to_thread(_http2_context, upstream.model) if upstream.connector.tls else None
        await asyncio.gather(
            *(
                self._look(upstream, each, check, check_health(_checked(upstream, each, tls), check))
                for each in tuple(upstream.addresses)
            )
        )

    async def _round_by_http(self, upstream: Upstream, check: HealthCheck) -> None:
        await asyncio.gather(
            *(
                self._look(upstream, each, check, _responds_well(upstream, each, check.path or "/"))
                for each in tuple(upstream.addresses)
            )
        )

    async def _look(
        self, upstream: Upstream, address: ConnectionPool, check: HealthCheck, verdict: Awaitable[bool]
    ) -> None:
        good = False
        with suppress(TimeoutError):
            async with asyncio.timeout(check.timeout_s):
                good = await verdict
        if record_check(address.state, good, check.unhealthy, check.healthy):
            state = "healthy again" if good else "unhealthy, out of rotation"
            LOG.warning("endpoint %s of %s is %s", address.label, upstream.name, state)

    async def stop(self) -> None:
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _responds_well(upstream: Upstream, address: ConnectionPool, path: str) -> bool:
    head = _head(address.endpoint, path, upstream.credential)
    return 200 <= await status_of(upstream.connector, address.endpoint, address.ip, head) < 300


def _head(endpoint: Endpoint, path: str, credential: Credential | None) -> RequestHead:
    lines = b"user-agent: tidegate-check\r\naccept: */*\r\n"
    if credential is not None:
        lines = put_credential(lines, credential)
    return RequestHead(b"GET", path.encode(), endpoint.authority.encode(), lines, 0, False)


def _checked(upstream: Upstream, address: ConnectionPool, tls: ssl.SSLContext | None) -> Checked:
    """`tls`: for those addresses that speak it."""
    return Checked(
        address.ip,
        address.port,
        address.endpoint.authority,
        upstream.credential,
        tls if address.tls else None,
        upstream.model.tls.server_name or address.endpoint.host,
    )


def _http2_context(upstream: model.Upstream) -> ssl.SSLContext:
    """Reads files."""
    return client_context(upstream.tls, UpstreamProtocol.H2)
