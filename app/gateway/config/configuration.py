"""From files, environment and the cluster's snapshot to the table that requests are served from, live."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.breaker.registry import Breakers
from app.config.resources import NO_RESOURCES
from app.config.sources.file import read_source
from app.config.table import Table
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.routes import Plans, bind
from app.dataplane.upstream.resolver import Resolver
from app.dataplane.upstream.upstream import Upstream
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFault, ConfigFaults
from app.gateway.config.preparation import Inputs, Prepared, prepare
from app.gateway.config.shadows import Shadows
from app.gateway.config.snapshots import Snapshots
from app.limits.limiter import Limiter
from app.limits.rule import Rule
from app.settings import Settings
from app.telemetry.counts import Counts

if TYPE_CHECKING:
    from app.config.sync.snapshot import Snapshot

__all__ = ["Configuration"]

LOG = logging.getLogger("tidegate.config")
LONGEST_TIMER_S = 86_400.0
"""A later date is looked at again then: clocks are set, and loops do not count on for months."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A file's new `content`; `path` None: a snapshot was offered or, where `timed`, an override ended."""

    path: str | None
    content: bytes | ConfigFaults = b""
    timed: bool = False


class Configuration:
    """Holds what outlives a table (upstreams, breakers, budgets) and builds each table's plans on it."""

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        breakers: Breakers,
        limiter: Limiter,
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._breakers = breakers
        self._limiter = limiter
        self._counts = counts
        self._budgets: dict[str, RetryBudget] = {}
        self._sequence = 0
        self._contents: Mapping[str, bytes] = {}
        self._resources = NO_RESOURCES
        self._changes: deque[_Change] = deque()
        self._taking_over: asyncio.Task[None] | None = None
        self._resolver = Resolver(loop)
        self.upstreams: dict[str, Upstream] = {}
        self.on_plans: Callable[[Plans], None] = lambda _: None
        self.on_event: Callable[[str, str, str], None] = lambda _kind, _subject, _detail: None
        self.shadows = Shadows(counts)
        self.snapshots = Snapshots()
        self.on_attempt: Callable[[], None] = lambda: None
        self._settled: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def paths(self) -> list[str]:
        """The files that the table in force came from."""
        own = () if self._settings.config_file is None else (self._settings.config_file,)
        return list(dict.fromkeys((*own, *self._contents)))

    def load(self, snapshot: "Snapshot | None" = None) -> Plans:
        """The first table, from what the files hold now and a `snapshot` at hand; raises ConfigFaults."""
        path = self._settings.config_file
        if snapshot is not None:
            self.snapshots.offer(snapshot, "configmap")
        offered, began_s = self.snapshots.offered, now_s()
        contents = {} if path is None else {path: read_source(path)}
        prepared = self._prepare(contents, offered)
        for _ in self._bind(prepared):
            pass
        self._put_in_force(prepared, offered, began_s)
        _warn(prepared)
        return prepared.plans

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """A watched file changed: its table is in force soon, or the last good one stays; in order."""
        self._enqueue(_Change(path, content))

    def renew(self, settings: Settings, path: str, content: bytes) -> None:
        """The environment's secrets are others now, since `path` changed: likewise."""
        if settings.api_key != self._settings.api_key:
            self._settings = settings
            self._enqueue(_Change(path, content))

    async def take(self, snapshot: "Snapshot", source: str) -> bool:
        """Put a snapshot in force if it supersedes the one held; True once it, or a later one, is."""
        if not self.snapshots.offer(snapshot, source):
            self.on_attempt()
            return False
        settled = self._loop.create_future()
        self._settled.append(settled)
        self._enqueue(_Change(None))
        await settled
        held = self.snapshots.held
        return held is not None and held.lineage == snapshot.lineage and held.sequence >= snapshot.sequence

    async def stop(self) -> None:
        """Drops what is not in force yet."""
        self._changes.clear()
        self._resolver.stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._taking_over is not None:
            self._taking_over.cancel()
            await asyncio.wait({self._taking_over})

    def _enqueue(self, change: _Change) -> None:
        self._changes.append(change)
        if self._taking_over is None:
            self._taking_over = self._loop.create_task(self._take_over())

    async def _take_over(self) -> None:
        try:
            while self._changes:
                change = self._changes.popleft()
                settled, self._settled = self._settled, []
                if self._is_news(change):
                    await self._take_over_one(change)
                for future in settled:
                    if not future.done():
                        future.set_result(None)
        finally:
            self._taking_over = None

    def _is_news(self, change: _Change) -> bool:
        if change.path is None:
            return change.timed or self.snapshots.offered is not None
        return change.content != self._contents.get(change.path)

    async def _take_over_one(self, change: _Change) -> None:
        offered, began_s = self.snapshots.offered, now_s()
        try:
            if isinstance(change.content, ConfigFaults):
                offered = None  # the file's fault is not the snapshot's
                raise change.content
            contents = self._contents
            if change.path is not None:
                contents = {**contents, change.path: change.content}
                offered = None
            # 10,000 routes take a second to read, which running requests must not wait for
            prepared = await asyncio.to_thread(self._prepare, contents, offered)
            for _ in self._bind(prepared):
                await asyncio.sleep(0)
            self._put_in_force(prepared, offered, began_s)
        except ConfigFaults as faults:
            self._refuse(offered, str(faults))
            self.on_event("config_rejected", change.path or "", str(faults.faults[0]))
            for fault in faults.faults:
                LOG.error("configuration not applied, the last good one stays: %s", fault)
        except Exception:  # a fault of ours: the last good one stays, and so does the watch
            self._refuse(offered, "the gateway failed inside; its log tells more")
            self._counts.internal_errors += 1
            self.on_event("config_rejected", change.path or "", "internal error")
            LOG.exception("configuration not applied, the last good one stays: internal error")
        else:
            self.on_plans(prepared.plans)
            self._tell_applied(prepared.plans.table, change, offered)
            if change.path is not None:
                _warn(prepared)

    def _refuse(self, offered: "tuple[Snapshot, str] | None", message: str) -> None:
        self._counts.count_config_rejection()
        if offered is not None:
            self.snapshots.refused(offered[0], message)
            self.on_attempt()

    def _tell_applied(self, table: Table, change: _Change, offered: "tuple[Snapshot, str] | None") -> None:
        if offered is None:
            what = f"{change.path} changed" if change.path is not None else "an override ended"
            LOG.info("configuration %d applied (%s)", table.sequence, what)
            self.on_event("config_applied", change.path or "", f"configuration {table.sequence}")
            return
        snapshot, source = offered
        self.on_event("config_applied", source, f"snapshot {snapshot.sequence}")
        LOG.info("configuration %d applied (snapshot %d, %s)", table.sequence, snapshot.sequence, source)
        for error in table.resources.errors:
            uid, generation = error.uid, error.generation
            LOG.error(
                "policy %s, generation %d, not understood, left out: %s", uid, generation, error.message
            )
        self.on_attempt()

    def _prepare(self, contents: Mapping[str, bytes], offered: "tuple[Snapshot, str] | None") -> Prepared:
        """Any thread may do it: changes come one after another, so nothing that it reads moves meanwhile."""
        snapshot = self.snapshots.held if offered is None else offered[0]
        inputs = Inputs(contents, snapshot, self._resources)
        return prepare(self._settings, inputs, self._sequence + 1, wall_s(), self._upstreams_of)

    def _bind(self, prepared: Prepared) -> Iterator[None]:
        """In slices; adds what is new to what lives on, and changes nothing that is in force."""
        breakers, settings = self._breakers, prepared.plans.table.breakers
        return bind(
            prepared.plans,
            prepared.upstreams,
            lambda name: breakers.known(name) or breakers.get(name, settings[name].value),
            self._counts,
            lambda name: self._budgets.setdefault(name, RetryBudget()),
        )

    def _put_in_force(
        self, prepared: Prepared, offered: "tuple[Snapshot, str] | None", began_s: float
    ) -> None:
        """Once all is bound and nothing can fail any more: everything changes together."""
        plans, upstreams = prepared.plans, dict(prepared.upstreams)
        table = plans.table
        for name, effective in table.breakers.items():
            self._breakers.get(name, effective.value)
        self.shadows.attach(plans)
        self._sequence, self._resources = table.sequence, table.resources
        self._contents = prepared.contents
        for name, upstream in self.upstreams.items():
            if upstreams.get(name) is not upstream:
                upstream.close()
        self.upstreams = upstreams
        for name, upstream in upstreams.items():
            upstream.credential = prepared.credentials.get(name)
        self._forget_others(table, plans)
        self._stand_overrides(table)
        self._note(table, offered, began_s)

    def _note(self, table: Table, offered: "tuple[Snapshot, str] | None", began_s: float) -> None:
        counts, mark = self._counts, table.resources.mark
        if offered is not None:
            self.snapshots.accepted(*offered, table.resources, wall_s())
        counts.count_config_apply(wall_s(), table.sequence if mark is None else mark.sequence)
        counts.config_apply_duration_s = now_s() - began_s
        source = self.snapshots.source
        counts.config_sources = {
            "environment": True,
            "file": self._settings.config_file is not None,
            "configmap": source == "configmap",
            "sync": source == "sync",
        }

    def _stand_overrides(self, table: Table) -> None:
        """Those that policies set; and come back when the next one ends, for what it beat."""
        now, wall = now_s(), wall_s()
        for name in table.breakers:
            breaker, override = self._breakers.known(name), table.overrides.get(name)
            if breaker is not None:
                by = override.origin.policy if override is not None else ""
                breaker.set_policy_override(override.value if override is not None else None, by, now, wall)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        until_wall_s = table.good_until_wall_s
        if until_wall_s is not None:
            rest_s = min(max(0.0, until_wall_s - wall), LONGEST_TIMER_S)
            self._timer = self._loop.call_later(rest_s, self._enqueue, _Change(None, timed=True))

    def _upstreams_of(self, table: Table) -> dict[str, Upstream]:
        """Unchanged upstreams go on with their connections and health."""
        upstreams, faults = {}, []
        for name, model in table.upstreams.items():
            known = self.upstreams.get(name)
            if known is not None and known.model == model:
                upstreams[str(name)] = known
                continue
            try:
                upstreams[str(name)] = Upstream(model, self._loop, _tell_missing, self._resolver)
            except OSError as error:
                what = f"{model.tls.ca_file!r} cannot be used: {error.strerror or error}"
                faults.append(
                    ConfigFault(
                        f"upstreams.{name}.tls.caFile", what, "give a readable file of PEM certificates"
                    )
                )
        if faults:
            raise ConfigFaults(faults)
        return upstreams

    def _forget_others(self, table: Table, plans: Plans) -> None:
        names = {str(settings.route.name) for settings in table.routes}
        self._breakers.keep_only(table.breakers.keys())
        self._counts.keep_only(names, {str(name) for name in table.upstreams}, table.breakers.keys())
        self._budgets = {name: budget for name, budget in self._budgets.items() if name in names}
        rules: dict[str, Rule] = {rule.identity: rule for plan in plans.plans for rule in plan.rules}
        self._limiter.keep_only(rules.values(), now_s())


def _warn(prepared: Prepared) -> None:
    for warning in prepared.warnings:
        LOG.warning("valid, but dangerous: %s", warning)


def _tell_missing(upstream: str, why: str) -> None:
    LOG.warning("upstream %s: %s", upstream, why)
