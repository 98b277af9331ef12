"""The words of docs/glossary.md, held in identifiers and in the texts that users read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layout import SOURCES, named

# What not to write, and what to write instead.
IN_IDENTIFIERS = {
    "answer": "response, reply",
    "asking": "admission",
    "away": "unavailable",
    "backend": "upstream",
    "blame": "outlier ejection, attribute",
    "debt": "unreported usage",
    "door": "adapter",
    "era": "generation",
    "hangup": "disconnect",
    "intake": "reader",
    "journal": "transitions",
    "owe": "unreported usage",
    "pacing": "throttle",
    "posting": "recorder",
    "refusal": "rejection",
    "refuse": "reject",
    "shelf": "history, entries",
    "tell": "publish, report, notify",
    "told": "published, reported, notified",
    "trial": "attempt",
    "wire": "downstream, connection",
    "wish": "command",
}
IN_TEXTS = {
    "anew": "again",
    "answer": "response, reply",
    "debt": "unreported usage",
    "is none": "is not a …",
    "refuse": "reject",
    "refusal": "rejection",
    "shelf": "history",
    "that is none": "invalid …",
    "whoever": "the caller",
    "wish": "command",
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ENDINGS = ("", "s", "es", "d", "ed", "ing", "r", "rs")
# What others read by machine: fields of the monitor's protocol, names that kopf and ngh2 give, RFC 9113's own, and
# Gateway API's.
ALLOWED = {
    "refused",
    "refusedPerS",
    "refusedShare",
    "posting",
    "GoAwayReceived",
    "REFUSED_STREAM",
    "NO_BACKEND",
}
# The system's own words, and words of a contract.
ALLOWED_TEXTS = re.compile(
    r"connection refused|[Cc]onnection was refused|upstream_refused|ECONNREFUSED", re.IGNORECASE
)


def forms(word: str) -> set[str]:
    """The word with the endings that identifiers give it: refuse → refuses, refused, refusing."""
    stem = word.removesuffix("e")
    return {word + ending for ending in _ENDINGS} | {stem + ending for ending in ("ed", "es", "ing")}


BANNED_FORMS = {form: word for word in IN_IDENTIFIERS for form in forms(word)} | {"told": "told"}
BANNED_TEXT = re.compile(
    r"\b(?:"
    + "|".join(sorted({form for word in IN_TEXTS for form in forms(word)}, key=len, reverse=True))
    + r")\b",
    re.IGNORECASE,
)


def identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg


def texts(tree: ast.AST) -> Iterator[str]:
    """String literals, docstrings aside: what may be shown to a user."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def banned_identifiers(path: Path) -> list[str]:
    found = {
        f"{name}: {word} → {IN_IDENTIFIERS.get(word, '')}"
        for name in identifiers(ast.parse(path.read_text()))
        if name not in ALLOWED
        for part in _WORD.findall(name)
        if (word := BANNED_FORMS.get(part.lower())) is not None
    }
    return sorted(found)


def banned_texts(text: str) -> list[str]:
    if text in ALLOWED:
        return []
    return [found.group() for found in BANNED_TEXT.finditer(ALLOWED_TEXTS.sub("", text))]


@named(SOURCES)
def test_identifiers_use_the_words_of_the_field(path):
    assert banned_identifiers(path) == []


@named(SOURCES)
def test_texts_use_the_words_of_the_field(path):
    found = [(text, words) for text in texts(ast.parse(path.read_text())) if (words := banned_texts(text))]
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the limit refuses it", ["refuses"]),
        ("it begins Anew", ["Anew"]),
        ("Connection refused", []),
        ("the answering machine", ["answering"]),
        ("a port that is nonexistent", []),
    ],
)
def test_banned_words_are_found_in_their_forms(text, found):
    assert banned_texts(text) == found
