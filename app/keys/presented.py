"""Where a request carries its key: `X-API-Key`, else `Authorization: Bearer` (RFC 6750 §2.1)."""

from typing import Final

__all__ = ["presented_key"]

SCHEME: Final = b"bearer "
_SPACE: Final = 0x20


def presented_key(x_api_key: bytes | None, authorization: bytes | None) -> tuple[bytes | None, bool]:
    """The key, None if there is none; and whether `Authorization` carried it, for the caller to remove it.

    Arguments are the fields' values, None where absent. An `X-API-Key` that is there decides, also when it
    is empty: then no key was presented, and `Authorization` is not looked at, lest two readers of the same
    request see two clients. A repeated field is to be handed in joined by `, ` (RFC 9110 §5.3): it is no
    key that exists. `Authorization` of another scheme is no key and passes.
    """
    if x_api_key is not None:
        return _without_blanks(x_api_key) or None, False
    if authorization is None or authorization[:7].lower() != SCHEME:
        return None, False
    token = _without_blanks(authorization[7:])
    return (token, True) if token else (None, False)


def _without_blanks(value: bytes) -> bytes:
    """Around it. Nearly no value has any, and to see that takes a tenth of `strip`."""
    if value and value[0] > _SPACE and value[-1] > _SPACE:
        return value
    return value.strip(b" \t")
