"""A request that was read, judged by the gateway's limits (contract: environment)."""

from typing import Final

from app.dataplane.codec.request import Request
from app.foundation.reasons import Reason, Rejection
from app.routing.paths import has_dot_segment
from app.settings import Settings

__all__ = ["validate"]

_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_DOT_SEGMENT: Final = Rejection(
    Reason.REQUEST_MALFORMED,
    "the path has a . or .. segment; resolve it before sending (PATHS=raw would forward it)",
)
_NO_CONNECT: Final = Rejection(
    Reason.METHOD_NOT_ALLOWED, "CONNECT is not offered", headers=((b"allow", _METHODS),)
)


def validate(request: Request, settings: Settings, head_bytes: int) -> Rejection | None:
    """Why the request is rejected though it may be well formed; it goes before what the request says itself."""
    if len(request.target) > settings.max_target_bytes:
        return Rejection(Reason.URI_TOO_LONG, f"the target is longer than {settings.max_target_bytes} bytes")
    if len(request.fields) - request.pseudo_fields > settings.max_fields:
        return Rejection(Reason.HEAD_TOO_LARGE, f"there are more than {settings.max_fields} fields")
    if request.method == b"CONNECT" and request.rejection is None:
        return _NO_CONNECT
    if head_bytes > settings.max_head_bytes:
        return Rejection(Reason.HEAD_TOO_LARGE, f"the head is larger than {settings.max_head_bytes} bytes")
    if request.rejection is None and 0 < settings.max_body_bytes < request.length_bytes:
        return Rejection(Reason.BODY_TOO_LARGE, f"the body is larger than {settings.max_body_bytes} bytes")
    if request.rejection is None and settings.paths == "reject" and has_dot_segment(request.path):
        return _DOT_SEGMENT
    return None
