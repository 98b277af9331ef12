"""Objects of the Kubernetes API as plain values, and how policies and gateway pods are read into them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "INSTANCE_LABEL",
    "Condition",
    "Pod",
    "PolicyObject",
    "Stored",
    "TokenBearer",
    "read_pods",
    "read_policy",
    "selected_labels",
]

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
class Condition:
    """A condition without the time of its last change."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A gateway pod behind a Service that takes traffic, so it must apply every snapshot."""

    uid: str
    name: str
    namespace: str
    gateway: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A ConfigMap's or Secret's content as read. `version`: writing with it fails if another wrote since.

    `metadata`: labels, annotations and owners, which stay as they are; `kind`: a Secret's type.
    """

    version: str
    data: Mapping[str, bytes]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class TokenBearer:
    """Whose token it is: the service account of a pod."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str


def read_policy(body: Mapping[str, Any]) -> PolicyObject | None:
    """None for one that is being deleted: it is gone already, though its name is still taken."""
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


def selected_labels(selector: str) -> dict[str, str]:
    """What a selector (`key=value,…`) asks of the labels of an object."""
    return dict(pair.split("=", 1) for pair in selector.split(","))


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
