"""The `rateLimit` stanza: what its fields are called, what they may say and what they mean."""

from typing import Any

from app.policy.model import MAX_REQUESTS, LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope
from app.schema.fields import Choice, Duration, Text, TextKind, Whole
from app.schema.names import (
    FIELD_NAME_PATTERN,
    LABEL_PATTERN,
    MAX_FIELD_NAME,
    MAX_LABEL,
    TIER_PATTERN,
    dns_label,
    field_name,
    tier_name,
)
from app.schema.records import ListOf, Record, Rule, TextList, Unique
from app.schema.section import Section

__all__ = ["RATE_LIMIT"]


def _limit_rule(*, requests: int, burst: int | None, **others: Any) -> LimitRule:
    """`requests` 0 rejects all, and a bucket has at least one place."""
    return LimitRule(requests=requests, burst=max(requests, 1) if burst is None else burst, **others)


def _check_header_is_there(section: Section, rule: LimitRule) -> None:
    if rule.key is LimitKey.HEADER and "header" not in section:
        section.fault("header", "is required", "a rule with key: Header must name the header")


def _check_header_has_meaning(section: Section, rule: LimitRule) -> None:
    if rule.key is not LimitKey.HEADER and "header" in section and section.raw("key") == rule.key:
        what = f"has no meaning with key: {rule.key}"
        section.fault("header", what, "key must be Header, or drop header")


_RULE = Record(
    _limit_rule,
    "One limit.",
    {
        "name": Text(
            "name",
            TextKind(
                dns_label, MAX_LABEL, LABEL_PATTERN, "must be a DNS label: a-z, 0-9 and - only, at most 63"
            ),
            "Identity of the counters, together with the policy's name; also the metric label rule. A "
            "DNS label of at most 63 characters.",
            "a DNS label; the counters are kept under it",
        ),
        "key": Choice(
            "key",
            LimitKey,
            "Who shares a bucket. Client: the API key's client (the address where no key is wanted). "
            "ClientIP: the trusted client address. Header: a header's value. Global: everybody.",
        ),
        "header": Text(
            "header",
            TextKind(
                field_name, MAX_FIELD_NAME, FIELD_NAME_PATTERN, "must be a header name such as X-Tenant"
            ),
            "Name of the header whose value is the key; exactly with key Header. Requests without it "
            "share one bucket of their own.",
        ),
        "tiers": TextList(
            "tiers",
            TextKind(
                tier_name,
                MAX_LABEL,
                TIER_PATTERN,
                "must be a tier name: letters, digits, -, _ and ., such as gold",
            ),
            (0, 8),
            "Only clients whose key has one of these tiers. A rule without tiers covers those that no "
            "other rule of the stanza names.",
            "tier",
            "Tier of an API key.",
        ),
        "requests": Whole(
            "requests",
            0,
            MAX_REQUESTS,
            "Requests per period; 0 rejects all. Required. Edited live, what was used stays used.",
            is_required=True,
        ),
        "period_s": Duration(
            "period",
            1.0,
            86_400.0,
            "Time in which requests are refilled, evenly: 1s to 24h. Required. Edited live, usage is "
            "carried over in requests; nobody waits longer than one new period.",
            is_required=True,
        ),
        "burst": Whole(
            "burst",
            1,
            MAX_REQUESTS,
            "Size of the bucket: requests that may come at once. Default: as requests.",
        ),
        "scope": Choice(
            "scope",
            Scope,
            "Where it is counted: Global, once for all gateways (needs REDIS_URL), or Local, in each "
            "gateway process. Default Global. Not the same as key Global.",
            Scope.GLOBAL,
        ),
    },
    Rule(
        "self.key != 'Header' || has(self.header)",
        "header must be set where key is Header",
        _check_header_is_there,
    ),
    Rule(
        "self.key == 'Header' || !has(self.header)",
        "key must be Header where header is set",
        _check_header_has_meaning,
    ),
)

RATE_LIMIT = Record(
    RateLimit,
    "How many requests may pass. Every rule applies, the strictest wins; a rejected request gets 429 "
    "rate_limited with Retry-After. Buckets refill evenly (GCRA). An edit keeps what was used.",
    {
        "rules": ListOf(
            "rules",
            _RULE,
            (1, 16),
            "1 to 16 rules, told apart by name. A renamed rule is a new one with full buckets.",
            # several rules without a good name are one fault each, not also duplicates of one another
            Unique(
                lambda rule: rule.name or None,
                lambda rule: rule.name,
                "each rule must have its own name",
                "name",
            ),
            "map",
            ("name",),
        ),
        "on_store_failure": Choice(
            "onStoreFailure",
            OnStoreFailure,
            "What happens while the shared store is unavailable: Open lets requests pass, Closed rejects them "
            "with 503 limit_store_down, Local counts in each gateway with its share. Default Local.",
            OnStoreFailure.LOCAL,
        ),
    },
)
