"""Everything that exists for viewers: the feed and its clock, the breaker test, what viewers may ask for."""

import asyncio
from typing import TYPE_CHECKING

from app.admin.demo_scenario import DemoScenario
from app.admin.feed.feed import Feed
from app.admin.feed.instants import ms
from app.admin.json_views import Shape
from app.foundation.clock import now_s, wall_s
from app.foundation.version import VERSION
from app.gateway.monitor.commands import Desk
from app.gateway.monitor.demo_target import DemoTarget
from app.gateway.monitor.state import Asked, GatewayState
from app.telemetry.history_sample import WINDOW_S

if TYPE_CHECKING:
    from app.gateway.monitor.monitor import Monitor

__all__ = ["Viewers"]

TELL_EVERY_S = 0.1
JUST_AFTER_S = 0.005


class Viewers:
    """Made with the first viewer; knows what happened before from the gateway's journals."""

    def __init__(self, monitor: "Monitor") -> None:
        self._monitor = monitor
        self._runtime = monitor.runtime
        self._timer: asyncio.TimerHandle | None = None
        self._due: asyncio.TimerHandle | None = None
        self._told_at_s = 0.0
        ground = DemoTarget(monitor)
        self.test = DemoScenario(ground, lambda: self.feed.note(), monitor.tell)
        asked = Asked(self._gateway, self.test.shape, ground.breaker_name)
        self.state = GatewayState(monitor.runtime, monitor.breakers, monitor.sampling, asked)
        self.feed = Feed(self.state, self._wake)
        self.desk = Desk(monitor, self.feed, self.test)
        events, journal = monitor.events, monitor.breakers.transition_log
        past = tuple(reversed(journal.latest(monitor.moves)))
        self.feed.recall(past, monitor.moves, events.recent(), events.total)
        events.subscribe(lambda event: self.feed.note_event(events.total, event))

    def go_away(self) -> None:
        for viewer in tuple(self.feed.viewers):
            viewer.shutdown()

    def beat(self) -> None:
        for viewer in tuple(self.feed.viewers):
            viewer.beat()

    def stop(self) -> None:
        for timer in (self._timer, self._due):
            if timer is not None:
                timer.cancel()

    def _gateway(self) -> Shape:
        counts, runtime = self._runtime.counts, self._runtime
        applied, has_token = counts.config_last_apply_wall_s, runtime.settings.admin_token is not None
        why = "" if has_token else "ADMIN_TOKEN is not set; start the gateway with one to allow drills"
        return {
            "version": VERSION,
            "startedAt": self._monitor.started_at_ms,
            "ready": self._monitor.ready(),
            "draining": runtime.draining,
            "configSequence": runtime.plans.table.sequence,
            "configAppliedAt": ms(applied) if applied is not None else None,
            "configRejected": counts.config_applies["rejected"],
            "storeUp": counts.store_up() if counts.store_up is not None else None,
            "loopLagMs": round(counts.loop_lag_s * 1000, 1),
            "windowS": WINDOW_S,
            "viewers": len(self.feed.viewers),
            "drills": {"available": has_token, "why": why},
        }

    def _wake(self) -> None:
        """Tell soon; what happens until then is told with it."""
        if self._timer is None:
            wait_s = max(0.0, self._told_at_s + TELL_EVERY_S - now_s())
            self._timer = self._runtime.loop.call_later(wait_s, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._told_at_s = now_s()
        try:
            self.feed.tick(ms(wall_s()))
        except Exception as bug:  # the top of what a timer runs: viewers wait for the next one
            self._runtime.on_internal_error(bug)
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        """Half-open comes, and overrides end, by time alone: nobody else would tell."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        wait_s = self.state.next_change_s(now_s()) if self.feed.viewers else None
        if wait_s is not None:
            self._due = self._runtime.loop.call_later(wait_s + JUST_AFTER_S, self._monitor.pass_time)
