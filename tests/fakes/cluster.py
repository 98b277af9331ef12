"""A Kubernetes API in memory, as far as the operator uses it, and faults on demand.

As the real one: a resourceVersion for every write, the generation only for changes of spec, 409 for a write
with an older version, a status that changes no generation, deletion at once. `tests/e2e` holds the operator
against a real API server; what that one does and this does not would be a fault of this file.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from app.foundation.errors import ClusterError
from app.operator.kube.event_aggregator import EventPost
from app.operator.kube.resources import INSTANCE_LABEL, Pod, PolicyObject, Stored, TokenBearer, read_policy

__all__ = ["GATEWAY_LABELS", "FakeCluster"]

GATEWAY_LABELS = {"app.kubernetes.io/name": "tidegate", "app.kubernetes.io/component": "gateway"}
"""Of the gateways' Services, as the chart gives them."""


class FakeCluster:
    """`away`: nothing answers. `calls`: how many of each kind came. `on_change`: what a watch would tell."""

    def __init__(self) -> None:
        self.version = 0
        self.made = 0
        self.bodies: dict[tuple[str, str], dict[str, Any]] = {}
        self.pods: dict[str, Pod] = {}
        self.configmaps: dict[str, Stored] = {"tidegate-snapshot": Stored("0", {})}
        self.secrets: dict[str, Stored] = {"tidegate-sync-ca": Stored("0", {}, {}, "Opaque")}
        self.events: dict[str, EventPost] = {}
        self.tokens: dict[str, TokenBearer] = {}
        self.calls: Counter[str] = Counter()
        self.unavailable = False
        self.on_change: Callable[[str], None] = lambda _: None
        self.before_configmap_write: Callable[[], None] = lambda: None
        self.latency_s = 0.0

    # what people do

    def apply(self, name: str, spec: Mapping[str, Any], namespace: str = "shop") -> None:
        """Creates a policy, or changes its spec."""
        body = self.bodies.get((namespace, name))
        if body is None:
            self.made += 1
            created = f"2026-01-01T{self.made // 3600 % 24:02}:{self.made // 60 % 60:02}:{self.made % 60:02}Z"
            metadata = {
                "namespace": namespace,
                "name": name,
                "uid": f"uid-{name}-{self.made}",
                "generation": 1,
                "creationTimestamp": created,
            }
            body = self.bodies[namespace, name] = {"metadata": metadata, "spec": {}}
        elif body["spec"] == spec:
            return
        else:
            body["metadata"]["generation"] += 1
        body["spec"] = copy.deepcopy(dict(spec))
        body["metadata"]["resourceVersion"] = self._next()
        self.on_change("policy")

    def delete(self, name: str, namespace: str = "shop") -> None:
        if self.bodies.pop((namespace, name), None) is not None:
            self._next()
            self.on_change("policy")

    def status_of(self, name: str, namespace: str = "shop") -> Mapping[str, Any]:
        return self.bodies[namespace, name].get("status") or {}

    def edit_status(self, name: str, status: Mapping[str, Any], namespace: str = "shop") -> None:
        """Somebody else writes a status."""
        body = self.bodies[namespace, name]
        body["status"] = copy.deepcopy(dict(status))
        body["metadata"]["resourceVersion"] = self._next()

    def add_pod(self, pod: Pod) -> None:
        self.pods[pod.uid] = pod
        self.on_change("slice")

    def remove_pod(self, uid: str) -> None:
        if self.pods.pop(uid, None) is not None:
            self.on_change("slice")

    def lose_snapshot(self) -> None:
        """Somebody empties the ConfigMap."""
        self.configmaps["tidegate-snapshot"] = Stored(self._next(), {})

    # what the operator asks

    async def policies(self, namespace: str) -> list[PolicyObject]:
        await self._asked("list", "resiliencepolicies")
        bodies = [body for (place, _), body in self.bodies.items() if namespace in ("*", place)]
        return [found for body in bodies if (found := read_policy(copy.deepcopy(body))) is not None]

    async def slices(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        await self._asked("list", "endpointslices")
        assert "=" in selector
        return [_slice(pod) for pod in self.pods.values() if namespace in ("*", pod.namespace)]

    async def write_status(self, policy: PolicyObject, status: Mapping[str, Any]) -> PolicyObject | None:
        await self._asked("status", policy.name)
        body = self.bodies.get((policy.namespace, policy.name))
        if body is None or body["metadata"]["uid"] != policy.uid:
            raise ClusterError("write the status of", policy.name, 404, "not found")
        if body["metadata"]["resourceVersion"] != policy.resource_version:
            raise ClusterError("write the status of", policy.name, 409, "the object has been modified")
        body["status"] = copy.deepcopy(dict(status))
        body["metadata"]["resourceVersion"] = self._next()
        return read_policy(copy.deepcopy(body))

    async def read_configmap(self, name: str) -> Stored:
        await self._asked("read", f"configmap {name}")
        if name not in self.configmaps:
            raise ClusterError("read", f"configmap {name}", 404, "not found")
        return self.configmaps[name]

    async def write_configmap(
        self, name: str, read: Stored, binary: Mapping[str, bytes], texts: Mapping[str, str]
    ) -> Stored:
        await self._asked("write", f"configmap {name}")
        self.before_configmap_write()
        if self.configmaps[name].version != read.version:
            raise ClusterError("write", f"configmap {name}", 409, "the object has been modified")
        data = {key: text.encode() for key, text in texts.items()} | dict(binary)
        written = self.configmaps[name] = Stored(self._next(), data, read.metadata)
        return written

    async def read_secret(self, name: str) -> Stored:
        await self._asked("read", f"secret {name}")
        if name not in self.secrets:
            raise ClusterError("read", f"secret {name}", 404, "not found")
        return self.secrets[name]

    async def write_secret(self, name: str, read: Stored, data: Mapping[str, bytes]) -> None:
        await self._asked("write", f"secret {name}")
        self.before_configmap_write()
        if self.secrets[name].version != read.version:
            raise ClusterError("write", f"secret {name}", 409, "the object has been modified")
        self.secrets[name] = Stored(self._next(), dict(data), read.metadata, read.kind)

    async def post_event(self, post: EventPost) -> None:
        await self._asked("event", post.namespace)
        if not post.is_new and post.name not in self.events:
            raise ClusterError("post an event in", post.namespace, 404, "not found")
        self.events[post.name] = post

    async def review(self, token: str) -> TokenBearer | None:
        await self._asked("review", "a token")
        return self.tokens.get(token)

    def recorded(self) -> list[tuple[str, str, int]]:
        """The Events so far: reason, policy, count."""
        return [(post.notice.reason, post.policy.name, post.count) for post in self.events.values()]

    async def _asked(self, verb: str, what: str) -> None:
        self.calls[verb] += 1
        await asyncio.sleep(self.latency_s)
        if self.unavailable:
            raise ClusterError(verb, what, 0, "connection refused")

    def _next(self) -> str:
        self.version += 1
        return str(self.version)


def _slice(pod: Pod) -> Mapping[str, Any]:
    labels = GATEWAY_LABELS if pod.gateway is None else {**GATEWAY_LABELS, INSTANCE_LABEL: pod.gateway}
    ref = {"kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
    return {
        "metadata": {"namespace": pod.namespace, "labels": labels},
        "endpoints": [{"conditions": {"ready": True}, "targetRef": ref}],
    }
