"""What a stored status becomes when it shall say what was compiled: parts of other controllers stay. Pure.

Conditions are merged by type, listeners by name, parents and ancestors by controller (Gateway API v1.7.0,
`RouteParentStatus`, `PolicyAncestorStatus`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.operator.kube.conditions import merged_conditions
from app.operator.routes.compiled import ListenerStatus, ObjectStatus, ParentStatus
from app.operator.routes.objects.gateways import Address
from app.operator.routes.objects.references import ParentRef

__all__ = ["has_entries_of", "merged_status", "status_patch"]

Json = Mapping[str, Any]

MAX_PARENTS = 32
MAX_ANCESTORS = 16

OWN_TYPES = frozenset(
    {
        "Accepted",
        "AttachedListenerSets",
        "Conflicted",
        "InsecureFrontendValidationMode",
        "OverlappingTLSConfig",
        "PartiallyInvalid",
        "Programmed",
        "ResolvedRefs",
        "SupportedVersion",
    }
)
"""Types that Gateway API gives to the controller of an object; what we do not say of them any more must go."""


def merged_status(stored: Json, wanted: ObjectStatus, controller: str, wall_s: float) -> dict[str, Any]:
    """The whole status as it shall be stored; `stored` itself where it says all of it already.

    `wall_s`: the time of conditions that change now.
    """
    merger = _Merger(wanted.generation, controller, wall_s)
    status = dict(stored)
    if wanted.conditions is not None:
        before = stored.get("conditions") or ()
        status["conditions"] = merged_conditions(
            before, wanted.conditions, OWN_TYPES, wanted.generation, wall_s
        )
    if wanted.listeners is not None:
        status["listeners"] = merger.listeners(stored.get("listeners") or (), wanted.listeners)
    if wanted.addresses is not None:
        _put(status, "addresses", [_address(one) for one in wanted.addresses])
    if wanted.attached_listener_sets is not None:
        status["attachedListenerSets"] = wanted.attached_listener_sets
    if wanted.parents is not None:
        before = stored.get("parents") or ()
        status["parents"] = merger.entries(before, "parentRef", wanted.parents)[:MAX_PARENTS]
    if wanted.ancestors is not None:
        before = stored.get("ancestors") or ()
        status["ancestors"] = merger.entries(before, "ancestorRef", wanted.ancestors)[:MAX_ANCESTORS]
    if wanted.supported_features is not None:
        status["supportedFeatures"] = [{"name": name} for name in sorted(wanted.supported_features)]
    if wanted.balancers is not None:
        ingress = [_balancer(one, wanted.port_errors) for one in wanted.balancers]
        status["loadBalancer"] = {"ingress": ingress} if ingress else {}
    return status


def status_patch(stored: Json, now: Json) -> dict[str, Any]:
    """The merge patch (RFC 7396) of a status from `stored` to `now`; empty where they are the same."""
    changed = {name: value for name, value in now.items() if stored.get(name) != value}
    gone = {name: None for name in stored if name not in now}
    return changed | gone


def has_entries_of(stored: Json, controller: str) -> bool:
    """Whether a route's status has a parent of `controller`."""
    return any(one.get("controllerName") == controller for one in stored.get("parents") or ())


class _Merger:
    """Parts of one status."""

    def __init__(self, generation: int, controller: str, wall_s: float) -> None:
        self._generation, self._controller, self._wall_s = generation, controller, wall_s

    def listeners(self, stored: Iterable[Json], wanted: Iterable[ListenerStatus]) -> list[dict[str, Any]]:
        """Exactly the wanted ones: who writes the Gateway's status writes all its listeners."""
        before = {one.get("name"): one for one in stored}
        return [self._listener(before.get(one.name, {}), one) for one in wanted]

    def entries(
        self, stored: Sequence[Json], ref_name: str, wanted: Iterable[ParentStatus]
    ) -> list[dict[str, Any]]:
        """Those of others as they are, then the wanted ones of ours."""
        others = [dict(one) for one in stored if one.get("controllerName") != self._controller]
        ours = [one for one in stored if one.get("controllerName") == self._controller]
        return others + [self._entry(ours, ref_name, one) for one in wanted]

    def _entry(self, ours: Iterable[Json], ref_name: str, wanted: ParentStatus) -> dict[str, Any]:
        ref = _parent_ref(wanted.ref)
        before = next((one for one in ours if _with_defaults(one.get(ref_name) or {}) == ref), {})
        conditions = merged_conditions(
            before.get("conditions") or (), wanted.conditions, OWN_TYPES, self._generation, self._wall_s
        )
        return {ref_name: ref, "controllerName": self._controller, "conditions": conditions}

    def _listener(self, before: Json, wanted: ListenerStatus) -> dict[str, Any]:
        conditions = merged_conditions(
            before.get("conditions") or (), wanted.conditions, OWN_TYPES, self._generation, self._wall_s
        )
        return {
            "name": wanted.name,
            "attachedRoutes": wanted.attached_routes,
            "supportedKinds": [{"group": one.group, "kind": one.kind} for one in wanted.supported_kinds],
            "conditions": conditions,
        }


def _put(status: dict[str, Any], name: str, values: list[Any]) -> None:
    """An empty list is left out."""
    if values:
        status[name] = values
    else:
        status.pop(name, None)


def _parent_ref(ref: ParentRef) -> dict[str, Any]:
    optional = {"namespace": ref.namespace, "sectionName": ref.section_name, "port": ref.port}
    given = {name: value for name, value in optional.items() if value is not None}
    return {"group": ref.group, "kind": ref.kind, "name": ref.name, **given}


def _with_defaults(ref: Json) -> dict[str, Any]:
    """As the API server stores it."""
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref}


def _address(address: Address) -> dict[str, Any]:
    return {"type": address.type, "value": address.value}


def _balancer(address: Address, errors: Iterable[tuple[int, str]]) -> dict[str, Any]:
    ports = [{"port": port, "protocol": "TCP", "error": error} for port, error in errors]
    return {
        "ip" if address.type == "IPAddress" else "hostname": address.value,
        **({"ports": ports} if ports else {}),
    }
