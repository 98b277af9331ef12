"""Overrides of breakers by hand: they begin and end in time, and each begin and end is an event."""

import asyncio
from collections.abc import Callable

from app.admin.drills import Drills
from app.breaker.registry import Breakers
from app.foundation.clock import now_s, wall_s
from app.policy.model import OverrideState
from app.telemetry.events import Events

__all__ = ["JUST_AFTER_S", "Overrides"]

JUST_AFTER_S = 0.005
"""How long after its time a timer looks, so that it finds the time over."""


class Overrides:
    """The overrides of the admin API and of the monitor's viewers; each sees those of the others."""

    def __init__(self, breakers: Breakers, events: Events, loop: asyncio.AbstractEventLoop) -> None:
        self._breakers = breakers
        self._drills = Drills(breakers, events.publish)
        self._loop = loop
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` when breakers may have moved by an override or by time alone."""
        self._subscribers.append(callback)

    def put(self, name: str, state: OverrideState, for_s: float, by: str, why: str) -> None:
        """Force the state of a known breaker for `for_s` seconds, or end that (AUTO)."""
        self._drills.put(name, state, for_s, by, why, now_s(), wall_s())
        if state is not OverrideState.AUTO:
            self._loop.call_later(for_s + JUST_AFTER_S, self.pass_time)
        self._publish()

    def watch(self) -> None:
        """Notice overrides that began or ended otherwise: a policy's, and those whose time is over."""
        self._drills.watch(now_s())

    def pass_time(self) -> None:
        """Move at once what is due by time alone, instead of with the next second."""
        self._breakers.pass_time(now_s())
        self.watch()
        self._publish()

    def _publish(self) -> None:
        for callback in self._subscribers:
            callback()
