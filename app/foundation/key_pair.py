"""A certificate with its private key, in memory alone.

OpenSSL reads both from files only. An anonymous one (memfd_create(2)) has no name, so no key is ever on a disk.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KeyPair", "certificate_end_wall_s", "file_end_wall_s", "subject_names", "why_unusable"]


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
    with _readable(pair.certificate) as path:
        names = _read(path).get("subjectAltName", ())
    return frozenset(value.lower() for kind, value in names if kind == "DNS")


def certificate_end_wall_s(pair: KeyPair) -> float | None:
    """The end of its certificate's life, in seconds since the epoch; None where it cannot be read."""
    with _readable(pair.certificate) as path:
        return file_end_wall_s(path)


def file_end_wall_s(cert_file: str) -> float | None:
    """The same of the first certificate of a PEM file."""
    end = _read(cert_file).get("notAfter")
    return None if end is None else float(ssl.cert_time_to_seconds(end))


def _read(cert_file: str) -> dict[str, Any]:
    """What the first certificate of a file says; nothing where it cannot be read."""
    try:
        read: dict[str, Any] = ssl._ssl._test_decode_cert(cert_file)  # type: ignore[attr-defined]  # no public reader
    except (OSError, ValueError, AttributeError):
        return {}
    return read


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
