"""Which references across namespaces are allowed (GEP-709: ReferenceGrant). Pure."""

from collections.abc import Iterable

from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.policies import ReferenceGrant

__all__ = ["Grants"]


class Grants:
    """Built once for all grants; `allows` is one or two look-ups."""

    __slots__ = ("_allowed",)

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._allowed = frozenset(
            (origin, target.group, target.kind, grant.meta.namespace, target.name)
            for grant in grants
            for origin in ((one.group, one.kind, one.namespace) for one in grant.origins)
            for target in grant.targets
        )

    def allows(self, origin: tuple[str, str, str], group: str, kind: str, target: ObjectKey) -> bool:
        """Whether an object of `origin` (group, kind, namespace) may refer to `target` of this group and kind."""
        if origin[2] == target.namespace:
            return True
        return any(
            (origin, group, kind, target.namespace, name) in self._allowed for name in (target.name, None)
        )
