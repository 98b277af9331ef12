"""The leases of all shared rules in this process, and which of them are due for a call, a look or a report."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from app.limits.lease import KEEP_S, LOOK_S, Grant, Lease
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule
from app.limits.rule_leases import Call, RuleLeases
from app.policy.model import OnStoreFailure

__all__ = ["LeaseTable"]

MOST_SWEPT_PER_TICK = 500
USAGE_REPORTS_PER_PIPELINE = 32  # they stand behind requests that wait

_LOCAL = OnStoreFailure.LOCAL  # in Python 3.11 naming an enum's member takes 0.1 µs


class LeaseTable:
    """`wake` is called when a call became due. `memory` counts in the store's stead while it is unavailable.

    `groups`: the leases of each rule, by its identity. `up`: the store is available. `replicas`: gateways that
    share, as last seen. `results`: lease calls by result.
    """

    def __init__(self, memory: MemoryLimiter, wake: Callable[[], None]) -> None:
        self.groups: dict[str, RuleLeases] = {}
        self.up = False
        self.replicas = 1
        self.results: dict[str, int] = {}
        self._memory = memory
        self._wake = wake
        self._due: deque[tuple[RuleLeases, Lease]] = deque()
        self._later: list[tuple[RuleLeases, Lease]] = []
        self._idle: deque[tuple[RuleLeases, Lease]] = deque()

    @property
    def clients(self) -> int:
        return sum(len(group.leases) for group in self.groups.values())

    # Rules and their leases

    def group(self, rule: Rule, now_s: float) -> RuleLeases:
        """The rule's leases under its present numbers: made, or edited."""
        group = self.groups.get(rule.identity)
        if group is None:
            group = self.groups[rule.identity] = RuleLeases(rule, now_s)
        elif group.numbers is not rule.numbers:
            if group.numbers == rule.numbers:
                group.renewed(rule)  # the same numbers compiled again: found by `is` from now on
            else:
                self._give_back(group)
                group = self.groups[rule.identity] = group.edited(rule, now_s)
        return group

    def keep_only(self, rules: Mapping[str, Rule], now_s: float) -> None:
        """These rules, by identity, are the present ones; what the others hold goes back."""
        for identity, group in list(self.groups.items()):
            if identity in rules:
                self.group(rules[identity], now_s)
            else:
                self._give_back(group)
                del self.groups[identity]

    def new_lease(self, group: RuleLeases, key: bytes, now_s: float) -> Lease:
        lease = group.leases[key] = Lease(key, now_s)
        self._idle.append((group, lease))
        return lease

    def give_back_all(self) -> None:
        """Before the end: every token in hand goes back."""
        for group in self.groups.values():
            self._give_back(group)

    def _give_back(self, group: RuleLeases) -> None:
        """The rule is edited or gone, or this is the end: its leases are no longer its own."""
        leases, group.leases = group.leases, {}
        for lease in leases.values():
            if lease.left and not lease.asked and self.up:
                lease.asked = True
                self._due.append((group, lease))
        self._wake()

    # Tokens in hand, for another process

    def lend(self, group: RuleLeases, lease: Lease, most: int, now_s: float) -> int:
        """Take at most `most` of the tokens in hand; returns how many."""
        if not lease.has_tokens(now_s):
            return 0
        lent = min(most, lease.left)
        lease.left -= lent
        if lease.left <= lease.low and self.up:
            self.ask(group, lease, now_s)
        return lent

    def put_back(self, lease: Lease, tokens: int, generation: int, now_s: float) -> None:
        """They were lent and not used; those of an earlier generation count as used."""
        if generation == lease.generation:
            lease.left += tokens
            lease.until_s = max(lease.until_s, now_s + LOOK_S)

    # Calls

    def ask(self, group: RuleLeases, lease: Lease, now_s: float) -> None:
        """Soon there is a call for it; O(1)."""
        if lease.asked:
            return
        lease.asked = True
        lease.low = 0
        if now_s < lease.ask_from_s:
            self._later.append((group, lease))
        else:
            self._due.append((group, lease))
        self._wake()

    def next_due(self) -> tuple[RuleLeases, Lease] | None:
        """Take the lease that is next to be called for; None if none is due."""
        return self._due.popleft() if self._due else None

    def call(self, group: RuleLeases, lease: Lease, now_s: float) -> Call | None:
        """The call for a lease that was due; None if nothing is left to be asked, given back or reported."""
        unreported = group.take_unreported(lease.key, self._memory, self.replicas, now_s)
        order = lease.order(now_s, unreported) if group.holds(lease) else lease.give_back(now_s, unreported)
        if order.want or order.back or order.unreported:
            return group.call(lease, order, self.replicas, now_s)
        lease.asked = False
        return None

    def usage_reports(self, now_s: float) -> list[Call]:
        """Calls that report usage of an outage, for some clients that did not come back since."""
        calls: list[Call] = []
        for group in self.groups.values():
            for key in list(islice(group.unreported_usage, USAGE_REPORTS_PER_PIPELINE - len(calls))):
                unreported = group.take_unreported(key, self._memory, self.replicas, now_s)
                if not unreported:
                    continue
                lease = group.leases.get(key) or self.new_lease(group, key, now_s)
                if lease.asked:
                    group.add_unreported(key, unreported)  # its own call is under way; the next one takes it
                else:
                    calls.append(group.call(lease, lease.order(now_s, unreported), self.replicas, now_s))
        return calls

    def on_reply(self, calls: Sequence[Call], grants: Sequence[Grant | None], now_s: float) -> None:
        """The store's replies, None for a call whose server is unavailable."""
        for call, grant in zip(calls, grants, strict=True):
            if grant is None:
                call.on_failure(now_s)
            else:
                call.on_reply(grant, now_s)
            self._count(call, grant)
        for call in calls:
            group, lease = call.group, call.lease
            if lease.left and not group.holds(lease):
                self.ask(group, lease, now_s)

    def on_failure(self, calls: Sequence[Call], now_s: float) -> None:
        """No reply came, for a reason that says nothing of the single servers: each may be asked again at once."""
        for call in calls:
            call.on_failure(now_s)
            call.lease.lost_until_s = 0.0
            self._count(call, None)

    def _count(self, call: Call, grant: Grant | None) -> None:
        if grant is None:
            result = "failed"
        elif grant.granted:
            result = "granted"
        else:
            result = "empty" if call.order.want else "returned"
        self.results[result] = self.results.get(result, 0) + 1

    # The store and time

    def set_down(self) -> None:
        """The store is unavailable; calls that had not left are not made."""
        self.up = False
        for _, lease in (*self._due, *self._later):
            lease.asked = False
        self._due.clear()
        self._later.clear()

    def set_up(self, replicas: int) -> None:
        """The store is available, and so many gateways share it."""
        self.replicas = max(1, replicas)
        self.up = True
        if any(group.unreported_usage for group in self.groups.values()):
            self._wake()

    def make_later_due(self) -> None:
        """What had to keep its distance from the last call may be asked now."""
        later, self._later = self._later, []
        self._due += later
        if later:
            self._wake()

    def sweep(self, now_s: float) -> bool:
        """Look at leases that are due for it; True while something is left to be done by time."""
        for _ in range(MOST_SWEPT_PER_TICK):
            if not self._idle or self._idle[0][1].due_s > now_s:
                break
            self._look_at(*self._idle.popleft(), now_s)
        return bool(self._idle or self._later)

    def _look_at(self, group: RuleLeases, lease: Lease, now_s: float) -> None:
        """What is unused goes back, what is idle is forgotten."""
        if not group.holds(lease):
            return
        lease.waiting = [each for each in lease.waiting if not each.is_over]
        if lease.left and now_s >= lease.until_s and self.up:
            self.ask(group, lease, now_s)
        if (
            lease.asked
            or lease.waiting
            or now_s < max(lease.seen_s + KEEP_S, lease.until_s, lease.lent_until_s)
        ):
            lease.due_s = now_s + LOOK_S
            self._idle.append((group, lease))
            return
        if group.rule.on_store_failure is _LOCAL:
            group.remember_in(self._memory, lease, self.replicas, now_s)
        del group.leases[lease.key]
