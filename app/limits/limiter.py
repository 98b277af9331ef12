"""What a limiter promises, whatever it counts in."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from app.limits.rule import Rule

__all__ = ["Admitted", "Limited", "Limiter", "Unanswered", "Verdict", "Waiting"]


class Admitted:
    """One request was taken from every rule. `header`: the value of `RateLimit`, empty without rules.

    Made empty and then filled, which takes 60 ns less than an `__init__`.
    """

    __slots__ = ("header",)

    header: bytes


class Limited:
    """Nothing was taken. `rule`: of those that rejected, the one with the longest wait, `retry_after_s` ≥ 1."""

    __slots__ = ("header", "retry_after_s", "rule")

    def __init__(self, rule: Rule, retry_after_s: int, header: bytes) -> None:
        self.rule = rule
        self.retry_after_s = retry_after_s
        self.header = header


class Unanswered:
    """Nothing was taken: the store is unavailable, and `rule` lets nobody pass meanwhile."""

    __slots__ = ("header", "rule")

    def __init__(self, rule: Rule, header: bytes) -> None:
        self.rule = rule
        self.header = header


Verdict = Admitted | Limited | Unanswered


class Waiting:
    """Not decided yet: the store is being asked. `on_verdict` is called once, by `due_s` at the latest.

    The caller sets `on_verdict` before the loop goes on; it gets the verdict and the time.
    """

    __slots__ = ("due_s", "is_over", "keys", "on_verdict", "rules")

    def __init__(self, rules: Sequence[Rule], keys: Sequence[bytes], due_s: float) -> None:
        self.rules = rules
        self.keys = keys
        self.due_s = due_s
        self.is_over = False
        self.on_verdict: Callable[[Verdict, float], None] = _unheard

    def cancel(self) -> None:
        """Whoever waited is gone; nothing is taken for them. More than once does no harm."""
        self.is_over = True
        self.on_verdict = _unheard


def _unheard(_verdict: Verdict, _now_s: float) -> None:
    """Nobody waits."""


class Limiter(Protocol):
    """Counts requests against rules. Called from one event loop; every call is atomic and never waits.

    Time is `now_s`, monotonic, of one clock for the life of the limiter. An implementation that counts in
    a shared store decides here from what it has leased. Only where nothing is in hand does it return
    `Waiting`, and `Unanswered` where the store is unavailable. It raises nothing on this path.
    """

    __slots__ = ()

    @property
    def clients(self) -> int:
        """Buckets held now, over all rules; bounded by the implementation."""
        ...

    def admit(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> Verdict | Waiting:
        """Take one request from all `rules`, or from none if any of them rejects it.

        `keys[i]` says who shares the bucket of `rules[i]`: the client's name, `bucket_key` of an address or a
        header's value (so that memory stays bounded), any constant for everybody. Rules are
        identified by `identity`; the first use of one with other numbers is an edit, and what was used under
        the old ones stays used. A client that waits `retry_after_s` passes if nobody else used its buckets
        meanwhile; a whole second earlier it does not. O(rules).
        """
        ...

    def keep_only(self, rules: Iterable[Rule], now_s: float) -> None:
        """After a reload: `rules` are all that are in force; edits among them count from now.

        Buckets of any other identity go after their last period, so a rule that returns before finds them.
        """
        ...

    def expire(self, now_s: float) -> None:
        """Forget buckets that hold no usage any more; a bounded piece of work, to be called every second."""
        ...
