"""A request that waits for the breaker's owner: whether it may pass is known there alone."""

from collections.abc import Callable
from typing import TypeAlias

from app.breaker.values import BreakerRejection, NotAdmitted, Permit

__all__ = ["AwaitedPermit", "BreakerVerdict"]

BreakerVerdict: TypeAlias = Permit | BreakerRejection


class AwaitedPermit(NotAdmitted):
    """`on_verdict` is called once, by `due_s` at the latest, with the verdict and the time; who waits sets it first."""

    __slots__ = ("due_s", "is_over", "on_verdict")

    def __init__(self, due_s: float) -> None:
        self.due_s = due_s
        self.is_over = False
        self.on_verdict: Callable[[BreakerVerdict, float], None] = _unheard

    def cancel(self) -> None:
        """Nobody waits any more; a permit that still comes goes back unused. More than once does no harm."""
        self.is_over = True
        self.on_verdict = _unheard


def _unheard(_verdict: BreakerVerdict, _now_s: float) -> None:
    """Nobody waits."""
