"""Active endpoint checks (off by default): GET the check's path of every address, and note the verdict."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.config.model import HealthCheck
from app.dataplane.balance import note_check
from app.dataplane.upstream import Address, Upstream

if TYPE_CHECKING:
    import httpx

__all__ = ["EndpointChecks"]

LOG = logging.getLogger("tidegate.health")


class EndpointChecks:
    """Checks every upstream that asks for it; `upstreams()` is read anew each round."""

    def __init__(self, upstreams: Callable[[], Sequence[Upstream]]) -> None:
        self._upstreams = upstreams
        self._due_s: dict[str, float] = {}
        self._running: set[asyncio.Task[None]] = set()

    def start_due(self, now: float) -> None:
        """Start what is due; at most one round per upstream at a time (its timeout bounds it)."""
        for upstream in self._upstreams():
            check = upstream.model.health_check
            if check is None or now < self._due_s.get(upstream.name, 0.0):
                continue
            self._due_s[upstream.name] = now + max(check.interval_s, check.timeout_s)
            task = asyncio.get_running_loop().create_task(self._round(upstream, check))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _round(self, upstream: Upstream, check: HealthCheck) -> None:
        import httpx  # 0.3 s to import: only where checks are on

        tls = upstream.tls_context
        verify = tls if tls is not None else False
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        async with httpx.AsyncClient(
            timeout=check.timeout_s, trust_env=False, follow_redirects=False, verify=verify, limits=limits
        ) as client:
            for address in tuple(upstream.addresses):
                good = await self._is_good(client, upstream, address, check)
                if note_check(address.state, good, check.unhealthy, check.healthy):
                    state = "healthy again" if good else "unhealthy, out of rotation"
                    LOG.warning("endpoint %s of %s is %s", address.label, upstream.name, state)

    async def _is_good(
        self, client: "httpx.AsyncClient", upstream: Upstream, address: Address, check: HealthCheck
    ) -> bool:
        import httpx

        scheme = "https" if address.tls else "http"
        name = upstream.model.tls.server_name or address.endpoint.host
        extensions = {"sni_hostname": name} if address.tls else {}
        host = f"[{address.endpoint.host}]" if ":" in address.endpoint.host else address.endpoint.host
        try:
            answer = await client.get(
                f"{scheme}://{address.label}{check.path}",
                headers={"host": f"{host}:{address.port}", "user-agent": "tidegate-check"},
                extensions=extensions,
            )
        except httpx.HTTPError:
            return False
        return 200 <= answer.status_code < 300

    async def stop(self) -> None:
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
