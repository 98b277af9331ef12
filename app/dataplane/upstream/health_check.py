"""Active endpoint checks (off by default): each address is asked by HTTP or gRPC, and its verdict noted."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from app.config import model
from app.config.model import HealthCheck
from app.dataplane.upstream.grpc_health_check import Checked, check_health
from app.dataplane.upstream.outlier import record_check
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.upstream import Upstream, client_context

if TYPE_CHECKING:
    import httpx

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
        tls = await asyncio.to_thread(_http2_context, upstream.model) if upstream.tls_context else None
        await asyncio.gather(
            *(
                self._look(upstream, each, check, check_health(_checked(upstream, each, tls), check))
                for each in tuple(upstream.addresses)
            )
        )

    async def _round_by_http(self, upstream: Upstream, check: HealthCheck) -> None:
        import httpx  # 0.3 s to import: only where checks are on

        tls = upstream.tls_context
        verify = tls if tls is not None else False
        limits = httpx.Limits(max_keepalive_connections=0)  # a kept connection says nothing of new ones
        async with httpx.AsyncClient(
            timeout=check.timeout_s, trust_env=False, follow_redirects=False, verify=verify, limits=limits
        ) as client:
            await asyncio.gather(
                *(
                    self._look(upstream, each, check, self._is_good(client, upstream, each, check))
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

    async def _is_good(
        self, client: "httpx.AsyncClient", upstream: Upstream, address: ConnectionPool, check: HealthCheck
    ) -> bool:
        import httpx

        scheme = "https" if address.tls else "http"
        name = upstream.model.tls.server_name or address.endpoint.host
        extensions = {"sni_hostname": name} if address.tls else {}
        shown = upstream.credential
        credential = {} if shown is None else {shown.name.decode(): shown.value.decode()}
        try:
            async with client.stream(
                "GET",
                f"{scheme}://{address.label}{check.path}",
                headers={"host": _authority(address), "user-agent": "tidegate-check", **credential},
                extensions=extensions,
            ) as response:  # its body is of no interest, and may be endless
                return 200 <= response.status_code < 300
        except (httpx.HTTPError, OSError):
            return False

    async def stop(self) -> None:
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _authority(address: ConnectionPool) -> str:
    host = address.endpoint.host
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _checked(upstream: Upstream, address: ConnectionPool, tls: ssl.SSLContext | None) -> Checked:
    """`tls`: for those addresses that speak it."""
    return Checked(
        address.ip,
        address.port,
        _authority(address),
        upstream.credential,
        tls if address.tls else None,
        upstream.model.tls.server_name or address.endpoint.host,
    )


def _http2_context(upstream: model.Upstream) -> ssl.SSLContext:
    """Reads files."""
    context = client_context(upstream.tls)
    context.set_alpn_protocols(["h2"])
    return context
