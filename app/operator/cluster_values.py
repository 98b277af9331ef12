"""What the Kubernetes API keeps and tells, as values without its types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Stored", "TokenBearer"]


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
    """Whose token it is: a pod's service account."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str
