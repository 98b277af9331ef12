"""What outlives a table: upstreams, breakers, retry budgets, shadows. Each table's plans are bound to it."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from app.breaker.registry import Breakers
from app.config.model import UpstreamTls
from app.config.table import Table
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.routes import Plans, bind
from app.dataplane.upstream.resolver import Resolver
from app.dataplane.upstream.upstream import Upstream
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.key_pair import KeyPair
from app.gateway.config.leftovers import Leftovers
from app.gateway.config.preparation import Prepared
from app.gateway.config.shadows import Shadows
from app.limits.limiter import Limiter
from app.limits.rule import Rule
from app.telemetry.counts import Counts

if TYPE_CHECKING:
    from app.gateway.config.discovered import Discovered

__all__ = ["Bindings"]

LOG = logging.getLogger("tidegate.config")

# what thousands of plans come to is put together without a loop of ours
_name, _rules = attrgetter("name"), attrgetter("rules")


class Bindings:
    """`upstreams`: those of the table in force, by name. `shadows`: what its policies in Shadow mode keep.

    `discovered`: where endpoints are that the operator finds. `leftovers`: the memory of those that went.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        breakers: Breakers,
        limiter: Limiter,
        counts: Counts,
        shadows: Shadows | None = None,
        workers: int = 1,
        discovered: "Discovered | None" = None,
    ) -> None:
        """`shadows`: None for some of its own. `discovered`: None without an operator.

        `workers`: how many serve like this process.
        """
        self._workers = workers
        self._loop = loop
        self._breakers = breakers
        self._limiter = limiter
        self._counts = counts
        self._budgets: dict[str, RetryBudget] = {}
        self._overridden: Set[str] = frozenset()
        self._resolver = Resolver(loop)
        self._pairs_of_files: Mapping[str, KeyPair] = {}
        self._pair_of: Callable[[str], KeyPair | None] = _none
        self.upstreams: dict[str, Upstream] = {}
        self.shadows = Shadows(counts) if shadows is None else shadows
        self.discovered = discovered
        self.leftovers = Leftovers()

    def connections(self) -> list[tuple[str, str, int]]:
        """(upstream, active or idle, how many) of all upstreams."""
        return [cell for upstream in tuple(self.upstreams.values()) for cell in upstream.connections()]

    def look_up_names(self, *, again: bool = True) -> None:
        """Ask for the addresses of all upstreams again; `again` False: of those only that were never asked for."""
        for upstream in self.upstreams.values():
            upstream.look_up(again=again)

    def close_stale(self, now_s: float) -> None:
        """Close connections that were idle for too long. To be called every second."""
        for upstream in tuple(self.upstreams.values()):
            upstream.close_stale(now_s)

    def close(self) -> None:
        """The end: no request may come after it."""
        self._resolver.stop()
        for upstream in self.upstreams.values():
            upstream.close()

    def upstreams_of(self, table: Table) -> dict[str, Upstream]:
        """Unchanged upstreams go on with their connections and health. Raises ConfigFaults; any thread."""
        upstreams, faults = {}, []
        for name, model in table.upstreams.items():
            known = self.upstreams.get(name)
            if known is not None and (known.model is model or known.model == model):
                upstreams[str(name)] = known
                continue
            try:
                upstreams[str(name)] = Upstream(model, self._loop, _log_missing, self._resolver)
            except OSError as error:
                fault = _ca_fault(name, model.tls, error)
                if "/" not in name:
                    faults.append(fault)
                    continue
                # of the cluster: one object must not keep all others from their changes
                LOG.error("requests for it are rejected: %s", fault)
                rejecting = replace(model, missing=str(fault), tls=UpstreamTls(), is_discovered_tls=False)
                upstreams[str(name)] = Upstream(rejecting, self._loop, _log_missing, self._resolver)
        if faults:
            raise ConfigFaults(faults)
        return upstreams

    def bind(self, prepared: Prepared) -> Iterator[None]:
        """In slices; adds what is new to what lives on, and changes nothing that is in force."""
        breakers, settings = self._breakers, prepared.plans.table.breakers
        return bind(
            prepared.plans,
            prepared.upstreams,
            lambda name: breakers.known(name) or breakers.get(name, settings[name].value),
            self._counts,
            self._budget,
        )

    def _budget(self, route: str) -> RetryBudget:
        known = self._budgets.get(route)
        if known is None:
            known = self._budgets[route] = RetryBudget(self._workers)
        return known

    def put_in_force(self, prepared: Prepared) -> None:
        """Once all is bound and nothing can fail any more: everything changes together."""
        plans, upstreams = prepared.plans, dict(prepared.upstreams)
        table = plans.table
        for name, effective in table.breakers.items():
            self._breakers.get(name, effective.value)
        self.shadows.attach(plans)
        for name, upstream in self.upstreams.items():
            if upstreams.get(name) is not upstream:
                upstream.close()
        self.upstreams = upstreams
        if self.discovered is not None:
            self.discovered.follow(upstreams)
        self._pairs_of_files = prepared.listener_files.pairs
        for name, upstream in upstreams.items():
            upstream.credential = prepared.credentials.get(name)
        self._show_certificates()
        self._forget_others(table, plans)
        self._set_overrides(table)
        self.leftovers.note()

    def follow_certificates(
        self,
        pair_of: Callable[[str], KeyPair | None],
        subscribe: Callable[[Callable[[], None]], None],
    ) -> None:
        """Upstreams see what `pair_of` gives for a name; what `subscribe` takes is called after each change."""
        self._pair_of = pair_of
        subscribe(self._show_certificates)
        self._show_certificates()

    def _show_certificates(self) -> None:
        """Each upstream that is to see a certificate of the gateway's sees the one that there is now."""
        for name, upstream in self.upstreams.items():
            wanted = upstream.model.tls.client_certificate
            if wanted is None:
                continue
            pair = self._pairs_of_files.get(wanted) or self._pair_of(wanted)
            if pair is None or pair == upstream.connector.shown:
                continue
            try:
                upstream.connector.show(pair)
            except OSError as error:  # it was found to be good, but not for a client
                LOG.error("upstream %s: certificate %s cannot be shown: %s", name, wanted, error)

    def _set_overrides(self, table: Table) -> None:
        """Those that policies set; a breaker without one loses the last table's."""
        now, wall = now_s(), wall_s()
        before, self._overridden = self._overridden, frozenset(table.overrides)
        for name in before | self._overridden:
            breaker, override = self._breakers.known(name), table.overrides.get(name)
            if breaker is not None:
                by = override.origin.policy if override is not None else ""
                breaker.set_policy_override(override.value if override is not None else None, by, now, wall)

    def _forget_others(self, table: Table, plans: Plans) -> None:
        names = set(map(_name, plans.plans))
        self._breakers.keep_only(table.breakers.keys())
        self._counts.keep_only(names, table.upstreams.keys(), table.breakers.keys())
        for gone in self._budgets.keys() - names:
            del self._budgets[gone]
        every = chain.from_iterable(map(_rules, plans.plans))
        rules: dict[str, Rule] = {rule.identity: rule for rule in every}
        self._limiter.keep_only(rules.values(), now_s())


def _ca_fault(upstream: str, tls: UpstreamTls, error: OSError) -> ConfigFault:
    why = error.strerror or str(error)
    if tls.ca is not None:
        return ConfigFault(f"upstreams.{upstream}.tls.ca", f"cannot be used: {why}", "give PEM certificates")
    what = f"{tls.ca_file!r} cannot be used: {why}"
    return ConfigFault(f"upstreams.{upstream}.tls.caFile", what, "give a readable file of PEM certificates")


def _none(_name: str) -> None:
    return None


def _log_missing(upstream: str, why: str) -> None:
    LOG.warning("upstream %s: %s", upstream, why)
