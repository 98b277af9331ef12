"""Policies and gateway pods as the API server tells of them, read into values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["INSTANCE_LABEL", "Pod", "PolicyObject", "read_pods", "read_policy"]

INSTANCE_LABEL = "app.kubernetes.io/instance"
"""On a gateway's Service (and so on its EndpointSlices): the name that `Gateway` refs mean."""


@dataclass(frozen=True, slots=True)
class PolicyObject:
    """A ResiliencePolicy as stored. `created`: RFC 3339 in UTC, so that older sorts first."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    resource_version: str
    spec: Mapping[str, object]
    status: Mapping[str, Any]

    @property
    def age_order(self) -> tuple[str, str, str]:
        """Older first, then namespace and name: who wins a conflict."""
        return (self.created, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Pod:
    """A gateway pod behind a Service that takes traffic, so it must apply every snapshot."""

    uid: str
    name: str
    namespace: str
    gateway: str | None


def read_policy(body: Mapping[str, Any]) -> PolicyObject | None:
    """None for one that is being deleted: it is gone, whoever still holds its name."""
    metadata = body["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    return PolicyObject(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        created=metadata.get("creationTimestamp") or "",
        resource_version=metadata.get("resourceVersion", ""),
        spec=body.get("spec") or {},
        status=body.get("status") or {},
    )


def read_pods(slices: Iterable[Mapping[str, Any]]) -> dict[str, Pod]:
    """By UID, the pods in EndpointSlices that are ready, or serving and not terminating."""
    pods = {}
    for one in slices:
        gateway = (one["metadata"].get("labels") or {}).get(INSTANCE_LABEL)
        for endpoint in one.get("endpoints") or ():
            ref = endpoint.get("targetRef") or {}
            if ref.get("kind") == "Pod" and "uid" in ref and _takes_traffic(endpoint.get("conditions") or {}):
                namespace = ref.get("namespace") or one["metadata"]["namespace"]
                pods[ref["uid"]] = Pod(ref["uid"], ref["name"], namespace, gateway)
    return pods


def _takes_traffic(conditions: Mapping[str, Any]) -> bool:
    # discovery/v1: an unknown `ready` means ready
    ready = conditions.get("ready")
    return ready is not False or (bool(conditions.get("serving")) and not conditions.get("terminating"))
