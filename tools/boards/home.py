"""What is wrong now? The first page: alerts, the routes that lose most requests, breakers that are not closed."""

from tools.boards.leads import ALERT_LEADS, OPEN_BREAKER_LEADS, ROUTE_LEADS
from tools.boards.marks import APPLIES, TRANSITIONS
from tools.boards.panels import (
    RED,
    YELLOW,
    Board,
    Column,
    Query,
    Row,
    empty,
    graph,
    linked,
    listing,
    number,
    ranking,
)
from tools.boards.served import lost, lost_share

__all__ = ["BOARD"]

_ALERTS = (
    'ALERTS{alertname=~"Tidegate.*",alertstate="firing",severity!="none",namespace=~"$namespace",job=~"$job"}'
)
_NOT_CLOSED = 'tidegate_breaker_state{@,state!="closed"}'
_BY = " by (route) "
_WORST = f"topk(10, {lost('', _BY)} > 0)"


def _of_worst(expr: str) -> str:
    return f"{expr} and on (route) {_WORST}"


BOARD = Board(
    uid="tidegate-home",
    title="What is wrong now?",
    description="Alerts that fire, routes that lose most requests, breakers that are not closed; each leads on.",
    metrics=("tidegate_build_info",),
    annotations=(TRANSITIONS, APPLIES),
    leads_to_monitor=True,
    rows=(
        Row(
            "Now",
            (
                number(
                    "Alerts",
                    "Alerts of Tidegate that fire.",
                    "short",
                    f"count({_ALERTS}) or vector(0)",
                    limits={1: RED},
                ),
                empty(
                    number(
                        "Failed or limited",
                        "Share of requests not served: a status of 500 or above, or rejected by a rate limit.",
                        "percentunit",
                        lost_share("", ""),
                        limits={0.01: YELLOW, 0.05: RED},
                    ),
                    "no requests",
                ),
                number(
                    "Breakers not closed",
                    "Breakers that are open or half open at this moment, counted in every gateway.",
                    "short",
                    f"sum({_NOT_CLOSED})",
                    limits={1: RED},
                ),
                number(
                    "Since the last change",
                    "Time since a gateway last put a configuration into force; a fault as old as that is the edit's.",
                    "s",
                    "time() - max(tidegate_config_last_apply_timestamp_seconds{@})",
                ),
            ),
        ),
        Row(
            "Where to look",
            (
                empty(
                    linked(
                        listing(
                            "Alerts that fire",
                            "Every alert of Tidegate that fires; a click on its name leads to its runbook.",
                            "none",
                            _ALERTS,
                            hidden=("Value", "alertstate"),
                            span=24,
                        ),
                        *ALERT_LEADS,
                    ),
                    "No alert fires (or the rules of grafana/rules are not loaded).",
                ),
                empty(
                    linked(
                        ranking(
                            "Worst routes",
                            "The ten routes that lose most requests per second; a click on one leads to its graphs.",
                            (
                                Column("Lost", _WORST, "reqps"),
                                Column("Failed or limited", _of_worst(lost_share("", _BY)), "percentunit"),
                                Column(
                                    "Requests",
                                    _of_worst(
                                        f"sum{_BY}(rate(tidegate_requests_total{{@}}[$__rate_interval]))"
                                    ),
                                    "reqps",
                                ),
                                Column(
                                    "99th percentile",
                                    _of_worst(
                                        "histogram_quantile(0.99, sum by (le, route) (rate("
                                        "tidegate_request_duration_seconds_bucket{@}[$__rate_interval])))"
                                    ),
                                    "s",
                                ),
                            ),
                        ),
                        *ROUTE_LEADS,
                    ),
                    "No route loses requests.",
                ),
                empty(
                    linked(
                        listing(
                            "Breakers that are not closed",
                            "The value says how many gateways see it; a click on one leads to its runbook.",
                            "none",
                            f"sum by (upstream, state) ({_NOT_CLOSED}) > 0",
                        ),
                        *OPEN_BREAKER_LEADS,
                    ),
                    "Every breaker is closed.",
                ),
                empty(
                    graph(
                        "Lost requests",
                        "Requests per second that failed or were rejected by a rate limit, of the ten worst routes. "
                        'A step at a mark "Configuration applied" is an edit.',
                        "reqps",
                        [Query(_WORST, "{{route}}")],
                        stacked=True,
                    ),
                    "No route loses requests.",
                ),
            ),
        ),
    ),
)
