"""The gateway's side of the control plane: takes snapshots over, says what became of them and of breakers.

Loaded only where `CONTROL_PLANE_URL` or `SNAPSHOT_FILE` is set. Without the operator everything goes on with
the last good settings; a restart boots from the mounted file.
"""

import asyncio
import logging
import socket
import uuid
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from random import Random

import orjson

from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.config.sources.file import FileSource
from app.config.sources.mounted_snapshot import claimed_mark, decode_file, read_snapshot, snapshot_path
from app.config.sync.messages import (
    MAX_TRANSITIONS,
    BreakerReport,
    Instance,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.snapshot import Snapshot
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFaults
from app.foundation.version import VERSION
from app.gateway.config.configuration import Configuration
from app.policy.effective import Origin, Source
from app.settings import Settings
from app.telemetry.counts import Counts

__all__ = ["ControlPlane", "boot_snapshot", "in_namespace"]

LOG = logging.getLogger("tidegate.sync")
MOST_PENDING = 1_024
"""Transitions that wait for the operator; older ones are lost to its Events, not to the metrics."""


def in_namespace(settings: Settings) -> Settings:
    """With the namespace of the service account's token where `POD_NAMESPACE` is unset."""
    namespace = settings.pod_namespace or _token_namespace(settings.control_plane_token_file)
    return replace(settings, pod_namespace=namespace)


def boot_snapshot(settings: Settings) -> Snapshot | None:
    """What the mounted file holds; a bad one is told, and the gateway starts without."""
    if settings.snapshot_file is None:
        return None
    try:
        return read_snapshot(snapshot_path(settings.snapshot_file))
    except ConfigFaults as faults:
        for fault in faults.faults:
            LOG.error("snapshot not applied at start: %s", fault)
        return None


class ControlPlane:
    """`run` lives as long as the gateway; `waiting` says why it is not ready yet."""

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        breakers: Breakers,
        counts: Counts,
        table: Callable[[], Table],
    ) -> None:
        self._settings, self._configuration = settings, configuration
        self._breakers, self._counts, self._table = breakers, counts, table
        self._began_s = now_s()
        self._boot_id = str(uuid.uuid4())
        self._pod_uid = settings.pod_uid or self._boot_id
        self._calls = self._moves = 0
        self._last_bad = ""
        self._pending: deque[TransitionReport] = deque(maxlen=MOST_PENDING)
        self._wake: Callable[[], None] = lambda: None
        breakers.subscribe(self._moved)
        configuration.on_attempt = self._tell

    def waiting(self) -> str | None:
        """Why traffic is not welcome yet; None where nothing of this kind is missing."""
        if self._configuration.snapshots.held is not None:
            return None
        if self._settings.bootstrap_require_snapshot:
            return "waiting for a snapshot"
        rest_s = self._settings.bootstrap_grace_s - (now_s() - self._began_s)
        return f"waiting for a snapshot, {rest_s:.0f} s at most" if rest_s > 0 else None

    async def run(self) -> None:
        """Watches the file and keeps the link until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._settings.snapshot_file is not None:
                tasks.create_task(self._watch(snapshot_path(self._settings.snapshot_file)))
            if self._settings.control_plane_url is not None:
                tasks.create_task(self._link(self._settings.control_plane_url))

    async def _watch(self, path: str) -> None:
        changes: asyncio.Queue[bytes | ConfigFaults] = asyncio.Queue()
        files = FileSource([path], lambda _, content: changes.put_nowait(content))
        # it may have changed between the boot's reading and now
        self._read_again(path, changes)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(files.run())
            while True:
                content = await changes.get()
                if isinstance(content, bytes):  # an absent volume says nothing
                    await self._take_file(content, path)

    def _read_again(self, path: str, changes: "asyncio.Queue[bytes | ConfigFaults]") -> None:
        try:
            with open(path, "rb") as file:
                changes.put_nowait(file.read())
        except OSError:
            return

    async def _take_file(self, content: bytes, path: str) -> None:
        try:
            snapshot = await asyncio.to_thread(decode_file, content, path)
        except ConfigFaults as faults:
            self._bad(content, str(faults))
            return
        await self._configuration.take(snapshot, "configmap")

    async def _link(self, url: str) -> None:
        from app.config.sources.operator import SyncEnds, SyncLink, SyncTarget

        settings = self._settings
        ends = SyncEnds(
            compose=self.compose,
            on_reply=self._answered,
            take=lambda snapshot: self._configuration.take(snapshot, "sync"),
            on_bad_snapshot=self._bad,
            on_failure=self._counts.count_sync_error,
            restart_session=self._begin_anew,
        )
        target = SyncTarget(url, settings.control_plane_token_file, settings.control_plane_ca_file)
        link = SyncLink(target, ends, Random().random)  # noqa: S311 - spreads calls, guards nothing
        self._wake = link.wake
        await link.run()

    def compose(self, wait_s: int) -> SyncRequest:
        """All there is to say now."""
        self._calls += 1
        table, snapshots, settings = self._table(), self._configuration.snapshots, self._settings
        store_up = self._counts.store_up
        return SyncRequest(
            instance=Instance(
                pod_uid=self._pod_uid,
                pod_name=settings.pod_name or _host_name(),
                namespace=settings.pod_namespace or "default",
                boot_id=self._boot_id,
                call=self._calls,
                gateway=settings.gateway_name,
                version=VERSION,
            ),
            applied=snapshots.applied,
            attempt=snapshots.attempt,
            targets=Targets(
                tuple(str(each.route.name) for each in table.routes), tuple(map(str, table.upstreams))
            ),
            breakers=tuple(self._breaker_reports(table)),
            transitions=tuple(self._pending)[:MAX_TRANSITIONS],
            limit_store_up=store_up() if store_up is not None else None,
            wait_s=wait_s,
        )

    def _breaker_reports(self, table: Table) -> Iterable[BreakerReport]:
        now, wall = now_s(), wall_s()
        for breaker in self._breakers.all():
            view = breaker.view(now, wall)
            yield BreakerReport(
                view.name,
                view.state.value,
                view.since_wall_s,
                view.reason.value if view.reason is not None else None,
                _policies_of(table, view.name),
            )

    def _moved(self, moved: BreakerTransition) -> None:
        self._moves += 1
        self._pending.append(
            TransitionReport(
                self._moves,
                moved.name,
                moved.from_state.value,
                moved.to_state.value,
                moved.reason.value,
                moved.at_wall_s,
                _policies_of(self._table(), moved.name),
            )
        )
        self._wake()

    def _answered(self, request: SyncRequest) -> None:
        """What was told and heard need not be told again."""
        last = request.transitions[-1].number if request.transitions else 0
        while self._pending and self._pending[0].number <= last:
            self._pending.popleft()
        if self._pending:
            self._wake()

    def _begin_anew(self) -> None:
        """Speak as another boot: what the operator holds of this one is wrong, and bars it for good."""
        self._boot_id = str(uuid.uuid4())
        self._calls = 0

    def _tell(self) -> None:
        """A snapshot was tried. One from the link is acknowledged by the next poll, which follows at once."""
        if self._configuration.snapshots.source != "sync":
            self._wake()

    def _bad(self, content: bytes, message: str) -> None:
        """A snapshot that could not even be read: the last good one stays, and the operator hears why."""
        self._counts.count_config_rejection()
        claim = claimed_mark(content)
        if claim is not None:
            self._configuration.snapshots.unreadable(*claim, message)
            self._wake()
        if message != self._last_bad:  # it is offered again and again
            LOG.error("snapshot not applied, the last good one stays: %s", message)
        self._last_bad = message


def _policies_of(table: Table, breaker: str) -> tuple[str, ...]:
    """UIDs of the cluster's policies in force for it: its settings', its override's."""
    origins: list[Origin] = []
    if (settings := table.breakers.get(breaker)) is not None:
        origins.append(settings.origin)
    if (override := table.overrides.get(breaker)) is not None:
        origins.append(override.origin)
    uids: Mapping[str, str] = table.resources.uids
    found = (uids.get(origin.policy) for origin in origins if origin.source is Source.RESOURCE)
    return tuple(dict.fromkeys(uid for uid in found if uid is not None))


def _host_name() -> str:
    """As an object's name may be written."""
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in socket.gethostname().lower())
    return name.strip("-")[:63].strip("-") or "gateway"


def _token_namespace(path: str | None) -> str | None:
    """The namespace that a projected service account token speaks of; the operator verifies it, not we."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            part = file.read(65_536).split(b".")[1]
        claims = orjson.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        namespace = claims["kubernetes.io"]["namespace"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return namespace if isinstance(namespace, str) else None
