"""Whether a copy in memory may still be served, from what is known of the changes in Redis. Pure.

Every change in Redis takes the next number of one counter and announces it. A replica follows the
announcements and also asks for the counter every POLL_S. When all numbers up to the counter were heard,
every copy not announced as changed is what Redis had when the counter was asked for: memory is in step. A
number that stays unheard means announcements were lost: copies taken before that are trusted no longer and
are read again when next asked for.

So nothing is served that was changed elsewhere more than BOUND_S ago, whatever happens to announcements.
"""

__all__ = ["BOUND_S", "POLL_S", "Coherence"]

BOUND_S = 0.8  # promised is 1 s; the rest is for the reply's way and the loop's delay
POLL_S = 0.2


class Coherence:
    """One replica's knowledge of the counter; starts trusting nothing."""

    __slots__ = ("_asked", "_heard", "_in_step_s", "_poll_began", "_trusted_from_s", "gaps")

    def __init__(self) -> None:
        self._heard: int | None = None  # every number up to this one was heard or forgiven
        self._asked: tuple[int, float] | None = (
            None  # a counter value not yet heard, and when it was asked for
        )
        self._in_step_s = float("-inf")
        self._trusted_from_s = float("inf")
        self.gaps = 0

    def usable(self, as_of_s: float, now_s: float) -> bool:
        """Whether a copy that was what Redis has at `as_of_s` may be served at `now_s`."""
        if as_of_s >= now_s - BOUND_S:
            return True
        # a copy of the very instant in which a loss was noticed may be older than the change that was lost
        return self._in_step_s >= now_s - BOUND_S and as_of_s > self._trusted_from_s

    def heard(self, number: int, now_s: float) -> None:
        """An announcement arrived; its keys were dropped before this call."""
        if self._heard is None or number <= self._heard:
            return  # before the first poll, or an echo of what a poll already covered
        if number > self._heard + 1:
            self._lost(now_s)
        self._heard = number
        if self._asked is not None and number >= self._asked[0]:
            self._in_step_s = max(self._in_step_s, self._asked[1])
            self._asked = None

    def ask(self, now_s: float) -> None:
        """A poll begins; one at a time."""
        self._poll_began = (now_s, self._heard)

    def polled(self, counter: int, now_s: float) -> None:
        """The poll's reply: the counter was `counter` some time after it began."""
        asked_s, heard_then = self._poll_began
        if self._heard is None or heard_then is None or counter < heard_then:
            # the first poll; or Redis lost changes (failover, flush): no copy of before can be relied on
            self._lost(now_s)
            self._heard = counter
        elif self._asked is not None and self._heard < self._asked[0]:
            # a whole poll interval passed and what the last poll saw is still unheard
            self._lost(now_s)
            self._heard = max(counter, self._heard)
        if counter <= self._heard:  # less: announcements overtook the reply
            self._in_step_s = asked_s
            self._asked = None
        else:
            self._asked = (counter, asked_s)

    def unavailable(self) -> None:
        """Redis is unavailable: nothing is known until the next poll."""
        self._heard = None
        self._asked = None
        self._in_step_s = float("-inf")
        self._trusted_from_s = float("inf")

    def _lost(self, now_s: float) -> None:
        self._trusted_from_s = now_s
        self._asked = None
        self.gaps += 1
