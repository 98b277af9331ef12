"""Certificates and CAs that Gateways and listeners name: whether they may, and what is wrong with them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.operator.routes.grants import Grants
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef
from app.operator.routes.world import World

__all__ = ["CertificateRefs", "RefFault", "ResolvedPair", "certificate_name"]


@dataclass(frozen=True, slots=True)
class RefFault:
    """Why a reference leads to nothing usable. `reason`: of the condition; `message` names the reference."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ResolvedPair:
    """`name`: in the document; None where there is no certificate at all. `fault`: what is wrong with the reference.

    Both are set where the Secret went or became bad, and its last good certificate serves on.
    """

    name: str | None
    pair: CertificatePair | None = None
    fault: RefFault | None = None


def certificate_name(key: ObjectKey) -> str:
    """What the document calls the certificate of a Secret."""
    return f"secret/{key.namespace}/{key.name}"


class CertificateRefs:
    """Looks references up in one world. `last`: what was delivered before, by name."""

    __slots__ = ("_config_maps", "_grants", "_last", "_secrets")

    def __init__(self, world: World) -> None:
        self._secrets, self._config_maps = world.secrets, world.config_maps
        self._grants = Grants(world.grants.values())
        self._last: Mapping[str, CertificatePair] = world.certificates

    def pair(self, ref: ObjectRef, kind: str, namespace: str, bad_reason: str) -> ResolvedPair:
        """The certificate that an object of `kind` in `namespace` names; `bad_reason`: where it leads to none."""
        if (ref.group, ref.kind) != ("", "Secret"):
            return ResolvedPair(None, None, RefFault(bad_reason, f"{ref} is not a Secret; name a Secret"))
        key = ref.key_from(namespace)
        denied = self._denied(ref, kind, namespace)
        if denied is not None:
            return ResolvedPair(None, None, denied)
        name, secret = certificate_name(key), self._secrets.get(key)
        if secret is not None and secret.fault is None:
            return ResolvedPair(name, CertificatePair(secret.certificate, secret.key))
        what = "does not exist" if secret is None else f"cannot serve: {secret.fault}"
        last = self._last.get(name)
        if last is None:
            return ResolvedPair(None, None, RefFault(bad_reason, f"Secret {key} {what}"))
        message = f"Secret {key} {what}; its last good certificate serves on"
        return ResolvedPair(name, last, RefFault(bad_reason, message))

    def ca(self, ref: ObjectRef, kind: str, namespace: str) -> bytes | RefFault:
        """The certificates of a CA (PEM) in a ConfigMap or Secret, under `ca.crt` (GEP-91)."""
        if (ref.group, ref.kind) not in (("", "ConfigMap"), ("", "Secret")):
            message = f"{ref} is not a ConfigMap or Secret; name one with the key ca.crt"
            return RefFault("InvalidCACertificateKind", message)
        key = ref.key_from(namespace)
        denied = self._denied(ref, kind, namespace)
        if denied is not None:
            return denied
        holder = self._config_maps.get(key) if ref.kind == "ConfigMap" else self._secrets.get(key)
        if holder is None:
            return RefFault("InvalidCACertificateRef", f"{ref.kind} {key} does not exist")
        if holder.ca_fault is not None:
            return RefFault("InvalidCACertificateRef", f"{ref.kind} {key} cannot serve: {holder.ca_fault}")
        return holder.ca

    def _denied(self, ref: ObjectRef, kind: str, namespace: str) -> RefFault | None:
        key = ref.key_from(namespace)
        if self._grants.allows((GATEWAY_GROUP, kind, namespace), ref.group, ref.kind, key):
            return None
        message = (
            f"{ref.kind} {key} may not be used from namespace {namespace}; "
            f"a ReferenceGrant in {key.namespace} must allow it for {kind}"
        )
        return RefFault("RefNotPermitted", message)
