"""A certificate with its private key, in memory alone.

OpenSSL reads both from files only. An anonymous one (memfd_create(2)) has no name, so no key is ever on a disk.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KeyPair", "subject_names", "why_unusable"]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both are PEM; `certificate`: with its chain. Nobody prints the key."""

    certificate: bytes
    private_key: bytes = field(repr=False)

    def load(self, context: ssl.SSLContext) -> None:
        """Let `context` show it, beside those of other kinds of key. Raises OSError (ssl.SSLError is one)."""
        with _readable(self.certificate) as cert_path, _readable(self.private_key) as key_path:
            # a password, or OpenSSL would ask for that of an encrypted key on the terminal
            context.load_cert_chain(cert_path, key_path, password="")


def why_unusable(pair: KeyPair) -> str | None:
    """What is wrong with a pair, for people; None where it can be used."""
    try:
        pair.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        reason = str(error.reason or error).lower().replace("_", " ")
        return f"{reason}: both must be PEM, belong together, and the key need no password"
    except OSError as error:
        return error.strerror or str(error)
    return None


def subject_names(pair: KeyPair) -> frozenset[str]:
    """The DNS names that its certificate is for, lower-case; none where it cannot be read."""
    try:
        with _readable(pair.certificate) as path:
            read: dict[str, Any] = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]  # no public reader
    except (OSError, ValueError, AttributeError):
        return frozenset()
    return frozenset(value.lower() for kind, value in read.get("subjectAltName", ()) if kind == "DNS")


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path under which this process can read `content` meanwhile."""
    number = os.memfd_create("pem")
    try:
        with open(number, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)
