"""Limits counted in a store that several gateways share, decided from leases in hand.

Nothing here waits: `admit` decides at once or returns a `Waiting`. `lease_table.py` holds the leases and knows which
are due; `lease_client.py` does the I/O: it sends `next_calls`, hands the replies to `on_reply` or `on_failure`, and
calls `tick` for what ends by time. Rules of scope Local, and those that count here while the store is unavailable,
are in `memory`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from app.limits.lease import Grant, Lease
from app.limits.lease_table import LeaseTable
from app.limits.limiter import Admitted, Limited, Limiter, Unanswered, Verdict, Waiting
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule
from app.limits.rule_leases import Call, RuleLeases, wait_s
from app.policy.model import OnStoreFailure, Scope

__all__ = ["SharedLimiter"]

OWN_STORE_WAIT_S = 2.0
WAIT_S = 0.18  # with a tick more it stays below the 0.2 s that a request may wait in all

# In Python 3.11 naming an enum's member takes 0.1 µs
_LOCAL, _CLOSED, _IN_PROCESS = OnStoreFailure.LOCAL, OnStoreFailure.CLOSED, Scope.LOCAL

Lacking = list[tuple[RuleLeases, Lease]]


class SharedLimiter(Limiter):
    """A `Limiter`; `wake` is called when there is something for `next_calls` or `tick`."""

    def __init__(
        self, wake: Callable[[], None], max_clients: int = 1_000_000, *, is_own_store: bool = False
    ) -> None:
        """`is_own_store`: the store is the gateway's own: rules of scope Local are counted there as well, and while it
        is slow so is the gateway, so requests wait for it."""
        self._counted_here = None if is_own_store else _IN_PROCESS
        self._wait_s = OWN_STORE_WAIT_S if is_own_store else WAIT_S
        self.memory = MemoryLimiter(max_clients)
        self._leases = LeaseTable(self.memory, wake)
        self._groups = self._leases.groups  # the same dict, one attribute nearer to `admit`
        self._waiting: deque[Waiting] = deque()

    @property
    def leases(self) -> LeaseTable:
        """What is in hand."""
        return self._leases

    @property
    def up(self) -> bool:
        """The store is available."""
        return self._leases.up

    @property
    def replicas(self) -> int:
        """Gateways that share the store, as last seen."""
        return self._leases.replicas

    @property
    def results(self) -> dict[str, int]:
        """Lease calls by result."""
        return self._leases.results

    @property
    def clients(self) -> int:
        return self.memory.clients + self._leases.clients

    def admit(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> Verdict | Waiting:
        if len(rules) == 1:
            # One rule with tokens in hand is the common case: as fast as counting in memory.
            rule = rules[0]
            group = self._groups.get(rule.identity)
            if group is None:
                if not self._is_shared(rule):
                    return self.memory.admit(rules, keys, now_s)
            elif group.numbers is rule.numbers:
                lease = group.leases.get(keys[0])
                if lease is not None and lease.left > lease.low and now_s < lease.until_s:
                    left = lease.left = lease.left - 1
                    numbers = group.numbers
                    used = lease.used_units - left * numbers.cost  # as group.item(lease), 0.3 µs less
                    full_s = -(-used // numbers.units_per_s) if used > 0 else 0
                    admitted = Admitted()
                    admitted.header = rule.quota_format % (left + lease.beyond, full_s)
                    return admitted
        outcome = self._decide(rules, keys, now_s)
        if not isinstance(outcome, list):
            return outcome
        waiting = Waiting(rules, keys, now_s + self._wait_s)
        self._waiting.append(waiting)
        self._wait_on(waiting, outcome, now_s)
        return waiting

    def keep_only(self, rules: Iterable[Rule], now_s: float) -> None:
        here, shared = [], {}
        for rule in rules:
            if self._is_shared(rule):
                shared[rule.identity] = rule
            else:
                here.append(rule)
        self._leases.keep_only(shared, now_s)
        standing_in = [rule for rule in shared.values() if rule.on_store_failure is _LOCAL]
        here += [self._leases.group(rule, now_s).own(self._leases.replicas) for rule in standing_in]
        self.memory.keep_only(here, now_s)

    def expire(self, now_s: float) -> None:
        self.memory.expire(now_s)

    # For the lease client

    def next_calls(self, most: int, now_s: float) -> list[Call]:
        """At most `most` calls to send together; if none is due, usage of an outage that is still unreported."""
        calls: list[Call] = []
        while len(calls) < most and (due := self._leases.next_due()) is not None:
            group, lease = due
            call = self._leases.call(group, lease, now_s)
            if call is not None:
                calls.append(call)
            if not group.holds(lease):  # who waited for it asks the rule's present leases
                for waiting in lease.waiting:
                    self._resolve(waiting, now_s)
        if not calls and self._leases.up:
            calls = self._leases.usage_reports(now_s)
        return calls

    def on_reply(self, calls: Sequence[Call], grants: Sequence[Grant | None], now_s: float) -> None:
        """The store's replies, None for a call whose server is unavailable; decides the requests that wait for them."""
        self._leases.on_reply(calls, grants, now_s)
        for call in calls:
            waiters, call.lease.waiting = call.lease.waiting, []
            for waiting in waiters:
                self._resolve(waiting, now_s)

    def on_failure(self, calls: Sequence[Call], now_s: float) -> None:
        """The store did not respond: as `set_down`. The heartbeat notices when it is back."""
        self._leases.on_failure(calls, now_s)
        self.set_down(now_s)

    def retry(self, calls: Sequence[Call], now_s: float) -> None:
        """This process was late, not the store: ask again for the requests that wait."""
        self._leases.on_failure(calls, now_s)
        for call in calls:
            if any(not each.is_over for each in call.lease.waiting):
                self._leases.ask(call.group, call.lease, now_s)

    def set_down(self, now_s: float) -> None:
        """The store is unavailable; the rules' `onStoreFailure` decides the requests that wait."""
        self._leases.set_down()
        waiters, self._waiting = self._waiting, deque()
        for waiting in waiters:
            self._resolve(waiting, now_s)

    def set_up(self, replicas: int) -> None:
        """The store is available, and so many gateways share it."""
        self._leases.set_up(replicas)

    def give_back_all(self) -> None:
        """Before the end: every token in hand goes back."""
        self._leases.give_back_all()

    def tick(self, now_s: float, was_late: bool = False) -> bool:
        """To be called every 20 ms after `wake`, until it says False: nothing is left to be done by time.

        `was_late`: this process stood still, and replies may be unread: no wait ends before the next tick.
        """
        self._leases.make_later_due()
        due_s = 0.0 if was_late else now_s
        while self._waiting and (self._waiting[0].is_over or self._waiting[0].due_s <= due_s):
            self._resolve(self._waiting.popleft(), now_s, alone=True)
        is_work_left = self._leases.sweep(now_s)
        return is_work_left or bool(self._waiting)

    # Decisions

    def _decide(
        self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float, alone: bool = False
    ) -> Verdict | Lacking:
        """A verdict, or the leases that must be asked for first; `alone`: as if the store were unavailable."""
        look = _Look()
        longest_s, rejecting = 0, None
        for rule, key in zip(rules, keys, strict=True):
            wait = self._look(look, rule, key, now_s, alone)
            if wait > longest_s:
                longest_s, rejecting = wait, rule
        if rejecting is not None:
            return Limited(rejecting, longest_s, self._header(rules, keys, now_s, alone))
        if look.unanswered is not None:
            return Unanswered(look.unanswered, self._header(rules, keys, now_s, alone))
        if look.lacking:
            return look.lacking
        for group, lease in look.taking:
            lease.left -= 1
            if lease.low and lease.left <= lease.low and self._leases.up:
                self._leases.ask(group, lease, now_s)
        self.memory.admit(look.here, look.here_keys, now_s)
        for group, key in look.standing_in:
            group.add_unreported(key, 1)
        admitted = Admitted()
        admitted.header = self._header(rules, keys, now_s, alone)
        return admitted

    def _look(self, look: "_Look", rule: Rule, key: bytes, now_s: float, alone: bool) -> int:
        """Sort one rule in; seconds to wait where it rejects, else 0."""
        if not self._is_shared(rule):
            look.here.append(rule)
            look.here_keys.append(key)
            return self.memory.wait_s(rule, key, now_s)
        group = self._leases.group(rule, now_s)
        lease = group.leases.get(key)
        if lease is not None and lease.has_tokens(now_s):
            look.taking.append((group, lease))
        elif self._is_unavailable(lease, now_s, alone):
            if rule.on_store_failure is _CLOSED:
                look.unanswered = look.unanswered or rule
            elif rule.on_store_failure is _LOCAL:
                own = group.own(self._leases.replicas)
                if lease is not None:
                    group.remember_in(self.memory, lease, self._leases.replicas, now_s)
                look.here.append(own)
                look.here_keys.append(key)
                look.standing_in.append((group, key))
                return self.memory.wait_s(own, key, now_s)
        elif lease is not None and now_s < lease.empty_until_s:
            return wait_s(lease, now_s)
        else:
            look.lacking.append((group, lease or self._leases.new_lease(group, key, now_s)))
        return 0

    def _is_shared(self, rule: Rule) -> bool:
        """A limit of 0 requests needs no store to reject."""
        return rule.scope is not self._counted_here and rule.numbers.requests > 0

    def _is_unavailable(self, lease: Lease | None, now_s: float, alone: bool) -> bool:
        return alone or not self._leases.up or (lease is not None and now_s < lease.lost_until_s)

    def _header(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float, alone: bool) -> bytes:
        return b", ".join(
            [self._item(rule, key, now_s, alone) for rule, key in zip(rules, keys, strict=True)]
        )

    def _item(self, rule: Rule, key: bytes, now_s: float, alone: bool) -> bytes:
        """What is known of a limit; one of which nothing is known yet is shown as unused."""
        if not self._is_shared(rule):
            return self.memory.quota_item(rule, key, now_s)
        group = self._leases.group(rule, now_s)
        lease = group.leases.get(key)
        if lease is not None and lease.is_known:
            return group.item(lease)
        if rule.on_store_failure is _LOCAL and self._is_unavailable(lease, now_s, alone):
            return self.memory.quota_item(group.own(self._leases.replicas), key, now_s)
        return rule.quota_format % (group.burst, 0)

    def _wait_on(self, waiting: Waiting, lacking: Lacking, now_s: float) -> None:
        for group, lease in lacking:
            if waiting not in lease.waiting:
                lease.waiting.append(waiting)
            self._leases.ask(group, lease, now_s)

    def _resolve(self, waiting: Waiting, now_s: float, alone: bool = False) -> None:
        """Decide a request that waits, or let it wait for the leases that are still missing."""
        if waiting.is_over:
            return
        # a reload may have come meanwhile, and must not be undone by who came before
        waiting.rules = [self._current(rule) for rule in waiting.rules]
        outcome = self._decide(waiting.rules, waiting.keys, now_s, alone)
        if isinstance(outcome, list):
            self._wait_on(waiting, outcome, now_s)
            return
        on_verdict = waiting.on_verdict
        waiting.cancel()
        on_verdict(outcome, now_s)

    def _current(self, rule: Rule) -> Rule:
        group = self._groups.get(rule.identity)
        return group.rule if group is not None else rule


class _Look:
    """What one request meets: leases with tokens, leases without, rules that are counted here."""

    __slots__ = ("here", "here_keys", "lacking", "standing_in", "taking", "unanswered")

    def __init__(self) -> None:
        self.taking: Lacking = []
        self.lacking: Lacking = []
        self.here: list[Rule] = []
        self.here_keys: list[bytes] = []
        self.standing_in: list[tuple[RuleLeases, bytes]] = []
        self.unanswered: Rule | None = None
