"""May a page of this origin watch? Only one that this gateway served, under a name of its own (contract §7).

The second rule is against DNS rebinding: the owner of a name can let it resolve to this gateway, and then
their page is of the same origin as the gateway.
"""

from collections.abc import Set
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["objection"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_FOREIGN = "the page that asks comes from another origin (host and port) than this one"


def objection(origin: str | None, host: str, names: Set[str]) -> str:
    """Why a page may not watch; "" if it may.

    `origin`: the `Origin` field, None where the request has none (no browser sent it); `host`: the `Host` field;
    `names`: ours, in lower case, besides IP addresses, `localhost` and what lies below it (RFC 6761 §6.3).

    Host and port of both must be the same; a `Host` without a port means the default of the origin's scheme,
    since a proxy may have ended TLS.
    """
    if origin is None:
        return ""
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(theirs.scheme)
        same_port = (theirs.port or default) == (ours.port or default)
    except ValueError:
        return _FOREIGN
    if default is None or not theirs.hostname:
        return _FOREIGN  # `null`, a file, an extension
    if theirs.hostname != ours.hostname or not same_port:
        return _FOREIGN
    name = theirs.hostname.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or _is_address(name) or name in names:
        return ""
    return (
        f"no page may watch under this name unless MONITOR_HOSTS names {name}; localhost and IP addresses may"
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
