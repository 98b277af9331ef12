"""The watched objects as the World that is compiled: each read once, and again only when it changed.

An object that cannot be read (a field of another type than its kind's, which no API server with our kinds' schema
takes) is left out and named in the log; all others count.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from app.foundation.errors import ConfigFaults
from app.operator.kube.kinds import ENDPOINT_SLICE, ROUTE_KINDS, Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.kube.object_store import ObjectStore
from app.operator.routes.compiled import Compiled
from app.operator.routes.objects.metadata import ObjectKey as NamedKey
from app.operator.routes.objects.services import EndpointSlice, Service
from app.operator.routes.world import KINDS, World, read_object

__all__ = ["WorldView"]

LOG = logging.getLogger("tidegate.operator")

Json = Mapping[str, Any]


class WorldView:
    """Reads the objects of `store`; `changed` must be called with each of its changes."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._read: dict[str, dict[NamedKey, Any]] = {kind.name: {} for kind in ROUTE_KINDS}
        self._copies: dict[str, dict[NamedKey, Any]] = {}
        self._slices_of: dict[NamedKey, set[NamedKey]] = {}
        self.bundle_versions: Mapping[str, str] = {}
        """Of the definitions of Gateway API that could be read."""

    def changed(self, kind: Kind, key: ObjectKey) -> NamedKey | None:
        """Takes over a change; for an EndpointSlice, the Service whose endpoints may be others now."""
        name = NamedKey(*key)
        body = self._store.get(kind, key)
        values = self._read[kind.name]
        before = values.pop(name, None)
        now = None if body is None else _value(kind, body)
        if now is not None:
            values[name] = now
        self._copies.pop(kind.name, None)
        if kind is not ENDPOINT_SLICE:
            return None
        return self._index(name, before, now)

    def world(self, last: Compiled | None) -> World:
        """All objects now, with what the last compilation gave that the next one goes on from."""
        fields: dict[str, Any] = {
            one.field: self._copy(name) for name, one in KINDS.items() if one.field is not None
        }
        fields["bundle_versions"] = self.bundle_versions
        if last is None:
            return World(**fields)
        return World(**fields, target_ports=last.target_ports, certificates=last.certificates)

    def service(self, key: NamedKey) -> Service | None:
        found: Service | None = self._read["Service"].get(key)
        return found

    def slices(self, service: NamedKey) -> Iterable[EndpointSlice]:
        """The EndpointSlices of a Service, by name."""
        read = self._read[ENDPOINT_SLICE.name]
        return [read[key] for key in sorted(self._slices_of.get(service, ()))]

    def _copy(self, kind: str) -> dict[NamedKey, Any]:
        """As it is now, since a World never changes; while no object does, the same for all Worlds."""
        if kind not in self._copies:
            self._copies[kind] = dict(self._read[kind])
        return self._copies[kind]

    def _index(
        self, name: NamedKey, before: EndpointSlice | None, now: EndpointSlice | None
    ) -> NamedKey | None:
        for one in (before, now):
            if one is not None and one.service is not None:
                self._slices_of.setdefault(one.service, set()).discard(name)
                if not self._slices_of[one.service]:
                    del self._slices_of[one.service]
        if now is not None and now.service is not None:
            self._slices_of.setdefault(now.service, set()).add(name)
            return now.service
        return None if before is None else before.service


def _value(kind: Kind, body: Json) -> Any:
    try:
        return read_object(kind.name, body)
    except ConfigFaults as faults:
        LOG.error("left out: %s", faults)
        return None
