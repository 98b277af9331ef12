"""`Programmed`: what the compiled statuses say of it once the fleet has confirmed (or not) what must be there first.

True only when every ready gateway pod has applied the tables of this generation, bound the listener's port and holds
its certificates; a message counts otherwise. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.operator.kube.resources import Condition
from app.operator.routes.compiled import (
    Compiled,
    ListenerRequirement,
    ListenerStatus,
    ObjectId,
    ObjectStatus,
    Requirement,
    condition,
)

__all__ = ["FleetFacts", "PodFacts", "programmed"]

_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a ready gateway pod confirmed last; nothing yet: sequence and certificates 0.

    `ports`: bound; `port_faults`: why others cannot be. `certificates`: the version of the delivered ones it holds.
    """

    name: str
    sequence: int = 0
    ports: frozenset[int] = frozenset()
    port_faults: Mapping[int, str] | None = None
    certificates: int = 0


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """`pods`: all that are ready. `sequences`: by object, that of the first tables with its present generation.

    `certificates`: by name, the version in which it came first; a renewed one waits for nobody, since the old one
    serves on. An object or certificate that is not in them has not been published: nobody can have confirmed it.
    """

    pods: tuple[PodFacts, ...]
    sequences: Mapping[ObjectId, int]
    certificates: Mapping[str, int]


def programmed(compiled: Compiled, fleet: FleetFacts) -> dict[ObjectId, ObjectStatus]:
    """The statuses that hang on the fleet, with `Programmed` decided; all others of `compiled` are as they are there.

    O(listeners × pods), however many routes there are.
    """
    return {
        id_: _decided(compiled.statuses[id_], required, fleet)
        for id_, required in compiled.requirements.items()
    }


def _decided(status: ObjectStatus, required: Requirement, fleet: FleetFacts) -> ObjectStatus:
    sequence = fleet.sequences.get(status.id)
    verdicts = {name: _verdict(listener, sequence, fleet) for name, listener in required.listeners.items()}
    whole = next((one for one in verdicts.values() if one.status != "True"), None) or _true()
    return replace(
        status,
        conditions=_with(status.conditions or (), whole),
        listeners=tuple(_listener(one, verdicts) for one in status.listeners or ()),
    )


def _listener(status: ListenerStatus, verdicts: Mapping[str, Condition]) -> ListenerStatus:
    verdict = verdicts.get(status.name)
    if verdict is None:
        return status
    return replace(status, conditions=_with(status.conditions, verdict))


def _with(conditions: tuple[Condition, ...], verdict: Condition) -> tuple[Condition, ...]:
    """Only what was left open is decided here."""
    return tuple(
        verdict if one.type == "Programmed" and one.status == "Unknown" else one for one in conditions
    )


def _true() -> Condition:
    return condition("Programmed", True, "Programmed", "every ready gateway serves it")


def _verdict(required: ListenerRequirement, sequence: int | None, fleet: FleetFacts) -> Condition:
    if not fleet.pods:
        return condition("Programmed", False, "Pending", "no gateway is ready")
    for pod in fleet.pods:
        fault = (pod.port_faults or {}).get(required.port)
        if fault is not None:
            message = f"{pod.name} cannot serve port {required.port}: {fault}"
            return condition("Programmed", False, "NoResources", message)
    waiting = [pod.name for pod in fleet.pods if not _has(pod, required, sequence, fleet.certificates)]
    if not waiting:
        return _true()
    named = ", ".join(sorted(waiting)[:_MAX_NAMED])
    more = f" and {len(waiting) - _MAX_NAMED} more" if len(waiting) > _MAX_NAMED else ""
    message = f"{len(fleet.pods) - len(waiting)}/{len(fleet.pods)}, waiting for {named}{more}"
    return condition("Programmed", False, "Pending", message)


def _has(
    pod: PodFacts, required: ListenerRequirement, sequence: int | None, versions: Mapping[str, int]
) -> bool:
    if sequence is None or pod.sequence < sequence or required.port not in pod.ports:
        return False
    return all(name in versions and pod.certificates >= versions[name] for name in required.certificates)
