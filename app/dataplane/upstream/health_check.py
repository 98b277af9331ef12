"""Active endpoint checks (off by default): each address is asked by HTTP or gRPC, and its verdict noted."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from app.config.model import Endpoint, HealthCheck
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.credential import Credential, put_credential
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream.check_request import StatusReceiver, status_of
from app.dataplane.upstream.connector import Connector
from app.dataplane.upstream.grpc_health_check import HealthReceiver, health_body, health_head
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
        connector = upstream.connector
        if check.grpc_service is not None:
            connector = await asyncio.to_thread(connector.over_http2)
        await asyncio.gather(
            *(self._look(upstream, connector, each, check) for each in tuple(upstream.addresses))
        )

    async def _look(
        self, upstream: Upstream, connector: Connector, address: ConnectionPool, check: HealthCheck
    ) -> None:
        status, endpoint = 0, address.endpoint
        head, body, receiver = _request(endpoint, check, upstream.credential)
        with suppress(TimeoutError):
            async with asyncio.timeout(check.timeout_s):
                status = await status_of(connector, endpoint, address.ip, head, body, receiver)
        if record_check(address.state, 200 <= status < 300, check.unhealthy, check.healthy):
            state = "healthy again" if address.state.check_ok else "unhealthy, out of rotation"
            LOG.warning("endpoint %s of %s is %s", address.label, upstream.name, state)

    async def stop(self) -> None:
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _request(
    endpoint: Endpoint, check: HealthCheck, credential: Credential | None
) -> tuple[RequestHead, RequestBody, StatusReceiver]:
    if check.grpc_service is not None:
        return health_head(endpoint, check, credential), health_body(check), HealthReceiver()
    lines = b"user-agent: tidegate-check\r\naccept: */*\r\n"
    if credential is not None:
        lines = put_credential(lines, credential)
    path = (check.path or "/").encode()
    head = RequestHead(b"GET", path, endpoint.authority.encode(), [lines], 0, False)
    return head, RequestBody(0), StatusReceiver()
