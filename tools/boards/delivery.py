"""Did my settings arrive?"""

from tools.boards.marks import APPLIES
from tools.boards.panels import (
    GREEN,
    RED,
    YELLOW,
    Board,
    Query,
    Row,
    empty,
    graph,
    number,
    timeline,
    whole,
)

__all__ = ["BOARD"]

_LAG = "tidegate_operator_policy_lag_seconds_bucket{@}"

BOARD = Board(
    uid="tidegate-delivery",
    title="Did my settings arrive?",
    description="Which configuration each gateway has in force, what was rejected, and how it got there.",
    metrics=("tidegate_config_sequence", "tidegate_operator_snapshot_sequence"),
    annotations=(APPLIES,),
    rows=(
        Row(
            "Gateways",
            (
                whole(
                    number(
                        "Sequence skew",
                        "Newest minus oldest configuration in force; 0 when every gateway has the same.",
                        "short",
                        "max(tidegate_config_sequence{@}) - min(tidegate_config_sequence{@})",
                        limits={1: YELLOW},
                    )
                ),
                number(
                    "Since the last change",
                    "Time since a gateway last put a configuration into force.",
                    "s",
                    "time() - max(tidegate_config_last_apply_timestamp_seconds{@})",
                ),
                whole(
                    number(
                        "Rejected, one hour",
                        "Configurations that a gateway did not take; the last good one stays in force.",
                        "short",
                        'sum(increase(tidegate_config_applies_total{@,result="rejected"}[1h]))',
                        limits={1: RED},
                    )
                ),
                whole(
                    number(
                        "Gateways",
                        "Gateways that are scraped.",
                        "short",
                        "count(tidegate_config_sequence{@})",
                    )
                ),
                graph(
                    "Sequence in force",
                    "Number of the configuration in force in each gateway; lines that part are a skew.",
                    "none",
                    [Query("tidegate_config_sequence{@}", "{{instance}}")],
                ),
                whole(
                    graph(
                        "Configurations read",
                        "Configurations that were applied or rejected in the last interval.",
                        "short",
                        [
                            Query(
                                "sum by (result) (increase(tidegate_config_applies_total{@}[$__rate_interval]))",
                                "{{result}}",
                            )
                        ],
                    )
                ),
                timeline(
                    "Source",
                    "Where each gateway's configuration in force came from.",
                    [
                        Query(
                            "sum by (instance, source) (tidegate_config_source{@})", "{{instance}} {{source}}"
                        )
                    ],
                    {0: ("", "text"), 1: ("in force", GREEN)},
                    span=12,
                ),
                graph(
                    "Time to apply",
                    "From a configuration's bytes to the swap, the last time.",
                    "s",
                    [Query("tidegate_config_apply_duration_seconds{@}", "{{instance}}")],
                ),
                empty(
                    graph(
                        "Failed calls to the operator",
                        "Calls per second of each gateway that failed, by reason; traffic goes on meanwhile.",
                        "ops",
                        [
                            Query(
                                "sum by (instance, reason) "
                                "(rate(tidegate_config_sync_errors_total{@}[$__rate_interval]))",
                                "{{instance}} {{reason}}",
                            )
                        ],
                    ),
                    "No call failed, or these gateways read a file.",
                ),
            ),
        ),
        Row(
            "Operator",
            (
                empty(
                    graph(
                        "From edit to everywhere",
                        "From an edit of a policy to the acknowledgement of the last gateway: p50 and p99.",
                        "s",
                        [
                            Query(
                                f"histogram_quantile({share}, sum by (le) (rate({_LAG}[$__rate_interval])))",
                                name,
                            )
                            for share, name in ((0.5, "p50"), (0.99, "p99"))
                        ],
                        limits={10: RED},
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Gateways by acknowledgement",
                        "applied: has the newest snapshot; pending: not yet; rejected: did not accept a part of it; "
                        "stale: silent.",
                        "short",
                        [Query("sum by (state) (tidegate_operator_instances{@})", "{{state}}")],
                        stacked=True,
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Rejections by gateways",
                        "Rejections (nacks) per second, of one policy or of a whole snapshot.",
                        "ops",
                        [
                            Query(
                                "sum by (reason) (rate(tidegate_operator_nacks_total{@}[$__rate_interval]))",
                                "{{reason}}",
                            )
                        ],
                        limits={0.001: RED},
                    ),
                    "No gateway has rejected a snapshot or a policy, or there is no operator.",
                ),
                empty(
                    graph(
                        "Snapshot",
                        "Number of the snapshot that the operator serves.",
                        "none",
                        [Query("tidegate_operator_snapshot_sequence{@}", "{{instance}}")],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Size of the snapshot",
                        "Its size, packed; 512 KiB is the most that fits.",
                        "bytes",
                        [Query("tidegate_operator_snapshot_bytes{@}", "{{instance}}")],
                        limits={400_000: YELLOW, 524_288: RED},
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Policies",
                        "Policies that exist.",
                        "short",
                        [Query("tidegate_operator_policies{@}", "{{instance}}")],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Reconciles",
                        "Full lists of all policies per second, by what became of them.",
                        "ops",
                        [
                            Query(
                                "sum by (result) (rate(tidegate_operator_reconciles_total{@}[$__rate_interval]))",
                                "{{result}}",
                            )
                        ],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Status writes and Events",
                        "Writes to the API server per second, by what became of them; none at rest.",
                        "ops",
                        [
                            Query(
                                "sum by (result) "
                                "(rate(tidegate_operator_status_writes_total{@}[$__rate_interval]))",
                                "status {{result}}",
                            ),
                            Query(
                                "sum by (result) (rate(tidegate_operator_events_total{@}[$__rate_interval]))",
                                "event {{result}}",
                            ),
                        ],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Responses to gateways",
                        "Responses on the sync port per second; a reason says why a call was rejected.",
                        "ops",
                        [
                            Query(
                                "sum by (path, code, reason) "
                                "(rate(tidegate_operator_sync_requests_total{@}[$__rate_interval]))",
                                "{{path}} {{code}} {{reason}}",
                            )
                        ],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
                empty(
                    graph(
                        "Broken watches",
                        "Watches of the API server per second that broke and started again from a full list.",
                        "ops",
                        [
                            Query(
                                "sum(rate(tidegate_operator_watch_restarts_total{@}[$__rate_interval]))",
                                "restarts",
                            )
                        ],
                    ),
                    "Without an operator there is nothing to show: gateways read a file.",
                ),
            ),
            is_collapsed=True,
        ),
    ),
)
