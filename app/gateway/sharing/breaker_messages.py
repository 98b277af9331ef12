"""Reports, requests, standings and verdicts of breakers as JSON, and back. Pure."""

from collections.abc import Mapping, Sequence

from app.breaker.standing import Report, ReportKind, Standing, Verdict
from app.breaker.values import BreakerState
from app.gateway.link.message import Json

__all__ = [
    "reports_json",
    "reports_of",
    "standings_json",
    "standings_of",
    "verdicts_json",
    "verdicts_of",
]


def reports_json(reports: Sequence[Report]) -> Json:
    return [list(report) for report in reports]


def reports_of(body: Json) -> list[Report]:
    return [Report(name, ReportKind(kind), *rest) for name, kind, *rest in body]


def standings_json(standings: Mapping[str, Standing | None]) -> Json:
    return {name: None if one is None else list(one) for name, one in standings.items()}


def standings_of(body: Json) -> dict[str, Standing | None]:
    return {
        name: None if one is None else Standing(BreakerState(one[0]), *one[1:]) for name, one in body.items()
    }


def verdicts_json(verdicts: Sequence[Verdict]) -> Json:
    return [list(verdict) for verdict in verdicts]


def verdicts_of(body: Json) -> list[Verdict]:
    return [Verdict(*one) for one in body]
