"""The breakers of a whole fleet, folded for a policy's status: the worst state, and how many are in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.config.sync.messages import BreakerReport
from app.policy.model import BreakerState

__all__ = ["FleetBreaker", "fold_breakers", "summary_of"]

MAX_BREAKERS = 16

_WORST_FIRST = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)


@dataclass(frozen=True, slots=True)
class FleetBreaker:
    """`state`: the worst of the fleet, entered first at `since_wall_s`; `replicas`: gateways by state.

    `not_closed_since_wall_s`: when the first of the gateways where it is not closed left closed; `failed_probes`:
    the most of any gateway.
    """

    name: str
    state: BreakerState
    replicas: Mapping[BreakerState, int]
    since_wall_s: float | None
    reason: str | None
    not_closed_since_wall_s: float | None = None
    failed_probes: int = 0


def fold_breakers(reports: Iterable[BreakerReport]) -> tuple[FleetBreaker, ...]:
    """One for each name, worst first, then by name; `reports`: each gateway has at most one of a name."""
    by_name: dict[str, list[BreakerReport]] = {}
    for report in reports:
        by_name.setdefault(report.name, []).append(report)
    folded = [_fold(name, same) for name, same in by_name.items()]
    return tuple(sorted(folded, key=lambda one: (_WORST_FIRST.index(one.state), one.name)))


def summary_of(breakers: tuple[FleetBreaker, ...]) -> str | None:
    """`closed 3/3`, `open 2/3` or, where there are several, `orders open 2/3`; None without any."""
    if not breakers:
        return None
    worst = breakers[0]
    share = f"{worst.replicas[worst.state]}/{sum(worst.replicas.values())}"
    if worst.state is BreakerState.CLOSED or len(breakers) == 1:
        return f"{worst.state} {share}"
    return f"{worst.name} {worst.state} {share}"


def _fold(name: str, reports: list[BreakerReport]) -> FleetBreaker:
    replicas = {state: sum(report.state == state for report in reports) for state in reversed(_WORST_FIRST)}
    worst = next(state for state in _WORST_FIRST if replicas[state])
    # A breaker without a transition is closed since its gateway started, which says nothing of the upstream.
    moved = [report for report in reports if report.state == worst and report.reason is not None]
    if not moved:
        return FleetBreaker(name, worst, replicas, None, None)
    if worst is BreakerState.CLOSED:  # since the last one closed
        return FleetBreaker(name, worst, replicas, max(report.since_wall_s for report in moved), None)
    first = min(moved, key=lambda report: report.since_wall_s)
    left_closed = [report.not_closed_since_wall_s for report in reports]
    return FleetBreaker(
        name,
        worst,
        replicas,
        first.since_wall_s,
        first.reason,
        min((at for at in left_closed if at is not None), default=None),
        max(report.failed_probes for report in reports),
    )
