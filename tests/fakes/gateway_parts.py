"""The parts of a gateway up to its reloads, built as the process does, without ports and without the process."""

import asyncio
from pathlib import Path

from app.breaker.registry import Breakers
from app.dataplane.proxy.context import Observers, ProxyContext
from app.gateway.config.bindings import Bindings
from app.gateway.config.configuration import Configuration
from app.gateway.config.discovered import Discovered
from app.gateway.config.file_watch import FileWatch
from app.gateway.config.reloads import Parts, Reloads
from app.gateway.config.snapshots import Snapshots
from app.gateway.config_history import ConfigHistory
from app.gateway.limits import LimitStore
from app.gateway.tasks import Tasks
from app.settings import load_settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.events import Events, StoreState

__all__ = ["ONE_ROUTE", "GatewayParts"]

ONE_ROUTE = """
upstreams: {cache: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: all, match: {path: {prefix: /}}, upstream: cache, auth: none}]
"""


class GatewayParts:
    """Needs a running loop. `faults`: what tasks and timers ended with. `file`: its configuration file."""

    def __init__(self, folder: Path, config: str = ONE_ROUTE, **environment: str) -> None:
        self.file = folder / "gateway.yaml"
        self.file.write_text(config)
        self.settings = load_settings({"CONFIG_FILE": str(self.file), **environment})
        self.loop = loop = asyncio.get_running_loop()
        self.faults: list[BaseException] = []
        self.tasks = Tasks(loop, self.faults.append)
        self.counts, self.events, self.breakers = Counts("test"), Events(), Breakers()
        self.store = StoreState(self.events, "limit store")
        self.limits = LimitStore(self.settings, loop, self.store)
        self.snapshots = Snapshots()
        self.discovered = Discovered()
        self.bindings = Bindings(
            loop, self.breakers, self.limits.limiter, self.counts, discovered=self.discovered
        )
        self.configuration = Configuration(self.settings, self.bindings, self.snapshots, self.counts)
        self.watch = FileWatch(self.settings, self.configuration)
        plans = self.configuration.load()
        self.watch.follow()
        observers = Observers(self.counts, AccessLog("off"), None, self.faults.append)
        self.context = ProxyContext(self.settings, loop, plans, self.limits.limiter, observers)
        self.history = ConfigHistory()
        parts = Parts(
            self.configuration,
            self.bindings,
            self.snapshots,
            self.watch,
            self.context,
            self.counts,
            self.events,
            self.history,
        )
        self.reloads = Reloads(parts, self.tasks, loop)

    @property
    def kinds(self) -> list[str]:
        """Of the events so far."""
        return [event.kind for event in self.events.recent()]

    @property
    def sequence(self) -> int:
        return self.context.plans.table.sequence

    async def close(self) -> None:
        await self.reloads.stop()
        self.bindings.close()
        self.tasks.cancel()
        self.context.wheel.stop()
