"""ReferenceGrant and BackendTLSPolicy (gateway.networking.k8s.io)."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.metadata import Metadata, read_metadata
from app.operator.routes.objects.references import (
    ObjectRef,
    TargetRef,
    read_object_ref,
    read_target_ref,
)

__all__ = [
    "AltName",
    "GrantFrom",
    "GrantTo",
    "ReferenceGrant",
    "TlsPolicy",
    "read_reference_grant",
    "read_tls_policy",
]


@dataclass(frozen=True, slots=True)
class GrantFrom:
    group: str
    kind: str
    namespace: str


@dataclass(frozen=True, slots=True)
class GrantTo:
    """`name`: None for every object of the kind in the grant's namespace."""

    group: str
    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class ReferenceGrant:
    """Lets objects of `origins` refer to `targets` in its own namespace (GEP-709)."""

    meta: Metadata
    origins: tuple[GrantFrom, ...]
    targets: tuple[GrantTo, ...]


@dataclass(frozen=True, slots=True)
class AltName:
    """A subject alternative name. `type`: Hostname or URI."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """A BackendTLSPolicy: `targets` speak TLS and must prove to be `hostname`, or one of `alt_names` where given.

    `well_known`: `System` trusts the certificates of the gateway's own system instead of `ca_refs`.
    """

    meta: Metadata
    targets: tuple[TargetRef, ...]
    hostname: str
    ca_refs: tuple[ObjectRef, ...]
    well_known: str | None
    alt_names: tuple[AltName, ...]
    options: Mapping[str, str]
    unknown: tuple[str, ...]


def read_reference_grant(top: Fields, reading: Reading) -> ReferenceGrant:
    spec = top.child("spec")
    return ReferenceGrant(
        meta=read_metadata(top),
        origins=tuple(
            GrantFrom(one.text("group"), one.text("kind"), one.text("namespace"))
            for one in spec.children("from")
        ),
        targets=tuple(
            GrantTo(one.text("group"), one.text("kind"), one.text("name") or None)
            for one in spec.children("to")
        ),
    )


def read_tls_policy(top: Fields, reading: Reading) -> TlsPolicy:
    meta, spec = read_metadata(top), top.child("spec")
    validation = spec.child("validation")
    return TlsPolicy(
        meta=meta,
        targets=tuple(read_target_ref(one) for one in spec.children("targetRefs")),
        hostname=validation.text("hostname"),
        ca_refs=tuple(read_object_ref(one, "ConfigMap") for one in validation.children("caCertificateRefs")),
        well_known=validation.optional_text("wellKnownCACertificates"),
        alt_names=tuple(_read_alt_name(one) for one in validation.children("subjectAltNames")),
        options=spec.labels("options"),
        unknown=reading.unknown("spec"),
    )


def _read_alt_name(fields: Fields) -> AltName:
    hostname, uri = fields.text("hostname"), fields.text("uri")
    kind = fields.text("type")
    return AltName(kind, uri if kind == "URI" else hostname)
