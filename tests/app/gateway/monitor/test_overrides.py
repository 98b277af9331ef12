import asyncio
from typing import cast

from app.breaker.registry import Breakers
from app.gateway.monitor.overrides import JUST_AFTER_S, Overrides
from app.policy.model import CircuitBreaker, OverrideState
from app.telemetry.events import Events
from tests.fakes.manual_loop import ManualLoop


class Held:
    def __init__(self) -> None:
        self.loop, self.events, self.breakers = ManualLoop(), Events(), Breakers()
        self.breakers.get("orders", CircuitBreaker(3))
        loop = cast(asyncio.AbstractEventLoop, self.loop)
        self.overrides = Overrides(self.breakers, self.events, loop)
        self.published = 0
        self.overrides.subscribe(self._note)

    def _note(self) -> None:
        self.published += 1

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events.recent()]


async def test_one_that_begins_is_an_event_and_a_timer_waits_for_its_end():
    held = Held()
    held.overrides.put("orders", OverrideState.OPEN, 60.0, "Ada", "a rehearsal")
    assert held.kinds == ["override_started"]
    assert held.loop.waiting == [60.0 + JUST_AFTER_S]
    assert held.published == 1


async def test_its_end_by_hand_needs_no_timer():
    held = Held()
    held.overrides.put("orders", OverrideState.OPEN, 60.0, "Ada", "")
    held.overrides.put("orders", OverrideState.AUTO, 0.0, "Bob", "")
    assert held.kinds == ["override_started", "override_ended"]
    assert len(held.loop.waiting) == 1


async def test_its_end_by_time_is_an_event_as_soon_as_the_timer_fires(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("app.gateway.monitor.overrides.now_s", lambda: now[0])
    held = Held()
    held.overrides.put("orders", OverrideState.CLOSED, 60.0, "Ada", "")
    now[0] += 60.0 + JUST_AFTER_S
    held.loop.fire()
    assert held.kinds == ["override_started", "override_ended"]
    assert held.published == 2


async def test_one_that_a_policy_set_is_noticed():
    held = Held()
    breaker = held.breakers.known("orders")
    assert breaker is not None
    breaker.override(OverrideState.OPEN, 1e9, "a policy", 0.0, 0.0)
    held.overrides.watch()
    assert held.kinds == ["override_started"]
    assert held.published == 0
