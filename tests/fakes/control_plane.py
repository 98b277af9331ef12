"""An operator without ports and without kopf, over a Kubernetes API in memory: all that tests drive by hand."""

from app.config.sync.messages import SyncRequest
from app.config.sync.snapshot import Snapshot
from app.operator.clock import REAL, Clock
from app.operator.control_plane import build_control_plane, new_state
from app.operator.kube.lister import WatchScope
from app.operator.sync.api import SyncApi
from app.operator.sync.tokens import Tokens
from tests.fakes.cluster import FakeCluster

__all__ = ["SCOPE", "HandDrivenOperator"]

SCOPE = WatchScope("shop", "app=gateway", "tidegate-snapshot")


class HandDrivenOperator:
    """`state` and `plane` are the product's own; `run` lets it act by itself."""

    def __init__(self, cluster: FakeCluster, clock: Clock = REAL, ca: str | None = "CA") -> None:
        self.cluster = cluster
        self.state = new_state(clock)
        self.plane = build_control_plane(self.state, cluster, SCOPE, ca)
        self.counts = self.state.counts

    @property
    def snapshot(self) -> Snapshot | None:
        """The one that is served."""
        return self.state.served.current

    def sync_api(self, *accounts: str) -> SyncApi:
        """The sync port's application, for these service accounts."""
        state, tokens = self.state, Tokens(self.cluster, frozenset(accounts), "shop")
        return SyncApi(self.plane.reports, state.served, state.fleet, tokens, state.counts, state.clock)

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
