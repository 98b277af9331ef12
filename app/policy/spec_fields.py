"""The `spec` of a ResiliencePolicy: its targets, its mode, its stanzas, and the rules between them."""

from app.policy.breaker_fields import CIRCUIT_BREAKER
from app.policy.kind import GROUP
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import Mode, Spec, TargetKind, TargetRef
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.fields import Choice, Constant, Text, TextKind
from app.schema.names import MAX_SUBDOMAIN, SUBDOMAIN_PATTERN, dns_subdomain
from app.schema.records import ListOf, Nested, Record, Rule, Unique
from app.schema.section import Section

__all__ = ["SPEC"]

_STANZAS = ("circuitBreaker", "rateLimit", "timeout", "retry")


def _check_target_name(section: Section, target: TargetRef) -> None:
    if target.kind is not TargetKind.GATEWAY and "name" not in section:
        section.fault("name", "is required", f"a {target.kind} target must have the name of one")


def _check_stanzas(section: Section, _: Spec) -> None:
    if not any(stanza in section for stanza in _STANZAS):
        fix = "it must have circuitBreaker, rateLimit, timeout or retry"
        section.faults.add(section.path, "has no stanza", fix)


def _check_upstream_targets(section: Section, spec: Spec) -> None:
    """Limits, timeouts and retries belong to routes; an upstream has a breaker only."""
    if not any(target.kind is TargetKind.UPSTREAM for target in spec.targets):
        return
    for stanza in ("rateLimit", "timeout", "retry"):
        if stanza in section:
            what = "cannot apply to an Upstream target"
            section.fault(stanza, what, "a policy with an Upstream target must have circuitBreaker only")


def _check_shadow(section: Section, spec: Spec) -> None:
    """Only breaker and limits can be judged without acting on it."""
    for stanza in ("timeout", "retry"):
        if spec.mode is Mode.SHADOW and stanza in section:
            section.fault(stanza, "cannot be shadowed", "mode must be Enforce here, or drop it")


def _check_shadow_override(section: Section, spec: Spec) -> None:
    breaker = spec.circuit_breaker
    if spec.mode is Mode.SHADOW and breaker is not None and breaker.override is not None:
        path = (*section.at("circuitBreaker"), "override")
        section.faults.add(path, "cannot be shadowed", "mode must be Enforce here, or drop it")


def _shown(target: TargetRef) -> str:
    return str(target.kind) if target.name is None else f"{target.kind} {target.name}"


_TARGET = Record(
    TargetRef,
    "One target, in the policy's own namespace.",
    {
        "group": Constant(
            "group", GROUP, f"API group of the target; {GROUP} is the only one, so leave it out."
        ),
        "kind": Choice(
            "kind",
            TargetKind,
            "Gateway: all traffic of a gateway release. Route, Upstream: one of the gateway's "
            "configuration, by name. An Upstream takes a circuitBreaker only.",
            cure="Gateway, Route or Upstream",
        ),
        "name": Text(
            "name",
            TextKind(
                dns_subdomain,
                MAX_SUBDOMAIN,
                SUBDOMAIN_PATTERN,
                "must be a DNS subdomain: a-z, 0-9, - and . only, such as orders",
            ),
            "Name of the gateway release, route or upstream. Required for Route and Upstream; a Gateway "
            "without a name means every gateway of the namespace.",
        ),
    },
    Rule(
        "self.kind == 'Gateway' || has(self.name)",
        "name must be set where kind is Route or Upstream",
        _check_target_name,
    ),
)

SPEC = Record(
    Spec,
    "What to set, and for which targets. The more specific policy replaces a whole stanza: for "
    "rateLimit, timeout and retry Route beats Gateway; for circuitBreaker Route beats Upstream beats "
    "Gateway. At least one stanza must be set.",
    {
        "targets": ListOf(
            "targetRefs",
            _TARGET,
            (1, 16),
            "What the policy applies to, 1 to 16 targets, each once. A removed target returns live to the next "
            "less specific policy, finally to the gateway's own settings.",
            Unique(lambda target: target, _shown, "each target must appear once"),
        ),
        "mode": Choice(
            "mode",
            Mode,
            "Enforce acts on traffic. Shadow judges the same traffic beside the enforced settings, with "
            "a machine and buckets of its own, counts what it would have rejected and rejects nothing; "
            "only circuitBreaker and rateLimit can be shadowed. Default Enforce. A switch takes effect "
            "with the next request; nothing is carried over.",
            Mode.ENFORCE,
        ),
        "circuit_breaker": Nested("circuitBreaker", CIRCUIT_BREAKER),
        "rate_limit": Nested("rateLimit", RATE_LIMIT),
        "timeout": Nested("timeout", TIMEOUT),
        "retry": Nested("retry", RETRY),
    },
    Rule(
        "has(self.circuitBreaker) || has(self.rateLimit) || has(self.timeout) || has(self.retry)",
        "spec must have at least one of circuitBreaker, rateLimit, timeout or retry",
        _check_stanzas,
    ),
    Rule(
        "self.targetRefs.all(a, self.targetRefs.exists_one(b, a.kind == b.kind && "
        "(has(a.name) ? a.name : '') == (has(b.name) ? b.name : '')))",
        "each target of targetRefs must appear once: remove the repeated one",
    ),
    Rule(
        "!self.targetRefs.exists(t, t.kind == 'Upstream') || "
        "!(has(self.rateLimit) || has(self.timeout) || has(self.retry))",
        "a policy with an Upstream target must have circuitBreaker only: "
        "move rateLimit, timeout and retry to a policy for the Route or Gateway",
        _check_upstream_targets,
    ),
    Rule(
        "self.mode != 'Shadow' || !(has(self.timeout) || has(self.retry))",
        "mode must be Enforce where timeout or retry is set: they cannot be shadowed",
        _check_shadow,
    ),
    Rule(
        "self.mode != 'Shadow' || !has(self.circuitBreaker) || !has(self.circuitBreaker.override)",
        "mode must be Enforce where circuitBreaker.override is set: it cannot be shadowed",
        _check_shadow_override,
    ),
)
