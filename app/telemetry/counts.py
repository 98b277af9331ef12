"""The cells the data path counts in: plain integers in lists and dicts, no third party, no lock.

Only the loop's thread writes. `reading.read` copies the cells for a scrape. Labels are bounded sets: methods
outside RFC 9110 §9.3 and PATCH (RFC 5789) count as `other`, and `Counts.keep_only` drops the series of what
left the configuration. A request that met no route (`no_route`, `request_malformed` …) counts under `""`.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

__all__ = [
    "BOUNDS_S",
    "METHODS",
    "NO_ROUTE",
    "BreakerNumbers",
    "Counts",
    "Histogram",
    "RouteCounts",
    "UpstreamCounts",
]

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds (inclusive) of the duration buckets; one more bucket takes what is longer."""

METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"))
NO_ROUTE = ""


class BreakerNumbers(Protocol):
    """What a breaker tells: `state` is closed, open or half_open; all numbers only ever rise."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def transitions(self) -> Mapping[tuple[str, str], int]:
        """(from, to) → how often."""

    @property
    def rejections(self) -> Mapping[str, int]:
        """State → requests refused in it."""


class Histogram:
    """Durations in the buckets of `BOUNDS_S`: `cells` has one integer per bucket and one for longer ones."""

    __slots__ = ("cells", "exemplars", "sum_s")

    def __init__(self) -> None:
        self.cells = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0
        self.exemplars: list[tuple[bytes, float, float] | None] | None = None

    def observe(self, duration_s: float) -> None:
        self.cells[bisect_left(BOUNDS_S, duration_s)] += 1
        self.sum_s += duration_s

    def observe_traced(self, duration_s: float, trace_id: bytes, wall_s: float) -> None:
        """Observe and keep the trace (32 hex digits) as its bucket's exemplar; for sampled traces only."""
        self.observe(duration_s)
        if self.exemplars is None:
            self.exemplars = [None] * len(self.cells)
        self.exemplars[bisect_left(BOUNDS_S, duration_s)] = (trace_id, duration_s, wall_s)


class RouteCounts:
    """The cells of one route: answers, their duration, and what its rate limit rules decided."""

    __slots__ = ("decisions", "duration", "name", "requests")

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests: dict[tuple[bytes, int, str], int] = {}
        self.duration = Histogram()
        self.decisions: dict[tuple[str, str], int] = {}

    def count(self, method: bytes, code: int, reason: str) -> None:
        """One finished request; `reason` is `""` for an upstream's own answer."""
        key = (method, code, reason)
        if key in self.requests:
            self.requests[key] += 1
            return
        if method not in METHODS:
            key = (b"other", code, reason)
        self.requests[key] = self.requests.get(key, 0) + 1

    def count_decision(self, rule: str, decision: str) -> None:
        """One look at the limit `rule`; `decision` is allowed, limited, shadowed or store_down."""
        key = (rule, decision)
        self.decisions[key] = self.decisions.get(key, 0) + 1


class UpstreamCounts:
    """The cells of one upstream: time to its answer's end, and retries by outcome."""

    __slots__ = ("duration", "name", "retries")

    def __init__(self, name: str) -> None:
        self.name = name
        self.duration = Histogram()
        self.retries: dict[str, int] = {}

    def count_retry(self, outcome: str) -> None:
        """One retry; `outcome` is a word of a bounded set chosen by the data path."""
        self.retries[outcome] = self.retries.get(outcome, 0) + 1


class Counts:
    """All cells of one process, and where to ask for numbers that others keep.

    The callables are asked once per scrape, on the thread of `reading.read`. What is None is not shown.
    """

    __slots__ = (
        "breakers",
        "certificate_expiry_wall_s",
        "config_applies",
        "config_last_apply_wall_s",
        "config_sequence",
        "connections",
        "in_flight",
        "internal_errors",
        "leases",
        "log_lines_dropped",
        "loop_lag_s",
        "routes",
        "store_up",
        "upstreams",
        "version",
    )

    def __init__(self, version: str) -> None:
        self.version = version
        self.routes: dict[str, RouteCounts] = {}
        self.upstreams: dict[str, UpstreamCounts] = {}
        self.in_flight = 0
        self.internal_errors = 0
        self.config_sequence = 0
        self.config_applies: dict[str, int] = {"applied": 0, "rejected": 0}
        self.config_last_apply_wall_s: float | None = None
        self.loop_lag_s = 0.0
        self.leases: dict[str, int] = {}
        self.certificate_expiry_wall_s: float | None = None
        self.store_up: Callable[[], bool] | None = None
        self.breakers: Callable[[], Iterable[BreakerNumbers]] | None = None
        self.connections: Callable[[], Iterable[tuple[str, str, int]]] | None = None
        """(upstream, state, how many); state is active or idle."""
        self.log_lines_dropped: Callable[[], int] | None = None

    def route(self, name: str) -> RouteCounts:
        """The cells of a route, made when first asked for; hold on to them instead of asking per request."""
        counts = self.routes.get(name)
        if counts is None:
            counts = self.routes[name] = RouteCounts(name)
        return counts

    def upstream(self, name: str) -> UpstreamCounts:
        counts = self.upstreams.get(name)
        if counts is None:
            counts = self.upstreams[name] = UpstreamCounts(name)
        return counts

    def count_config_apply(self, wall_s: float, sequence: int) -> None:
        """A configuration came into force."""
        self.config_applies["applied"] += 1
        self.config_sequence = sequence
        self.config_last_apply_wall_s = wall_s

    def count_config_rejection(self) -> None:
        """A configuration was faulty; the last good one stays."""
        self.config_applies["rejected"] += 1

    def keep_only(self, routes: Collection[str], upstreams: Collection[str]) -> None:
        """Drop the series of all others; requests still running there count into cells nobody reads."""
        kept_routes = {*routes, NO_ROUTE}
        self.routes = {name: counts for name, counts in self.routes.items() if name in kept_routes}
        self.upstreams = {name: counts for name, counts in self.upstreams.items() if name in upstreams}
