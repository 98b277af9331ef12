"""Is the cache working?"""

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
    of_caches,
    timeline,
)

__all__ = ["BOARD"]

_CALLS = "tidegate_cache_requests_total{@"

BOARD = Board(
    uid="tidegate-cache",
    title="Is the cache working?",
    description="Calls, hits, memory and the store of the cache service.",
    metrics=("tidegate_cache_store_up",),
    rows=(
        Row(
            "Now",
            (
                empty(
                    number(
                        "Hit share",
                        "Share of reads that found their key; a response of 304 is a hit.",
                        "percentunit",
                        f'(sum(rate({_CALLS},op="get",result=~"hit|not_modified"}}[$__rate_interval])) or vector(0)) / '
                        f'sum(rate({_CALLS},op="get"}}[$__rate_interval]))',
                    ),
                    "no reads",
                ),
                number(
                    "Calls",
                    "Calls per second, of every kind.",
                    "ops",
                    f"sum(rate({_CALLS}}}[$__rate_interval]))",
                ),
                number(
                    "Degraded",
                    "Replicas whose Redis is unavailable: they respond from memory.",
                    "short",
                    "sum(1 - tidegate_cache_store_up{@})",
                    limits={1: RED},
                ),
                number(
                    "Backlog",
                    "Acknowledged writes that wait for Redis to come back.",
                    "bytes",
                    "sum(tidegate_cache_backlog_bytes{@})",
                    limits={1: YELLOW},
                ),
            ),
        ),
        Row(
            "Calls and store",
            (
                graph(
                    "Calls by kind",
                    "Calls per second by operation and result.",
                    "ops",
                    [
                        Query(
                            f"sum by (op, result) (rate({_CALLS}}}[$__rate_interval]))",
                            "{{op}} {{result}}",
                        )
                    ],
                    stacked=True,
                ),
                timeline(
                    "Store",
                    "Whether each replica's Redis responds; a replica without Redis is always up.",
                    [Query("tidegate_cache_store_up{@}", "{{instance}}")],
                    {0: ("unavailable", RED), 1: ("up", GREEN)},
                    span=12,
                ),
            ),
        ),
        Row(
            "Memory",
            (
                graph(
                    "Memory used",
                    "Keys and values in memory of each replica; CACHE_MAX_BYTES is its bound.",
                    "bytes",
                    [Query("tidegate_cache_bytes{@}", "{{instance}}")],
                ),
                graph(
                    "Entries",
                    "Entries in memory of each replica.",
                    "short",
                    [Query("tidegate_cache_entries{@}", "{{instance}}")],
                ),
                graph(
                    "Evictions",
                    "Entries per second that made room for others before their time: the cache is too small.",
                    "ops",
                    [
                        Query(
                            "sum by (instance) (rate(tidegate_cache_evictions_total{@}[$__rate_interval]))",
                            "{{instance}}",
                        )
                    ],
                ),
                graph(
                    "Backlog by replica",
                    "Acknowledged writes that wait for Redis, in bytes.",
                    "bytes",
                    [Query("tidegate_cache_backlog_bytes{@}", "{{instance}}")],
                ),
                graph(
                    "Resident memory",
                    "Memory of the whole process of each replica.",
                    "bytes",
                    [Query(of_caches("process_resident_memory_bytes{@}"), "{{instance}}")],
                ),
                graph(
                    "CPU",
                    "Cores used by each replica; one process uses at most one.",
                    "short",
                    [
                        Query(
                            of_caches("rate(process_cpu_seconds_total{@}[$__rate_interval])"), "{{instance}}"
                        )
                    ],
                    limits={0.8: RED},
                ),
            ),
        ),
    ),
)
