"""What is wrong now, looked for every second, also while nobody watches: so it is known since when. Reads only."""

from collections.abc import Iterator
from typing import NamedTuple

from app.admin.feed.problems import Problem, Verdict, diagnose, last_edit
from app.admin.feed.signals import BreakerFacts, Facts, RuleFacts
from app.breaker.registry import Breaker
from app.breaker.values import BreakerState
from app.breaker.view import BreakerView
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.gateway.monitor.watched import Watched
from app.policy.model import LimitRule, OnStoreFailure, Scope
from app.telemetry.history_sample import OUTCOMES, BreakerMeter, Sampler

__all__ = ["Diagnosis"]


class _Rule(NamedTuple):
    """`needs_store`: it rejects everything while its shared store is unavailable."""

    policy: str
    rule: LimitRule
    needs_store: bool


class Diagnosis:
    """`problems`: as of the last `look`, the worst first. A look costs a few µs for each rule and breaker in use."""

    def __init__(self, watched: Watched, sampler: Sampler) -> None:
        self._watched = watched
        self._sampler = sampler
        self._table: Table | None = None
        self._rules: dict[str, _Rule] = {}
        self._timeouts: dict[str, float] = {}
        self._verdict = Verdict()

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._verdict.problems

    def look(self) -> None:
        table = self._watched.in_force.plans.table
        if table is not self._table:
            self._table = table
            self._rules, self._timeouts = _rules(table), _timeouts(table)
        now, wall = now_s(), wall_s()
        self._verdict = diagnose(self._facts(now, wall), self._verdict, now, wall)

    def _facts(self, now: float, wall: float) -> Facts:
        watched, store_up = self._watched, self._watched.store_up()
        sums = self._sampler.traffic.rolling.sums[: len(OUTCOMES)]
        return Facts(
            outcomes={word: rise for word, rise in zip(OUTCOMES, sums, strict=True) if rise},
            rules=tuple(self._rule_facts()),
            breakers=tuple(self._breaker_facts(now, wall)),
            rejection=watched.history.rejected,
            store_up=store_up,
            draining=watched.in_force.draining,
            is_waiting=watched.readiness.is_waiting,
        )

    def _rule_facts(self) -> Iterator[RuleFacts]:
        edits = self._watched.history.edits
        for identity, meter in self._sampler.rules.items():
            known = self._rules.get(identity)
            if known is None or meter.rolling.is_empty:
                continue
            allowed, limited = meter.rolling.sums
            edit = last_edit(edits, known.policy, known.rule.name) if limited else (None, False)
            yield RuleFacts(identity, known.rule, allowed, limited, *edit, known.needs_store)

    def _breaker_facts(self, now: float, wall: float) -> Iterator[BreakerFacts]:
        meters = self._sampler.breakers
        for breaker in self._watched.breakers.all():
            meter, view = meters.get(breaker.name), _not_closed(breaker, now, wall)
            if view is None and (meter is None or meter.rolling.is_empty):
                continue
            yield self._facts_of(breaker, meter, view, now)

    def _facts_of(
        self, breaker: Breaker, meter: BreakerMeter | None, view: BreakerView | None, now: float
    ) -> BreakerFacts:
        sent, failed, rejected = meter.rolling.sums[:3] if meter is not None else (0, 0, 0)
        cells = meter.rolling.sums[3:] if meter is not None else ()
        timeout_s, calls = self._timeouts.get(breaker.name, 0.0), breaker.settings.slow_calls
        slow = None
        if calls is not None:
            counts = breaker.machine.window.counts(now)
            slow = (counts.slow, counts.total, calls.percent / 100)
        return BreakerFacts(breaker.name, sent, failed, rejected, cells, timeout_s, slow, view)


def _not_closed(breaker: Breaker, now: float, wall: float) -> BreakerView | None:
    """Most breakers are closed, and a view costs more than all else of a look."""
    if breaker.machine.effective_state is BreakerState.CLOSED:
        return None
    view = breaker.view(now, wall)
    return None if view.state is BreakerState.CLOSED else view


def _rules(table: Table) -> dict[str, _Rule]:
    found: dict[str, _Rule] = {}
    for settings in table.routes:
        limit = settings.rate_limit
        if limit.value is None:
            continue
        closes = limit.value.on_store_failure is OnStoreFailure.CLOSED
        for rule in limit.value.rules:
            needs_store = closes and rule.scope is Scope.GLOBAL
            found[f"{limit.origin.policy}/{rule.name}"] = _Rule(limit.origin.policy, rule, needs_store)
    return found


def _timeouts(table: Table) -> dict[str, float]:
    """By breaker, how long the most impatient of its routes waits."""
    found: dict[str, float] = {}
    for settings in table.routes:
        wait_s = settings.timeout.value.request_s
        for name in settings.breakers if wait_s else ():
            found[name] = min(found.get(name, wait_s), wait_s)
    return found
