"""What one object says of another: references of Gateway API, with its defaults."""

from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields
from app.operator.routes.objects.metadata import ObjectKey

__all__ = [
    "GATEWAY_GROUP",
    "ObjectRef",
    "ParentRef",
    "TargetRef",
    "read_object_ref",
    "read_parent_ref",
    "read_target_ref",
]

GATEWAY_GROUP = "gateway.networking.k8s.io"
"""The API group of Gateway API; `""` is the core group."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """`namespace`: None means that of the object that refers."""

    group: str
    kind: str
    name: str
    namespace: str | None = None

    def key_from(self, namespace: str) -> ObjectKey:
        """The object that is meant by an object in `namespace`."""
        return ObjectKey(self.namespace or namespace, self.name)

    def __str__(self) -> str:
        """As messages name it: `Service shop/orders`, with its group where it is not the core's."""
        kind = f"{self.kind}.{self.group}" if self.group and self.group != GATEWAY_GROUP else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


@dataclass(frozen=True, slots=True)
class ParentRef:
    """Where a route wants to be attached; also names a parent or ancestor in a status, as it was written."""

    group: str
    kind: str
    name: str
    namespace: str | None = None
    section_name: str | None = None
    port: int | None = None

    def key_from(self, namespace: str) -> ObjectKey:
        """The parent that is meant by a route in `namespace`."""
        return ObjectKey(self.namespace or namespace, self.name)


@dataclass(frozen=True, slots=True)
class TargetRef:
    """What a policy of Gateway API is for, in the policy's own namespace (GEP-713)."""

    group: str
    kind: str
    name: str
    section_name: str | None = None


def read_object_ref(fields: Fields, kind: str, group: str = "") -> ObjectRef:
    """`kind` and `group`: what the API takes where the reference does not say."""
    return ObjectRef(
        fields.text("group", group),
        fields.text("kind", kind),
        fields.text("name"),
        fields.optional_text("namespace"),
    )


def read_parent_ref(fields: Fields) -> ParentRef:
    return ParentRef(
        fields.text("group", GATEWAY_GROUP),
        fields.text("kind", "Gateway"),
        fields.text("name"),
        fields.optional_text("namespace"),
        fields.optional_text("sectionName"),
        fields.optional_integer("port"),
    )


def read_target_ref(fields: Fields) -> TargetRef:
    return TargetRef(
        fields.text("group"), fields.text("kind"), fields.text("name"), fields.optional_text("sectionName")
    )
