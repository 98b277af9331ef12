"""Everything that exists for viewers: the feed and its clock, the breaker test, and their commands."""

import asyncio

from app.admin.demo_scenario import DemoScenario
from app.admin.feed.feed import Feed, Viewer
from app.admin.feed.frames import text_frame
from app.admin.feed.instants import ms
from app.admin.identity import identity_of
from app.admin.json_views import identity_shape
from app.admin.shape import Shape
from app.foundation.clock import now_s, wall_s
from app.foundation.version import VERSION
from app.gateway.monitor.commands import Commands
from app.gateway.monitor.demo_target import DemoTarget
from app.gateway.monitor.lately import Lately
from app.gateway.monitor.overrides import JUST_AFTER_S
from app.gateway.monitor.panels import prompt_panels, suppliers_of_panels
from app.gateway.monitor.sampling import Sampling
from app.gateway.monitor.state import GatewayState, Suppliers
from app.gateway.monitor.watched import Watched
from app.gateway.tasks import Tasks
from app.telemetry.history_sample import WINDOW_S

__all__ = ["Hub"]

SEND_EVERY_S = 0.1
MOST_VIEWERS = 1_000


class Hub:
    """Made with the first viewer; takes what happened before from the logs of transitions and events.

    Implements `admin.feed.viewer_socket.ViewerHub`. `transitions`: how many there were since the start.
    """

    def __init__(
        self,
        watched: Watched,
        sampling: Sampling,
        lately: Lately,
        tasks: Tasks,
        loop: asyncio.AbstractEventLoop,
        started_at_ms: int,
        transitions: int,
    ) -> None:
        self._watched = watched
        self._tasks = tasks
        self._loop = loop
        self._started_at_ms = started_at_ms
        self._identity = identity_shape(identity_of(watched.in_force.settings))
        self._timer: asyncio.TimerHandle | None = None
        self._due: asyncio.TimerHandle | None = None
        self._sent_at_s = 0.0
        in_force, breakers, events = watched.in_force, watched.breakers, watched.events
        target = DemoTarget(in_force, breakers, watched.public, watched.demo_url)
        scenario = DemoScenario(target, self._note, events.publish)
        suppliers = Suppliers(
            self._gateway,
            scenario.shape,
            target.breaker_name,
            suppliers_of_panels(watched, lately),
            prompt_panels(lately),
        )
        self._state = GatewayState(
            in_force, breakers, watched.limiter, watched.connections, sampling, suppliers
        )
        self.feed = Feed(self._state, self._wake)
        self._commands = Commands(in_force, breakers, watched.overrides, scenario, tasks.spawn)
        past = tuple(reversed(breakers.transition_log.latest(transitions)))
        self.feed.recall(past, transitions, events.numbered())
        events.subscribe(lambda event: self.feed.note_event(events.total, event))
        watched.overrides.subscribe(self._note)

    # ViewerHub

    @property
    def why_full(self) -> str | None:
        if len(self.feed.viewers) < MOST_VIEWERS:
            return None
        return f"{MOST_VIEWERS:,} viewers are connected, which is the most; close a page that nobody looks at"

    def join(self, viewer: Viewer) -> None:
        self.feed.join(viewer)

    def leave(self, viewer: Viewer) -> None:
        self.feed.leave(viewer)

    def on_message(self, viewer: Viewer, address: str, text: bytes, *, is_admin: bool) -> None:
        viewer.send(text_frame(self._commands.execute(address, text, is_admin=is_admin)))

    # All viewers

    def disconnect(self) -> None:
        """Close every viewer's connection, because the gateway drains; their pages connect again later."""
        for viewer in tuple(self.feed.viewers):
            viewer.shutdown()

    def beat(self) -> None:
        for viewer in tuple(self.feed.viewers):
            viewer.beat()

    def stop(self) -> None:
        for timer in (self._timer, self._due):
            if timer is not None:
                timer.cancel()

    def _note(self) -> None:
        self.feed.note()

    def _gateway(self) -> Shape:
        watched, counts, in_force = self._watched, self._watched.counts, self._watched.in_force
        applied, has_token = counts.config_last_apply_wall_s, in_force.settings.admin_token is not None
        why = "" if has_token else "ADMIN_TOKEN is not set; start the gateway with one to allow drills"
        ready, _ = watched.readiness.check()
        return {
            "version": VERSION,
            "identity": self._identity,
            "startedAt": self._started_at_ms,
            "ready": ready,
            "draining": in_force.draining,
            "configSequence": in_force.plans.table.sequence,
            "configAppliedAt": ms(applied) if applied is not None else None,
            "configRejected": counts.config_applies["rejected"],
            "storeUp": watched.store_up(),
            "loopLagMs": round(counts.loop_lag_s * 1000, 1),
            "windowS": WINDOW_S,
            "viewers": len(self.feed.viewers),
            "drills": {"available": has_token, "why": why},
        }

    def _wake(self) -> None:
        """Send soon; what happens until then goes with it."""
        if self._timer is None:
            wait_s = max(0.0, self._sent_at_s + SEND_EVERY_S - now_s())
            self._timer = self._loop.call_later(wait_s, self._send)

    def _send(self) -> None:
        self._timer = None
        self._sent_at_s = now_s()
        try:
            self.feed.tick(ms(wall_s()))
        except Exception as bug:  # the top of what a timer runs: viewers wait for the next one
            self._tasks.report(bug)
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        """Half-open comes, and overrides end, by time alone: nothing else would wake us."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        wait_s = self._state.next_change_s(now_s()) if self.feed.viewers else None
        if wait_s is not None:
            self._due = self._loop.call_later(wait_s + JUST_AFTER_S, self._watched.overrides.pass_time)
