"""Certificates for these tests: made once, as the Secret and ConfigMap objects that hold them."""

import base64
from typing import Any

from app.operator.sync.certificates import issue, make_authority

__all__ = ["AUTHORITY", "CERTIFICATE", "KEY", "ca_map", "tls_secret"]

WALL_S = 1_800_000_000.0
AUTHORITY = make_authority(WALL_S)
CERTIFICATE, KEY = issue(AUTHORITY, ("a.example",), WALL_S)


def tls_secret(namespace: str, name: str, certificate: bytes = CERTIFICATE) -> dict[str, Any]:
    data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(KEY).decode()}
    metadata = {"namespace": namespace, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/tls",
        "data": data,
    }


def ca_map(namespace: str, name: str, ca: str = AUTHORITY.certificate.decode()) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": ca}}
