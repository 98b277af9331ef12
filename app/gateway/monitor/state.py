"""What the monitor shows of the running gateway: read, never changed; a delta costs what has moved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.admin.feed.delta import State
from app.admin.feed.views import (
    RuleInForce,
    breaker_tile,
    limit_shape,
    route_rows,
    route_traffic,
    rules_in_force,
    spark_shape,
    traffic_shape,
)
from app.admin.json_views import breaker_setting_shape
from app.admin.shape import Shape
from app.breaker.registry import Breaker, Breakers
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.gateway.in_force import InForce
from app.gateway.monitor.connections import ConnectionNumbers
from app.gateway.monitor.sampling import Sampling
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from app.telemetry.history import Span
from app.telemetry.history_sample import SPARK_S

__all__ = ["Suppliers", "GatewayState"]

DRIFT_S = 0.05
"""Instants are shown by one offset between the clocks, lest they flicker; beyond this it is renewed."""


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Parts of the state that come from elsewhere: `gateway`, the breaker test, and the name of its breaker.

    `panels`: by a panel's name, what gives its content; asked with each sample and each configuration. `prompt`: of
    panels that follow breakers as well, and so are asked with every state.
    """

    gateway: Callable[[], Shape]
    test: Callable[[], Shape]
    demo_breaker: Callable[[], str | None]
    panels: Mapping[str, Callable[[], object]]
    prompt: Mapping[str, Callable[[], object]]


class GatewayState:
    """Implements `admin.feed.feed.FeedSource`."""

    def __init__(
        self,
        in_force: InForce,
        breakers: Breakers,
        limiter: Limiter,
        connections: ConnectionNumbers,
        sampling: Sampling,
        suppliers: Suppliers,
    ) -> None:
        self._in_force = in_force
        self._breakers = breakers
        self._limiter = limiter
        self._connections = connections
        self._sampling = sampling
        self._sampler = sampling.sampler
        self._suppliers = suppliers
        self._offset_s = wall_s() - now_s()
        self._table: Table | None = None
        self._rows: dict[str, Shape] = {}
        self._settings: dict[str, Shape] = {}
        self._rules: dict[str, RuleInForce] = {}
        self._keys: dict[str, tuple[object, ...]] = {}
        self._look_at_table()

    # FeedSource

    def state(self, last: State | None, *, sampled: bool) -> State:
        changed = self._look_at_table()
        suppliers, total = self._suppliers, len(self._in_force.plans.table.routes)
        gateway, test = suppliers.gateway(), suppliers.test()
        prompt = {name: supply() for name, supply in suppliers.prompt.items()}
        if last is not None and not sampled and not changed:
            tiles = self._tiles_since(last)
            panels = {**last.panels, **prompt}
            return replace(last, gateway=gateway, breakers=tiles, test=test, panels=panels)
        return State(
            gateway,
            self._tiles(),
            total,
            self._routes(last.routes if last is not None and not changed else {}),
            self._limits(),
            traffic_shape(self._sampler.traffic),
            self._connections.shape(),
            test,
            {**{name: supply() for name, supply in suppliers.panels.items()}, **prompt},
        )

    def history(self, after_ms: int) -> Sequence[Span]:
        return self._sampling.since(after_ms)

    def sparks(self) -> dict[str, Shape]:
        meters, at_ms = self._sampler.breakers, self._sampling.at_ms
        return {
            each.name: spark_shape(meters.get(each.name), at_ms, SPARK_S) for each in self._breakers.all()
        }

    def tick(self) -> Shape:
        moved = {name: meter.last for name, meter in self._sampler.breakers.items() if any(meter.last)}
        return {"endsAt": self._sampling.at_ms, "breakers": moved}

    def next_change_s(self, now: float) -> float | None:
        """Seconds until time alone changes a breaker (open → half-open, an override's end); None: never."""
        waits = [wait_s for each in self._breakers.all() if (wait_s := _due_s(each, now)) > 0]
        return min(waits, default=None)

    # Parts

    def _look_at_table(self) -> bool:
        """Whether another configuration is in force since the last call."""
        table = self._in_force.plans.table
        if table is self._table:
            return False
        self._table = table
        self._rows = route_rows(table)
        self._settings = {
            name: breaker_setting_shape(setting) for name, setting in table.breakers.items()
        }  # once: they make half the cost of a tile
        self._rules = rules_in_force(table)
        return True

    def _wall_s(self, now: float) -> float:
        offset_s = wall_s() - now
        if abs(offset_s - self._offset_s) > DRIFT_S:
            self._offset_s = offset_s
        return now + self._offset_s

    def _tiles(self) -> dict[str, Shape]:
        now = now_s()
        wall, demo = self._wall_s(now), self._suppliers.demo_breaker()
        each_now = sorted(self._breakers.all(), key=lambda breaker: breaker.name)
        self._keys = {each.name: _key(each, now) for each in each_now}
        return {each.name: self._tile(each, now, wall, demo) for each in each_now}

    def _tiles_since(self, last: State) -> Mapping[str, Shape]:
        """The tiles of `last`, made again where the breaker has moved."""
        now = now_s()
        wall, demo = self._wall_s(now), self._suppliers.demo_breaker()
        tiles = dict(last.breakers)
        for each in self._breakers.all():
            key = _key(each, now)
            if self._keys.get(each.name) != key:
                self._keys[each.name] = key
                tiles[each.name] = self._tile(each, now, wall, demo)
        return tiles

    def _tile(self, breaker: Breaker, now: float, wall: float, demo: str | None) -> Shape:
        setting = self._settings.get(breaker.name)
        meter = self._sampler.breakers.get(breaker.name)
        tile = breaker_tile(breaker.view(now, wall), setting, meter)
        tile["demo"] = breaker.name == demo
        return tile

    def _routes(self, last: Mapping[str, Shape]) -> dict[str, Shape]:
        rows = {}
        for name, row in self._rows.items():
            meter = self._sampler.routes.get(name)
            known = last.get(name)
            if known is not None and (meter is None or (meter.rolling.is_empty and not known["rps"])):
                rows[name] = known
            else:
                rows[name] = {**row, **route_traffic(meter)}
        return rows

    def _limits(self) -> dict[str, Shape]:
        meters = self._sampler.rules
        return {
            identity: limit_shape(in_force, meters.get(identity), self._usage(identity))
            for identity, in_force in self._rules.items()
        }

    def _usage(self, identity: str) -> tuple[int, float] | None:
        """None with a shared store: what a replica holds of a bucket says little about the bucket."""
        limiter = self._limiter
        return limiter.usage(identity, now_s()) if isinstance(limiter, MemoryLimiter) else None


def _due_s(breaker: Breaker, now: float) -> float:
    """Seconds until time alone changes what its requests meet; 0 when it does not."""
    machine = breaker.machine
    if machine.override is not None:
        return machine.override.until_s - now
    return machine.wait_s(now)


def _key(breaker: Breaker, now: float) -> tuple[object, ...]:
    """A key that stays equal while only the breaker's traffic changes."""
    machine = breaker.machine
    return (
        machine.generation,
        machine.override,
        machine.consecutive_failures,
        machine.probes_in_flight,
        _due_s(breaker, now) > 0,
        machine.settings,
    )
