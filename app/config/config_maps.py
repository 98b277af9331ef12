"""Gateway configurations inside ConfigMaps, such as that of the chart. Pure."""

from app.schema.document import Document
from app.schema.faults import Path

__all__ = ["CONFIG_KEY", "config_lines", "config_in"]

CONFIG_KEY = "tidegate.yaml"
"""The file's name in the chart's ConfigMap; other keys of a ConfigMap may be anything."""


def config_in(manifest: object) -> str | None:
    """The text of the configuration that a manifest holds; None: it is no ConfigMap with one."""
    if not isinstance(manifest, dict):
        return None
    data = manifest.get("data")
    if (manifest.get("apiVersion"), manifest.get("kind")) != ("v1", "ConfigMap") or not isinstance(
        data, dict
    ):
        return None
    text = data.get(CONFIG_KEY)
    return text if isinstance(text, str) else None


def config_lines(document: Document, path: Path, text: str) -> str:
    """`text`, which stands in `document` at `path`, after so many empty lines that its lines count as the file's.

    A block (`|`) begins below its key; what stands beside its key keeps that line.
    """
    line = document.line_of((*path, "data", CONFIG_KEY))
    lines = document.text.split("\n")
    first = text.split("\n", 1)[0].strip()
    is_block = line < len(lines) and lines[line].strip() == first and lines[line - 1].rstrip()[-1:] in "|+-"
    return "\n" * (line if is_block else line - 1) + text
