"""The schema of a policy's `spec`, from the model: enums and defaults of `model.py`, ends of `bounds.py`.

`spec_schema` is what the custom resource carries (`crd.py`); `strict_schema` is the same for plain JSON
Schema validators, where an unknown key is a fault. Each description has unit, default and what an edit does.
"""

import app.policy.bounds as bounds
from app.policy.model import Mode, TargetKind
from app.policy.parse import GROUP
from app.policy.schema_breaker import circuit_breaker
from app.policy.schema_limits import rate_limit
from app.policy.schema_traffic import retry, timeout
from app.schema.names import MAX_SUBDOMAIN, SUBDOMAIN_PATTERN
from app.schema.nodes import Schema, items, mapping, one_of, rules, text

__all__ = ["API_VERSION", "GROUP", "KIND", "PLURAL", "VERSION", "spec_schema", "strict_schema"]

VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ResiliencePolicy"
PLURAL = "resiliencepolicies"


def spec_schema() -> Schema:
    """OpenAPI v3 with Kubernetes' extensions; a structural schema."""
    node = mapping(
        "What to set, and for which targets. The more specific policy replaces a whole stanza: for "
        "rateLimit, timeout and retry Route beats Gateway; for circuitBreaker Route beats Upstream beats "
        "Gateway. At least one stanza must be set.",
        {
            "targetRefs": _targets(),
            "mode": one_of(
                "Enforce acts on traffic. Shadow judges the same traffic beside the enforced settings, with "
                "a machine and buckets of its own, counts what it would have refused and refuses nothing; "
                "only circuitBreaker and rateLimit can be shadowed. Default Enforce. A switch takes effect "
                "with the next request; nothing is carried over.",
                Mode,
                Mode.ENFORCE,
            ),
            "circuitBreaker": circuit_breaker(),
            "rateLimit": rate_limit(),
            "timeout": timeout(),
            "retry": retry(),
        },
        ["targetRefs"],
    )
    return node | rules(
        (
            "has(self.circuitBreaker) || has(self.rateLimit) || has(self.timeout) || has(self.retry)",
            "spec must have at least one of circuitBreaker, rateLimit, timeout or retry",
        ),
        (
            "self.targetRefs.all(a, self.targetRefs.exists_one(b, a.kind == b.kind && "
            "(has(a.name) ? a.name : '') == (has(b.name) ? b.name : '')))",
            "each target of targetRefs must appear once: remove the repeated one",
        ),
        (
            "!self.targetRefs.exists(t, t.kind == 'Upstream') || "
            "!(has(self.rateLimit) || has(self.timeout) || has(self.retry))",
            "a policy with an Upstream target must have circuitBreaker only: "
            "move rateLimit, timeout and retry to a policy for the Route or Gateway",
        ),
        (
            "self.mode != 'Shadow' || !(has(self.timeout) || has(self.retry))",
            "mode must be Enforce where timeout or retry is set: they cannot be shadowed",
        ),
        (
            "self.mode != 'Shadow' || !has(self.circuitBreaker) || !has(self.circuitBreaker.override)",
            "mode must be Enforce where circuitBreaker.override is set: it cannot be shadowed",
        ),
    )


def strict_schema() -> Schema:
    """JSON Schema of `spec` for editors and offline checks: without the rules, unknown keys refused."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_closed(spec_schema())}


def _closed(node: Schema) -> Schema:
    plain: Schema = {}
    for key, value in node.items():
        if key == "properties" and isinstance(value, dict):
            plain["properties"] = {name: _closed(child) for name, child in value.items()}
            plain["additionalProperties"] = False
        elif key == "items" and isinstance(value, dict):
            plain["items"] = _closed(value)
        elif not key.startswith("x-kubernetes-"):
            plain[key] = value
    return plain


def _targets() -> Schema:
    ref = mapping(
        "One target, in the policy's own namespace.",
        {
            "group": {
                "description": f"API group of the target; {GROUP} is the only one, so leave it out.",
                "type": "string",
                "enum": [GROUP],
                "default": GROUP,
            },
            "kind": one_of(
                "Gateway: all traffic of a gateway release. Route, Upstream: one of the gateway's "
                "configuration, by name. An Upstream takes a circuitBreaker only.",
                TargetKind,
            ),
            "name": text(
                "Name of the gateway release, route or upstream. Required for Route and Upstream; a Gateway "
                "without a name means every gateway of the namespace.",
                MAX_SUBDOMAIN,
                SUBDOMAIN_PATTERN,
                "must be a DNS subdomain: a-z, 0-9, - and . only, such as orders",
            ),
        },
        ["kind"],
    )
    ref |= rules(
        ("self.kind == 'Gateway' || has(self.name)", "name must be set where kind is Route or Upstream")
    )
    says = (
        "What the policy applies to, 1 to 16 targets, each once. A removed target returns live to the next "
        "less specific policy, finally to the gateway's own settings."
    )
    return items(says, ref, bounds.TARGETS)
