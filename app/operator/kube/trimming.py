"""What the operator keeps of an object: a ConfigMap may have a mebibyte of which one entry matters. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from app.operator.kube.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    GATEWAY,
    GATEWAY_CLASS,
    GRPC_ROUTE,
    HTTP_ROUTE,
    INGRESS,
    LISTENER_SET,
    REFERENCE_GRANT,
    RESILIENCE_POLICY,
    SECRET,
    TLS_POLICY,
    Kind,
)

__all__ = ["is_going", "is_same_content", "trimmed"]

Json = Mapping[str, Any]

_METADATA = (
    "annotations",
    "creationTimestamp",
    "generation",
    "labels",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "uid",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CERTIFICATE_ENTRIES = ("ca.crt", "tls.crt", "tls.key")
_ENDPOINT = ("addresses", "conditions", "nodeName", "targetRef", "zone")

_OWN_STATUS = frozenset(
    {
        GATEWAY,
        GATEWAY_CLASS,
        GRPC_ROUTE,
        HTTP_ROUTE,
        INGRESS,
        LISTENER_SET,
        RESILIENCE_POLICY,
        TLS_POLICY,
    }
)
_GONE_WHEN_DELETED = _OWN_STATUS | {REFERENCE_GRANT}


def is_going(kind: Kind, body: Json) -> bool:
    """Whether it is being deleted, and of a kind that counts as gone then, though its name is still taken."""
    return kind in _GONE_WHEN_DELETED and bool(body["metadata"].get("deletionTimestamp"))


def trimmed(kind: Kind, body: Json) -> dict[str, Any]:
    """`body` without what nobody reads here."""
    return _TRIMS.get(kind.name, _whole)(body)


def is_same_content(kind: Kind, before: Json, now: Json) -> bool:
    """Whether nothing changed but what controllers report: versions, and the status of a kind whose status is ours."""
    if before.keys() - {"metadata", "status"} != now.keys() - {"metadata", "status"}:
        return False
    left_out = ("metadata", "status") if kind in _OWN_STATUS else ("metadata",)
    if any(before.get(key) != now.get(key) for key in before.keys() | now.keys() if key not in left_out):
        return False
    names = (before["metadata"].keys() | now["metadata"].keys()) - {"resourceVersion"}
    return all(before["metadata"].get(name) == now["metadata"].get(name) for name in names)


def _whole(body: Json) -> dict[str, Any]:
    return {**body, "metadata": _metadata(body)}


def _metadata(body: Json) -> dict[str, Any]:
    given = body["metadata"]
    kept = {name: given[name] for name in _METADATA if name in given}
    annotations = kept.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        kept["annotations"] = {key: text for key, text in annotations.items() if key != _LAST_APPLIED}
    return kept


def _secret(body: Json) -> dict[str, Any]:
    return {"metadata": _metadata(body), "type": body.get("type"), "data": _entries(body)}


def _config_map(body: Json) -> dict[str, Any]:
    return {"metadata": _metadata(body), "data": _entries(body)}


def _entries(body: Json) -> dict[str, Any]:
    data = body.get("data") or {}
    return {name: data[name] for name in _CERTIFICATE_ENTRIES if name in data}


def _slice(body: Json) -> dict[str, Any]:
    endpoints = [
        {name: one[name] for name in _ENDPOINT if name in one} for one in body.get("endpoints") or ()
    ]
    return {
        "metadata": _metadata(body),
        "addressType": body.get("addressType"),
        "endpoints": endpoints,
        "ports": body.get("ports") or [],
    }


_TRIMS: Mapping[str, Callable[[Json], dict[str, Any]]] = {
    SECRET.name: _secret,
    CONFIG_MAP.name: _config_map,
    ENDPOINT_SLICE.name: _slice,
}
