"""How messages speak of values and of words that were nearly right."""

from collections.abc import Collection, Mapping, Sequence

__all__ = ["kind_of", "nearest", "show"]


def kind_of(value: object) -> str:
    """What a value is, in words of people who write YAML."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true/false"
        case int():
            return "a number"
        case float():
            return "a number with a fraction"
        case str():
            return "a text"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def show(value: object) -> str:
    """A value in a message: short, on one line. Never for keys, hashes or passwords."""
    if (
        value is None
        or isinstance(value, bool | Mapping)
        or (isinstance(value, Sequence) and not isinstance(value, str))
    ):
        return kind_of(value)
    if isinstance(value, int) and value.bit_length() > 200:
        return "a very large number"
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was most likely meant; None if none is near."""
    plain = {known_word.lower(): known_word for known_word in known}
    folded = word.replace("_", "").replace("-", "").lower()
    if folded in plain:
        return plain[folded]
    if len(word) > 64 or len(known) > 2_000:
        return None
    from difflib import get_close_matches  # only a faulty file pays for it

    near = get_close_matches(word.lower(), plain, n=1, cutoff=0.7)
    return plain[near[0]] if near else None
