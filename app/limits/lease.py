"""What one gateway does with its part of a shared bucket: how large a lot is, when it is asked for and ends.

The store charges a lot when it hands it out, so nothing that happens here lets the fleet pass more than the
store has given; what is decided here is only how much lies idle, and how often the store is asked. Tokens in
hand are used at once; a lot is what the client needed in the last tenth of a second, and what of it is
unused goes back. Time is `now_s`; the store's time stays in the store.
"""

from dataclasses import dataclass
from math import ceil

from app.limits.gcra import Numbers
from app.limits.limiter import Waiting

__all__ = ["KEEP_S", "LENT_S", "LOOK_S", "Grant", "Lease", "Order"]

LOT_S = 0.1
"""A lot is what was needed in this time."""
LIFE_S = 0.2
"""Unused tokens go back after this: twice what they were meant for."""
LOOK_S = 0.1
"""Between two looks whether it is time for that."""
KEEP_S = 0.5
"""What is known of a client is forgotten this long after the store spoke of it."""
LENT_S = 5.0
"""Tokens that another process took out of the hand may come back for so long; none holds any half as long."""
RECHECK_S = 0.1
"""A rejection relies on a reply of the store at most this old: others may have given back since."""
SPACING_S = 0.02
"""Between two calls for a bucket that was empty, so that a fast one is not asked about for every request."""
SMALL_LOT = 4  # a smaller one is used up before the next could come


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of the store. `need`: requests that wait; `want` ≥ `need`: the whole lot.

    `back`: tokens of `generation` given back. `unreported`: requests that passed while the store was unavailable.
    """

    need: int
    want: int
    back: int = 0
    generation: int = 0
    unreported: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """The store's reply. `left`: whole requests the bucket still holds; `wait_ms`: until it holds one, 0 if
    it does; `generation`: of the tokens; `full_ms`: until nothing is used, these tokens among it."""

    granted: int
    left: int
    wait_ms: int
    generation: int
    full_ms: int


class Lease:
    """One client's tokens here. Taking one is `left -= 1` while `left > low` and `now_s < until_s`.

    `low`: at so few tokens the next lot is asked for. `beyond`: whole requests that the store still held at
    its last reply; `used_units`: what was used then, including these tokens. `is_known`: the store has
    replied. `asked`: a reply is due. `empty_until_s`: the store has no token before; `next_s`: it has the
    next one then. `lent_until_s`: tokens that another process has may come back. `ask_from_s`: it is not
    asked before. `lost_until_s`: its server does not respond. `waiting`: requests that it may decide.
    `seen_s`, `due_s`: last reply, next look.
    """

    __slots__ = (
        "_counted_from_s",
        "_generation",
        "_had",
        "_lot",
        "_of_generation",
        "_spent",
        "ask_from_s",
        "asked",
        "beyond",
        "due_s",
        "empty_until_s",
        "is_known",
        "key",
        "left",
        "lent_until_s",
        "lost_until_s",
        "low",
        "next_s",
        "seen_s",
        "until_s",
        "used_units",
        "waiting",
    )

    def __init__(self, key: bytes, now_s: float) -> None:
        self.key = key
        self.left = self.low = self.beyond = self.used_units = 0
        self.until_s = self.seen_s = now_s
        self.due_s = now_s + LOOK_S
        self.empty_until_s = self.next_s = self.ask_from_s = self.lost_until_s = 0.0
        self.lent_until_s = now_s
        self.asked = self.is_known = False
        self.waiting: list[Waiting] = []
        self._had = self._spent = 0
        self._lot = 0.0
        self._counted_from_s = now_s
        self._generation = self._of_generation = 0

    @property
    def generation(self) -> int:
        """Of the tokens that the store gave last."""
        return self._generation

    def has_tokens(self, now_s: float) -> bool:
        return self.left > 0 and now_s < self.until_s

    def order(self, now_s: float, unreported: int = 0) -> Order:
        """Ask for what the waiting requests need and for the next lot; what is too old goes back."""
        waiting = sum(not each.is_over for each in self.waiting)
        self._count(now_s)
        back = 0
        if self.left and now_s >= self.until_s:
            back = self._give_up()
            if not waiting:  # the client went elsewhere
                self.asked = True
                return Order(0, 0, back, self._generation, unreported)
        target = max(ceil(self._lot), self._spent + waiting)
        self.asked = True
        self.low = 0
        return Order(waiting, max(waiting, target - self.left), back, self._generation, unreported)

    def give_back(self, now_s: float, unreported: int = 0) -> Order:
        """Ask for nothing; whatever is in hand goes back."""
        self._count(now_s)
        self.asked = True
        return Order(0, 0, self._give_up(), self._generation, unreported)

    def take_in(self, grant: Grant, numbers: Numbers, now_s: float) -> None:
        """The store's reply to the last order; `numbers`: of the rule, `requests` ≥ 1."""
        self.asked = False
        self.is_known = True
        self.seen_s = now_s
        self.lost_until_s = 0.0
        if grant.generation != self._generation:
            self._generation = grant.generation
            self._of_generation = 0
        self._of_generation += grant.granted
        self.left += grant.granted
        self._had = self.left
        # tokens from before the bucket was full again count in both
        self.beyond = max(0, min(grant.left, numbers.capacity // numbers.cost - self.left))
        self.used_units = grant.full_ms * numbers.units_per_s // 1000
        if grant.granted:
            self.until_s = now_s + LIFE_S
            self.low = self.left // 4 if self.left >= SMALL_LOT else 0
        if grant.left:
            self.empty_until_s = self.ask_from_s = 0.0
        else:
            self.next_s = now_s + grant.wait_ms / 1000.0
            self.empty_until_s = min(self.next_s, now_s + RECHECK_S)
            self.ask_from_s = now_s + SPACING_S

    def lose(self, now_s: float) -> None:
        """No reply came; whether the order was carried out is unknown, so it counts as carried out."""
        self.asked = False
        self.lost_until_s = now_s + KEEP_S

    def _count(self, now_s: float) -> None:
        """What was used since the last order is the measure of the next lot."""
        self._spent += self._had - self.left
        self._had = self.left
        elapsed_s = now_s - self._counted_from_s
        if elapsed_s >= LOT_S:
            self._lot = self._spent * LOT_S / elapsed_s
            self._spent = 0
            self._counted_from_s = now_s

    def _give_up(self) -> int:
        """All tokens in hand; returns how many of them the store takes back: never more than it gave."""
        back = min(self.left, self._of_generation)
        self.left = self._had = self.low = 0
        self._of_generation -= back  # what is lent may still come back
        return back
