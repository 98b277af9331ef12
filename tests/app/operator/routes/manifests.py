"""Objects of the cluster as these tests write them: YAML, with what every object has filled in."""

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import yaml

from app.operator.routes.world import read_object

__all__ = ["objects", "value"]


def objects(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(dedent(text)) if one]


def value(kind: str, spec: str = "", metadata: Mapping[str, Any] | None = None, top: str = "") -> Any:
    """The value of `shop/web` of a kind with this `spec`; `top`: what stands beside the spec."""
    body = {
        "metadata": {"namespace": "shop", "name": "web", **(metadata or {})},
        **(yaml.safe_load(top) or {}),
        **({"spec": yaml.safe_load(spec)} if spec else {}),
    }
    return read_object(kind, body)
