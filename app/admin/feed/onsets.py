"""Since when what is noticed second by second has been so: a bounded memory, carried from look to look. Pure."""

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

__all__ = ["GRACE_S", "MOST_ONSETS", "Onset", "carried_on"]

GRACE_S = 30.0
"""What comes back within this time had never gone: traffic near a threshold must not restart a problem's clock."""

MOST_ONSETS = 1_000
"""Of more, the ones that began last are forgotten."""

K = TypeVar("K", bound=Hashable)


class Onset(NamedTuple):
    """`since_wall_s`: when it was noticed first; `seen_s`: when last, on the monotonic clock."""

    since_wall_s: float
    seen_s: float


def carried_on(onsets: Mapping[K, Onset], seen: Iterable[K], now_s: float, wall_s: float) -> dict[K, Onset]:
    """The onsets after a look at `now_s` that found `seen`; those unseen for GRACE_S are over."""
    kept = {key: onset for key, onset in onsets.items() if now_s - onset.seen_s <= GRACE_S}
    for key in seen:
        known = kept.get(key)
        if known is not None or len(kept) < MOST_ONSETS:
            kept[key] = Onset(wall_s if known is None else known.since_wall_s, now_s)
    return kept
