"""What gateways hear of beside snapshots: endpoints of upstreams and certificates, the newest of each.

Whoever watches the cluster puts them in; polls that are parked are responded to at once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import uuid4

from app.config.sync.newest import Addresses, CertificatePem, Held
from app.config.sync.newest_codec import CERTIFICATES, ENDPOINTS, Kind, encode_delta
from app.operator.sync.versioned_values import VersionedValues

__all__ = ["Feed", "Feeds", "new_feeds"]

V = TypeVar("V")

MAX_PACKED: Final = 32
"""Packed deltas kept at a time: gateways that hold the same get the same bytes."""


class Feed(Generic[V]):
    """The values of one kind. Nobody hears of any before the first `replace`: an operator that just started knows
    none yet, and gateways must not take that for none."""

    def __init__(self, kind: Kind[V], boot: str) -> None:
        self.kind = kind
        self.is_closed = False
        self._store: VersionedValues[V] = VersionedValues(boot)
        self._is_known = False
        self._packed: dict[Held, bytes] = {}
        self._next = asyncio.Event()

    @property
    def held(self) -> Held:
        """What a gateway that heard of everything holds."""
        return Held(self._store.boot, self._store.version)

    @property
    def values(self) -> Mapping[str, V]:
        """All there are now."""
        return self._store.values

    def replace(self, values: Mapping[str, V]) -> bool:
        """These are all; whether that is a change."""
        is_first, self._is_known = not self._is_known, True
        return self._publish(self._store.replace(values) or is_first)

    def change(self, values: Mapping[str, V], removed: Iterable[str] = ()) -> bool:
        """These are as given, and those no more; all others stay. Whether that is a change."""
        return self._publish(self._store.change(values, removed))

    def version_of(self, name: str) -> int | None:
        """Since which version it is as it is; None where there is none of that name."""
        return self._store.version_of(name)

    def is_held(self, name: str, held: Held | None) -> bool:
        """Whether a gateway that holds `held` has `name` as it is now."""
        version = self.version_of(name)
        is_ours = held is not None and held.boot == self._store.boot
        return is_ours and version is not None and held is not None and version <= held.version

    def newer_than(self, held: Held) -> bytes | None:
        """What a gateway lacks that holds `held`, packed; None where nothing is missing. Raises ConfigFaults."""
        if not self._is_known:
            return None
        packed = self._packed.get(held)
        if packed is not None:
            return packed
        delta = self._store.since(held)
        if delta is None:
            return None
        packed = encode_delta(self.kind, delta)
        if len(self._packed) < MAX_PACKED:
            self._packed[held] = packed
        return packed

    def next_change(self) -> asyncio.Event:
        """Set once there is something newer than now, or the polls must end."""
        return self._next

    def close(self) -> None:
        """Every parked poll gets its response now, so that the port can close."""
        self.is_closed = True
        self._wake_polls()

    def _publish(self, is_change: bool) -> bool:
        if is_change:
            self._packed = {}
            self._wake_polls()
        return is_change

    def _wake_polls(self) -> None:
        self._next.set()
        self._next = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Feeds:
    """`endpoints` by upstream, `certificates` by the name that listeners give."""

    endpoints: Feed[Addresses]
    certificates: Feed[CertificatePem]

    def of(self, path: str) -> Feed[Addresses] | Feed[CertificatePem] | None:
        """The one that is polled at `path`."""
        return next((feed for feed in (self.endpoints, self.certificates) if feed.kind.path == path), None)

    def close(self) -> None:
        """Every parked poll gets its response now."""
        self.endpoints.close()
        self.certificates.close()


def new_feeds() -> Feeds:
    """Those of an operator which just started."""
    boot = str(uuid4())
    return Feeds(Feed(ENDPOINTS, boot), Feed(CERTIFICATES, boot))
