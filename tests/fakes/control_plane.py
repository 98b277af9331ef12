"""An operator without ports and without kopf, over a Kubernetes API in memory; tests drive it, or let it run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.config.sync.message_codec import encode_request
from app.config.sync.messages import SYNC_PATH, SyncRequest
from app.config.sync.snapshot import Snapshot
from app.operator.clock import REAL, Clock
from app.operator.control_plane import build_control_plane, new_state
from app.operator.kube.lister import WatchScope
from app.operator.kube.resources import Pod, TokenBearer
from app.operator.policy.conditions import condition_of
from app.operator.sync.api import SyncApi
from app.operator.sync.tokens import Tokens
from tests.fakes.cluster import FakeCluster
from tests.fakes.synced_gateway import SyncedGateway

__all__ = ["SCOPE", "HandDrivenOperator", "Response", "polling", "running"]

SCOPE = WatchScope("shop", "app=gateway", "tidegate-snapshot")


class Response:
    """What the sync port sent."""

    def __init__(self) -> None:
        self.status, self.body = 0, b""
        self.headers: dict[str, str] = {}

    async def take(self, message: Any) -> None:
        """The `send` of ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


class HandDrivenOperator:
    """`state` and `plane` are the product's own. `disconnect`: every client of the sync port is gone."""

    def __init__(self, cluster: FakeCluster, clock: Clock = REAL, ca: str | None = "CA") -> None:
        self.cluster = cluster
        self.state = new_state(clock, "shop")
        self.plane = build_control_plane(self.state, cluster, SCOPE, ca)
        self.counts = self.state.counts
        self.api = self.sync_api("gateway")
        self.disconnect = asyncio.Event()

    @property
    def snapshot(self) -> Snapshot | None:
        """The one that is served."""
        return self.state.served.current

    def sync_api(self, *accounts: str) -> SyncApi:
        """The sync port's application, for these service accounts."""
        state, tokens = self.state, Tokens(self.cluster, frozenset(accounts), "shop")
        reports, served, feeds = self.plane.reports, state.served, state.feeds
        return SyncApi(reports, served, feeds, state.fleet, tokens, state.counts, state.clock)

    async def round(self) -> None:
        """One round of reconciling; raises what the Kubernetes API raises."""
        await self.plane.reconciler.reconcile(self.state.clock.now_s())

    async def write_statuses(self) -> None:
        await self.plane.statuses.write_due()

    def take_report(self, request: SyncRequest) -> bool:
        """False for a replay."""
        return self.plane.reports.take(request, self.state.clock.now_s())

    def newer_for(self, request: SyncRequest) -> bytes | None:
        return self.state.served.newer_for(request)

    def gateway(self, name: str) -> SyncedGateway:
        """A further pod of a gateway, with a token."""
        made = SyncedGateway(Pod(f"uid-{name}", name, "shop", "edge"))
        self.cluster.tokens[f"a.b.uid-{name}"] = TokenBearer("shop", "gateway", name, f"uid-{name}")
        self.cluster.add_pod(made.pod)
        return made

    async def post(self, path: str, body: bytes = b"{}", token: str = "", method: str = "POST") -> Response:
        """A call of the sync port."""
        response, parts = Response(), [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            if parts:
                return parts.pop()
            await self.disconnect.wait()
            return {"type": "http.disconnect"}

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {"type": "http", "path": path, "method": method, "headers": headers}
        await self.api(scope, receive, response.take)
        return response

    async def sync(self, gateway: SyncedGateway, wait_s: int = 0, path: str = SYNC_PATH) -> Response:
        """A call of `gateway`, which takes over what it gets."""
        response = await self.post(path, encode_request(gateway.request(wait_s)), f"a.b.{gateway.pod.uid}")
        if response.status == 200:
            gateway.take(response.body)
        return response

    def condition(self, name: str, kind: str = "Programmed") -> tuple[str, str]:
        """Status and reason of a policy's condition; empty without it."""
        found = condition_of(self.cluster.status_of(name), kind)
        return ("", "") if found is None else (found["status"], found["reason"])


@asynccontextmanager
async def running(
    cluster: FakeCluster | None = None, clock: Clock = REAL
) -> AsyncIterator[HandDrivenOperator]:
    """One that acts by itself and hears of every change of the cluster."""
    operator = HandDrivenOperator(FakeCluster() if cluster is None else cluster, clock)
    operator.cluster.on_change = operator.plane.trigger.request
    task = asyncio.ensure_future(operator.plane.run())
    try:
        yield operator
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def polling(operator: HandDrivenOperator, *gateways: SyncedGateway) -> AsyncIterator[None]:
    """Gateways that poll as long as this lasts."""

    async def poll(gateway: SyncedGateway) -> None:
        while True:
            response = await operator.sync(gateway, 25)
            if response.status not in (200, 204):
                await asyncio.sleep(0.05)

    tasks = [asyncio.ensure_future(poll(gateway)) for gateway in gateways]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
