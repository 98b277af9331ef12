"""Is traffic healthy? Rate, errors and duration for each route."""

from tools.boards.marks import APPLIES, TRANSITIONS
from tools.boards.panels import RED, YELLOW, Board, Query, Row, Variable, graph, number

__all__ = ["BOARD"]

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
                ),
                number(
                    "Error share",
                    "Share of responses with a status of 500 or above, the gateway's own included.",
                    "percentunit",
                    f"(sum(rate({_ERRORS}[$__rate_interval])) or vector(0)) / "
                    f"sum(rate({_REQUESTS}[$__rate_interval]))",
                    limits={0.001: YELLOW, 0.01: RED},
                ),
                number(
                    "99th percentile",
                    "99 of 100 requests took no longer, first byte in to last byte out.",
                    "s",
                    f"histogram_quantile(0.99, sum by (le) (rate({_BUCKETS}[$__rate_interval])))",
                    limits={0.5: YELLOW, 1: RED},
                ),
                number(
                    "In flight",
                    "Requests under way at this moment.",
                    "short",
                    "sum(tidegate_requests_in_flight{@})",
                ),
            ),
        ),
        Row(
            "By route",
            (
                graph(
                    "Requests per route",
                    "Requests completed per second; the empty route are requests that no route took.",
                    "reqps",
                    [Query(f"sum by (route) (rate({_REQUESTS}[$__rate_interval]))", "{{route}}")],
                    stacked=True,
                ),
                graph(
                    "Error share per route",
                    "Share of responses with a status of 500 or above.",
                    "percentunit",
                    [
                        Query(
                            f"sum by (route) (rate({_ERRORS}[$__rate_interval])) / "
                            f"sum by (route) (rate({_REQUESTS}[$__rate_interval]))",
                            "{{route}}",
                        )
                    ],
                    limits={0.01: RED},
                ),
                graph(
                    "Duration per route",
                    "50th, 95th and 99th percentile; a diamond is a trace (exemplar), where tracing is on.",
                    "s",
                    [
                        Query(_quantile(0.5, _BUCKETS, "route"), "{{route}} p50"),
                        Query(_quantile(0.95, _BUCKETS, "route"), "{{route}} p95"),
                        Query(_quantile(0.99, _BUCKETS, "route"), "{{route}} p99", exemplars=True),
                    ],
                    limits={1: RED},
                ),
                graph(
                    "Responses by status",
                    "Responses per second by status code; 499 are clients that left before a response began.",
                    "reqps",
                    [Query(f"sum by (code) (rate({_REQUESTS}[$__rate_interval]))", "{{code}}")],
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Rejections and upstreams",
            (
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
                graph(
                    "Error budget used, one hour",
                    "Error share of the last hour over what an objective of 99.9 % allows: above 1 the "
                    "budget shrinks, at 14.4 a month's budget is gone in two days.",
                    "short",
                    [
                        Query(
                            "sum by (route) (namespace_job_route:tidegate_request_errors:ratio_rate1h"
                            '{namespace=~"$namespace",job=~"$job",route=~"$route"}) / 0.001',
                            "{{route}}",
                        )
                    ],
                    limits={1: YELLOW, 14.4: RED},
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
            ),
        ),
    ),
)
