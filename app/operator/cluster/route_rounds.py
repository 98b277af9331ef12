"""Compiles the cluster's routes whenever one of their objects changed, and publishes what comes out.

In this order, so that no gateway hears of a route before what it needs: certificates and endpoints, then the tables
(sequenced, acknowledged), then the statuses. Services of Gateways are made at once: their addresses take a while.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from app.config.sync.newest import CertificatePem
from app.foundation.errors import ClusterError, ConfigFaults
from app.operator.clock import Clock
from app.operator.cluster.endpoint_rounds import EndpointRounds, discovered
from app.operator.cluster.gateway_services import GatewayServices
from app.operator.cluster.programmed_statuses import ProgrammedStatuses
from app.operator.cluster.world_view import WorldView
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts
from app.operator.policy.attachments import NOTHING_SERVED
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.routes.compiled import Compiled
from app.operator.routes.world import World
from app.operator.snapshot.tables import CompiledTables
from app.operator.sync.feeds import Feeds
from app.operator.trigger import RoundTrigger

__all__ = ["APART_S", "Publication", "Republisher", "RouteOutputs", "RouteRounds"]

LOG = logging.getLogger("tidegate.operator")

APART_S = 0.03
"""A change begins a round at once; those that come sooner after it than this share the next one."""
LOOK_S = 300.0
REPLY_S = 0.01
"""Parked polls are replied to, and gateways of the same machine read what came, before statuses want a core."""
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Republisher(Protocol):
    """Publishes tables with the policies that are known already."""

    async def republish(self) -> bool:
        """Whether the tables are published now; False: only a full round can do it.

        Raises ClusterError and ConfigFaults (too large).
        """


class FullRounds(Protocol):
    """What a `RoundTrigger` does."""

    def request(self, why: str, since_s: float | None = None) -> None: ...


class RouteRounds:
    """`compiler`: a pure function of the world that may keep results by object; one call at a time, in any thread."""

    def __init__(
        self,
        store: ObjectStore,
        view: WorldView,
        compiler: Callable[[World], Compiled],
        outputs: "RouteOutputs",
        publication: "Publication",
        counts: OperatorCounts,
        clock: Clock,
    ) -> None:
        self._store, self._view, self._compile = store, view, compiler
        self._outputs, self._publication = outputs, publication
        self._counts, self._clock = counts, clock
        self._trigger = RoundTrigger(clock, quiet_s=0.0, at_most_s=0.0, apart_s=APART_S)
        self._failures = 0
        self._is_unpublished = False
        self._compiled: Compiled | None = None

    def request(self) -> None:
        """An object changed."""
        self._trigger.request("an object of the cluster changed")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._trigger.wait(LOOK_S)
            if not await self.round():
                await asyncio.sleep(self._pause_s())
                self.request()

    async def round(self) -> bool:
        """Compiles and publishes; False where that must be tried again."""
        if not self._store.has_synced:
            return True
        world = self._view.world(self._compiled)
        compiled = await self._compiled_of(world)
        if compiled is None:
            return True
        self._is_unpublished = self._outputs.take(world, compiled) or self._is_unpublished
        try:
            is_published = await self._publication.republish()
        except ClusterError as error:
            self._counts.compiles["failed"] += 1
            if self._failures in (0, 10) or self._failures % 100 == 0:
                LOG.error("gateways keep the routes that they have: %s", error)
            return False
        except ConfigFaults as faults:
            self._counts.compiles["failed"] += 1
            LOG.error("gateways keep the routes that they have: %s", faults)
            return True
        if not is_published:
            return False
        self._outputs.served(compiled)
        await asyncio.sleep(REPLY_S)
        self._failures = 0
        self._counts.compiles["published" if self._is_unpublished else "unchanged"] += 1
        self._is_unpublished = False
        self._outputs.say()
        return True

    async def _compiled_of(self, world: World) -> Compiled | None:
        """None where it failed: what was published before stays."""
        began_s = self._clock.now_s()
        try:
            # in a thread: watches, polls and endpoints go on meanwhile
            compiled = await asyncio.to_thread(self._compile, world)
        except Exception:
            self._counts.compiles["failed"] += 1
            LOG.exception("the cluster's routes cannot be compiled: gateways keep those that they have")
            return None
        self._compiled = compiled
        self._counts.compile_s += self._clock.now_s() - began_s
        return compiled

    def _pause_s(self) -> float:
        self._failures += 1
        longest = _BACKOFF_S[min(self._failures, len(_BACKOFF_S)) - 1]
        return random.uniform(longest / 4, longest)  # noqa: S311 - no secret depends on it


class Publication:
    """Tables with the policies of the last list, or where that cannot be a full round."""

    def __init__(self, republisher: Republisher, full_rounds: FullRounds) -> None:
        self._republisher, self._full_rounds = republisher, full_rounds

    async def republish(self) -> bool:
        """False where a full round was requested, after which it must be called again. Raises as `Republisher`."""
        if await self._republisher.republish():
            return True
        self._full_rounds.request("the cluster's routes changed")
        return False


class RouteOutputs:
    """Where each part of what was compiled goes."""

    def __init__(
        self,
        tables: CompiledTables,
        feeds: Feeds,
        endpoints: EndpointRounds,
        services: GatewayServices,
        statuses: ProgrammedStatuses,
        attachments: KnownAttachments,
    ) -> None:
        self._tables, self._feeds, self._endpoints = tables, feeds, endpoints
        self._services, self._statuses, self._attachments = services, statuses, attachments

    def serve_nothing(self, *, is_certain: bool) -> None:
        """The cluster has no Gateway API, or (not certain) nobody can say; then what is stored stays."""
        if is_certain:
            self._tables.put({})
        self._tables.may_be_empty = True
        self._attachments.put(NOTHING_SERVED)

    def take(self, world: World, compiled: Compiled) -> bool:
        """What may be used at once; whether the tables are others than before."""
        self._feeds.certificates.replace(
            {
                name: CertificatePem(pair.certificate.decode(), pair.key.decode())
                for name, pair in compiled.certificates.items()
            }
        )
        self._endpoints.want(discovered(compiled.tables))
        self._services.want(compiled.services)
        self._attachments.take(world, compiled)
        return self._tables.put(compiled.tables)

    def served(self, compiled: Compiled) -> None:
        """Gateways are served with its tables from now on."""
        self._statuses.take(compiled)

    def say(self) -> None:
        """What is served is to be said in the objects' statuses."""
        self._statuses.say()
