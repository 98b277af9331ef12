"""What policies in Shadow mode would have rejected in the last ten minutes, out of counters that only rise. Pure.

The counters are those of the metrics; nothing is counted on a request's way for this.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["PERIOD_S", "Label", "ShadowCounts", "ShadowLately"]

PERIOD_S = 600
_STEP_S = 10
_MS = 1000

Label: TypeAlias = tuple[str, str]
"""A policy in Shadow mode, and what its targetRefs names."""

_Totals: TypeAlias = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class ShadowLately:
    """`counts`: by word, in the last PERIOD_S (or up to ten seconds less).

    `since_ms`: where its settings are younger than that, since when; else None.
    """

    since_ms: int | None
    counts: Mapping[str, int]


class ShadowCounts:
    """Totals of up to 60 instants, ten seconds apart. Totals are by (policy, target, word)."""

    def __init__(self) -> None:
        self._past: deque[tuple[int, _Totals]] = deque(maxlen=PERIOD_S // _STEP_S)
        self._began: dict[Label, tuple[object, int, _Totals]] = {}

    def use(self, settings: Mapping[Label, object], totals: _Totals, now_ms: int) -> None:
        """Those in force now, by label; one whose settings are others begins anew."""
        began = {}
        for label, own in settings.items():
            known = self._began.get(label)
            if known is None or known[0] != own:
                known = (own, now_ms, {key: total for key, total in totals.items() if key[:2] == label})
            began[label] = known
        self._began = began
        if not began:
            self._past.clear()

    def look(self, totals: Callable[[], _Totals], now_ms: int) -> None:
        """To be called every second; asks for `totals`, which it keeps, every ten."""
        if self._began and (not self._past or now_ms >= self._past[-1][0] + _STEP_S * _MS):
            self._past.append((now_ms, totals()))

    def lately(self, totals: _Totals, now_ms: int) -> dict[Label, ShadowLately]:
        """For each one in force."""
        found: dict[Label, dict[str, int]] = {label: {} for label in self._began}
        oldest = self._past[0][1] if self._past else {}
        young_ms = now_ms - (PERIOD_S - _STEP_S) * _MS
        for key, total in totals.items():
            label = key[:2]
            if label not in found:
                continue
            _, since_ms, at_first = self._began[label]
            before = (at_first if since_ms > young_ms else oldest).get(key, 0)
            if total > before:
                found[label][key[2]] = total - before
        return {
            label: ShadowLately(since_ms if since_ms > young_ms else None, found[label])
            for label, (_, since_ms, _) in self._began.items()
        }
