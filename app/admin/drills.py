"""Overrides of breakers, watched from start to end: each is an event and a log line, no matter who set it."""

import logging
from collections.abc import Callable

from app.breaker.registry import Breakers
from app.breaker.values import Override
from app.policy.model import OverrideState

__all__ = ["Drills"]

LOG = logging.getLogger("tidegate.drill")


class Drills:
    """`publish(kind, breaker, detail)` takes each event; `override_started` or `override_ended`."""

    __slots__ = ("_breakers", "_end_detail", "_known", "_publish")

    def __init__(self, breakers: Breakers, publish: Callable[[str, str, str], None]) -> None:
        self._breakers = breakers
        self._publish = publish
        self._known: dict[str, Override] = {}
        self._end_detail = ""

    def put(
        self, name: str, state: OverrideState, for_s: float, by: str, why: str, now_s: float, wall_s: float
    ) -> None:
        """Hold a known breaker in `state` for `for_s` seconds, or end that (AUTO), in the name of `by`."""
        breaker = self._breakers.known(name)
        if breaker is None:
            return
        self._end_detail = f"ended by {by}" if state is OverrideState.AUTO else f"replaced by {by}"
        breaker.override(state, for_s, by, now_s, wall_s, why)
        self.watch(now_s)
        self._end_detail = ""

    def watch(self, now_s: float) -> None:
        """Report overrides that began or ended since the last call, whether a caller, a policy or time did it."""
        in_force: dict[str, Override] = {}
        for breaker in self._breakers.all():
            override = breaker.machine.override
            if override is not None and now_s < override.until_s:
                in_force[breaker.name] = override
        for name, known in self._known.items():
            if in_force.get(name) is not known:
                over = now_s >= known.until_s
                self._report(
                    "override_ended", name, "its time is over" if over else self._end_detail or "ended"
                )
        for name, override in in_force.items():
            if self._known.get(name) is not override:
                self._report("override_started", name, _described(override, now_s))
        self._known = in_force

    def _report(self, kind: str, name: str, detail: str) -> None:
        LOG.warning("breaker %s: %s (%s)", name, kind.replace("_", " "), detail)
        self._publish(kind, name, detail)


def _described(override: Override, now_s: float) -> str:
    why = f": {override.why}" if override.why else ""
    return f"{override.state.value} for {override.until_s - now_s:.0f} s by {override.by}{why}"
