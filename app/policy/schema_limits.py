"""The schema of the `rateLimit` stanza."""

import app.policy.bounds as bounds
from app.policy.model import LimitKey, OnStoreFailure, Scope
from app.schema.names import (
    FIELD_NAME_PATTERN,
    LABEL_PATTERN,
    MAX_FIELD_NAME,
    MAX_LABEL,
    TIER_PATTERN,
)
from app.schema.nodes import Schema, duration, items, mapping, one_of, rules, text, whole

__all__ = ["rate_limit"]


def rate_limit() -> Schema:
    """The stanza; its rules as those of `parse_limits.py`."""
    return mapping(
        "How many requests may pass. Every rule applies, the strictest wins; a refused request gets 429 "
        "rate_limited with Retry-After. Buckets refill evenly (GCRA). An edit keeps what was used.",
        {
            "rules": items(
                "1 to 16 rules, told apart by name. A renamed rule is a new one with full buckets.",
                _limit_rule(),
                bounds.RULES,
                "map",
                ["name"],
            ),
            "onStoreFailure": one_of(
                "What happens while the shared store is away: Open lets requests pass, Closed refuses them "
                "with 503 limit_store_down, Local counts in each gateway with its share. Default Local.",
                OnStoreFailure,
                OnStoreFailure.LOCAL,
            ),
        },
        ["rules"],
    )


def _limit_rule() -> Schema:
    node = mapping(
        "One limit.",
        {
            "name": text(
                "Identity of the counters, together with the policy's name; also the metric label rule. A "
                "DNS label of at most 63 characters.",
                MAX_LABEL,
                LABEL_PATTERN,
                "must be a DNS label: a-z, 0-9 and - only, at most 63",
            ),
            "key": one_of(
                "Who shares a bucket. Client: the API key's client (the address where no key is wanted). "
                "ClientIP: the trusted client address. Header: a header's value. Global: everybody.",
                LimitKey,
            ),
            "header": text(
                "Name of the header whose value is the key; exactly with key Header. Requests without it "
                "share one bucket of their own.",
                MAX_FIELD_NAME,
                FIELD_NAME_PATTERN,
                "must be a header name such as X-Tenant",
            ),
            "tiers": items(
                "Only clients whose key has one of these tiers. A rule without tiers covers those that no "
                "other rule of the stanza names.",
                text(
                    "Tier of an API key.",
                    MAX_LABEL,
                    TIER_PATTERN,
                    "must be a tier name: letters, digits, -, _ and ., such as gold",
                ),
                bounds.TIERS,
                "set",
            ),
            "requests": whole(
                "Requests per period; 0 refuses all. Required. Edited live, what was used stays used.",
                bounds.REQUESTS,
            ),
            "period": duration(
                "Time in which requests are refilled, evenly: 1s to 24h. Required. Edited live, usage is "
                "carried over in requests; nobody waits longer than one new period.",
                bounds.PERIOD_S,
            ),
            "burst": whole(
                "Size of the bucket: requests that may come at once. Default: as requests.", bounds.BURST
            ),
            "scope": one_of(
                "Where it is counted: Global, once for all gateways (needs REDIS_URL), or Local, in each "
                "gateway process. Default Global. Not the same as key Global.",
                Scope,
                Scope.GLOBAL,
            ),
        },
        ["name", "key", "requests", "period"],
    )
    return node | rules(
        ("self.key != 'Header' || has(self.header)", "header must be set where key is Header"),
        ("self.key == 'Header' || !has(self.header)", "key must be Header where header is set"),
    )
