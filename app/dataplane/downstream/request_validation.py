"""A parsed head judged: what the limits, the target and the version say about it (pure)."""

from app.dataplane.codec.fields import Hop, client_address
from app.dataplane.codec.heads import RequestHead, wants_close
from app.dataplane.codec.request import UNKNOWN_TARGET, Request
from app.dataplane.proxy.context import Runtime
from app.errors import Reason, Refuse
from app.routing.paths import has_dot_segment
from app.routing.target import split_target
from app.settings import Settings

__all__ = ["ParsedHead", "read_request"]

Fault = tuple[Reason, str]
ParsedHead = tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]
"""HTTP version, method, target, fields (names lower-case): as the parser told them."""

_DOT_SEGMENT = (
    Reason.REQUEST_MALFORMED,
    "the path has a . or .. segment; resolve it before sending (PATHS=raw would forward it)",
)


def read_request(
    parsed: ParsedHead, head: RequestHead, hop: Hop, runtime: Runtime, read_bytes: int
) -> Request:
    """The request; `refuse` is set where it cannot be served. `read_bytes`: at least the head's size."""
    version, method, url, fields = parsed
    target = split_target(url, method)
    request = Request(method, target or UNKNOWN_TARGET, fields, head, hop)
    request.http10 = http10 = version == "1.0"
    request.close = http10 or wants_close(head.options) or runtime.draining
    if hop.trusted:
        request.client_ip = _told_address(request, runtime)
    if head.upgrade is not None and head.is_websocket and not http10 and method == b"GET":
        request.websocket = head.length_bytes == 0
    fault = _fault(parsed, head, runtime.settings, read_bytes)
    if fault is None and target is None:
        fault = (Reason.REQUEST_MALFORMED, "the request target is no path and no http(s) URL")
    if fault is None and runtime.settings.paths == "reject" and has_dot_segment(request.path):
        fault = _DOT_SEGMENT
    if fault is not None:
        request.refuse = Refuse(fault[0], fault[1])
        request.close = True
    return request


def _fault(parsed: ParsedHead, head: RequestHead, settings: Settings, read_bytes: int) -> Fault | None:
    version, method, url, fields = parsed
    if version not in ("1.1", "1.0"):
        return (Reason.VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here; use HTTP/1.1")
    if len(url) > settings.max_target_bytes:
        return (Reason.URI_TOO_LONG, f"the target is longer than {settings.max_target_bytes} bytes")
    if len(fields) > settings.max_fields:
        return (Reason.HEAD_TOO_LARGE, f"there are more than {settings.max_fields} fields")
    if method == b"CONNECT":
        return (Reason.METHOD_NOT_ALLOWED, "CONNECT is not offered")
    if read_bytes > settings.max_head_bytes:
        size = len(url) + sum(len(name) + len(value) + 4 for name, value in fields)
        if size > settings.max_head_bytes:
            return (Reason.HEAD_TOO_LARGE, f"the head is larger than {settings.max_head_bytes} bytes")
    if head.fault is None and 0 < settings.max_body_bytes < head.length_bytes:
        return (Reason.BODY_TOO_LARGE, f"the body is larger than {settings.max_body_bytes} bytes")
    return head.fault


def _told_address(request: Request, runtime: Runtime) -> str:
    told = [value for name, value in request.fields if name == b"x-forwarded-for"]
    elements = [value for name, value in request.fields if name == b"forwarded"]
    return client_address(request.hop.peer_ip, told, runtime.networks, elements)
