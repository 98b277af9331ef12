"""Which snapshot is in force, which was offered, what became of the last one: what the operator hears."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from app.config.resources import Resources

if TYPE_CHECKING:
    from app.config.sync.messages import Applied, Attempt
    from app.config.sync.snapshot import Snapshot

    Offered: TypeAlias = tuple[Snapshot, str]
    """A snapshot and the source that brought it: configmap or sync."""

__all__ = ["Snapshots"]


class Snapshots:
    """Without a control plane nothing here is ever set, and nothing is imported for it.

    `held`: in force, `source` says from where (configmap or sync). `offered`: to be tried next.
    """

    def __init__(self) -> None:
        self.held: Snapshot | None = None
        self.source: str | None = None
        self.offered: Offered | None = None
        self.applied: Applied | None = None
        self.attempt: Attempt | None = None
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each attempt, whether it failed or not."""
        self._subscribers.append(callback)

    def offer(self, snapshot: "Snapshot", source: str) -> bool:
        """Whether it is tried next. One that does not supersede is ignored, and rejected where that is suspicious."""
        from app.config.sync.snapshot import supersedes

        newest = self.offered[0] if self.offered is not None else self.held
        if supersedes(snapshot, newest):
            self.offered = (snapshot, source)
            return True
        if newest is not None and newest.lineage != snapshot.lineage:
            self.reject(snapshot, f"its lineage does not say that it replaces {newest.lineage}")
        elif not snapshot.is_credible:
            self.reject(snapshot, "it is empty and not made from a complete list")
        return False

    def accept(self, snapshot: "Snapshot", source: str, resources: Resources, wall_s: float) -> None:
        """The snapshot is in force; `resources.errors` name the policies in it that are not."""
        from app.config.sync.messages import Applied, ApplyResult, Attempt

        self.held, self.source = snapshot, source
        if self.offered is not None and self.offered[0] is snapshot:
            self.offered = None
        self.applied = Applied(snapshot.lineage, snapshot.sequence, snapshot.hash, wall_s)
        result = ApplyResult.PARTIAL if resources.errors else ApplyResult.APPLIED
        self._note(Attempt(snapshot.lineage, snapshot.sequence, result, errors=resources.errors))

    def reject(self, snapshot: "Snapshot", message: str) -> None:
        """The snapshot is not applied: the last good one stays, and another one may be offered."""
        self.unreadable(snapshot.lineage, snapshot.sequence, message)
        if self.offered is not None and self.offered[0] is snapshot:
            self.offered = None

    def unreadable(self, lineage: str, sequence: int, message: str) -> None:
        """A snapshot that claims this lineage and sequence could not be used."""
        from app.config.sync.messages import ApplyResult, Attempt

        self._note(Attempt(lineage, sequence, ApplyResult.REJECTED, message))

    def _note(self, attempt: "Attempt") -> None:
        self.attempt = attempt
        for callback in self._subscribers:
            callback()
