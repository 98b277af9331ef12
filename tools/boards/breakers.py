"""What are the breakers doing?"""

from tools.boards.leads import BREAKER_LEADS
from tools.boards.marks import APPLIES, TRANSITIONS
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
    linked,
    listing,
    number,
    timeline,
    whole,
)

__all__ = ["BOARD"]

_STATE = 'tidegate_breaker_state{@,upstream=~"$upstream"'
_MOVES = 'tidegate_breaker_transitions_total{@,upstream=~"$upstream"'

_SETTING = 'tidegate_breaker_setting{@,upstream=~"$upstream"'
_SETTINGS = (
    ("Thresholds in percent", "percent", ".*_percent"),
    ("Durations", "s", ".*_seconds"),
    ("Counts", "short", "consecutive_failures|half_open_requests"),
)
"""What the settings of one unit are called → the unit → which they are: they share no axis with others."""

BOARD = Board(
    uid="tidegate-breakers",
    title="What are the breakers doing?",
    description="State, transitions, rejections, probes and settings in force of every circuit breaker.",
    metrics=("tidegate_build_info",),
    variables=(Variable("upstream", "Upstream", "tidegate_breaker_state"),),
    annotations=(TRANSITIONS, APPLIES),
    leads_to_monitor=True,
    rows=(
        Row(
            "Now",
            (
                whole(
                    number(
                        "Open",
                        "Breakers that reject everything at this moment, counted in every gateway.",
                        "short",
                        f'sum({_STATE},state="open"}})',
                        limits={1: RED},
                    )
                ),
                whole(
                    number(
                        "Half open",
                        "Breakers that let probes pass at this moment, counted in every gateway.",
                        "short",
                        f'sum({_STATE},state="half_open"}})',
                        limits={1: YELLOW},
                    )
                ),
                whole(
                    number(
                        "Openings, one hour",
                        "How often a closed breaker opened in the last hour; failed probes are not counted.",
                        "short",
                        f'sum(increase({_MOVES},from="closed",to="open"}}[1h])) or vector(0)',
                        limits={1: YELLOW},
                    )
                ),
                number(
                    "Rejected",
                    "Requests per second that breakers rejected.",
                    "reqps",
                    'sum(rate(tidegate_breaker_rejections_total{@,upstream=~"$upstream"}[$__rate_interval])) '
                    "or vector(0)",
                ),
            ),
        ),
        Row(
            "State",
            (
                linked(
                    timeline(
                        "State of each breaker",
                        "What requests meet in each gateway. `upstream@route`: a breaker of a route's policy.",
                        [
                            Query(
                                f'2 * sum by (upstream, instance) ({_STATE},state="open"}}) + '
                                f'sum by (upstream, instance) ({_STATE},state="half_open"}})',
                                "{{upstream}} ({{instance}})",
                            )
                        ],
                        {0: ("closed", GREEN), 1: ("half open", YELLOW), 2: ("open", RED)},
                    ),
                    *BREAKER_LEADS,
                ),
                whole(
                    empty(
                        graph(
                            "Transitions",
                            "Changes of state in the last interval. A breaker that keeps opening is flapping.",
                            "short",
                            [
                                Query(
                                    f"sum by (upstream, from, to) (increase({_MOVES}}}[$__rate_interval]))",
                                    "{{upstream}}: {{from}} → {{to}}",
                                )
                            ],
                        ),
                        "No breaker has moved since its gateway started.",
                    )
                ),
                empty(
                    graph(
                        "Rejected by breakers",
                        "Requests rejected per second: in `open` with breaker_open, in `half_open` with "
                        "breaker_probing.",
                        "reqps",
                        [
                            Query(
                                "sum by (upstream, state) (rate(tidegate_breaker_rejections_total"
                                '{@,upstream=~"$upstream"}[$__rate_interval]))',
                                "{{upstream}} {{state}}",
                            )
                        ],
                        stacked=True,
                    ),
                    "No breaker has rejected a request since its gateway started.",
                ),
                whole(
                    empty(
                        graph(
                            "Probe rounds",
                            "How half-open ended in the last interval: closed (it recovered) or open again.",
                            "short",
                            [
                                Query(
                                    "sum by (upstream, to) "
                                    f'(increase({_MOVES},from="half_open"}}[$__rate_interval]))',
                                    "{{upstream}} → {{to}}",
                                )
                            ],
                        ),
                        "No breaker has been half open since its gateway started.",
                    )
                ),
                empty(
                    graph(
                        "Upstream failures",
                        "Responses of 500 and above from upstreams, and what the gateway replies for them "
                        "(upstream_connect, upstream_reset, upstream_protocol, upstream_timeout), per second.",
                        "reqps",
                        [
                            Query(
                                'topk(10, sum by (route, reason) (rate(tidegate_requests_total{@,code=~"5..",'
                                'reason=~"|upstream_.*"}[$__rate_interval])))',
                                "{{route}} {{reason}}",
                            )
                        ],
                    ),
                    "No upstream has failed since its gateway started.",
                ),
            ),
        ),
        Row(
            "Shadow",
            (
                whole(
                    empty(
                        graph(
                            "Transitions in Shadow mode",
                            "What breakers of Shadow policies did in the last interval; they reject nothing.",
                            "short",
                            [
                                Query(
                                    "sum by (policy, target, to) "
                                    "(increase(tidegate_shadow_transitions_total{@}[$__rate_interval]))",
                                    "{{policy}} on {{target}} → {{to}}",
                                )
                            ],
                            span=24,
                        ),
                        "No policy is in Shadow mode, or its breakers have not moved.",
                    )
                ),
            ),
            is_collapsed=True,
        ),
        Row(
            "Settings",
            (
                listing(
                    "Settings in force",
                    "What each gateway judges by at this moment, after all policies were merged.",
                    "none",
                    'max by (upstream, setting) (tidegate_breaker_setting{@,upstream=~"$upstream"})',
                ),
                empty(
                    listing(
                        "Settings that differ",
                        "Settings of which gateways have different values, with the largest: an edit that has not "
                        "arrived everywhere.",
                        "none",
                        f"max by (upstream, setting) ({_SETTING}}}) > min by (upstream, setting) ({_SETTING}}})",
                    ),
                    "All gateways judge by the same settings.",
                ),
                *(
                    empty(
                        graph(
                            f"{name} over time",
                            f"{name} in force over time; a line that steps is an edit. Where gateways differ, the "
                            "largest value.",
                            unit,
                            [
                                Query(
                                    f'max by (upstream, setting) ({_SETTING},setting=~"{setting}"}})',
                                    "{{upstream}} {{setting}}",
                                )
                            ],
                            span=8,
                        ),
                        "No breaker has a setting of this kind.",
                    )
                    for name, unit, setting in _SETTINGS
                ),
            ),
        ),
    ),
)
