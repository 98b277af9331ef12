"""Where the breaker test runs: the demo upstream that `tidegate up` names to this gateway."""

from app.admin.demo_scenario import DemoRoute
from app.admin.loopback import Front, Seen, ask
from app.breaker.registry import Breakers
from app.breaker.values import BreakerState
from app.breaker.view import BreakerView
from app.config.model import Auth, PathKind, Route
from app.config.table import Table
from app.foundation.clock import now_s, wall_s
from app.gateway.in_force import InForce
from app.gateway.ports import Port

__all__ = ["DemoTarget"]

ASK_S = 35.0
_NO_DEMO = "this gateway has no demo upstream; `tidegate up` runs one"
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


class DemoTarget:
    """Implements `admin.demo_scenario.ScenarioTarget`."""

    def __init__(self, in_force: InForce, breakers: Breakers, public: Port, demo_url: str | None) -> None:
        self._in_force = in_force
        self._breakers = breakers
        self._public = public
        self._demo_url = demo_url
        self._table: Table | None = None
        self._route: DemoRoute | str = _NO_DEMO

    def route(self) -> DemoRoute | str:
        table = self._in_force.plans.table
        if table is not self._table:  # 10,000 routes are not looked through for each message
            self._table = table
            self._route = _demo_route(table, self._demo_url, self._in_force.settings.api_key is not None)
        return self._route

    def breaker_name(self) -> str | None:
        route = self.route()
        return None if isinstance(route, str) else route.breaker

    def breaker(self, name: str) -> BreakerView | None:
        known = self._breakers.known(name)
        return known.view(now_s(), wall_s()) if known is not None else None

    def has_moved(self, name: str, since_wall_s: float) -> bool:
        return any(
            moved.to_state is BreakerState.HALF_OPEN and moved.at_wall_s >= since_wall_s
            for moved in self._breakers.transitions(name)
        )

    async def ask(self, path: str) -> Seen:
        settings = self._in_force.settings
        host = _LOOPBACK.get(settings.host, settings.host)
        front = Front(host, self._public.number, self._public.is_tls, settings.api_key)
        return await ask(front, path, ASK_S)


def _demo_route(table: Table, demo_url: str | None, has_key: bool) -> DemoRoute | str:
    if demo_url is None:
        return _NO_DEMO
    demo = {
        name
        for name, upstream in table.upstreams.items()
        if [f"http://{each.host}:{each.port}" for each in upstream.endpoints] == [demo_url]
    }
    for settings in table.routes:
        route = settings.route
        names = [upstream.name for upstream in route.upstreams]
        if len(names) != 1 or names[0] not in demo or not _is_plain(route):
            continue
        if route.auth is Auth.KEY and not has_key:
            return "the route of the demo upstream wants a key, and API_KEY is not set"
        return DemoRoute(settings.breakers[0], route.match.path.rstrip("/"))
    return "no route with nothing but a path prefix leads to the demo upstream alone"


def _is_plain(route: Route) -> bool:
    """Reached by its path alone, and `/ok` below it reaches the upstream as `/ok`."""
    match, rewrite = route.match, route.rewrite
    conditions = (match.hosts, match.methods, match.headers, match.query)
    stripped = rewrite.prefix == "/" if match.path != "/" else rewrite.prefix in (None, "/")
    return match.path_kind is PathKind.PREFIX and not any(conditions) and stripped and rewrite.path is None
