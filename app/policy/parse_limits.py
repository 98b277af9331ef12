"""Reads the `rateLimit` stanza."""

import app.policy.bounds as bounds
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope
from app.schema.faults import BadValue, Faults, Path
from app.schema.names import dns_label, field_name, tier_name
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["read_rate_limit"]

_RULE_KEYS = ("name", "key", "header", "tiers", "requests", "period", "burst", "scope")


def read_rate_limit(spec: Section) -> RateLimit | None:
    """None if the spec has none."""
    section = spec.section("rateLimit", ("rules", "onStoreFailure"))
    if section is None:
        return None
    rules: dict[str, LimitRule] = {}
    for path, item in section.items("rules", *bounds.RULES):
        rule = _read_rule(item, path, section.faults)
        if rule is None:
            continue
        if rule.name in rules:
            section.faults.add((*path, "name"), f"repeats {rule.name}", "each rule must have its own name")
        rules.setdefault(rule.name, rule)
    store = section.choice("onStoreFailure", OnStoreFailure, OnStoreFailure.LOCAL)
    return RateLimit(tuple(rules.values()), store)


def _read_rule(item: object, path: Path, faults: Faults) -> LimitRule | None:
    section = Section.open(item, path, _RULE_KEYS, faults)
    if section is None:
        return None
    name = section.text("name", dns_label, None)
    section.required("name", "a DNS label; the counters are kept under it")
    key = section.choice("key", LimitKey)
    requests = section.integer("requests", *bounds.REQUESTS)
    rule = LimitRule(
        # several rules without a good name are one fault each, not also duplicates of one another
        name=name or f"{path[-1]}?",
        key=key,
        requests=requests,
        period_s=section.duration_s("period", *bounds.PERIOD_S),
        # `requests` 0 refuses all, and a bucket has at least one place
        burst=section.integer("burst", *bounds.BURST, max(requests, 1)),
        header=section.text("header", field_name, None),
        tiers=_read_tiers(section),
        scope=section.choice("scope", Scope, Scope.GLOBAL),
    )
    if key is LimitKey.HEADER and "header" not in section:
        section.fault("header", "is required", "a rule with key: Header must name the header")
    if key is not LimitKey.HEADER and "header" in section and section.raw("key") == key:
        section.fault("header", f"has no meaning with key: {key}", "key must be Header, or drop header")
    return rule


def _read_tiers(rule: Section) -> frozenset[str]:
    tiers: set[str] = set()
    for path, item in rule.items("tiers", *bounds.TIERS):
        if not isinstance(item, str):
            rule.faults.add(path, f"is {kind_of(item)}, not a tier name", "put it in quotes")
            continue
        try:
            tier = tier_name(item)
        except BadValue as bad:
            rule.faults.add_bad(path, bad)
            continue
        if tier in tiers:
            rule.faults.add(path, f"repeats {tier}", "each tier must appear once")
        tiers.add(tier)
    return frozenset(tiers)
