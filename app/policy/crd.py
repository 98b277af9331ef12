"""The CustomResourceDefinition of ResiliencePolicy and its text, written by `make generate`."""

from app.policy.kind import GROUP, KIND, PLURAL, VERSION
from app.policy.schema import spec_schema
from app.policy.schema_status import status_schema
from app.schema.nodes import Schema
from app.schema.yaml_text import yaml_text

__all__ = ["CATEGORY", "SHORT_NAME", "crd", "crd_text"]

SHORT_NAME = "rsp"
CATEGORY = "tidegate"

_HEAD = "# Generated from app/policy by `make generate`; do not edit.\n"

_COLUMNS = (
    ("Mode", "string", ".spec.mode", 0),
    ("Accepted", "string", '.status.conditions[?(@.type=="Accepted")].status', 0),
    ("Programmed", "string", '.status.conditions[?(@.type=="Programmed")].status', 0),
    ("Applied", "string", ".status.gateways.summary", 0),
    ("Breaker", "string", ".status.breakerSummary", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Target", "string", ".spec.targetRefs[*].name", 1),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1),
    ("Snapshot", "integer", ".status.snapshot.sequence", 1),
)
"""Name, type, path, priority (1: only with `-o wide`)."""


def crd() -> Schema:
    """As plain values; the keys stand in the order in which people read them."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {
                "app.kubernetes.io/name": "tidegate",
                "gateway.networking.k8s.io/policy": "Inherited",
            },
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def crd_text() -> str:
    """The manifest, byte for byte as it is committed."""
    return _HEAD + yaml_text(crd())


def _version() -> Schema:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": ".spec.mode"}],
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, **({"priority": priority} if priority else {})}
            for name, kind, path, priority in _COLUMNS
        ],
        "schema": {"openAPIV3Schema": _root()},
    }


def _root() -> Schema:
    return {
        "description": "ResiliencePolicy tunes running gateways: circuit breaker, rate limits, timeouts and "
        "retries of the routes and upstreams it names, without a restart. Of two resources that set the same "
        "stanza for the same target in the same mode, the older wins, then the first by name; the other gets "
        "Accepted=False, reason Conflicted. A policy in Shadow mode counts beside the enforced settings and "
        "rejects nothing. What a deleted policy, stanza or target covered returns live to the next less "
        "specific policy, finally to the gateway's own settings.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"{GROUP}/{VERSION}.", "type": "string"},
            "kind": {"description": f"{KIND}.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": status_schema(),
        },
    }
