"""What changed of a snapshot's tables since the one that a gateway holds: of thousands of routes an edit changes one.

    {"of": hash of the snapshot held, "tables": {"routes": [[0, 146], {...}, [147, 2853]], ...}}

Each list of the tables is said in runs: `[first, count]` takes over items of the same list that is held, a mapping is
a new item. A list that is not named is gone. The snapshot's hash is of the whole, so a delta that was put together
wrongly is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import is_not
from typing import Final, TypeAlias

from app.foundation.errors import BadValue, ConfigFaults
from app.schema.wording import kind_of, show

__all__ = ["DeltaFaults", "tables_delta", "tables_of"]

MOST_ITEMS: Final = 1 << 20
"""Of one list, however often a run is said."""

Tables: TypeAlias = Mapping[str, object]
_ANEW: Final = "fetch the whole snapshot"


class DeltaFaults(ConfigFaults):
    """What came was a delta and made no snapshot: the whole one may be good all the same."""


def tables_delta(held: Tables, now: Tables) -> dict[str, object] | None:
    """`now` in runs of `held`; None where more than half of its items are others, or something in it is no list.

    Items count as the same where they are the same object: whoever makes tables keeps what did not change.
    """
    said: dict[str, object] = {}
    items = new = 0
    for key, listed in now.items():
        before = held.get(key, ())
        if not isinstance(listed, list) or not isinstance(before, list | tuple):
            return None
        said[key] = runs = _runs(before, listed)
        items += len(listed)
        new += sum(isinstance(one, dict) for one in runs)
    return said if 2 * new <= items else None


def _runs(held: Sequence[object], now: Sequence[object]) -> list[object]:
    """Items are looked at one by one only between those that both begin with and those that both end with."""
    most = min(len(held), len(now))
    first = _same(held, now, most)
    last = _same(reversed(held), reversed(now), most - first)
    places = {id(item): place for place, item in enumerate(held[first : len(held) - last], first)}
    runs: list[object] = [[0, first]] if first else []
    run: list[int] = []
    for item in now[first : len(now) - last]:
        place = places.get(id(item))
        if place is None:
            runs.append(item)
            run = []
        elif run and run[0] + run[1] == place:
            run[1] += 1
        else:
            run = [place, 1]
            runs.append(run)
    return [*runs, [len(held) - last, last]] if last else runs


def _same(held: Iterable[object], now: Iterable[object], most: int) -> int:
    """How many of both are the same objects until the first that is not."""
    return next(compress(range(most), map(is_not, held, now)), most)


def tables_of(delta: object, held: Tables, held_hash: str) -> dict[str, object]:
    """The tables that `delta` says, of which what did not change is the same object as in `held`. Raises BadValue.

    Those of a gateway have their items as bytes (`table_items`); what is new is as it was decoded.
    """
    if not isinstance(delta, dict):
        raise BadValue(f"is {kind_of(delta)}, not a mapping", _ANEW)
    if delta.get("of") != held_hash:
        raise BadValue("is of another snapshot than the one held", _ANEW)
    said = delta.get("tables")
    if not isinstance(said, dict):
        raise BadValue("has no tables", _ANEW)
    return {key: _items(key, runs, held.get(key, ())) for key, runs in said.items()}


def _items(key: str, runs: object, held: object) -> list[object]:
    if not isinstance(runs, list) or not isinstance(held, list | tuple):
        raise BadValue(f"has {key} that are no list", _ANEW)
    items: list[object] = []
    for run in runs:
        if isinstance(run, dict):
            items.append(run)
            continue
        first, count = _run(key, run)
        if first + count > len(held) or len(items) + count > MOST_ITEMS:
            raise BadValue(f"has {key} that are not held: {show(run)}", _ANEW)
        items.extend(held[first : first + count])
    return items


def _run(key: str, run: object) -> tuple[int, int]:
    if isinstance(run, list) and len(run) == 2:
        first, count = run
        if type(first) is int and type(count) is int and first >= 0 and count > 0:
            return first, count
    raise BadValue(f"has {key} with {show(run)}", _ANEW)
