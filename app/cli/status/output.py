"""How a state is printed: as text, as JSON on one line, or as YAML."""

from collections.abc import Mapping
from enum import StrEnum

import orjson

from app.schema.yaml_text import yaml_text

__all__ = ["Output", "document_text"]


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
