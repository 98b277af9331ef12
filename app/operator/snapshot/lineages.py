"""Which lineages a snapshot replaces, and which claims about them are believed. Pure.

A gateway takes a snapshot of another lineage only if `replaces` lists its own. So a lineage that gateways
serve with must get into the list, and no false claim may push it out; any pod with a gateway's token can make
one.

| lineage | believed |
|---|---|
| once published, as this process or the ConfigMap remembers | always |
| unknown: the ConfigMap was lost, and all memory with it | a pod's first claim, later one that it repeats for 20 s |

So a pod can add one unknown lineage at a time, behind those once published, and loses that place when it
claims another one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass

from app.config.sync.snapshot import MAX_REPLACED

__all__ = [
    "SETTLED_S",
    "Claim",
    "believed",
    "highest",
    "read_lineages",
    "replaced_by",
    "wanted_beside",
    "write_lineages",
]

SETTLED_S = 20.0
MAX_REMEMBERED = 64
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one pod claims to serve with. `is_settled`: its first claim, or repeated for `SETTLED_S`."""

    lineage: str
    sequence: int
    is_settled: bool


def believed(claims: Iterable[Claim], published: Set[str]) -> tuple[str, ...]:
    """The lineages that gateways serve with: those once published first, then those that most pods name."""
    votes = Counter(claim.lineage for claim in claims if claim.is_settled or claim.lineage in published)
    return tuple(sorted(votes, key=lambda lineage: (lineage not in published, -votes[lineage], lineage)))


def highest(claims: Iterable[Claim], lineage: str) -> int:
    """The highest sequence of `lineage` that a pod names; 0 if none does."""
    return max((claim.sequence for claim in claims if claim.lineage == lineage), default=0)


def replaced_by(lineage: str, published: Iterable[str], held: Iterable[str]) -> tuple[str, ...]:
    """What the next snapshot of `lineage` lists in `replaces`, at most `MAX_REPLACED`, oldest first.

    `published`: lineages so far, oldest first. Those in `held` take precedence; a gateway that was disconnected
    with yet another one claims it when it is back.
    """
    wanted = wanted_beside(lineage, held)
    others = [one for one in dict.fromkeys(published) if one != lineage and one not in wanted]
    room = MAX_REPLACED - len(wanted)
    return (*others[max(0, len(others) - room) :], *reversed(wanted))


def wanted_beside(lineage: str, held: Iterable[str]) -> tuple[str, ...]:
    """Those of `held` (see `believed`) that a snapshot of `lineage` must list, as far as there is room."""
    return tuple(one for one in held if one != lineage)[:MAX_REPLACED]


def read_lineages(text: str) -> tuple[str, ...]:
    """Those that the ConfigMap remembers, oldest first; lines that are no lineage are skipped."""
    found = [line for line in text.split("\n") if _UUID.fullmatch(line)]
    return tuple(dict.fromkeys(found))[-MAX_REMEMBERED:]


def write_lineages(published: Iterable[str]) -> str:
    """The inverse of `read_lineages`; where there are too many, the oldest are dropped."""
    return "".join(f"{lineage}\n" for lineage in tuple(dict.fromkeys(published))[-MAX_REMEMBERED:])
