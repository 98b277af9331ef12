"""From files and environment to the table that requests are served from, at start and live."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.breaker.registry import Breakers
from app.clock import now_s, wall_s
from app.config.environment import EnvironmentRules
from app.config.model import Config, KeyEntry
from app.config.parse import parse_config
from app.config.parse_keys import parse_keys
from app.config.source_file import read_source
from app.config.table import Table, compile_table
from app.dataplane.plan import Plans, bind
from app.dataplane.retry import RetryBudget
from app.dataplane.upstream import Upstream
from app.errors import ConfigFault, ConfigFaults
from app.keys.keyring import Keyring
from app.limits.limiter import Limiter
from app.limits.rule import Rule
from app.routing.index import RouteIndex
from app.settings import Settings
from app.telemetry.counts import Counts

__all__ = ["Configuration"]

LOG = logging.getLogger("tidegate.config")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the files say, compiled; nothing of it is in force yet. `contents`: the files it came from."""

    contents: Mapping[str, bytes]
    keys_path: str | None
    table: Table
    keyring: Keyring
    index: RouteIndex


class Configuration:
    """Holds what outlives a table (upstreams, breakers, budgets) and builds each table's plans on it."""

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        breakers: Breakers,
        limiter: Limiter,
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._breakers = breakers
        self._limiter = limiter
        self._counts = counts
        self._budgets: dict[str, RetryBudget] = {}
        self._sequence = 0
        self._contents: Mapping[str, bytes] = {}
        self._changes: deque[tuple[str, bytes | ConfigFaults]] = deque()
        self._taking_over: asyncio.Task[None] | None = None
        self.upstreams: dict[str, Upstream] = {}
        self.on_plans: Callable[[Plans], None] = lambda _: None
        self._keys_path: str | None = None

    @property
    def paths(self) -> list[str]:
        """The files that the table in force came from."""
        return [path for path in (self._settings.config_file, self._keys_path) if path is not None]

    def load(self) -> Plans:
        """The first table, from what the files hold now; raises ConfigFaults."""
        path = self._settings.config_file
        return self._put_in_force(self._prepare({} if path is None else {path: read_source(path)}))

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """A watched file changed: its table is in force soon, or the last good one stays; in order."""
        self._changes.append((path, content))
        if self._taking_over is None:
            self._taking_over = self._loop.create_task(self._take_over())

    async def stop(self) -> None:
        """Drops what is not in force yet."""
        self._changes.clear()
        if self._taking_over is not None:
            self._taking_over.cancel()
            await asyncio.wait({self._taking_over})

    async def _take_over(self) -> None:
        try:
            while self._changes:
                path, content = self._changes.popleft()
                if content != self._contents.get(path):
                    await self._take_over_one(path, content)
        finally:
            self._taking_over = None

    async def _take_over_one(self, path: str, content: bytes | ConfigFaults) -> None:
        try:
            if isinstance(content, ConfigFaults):
                raise content
            # 10,000 routes take a second to read, which running requests must not wait for
            prepared = await asyncio.to_thread(self._prepare, {**self._contents, path: content})
            plans = self._put_in_force(prepared)
        except ConfigFaults as faults:
            self._counts.count_config_rejection()
            for fault in faults.faults:
                LOG.error("configuration not applied, the last good one stays: %s", fault)
        except Exception:  # a fault of ours: the last good one stays, and so does the watch
            self._counts.count_config_rejection()
            self._counts.internal_errors += 1
            LOG.exception("configuration not applied, the last good one stays: internal error")
        else:
            self.on_plans(plans)
            LOG.info("configuration %d applied (%s changed)", plans.table.sequence, path)

    def _prepare(self, contents: Mapping[str, bytes]) -> _Prepared:
        """From bytes to a table; changes nothing, so any thread may do it. Raises ConfigFaults."""
        settings = self._settings
        path = settings.config_file
        config = Config() if path is None else parse_config(contents[path], path)
        used = {} if path is None else {path: contents[path]}
        keys: tuple[KeyEntry, ...] = ()
        keys_path = config.keys_file
        if keys_path is not None:
            used[keys_path] = contents[keys_path] if keys_path in contents else read_source(keys_path)
            keys = parse_keys(used[keys_path], keys_path)
        rules = EnvironmentRules(
            cache_service_url=settings.cache_service_url,
            api_key=settings.api_key,
            auth=settings.auth,
            rate_limit=settings.rate_limit,
            pepper=settings.key_pepper,
        )
        table = compile_table(config, rules, self._sequence + 1, keys)
        keyring = Keyring.build(table.keys, settings.key_pepper)
        return _Prepared(used, keys_path, table, keyring, RouteIndex([each.route for each in table.routes]))

    def _put_in_force(self, prepared: _Prepared) -> Plans:
        """All that can fail comes first; then everything changes together. Raises ConfigFaults."""
        table = prepared.table
        upstreams = self._upstreams_of(table)
        plans = bind(
            table,
            prepared.index,
            prepared.keyring,
            upstreams,
            lambda name: self._breakers.get(name, table.breakers[name].value),
            self._counts,
            lambda name: self._budgets.setdefault(name, RetryBudget()),
        )
        self._sequence = table.sequence
        self._contents, self._keys_path = prepared.contents, prepared.keys_path
        for name, upstream in self.upstreams.items():
            if upstreams.get(name) is not upstream:
                upstream.close()
        self.upstreams = upstreams
        self._forget_others(table, plans)
        self._counts.count_config_apply(wall_s(), table.sequence)
        return plans

    def _upstreams_of(self, table: Table) -> dict[str, Upstream]:
        """Unchanged upstreams go on with their connections and health."""
        upstreams, faults = {}, []
        for name, model in table.upstreams.items():
            known = self.upstreams.get(name)
            if known is not None and known.model == model:
                upstreams[str(name)] = known
                continue
            try:
                upstreams[str(name)] = Upstream(model, self._loop, _tell_missing)
            except OSError as error:
                what = f"{model.tls.ca_file!r} cannot be used: {error.strerror or error}"
                faults.append(
                    ConfigFault(
                        f"upstreams.{name}.tls.caFile", what, "give a readable file of PEM certificates"
                    )
                )
        if faults:
            raise ConfigFaults(faults)
        return upstreams

    def _forget_others(self, table: Table, plans: Plans) -> None:
        names = {str(settings.route.name) for settings in table.routes}
        self._breakers.keep_only(table.breakers.keys())
        self._counts.keep_only(names, {str(name) for name in table.upstreams})
        self._budgets = {name: budget for name, budget in self._budgets.items() if name in names}
        rules: dict[str, Rule] = {rule.identity: rule for plan in plans.plans for rule in plan.rules}
        self._limiter.keep_only(rules.values(), now_s())


def _tell_missing(upstream: str, why: str) -> None:
    LOG.warning("upstream %s: %s", upstream, why)
