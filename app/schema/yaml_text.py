"""Plain values as YAML text in block style, always the same for the same values; long texts are folded."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

__all__ = ["yaml_text"]

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_./][-A-Za-z0-9_./@ ]*(?<! )")
_SPECIAL = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~)|\.(?i:inf|nan)|[-+.0-9].*"
)  # other than texts, for some reader
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:/")


def yaml_text(value: Mapping[str, object]) -> str:
    """Ends with a line end. Takes mappings, lists, texts, numbers, booleans and None."""
    return "".join(line + "\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _item(f"{indent}{_scalar(key)}:", item, indent)


def _item(head: str, item: object, indent: str) -> Iterator[str]:
    """`head` and, behind or below it, `item`."""
    if isinstance(item, Mapping) and item:
        yield head
        yield from _mapping(item, indent + "  ")
    elif isinstance(item, Sequence) and not isinstance(item, str) and item:
        yield head
        for each in item:
            yield from _entry(each, indent + "  ")
    elif isinstance(item, str) and _folds(item):
        yield f"{head} >-"
        for line in wrap(item, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False):
            yield f"{indent}  {line}"
    else:
        yield f"{head} {_scalar(item)}"


def _entry(value: object, indent: str) -> Iterator[str]:
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}- {_scalar(value)}"
        return
    lines = _mapping(value, indent + "  ")
    yield f"{indent}- {next(lines).lstrip(' ')}"
    yield from lines


def _folds(text: str) -> bool:
    """Whether folding at single spaces gives the same text back."""
    return len(text) > _WIDTH // 2 and " ".join(text.split()) == text and text.isprintable()


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _SPECIAL.fullmatch(value):
        return value
    if isinstance(value, str):
        # single quotes keep a pattern's backslashes as they are
        return "'" + value.replace("'", "''") + "'" if value.isprintable() else _escaped(value)
    return json.dumps(value)  # JSON's numbers, words, {} and [] are YAML's


def _escaped(text: str) -> str:
    """Double-quoted (YAML 1.2 §5.7), for what cannot be printed."""
    return '"' + "".join(each if each in _SAFE else f"\\U{ord(each):08x}" for each in text) + '"'
