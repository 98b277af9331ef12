"""What the gateway says to the operator: who it is, what it applied, and how its breakers moved."""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import starmap

from app.admin.identity import identity_of
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.config.sync.messages import (
    MAX_TRANSITIONS,
    BreakerReport,
    Instance,
    PortFault,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.newest import Held
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.foundation.version import VERSION
from app.gateway.config.snapshots import Snapshots
from app.gateway.port_states import PortStates
from app.policy.effective import Origin, Source
from app.policy.model import BreakerState
from app.policy.objects import whole_of
from app.settings import Settings

__all__ = ["ListenersNow", "SyncReport", "listeners_now"]

MOST_PENDING = 1_024
"""Transitions that wait for the operator; older ones are lost to its Events, not to the metrics."""


@dataclass(frozen=True, slots=True)
class ListenersNow:
    """`ports`: bound by every process of this gateway, sorted; `faults`: of those that are not. `certificates`: how far
    they came, None where none came yet."""

    ports: tuple[int, ...] = ()
    faults: tuple[PortFault, ...] = ()
    certificates: Held | None = None


def listeners_now(ports: PortStates, certificates: Held | None) -> ListenersNow:
    """As the operator is to know it."""
    return ListenersNow(ports.bound, tuple(starmap(PortFault, sorted(ports.faults.items()))), certificates)


class SyncReport:
    """Composed again for each call. Transitions are kept until a call that carried them was acknowledged.

    `store_up`: None without a shared limit store. `listeners`: how those of the cluster stand here.
    """

    def __init__(
        self,
        settings: Settings,
        snapshots: Snapshots,
        breakers: Breakers,
        table: Callable[[], Table],
        store_up: Callable[[], bool | None],
        listeners: Callable[[], ListenersNow],
    ) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._breakers = breakers
        self._table = table
        self._store_up = store_up
        self._listeners = listeners
        self._boot_id = str(uuid.uuid4())
        self._pod_uid = settings.pod_uid or self._boot_id
        self._calls = self._transitions = 0
        self._pending: deque[TransitionReport] = deque(maxlen=MOST_PENDING)

    @property
    def is_pending(self) -> bool:
        """Whether transitions wait for a call."""
        return bool(self._pending)

    def compose(self, wait_s: int) -> SyncRequest:
        """The whole report as it is now."""
        self._calls += 1
        table, snapshots, settings = self._table(), self._snapshots, self._settings
        listeners = self._listeners()
        return SyncRequest(
            instance=Instance(
                pod_uid=self._pod_uid,
                pod_name=identity_of(settings).pod,
                namespace=settings.pod_namespace or "default",
                boot_id=self._boot_id,
                call=self._calls,
                gateway=settings.gateway_name,
                version=VERSION,
            ),
            applied=snapshots.applied,
            attempt=snapshots.attempt,
            targets=_targets(table),
            breakers=tuple(self._breaker_reports(table)),
            transitions=tuple(self._pending)[:MAX_TRANSITIONS],
            limit_store_up=self._store_up(),
            wait_s=wait_s,
            ports=listeners.ports,
            port_faults=listeners.faults,
            certificates=listeners.certificates,
        )

    def add(self, transition: BreakerTransition) -> None:
        """Report a transition with the next call."""
        self._transitions += 1
        self._pending.append(
            TransitionReport(
                self._transitions,
                transition.name,
                transition.from_state.value,
                transition.to_state.value,
                transition.reason.value,
                transition.at_wall_s,
                _policies_of(self._table(), transition.name),
            )
        )

    def acknowledged(self, request: SyncRequest) -> None:
        """Drop the transitions that the operator has received."""
        last = request.transitions[-1].number if request.transitions else 0
        while self._pending and self._pending[0].number <= last:
            self._pending.popleft()

    def restart(self) -> None:
        """Call as another boot from now on: the operator rejects this one's calls as replayed."""
        self._boot_id = str(uuid.uuid4())
        self._calls = 0

    def _breaker_reports(self, table: Table) -> Iterable[BreakerReport]:
        """Of those for the cluster's Services, thousands maybe, only what a policy sets or what is not closed."""
        now, wall = now_s(), wall_s()
        for breaker in self._breakers.all():
            policies = _policies_of(table, breaker.name)
            is_quiet = not policies and breaker.state_at(now) is BreakerState.CLOSED
            if is_quiet and whole_of(breaker.name) is not None:
                continue
            view = breaker.view(now, wall)
            yield BreakerReport(
                view.name,
                view.state.value,
                view.since_wall_s,
                view.reason.value if view.reason is not None else None,
                policies,
                view.outage.not_closed_since_wall_s,
                view.outage.failed_probes,
            )


def _targets(table: Table) -> Targets:
    """Those of the gateway's own configuration; what there is in the cluster the operator knows better."""
    routes = dict.fromkeys(str(each.route.name) for each in table.routes)  # one for each match
    return Targets(
        tuple(name for name in routes if whole_of(name) is None),
        tuple(str(name) for name in table.upstreams if whole_of(name) is None),
    )


def _policies_of(table: Table, breaker: str) -> tuple[str, ...]:
    """UIDs of the cluster's policies in force for it: its settings', its override's."""
    if not table.resources.uids:
        return ()
    origins: list[Origin] = []
    if (settings := table.breakers.get(breaker)) is not None:
        origins.append(settings.origin)
    if (override := table.overrides.get(breaker)) is not None:
        origins.append(override.origin)
    uids: Mapping[str, str] = table.resources.uids
    found = (uids.get(origin.policy) for origin in origins if origin.source is Source.RESOURCE)
    return tuple(dict.fromkeys(uid for uid in found if uid is not None))
