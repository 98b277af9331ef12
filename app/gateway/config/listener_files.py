"""The files that listeners name: certificates with their keys, and the CA certificates that clients' are signed by.

A certificate and its key are two files, which change one after the other: where what is held of them does not fit, both
are read again before the pair is rejected.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.config.model import CertificateFiles, Listener
from app.config.sources.file import read_source
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.key_pair import KeyPair, why_unusable

__all__ = ["NO_LISTENER_FILES", "ListenerFiles", "read_listener_files"]


@dataclass(frozen=True, slots=True)
class ListenerFiles:
    """`pairs`: by the certificate's name. `client_cas`: PEM by path."""

    pairs: Mapping[str, KeyPair]
    client_cas: Mapping[str, str]


NO_LISTENER_FILES = ListenerFiles({}, {})


def read_listener_files(
    certificates: Sequence[CertificateFiles],
    listeners: Sequence[Listener],
    contents: Mapping[str, bytes],
    used: dict[str, bytes],
) -> ListenerFiles:
    """From `contents` by path, else from the disk; what was used goes into `used`. Raises ConfigFaults with all."""
    if not certificates and not listeners:
        return NO_LISTENER_FILES
    faults: list[ConfigFault] = []
    pairs: dict[str, KeyPair] = {}
    client_cas: dict[str, str] = {}
    for each in certificates:
        try:
            pairs[each.name] = _pair(each, contents, used)
        except ConfigFaults as unusable:
            faults += unusable.faults
    for listener in listeners:
        asked = listener.client_certificates
        if asked is None or asked.ca_file is None or asked.ca_file in client_cas:
            continue
        try:
            client_cas[asked.ca_file] = _client_ca(listener, asked.ca_file, contents, used)
        except ConfigFaults as unusable:
            faults += unusable.faults
    if faults:
        raise ConfigFaults(dict.fromkeys(faults))
    return ListenerFiles(pairs, client_cas)


def _pair(named: CertificateFiles, contents: Mapping[str, bytes], used: dict[str, bytes]) -> KeyPair:
    paths = (named.cert_file, named.key_file)
    found = [contents.get(path) for path in paths]
    held = KeyPair(found[0], found[1]) if found[0] is not None and found[1] is not None else None
    if held is None or why_unusable(held) is not None:
        held = KeyPair(read_source(named.cert_file), read_source(named.key_file))
        why = why_unusable(held)
        if why is not None:
            what = f"{named.cert_file!r} and {named.key_file!r} cannot be used: {why}"
            fix = "give the files of one certificate with its chain, and of its private key"
            raise ConfigFaults([ConfigFault(f"certificates.{named.name}", what, fix)])
    used[named.cert_file], used[named.key_file] = held.certificate, held.private_key
    return held


def _client_ca(listener: Listener, path: str, contents: Mapping[str, bytes], used: dict[str, bytes]) -> str:
    content = contents[path] if path in contents else read_source(path)
    field = f"listeners.{listener.name}.clientCertificates.caFile"
    try:
        text = content.decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no PEM text"
        what = f"{path!r} cannot be used: {why}"
        raise ConfigFaults([ConfigFault(field, what, "give a file of PEM certificates")]) from None
    used[path] = content
    return text
