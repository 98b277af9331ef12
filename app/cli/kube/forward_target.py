"""Which pod a browser's connection is for, by the name that it asks for. Pure.

The page behind a local port must be reached under a name of this machine alone: any other site could let its own name
resolve to 127.0.0.1 and then read along (DNS rebinding). Below `.localhost` (RFC 6761 §6.3) pods are told apart.
"""

from typing import NamedTuple

from app.schema.faults import BadValue
from app.schema.names import dns_label, dns_subdomain

__all__ = ["Target", "host_of", "target_of"]

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "[::1]"})
_BELOW = ".localhost"


class Target(NamedTuple):
    """A pod."""

    namespace: str
    pod: str


def host_of(head: bytes) -> str | None:
    """The name in the one `Host` field of a request's head, without its port; None where there is none, or two."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    hosts = [value.strip() for name, colon, value in map(_split, lines) if colon and name.lower() == "host"]
    if len(hosts) != 1:
        return None
    name, colon, port = hosts[0].rpartition(":")
    return (name if colon and port.isdecimal() else hosts[0]).lower()


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def target_of(host: str | None, default: Target) -> Target | None:
    """`default` for this machine, the pod of `POD.NAMESPACE.localhost`; None for any other name."""
    if host is None:
        return None
    if host in _THIS_MACHINE:
        return default
    if not host.endswith(_BELOW):
        return None
    pod, _, namespace = host.removesuffix(_BELOW).rpartition(".")
    try:
        return Target(dns_label(namespace), dns_subdomain(pod))
    except BadValue:
        return None
