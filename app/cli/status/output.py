"""How a state is printed: as text fitted to the terminal, as JSON on one line, or as YAML."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from shutil import get_terminal_size

import orjson

from app.cli.status.layout import narrowed
from app.cli.tables import Section, plain_text
from app.schema.yaml_text import yaml_text

__all__ = ["Output", "document_text", "sections_text"]


class Output(StrEnum):
    """`table` fits the terminal; `wide` leaves nothing out and cuts nothing."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"

    @property
    def is_document(self) -> bool:
        """Whether it is for programs."""
        return self in (Output.JSON, Output.YAML)


def document_text(document: Mapping[str, object], output: Output) -> str:
    """`document` (of JSON) as JSON on a line, or as YAML."""
    if output is Output.YAML:
        return yaml_text(document)
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE).decode()


def sections_text(shown: Sequence[Section], output: Output) -> str:
    """As tables. `TABLE` fits them to the terminal that is written to; in a pipe, and `WIDE`, nothing is cut."""
    is_narrow = output is Output.TABLE and sys.stdout.isatty()
    return plain_text(narrowed(shown, get_terminal_size().columns) if is_narrow else shown)
