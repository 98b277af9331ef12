"""The CustomResourceDefinition of ResiliencePolicy and its text, written by `make generate`."""

from app.policy.kind import GROUP, KIND, PLURAL, VERSION
from app.policy.schema import spec_schema
from app.policy.schema_status import status_schema
from app.schema.crd import Column, ResourceKind, definition
from app.schema.nodes import Schema
from app.schema.yaml_text import yaml_text

__all__ = ["CATEGORY", "SHORT_NAME", "crd", "crd_text"]

SHORT_NAME = "rsp"
CATEGORY = "tidegate"

_HEAD = "# Generated from app/policy by `make generate`; do not edit.\n"
_SAYS = (
    "ResiliencePolicy tunes running gateways: circuit breaker, rate limits, timeouts and "
    "retries of the routes and upstreams it names, without a restart. Of two resources that set the same "
    "stanza for the same target in the same mode, the older wins, then the first by name; the other gets "
    "Accepted=False, reason Conflicted. A policy in Shadow mode counts beside the enforced settings and "
    "rejects nothing. What a deleted policy, stanza or target covered returns live to the next less "
    "specific policy, finally to the gateway's own settings."
)
_RESOURCE = ResourceKind(
    GROUP,
    VERSION,
    KIND,
    PLURAL,
    SHORT_NAME,
    CATEGORY,
    labels={"app.kubernetes.io/name": "tidegate", "gateway.networking.k8s.io/policy": "Inherited"},
    selectable=(".spec.mode",),
)
_COLUMNS = (
    Column("Mode", "string", ".spec.mode"),
    Column("Accepted", "string", '.status.conditions[?(@.type=="Accepted")].status'),
    Column("Programmed", "string", '.status.conditions[?(@.type=="Programmed")].status'),
    Column("Applied", "string", ".status.gateways.summary"),
    Column("Breaker", "string", ".status.breakerSummary"),
    Column("Down", "date", ".status.breakers[0].notClosedSince"),
    Column("Probes Failed", "integer", ".status.breakers[0].failedProbes", is_wide=True),
    Column("Age", "date", ".metadata.creationTimestamp"),
    Column("Target", "string", ".spec.targetRefs[*].name", is_wide=True),
    Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', is_wide=True),
    Column("Snapshot", "integer", ".status.snapshot.sequence", is_wide=True),
)


def crd() -> Schema:
    """As plain values."""
    return definition(_RESOURCE, _SAYS, _COLUMNS, spec_schema(), status_schema())


def crd_text() -> str:
    """The manifest, byte for byte as it is committed."""
    return _HEAD + yaml_text(crd())
