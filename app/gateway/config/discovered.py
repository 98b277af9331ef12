"""Where the endpoints of upstreams are that the operator discovers: what it said last, in force at once."""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Final

from app.config.sync.newest import NOTHING_HELD, Addresses, Delta, Held
from app.dataplane.upstream.upstream import Upstream

__all__ = ["DISCOVERED", "Discovered"]

DISCOVERED: Final = "discovered"
"""A notice to a worker: what changed, as `newest_codec` writes it; all there is before anything else is said to it."""


class Discovered:
    """`held`: how far it got. Kept for all upstreams of the cluster, so that a table finds those of its new ones.

    An upstream that the operator names no more keeps its endpoints while a table in force has it: the table without it
    is on its way. One that has no endpoint any more is named with none.
    """

    def __init__(self) -> None:
        self.held: Held = NOTHING_HELD
        self._addresses: dict[str, Addresses] = {}
        self._upstreams: Mapping[str, Upstream] = MappingProxyType({})
        self._ended: set[str] = set()

    @property
    def names(self) -> Set[str]:
        """The upstreams that something is known about, be it that they have no endpoint."""
        return self._addresses.keys()

    @property
    def whole(self) -> Delta[Addresses]:
        """All that is known, as the operator would say it."""
        return Delta(self.held, True, dict(self._addresses))

    def follow(self, upstreams: Mapping[str, Upstream]) -> None:
        """These are in force from now on; those that were before have their endpoints already."""
        before, self._upstreams = self._upstreams, dict(upstreams)
        for name, upstream in upstreams.items():
            if before.get(name) is not upstream:
                self._put(name)
        for name in self._ended - upstreams.keys():
            self._ended.discard(name)
            del self._addresses[name]

    def take(self, delta: Delta[Addresses]) -> Delta[Addresses]:
        """What the operator says now; returns what that changed here. What it said badly stays as it was."""
        known, said = self._addresses, delta.values
        gone: Set[str] | tuple[str, ...] = delta.removed
        if delta.is_full:
            gone = known.keys() - said.keys() - delta.faults.keys()
        removed = tuple(name for name in gone if name in known)
        changed = {name: addresses for name, addresses in said.items() if known.get(name) != addresses}
        for name in removed:
            if name in self._upstreams:
                self._ended.add(name)
            else:
                del known[name]
        self._ended -= said.keys()
        known.update(changed)
        for name in changed:
            self._put(name)
        self.held = delta.held
        return Delta(delta.held, False, changed, removed)

    def take_packed(self, packed: bytes) -> None:
        """What the parent hands on. Raises ConfigFaults."""
        from app.config.sync.newest_codec import ENDPOINTS, decode_delta

        self.take(decode_delta(ENDPOINTS, packed))

    def _put(self, name: str) -> None:
        upstream = self._upstreams.get(name)
        if upstream is not None and upstream.model.is_discovered:
            upstream.set_endpoints(self._addresses.get(name, ()))
