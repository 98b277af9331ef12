"""Which override is in force: one set by hand lies on top of one set by a policy, and both end by themselves.

Reading changes nothing; `expire` takes away what is over. All `now_s` are monotonic seconds.
"""

from app.breaker.values import BreakerState, Override

__all__ = ["OverrideStack"]


class OverrideStack:
    """`current` is in force until its time is over; then `below` is, if it lasts longer.

    `changed_at_s`: when the last one began or ended. The breaker's own timer does not run while it is overridden.
    """

    __slots__ = ("below", "changed_at_s", "current")

    def __init__(self) -> None:
        self.current: Override | None = None
        self.below: Override | None = None
        self.changed_at_s = 0.0

    def put(self, override: Override | None, below: Override | None, now_s: float) -> None:
        """Replace both."""
        self.current, self.below, self.changed_at_s = override, below, now_s

    def expire(self, now_s: float) -> Override | None:
        """Take away the current one if its time is over, and return it; None if nothing changed."""
        ended = self.current
        if ended is None or now_s < ended.until_s:
            return None
        self.put(self.after(ended, now_s), None, ended.until_s)
        return ended

    def live(self, now_s: float) -> Override | None:
        """The one that a request at `now_s` would meet; changes nothing."""
        current = self.current
        return current if current is None or now_s < current.until_s else self.after(current, now_s)

    def after(self, ended: Override, now_s: float) -> Override | None:
        """What is in force at `now_s`, after `ended`, whose time is over."""
        below = self.below
        return below if below is not None and below.until_s > max(now_s, ended.until_s) else None

    def effective_state(self, own: BreakerState) -> BreakerState:
        """What requests meet where the breaker itself is in `own`."""
        return own if self.current is None else self.current.state
