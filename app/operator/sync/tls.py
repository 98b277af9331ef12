"""The sync port's TLS: a certificate of the operator's own CA, kept in a Secret, or files that others renew."""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from app.config.sync.snapshot import CA_KEY
from app.foundation.clock import wall_s
from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.resources import Stored
from app.operator.sync.certificates import (
    CA_KEY_FIELD,
    SERVER_DAYS,
    Authority,
    issue,
    load_authority,
    make_authority,
)

__all__ = ["FileTls", "OwnCaTls", "SyncTls", "SecretApi", "load_own_ca_tls"]

LOG = logging.getLogger("tidegate.operator")

_OLD_FIELD = "previous.crt"
_RENEW_S = SERVER_DAYS * 86_400 / 2
_LOOK_S = 30.0
_TRIES = 5


class SecretApi(Protocol):
    """Raises ClusterError; code 409 from `write_secret`: it changed since `read`."""

    async def read_secret(self, name: str) -> Stored: ...

    async def write_secret(self, name: str, read: Stored, data: Mapping[str, bytes]) -> None: ...


class SyncTls(Protocol):
    """The TLS of the sync port. `ca`: PEM of what gateways shall trust, None where they know."""

    ca: str | None
    context: ssl.SSLContext

    async def keep_fresh(self) -> None:
        """Renews the certificate of `context` in time, for new connections; until cancelled."""


class OwnCaTls:
    """A certificate of the operator's own CA, issued again at every start and every 45 days."""

    def __init__(self, authority: Authority, ca: str, names: tuple[str, ...]) -> None:
        self._authority, self._names = authority, names
        self.ca: str | None = ca
        self.context = _server_context()
        self._renew()

    async def keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            self._renew()

    def _renew(self) -> None:
        certificate, key = issue(self._authority, self._names, wall_s())
        with _in_memory(certificate) as certificate_path, _in_memory(key) as key_path:
            self.context.load_cert_chain(certificate_path, key_path)


class FileTls:
    """A certificate in files; a changed one is picked up. Raises StartFault if it cannot be used."""

    def __init__(self, certificate_path: str, key_path: str) -> None:
        self._paths = (certificate_path, key_path)
        self.ca: str | None = None
        self.context = _server_context()
        self._state = self._look()
        try:
            self.context.load_cert_chain(*self._paths)
        except (OSError, ssl.SSLError) as error:
            raise StartFault(f"SYNC_TLS_CERT_FILE and SYNC_TLS_KEY_FILE cannot be used: {error}") from error

    async def keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.refresh()

    def refresh(self) -> None:
        """Takes over files that changed; keeps the certificate it has if they cannot be used."""
        state = self._look()
        if state == self._state:
            return
        try:
            self.context.load_cert_chain(*self._paths)
        except (OSError, ssl.SSLError) as error:
            LOG.error("the changed certificate of the sync port cannot be used, the old one stays: %s", error)
        else:
            LOG.info("the sync port has a new certificate")
        self._state = state

    def _look(self) -> tuple[tuple[int, int], ...]:
        found = []
        for path in self._paths:
            try:
                now = os.stat(path)
                found.append((now.st_ino, now.st_mtime_ns))
            except OSError:
                found.append((0, 0))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Trust:
    """The CA in use, and what gateways shall trust: its certificate, and that of one that ends soon."""

    authority: Authority
    trusted: bytes


async def load_own_ca_tls(api: SecretApi, secret_name: str, names: tuple[str, ...]) -> OwnCaTls:
    """TLS with the CA in the Secret; creates one where there is none, or only one that ends soon.

    Raises ClusterError.
    """
    for _ in range(_TRIES):
        stored = await api.read_secret(secret_name)
        trust = _trust_in(stored.data)
        if trust is None:
            trust, data = _create_beside(stored.data)
            try:
                await api.write_secret(secret_name, stored, data)
            except ClusterError as error:
                if error.code == 409:  # another operator was quicker: take its CA
                    continue
                raise
        return OwnCaTls(trust.authority, trust.trusted.decode(), names)
    raise ClusterError("write", f"secret {secret_name}", 409, "it keeps changing")


def _trust_in(data: Mapping[str, bytes]) -> _Trust | None:
    """None if a CA must be created."""
    if not data.get(CA_KEY) or not data.get(CA_KEY_FIELD):
        return None
    try:
        authority = load_authority(data[CA_KEY], data[CA_KEY_FIELD])
    except ValueError as error:
        LOG.error("the CA in the secret cannot be used, a new one is created: %s", error)
        return None
    if authority.is_ending(wall_s()):
        return None
    return _Trust(authority, data[CA_KEY] + data.get(_OLD_FIELD, b""))


def _create_beside(data: Mapping[str, bytes]) -> tuple[_Trust, dict[str, bytes]]:
    """A new CA, and what the Secret shall hold: the one before it stays trusted meanwhile."""
    made = make_authority(wall_s())
    old = data.get(CA_KEY, b"")
    kept = {CA_KEY: made.certificate, CA_KEY_FIELD: made.key}
    if old:
        kept[_OLD_FIELD] = old
    return _Trust(made, made.certificate + old), kept


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path to `content` that is on no disk: ssl reads keys from files only."""
    descriptor = os.memfd_create("tidegate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
