"""The `spec` of a ResiliencePolicy: its targets, its mode, its stanzas, and the rules between them."""

from app.policy.breaker_fields import CIRCUIT_BREAKER
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import Mode, Spec, TargetGroup, TargetKind, TargetRef
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.fields import Choice, Text, TextKind
from app.schema.names import MAX_SUBDOMAIN, SUBDOMAIN_PATTERN, dns_subdomain
from app.schema.records import ListOf, Nested, Record, Rule, Unique
from app.schema.section import Section

__all__ = ["SPEC"]

_STANZAS = ("circuitBreaker", "rateLimit", "timeout", "retry")


_KINDS = {
    TargetGroup.TIDEGATE: (TargetKind.GATEWAY, TargetKind.ROUTE, TargetKind.UPSTREAM),
    TargetGroup.GATEWAY_API: (TargetKind.GATEWAY, TargetKind.HTTP_ROUTE, TargetKind.GRPC_ROUTE),
    TargetGroup.CORE: (TargetKind.SERVICE,),
}
_BREAKER_ONLY = (TargetKind.UPSTREAM, TargetKind.SERVICE)


def _check_target_kind(section: Section, target: TargetRef) -> None:
    kinds = _KINDS[target.group]
    if target.kind in kinds:
        return
    own = next(group for group, known in _KINDS.items() if target.kind in known)
    if "group" not in section:
        section.fault("group", f"is required with kind {target.kind}", f'give "{own}"')
        return
    listed = " or ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    what = f'is {target.kind}, which is no kind of group "{target.group}"'
    section.fault("kind", what, f'it must be {listed}; group "{own}" has a {target.kind}')


def _check_target_name(section: Section, target: TargetRef) -> None:
    is_release = target.kind is TargetKind.GATEWAY and not target.is_object
    if not is_release and "name" not in section:
        section.fault("name", "is required", f"a {target.kind} target must have the name of one")


def _check_target_section(section: Section, target: TargetRef) -> None:
    if target.section is not None and target.kind not in (TargetKind.HTTP_ROUTE, TargetKind.GRPC_ROUTE):
        what = f"stands with kind {target.kind}"
        section.fault("sectionName", what, "it names a rule, so kind must be HTTPRoute or GRPCRoute")


def _check_stanzas(section: Section, _: Spec) -> None:
    if not any(stanza in section for stanza in _STANZAS):
        fix = "it must have circuitBreaker, rateLimit, timeout or retry"
        section.faults.add(section.path, "has no stanza", fix)


def _check_upstream_targets(section: Section, spec: Spec) -> None:
    """Limits, timeouts and retries belong to routes; an upstream or a Service has a breaker only."""
    kind = next((target.kind for target in spec.targets if target.kind in _BREAKER_ONLY), None)
    if kind is None:
        return
    named = f"{'an' if kind is TargetKind.UPSTREAM else 'a'} {kind} target"
    for stanza in ("rateLimit", "timeout", "retry"):
        if stanza in section:
            fix = f"a policy with {named} must have circuitBreaker only"
            section.fault(stanza, f"cannot apply to {named}", fix)


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
    return " ".join(str(part) for part in (target.kind, target.name, target.section) if part is not None)


_SUBDOMAIN = TextKind(
    dns_subdomain,
    MAX_SUBDOMAIN,
    SUBDOMAIN_PATTERN,
    "must be a DNS subdomain: a-z, 0-9, - and . only, such as orders",
)
_GROUP = f"(has(self.group) ? self.group : '{TargetGroup.TIDEGATE}')"

_TARGET = Record(
    TargetRef,
    "One target, in the policy's own namespace.",
    {
        "group": Choice(
            "group",
            TargetGroup,
            f"API group of the target: {TargetGroup.TIDEGATE} (the default) for what a gateway's own "
            f"configuration has, {TargetGroup.GATEWAY_API} for Gateway, HTTPRoute and GRPCRoute, the empty "
            "group for Service.",
            TargetGroup.TIDEGATE,
            cure=f'{TargetGroup.TIDEGATE}, {TargetGroup.GATEWAY_API} or "" (for Service)',
        ),
        "kind": Choice(
            "kind",
            TargetKind,
            f"Of {TargetGroup.TIDEGATE}: Gateway, all traffic of a gateway release; Route and Upstream, one of "
            f"the gateway's configuration, by name. Of {TargetGroup.GATEWAY_API}: Gateway, all traffic of its "
            "listeners; HTTPRoute and GRPCRoute, all of its rules, or the one that sectionName names. Of the "
            "empty group: Service, all of its ports, whichever routes lead there. An Upstream and a Service "
            "take a circuitBreaker only.",
            cure="Gateway, Route, Upstream, HTTPRoute, GRPCRoute or Service",
        ),
        "name": Text(
            "name",
            _SUBDOMAIN,
            f"Name of the target. Required but for a Gateway of {TargetGroup.TIDEGATE}, which without a name "
            "means every gateway of the namespace.",
        ),
        "section": Text(
            "sectionName",
            _SUBDOMAIN,
            "Name of one rule of an HTTPRoute or GRPCRoute (spec.rules[].name); without it the policy is for "
            "all of its rules.",
        ),
    },
    Rule(
        f"{_GROUP} == '{TargetGroup.TIDEGATE}' ? self.kind in ['Gateway', 'Route', 'Upstream'] : "
        f"{_GROUP} == '{TargetGroup.GATEWAY_API}' ? self.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute'] : "
        "self.kind == 'Service'",
        f"kind must be one of its group: Gateway, Route or Upstream of {TargetGroup.TIDEGATE}, Gateway, "
        f"HTTPRoute or GRPCRoute of {TargetGroup.GATEWAY_API}, Service of the empty group",
        _check_target_kind,
        compares_values=True,
    ),
    Rule(
        f"has(self.name) || (self.kind == 'Gateway' && {_GROUP} == '{TargetGroup.TIDEGATE}')",
        f"name must be set: only a Gateway of {TargetGroup.TIDEGATE} may be without one",
        _check_target_name,
    ),
    Rule(
        "!has(self.sectionName) || self.kind in ['HTTPRoute', 'GRPCRoute']",
        "sectionName names a rule: kind must be HTTPRoute or GRPCRoute",
        _check_target_section,
        compares_values=True,
    ),
)

SPEC = Record(
    Spec,
    "What to set, and for which targets. The more specific policy replaces a whole stanza: for "
    "rateLimit, timeout and retry Route beats Gateway; for circuitBreaker Route beats Upstream beats "
    "Gateway. In the same way a rule of an HTTPRoute or GRPCRoute beats the whole route, that beats a Service, "
    "that a Gateway of the Gateway API, and that the release. At least one stanza must be set.",
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
        "(has(a.name) ? a.name : '') == (has(b.name) ? b.name : '') && "
        "(has(a.sectionName) ? a.sectionName : '') == (has(b.sectionName) ? b.sectionName : '') && "
        f"(has(a.group) ? a.group : '{TargetGroup.TIDEGATE}') == "
        f"(has(b.group) ? b.group : '{TargetGroup.TIDEGATE}')))",
        "each target of targetRefs must appear once: remove the repeated one",
    ),
    Rule(
        "!self.targetRefs.exists(t, t.kind == 'Upstream' || t.kind == 'Service') || "
        "!(has(self.rateLimit) || has(self.timeout) || has(self.retry))",
        "a policy with an Upstream or Service target must have circuitBreaker only: "
        "move rateLimit, timeout and retry to a policy for the route or Gateway",
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
