"""What an API server in memory says of itself to a client that looks for its kinds."""

from collections.abc import Mapping
from typing import Any

from app.policy.kind import GROUP, KIND, PLURAL, VERSION

__all__ = ["POLICIES_PATH", "SLICES_PATH", "discovery"]

POLICIES_PATH = f"/apis/{GROUP}/{VERSION}"
SLICES_PATH = "/apis/discovery.k8s.io/v1"
_VERBS = ["create", "get", "list", "patch", "update", "watch"]


def discovery() -> dict[str, Mapping[str, Any]]:
    """What kopf looks up at its start."""
    groups = []
    for group, version in ((GROUP, VERSION), ("discovery.k8s.io", "v1")):
        named = {"groupVersion": f"{group}/{version}", "version": version}
        groups.append({"name": group, "versions": [named], "preferredVersion": named})
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": groups},
        "/api/v1": _resources(("namespaces", "Namespace", False), ("events", "Event", True)),
        POLICIES_PATH: _resources((PLURAL, KIND, True)),
        SLICES_PATH: _resources(("endpointslices", "EndpointSlice", True)),
    }


def _resources(*kinds: tuple[str, str, bool]) -> Mapping[str, Any]:
    rows = [
        {"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": _VERBS}
        for name, kind, namespaced in kinds
    ]
    return {"kind": "APIResourceList", "resources": rows}
