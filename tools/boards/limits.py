"""Who is limited?"""

from tools.boards.marks import APPLIES
from tools.boards.panels import (
    GREEN,
    RED,
    YELLOW,
    Board,
    Query,
    Row,
    Variable,
    empty,
    graph,
    number,
    timeline,
)

__all__ = ["BOARD"]

_DECISIONS = 'tidegate_rate_limit_decisions_total{@,route=~"$route"'

BOARD = Board(
    uid="tidegate-limits",
    title="Who is limited?",
    description="Decisions of every rate limit rule, and the health of the store they share. Clients are "
    "named in the access log (field `client`, reason `rate_limited`), never in a metric.",
    metrics=("tidegate_build_info",),
    variables=(Variable("route", "Route", "tidegate_rate_limit_decisions_total"),),
    annotations=(APPLIES,),
    rows=(
        Row(
            "Now",
            (
                number(
                    "Decisions",
                    "Looks at a limit per second.",
                    "reqps",
                    f"sum(rate({_DECISIONS}}}[$__rate_interval]))",
                ),
                empty(
                    number(
                        "Limited share",
                        "Share of the decisions that rejected the request.",
                        "percentunit",
                        f'(sum(rate({_DECISIONS},decision="limited"}}[$__rate_interval])) or vector(0)) / '
                        f"sum(rate({_DECISIONS}}}[$__rate_interval]))",
                        limits={0.05: YELLOW, 0.2: RED},
                    ),
                    "no limit was asked",
                ),
                number(
                    "Without the store",
                    "Decisions per second made while the shared store was unavailable; each policy's "
                    "`onStoreFailure` says what became of them.",
                    "reqps",
                    f'sum(rate({_DECISIONS},decision="store_down"}}[$__rate_interval])) or vector(0)',
                    limits={0.001: RED},
                ),
                number(
                    "Rejected with 429",
                    "Responses with the reason rate_limited per second.",
                    "reqps",
                    'sum(rate(tidegate_requests_total{@,route=~"$route",reason="rate_limited"}'
                    "[$__rate_interval])) or vector(0)",
                ),
            ),
        ),
        Row(
            "By rule",
            (
                empty(
                    graph(
                        "Decisions by outcome",
                        "Per second: allowed, limited, shadowed (would have been rejected) and store_down.",
                        "reqps",
                        [
                            Query(
                                f"sum by (decision) (rate({_DECISIONS}}}[$__rate_interval]))", "{{decision}}"
                            )
                        ],
                        stacked=True,
                    ),
                    "No rule has decided: no rate limit is set, or no request came.",
                ),
                empty(
                    graph(
                        "Limited by rule",
                        "Requests per second that a rule rejected, of the ten strictest.",
                        "reqps",
                        [
                            Query(
                                "topk(10, sum by (route, rule) "
                                f'(rate({_DECISIONS},decision="limited"}}[$__rate_interval])))',
                                "{{route}} {{rule}}",
                            )
                        ],
                    ),
                    "No rule has rejected a request since its gateway started.",
                ),
                empty(
                    graph(
                        "Limited share by rule",
                        "Share of a rule's decisions that rejected, of the ten strictest.",
                        "percentunit",
                        [
                            Query(
                                "topk(10, sum by (route, rule) "
                                f'(rate({_DECISIONS},decision="limited"}}[$__rate_interval])) / '
                                f"sum by (route, rule) (rate({_DECISIONS}}}[$__rate_interval])))",
                                "{{route}} {{rule}}",
                            )
                        ],
                        limits={0.2: RED},
                    ),
                    "No rule has rejected a request since its gateway started.",
                ),
                empty(
                    graph(
                        "Decisions by rule",
                        "Looks at each of the ten busiest rules per second, whatever they decided.",
                        "reqps",
                        [
                            Query(
                                f"topk(10, sum by (route, rule) (rate({_DECISIONS}}}[$__rate_interval])))",
                                "{{route}} {{rule}}",
                            )
                        ],
                    ),
                    "No rule has decided: no rate limit is set, or no request came.",
                ),
            ),
        ),
        Row(
            "Shadow",
            (
                empty(
                    graph(
                        "Would have been rejected",
                        "Requests per second that policies in Shadow mode would have rejected; they were not.",
                        "reqps",
                        [
                            Query(
                                "sum by (policy, target, reason) "
                                "(rate(tidegate_shadow_refusals_total{@}[$__rate_interval]))",
                                "{{policy}} on {{target}}: {{reason}}",
                            )
                        ],
                        span=24,
                    ),
                    "No policy is in Shadow mode, or none would have rejected a request.",
                ),
            ),
            is_collapsed=True,
        ),
        Row(
            "Store",
            (
                empty(
                    timeline(
                        "Shared store",
                        "Whether the store of shared limits responds to each gateway; no bar without REDIS_URL.",
                        [Query("tidegate_rate_limit_store_up{@}", "{{instance}}")],
                        {0: ("unavailable", RED), 1: ("up", GREEN)},
                        span=12,
                    ),
                    "No shared store: REDIS_URL is not set, so each gateway counts for itself.",
                ),
                empty(
                    graph(
                        "Leases",
                        "Shares of a limit that gateways asked the store for, per second, by result.",
                        "ops",
                        [
                            Query(
                                "sum by (result) (rate(tidegate_rate_limit_leases_total{@}[$__rate_interval]))",
                                "{{result}}",
                            )
                        ],
                    ),
                    "No leases: REDIS_URL is not set, so each gateway counts for itself.",
                ),
            ),
            is_collapsed=True,
        ),
    ),
)
