"""May a page of this origin watch? Only one that came from where it asks (contract: admin port)."""

from urllib.parse import urlsplit

__all__ = ["may_watch"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def may_watch(origin: str | None, host: str) -> bool:
    """`origin`: the `Origin` field, None where there is none (no browser sent it); `host`: the `Host` field.

    Host and port must be the same; a `Host` without a port means the default of the origin's scheme, since a
    proxy may have ended TLS.
    """
    if origin is None:
        return True
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(theirs.scheme)
        same_port = (theirs.port or default) == (ours.port or default)
    except ValueError:
        return False
    if default is None or not theirs.hostname:
        return False  # `null`, a file, an extension
    return theirs.hostname == ours.hostname and same_port
