"""Changes of the configuration while traffic flows: one after another, and the last good one stays."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.config.table import Table
from app.dataplane.proxy.routes import Plans
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFaults
from app.gateway.config.bindings import Bindings
from app.gateway.config.configuration import Configuration
from app.gateway.config.file_watch import FileWatch
from app.gateway.config.preparation import Prepared
from app.gateway.config.snapshots import Snapshots
from app.gateway.config_history import ConfigHistory
from app.gateway.in_force import InForce
from app.gateway.tasks import Tasks
from app.settings import Settings
from app.telemetry.counts import Counts
from app.telemetry.events import Events

if TYPE_CHECKING:
    from app.config.sync.snapshot import Snapshot
    from app.gateway.config.difference import Difference
    from app.gateway.config.snapshots import Offered
    from app.gateway.workers.rollout import Rollout

__all__ = ["Parts", "Reloads"]

LOG = logging.getLogger("tidegate.config")
LONGEST_TIMER_S = 86_400.0
"""A later date is looked at again then: clocks are set, and loops do not count on for months."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A file's new `content`; `path` None: a snapshot was offered or, where `timed`, an override ended.

    `settled`: who waits until it was tried.
    """

    path: str | None
    content: bytes | ConfigFaults = b""
    timed: bool = False
    settled: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reload works on. `in_force` takes the new plans; `counts`, `events` and `history` hear of the
    result. `rollout`: the workers, which put it in force too; None: there are none. `follow`: opens and closes
    the ports of its listeners; returns when they accept, or cannot."""

    configuration: Configuration
    bindings: Bindings
    snapshots: Snapshots
    watch: FileWatch
    in_force: InForce
    counts: Counts
    events: Events
    history: ConfigHistory
    rollout: "Rollout | None" = None
    follow: Callable[[Prepared], Awaitable[None]] | None = None


