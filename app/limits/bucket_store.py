"""The buckets of one rule: O(1) to find, touch, add and evict, the least recently touched first.

An edit of the rule's numbers starts a new *generation* with no buckets. A bucket of an earlier generation is
carried over when its client comes back, as it stood at the instant of each edit in between, so an edit costs
the same with one client and with a million. (Meanwhile both tables are held: up to 90 bytes more per client,
for about one period.)

`OrderedDict` because it evicts from the front in constant time: a plain dict with delete and reinsert
touches 15 % faster, but at 1,000,000 clients each eviction took 12 µs, walking over the holes before the
oldest entry. One `OrderedDict` of that size stopped the process for 0.29 s whenever it was rebuilt, so a rule
with many clients is spread over shards by the (randomised) hash of the key: some 10 ms, and 155 instead of
190 bytes per client. Oldest then means the oldest of the shard whose turn it is.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from app.limits.gcra import Numbers, carry, is_full

__all__ = ["BucketStore"]

MAX_GENERATIONS: Final = 64  # edits of one rule within a period that are kept apart; older usage is forgotten
SHARD_FROM_CLIENTS = 32_768  # rebuilding one table of this size takes some 5 ms
SHARDS = 64  # a power of two


class _Generation:
    """The buckets last touched while `numbers` were in force, from `since_ticks` on."""

    __slots__ = ("hand", "numbers", "shards", "since_ticks", "size")

    def __init__(self, numbers: Numbers, since_ticks: int, shards: int) -> None:
        self.numbers = numbers
        self.since_ticks = since_ticks
        self.shards: list[OrderedDict[bytes, int]] = [OrderedDict() for _ in range(shards)]
        self.hand = 0
        self.size = 0

    def shard_of(self, key: bytes) -> OrderedDict[bytes, int]:
        return self.shards[hash(key) & (len(self.shards) - 1)]

    def add(self, key: bytes, tat: int) -> None:
        self.shard_of(key)[key] = tat
        self.size += 1

    def pop(self, key: bytes) -> int:
        tat = self.shard_of(key).pop(key, 0)
        if tat:
            self.size -= 1
        return tat

    def pop_oldest(self) -> None:
        self._shard_in_turn().popitem(last=False)
        self.size -= 1
        self.hand += 1

    def oldest_tat(self) -> int:
        shard = self._shard_in_turn()
        return shard[next(iter(shard))]

    def next_shard(self) -> None:
        self.hand += 1

    def _shard_in_turn(self) -> OrderedDict[bytes, int]:
        """The shard at the hand or the next that is not empty; the generation has at least one bucket."""
        while True:
            shard = self.shards[self.hand & (len(self.shards) - 1)]
            if shard:
                return shard
            self.hand += 1


class BucketStore:
    """All buckets of one rule identity, under the `numbers` in force.

    `buckets`: those of the generation in force, None once they are spread over shards. `generations`: oldest
    first. `size`: buckets over all generations. `gone_at_ticks`: when the buckets of a removed rule may go.
    """

    __slots__ = ("buckets", "generation", "generations", "gone_at_ticks", "numbers", "size")

    def __init__(self, numbers: Numbers, now_ticks: int) -> None:
        self.size = 0
        self.gone_at_ticks: int | None = None
        self.generations: list[_Generation] = []
        self._begin(numbers, now_ticks, 1)

    def edit(self, numbers: Numbers, now_ticks: int) -> None:
        """`numbers` are in force from now."""
        self._begin(numbers, now_ticks, SHARDS if self.size > SHARD_FROM_CLIENTS else 1)
        if len(self.generations) > MAX_GENERATIONS:
            self.size -= self.generations.pop(0).size

    def shard_of(self, key: bytes) -> OrderedDict[bytes, int]:
        return self.generation.shard_of(key)

    def latest(self, most: int) -> Iterator[int]:
        """The TATs of up to `most` buckets touched last (of each shard, as many as fall to it)."""
        shards = self.generation.shards
        each = -(-most // len(shards))
        for shard in shards:
            for key in islice(reversed(shard), each):
                yield shard[key]

    def move_up(self, key: bytes) -> int:
        """Bring a bucket of an earlier generation into the one in force; its TAT, or 0 if there is none."""
        for index in range(len(self.generations) - 2, -1, -1):
            tat = self.generations[index].pop(key)
            if tat:
                tat = self._carried(index, tat)
                if tat:
                    self.generation.add(key, tat)
                else:
                    self.size -= 1
                return tat
        return 0

    def add(self, key: bytes, tat: int, now_ticks: int) -> None:
        """A new client."""
        if self.buckets is not None and self.generation.size >= SHARD_FROM_CLIENTS:
            self._begin(self.numbers, now_ticks, SHARDS)
        self.generation.add(key, tat)
        self.size += 1

    def pop_oldest(self) -> None:
        """Forget the bucket touched longest ago; there must be one."""
        self._oldest_generation().pop_oldest()
        self.size -= 1

    def pop_oldest_if_full(self, now_ticks: int) -> bool:
        """Forget the oldest bucket if it holds no usage; there must be one."""
        generation = self._oldest_generation()
        is_idle = is_full(self._carried(0, generation.oldest_tat()), now_ticks, self.numbers)
        if is_idle:
            generation.pop_oldest()
            self.size -= 1
        else:
            generation.next_shard()
        return is_idle

    def _begin(self, numbers: Numbers, now_ticks: int, shards: int) -> None:
        self.generation = _Generation(numbers, now_ticks, shards)
        self.generations.append(self.generation)
        self.numbers = numbers
        self.buckets = self.generation.shards[0] if shards == 1 else None

    def _carried(self, index: int, tat: int) -> int:
        """The TAT under today's numbers of a bucket of generation `index`; 0 if it was full at an edit since."""
        generations = self.generations
        while tat and index + 1 < len(generations):
            tat = carry(
                tat,
                generations[index].numbers,
                generations[index + 1].numbers,
                generations[index + 1].since_ticks,
            )
            index += 1
        return tat

    def _oldest_generation(self) -> _Generation:
        while not self.generations[0].size:
            del self.generations[0]
        return self.generations[0]
