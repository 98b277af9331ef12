"""One timer per connection: each state of each message has its time from when it began."""

import asyncio
from collections.abc import Callable

from app.foundation.serving.bounds import Bounds, HttpState, limit_s

__all__ = ["StateTimer"]


class StateTimer:
    """`on_time_over` is called when the state that is being followed has lasted too long."""

    __slots__ = ("_bounds", "_followed", "_handle", "_loop", "_on_time_over")

    def __init__(
        self, bounds: Bounds, loop: asyncio.AbstractEventLoop, on_time_over: Callable[[], None]
    ) -> None:
        self._bounds = bounds
        self._loop = loop
        self._on_time_over = on_time_over
        self._followed: tuple[HttpState, int] | None = None
        self._handle: asyncio.TimerHandle | None = None

    def follow(self, state: HttpState, messages: int) -> None:
        """The connection is in `state` with its message number `messages`; no news changes no timer."""
        if (state, messages) != self._followed:
            self._followed = (state, messages)
            self.restart()

    def restart(self) -> None:
        """Give the state its whole time again."""
        self.stop()
        if self._followed is None:
            return
        state, messages = self._followed
        wait_s = limit_s(state, self._bounds, had_request=messages > 0)
        if wait_s is not None:
            self._handle = self._loop.call_later(wait_s, self._fire)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        self._on_time_over()
