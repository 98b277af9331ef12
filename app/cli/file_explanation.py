"""`tidegate explain --config FILE`: which policies of a file decide for a target, and what they beat; no cluster."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import orjson

from app.cli.fault_report import report
from app.cli.tables import columns_text, printable
from app.config.check_inputs import input_of
from app.config.environment import EnvironmentRules
from app.config.model import (
    BUILT_IN_ROUTE,
    CACHE_UPSTREAM,
    Config,
    Match,
    Route,
    RouteName,
    UpstreamName,
    WeightedUpstream,
)
from app.config.parsing.config_file import parse_config, target_names
from app.config.table import RouteSettings, Table, compile_table
from app.foundation.clock import wall_s
from app.foundation.errors import ConfigFault, ConfigFaults
from app.policy.breaker_fields import CIRCUIT_BREAKER, OVERRIDE
from app.policy.effective import Effective, Origin, Source
from app.policy.limit_fields import RATE_LIMIT
from app.policy.merge import target_text
from app.policy.model import Mode, OverrideState, Policy, TargetKind, TargetRef
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.faults import BadValue
from app.schema.names import dns_subdomain
from app.schema.wording import nearest

__all__ = ["explained_rows", "read_file_target", "show_file_explained"]

T = TypeVar("T")
Row = tuple[str, str, str, str, str]
"""Stanza, mode, where it is from, what it beats, what it says."""

_COLUMNS = ("STANZA", "MODE", "FROM", "BEATS", "SAYS")
_KINDS = (TargetKind.GATEWAY, TargetKind.UPSTREAM, TargetKind.ROUTE)
_MAX_NAMES = 10
_NOBODY = ""
"""A route or an upstream that no policy can name: what holds where nothing more specific does."""


def show_file_explained(path: str, text: str, env: Mapping[str, str] | None = None) -> int:
    """What is in force for the target `text` by the file at `path` (`-`: standard input). Raises ConfigFaults."""
    try:
        target = read_file_target(text)
    except BadValue as bad:
        raise ConfigFaults([ConfigFault("TARGET", bad.what, bad.fix)]) from None
    given = input_of(path)
    config = parse_config(given.read(), given.name)
    _check_known(config, target, given.name)
    rules = EnvironmentRules.offline(os.environ if env is None else env)
    now_wall_s = wall_s()
    rows = explained_rows(config, rules, target, now_wall_s)
    sys.stdout.write(columns_text(_COLUMNS, rows))
    for policy in config.policies:
        if _has_ended(policy, now_wall_s):
            sys.stdout.write(printable(f"not in force: {policy.name}: its override has ended") + "\n")
    for note in _notes(config, target):
        report(note)
    return 0


def read_file_target(text: str) -> TargetRef:
    """The target of `Route/orders`, `Upstream/cache` or `Gateway`. Raises BadValue."""
    kind, _, name = text.partition("/")
    kinds = {str(known).lower(): known for known in _KINDS}
    found = kinds.get(kind.lower())
    if found is None:
        fix = "write it like Route/orders, Upstream/cache or Gateway"
        if "/" in name:
            fix += "; a namespace is for a cluster, without --config"
        raise BadValue(f"{text!r} names no target", fix)
    if found is TargetKind.GATEWAY:
        if name:
            raise BadValue(f"{text!r} names a gateway", "a file is for one gateway: write Gateway")
        return TargetRef(found)
    if not name:
        raise BadValue(f"{text!r} names no {found.lower()}", f"write it like {found}/orders")
    return TargetRef(found, dns_subdomain(name))


def explained_rows(
    config: Config, environment: EnvironmentRules, target: TargetRef, now_wall_s: float
) -> list[Row]:
    """A row for each stanza and mode; more where the upstreams of a route, or the routes to an upstream, differ.

    Raises ConfigFaults for what is wrong with the environment.
    """
    if target.kind is not TargetKind.ROUTE:
        upstream = UpstreamName(target.name or _NOBODY)
        general = Route(RouteName(_NOBODY), Match(), (WeightedUpstream(upstream),))
        config = replace(config, routes=(general, *_routes(config)))
    table = compile_table(config, environment, 0, (), wall_s=now_wall_s)
    name = target.name if target.kind is TargetKind.ROUTE else _NOBODY
    settings = next(one for one in table.routes if one.route.name == name)
    rows = list(_breaker_rows(table, settings))
    if target.kind is TargetKind.UPSTREAM:
        return rows + [row for other in table.routes[1:] for row in _own_rows(table, other, str(target.name))]
    if settings.shadow_limit is not None:
        rows.append(_row("rateLimit", Mode.SHADOW, settings.shadow_limit, RATE_LIMIT.write))
    rows += [
        _row("rateLimit", Mode.ENFORCE, settings.rate_limit, lambda limit: limit and RATE_LIMIT.write(limit)),
        _row("timeout", Mode.ENFORCE, settings.timeout, TIMEOUT.write),
        _row("retry", Mode.ENFORCE, settings.retry, lambda retry: retry and RETRY.write(retry)),
    ]
    return sorted(rows, key=lambda row: (row[1] != Mode.ENFORCE, _order(row[0])))


def _routes(config: Config) -> tuple[Route, ...]:
    """Those of the file, or in their place the built-in one, which a policy may name too."""
    if config.routes is not None:
        return config.routes
    cache = WeightedUpstream(UpstreamName(CACHE_UPSTREAM))
    return (Route(RouteName(BUILT_IN_ROUTE), Match(), (cache,)),)


def _breaker_rows(table: Table, settings: RouteSettings) -> Iterator[Row]:
    """By upstream, where it has more than one; a redirect has none."""
    route = settings.route
    for upstream, breaker, shadow in zip(
        route.upstreams, settings.breakers, settings.shadow_breakers, strict=True
    ):
        part = f" to {upstream.name}" if len(route.upstreams) > 1 else ""
        yield from _rows_of_breaker(table, breaker, shadow, part)


def _own_rows(table: Table, settings: RouteSettings, upstream: str) -> Iterator[Row]:
    """Of a route that has a breaker of its own in front of `upstream`."""
    for share, breaker, shadow in zip(
        settings.route.upstreams, settings.breakers, settings.shadow_breakers, strict=True
    ):
        if share.name == upstream:
            own_shadow = shadow if shadow != upstream else None
            own = breaker if breaker != upstream else None
            yield from _rows_of_breaker(table, own, own_shadow, f" at Route/{settings.route.name}")


def _rows_of_breaker(table: Table, breaker: str | None, shadow: str | None, part: str) -> Iterator[Row]:
    if breaker is not None:
        setting = table.breakers[breaker]
        yield _row(f"circuitBreaker{part}", Mode.ENFORCE, setting, CIRCUIT_BREAKER.write)
        if breaker in table.overrides:
            yield _row(f"override{part}", Mode.ENFORCE, table.overrides[breaker], OVERRIDE.write)
    if shadow is not None:
        yield _row(f"circuitBreaker{part}", Mode.SHADOW, table.shadow_breakers[shadow], CIRCUIT_BREAKER.write)


def _row(stanza: str, mode: Mode, effective: Effective[T], write: Callable[[T], object]) -> Row:
    losers = ", ".join(_from(origin) for _, origin in effective.losers)
    said = write(effective.value)
    return (
        stanza,
        str(mode),
        _from(effective.origin),
        losers,
        "none" if said is None else orjson.dumps(said).decode(),
    )


def _from(origin: Origin) -> str:
    if origin.source is Source.BUILT_IN:
        return "built-in"
    if origin.source is Source.ENVIRONMENT:
        return f"{origin.policy} (environment)"
    return f"{origin.policy} ({origin.target})"


def _order(stanza: str) -> int:
    return ("circuitBreaker", "override", "rateLimit", "timeout", "retry").index(stanza.split()[0])


def _check_known(config: Config, target: TargetRef, source: str) -> None:
    known = target_names([config], target.kind)
    if target.name is None or target.name in known:
        return
    near = nearest(target.name, known)
    names = sorted(known)
    listed = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    fix = f"did you mean {target.kind}/{near}?" if near else f"{target.kind}s here: {listed or 'none'}"
    raise ConfigFaults([ConfigFault("TARGET", f"{source} has no {target_text(target)}", fix)])


def _has_ended(policy: Policy, now_wall_s: float) -> bool:
    breaker = policy.spec.circuit_breaker
    override = breaker.override if breaker is not None else None
    if override is None or override.state is OverrideState.AUTO or override.until_wall_s is None:
        return False
    return override.until_wall_s <= now_wall_s


def _notes(config: Config, target: TargetRef) -> Iterator[str]:
    """What to know beside the rows."""
    if target.kind is TargetKind.ROUTE:
        route = next((one for one in config.routes or () if one.name == target.name), None)
        if route is not None and route.redirect is not None:
            yield f"{target_text(target)} redirects: it has no breaker, and no request of it is timed or retried"
    if target.kind is TargetKind.UPSTREAM:
        used = {share.name for route in _routes(config) for share in route.upstreams}
        if target.name not in used:
            yield f"no route uses {target_text(target)}"
