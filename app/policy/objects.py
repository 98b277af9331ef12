"""How policies find objects of the cluster: by the names that the operator gives them in its tables. Pure.

| object | its name | what has it |
|---|---|---|
| HTTPRoute, GRPCRoute | `httproute/NAMESPACE/NAME` | routes `httproute/NAMESPACE/NAME/RULE` |
| a rule of one | `httproute/NAMESPACE/NAME/RULE` | the route of that name |
| Service | `service/NAMESPACE/NAME` | upstreams `service/NAMESPACE/NAME/PORT` |
| Gateway | `gateway/NAMESPACE/NAME` | listeners `NAMESPACE/NAME/LISTENER`, and those of ListenerSets that name it |

Names of a file are DNS subdomains, which have no slash, so neither can mean the other.
"""

from collections.abc import Mapping

from app.policy.model import TargetGroup, TargetRef

__all__ = ["gateway_of", "names_objects", "object_name", "whole_of"]

_GROUPS = (TargetGroup.GATEWAY_API, TargetGroup.CORE)


def object_name(target: TargetRef, namespace: str) -> str:
    """The name of an object that a policy of `namespace` targets; ask only where `target.is_object`."""
    parts = (target.kind.lower(), namespace, target.name, target.section)
    return "/".join(part for part in parts if part is not None)


def whole_of(name: str) -> str | None:
    """The object of which the route or upstream `name` is a part; None for a name of a file."""
    whole, slash, _ = name.rpartition("/")
    return whole if slash else None


def gateway_of(listener: str) -> str | None:
    """The Gateway that a listener of the tables belongs to by its name; None where the name does not say it.

    Those of a file, of Ingresses and of ListenerSets have names of other shapes.
    """
    match listener.split("/"):
        case [namespace, name, _]:
            return f"gateway/{namespace}/{name}"
    return None


def names_objects(spec: Mapping[str, object]) -> bool:
    """Whether a policy's spec, as its author wrote it, has a target that is an object of the cluster."""
    targets = spec.get("targetRefs")
    return isinstance(targets, list) and any(
        isinstance(target, dict) and target.get("group") in _GROUPS for target in targets
    )
