"""Routes from the cluster, from the first look for Gateway API to the end of the operator.

Where its kinds are not installed nothing is watched and nothing costs; they are looked for again from time to time.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.cluster.bundle_versions import BundleVersions
from app.operator.cluster.endpoint_rounds import EndpointRounds
from app.operator.cluster.gateway_services import GatewayServices
from app.operator.cluster.programmed_statuses import ProgrammedStatuses
from app.operator.cluster.route_rounds import RouteOutputs, RouteRounds
from app.operator.cluster.route_statuses import RouteStatuses
from app.operator.kube.kinds import GATEWAY_CLASS, WATCHED_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.kube.object_watch import LOOK_AGAIN_S, ObjectWatch, WatchApi
from app.operator.metrics import OperatorCounts

__all__ = ["GatewayApi", "Running"]

LOG = logging.getLogger("tidegate.operator")


class Policies(Protocol):
    """What a `Lister` does."""

    def widen(self) -> None:
        """Policies of all namespaces count from now on."""


class Requests(Protocol):
    """What a `RoundTrigger` does."""

    def request(self, why: str, since_s: float | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """What runs once it is there."""

    store: ObjectStore
    versions: BundleVersions
    rounds: RouteRounds
    endpoints: EndpointRounds
    services: GatewayServices
    programmed: ProgrammedStatuses
    statuses: RouteStatuses


class GatewayApi:
    """`outputs`: hear of it where there is none. `trigger`: asks for a round of policies."""

    def __init__(
        self,
        api: WatchApi,
        running: Running,
        outputs: RouteOutputs,
        policies: Policies,
        trigger: Requests,
        counts: OperatorCounts,
        clock: Clock,
    ) -> None:
        self._api, self._running, self._outputs = api, running, outputs
        self._policies, self._trigger = policies, trigger
        self._counts, self._clock = counts, clock
        self._said = 0
        self.is_active = False
        """Whether the cluster's routes are watched."""

    def activate(self) -> None:
        """It is to run, whether all of its kinds are there or not."""
        if not self.is_active:
            self.is_active = True
            self._policies.widen()
            LOG.info("routes come from the cluster: Gateway API and Ingresses are watched")

    def counts(self) -> dict[str, int]:
        """How many objects of each kind are watched; empty while none are."""
        store = self._running.store
        return {kind.name: store.count(kind) for kind in WATCHED_KINDS} if self.is_active else {}

    async def look(self) -> None:
        """Activates it where its kinds are installed. Raises ClusterError where the API server does not say."""
        if self.is_active:
            return
        try:
            await self._api.page(GATEWAY_CLASS, GATEWAY_CLASS.versions[0])
        except ClusterError as error:
            if error.code not in (401, 403, 404):
                raise
            self._say(error)
        else:
            self.activate()

    async def run(self) -> None:
        """Until cancelled."""
        while not self.is_active:
            await asyncio.sleep(LOOK_AGAIN_S)
            try:
                await self.look()
            except ClusterError as error:
                LOG.debug("looked for Gateway API: %s", error)
        self._trigger.request("routes come from the cluster")
        running = self._running
        await running.versions.look()  # before the first statuses, so that none of them lacks it
        async with asyncio.TaskGroup() as tasks:
            for kind in WATCHED_KINDS:
                watch = ObjectWatch(kind, self._api, running.store, self._counts, self._clock)
                tasks.create_task(watch.run())
            tasks.create_task(running.versions.run())
            tasks.create_task(running.rounds.run())
            tasks.create_task(running.endpoints.run())
            tasks.create_task(running.services.run())
            tasks.create_task(running.programmed.run())
            tasks.create_task(running.statuses.run())

    def _say(self, error: ClusterError) -> None:
        """Once for each cause."""
        self._outputs.serve_nothing(is_certain=error.code == 404)
        if error.code != self._said:
            self._said = error.code
            why = "Gateway API is not installed" if error.code == 404 else str(error)
            LOG.info(
                "%s: routes come from files only; it is looked for again; apply the chart again once it is installed",
                why,
            )
