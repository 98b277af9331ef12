"""The name of a host as the system's resolver is asked for it."""

__all__ = ["asked_name"]


def asked_name(host: str) -> str | bytes:
    """`host`, in bytes where it is ASCII: Python asks for these as they are.

    For a str, an address too, it loads the tables of international names first: 0.3 MiB, and time of whoever asks.
    """
    return host.encode() if host.isascii() else host
