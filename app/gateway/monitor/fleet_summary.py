"""What this gateway says about its traffic while somebody looks at the fleet; composed for each call, kept nowhere."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from app.breaker.registry import Breakers
from app.breaker.view import BreakerView
from app.config.settings_in_force import SettingsInForce, settings_in_force
from app.config.sync.summary import MOST_SUMMARIZED, BreakerSummary, Summary, TrafficSummary
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.gateway.in_force import InForce
from app.telemetry.history_sample import OUTCOMES, WINDOW_S, BreakerMeter, Sampler, TrafficMeter
from app.telemetry.outcome_groups import TRIED_AND_FAILED

__all__ = ["FleetSummary", "breaker_summaries", "traffic_summary"]

_NOBODYS_LOSS = frozenset({"ok", "client_gone"})
_RANK = {"open": 0, "half_open": 1}


class FleetSummary:
    """`sampler`: what the monitor counts each second anyway. `is_ready`: as `/readyz` says."""

    def __init__(
        self, in_force: InForce, breakers: Breakers, sampler: Sampler, is_ready: Callable[[], bool]
    ) -> None:
        self._in_force, self._breakers, self._sampler = in_force, breakers, sampler
        self._is_ready = is_ready
        self._table: Table | None = None
        self._settings = SettingsInForce("", ())

    async def compose(self, digest_held: str) -> Summary:
        """The settings are left out where the operator holds those of this digest."""
        settings, sampler = await self._settings_now(), self._sampler
        now, wall = now_s(), wall_s()
        views = [breaker.view(now, wall) for breaker in self._breakers.all()]
        breakers = breaker_summaries(views, sampler.breakers, wall)
        return Summary(
            at_wall_s=wall,
            sequence=self._in_force.plans.table.sequence,
            traffic=traffic_summary(sampler.traffic),
            breakers=breakers,
            omitted=len(views) - len(breakers),
            settings_digest=settings.digest,
            settings=() if digest_held == settings.digest else settings.settings,
            is_ready=self._is_ready(),
            is_draining=self._in_force.draining,
        )

    async def _settings_now(self) -> SettingsInForce:
        table = self._in_force.plans.table
        if table is not self._table:  # of 10,000 routes requests must not wait for it
            settings = await asyncio.to_thread(settings_in_force, table)
            self._table, self._settings = table, settings
        return self._settings


def breaker_summaries(
    views: Iterable[BreakerView], meters: Mapping[str, BreakerMeter], wall_s: float
) -> tuple[BreakerSummary, ...]:
    """The MOST_SUMMARIZED that matter most: not closed, then by requests lost, then by requests. Pure."""
    summaries = [_breaker(view, meters.get(view.name), wall_s) for view in views]
    return tuple(sorted(summaries, key=_need)[:MOST_SUMMARIZED])


def _need(one: BreakerSummary) -> tuple[object, ...]:
    return _RANK.get(one.state, 2), -one.traffic.lost_per_s, -one.traffic.rps, one.name


def _breaker(view: BreakerView, meter: BreakerMeter | None, wall_s: float) -> BreakerSummary:
    sent, failed, rejected = meter.rolling.sums[:3] if meter is not None else (0, 0, 0)
    since_wall_s = view.outage.not_closed_since_wall_s
    return BreakerSummary(
        name=view.name,
        state=view.state.value,
        traffic=TrafficSummary(
            sent / WINDOW_S,
            min(failed, sent) / WINDOW_S,
            rejected / WINDOW_S,
            meter.quantile_ms(0.99) if meter is not None else None,
        ),
        not_closed_for_s=None if since_wall_s is None else max(0.0, wall_s - since_wall_s),
        failed_probes=view.outage.failed_probes,
        is_forced=view.override is not None,
    )


def traffic_summary(meter: TrafficMeter) -> TrafficSummary:
    """All requests. Pure."""
    rises = dict(zip(OUTCOMES, meter.rolling.sums[: len(OUTCOMES)], strict=True))
    failed = sum(rises[word] for word in TRIED_AND_FAILED)
    passed = sum(rise for word, rise in rises.items() if word in _NOBODYS_LOSS)
    total = sum(rises.values())
    return TrafficSummary(
        total / WINDOW_S, failed / WINDOW_S, (total - failed - passed) / WINDOW_S, meter.quantile_ms(0.99)
    )
