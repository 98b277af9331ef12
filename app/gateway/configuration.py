"""From files and environment to the table that requests are served from, at start and live."""

import asyncio
import logging
from collections.abc import Callable

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
from app.settings import Settings
from app.telemetry.counts import Counts

__all__ = ["Configuration"]

LOG = logging.getLogger("tidegate.config")


class Configuration:
    """Holds what outlives a table (upstreams, breakers, budgets, cells) and builds each table's plans on it."""

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
        self._contents: dict[str, bytes] = {}
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
        if path is not None:
            self._contents[path] = read_source(path)
        config = self._parse()
        if config.keys_file is not None:
            self._contents[config.keys_file] = read_source(config.keys_file)
        return self._apply(config)

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """A watched file changed: its table is in force at once, or the last good one stays."""
        before = dict(self._contents)
        try:
            if isinstance(content, ConfigFaults):
                raise content
            self._contents[path] = content
            config = self._parse()
            if config.keys_file is not None and config.keys_file not in self._contents:
                self._contents[config.keys_file] = read_source(config.keys_file)
            plans = self._apply(config)
        except ConfigFaults as faults:
            self._contents = before
            self._counts.count_config_rejection()
            for fault in faults.faults:
                LOG.error("configuration not applied, the last good one stays: %s", fault)
            return
        self.on_plans(plans)
        LOG.info("configuration %d applied (%s changed)", plans.table.sequence, path)

    def _parse(self) -> Config:
        path = self._settings.config_file
        return Config() if path is None else parse_config(self._contents[path], path)

    def _apply(self, config: Config) -> Plans:
        """All that can fail comes first; then everything changes together."""
        settings = self._settings
        rules = EnvironmentRules(
            cache_service_url=settings.cache_service_url,
            api_key=settings.api_key,
            auth=settings.auth,
            rate_limit=settings.rate_limit,
            pepper=settings.key_pepper,
        )
        keys: tuple[KeyEntry, ...] = ()
        if config.keys_file is not None:
            keys = parse_keys(self._contents[config.keys_file], config.keys_file)
        table = compile_table(config, rules, self._sequence + 1, keys)
        keyring = Keyring.build(table.keys, settings.key_pepper)
        upstreams = self._upstreams_of(table)
        plans = bind(
            table,
            keyring,
            upstreams,
            lambda name: self._breakers.get(name, table.breakers[name].value),
            self._counts.route,
            self._counts.upstream,
            lambda name: self._budgets.setdefault(name, RetryBudget()),
        )
        self._sequence = table.sequence
        self._keys_path = config.keys_file
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
                    ConfigFault(f"upstreams.{name}.tls.caFile", what, "give a readable file of PEM certificates")
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