class Reloads:
    """Running requests finish on the plans they took; the reload itself is one assignment."""

    def __init__(self, parts: Parts, tasks: Tasks, loop: asyncio.AbstractEventLoop) -> None:
        self._parts = parts
        self._tasks = tasks
        self._loop = loop
        self._changes: deque[_Change] = deque()
        self._running: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait_for_override(parts.in_force.plans.table)

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """A watched file changed: its table is in force soon, or the last good one stays; in order."""
        self._enqueue(_Change(path, content))

    def renew_secrets(self, settings: Settings, path: str, content: bytes) -> None:
        """The environment's secrets are others now, since `path` changed: likewise."""
        if self._parts.configuration.renew_secrets(settings):
            self._enqueue(_Change(path, content))

    async def take(self, snapshot: "Snapshot", source: str) -> bool:
        """Put a snapshot in force if it supersedes the one held; True once it, or a later one, is.

        Another source may have brought the same one: a gateway that starts reads its volume and asks the operator.
        """
        snapshots = self._parts.snapshots
        if not snapshots.offer(snapshot, source):
            newest = snapshots.offered[0] if snapshots.offered is not None else snapshots.held
            if newest is None or (newest.lineage, newest.sequence) != (snapshot.lineage, snapshot.sequence):
                return False
        settled = self._loop.create_future()
        self._enqueue(_Change(None, settled=settled))
        await settled
        held = snapshots.held
        return held is not None and held.lineage == snapshot.lineage and held.sequence >= snapshot.sequence

    async def stop(self) -> None:
        """Drops what is not in force yet."""
        self._changes.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    def _enqueue(self, change: _Change) -> None:
        self._changes.append(change)
        if self._running is None:
            self._running = self._tasks.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._changes:
                change = self._changes.popleft()
                if self._is_news(change):
                    await self._apply(change)
                elif change.path is not None:  # back to what is in force
                    self._note_valid(change.path)
                if change.settled is not None and not change.settled.done():
                    change.settled.set_result(None)
        finally:
            self._running = None

    def _is_news(self, change: _Change) -> bool:
        if change.path is None:
            return change.timed or self._parts.snapshots.offered is not None
        return change.content != self._parts.configuration.contents.get(change.path)

    async def _apply(self, change: _Change) -> None:
        configuration, offered, began_s = self._parts.configuration, self._parts.snapshots.offered, now_s()
        before = self._parts.in_force.plans.table
        try:
            if isinstance(change.content, ConfigFaults):
                offered = None  # the file's fault is not the snapshot's
                raise change.content
            contents = configuration.contents
            if change.path is not None:
                contents = {**contents, change.path: change.content}
                offered = None
            # 10,000 routes take a second to read, which running requests must not wait for
            prepared = await asyncio.to_thread(configuration.prepare, contents, offered)
            await self._prepare_workers(prepared)
            for _ in configuration.bind(prepared):
                await asyncio.sleep(0)
            configuration.enter(prepared)
            await self._commit_workers(prepared)
            await self._serve_by(prepared)
            configuration.put_in_force(prepared, offered, began_s)
        except ConfigFaults as faults:
            self._reject(change, offered, str(faults), tuple(map(str, faults.faults)))
            for fault in faults.faults:
                LOG.error("configuration not applied, the last good one stays: %s", fault)
        except Exception:  # a fault of ours: the last good one stays, and so does the watch
            self._reject(change, offered, "the gateway failed inside; its log has more", ("internal error",))
            self._parts.counts.internal_errors += 1
            LOG.exception("configuration not applied, the last good one stays: internal error")
        else:
            self._follow(prepared.plans)
            self._note_valid(_source_of(change, offered))
            if change.path is not None:
                prepared.log_warnings()
            await self._note_applied(before, prepared.plans.table, change, offered)

    def _follow(self, plans: Plans) -> None:
        """What looks at the table in force looks at this one."""
        self._parts.bindings.look_up_names(again=False)
        self._parts.watch.follow()
        self._wait_for_override(plans.table)

    async def _prepare_workers(self, prepared: Prepared) -> None:
        """Before anything changes anywhere. Raises ConfigFaults where a worker cannot use it."""
        parts = self._parts
        if parts.rollout is not None:
            await parts.rollout.prepare(parts.configuration.change(prepared))

    async def _commit_workers(self, prepared: Prepared) -> None:
        """Before this process shows and acknowledges it."""
        parts = self._parts
        if parts.rollout is not None:
            await parts.rollout.commit(parts.configuration.change(prepared))

    async def _serve_by(self, prepared: Prepared) -> None:
        """Requests are served by it from now on, on all ports that it has: before others may know."""
        self._parts.in_force.plans = prepared.plans
        if self._parts.follow is not None:
            await self._parts.follow(prepared)

    def _note_valid(self, source: str) -> None:
        if self._parts.history.accept(source):
            LOG.info("configuration from %s is valid again", source)

    def _reject(
        self, change: _Change, offered: "Offered | None", message: str, faults: tuple[str, ...]
    ) -> None:
        from app.config.rejection import Rejection

        self._parts.counts.count_config_rejection()
        if offered is not None:
            self._parts.snapshots.reject(offered[0], message)
        self._parts.history.reject(Rejection(wall_s(), _source_of(change, offered), faults))
        self._parts.events.publish("config_rejected", change.path or "", faults[0])

    async def _note_applied(
        self, before: Table, table: Table, change: _Change, offered: "Offered | None"
    ) -> None:
        """What it changed, for people: found once it is in force, since nothing that serves needs it."""
        source = _source_of(change, offered)
        try:
            changed = await asyncio.to_thread(_difference, before, table, source)
        except Exception:  # a fault of ours
            self._parts.counts.internal_errors += 1
            LOG.exception("configuration %d applied; what it changed cannot be told", table.sequence)
            return
        self._parts.history.add(changed.edit(wall_s(), table.sequence, source))
        self._log_applied(table, change, offered, changed.summary)

    def _log_applied(self, table: Table, change: _Change, offered: "Offered | None", summary: str) -> None:
        events = self._parts.events
        if offered is None:
            what = f"{change.path} changed" if change.path is not None else "an override ended"
            LOG.info("configuration %d applied (%s): %s", table.sequence, what, summary)
            detail = f"configuration {table.sequence}: {summary}"
            events.publish("config_applied", change.path or "", detail)
            return
        snapshot, source = offered
        events.publish("config_applied", source, f"snapshot {snapshot.sequence}: {summary}")
        what = f"snapshot {snapshot.sequence}, {source}"
        LOG.info("configuration %d applied (%s): %s", table.sequence, what, summary)
        for error in table.resources.errors:
            uid, generation = error.uid, error.generation
            LOG.error(
                "policy %s, generation %d, not understood, left out: %s", uid, generation, error.message
            )

    def _wait_for_override(self, table: Table) -> None:
        """When the next override of a policy ends, the table is made again, for what that override beat."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        until_wall_s = table.good_until_wall_s
        if until_wall_s is not None:
            rest_s = min(max(0.0, until_wall_s - wall_s()), LONGEST_TIMER_S)
            self._timer = self._loop.call_later(rest_s, self._enqueue, _Change(None, timed=True))


def _difference(before: Table, table: Table, source: str) -> "Difference":
    """In a thread: it takes a look at every route."""
    from app.gateway.config.difference import difference  # 0.3 MiB, for those whose configuration changes

    return difference(before, table, source)


def _source_of(change: _Change, offered: "Offered | None") -> str:
    if change.path is not None:
        return change.path
    return "override" if offered is None else offered[1]
