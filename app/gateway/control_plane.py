"""The gateway's side of the control plane: takes snapshots over, and reports what became of them and of breakers.

Loaded only where `CONTROL_PLANE_URL` or `SNAPSHOT_FILE` is set. Without the operator everything goes on with
the last good settings; a restart boots from the mounted file.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from app.breaker.transitions import BreakerTransition
from app.config.sources.file import FileSource
from app.config.sources.mounted_snapshot import (
    claimed_mark,
    decode_file,
    mounted_content,
    snapshot_path,
    watched_paths,
)
from app.config.sources.operator import SyncEnds, SyncLink, SyncTarget
from app.config.sync.messages import SyncRequest
from app.config.sync.snapshot import Snapshot, supersedes
from app.config.sync.summary import Summary
from app.foundation.clock import now_s
from app.foundation.errors import ConfigFaults
from app.gateway.config.reloads import Reloads
from app.gateway.config.snapshots import Snapshots
from app.gateway.deliveries import Deliveries
from app.gateway.sync_report import SyncReport
from app.settings import Settings
from app.telemetry.counts import Counts

__all__ = ["ControlPlane"]

LOG = logging.getLogger("tidegate.sync")


class ControlPlane:
    """`run` lives as long as the gateway; `waiting` says why it is not ready yet.

    `moved` is to hear of the breakers' transitions. `summarize`: makes what the operator asks for while somebody looks
    at the fleet.
    """

    def __init__(
        self,
        settings: Settings,
        reloads: Reloads,
        snapshots: Snapshots,
        report: SyncReport,
        deliveries: Deliveries,
        counts: Counts,
        summarize: Callable[[str], Awaitable[Summary]],
    ) -> None:
        self._settings, self._reloads, self._snapshots = settings, reloads, snapshots
        self._report, self._counts, self._summarize = report, counts, summarize
        self._deliveries = deliveries
        self._began_s = now_s()
        self._last_bad = ""
        self._link = self._open_link(settings.control_plane_url) if settings.control_plane_url else None
        if snapshots.held is not None:  # the mounted one
            deliveries.want(snapshots.held.tables)
        snapshots.subscribe(self._tried)
        deliveries.subscribe(self.report_soon)

    def _open_link(self, url: str) -> SyncLink:
        settings, report = self._settings, self._report
        ends = SyncEnds(
            compose=report.compose,
            held=lambda: self._snapshots.held,
            on_reply=self._replied,
            take=self._take,
            on_bad_snapshot=self._bad,
            on_failure=self._counts.count_sync_error,
            restart_session=report.restart,
            summarize=self._summarize,
            newest=(self._deliveries.endpoints, self._deliveries.certificates),
        )
        target = SyncTarget(url, settings.control_plane_token_file, settings.control_plane_ca_file)
        return SyncLink(target, ends, Random().random)  # noqa: S311 - spreads calls, guards nothing

    def waiting(self) -> str | None:
        """Why traffic is not welcome yet; None where nothing of this kind is missing."""
        lacking = self._deliveries.waiting()
        if self._snapshots.held is None:
            if self._settings.bootstrap_require_snapshot:
                return "waiting for a snapshot"
            lacking = "waiting for a snapshot"
        rest_s = self._settings.bootstrap_grace_s - (now_s() - self._began_s)
        return f"{lacking}, {rest_s:.0f} s at most" if lacking is not None and rest_s > 0 else None

    async def run(self) -> None:
        """Watches the file and keeps the link until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliveries.run())
            if self._settings.snapshot_file is not None:
                tasks.create_task(self._watch(snapshot_path(self._settings.snapshot_file)))
            if self._link is not None:
                tasks.create_task(self._link.run())

    async def _watch(self, path: str) -> None:
        has_changed = asyncio.Event()
        files = FileSource(watched_paths(path))
        has_changed.set()  # it may have changed between the boot's reading and now
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(files.run(lambda _path, _content: has_changed.set()))
            while True:
                await has_changed.wait()
                has_changed.clear()
                try:
                    content = await asyncio.to_thread(mounted_content, path)
                except ConfigFaults as faults:
                    LOG.info("the mounted snapshot is not read: %s", faults)
                    continue
                if content is not None:  # an absent volume says nothing
                    await self._take_file(content, path)

    async def _take_file(self, content: bytes, path: str) -> None:
        try:
            snapshot = await asyncio.to_thread(decode_file, content, path)
        except ConfigFaults as faults:
            self._bad(content, str(faults))
            return
        await self._put_in_force(snapshot, "configmap")

    async def _take(self, snapshot: Snapshot) -> bool:
        return await self._put_in_force(snapshot, "sync")

    async def _put_in_force(self, snapshot: Snapshot, source: str) -> bool:
        """Once what its routes need is here: none of them is to reject requests until it comes."""
        if self._link is not None and supersedes(snapshot, self._snapshots.held):
            self._deliveries.want(snapshot.tables)
            await self._deliveries.complete()
        return await self._reloads.take(snapshot, source)

    def report_soon(self) -> None:
        """Something changed that the operator is to know before the next poll."""
        if self._link is not None:
            self._link.wake()

    def moved(self, transition: BreakerTransition) -> None:
        self._report.add(transition)
        self.report_soon()

    def _replied(self, request: SyncRequest) -> None:
        self._report.acknowledged(request)
        if self._report.is_pending:
            self.report_soon()

    def _tried(self) -> None:
        """A snapshot was tried. One from the link is acknowledged by the next poll, which follows at once."""
        if self._snapshots.source != "sync":
            self.report_soon()

    def _bad(self, content: bytes, message: str) -> None:
        """A snapshot that could not even be read: the last good one stays, and the operator hears why."""
        self._counts.count_config_rejection()
        claim = claimed_mark(content)
        if claim is not None:
            self._snapshots.unreadable(*claim, message)
            self.report_soon()
        if message != self._last_bad:  # it is offered again and again
            LOG.error("snapshot not applied, the last good one stays: %s", message)
        self._last_bad = message
