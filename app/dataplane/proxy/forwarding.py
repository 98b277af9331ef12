"""What is done to a request on its way to an upstream, and to the response on its way back (HTTPRoute: filters).

A filter of the route comes before one of the backend for requests, and after it for responses: each message passes
the route and the backend in the order in which it meets them.
"""

from typing import Final

from app.config.model import HeaderEdits, Rewrite, Route, WeightedUpstream
from app.dataplane.codec.field_edits import FieldEdits, compile_edits, in_turn

__all__ = ["Forwarding", "forwarding_of", "forwarding_to"]


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


class Forwarding:
    """`host` and `path` replace the request's, `prefix` its beginning `matched_prefix`; None leaves it as it came."""

    __slots__ = ("host", "matched_prefix", "path", "prefix", "request_edits", "response_edits")

    def __init__(
        self,
        rewrite: Rewrite,
        matched_prefix: str,
        request_edits: FieldEdits | None,
        response_edits: FieldEdits | None,
    ) -> None:
        self.host = _encoded(rewrite.host)
        self.path = _encoded(rewrite.path)
        self.prefix = _encoded(rewrite.prefix)
        self.matched_prefix = matched_prefix.encode()
        self.request_edits = request_edits
        self.response_edits = response_edits


_NO_REWRITE: Final = Rewrite()
_NO_EDITS: Final = HeaderEdits()
_UNCHANGED: Final = Forwarding(_NO_REWRITE, "/", None, None)


def forwarding_of(route: Route) -> Forwarding:
    """What the route does to every request. Routes that do nothing share one, which is in the processor's cache."""
    request_edits, response_edits = (
        compile_edits(route.request_headers),
        compile_edits(route.response_headers),
    )
    if route.rewrite == _NO_REWRITE and request_edits is None and response_edits is None:
        return _UNCHANGED
    return Forwarding(route.rewrite, route.match.path, request_edits, response_edits)


def forwarding_to(route: Route, upstream: WeightedUpstream) -> Forwarding | None:
    """What the route and its entry for one upstream do together; None: nothing but what the route does."""
    own = upstream.rewrite
    if (upstream.request_headers, upstream.response_headers, own) == (_NO_EDITS, _NO_EDITS, _NO_REWRITE):
        return None
    has_path = own.path is not None or own.prefix is not None
    of_path = own if has_path else route.rewrite
    return Forwarding(
        Rewrite(of_path.prefix, of_path.path, route.rewrite.host if own.host is None else own.host),
        route.match.path,
        in_turn(compile_edits(route.request_headers), compile_edits(upstream.request_headers)),
        in_turn(compile_edits(upstream.response_headers), compile_edits(route.response_headers)),
    )
