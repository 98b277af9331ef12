"""The placed Gateways of one world after another; what did not change is kept. Pure but for what it keeps."""

from collections.abc import Mapping
from typing import NamedTuple

from app.operator.routes.certificate_refs import CertificateRefs
from app.operator.routes.gateways import (
    PlacedGateway,
    class_condition,
    namespace_labels,
    own_classes,
    place_gateway,
    sets_by_gateway,
)
from app.operator.routes.objects.gateways import Gateway, ListenerSet
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.world import World

__all__ = ["GatewayPlaces"]


class _Place(NamedTuple):
    """What a Gateway's place rests on, beside what certificates are found."""

    gateway: Gateway
    sets: tuple[ListenerSet, ...]
    labels: tuple[Mapping[str, str], ...]


class GatewayPlaces:
    """Places the Gateways of one world after another; keeps those that did not change."""

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._kept: dict[ObjectKey, tuple[_Place, PlacedGateway]] = {}
        self.refs = CertificateRefs(World())
        """Certificates of the world placed last."""

    def of(self, world: World, controller: str) -> list[PlacedGateway]:
        """The Gateways of our accepted classes, oldest first."""
        seen = (world.secrets, world.config_maps, world.grants, world.certificates)
        if seen != self._seen:
            self._seen, self._kept, self.refs = seen, {}, CertificateRefs(world)
        classes = {
            name
            for name, one in own_classes(world, controller).items()
            if class_condition(one).status == "True"
        }
        sets = sets_by_gateway(world)
        own = (one for one in world.gateways.values() if one.class_name in classes)
        kept: dict[ObjectKey, tuple[_Place, PlacedGateway]] = {}
        for gateway in sorted(own, key=lambda one: one.meta.age_order):
            key = gateway.meta.key
            named = tuple(sets.get(key, ()))
            labels = tuple(namespace_labels(world, one.meta.namespace) for one in named)
            place = _Place(gateway, named, labels)
            before = self._kept.get(key)
            if before is not None and before[0] == place:
                kept[key] = before
            else:
                kept[key] = (place, place_gateway(gateway, list(named), world, self.refs))
        self._kept = kept
        return [placed for _, placed in kept.values()]
