"""Where a request carries its key: `X-API-Key`, else `Authorization: Bearer` (RFC 6750 §2.1)."""

from typing import Final

__all__ = ["presented_key"]

SCHEME: Final = b"bearer "


def presented_key(x_api_key: bytes | None, authorization: bytes | None) -> tuple[bytes | None, bool]:
    """The key, None if there is none; and whether `Authorization` carried it, for the caller to remove it.

    Arguments are the fields' values, None where absent. An `X-API-Key` that is there decides, also when it
    is empty: then no key was presented, and `Authorization` is not looked at, lest two readers of the same
    request see two clients. A repeated field is to be handed in joined by `, ` (RFC 9110 §5.3): it is no
    key that exists. `Authorization` of another scheme is no key and passes.
    """
    if x_api_key is not None:
        return x_api_key.strip(b" \t") or None, False
    if authorization is None or authorization[:7].lower() != SCHEME:
        return None, False
    token = authorization[7:].strip(b" \t")
    return (token, True) if token else (None, False)
