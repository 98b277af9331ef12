"""TLS of the public port: one context whose certificate is renewed in place when its files change.

The ports of listeners have contexts of the same kind (`listener_tls`).
"""

import logging
import ssl
from pathlib import Path

from app.dataplane.downstream.tls_transport import TlsSession
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.key_pair import file_end_wall_s
from app.settings import Settings

__all__ = ["HTTP2_ALPN", "Certificate", "server_certificate", "server_context"]

LOG = logging.getLogger("tidegate.tls")

HTTP2_ALPN = "h2"  # RFC 9113 §3.2

TLS_12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK"
"""Forward secrecy and authenticated encryption only: no CBC (Lucky Thirteen), no RSA key exchange (ROBOT).
As Mozilla's "intermediate" without finite-field DHE. TLS 1.3 has nothing else anyway."""


def server_context(*, http2: bool) -> ssl.SSLContext:
    """Without a certificate yet. `http2`: it is offered, before HTTP/1.1 (ALPN, RFC 7301)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS_12_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client could ask for handshakes without end
    context.set_alpn_protocols([HTTP2_ALPN, "http/1.1"] if http2 else ["http/1.1"])
    context.sslobject_class = TlsSession
    return context


class Certificate:
    """`context` is what the listener holds; new handshakes see a renewed certificate, open ones live on."""

    def __init__(self, cert_file: str, key_file: str, client_ca_file: str | None, *, http2: bool) -> None:
        """`http2`: it is offered, before HTTP/1.1. Raises ConfigFaults for a file that cannot be used."""
        self._http2 = http2
        self._cert_file = cert_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self._seen = self._state()
        self.context = self._current = self._loaded()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        """Called in every handshake: a whole new context, since one holds a certificate per kind of key."""
        if isinstance(connection, TlsSession):
            connection.server_name = name
        if self._current is not self.context:
            connection.context = self._current

    def _loaded(self) -> ssl.SSLContext:
        context = server_context(http2=self._http2)
        faults = []
        for variable, path in (("TLS_CERT_FILE", self._cert_file), ("TLS_KEY_FILE", self._key_file)):
            try:
                Path(path).read_bytes()
            except OSError as error:
                faults.append(_unusable(variable, path, error))
        if not faults:
            try:
                # a password, or OpenSSL would ask for that of an encrypted key on the terminal
                context.load_cert_chain(self._cert_file, self._key_file, password="")
            except OSError as error:  # ssl.SSLError is one
                faults.append(_unusable("TLS_CERT_FILE", self._cert_file, error, self._key_file))
        if self._client_ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self._client_ca_file)
            except OSError as error:
                faults.append(_unusable("TLS_CLIENT_CA_FILE", self._client_ca_file, error))
        if faults:
            raise ConfigFaults(faults)
        return context

    def _state(self) -> tuple[object, ...]:
        state: list[object] = []
        for path in filter(None, (self._cert_file, self._key_file, self._client_ca_file)):
            try:
                kept = Path(path).stat()
                state.append((kept.st_ino, kept.st_mtime_ns, kept.st_size, str(Path(path).resolve())))
            except OSError:
                state.append(None)
        return tuple(state)

    def renew(self) -> bool:
        """Take up changed files; a pair that does not fit keeps the last good one. Call it every second."""
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        try:
            self._current = self._loaded()
        except ConfigFaults as faults:
            for fault in faults.faults:
                LOG.error("certificate not renewed, the last good one stays: %s", fault)
            return False
        LOG.info("certificate renewed from %s", self._cert_file)
        return True

    def expiry_wall_s(self) -> float | None:
        """End of the certificate's life, for the metric; None if it cannot be read."""
        return file_end_wall_s(self._cert_file)


def _unusable(variable: str, path: str, error: OSError, key_file: str | None = None) -> ConfigFault:
    why = error.strerror or str(error)
    fix = "give a readable PEM file"
    if isinstance(error, ssl.SSLError):
        why = str(error.reason or error).lower().replace("_", " ")
        if key_file is not None:
            fix = f"it and {key_file!r} (TLS_KEY_FILE) must be PEM, belong together, and need no password"
    return ConfigFault(variable, f"{path!r} cannot be used: {why}", fix)


def server_certificate(settings: Settings) -> Certificate | None:
    """None when the port speaks plain HTTP."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return Certificate(
        settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file, http2=settings.http2
    )
