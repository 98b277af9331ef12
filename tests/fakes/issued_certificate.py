"""A certificate for localhost, in the two files that the gateway reads, and clients that trust it."""

import ssl
from pathlib import Path
from typing import Any

import trustme

__all__ = ["IssuedCertificate"]


class IssuedCertificate:
    """`variables`: of the gateway's environment. `ca_file`: who signed it."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        cert_file, key_file = folder / "tls.crt", folder / "tls.key"
        leaf = self._authority.issue_cert("localhost")
        key_file.write_bytes(leaf.private_key_pem.bytes())
        cert_file.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
        self.ca_file = folder / "ca.crt"
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        self.variables: dict[str, Any] = {"TLS_CERT_FILE": str(cert_file), "TLS_KEY_FILE": str(key_file)}

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context
