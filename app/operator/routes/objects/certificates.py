"""Secrets and ConfigMaps as far as they hold certificates: `tls.crt`, `tls.key` and `ca.crt`; nothing else is kept."""

import base64
import binascii
from dataclasses import dataclass, field

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.metadata import Metadata, read_metadata
from app.operator.routes.objects.pem import ca_fault, pair_fault

__all__ = ["CertificatePair", "ConfigMap", "Secret", "read_config_map", "read_secret"]

TLS_TYPE = "kubernetes.io/tls"


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """PEM. Travels by the sync channel only; never shown."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secret:
    """A certificate with its key, or a CA; PEM. None of them is ever shown.

    `fault`: why `certificate` and `key` cannot serve; None where they can. `ca_fault`: likewise for `ca`.
    """

    meta: Metadata
    type: str
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    ca: bytes = field(repr=False)
    fault: str | None
    ca_fault: str | None


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """`ca`: certificates of a CA (PEM). `ca_fault`: why they cannot serve; None where they can."""

    meta: Metadata
    ca: bytes
    ca_fault: str | None


def read_secret(top: Fields, reading: Reading) -> Secret:
    """The check of the certificate is the costly part (about 0.1 ms), so it is made once, here."""
    kind, data = top.text("type"), _read_data(top)
    certificate, key, ca = (data.get(name, b"") for name in ("tls.crt", "tls.key", "ca.crt"))
    is_pair = kind == TLS_TYPE
    fault = pair_fault(certificate, key) if is_pair else f"its type is {kind or 'Opaque'}, not {TLS_TYPE}"
    return Secret(read_metadata(top), kind, certificate, key, ca, fault, ca_fault(ca))


def read_config_map(top: Fields, reading: Reading) -> ConfigMap:
    ca = top.labels("data").get("ca.crt", "").encode()
    return ConfigMap(read_metadata(top), ca, ca_fault(ca))


def _read_data(top: Fields) -> dict[str, bytes]:
    """What is no base64 reads as absent: the API server takes no such Secret, and a file's is faulty by its type."""
    data = {name: text.encode() for name, text in top.labels("stringData").items()}
    for name, text in top.labels("data").items():
        try:
            data.setdefault(name, base64.b64decode(text, validate=False))
        except binascii.Error:
            continue
    return data
