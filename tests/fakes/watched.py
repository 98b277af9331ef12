"""What a monitor watches, on the parts of a gateway: `watched_by(parts)`."""

from app.dataplane.upstream.view import view_upstream
from app.foundation.clock import now_s
from app.gateway.monitor.connections import own_connections
from app.gateway.monitor.overrides import Overrides
from app.gateway.monitor.watched import Watched
from app.gateway.ports import Port
from app.gateway.readiness import Readiness
from tests.fakes.gateway_parts import GatewayParts

__all__ = ["watched_by"]


def watched_by(parts: GatewayParts, demo_url: str | None = None) -> Watched:
    context = parts.context
    return Watched(
        in_force=context,
        connections=own_connections(context, parts.bindings),
        counts=parts.counts,
        breakers=parts.breakers,
        limiter=parts.limits.limiter,
        store=parts.store,
        store_up=lambda: parts.limits.is_up,
        events=parts.events,
        history=parts.history,
        overrides=Overrides(parts.breakers, parts.events, parts.loop),
        readiness=Readiness(context, lambda: None, parts.history),
        public=Port("127.0.0.1", 0, "PORT"),
        demo_url=demo_url,
        upstreams=lambda: [view_upstream(each, now_s()) for each in parts.bindings.upstreams.values()],
        unreachable=lambda: {},
    )
