"""Limits counted in this process: bounded, the oldest idle client goes first, an edit keeps what was used."""

from collections.abc import Iterable, Sequence
from typing import Final

from app.limits.bucket_store import BucketStore
from app.limits.gcra import TICKS_PER_S, advance, retry_after_s
from app.limits.limiter import Admitted, Limited, Limiter, Verdict
from app.limits.rule import Rule

__all__ = ["MemoryLimiter"]

EVICTIONS_PER_RECOUNT: Final = 256  # so that finding the fullest of many rules costs nothing per eviction
LOOKED_AT: Final = 32  # buckets that `usage` looks at, so that it costs the same with a million
MOST_EXPIRED_PER_CALL: Final = 2000  # about a millisecond
_SECOND_BITS: Final = 20  # of ticks
_SECOND_MASK: Final = (1 << 20) - 1


class MemoryLimiter(Limiter):
    """A `Limiter` of at most `max_clients` buckets, ≤ 200 bytes each with keys of ≤ 24 bytes.

    At the bound the rule that holds most buckets gives up its oldest idle one, so a flood of new keys on
    one rule does not push out the clients of another. Buckets that hold no usage go before, unnoticed.
    """

    def __init__(self, max_clients: int = 1_000_000) -> None:
        """`max_clients` ≥ 1."""
        self._max_clients = max_clients
        self._clients = 0
        self._stores: dict[str, BucketStore] = {}
        self._fullest: BucketStore | None = None
        self._evictions_until_recount = 0

    @property
    def clients(self) -> int:
        return self._clients

    def admit(self, rules: Sequence[Rule], keys: Sequence[bytes], now_s: float) -> Verdict:
        if len(rules) != 1:
            return self._admit_all(rules, keys, int(now_s * TICKS_PER_S))
        # One rule is the common case: `_admit_all` with `gcra.advance` and `gcra.quota` in one place takes
        # 1.0 µs, a quarter. tests/properties/test_gcra.py holds both ways equal.
        rule = rules[0]
        key = keys[0]
        numbers = rule.numbers
        now_ticks = int(now_s * TICKS_PER_S)
        store = self._stores.get(rule.identity)
        if store is None or store.numbers is not numbers:
            store = self._in_force(rule, now_ticks)
        buckets = store.buckets
        if buckets is None:
            buckets = store.shard_of(key)
        tat = buckets.get(key, 0)
        if not tat and len(store.generations) > 1:
            tat = self._move_up(store, key)
        requests = numbers.requests
        # `now_ticks * requests`, of factors that compiled need no numbers of CPython's: a tenth of 0.6 k instructions
        now = ((now_ticks >> _SECOND_BITS) * requests << _SECOND_BITS) + (now_ticks & _SECOND_MASK) * requests
        cost = numbers.cost
        used = tat - now + cost if tat > now else cost
        free = numbers.capacity - used
        if free < 0:
            return Limited(rule, retry_after_s(-free, numbers), rule.item_of(used - cost))
        if tat:
            buckets[key] = now + used
            buckets.move_to_end(key)
        else:
            self._add(store, key, now + used, now_ticks)
        admitted = Admitted()
        admitted.header = rule.quota_format % (free // cost, -(-used // numbers.units_per_s))
        return admitted

    def _admit_all(self, rules: Sequence[Rule], keys: Sequence[bytes], now_ticks: int) -> Verdict:
        tats, after = [], []
        longest_s, rejecting = 0, None
        for rule, key in zip(rules, keys, strict=True):
            tat = self._tat(rule, key, now_ticks)
            taken = advance(tat, now_ticks, rule.numbers)
            if taken < 0:
                wait_s = retry_after_s(-taken, rule.numbers)
                if wait_s > longest_s:
                    longest_s, rejecting = wait_s, rule
            tats.append(tat)
            after.append(taken)
        if rejecting is not None:
            return Limited(rejecting, longest_s, _header(rules, tats, now_ticks))
        for rule, key, taken in zip(rules, keys, after, strict=True):
            self._put(self._stores[rule.identity], key, taken, now_ticks)
        admitted = Admitted()
        admitted.header = _header(rules, after, now_ticks)
        return admitted

    def quota_item(self, rule: Rule, key: bytes, now_s: float) -> bytes:
        """The item of `RateLimit` for a bucket as it is now; takes nothing."""
        now_ticks = int(now_s * TICKS_PER_S)
        return rule.quota_item(self._tat(rule, key, now_ticks), now_ticks)

    def wait_s(self, rule: Rule, key: bytes, now_s: float) -> int:
        """Whole seconds until a request passes, 0 if it does now; takes nothing."""
        now_ticks = int(now_s * TICKS_PER_S)
        taken = advance(self._tat(rule, key, now_ticks), now_ticks, rule.numbers)
        return retry_after_s(-taken, rule.numbers) if taken < 0 else 0

    def used(self, rule: Rule, key: bytes, now_s: float) -> int:
        """Whole requests used of a bucket, rounded up; `requests` ≥ 1."""
        now_ticks = int(now_s * TICKS_PER_S)
        used_units = self._tat(rule, key, now_ticks) - now_ticks * rule.numbers.requests
        return max(0, -(-used_units // rule.numbers.cost))

    def used_units(self, rule: Rule, key: bytes, now_s: float) -> int:
        """Units used of a bucket now; it may be more than it holds after an edit."""
        now_ticks = int(now_s * TICKS_PER_S)
        return max(0, self._tat(rule, key, now_ticks) - now_ticks * rule.numbers.requests)

    def set_used(self, rule: Rule, key: bytes, used_units: int, now_s: float) -> None:
        """So many units of a bucket are used now, whatever was before."""
        now_ticks = int(now_s * TICKS_PER_S)
        known = self._tat(rule, key, now_ticks)
        if known or used_units:
            self._put(
                self._stores[rule.identity], key, now_ticks * rule.numbers.requests + used_units, now_ticks
            )

    def remember(self, rule: Rule, key: bytes, used_units: int, now_s: float) -> None:
        """What another count says is used of a bucket, at most all of it; replaces what is known here."""
        now_ticks = int(now_s * TICKS_PER_S)
        self._tat(rule, key, now_ticks)
        used_units = min(used_units, rule.numbers.capacity)
        if used_units > 0:
            tat = now_ticks * rule.numbers.requests + used_units
            self._put(self._stores[rule.identity], key, tat, now_ticks)

    def usage(self, identity: str, now_s: float) -> tuple[int, float]:
        """For people: buckets held for that rule, and the share used of the fullest of a few touched last."""
        store = self._stores.get(identity)
        if store is None or not store.numbers.capacity:
            return 0, 0.0
        now = int(now_s * TICKS_PER_S) * store.numbers.requests
        used = max((tat - now for tat in store.latest(LOOKED_AT)), default=0)
        return store.size, min(max(0, used) / store.numbers.capacity, 1.0)

    def keep_only(self, rules: Iterable[Rule], now_s: float) -> None:
        now_ticks = int(now_s * TICKS_PER_S)
        in_force = {rule.identity: rule for rule in rules}
        for identity, store in self._stores.items():
            if identity in in_force:
                store.gone_at_ticks = None
                self._in_force(in_force[identity], now_ticks)
            elif store.gone_at_ticks is None:
                store.gone_at_ticks = now_ticks + store.numbers.drain_ticks

    def drop(self, identities: Iterable[str]) -> None:
        """Forget the buckets of these rules at once: should one return, it begins full."""
        for identity in identities:
            store = self._stores.pop(identity, None)
            if store is not None:
                self._clients -= store.size

    def expire(self, now_s: float) -> None:
        now_ticks = int(now_s * TICKS_PER_S)
        budget = MOST_EXPIRED_PER_CALL
        for identity, store in list(self._stores.items()):
            size = store.size
            is_gone = store.gone_at_ticks is not None and store.gone_at_ticks <= now_ticks
            while budget and size:
                if is_gone:
                    store.pop_oldest()
                elif not store.pop_oldest_if_full(now_ticks):
                    break
                size -= 1
                budget -= 1
                self._clients -= 1
            if is_gone and not size:
                del self._stores[identity]

    def _in_force(self, rule: Rule, now_ticks: int) -> BucketStore:
        """The rule's store under its present numbers: made, or edited."""
        store = self._stores.get(rule.identity)
        if store is None:
            store = self._stores[rule.identity] = BucketStore(rule.numbers, now_ticks)
        elif store.numbers == rule.numbers:
            store.numbers = rule.numbers  # the same numbers compiled again: found by `is` from now on
        else:
            size = store.size
            store.edit(rule.numbers, now_ticks)
            self._clients -= size - store.size
        return store

    def _tat(self, rule: Rule, key: bytes, now_ticks: int) -> int:
        store = self._stores.get(rule.identity)
        if store is None or store.numbers is not rule.numbers:
            store = self._in_force(rule, now_ticks)
        tat = store.shard_of(key).get(key, 0)
        if not tat and len(store.generations) > 1:
            tat = self._move_up(store, key)
        return tat

    def _move_up(self, store: BucketStore, key: bytes) -> int:
        size = store.size
        tat = store.move_up(key)
        self._clients -= size - store.size
        return tat

    def _put(self, store: BucketStore, key: bytes, tat: int, now_ticks: int) -> None:
        buckets = store.shard_of(key)
        if key in buckets:
            buckets[key] = tat
            buckets.move_to_end(key)
        else:
            self._add(store, key, tat, now_ticks)

    def _add(self, store: BucketStore, key: bytes, tat: int, now_ticks: int) -> None:
        """A new bucket; in exchange the rule's oldest goes if it is full, at the bound one in any case."""
        if store.size and store.pop_oldest_if_full(now_ticks):
            self._clients -= 1
        elif self._clients >= self._max_clients:
            self._fullest_for(store).pop_oldest()
            self._clients -= 1
        store.add(key, tat, now_ticks)
        self._clients += 1

    def _fullest_for(self, growing: BucketStore) -> BucketStore:
        """The rule that gives up a bucket: the fullest at the last recount, or `growing` if it is fuller."""
        fullest = self._fullest
        self._evictions_until_recount -= 1
        if fullest is None or not fullest.size or self._evictions_until_recount < 0:
            fullest = max(self._stores.values(), key=_size)
            self._evictions_until_recount = EVICTIONS_PER_RECOUNT
        elif growing.size > fullest.size:
            fullest = growing
        self._fullest = fullest
        return fullest


def _size(store: BucketStore) -> int:
    return store.size


def _header(rules: Sequence[Rule], tats: Sequence[int], now_ticks: int) -> bytes:
    return b", ".join([rule.quota_item(tat, now_ticks) for rule, tat in zip(rules, tats, strict=True)])
