"""Which outcomes of a request mean that it failed, and who rejected it. Pure."""

from collections.abc import Mapping
from typing import Final

from app.foundation.reasons import Reason

__all__ = ["FAILED", "REJECTED_BY", "TRIED_AND_FAILED", "UPSTREAM_FAULTS"]

UPSTREAM_FAULTS: Final = (
    "upstream_error",
    Reason.UPSTREAM_CONNECT.value,
    Reason.UPSTREAM_RESET.value,
    Reason.UPSTREAM_PROTOCOL.value,
    Reason.UPSTREAM_TIMEOUT.value,
)
"""The upstream's own 5xx, and what it did not do in time or as HTTP asks."""

TRIED_AND_FAILED: Final = (*UPSTREAM_FAULTS, Reason.INTERNAL_ERROR.value)
"""What went wrong behind the gateway or in it; every other loss is a rejection, so that the two add up."""

_BY_BREAKER: Final = (Reason.BREAKER_OPEN.value, Reason.BREAKER_PROBING.value)

FAILED: Final = (
    *UPSTREAM_FAULTS,
    *_BY_BREAKER,
    Reason.INTERNAL_ERROR.value,
    Reason.OVERLOADED.value,
    Reason.LIMIT_STORE_DOWN.value,
    Reason.NO_BACKEND.value,
    Reason.NO_ENDPOINTS.value,
    Reason.DRAINING.value,
)
"""A request that was in order got a 5xx: by its upstream, for its upstream's sake, or by the gateway."""

REJECTED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "breaker": _BY_BREAKER,
    "limit": (Reason.RATE_LIMITED.value, Reason.LIMIT_STORE_DOWN.value),
    "key": (Reason.KEY_MISSING.value, Reason.KEY_UNKNOWN.value, Reason.KEY_EXPIRED.value),
    "other": (
        Reason.REQUEST_MALFORMED.value,
        Reason.NO_ROUTE.value,
        Reason.METHOD_NOT_ALLOWED.value,
        Reason.REQUEST_TIMEOUT.value,
        Reason.BODY_TOO_LARGE.value,
        Reason.URI_TOO_LONG.value,
        Reason.HEAD_TOO_LARGE.value,
        Reason.EXPECTATION_FAILED.value,
        Reason.MISDIRECTED_REQUEST.value,
        Reason.VERSION_NOT_SUPPORTED.value,
        Reason.NO_BACKEND.value,
        Reason.NO_ENDPOINTS.value,
        Reason.OVERLOADED.value,
        Reason.DRAINING.value,
    ),
}
"""Rejections before any upstream was asked, by what rejected; a test holds it complete."""
