"""What a limiter promises, whatever it counts in."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from app.limits.rule import Rule

__all__ = ["Admitted", "Limited", "Limiter", "Verdict"]


class Admitted:
    """One request was taken from every rule. `header`: the value of `RateLimit`, empty without rules.

    Made empty and then filled, which takes 60 ns less than an `__init__`.
    """

    __slots__ = ("header",)

    header: bytes


class Limited:
    """Nothing was taken. `rule`: of those that refused the one with the longest wait, `retry_after_s` ≥ 1."""

    __slots__ = ("header", "retry_after_s", "rule")

    def __init__(self, rule: Rule, retry_after_s: int, header: bytes) -> None:
        self.rule = rule
        self.retry_after_s = retry_after_s
        self.header = header


Verdict = Admitted | Limited


class Limiter(Protocol):
    """Counts requests against rules. Called from one event loop; every call is atomic and never waits.

    Time is `now_s`, monotonic, of one clock for the life of the limiter. An implementation that counts in
    a shared store answers here from what it has leased, and widens `Verdict` by values for "a lease is on
    its way" and "the store is down"; it raises nothing on this path.
    """

    @property
    def clients(self) -> int:
        """Buckets held now, over all rules; bounded by the implementation."""
        ...

    def admit(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> Verdict:
        """Take one request from all `rules`, or from none if any of them refuses.

        `keys[i]` says who shares the bucket of `rules[i]`: the client's name, `bucket_key` of an address or a
        header's value (so that memory stays bounded), any constant for everybody. Rules are
        told apart by `identity`; the first use of one with other numbers is an edit, and what was used under
        the old ones stays used. A client that waits `retry_after_s` passes if nobody else used its buckets
        meanwhile; a whole second earlier it does not. O(rules).
        """
        ...

    def keep_only(self, rules: Iterable[Rule], now_s: float) -> None:
        """After a reload: `rules` are all that are in force; edits among them count from now.

        Counters of any other identity go after their last period, so a rule that returns before finds them.
        """
        ...

    def expire(self, now_s: float) -> None:
        """Forget buckets that hold no usage any more; a bounded piece of work, to be called every second."""
        ...
