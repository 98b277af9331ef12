"""What the monitor shows, as JSON-able values (docs: monitor): instants in ms since 1970, rates per second.

Each shape is built from values that were read before; None stands for a value that is not known now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.admin.feed.instants import MOST_ROUTES, ms
from app.admin.shape import Shape
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.model import Match, PathKind, ValueMatch
from app.config.table import RouteSettings, Table
from app.policy.model import LimitRule
from app.telemetry.events import Event
from app.telemetry.history import Point, Span
from app.telemetry.history_sample import (
    NO_TRAFFIC,
    OUTCOMES,
    WINDOW_S,
    BreakerMeter,
    RouteMeter,
    RuleMeter,
    TrafficMeter,
)
from app.telemetry.outcome_groups import FAILED, REJECTED_BY

__all__ = [
    "TRANSITION_FIELDS",
    "RuleInForce",
    "breaker_tile",
    "event_shape",
    "limit_shape",
    "point_shape",
    "route_rows",
    "route_traffic",
    "rules_in_force",
    "span_shape",
    "spark_shape",
    "traffic_shape",
    "transition_row",
]

TRANSITION_FIELDS = ("id", "breaker", "from", "to", "at", "reason", "error", "heldS")
_PATH_MARKS = {PathKind.PREFIX: "", PathKind.EXACT: "=", PathKind.REGEX: "~"}


def breaker_tile(breaker: BreakerView, setting: Shape | None, meter: BreakerMeter | None) -> Shape:
    """A breaker as it is now. `setting`: where its settings came from; `meter`: its traffic, None without any yet."""
    upstream, _, route = breaker.name.partition("@")
    override, failure, since = breaker.override, breaker.last_failure, breaker.outage.not_closed_since_wall_s
    until = breaker.open_until_wall_s
    return {
        "name": breaker.name,
        "upstream": upstream,
        "route": route or None,
        "state": breaker.state.value,
        "since": ms(breaker.since_wall_s),
        "notClosedSince": since and ms(since),
        "failedProbes": breaker.outage.failed_probes,
        "reason": breaker.reason and breaker.reason.value,
        "lastError": failure
        and {"at": ms(failure.at_wall_s), "reason": failure.word, "detail": failure.detail},
        "failuresInRow": breaker.consecutive_failures,
        "threshold": breaker.threshold,
        "window": {
            "periodS": breaker.window_s,
            "requests": breaker.window.total,
            "failures": breaker.window.failures,
            "slow": breaker.window.slow,
            "minimum": breaker.minimum_requests,
        },
        "opening": _opening(breaker),
        "probesInFlight": breaker.probes_in_flight,
        "probesAllowed": breaker.settings.half_open_requests,
        "openUntil": until and ms(until),
        "override": override
        and {
            "state": override.state.value,
            "since": ms(override.since_wall_s),
            "until": ms(override.until_wall_s),
            "by": override.by,
            "why": override.why,
        },
        **_breaker_traffic(meter),
        "settings": setting,
    }


def _opening(breaker: BreakerView) -> Shape | None:
    """What led it out of closed; None while it is closed."""
    cause, counts = breaker.outage.cause, breaker.opening
    if cause is None or counts is None:
        return None
    return {
        "reason": cause.value,
        "requests": counts.total,
        "failures": counts.failures,
        "slow": counts.slow,
    }


def _breaker_traffic(meter: BreakerMeter | None) -> Shape:
    traffic = meter.traffic if meter is not None else NO_TRAFFIC
    return {
        "rps": traffic.requests_per_s,
        "refusedPerS": traffic.rejected_per_s,
        "errorShare": traffic.error_share,
        "p50Ms": meter.quantile_ms(0.5) if meter is not None else None,
        "p99Ms": meter.quantile_ms(0.99) if meter is not None else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(min(part / whole, 1.0), 4) if whole else None


def spark_shape(meter: BreakerMeter | None, ends_at_ms: int, seconds: int) -> Shape:
    """The last `seconds` seconds of a breaker, oldest first."""
    known = meter.spark[-seconds:] if meter is not None else []
    filled = [(0, 0, 0)] * (seconds - len(known)) + known
    requests, failures, rejected = zip(*filled, strict=True)
    return {"endsAt": ends_at_ms, "requests": requests, "failures": failures, "refused": rejected}


_LONGEST_MATCH = 200
"""Characters, after which further matches of a route are left out."""


def route_rows(table: Table) -> dict[str, Shape]:
    """The fields that traffic does not change, of the first MOST_ROUTES routes, by the route's name.

    One with several matches is one row, which shows all of them as far as they fit.
    """
    rows: dict[str, Shape] = {}
    matches: dict[str, str] = {}
    for settings in table.routes[:MOST_ROUTES]:
        name, match = str(settings.route.name), _match(settings.route.match)
        first = matches.setdefault(name, match)
        if match != first and len(first) < _LONGEST_MATCH:
            matches[name] = f"{first} or {match}"
        rows.setdefault(name, _route_row(settings))
    return {name: {**row, "match": matches[name]} for name, row in rows.items()}


def _route_row(settings: RouteSettings) -> Shape:
    route, limit, retry = settings.route, settings.rate_limit.value, settings.retry.value
    return {
        "name": str(route.name),
        "match": _match(route.match),
        "auth": route.auth.value,
        "upstreams": [
            {"name": str(upstream.name), "weight": upstream.weight, "breaker": breaker}
            for upstream, breaker in zip(route.upstreams, settings.breakers, strict=True)
        ],
        "redirect": route.redirect and route.redirect.status,
        "rules": [rule.name for rule in limit.rules] if limit is not None else [],
        "timeoutS": settings.timeout.value.request_s,
        "retries": retry.attempts if retry is not None else 0,
    }


def _match(match: Match) -> str:
    """One line: methods, hosts, path, headers, query."""
    parts = [
        ",".join(match.methods),
        ",".join(match.hosts),
        _PATH_MARKS[match.path_kind] + match.path,
        *(_condition(field) for field in match.headers),
        *("?" + _condition(field) for field in match.query),
    ]
    return " ".join(part for part in parts if part)


def _condition(wanted: ValueMatch) -> str:
    if wanted.pattern is not None:
        return f"{wanted.name}~{wanted.pattern.pattern}"
    return f"{wanted.name}={wanted.value}"


def route_traffic(meter: RouteMeter | None) -> Shape:
    """The live fields of a route's row."""
    if meter is None:
        return {
            "rps": 0.0, "errorShare": None, "refusedShare": None, "p50Ms": None, "p99Ms": None, "total": 0
        }  # fmt: skip
    return {
        "rps": meter.requests / WINDOW_S,
        "errorShare": _share(meter.failed, meter.requests),
        "refusedShare": _share(meter.rejected, meter.requests),
        "p50Ms": meter.quantile_ms(0.5),
        "p99Ms": meter.quantile_ms(0.99),
        "total": meter.total,
    }


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A limit rule of a stanza and on how many routes it is in force."""

    policy: str
    rule: LimitRule
    routes: int

    @property
    def identity(self) -> str:
        """As the limiter and the feed name it."""
        return f"{self.policy}/{self.rule.name}"


def rules_in_force(table: Table) -> dict[str, RuleInForce]:
    """By identity, in the order of the routes. O(routes)."""
    found: dict[str, RuleInForce] = {}
    for settings in table.routes:
        limit = settings.rate_limit
        for rule in limit.value.rules if limit.value is not None else ():
            identity = f"{limit.origin.policy}/{rule.name}"
            known = found.get(identity)
            found[identity] = RuleInForce(limit.origin.policy, rule, known.routes + 1 if known else 1)
    return found


def limit_shape(in_force: RuleInForce, meter: RuleMeter | None, usage: tuple[int, float] | None) -> Shape:
    """`usage`: buckets held and the share used of the fullest; None where they are not counted here."""
    rule = in_force.rule
    allowed, limited = meter.rolling.sums if meter is not None else (0, 0)
    return {
        "id": in_force.identity,
        "policy": in_force.policy,
        "rule": rule.name,
        "key": rule.key.value,
        "tiers": sorted(rule.tiers),
        "requests": rule.requests,
        "periodS": rule.period_s,
        "burst": rule.burst,
        "routes": in_force.routes,
        "allowedPerS": allowed / WINDOW_S,
        "limitedPerS": limited / WINDOW_S,
        "allowedTotal": meter.allowed_total if meter is not None else 0,
        "limitedTotal": meter.limited_total if meter is not None else 0,
        "clients": usage and usage[0],
        "fullest": usage and round(usage[1], 4),
    }


def traffic_shape(meter: TrafficMeter) -> Shape:
    rises = meter.rolling.sums[: len(OUTCOMES)]
    by_word = dict(zip(OUTCOMES, rises, strict=True))
    return {
        "outcomes": {word: rise / WINDOW_S for word, rise in by_word.items() if rise},
        "total": sum(rises) / WINDOW_S,
        "failed": _per_s(by_word, FAILED),
        "rejected": {by: _per_s(by_word, words) for by, words in REJECTED_BY.items()},
        "p50Ms": meter.quantile_ms(0.5),
        "p90Ms": meter.quantile_ms(0.9),
        "p99Ms": meter.quantile_ms(0.99),
        "totals": {word: total for word, total in zip(OUTCOMES, meter.totals, strict=True) if total},
    }


def _per_s(rises: Mapping[str, int], words: Sequence[str]) -> float:
    return sum(rises[word] for word in words) / WINDOW_S


def transition_row(number: int, moved: BreakerTransition) -> list[object]:
    """The columns of TRANSITION_FIELDS."""
    return [
        number,
        moved.name,
        moved.from_state.value,
        moved.to_state.value,
        ms(moved.at_wall_s),
        moved.reason.value,
        moved.error,
        round(moved.held_s, 3),
    ]


def event_shape(number: int, event: Event) -> Shape:
    return {
        "id": number,
        "at": ms(event.at_wall_s),
        "kind": event.kind,
        "subject": event.subject,
        "detail": event.detail,
    }


def point_shape(point: Point) -> Shape:
    """A point without its zeros."""
    values: Mapping[str, float | None] = point.values
    shown = {name: value for name, value in values.items() if value != 0}
    return {"stepS": point.step_s, "t": point.at_ms, "columns": shown}


def span_shape(span: Span) -> Shape:
    columns: Mapping[str, Sequence[float | None]] = span.columns
    return {"stepS": span.step_s, "t": span.times_ms, "columns": columns}
