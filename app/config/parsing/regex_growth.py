"""How the time of a regular expression grows with the text: a backtracking matcher tries every way to match.

The expression becomes an automaton of its characters (Glushkov), with the number of ways from one to the
next. Where two ways around a loop take the same text, each turn doubles the work: exponential. Where a text
that one loop takes also leads into a second that takes it, the work is a power of the length: polynomial
(Weber and Seidl 1991; Allauzen, Mohri, Rastogi 2008, §3). A loop behind which nothing can fail is no danger.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from app.config.parsing.regex_tree import Atomic, Choice, Node, OneOf, Row, read_regex

__all__ = ["Growth", "growth_of"]

MANY = 2
"""Ways beyond the first make no difference."""
SHORT_LOOP = 8
"""Turns from which on a bounded repeat counts as a loop where each turn may double the work: 2⁸."""
LONG_LOOP = 256
"""And where the work is a power of the turns: 256² steps take a millisecond."""
MAX_CHARACTERS = 1024
MAX_STEPS = 100_000
"""Of the search, some 0.1 s; an expression that takes more is called unknown."""

_QUANTIFIER = re.compile(r"[*+{]")


class Growth(StrEnum):
    """Of the time with the length of the text; `UNKNOWN`: too complicated to be judged."""

    LINEAR = "linear"
    POLYNOMIAL = "polynomial"
    EXPONENTIAL = "exponential"
    UNKNOWN = "unknown"


@lru_cache(4096)  # a reload asks again for what it asked before
def growth_of(pattern: re.Pattern[str], never: str = "") -> Growth:
    """For matching a whole text that holds none of the characters `never`. Never raises; at most 1 s."""
    quantifiers = len(_QUANTIFIER.findall(pattern.pattern))
    if not quantifiers or (quantifiers == 1 and not set("|?") & set(pattern.pattern)):
        return Growth.LINEAR
    try:
        return _judge(*read_regex(pattern, never))
    except (_TooMuch, RecursionError):
        return Growth.UNKNOWN


def _judge(node: Node, every_char: int) -> Growth:
    growth = Growth.LINEAR
    judged = [(node, True)]  # and then what stands in atomic groups
    for part, to_the_end in judged:
        automaton = _Automaton(part, every_char, SHORT_LOOP, to_the_end)
        if automaton.doubles():
            return Growth.EXPONENTIAL
        if _Automaton(part, every_char, LONG_LOOP, to_the_end).multiplies():
            growth = Growth.POLYNOMIAL
        judged += [(inner, False) for inner in automaton.atomic]
    return growth


class _TooMuch(Exception):
    """The expression is larger than what is worth judging."""


@dataclass(slots=True)
class _Part:
    """`first`, `last`: the characters it may begin and end with; `empty`: ways to match nothing. Each with
    the number of ways, at most MANY."""

    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    empty: int = 0


class _Automaton:
    """States are the expression's characters; `_next[a][b]`: the ways from a to b."""

    def __init__(self, node: Node, every_char: int, loop_turns: int, to_the_end: bool) -> None:
        """`loop_turns`: from how many on a repeat is a loop. `to_the_end`: the whole text must match."""
        self.atomic: list[Node] = []
        self._every_char = every_char
        self._to_the_end = to_the_end
        self._loop_turns = loop_turns
        self._chars: list[int] = []
        self._next: list[dict[int, int]] = []
        self._steps = 0
        whole = self._part(node)
        self._accepting = whole.last
        self._reach = self._closure()
        self._loops = self._find_loops()

    # Building

    def _part(self, node: Node) -> _Part:
        match node:
            case OneOf(chars):
                return self._character(chars)
            case Row(parts):
                row = _Part(empty=1)
                for part in parts:
                    row = self._after(row, self._part(part))
                return row
            case Choice(parts):
                choice = _Part()
                for one in map(self._part, parts):
                    _add(choice.first, one.first)
                    _add(choice.last, one.last)
                    choice.empty = min(MANY, choice.empty + one.empty)
                return choice
            case Atomic(part, is_look):
                self.atomic.append(part)
                return _Part(empty=1) if is_look else self._atomic(part)
        return self._repeat(node.part, node.low, node.high)

    def _character(self, chars: int) -> _Part:
        if len(self._chars) >= MAX_CHARACTERS:
            raise _TooMuch
        at = len(self._chars)
        self._chars.append(chars)
        self._next.append({})
        return _Part({at: 1}, {at: 1})

    def _after(self, one: _Part, two: _Part) -> _Part:
        self._connect(one, two)
        first = dict(one.first)
        _add(first, two.first, one.empty)
        last = dict(two.last)
        _add(last, one.last, two.empty)
        return _Part(first, last, min(MANY, one.empty * two.empty))

    def _connect(self, one: _Part, two: _Part) -> None:
        for state, ways in one.last.items():
            _add(self._next[state], two.first, ways)

    def _atomic(self, part: Node) -> _Part:
        """No way of it is tried once it matched: as one character that may be any it begins with."""
        begun, nested = len(self._chars), len(self.atomic)
        inside = self._part(part)
        first = 0
        for state in inside.first:
            first |= self._chars[state]
        del self._chars[begun:], self._next[begun:], self.atomic[nested:]  # found again with `part`
        atom = self._character(first)
        atom.empty = min(1, inside.empty)
        return atom

    def _repeat(self, part: Node, low: int, high: int) -> _Part:
        begun = len(self._chars)
        once = self._part(part)
        if high - low >= self._loop_turns:
            self._connect(once, once)
        elif low >= self._loop_turns and once.empty:
            self._connect(once, once)
            self._connect(once, once)  # which of so many turns take nothing, is a choice at each
        elif high > 1 and self._is_loop_within(begun):
            once = self._after(once, self._optional(self._part(part), low < 2))
        return self._optional(once, low == 0)

    def _is_loop_within(self, begun: int) -> bool:
        return any(any(to <= state for to in self._next[state]) for state in range(begun, len(self._next)))

    @staticmethod
    def _optional(part: _Part, is_optional: bool) -> _Part:
        return _Part(part.first, part.last, min(MANY, part.empty + is_optional))

    # Judging

    def _closure(self) -> list[int]:
        """For each state the set of those that can come after it, as bits."""
        reach = [sum(1 << to for to in onward) for onward in self._next]
        for over, beyond in enumerate(reach):
            bit = 1 << over
            for state, reached in enumerate(reach):
                if reached & bit:
                    reach[state] = reached | beyond | reach[over]
        return reach

    def _find_loops(self) -> list[frozenset[int]]:
        """The strongly connected states, without those loops that no text can make fail."""
        loops: dict[int, frozenset[int]] = {}
        for state, reached in enumerate(self._reach):
            if reached >> state & 1 and state not in loops:
                loop = frozenset(
                    each
                    for each in range(len(self._reach))
                    if reached >> each & 1 and self._reach[each] >> state & 1
                )
                loops.update(dict.fromkeys(loop, loop))
        return [loop for loop in dict.fromkeys(loops.values()) if not all(map(self._never_fails, loop))]

    def _never_fails(self, state: int) -> bool:
        if not self._to_the_end:
            return state in self._accepting
        return any(map(self._takes_all, (state, *self._next[state])))

    def _takes_all(self, state: int) -> bool:
        return (
            state in self._accepting
            and state in self._next[state]
            and not self._every_char & ~self._chars[state]
        )

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooMuch

    def _pairs(self, one: int, two: int, loop: frozenset[int]) -> Iterator[tuple[int, int]]:
        for a in self._next[one]:
            if a not in loop:
                continue
            for b in self._next[two]:
                self._step()
                if b in loop and self._chars[a] & self._chars[b]:
                    yield (a, b) if a <= b else (b, a)

    def doubles(self) -> bool:
        """Whether one text leads around a loop in two ways."""
        return any(self._doubles(loop) for loop in self._loops)

    def _doubles(self, loop: frozenset[int]) -> bool:
        for state in loop:
            for to, ways in self._next[state].items():
                if to in loop and ways >= MANY and self._chars[to]:
                    return True
        seen = {(state, state) for state in loop}
        waiting = list(seen)
        while waiting:
            pair = waiting.pop()
            for after in self._pairs(*pair, loop):
                if after[0] == after[1] and pair[0] != pair[1]:
                    return True  # parted before, and together again
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return False

    def multiplies(self) -> bool:
        """Whether a text that one loop takes also leads from it into another that takes it."""
        return any(
            self._leads_on(one, two, p, q)
            for one in self._loops
            for two in self._loops
            if one is not two
            for p in one
            for q in two
            if self._reach[p] >> q & 1 and self._chars[p] & self._chars[q]
        )

    def _leads_on(self, one: frozenset[int], two: frozenset[int], p: int, q: int) -> bool:
        """Whether the same text goes from p to p, from p to q, and from q to q."""
        start, goal = (p, p, q), (p, q, q)
        seen = {start}
        waiting = [start]
        while waiting:
            for after in self._triples(waiting.pop(), one, two):
                if after == goal:
                    return True
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return False

    def _triples(
        self, at: tuple[int, int, int], one: frozenset[int], two: frozenset[int]
    ) -> Iterator[tuple[int, int, int]]:
        for a in self._next[at[0]].keys() & one:
            for b in self._next[at[1]]:
                common = self._chars[a] & self._chars[b]
                if not common:
                    continue
                for c in self._next[at[2]].keys() & two:
                    self._step()
                    if common & self._chars[c]:
                        yield a, b, c


def _add(ways: dict[int, int], more: dict[int, int], times: int = 1) -> None:
    if times:
        for state, count in more.items():
            ways[state] = min(MANY, ways.get(state, 0) + count * times)
