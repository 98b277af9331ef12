"""Is traffic healthy? Rate, errors and duration for each route."""

from tools.boards.marks import APPLIES, TRANSITIONS
from tools.boards.panels import (
    RED,
    YELLOW,
    Board,
    Query,
    Row,
    Variable,
    empty,
    graph,
    number,
)
from tools.boards.served import lost_share

__all__ = ["BOARD"]

_ROUTE = ',route=~"$route"'
_REQUESTS = 'tidegate_requests_total{@,route=~"$route"}'
_ERRORS = 'tidegate_requests_total{@,route=~"$route",code=~"5.."}'
_BUCKETS = 'tidegate_request_duration_seconds_bucket{@,route=~"$route"}'


def _quantile(share: float, buckets: str, label: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {label}) (rate({buckets}[$__rate_interval])))"


BOARD = Board(
    uid="tidegate-traffic",
    title="Is traffic healthy?",
    description="Requests, errors and duration for each route, and what the gateway rejected.",
    metrics=("tidegate_build_info",),
    variables=(Variable("route", "Route", "tidegate_requests_total"),),
    annotations=(TRANSITIONS, APPLIES),
    rows=(
        Row(
            "Now",
            (
                number(
                    "Requests",
                    "Requests completed per second, rejections included.",
                    "reqps",
                    f"sum(rate({_REQUESTS}[$__rate_interval]))",
                    span=5,
                ),
                empty(
                    number(
                        "Error share",
                        "Share of responses with a status of 500 or above, the gateway's own included.",
                        "percentunit",
                        f"(sum(rate({_ERRORS}[$__rate_interval])) or vector(0)) / "
                        f"sum(rate({_REQUESTS}[$__rate_interval]))",
                        limits={0.001: YELLOW, 0.01: RED},
                        span=5,
                    ),
                    "no requests",
                ),
                empty(
                    number(
                        "Failed or limited",
                        "Share of requests not served: a status of 500 or above, or rejected by a rate limit. "
                        "An edit that makes a limit too low shows here, not in the error share.",
                        "percentunit",
                        lost_share(_ROUTE, ""),
                        limits={0.01: YELLOW, 0.05: RED},
                        span=5,
                    ),
                    "no requests",
                ),
                empty(
                    number(
                        "99th percentile",
                        "99 of 100 requests took no longer, first byte in to last byte out.",
                        "s",
                        f"histogram_quantile(0.99, sum by (le) (rate({_BUCKETS}[$__rate_interval])))",
                        limits={0.5: YELLOW, 1: RED},
                        span=5,
                    ),
                    "no requests",
                ),
                number(
                    "In flight",
                    "Requests under way at this moment.",
                    "short",
                    "sum(tidegate_requests_in_flight{@})",
                    span=4,
                ),
            ),
        ),
        Row(
            "By route",
            (
                graph(
                    "Requests per route",
                    "Requests completed per second by the ten busiest routes; the empty route are requests that no "
                    "route took.",
                    "reqps",
                    [Query(f"topk(10, sum by (route) (rate({_REQUESTS}[$__rate_interval])))", "{{route}}")],
                    stacked=True,
                ),
                graph(
                    "Error share per route",
                    "Share of responses with a status of 500 or above, of the ten worst routes.",
                    "percentunit",
                    [
                        Query(
                            f"topk(10, (sum by (route) (rate({_ERRORS}[$__rate_interval])) or "
                            f"0 * sum by (route) (rate({_REQUESTS}[$__rate_interval]))) / "
                            f"sum by (route) (rate({_REQUESTS}[$__rate_interval])))",
                            "{{route}}",
                        )
                    ],
                    limits={0.01: RED},
                ),
                empty(
                    graph(
                        "Failed or limited per route",
                        "Share of requests that failed or were rejected by a rate limit, of the ten worst routes. "
                        'Look for a step at a mark "Configuration applied".',
                        "percentunit",
                        [Query(f"topk(10, {lost_share(_ROUTE, ' by (route) ')})", "{{route}}")],
                        limits={0.05: RED},
                    ),
                    "No requests.",
                ),
                graph(
                    "Duration per route",
                    "99th percentile of the ten slowest routes; choose one route to see only it. A diamond is a trace "
                    "(exemplar), where tracing is on.",
                    "s",
                    [
                        Query(
                            f"topk(10, {_quantile(0.99, _BUCKETS, 'route')})", "{{route}} p99", exemplars=True
                        )
                    ],
                    limits={1: RED},
                ),
                graph(
                    "Responses by status",
                    "Responses per second by status code, a gRPC call by what its grpc-status counts as; 499 are "
                    "clients that left before a response began.",
                    "reqps",
                    [Query(f"sum by (code) (rate({_REQUESTS}[$__rate_interval]))", "{{code}}")],
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Rejections and upstreams",
            (
                empty(
                    graph(
                        "Rejections by reason",
                        "Local replies per second, by reason word. The runbook says what to do.",
                        "reqps",
                        [
                            Query(
                                'sum by (reason) (rate(tidegate_requests_total{@,route=~"$route",reason!=""}'
                                "[$__rate_interval]))",
                                "{{reason}}",
                            )
                        ],
                        stacked=True,
                    ),
                    "The gateways have rejected no request since they started.",
                ),
                empty(
                    graph(
                        "Error budget used, one hour",
                        "Error share of the last hour over what an objective of 99.9 % allows: above 1 the "
                        "budget shrinks, at 14.4 a month's budget is gone in two days.",
                        "short",
                        [
                            Query(
                                "topk(10, max by (route) (namespace_job_route:tidegate_request_errors:ratio_rate1h"
                                '{namespace=~"$namespace",job=~"$job",route=~"$route"})) / 0.001',
                                "{{route}}",
                            )
                        ],
                        limits={1: YELLOW, 14.4: RED},
                    ),
                    "The rules of grafana/rules are not loaded, or no request came in the last hour.",
                ),
                graph(
                    "Upstream duration",
                    "99th percentile from sending a request to an upstream to the last byte of its response.",
                    "s",
                    [
                        Query(
                            _quantile(0.99, "tidegate_upstream_duration_seconds_bucket{@}", "upstream"),
                            "{{upstream}}",
                        )
                    ],
                ),
                empty(
                    graph(
                        "Retries",
                        "Retries sent per second to each upstream, by outcome.",
                        "reqps",
                        [
                            Query(
                                "sum by (upstream, outcome) (rate(tidegate_upstream_retries_total{@}"
                                "[$__rate_interval]))",
                                "{{upstream}} {{outcome}}",
                            )
                        ],
                    ),
                    "No retries: no policy sets `retry`, or none was needed.",
                ),
            ),
        ),
    ),
)
