"""Full lists of what one operator looks after: the truth, where a watch only says that something changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.operator.kube.resources import Pod, PolicyObject, read_pods
from app.policy.objects import names_objects

__all__ = ["ListApi", "Lister", "WatchScope"]


class ListApi(Protocol):
    """Full lists, no older than the call. Every method raises ClusterError."""

    async def policies(self, namespace: str) -> list[PolicyObject]:
        """Those of `namespace`, or of all with `*`; without those that are being deleted."""

    async def slices(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        """EndpointSlices, as JSON, whose labels match `selector`."""


@dataclass(frozen=True, slots=True)
class WatchScope:
    """What one operator looks after. `namespace` may be `*`; `selector`: labels of the gateways' Services."""

    namespace: str
    selector: str
    configmap: str


class Lister:
    """Lists within one scope. Every method raises ClusterError."""

    def __init__(self, api: ListApi, scope: WatchScope) -> None:
        self._api, self._scope = api, scope
        self._policies_in = scope.namespace

    def widen(self) -> None:
        """From now on those policies of other namespaces are listed, too, that target objects of the cluster.

        All others there are another operator's.
        """
        self._policies_in = "*"

    async def policies(self) -> list[PolicyObject]:
        listed = await self._api.policies(self._policies_in)
        own = self._scope.namespace
        if self._policies_in == own:
            return listed
        return [policy for policy in listed if policy.namespace == own or names_objects(policy.spec)]

    async def pods(self) -> dict[str, Pod]:
        """The gateway pods that take traffic, by UID."""
        return read_pods(await self._api.slices(self._scope.namespace, self._scope.selector))
