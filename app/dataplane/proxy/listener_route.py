"""Which route takes a request that came by a listener's port: first its listener, then one of that one's routes."""

from typing import Final

from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.request import Request
from app.dataplane.proxy.routes import Plans, RoutePlan
from app.foundation.reasons import Reason, Rejection
from app.routing.index import NotAllowed
from app.routing.listener_choice import MISDIRECTED
from app.routing.listener_routes import ListenerRoutes, PortRoutes

__all__ = ["NO_ROUTE_HERE", "listener_of", "not_allowed", "route_by_listener"]

NO_ROUTE_HERE: Final = Rejection(Reason.NO_ROUTE, "no route matches this host and path")
_NO_LISTENER: Final = Rejection(Reason.NO_ROUTE, "no listener of this port takes this host")
_MISDIRECTED: Final = Rejection(
    Reason.MISDIRECTED_REQUEST, "this connection is for another host; open one for this host"
)


def route_by_listener(request: Request, plans: Plans) -> RoutePlan | Rejection:
    """`request` came by a port of listeners, perhaps one of the last table's."""
    port = plans.ports.get(request.peer.port)
    if port is None:
        return _NO_LISTENER
    chosen = _choose(request, port)
    if chosen < 0:
        return _MISDIRECTED if chosen == MISDIRECTED else _NO_LISTENER
    listener = port.listeners[chosen]
    index = listener.index
    pairs = pairs_of(request.fields) if index.reads_fields else ()
    found = index.find(request.host, request.method, request.path, request.query, pairs)
    if isinstance(found, NotAllowed):
        return NO_ROUTE_HERE if listener.hides_methods else not_allowed(found)
    return NO_ROUTE_HERE if found < 0 else plans.plans[listener.positions[found]]


def listener_of(request: Request, plans: Plans) -> ListenerRoutes | None:
    """The listener that the request belongs to; None for the gateway's own port, and where none takes it."""
    port = plans.ports.get(request.peer.port)
    if port is None:
        return None
    chosen = _choose(request, port)
    return None if chosen < 0 else port.listeners[chosen]


def not_allowed(found: NotAllowed) -> Rejection:
    """A route takes the path, with another method (RFC 9110 §15.5.6)."""
    allow = b", ".join(found.allow)
    detail = f"this path takes {allow.decode('latin-1')}"
    return Rejection(Reason.METHOD_NOT_ALLOWED, detail, headers=((b"allow", allow),))


def _choose(request: Request, port: PortRoutes) -> int:
    peer = request.peer
    is_tls = peer.scheme == b"https"
    return port.choice.choose(request.host, is_tls=is_tls, server_name=peer.server_name)
