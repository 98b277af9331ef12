"""The snapshot that gateways are served with now, and how a parked poll learns of the next one."""

import asyncio

from app.config.sync.messages import SyncRequest
from app.config.sync.snapshot import Snapshot
from app.operator.snapshot.history import FirstPublished, PackedSnapshots, is_newer_for

__all__ = ["ServedSnapshots"]


class ServedSnapshots:
    """`first_published`: since which snapshot each policy's generation is served.

    `fleet_namespace`: that of the gateways which get the tables; "" for nobody.
    """

    def __init__(self, fleet_namespace: str = "") -> None:
        self.fleet_namespace = fleet_namespace
        self._packed = PackedSnapshots(fleet_namespace)
        self._next = asyncio.Event()
        self.first_published = FirstPublished()
        self.is_closed = False

    @property
    def current(self) -> Snapshot | None:
        """None until one was published, or found in the ConfigMap."""
        return self._packed.snapshot

    @property
    def sequence(self) -> int:
        """That of the current snapshot; 0 without one."""
        return 0 if self.current is None else self.current.sequence

    def serve(self, snapshot: Snapshot, packed: bytes | None = None) -> bool:
        """Serves `snapshot` from now on; False if it is served already. `packed`: all of it, where that is known."""
        current = self.current
        if current is not None and current.hash == snapshot.hash:
            return False
        self._packed.put(snapshot, packed)
        self.first_published.note(snapshot)
        self._wake_polls()
        return True

    def newer_for(self, request: SyncRequest) -> bytes | None:
        """The packed snapshot for the gateway that sent `request`, if it would take it over."""
        current = self.current
        if current is None or not is_newer_for(current, request):
            return None
        held = request.applied.hash if request.applied is not None and request.takes_deltas else None
        return self._packed.packed_for(request.instance.namespace, held)

    def next_change(self) -> asyncio.Event:
        """Set once there is a further snapshot than now, or the polls must end."""
        return self._next

    def packed_bytes(self) -> int:
        """Size of the largest part that was served; 0 before any was."""
        return self._packed.packed_bytes()

    def close(self) -> None:
        """Every parked poll gets its response now, so that the port can close."""
        self.is_closed = True
        self._wake_polls()

    def _wake_polls(self) -> None:
        self._next.set()
        self._next = asyncio.Event()
