"""Names, ages and labels of objects, and selectors of labels (meta/v1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.operator.routes.objects.fields import Fields

__all__ = ["LabelSelector", "Metadata", "ObjectKey", "Requirement", "read_metadata", "read_selector"]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ObjectKey(NamedTuple):
    """Which object of a kind; `namespace` is empty for kinds of the whole cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Metadata:
    """`created`: RFC 3339 in UTC, so that older sorts first. `version`: resourceVersion, for equality only.

    `annotations`: without the copy of the whole object that kubectl keeps there.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    version: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.namespace, self.name)

    @property
    def age_order(self) -> tuple[str, str, str]:
        """Older first, then namespace and name: Gateway API's order of precedence among equals.

        One without a time (a manifest in a file) is as old as any.
        """
        return (self.created, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Requirement:
    """An expression of a selector. `operator`: In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """False for an operator that we do not know: nothing is allowed by accident."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":  # an absent label is not in any set
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A label selector; an empty one takes everything."""

    labels: Mapping[str, str]
    requirements: tuple[Requirement, ...]

    def takes(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.labels.items()) and all(
            requirement.holds(labels) for requirement in self.requirements
        )


def read_metadata(top: Fields) -> Metadata:
    """From the `metadata` of an object."""
    fields = top.child("metadata")
    annotations = fields.labels("annotations")
    annotations.pop(_LAST_APPLIED, None)
    return Metadata(
        namespace=fields.text("namespace"),
        name=fields.text("name"),
        uid=fields.text("uid"),
        generation=fields.integer("generation", 1),
        created=fields.text("creationTimestamp"),
        version=fields.text("resourceVersion"),
        labels=fields.labels("labels"),
        annotations=annotations,
    )


def read_selector(fields: Fields) -> LabelSelector:
    requirements = tuple(
        Requirement(one.text("key"), one.text("operator"), one.texts("values"))
        for one in fields.children("matchExpressions")
    )
    return LabelSelector(fields.labels("matchLabels"), requirements)
