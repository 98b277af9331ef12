"""A CustomResourceDefinition from its schemas: one version, namespaced, with a status subresource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.schema.nodes import Schema

__all__ = ["Column", "ResourceKind", "definition"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `is_wide`: only with `-o wide`."""

    name: str
    type: str
    path: str
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """What clusters call it. `selectable`: paths that a field selector may name."""

    group: str
    version: str
    kind: str
    plural: str
    short_name: str
    category: str
    labels: Mapping[str, str]
    selectable: Sequence[str]


def definition(
    kind: ResourceKind, says: str, columns: Sequence[Column], spec: Schema, status: Schema
) -> Schema:
    """As plain values; the keys stand in the order in which people read them."""
    root = {
        "description": says,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"{kind.group}/{kind.version}.", "type": "string"},
            "kind": {"description": f"{kind.kind}.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
        "additionalPrinterColumns": [_column(column) for column in columns],
        "schema": {"openAPIV3Schema": root},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}", "labels": dict(kind.labels)},
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [kind.short_name],
                "categories": [kind.category],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _column(column: Column) -> Schema:
    priority = {"priority": 1} if column.is_wide else {}
    return {"name": column.name, "type": column.type, "jsonPath": column.path, **priority}
