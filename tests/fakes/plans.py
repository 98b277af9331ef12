"""Plans from the text of a configuration file, for tests of what decides on them."""

import asyncio

from app.breaker.registry import Breakers
from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.table import compile_table
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.routes import Plans, bind, plan_routes
from app.dataplane.upstream.upstream import Upstream
from app.keys.keyring import Keyring
from app.routing.index import RouteIndex
from app.routing.listener_routes import listener_routes
from app.telemetry.counts import Counts

__all__ = ["plans_of"]


def plans_of(
    text: str,
    *,
    counts: Counts | None = None,
    breakers: Breakers | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    landing: bytes = b"",
    **environment: str,
) -> Plans:
    """`environment`: what EnvironmentRules takes; by default no limit. Needs a running loop."""
    rules = EnvironmentRules(**{"rate_limit": "off", **environment})  # type: ignore[arg-type]
    table = compile_table(parse_config(text.encode(), "gw.yaml"), rules, 1)
    loop = asyncio.get_running_loop() if loop is None else loop
    known = Breakers() if breakers is None else breakers
    upstreams = {str(name): Upstream(each, loop, lambda *_: None) for name, each in table.upstreams.items()}
    index = RouteIndex([each.route for each in table.routes if not each.route.listeners])
    ports = listener_routes(table.listeners, [each.route for each in table.routes])
    plans = Plans(table, index, Keyring.build(table.keys, None), plan_routes(table), landing, ports)
    cells = Counts("test") if counts is None else counts
    for _ in bind(
        plans,
        upstreams,
        lambda name: known.get(name, table.breakers[name].value),
        cells,
        lambda _: RetryBudget(),
    ):
        pass
    return plans
