"""The drawing of the layers in docs/architecture.md, from the contracts that import-linter holds.

What each part does is the first sentence of its docstring.
"""

import ast
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.files import ROOT

__all__ = ["first_sentence", "layers_markdown"]


def layers_markdown() -> str:
    """A drawing and a table for each contract of layers, the outermost first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    return "\n".join(
        _section(container, contract["layers"])
        for contract in contracts
        if contract["type"] == "layers"
        for container in contract["containers"]
    )


def _section(container: str, layers: Sequence[str]) -> str:
    rows = [[name.strip() for name in layer.split("|")] for layer in layers]
    folder = container.replace(".", "/")
    lines = [
        f"### `{folder}`",
        "",
        "```text",
        *_drawing(rows),
        "```",
        "",
        "| part | what it is |",
        "|---|---|",
    ]
    for row in rows:
        lines += [f"| `{folder}/{name}` | {first_sentence(ROOT / folder / name)} |" for name in row]
    return "\n".join([*lines, ""])


def _drawing(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Boxes on top of each other; parts side by side do not know each other."""
    texts = ["  │  ".join(row) for row in rows]
    width = max(map(len, texts)) + 4
    yield f"┌{'─' * width}┐"
    for number, text in enumerate(texts):
        if number:
            yield f"├{'─' * width}┤"
        yield f"│  {text.ljust(width - 2)}│"
    yield f"└{'─' * width}┘"


def first_sentence(path: Path) -> str:
    """Of the docstring of the package or module at `path` (without `.py`), as a table's cell."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    sentence, end, _ = paragraph.partition(". ")
    return (sentence + end.strip()).replace("|", "\\|")
