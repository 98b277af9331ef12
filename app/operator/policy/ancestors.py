"""`status.ancestors` of a policy: the Gateways whose requests it is about, and what became of it there (GEP-713).

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.operator.kube.conditions import dated
from app.operator.kube.resources import Condition, PolicyObject
from app.policy.kind import CONTROLLER
from app.policy.model import TargetGroup, TargetKind
from app.policy.schema_status import MAX_ANCESTORS

__all__ = ["ancestor_fields"]

_TYPES = ("Accepted", "Programmed")


def ancestor_fields(
    policy: PolicyObject, gateways: Sequence[str], conditions: Iterable[Condition], wall_s: float
) -> dict[str, Any]:
    """`ancestors` for `gateways` (`gateway/NAMESPACE/NAME`), the first ones where there are too many; nothing for none.

    Entries of other controllers stay. `conditions`: of the whole policy.
    """
    stored: list[Mapping[str, Any]] = list(policy.status.get("ancestors") or ())
    foreign = [dict(one) for one in stored if one.get("controllerName") != CONTROLLER]
    before = {
        _name(one.get("ancestorRef") or {}): one for one in stored if one.get("controllerName") == CONTROLLER
    }
    shown = [one for one in conditions if one.type in _TYPES]
    own = []
    for gateway in gateways[: MAX_ANCESTORS - len(foreign)]:
        _, namespace, name = gateway.split("/")
        known = (before.get(gateway) or {}).get("conditions") or ()
        own.append(
            {
                "ancestorRef": {
                    "group": str(TargetGroup.GATEWAY_API),
                    "kind": str(TargetKind.GATEWAY),
                    "namespace": namespace,
                    "name": name,
                },
                "controllerName": CONTROLLER,
                "conditions": dated(known, shown, policy.generation, wall_s),
            }
        )
    ancestors = own + foreign
    return {"ancestors": ancestors} if ancestors else {}


def _name(ref: Mapping[str, Any]) -> str:
    return f"gateway/{ref.get('namespace')}/{ref.get('name')}"
