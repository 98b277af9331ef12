"""Finds variables that are set, known to nobody here, and most likely a misspelling of one that is known. Pure.

An environment is full of names that belong to others (PATH, SSL_CERT_FILE, whatever a cluster injects), so only names
that are almost one of ours count: one edit away, two for long names, and only where that cannot be chance.
"""

from collections.abc import Collection, Iterable

__all__ = ["misspelt"]

_SHORTEST = 8  # APP_KEY is one edit from API_KEY, PATH from PATHS: shorter names meet others by chance
_LONG = 16  # from here on two edits
_SHORTEST_SPELT_ALIKE = 6  # without a difference but in case and underscores: APIKEY


def misspelt(names: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of a name and the known one it probably means, in order of the names."""
    found = []
    for name in sorted(set(names) - set(known)):
        near = min(((_distance(name, one), one) for one in known if _is_near(name, one)), default=None)
        if near is not None:
            found.append((name, near[1]))
    return found


def _is_near(name: str, known: str) -> bool:
    bare, bare_known = name.replace("_", "").upper(), known.replace("_", "").upper()
    if bare == bare_known:
        return len(bare) >= _SHORTEST_SPELT_ALIKE
    shorter = min(len(name), len(known))
    most = 2 if shorter >= _LONG else 1
    if shorter < _SHORTEST or abs(len(name) - len(known)) > most:
        return False
    # Hands slip later in a word; another first letter is another word: SSL_CERT_FILE, TLS_CERT_FILE.
    return name[0] == known[0] and _distance(name, known) <= most


def _distance(one: str, other: str) -> int:
    """Edits between two names: a letter added, left out or replaced, or two neighbours swapped."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, its in enumerate(other, 1):
            edits = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != its))
            swapped = row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its
            now.append(min(edits, before[column - 2] + 1) if swapped else edits)
        before, last = last, now
    return last[-1]
