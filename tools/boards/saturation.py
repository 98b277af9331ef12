"""Is it about to hurt? What runs full before users notice."""

from tools.boards.marks import APPLIES
from tools.boards.panels import (
    RED,
    YELLOW,
    Board,
    Query,
    Row,
    empty,
    graph,
    listing,
    number,
    of_gateways,
)

__all__ = ["BOARD"]

_OWN = "tidegate_requests_total{@"
_CPU = "rate(process_cpu_seconds_total{@}[$__rate_interval])"
_RESIDENT = "process_resident_memory_bytes{@}"

BOARD = Board(
    uid="tidegate-saturation",
    title="Is it about to hurt?",
    description="Processor, event loop, memory, descriptors and what is rejected or lost when they run out.",
    metrics=("tidegate_build_info",),
    annotations=(APPLIES,),
    rows=(
        Row(
            "Now",
            (
                number(
                    "Busiest gateway",
                    "Cores used by the busiest gateway; one process uses at most one.",
                    "percentunit",
                    f"max({of_gateways(_CPU)})",
                    limits={0.7: YELLOW, 0.9: RED},
                ),
                number(
                    "Loop lag",
                    "How late the slowest event loop ran its last timed call: its requests waited too.",
                    "s",
                    "max(tidegate_loop_lag_seconds{@})",
                    limits={0.05: YELLOW, 0.25: RED},
                ),
                number(
                    "Largest gateway",
                    "Resident memory of the largest gateway.",
                    "bytes",
                    f"max({of_gateways(_RESIDENT)})",
                ),
                number(
                    "Rejected for overload",
                    "Requests per second rejected with overloaded, limit_store_down or internal_error.",
                    "reqps",
                    f'sum(rate({_OWN},reason=~"overloaded|limit_store_down|internal_error"}}'
                    "[$__rate_interval])) or vector(0)",
                    limits={0.001: RED},
                ),
            ),
        ),
        Row(
            "Processor and loop",
            (
                graph(
                    "CPU",
                    "Cores used by each gateway; one process uses at most one: add replicas before.",
                    "percentunit",
                    [Query(of_gateways(_CPU), "{{instance}}")],
                    limits={0.9: RED},
                ),
                graph(
                    "Event loop lag",
                    "How late each event loop ran its last timed call.",
                    "s",
                    [Query("tidegate_loop_lag_seconds{@}", "{{instance}}")],
                    limits={0.25: RED},
                ),
                graph(
                    "Requests in flight",
                    "Requests under way in each gateway; MAX_IN_FLIGHT (4,096) is the bound.",
                    "short",
                    [Query("tidegate_requests_in_flight{@}", "{{instance}}")],
                ),
                graph(
                    "Upstream connections",
                    "Open connections to each upstream, active or idle.",
                    "short",
                    [
                        Query(
                            "sum by (upstream, state) (tidegate_upstream_connections{@})",
                            "{{upstream}} {{state}}",
                        )
                    ],
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Memory and descriptors",
            (
                graph(
                    "Resident memory",
                    "Memory of each gateway.",
                    "bytes",
                    [Query(of_gateways(_RESIDENT), "{{instance}}")],
                ),
                empty(
                    graph(
                        "Memory of its limit",
                        "Resident memory over the control group's limit; no line without a limit. At 1 the "
                        "kernel ends the process.",
                        "percentunit",
                        [
                            Query(
                                of_gateways(f"{_RESIDENT} / tidegate_memory_limit_bytes{{@}}"), "{{instance}}"
                            )
                        ],
                        limits={0.9: RED},
                    ),
                    "No memory limit is set on these processes.",
                ),
                graph(
                    "Descriptors used",
                    "Open file descriptors over what the process may open; each connection takes one.",
                    "percentunit",
                    [Query(of_gateways("process_open_fds{@} / process_max_fds{@}"), "{{instance}}")],
                    limits={0.8: RED},
                ),
                empty(
                    graph(
                        "Certificate",
                        "Time until the public port's certificate ends, and the first one of listeners.",
                        "s",
                        [
                            Query(
                                "tidegate_certificate_expiry_timestamp_seconds{@} - time()", "{{instance}}"
                            ),
                            Query(
                                "min by (instance)"
                                " (tidegate_listener_certificate_expiry_timestamp_seconds{@}) - time()",
                                "{{instance}} listeners",
                            ),
                        ],
                    ),
                    "No TLS: TLS_CERT_FILE is not set, and no listener has a certificate.",
                ),
            ),
        ),
        Row(
            "Lost and rejected",
            (
                graph(
                    "Log lines dropped",
                    "Access log lines per second that no sink took. Requests never wait for the log.",
                    "ops",
                    [
                        Query(
                            "sum by (instance) (rate(tidegate_log_lines_dropped_total{@}[$__rate_interval]))",
                            "{{instance}}",
                        )
                    ],
                    limits={0.001: RED},
                ),
                graph(
                    "Internal errors",
                    "Faults of the gateway itself per second; the process log has the trace of each.",
                    "ops",
                    [
                        Query(
                            "sum by (instance) (rate(tidegate_internal_errors_total{@}[$__rate_interval]))",
                            "{{instance}}",
                        )
                    ],
                    limits={0.001: RED},
                ),
                empty(
                    graph(
                        "Rejected at the gateway's bounds",
                        "overloaded: MAX_IN_FLIGHT is reached; limit_store_down: the store is unavailable and the "
                        "policy says Closed; draining: the gateway is shutting down.",
                        "reqps",
                        [
                            Query(
                                f'sum by (reason) (rate({_OWN},reason=~"overloaded|limit_store_down|draining|'
                                'internal_error"}[$__rate_interval]))',
                                "{{reason}}",
                            )
                        ],
                        limits={0.001: RED},
                    ),
                    "No request has met one of the bounds since its gateway started.",
                ),
                listing(
                    "Versions",
                    "Which version each gateway runs.",
                    "none",
                    "max by (instance, version) (tidegate_build_info{@})",
                ),
            ),
        ),
    ),
)
