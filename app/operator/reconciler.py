"""One round of reconciling: list everything, compile, write the ConfigMap, serve, and hand on what follows.

The ConfigMap is read before the policies are listed: if another operator writes it after this read, ours
fails, so that an older list never replaces a newer one.

Routes of the cluster come in between, by watches and far more often: their tables are published with the policies of
the last list, as long as nobody else wrote the ConfigMap since; whether somebody did is what the write says.
"""

import asyncio
import logging

from app.config.sync.snapshot import Snapshot
from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.lister import Lister
from app.operator.policy.compile import compile_policies
from app.operator.policy.policy_cache import PolicyCache
from app.operator.policy.status_writer import StatusWriter
from app.operator.snapshot.publisher import Publisher, StoredSnapshot
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.fleet import Fleet

__all__ = ["Reconciler"]

LOG = logging.getLogger("tidegate.operator")


class Reconciler:
    """Brings what gateways are served with to what the policies say."""

    def __init__(
        self,
        lister: Lister,
        publisher: Publisher,
        policies: PolicyCache,
        fleet: Fleet,
        served: ServedSnapshots,
        statuses: StatusWriter,
        clock: Clock,
    ) -> None:
        self._lister, self._publisher, self._policies = lister, publisher, policies
        self._fleet, self._served, self._statuses, self._clock = fleet, served, statuses, clock
        self._turn = asyncio.Lock()

    async def reconcile(self, edited_s: float) -> bool:
        """One round; whether it published a further snapshot. `edited_s`: when the first change came.

        Raises ClusterError (409: another operator wrote meanwhile) and ConfigFaults (too large).
        """
        async with self._turn:
            return await self._reconcile(edited_s)

    async def republish(self) -> bool:
        """Publishes the newest tables with the policies of the last list; whether they are published now.

        False where only a round can do it: no list completed yet, or another operator wrote the ConfigMap. Raises as
        `reconcile`.
        """
        async with self._turn:
            snapshot = await self._publish_over_own()
            if snapshot is None:
                snapshot = await self._publish_over(await self._publisher.read())
            if snapshot is not None:
                self._serve(snapshot)
            return snapshot is not None

    async def _publish_over_own(self) -> Snapshot | None:
        """What this operator wrote last is not read before it is written over, which takes as long as the write.

        None where it must be read: somebody else wrote since, or there is nothing to write that would show it.
        """
        own = self._publisher.written
        if own is None:
            return None
        try:
            snapshot = await self._publish_over(own)
        except ClusterError as error:
            if error.code != 409:
                raise
            return None
        return None if snapshot is own.snapshot else snapshot

    async def _publish_over(self, stored: StoredSnapshot) -> Snapshot | None:
        """With the policies of the last list; None where only a round can do it."""
        served = self._served.current
        if served is None or stored.snapshot is None or stored.snapshot.hash != served.hash:
            return None
        if not self._policies.has_synced:
            return None
        entries = compile_policies(list(self._policies), self._policies.spec_of).entries
        return await self._publisher.publish(stored, entries, self._fleet.claims(self._clock.now_s()))

    async def _reconcile(self, edited_s: float) -> bool:
        stored = await self._publisher.read()
        if not self._policies.has_synced and stored.snapshot is not None:
            self._serve(stored.snapshot)
        policies = await self._lister.policies()
        self._fleet.require(await self._lister.pods(), self._clock.now_s())
        compiled = compile_policies(policies, self._policies.spec_of)
        before = self._served.current
        claims = self._fleet.claims(self._clock.now_s())
        snapshot = await self._publisher.publish(stored, compiled.entries, claims)
        edited = self._policies.replace(policies)
        if snapshot is None:
            return False
        self._serve(snapshot)
        self._statuses.take(edited, compiled.verdicts, snapshot.lineage, edited_s)
        return before is None or before.hash != snapshot.hash

    def _serve(self, snapshot: Snapshot) -> None:
        if self._served.serve(snapshot, self._publisher.packed(snapshot)):
            LOG.info("snapshot %d serves %d policies", snapshot.sequence, len(snapshot.policies))
