"""What an applied configuration changed: the difference of two tables' effective settings. Pure.

The unit is a field in force for a route, an upstream, a breaker or a key, so an edit that changes nothing for
anybody, such as another order of policies, has no changes. A value that may be a secret (of a header field, a
key's hash) is compared and never shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from app.config.inverse import Inverse
from app.config.model import KeyEntry, Listener, Route
from app.config.resource_facts import (
    ANOTHER_VALUE,
    Facts,
    key_facts,
    listener_facts,
    route_facts,
    upstream_facts,
)
from app.config.table import RouteSettings, Table
from app.policy.breaker_fields import CIRCUIT_BREAKER, OVERRIDE
from app.policy.effective import Effective, Origin, Source
from app.policy.limit_fields import RATE_LIMIT
from app.policy.traffic_fields import RETRY, TIMEOUT

__all__ = ["MOST_CHANGES", "Change", "Edit", "change_text", "differences"]

MOST_CHANGES = 100
"""Changes that one edit keeps; of a larger one the number of the others is kept."""

N = TypeVar("N", bound=str)
T = TypeVar("T")

_Values: TypeAlias = Mapping[str, object]
_Setting: TypeAlias = Effective[Any] | None
_Write: TypeAlias = Callable[[Any], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Change:
    """One field: JSON-able `old` and `new`, None where it was or is not set.

    `target`: `Gateway`, `Route/orders`, `Upstream/orders` or `Key/acme`. `source`, `policy`: where the new value comes
    from (`file`, `resource`, `environment`, `built-in`; the policy's or variable's name); `generation`: of a resource.
    """

    target: str
    stanza: str
    field: str
    old: object
    new: object
    source: str
    policy: str | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Configuration `sequence`, applied at `at_wall_s`; `source`: a file, `sync`, `configmap`, or `override` ended.

    `omitted`: how many changes it had besides `changes`. `inverse`: what puts its policies back.
    """

    at_wall_s: float
    sequence: int
    source: str
    changes: tuple[Change, ...]
    omitted: int = 0
    inverse: tuple[Inverse, ...] = ()


def change_text(change: Change) -> str:
    """For people: `Gateway rateLimit.rules.per-client.requests: 1800 → 18 (file defaults)`."""
    origin = change.source if change.policy in (None, change.source) else f"{change.source} {change.policy}"
    if change.generation is not None:
        origin += f", generation {change.generation}"
    old, new = ("unset" if value is None else value for value in (change.old, change.new))
    return f"{change.target} {change.stanza}.{change.field}: {old} → {new} ({origin})"


def differences(old: Table, new: Table) -> tuple[Change, ...]:
    """Every field whose effective value is another one; one change where it is the same for all. O(routes)."""
    before, after = _differing(old, new)
    return (*_setting_changes(before, after), *_resource_changes(before, after))


class _Side(NamedTuple):
    """A table, and of its routes those that are to be compared."""

    table: Table
    routes: Sequence[RouteSettings]


def _differing(old: Table, new: Table) -> tuple[_Side, _Side]:
    """With the routes that are not the same objects with the same settings in both: of thousands often one."""
    kept = set(map(id, old.routes)).intersection(map(id, new.routes))
    names = {settings.route.name for settings in chain(old.routes, new.routes) if id(settings) not in kept}
    before, after = (
        [settings for settings in table.routes if settings.route.name in names] for table in (old, new)
    )
    return _Side(old, before), _Side(new, after)


class _Pair(NamedTuple):
    """A stanza before and after, for one route or breaker."""

    target: str
    stanza: str
    old: _Setting
    new: _Setting
    write: _Write


def _pairs(old: _Side, new: _Side) -> Iterator[_Pair]:
    """For every route that both have."""
    before = {settings.route.name: settings for settings in old.routes}
    for settings in new.routes:
        was = before.get(settings.route.name)
        if was is None:
            continue
        target = f"Route/{settings.route.name}"
        yield _Pair(target, "rateLimit", was.rate_limit, settings.rate_limit, RATE_LIMIT.write)
        yield _Pair(target, "timeout", was.timeout, settings.timeout, TIMEOUT.write)
        yield _Pair(target, "retry", was.retry, settings.retry, RETRY.write)
        yield _Pair(target, "rateLimit (Shadow)", was.shadow_limit, settings.shadow_limit, RATE_LIMIT.write)
        yield from _breaker_pairs((old.table, was), (new.table, settings))


def _breaker_pairs(old: tuple[Table, RouteSettings], new: tuple[Table, RouteSettings]) -> Iterator[_Pair]:
    """Breakers by the upstream they guard: a policy on the route gives them another name, not another target."""
    (old_table, was), (new_table, settings) = old, new
    names = [each.name for each in was.route.upstreams]
    before = dict(zip(names, was.breakers, strict=True))
    shadows_before = dict(zip(names, was.shadow_breakers, strict=False))
    shadows = dict(
        zip((each.name for each in settings.route.upstreams), settings.shadow_breakers, strict=False)
    )
    for upstream, name in zip(settings.route.upstreams, settings.breakers, strict=True):
        old_name = before.get(upstream.name)
        if old_name is None:
            continue
        is_own = "@" in name or "@" in old_name
        target = f"Route/{settings.route.name}" if is_own else f"Upstream/{upstream.name}"
        settled = old_table.breakers.get(old_name), new_table.breakers.get(name)
        yield _Pair(target, "circuitBreaker", *settled, CIRCUIT_BREAKER.write)
        forced = old_table.overrides.get(old_name), new_table.overrides.get(name)
        yield _Pair(target, "circuitBreaker.override", *forced, OVERRIDE.write)
        shadowed = (
            old_table.shadow_breakers.get(shadows_before.get(upstream.name) or ""),
            new_table.shadow_breakers.get(shadows.get(upstream.name) or ""),
        )
        yield _Pair(target, "circuitBreaker (Shadow)", *shadowed, CIRCUIT_BREAKER.write)


def _setting_changes(old: _Side, new: _Side) -> Iterator[Change]:
    """Changes that are the same for several targets are folded; all targets together are the Gateway."""
    found: dict[tuple[str, str], tuple[Change, dict[str, None]]] = {}
    known: dict[tuple[str, int, int], tuple[Change, ...]] = {}
    for pair in _pairs(old, new):
        if pair.old is pair.new:
            continue
        same = (pair.stanza, id(pair.old), id(pair.new))  # routes that no policy names share their settings
        if same not in known:
            known[same] = tuple(_changes(pair, new.table))
        for change in known[same]:
            _, targets = found.setdefault((change.stanza, repr(change)), (change, {}))
            targets[change.target or pair.target] = None
    whole = [_Side(each.table, each.table.routes) for each in (old, new)]
    for change, targets in found.values():
        every = len(targets) > 1 and all(
            pair.target in targets for pair in _pairs(*whole) if pair.stanza == change.stanza
        )
        for target in ("Gateway",) if every else targets:
            yield Change(target, *_rest(change))


def _changes(pair: _Pair, new: Table) -> Iterator[Change]:
    """Their `target` is that of the policy where it stayed the same one, else ""."""
    if pair.old is not None and pair.new is not None and pair.old.value == pair.new.value:
        return
    before, after = _written(pair.old, pair.write), _written(pair.new, pair.write)
    was = pair.old.origin if pair.old is not None else None
    now = pair.new.origin if pair.new is not None else None
    origin = now or was or _NO_ORIGIN
    target = origin.target if was is None or now is None or was.target == now.target else ""
    source = origin.source.name.lower().replace("_", "-")
    generation = _generation(new, origin) if now is not None else None
    for name in dict.fromkeys((*before, *after)):
        old_value, new_value = before.get(name), after.get(name)
        if old_value != new_value:
            yield Change(target, pair.stanza, name, old_value, new_value, source, origin.policy, generation)


_NO_ORIGIN = Origin(Source.BUILT_IN, "built-in", "Gateway")


def _rest(change: Change) -> tuple[str, str, object, object, str, str | None, int | None]:
    return (
        change.stanza,
        change.field,
        change.old,
        change.new,
        change.source,
        change.policy,
        change.generation,
    )


def _written(setting: _Setting, write: _Write) -> _Values:
    return {} if setting is None or setting.value is None else _flat(write(setting.value))


def _flat(value: Mapping[str, object], above: str = "") -> dict[str, object]:
    """By path: `failureRate.percent`, `rules.per-client.requests`."""
    flat: dict[str, object] = {}
    for key, inner in value.items():
        path = f"{above}{key}"
        if isinstance(inner, Mapping):
            flat |= _flat(cast("Mapping[str, object]", inner), f"{path}.")
        elif isinstance(inner, list) and all(isinstance(item, Mapping) and "name" in item for item in inner):
            for item in cast("list[dict[str, object]]", inner):
                flat |= _flat(
                    {name: each for name, each in item.items() if name != "name"}, f"{path}.{item['name']}."
                )
        else:
            flat[path] = inner
    return flat


def _generation(table: Table, origin: Origin) -> int | None:
    """Of the resource that the setting comes from."""
    if origin.source is not Source.RESOURCE:
        return None
    resources = table.resources
    entry = resources.read.get(resources.uids.get(origin.policy, ""))
    return None if entry is None else entry[0].generation


def _resource_changes(before: _Side, after: _Side) -> Iterator[Change]:
    """Listeners, routes and upstreams, of the file and of the cluster, and keys."""
    old, new = before.table, after.table
    yield from _item_changes(("Listener", "listener"), _listeners(old), _listeners(new), listener_facts)
    yield from _item_changes(("Route", "route"), _routes(before.routes), _routes(after.routes), route_facts)
    yield from _item_changes(("Upstream", "upstream"), old.upstreams, new.upstreams, upstream_facts)
    yield from _item_changes(("Key", "key"), _keys(old), _keys(new), key_facts)


def _listeners(table: Table) -> dict[str, Listener]:
    return {listener.name: listener for listener in table.listeners}


def _routes(every: Sequence[RouteSettings]) -> dict[str, tuple[Route, ...]]:
    """By name, of which one with several matches has several."""
    by_name: dict[str, list[Route]] = {}
    for settings in every:
        by_name.setdefault(settings.route.name, []).append(settings.route)
    return {name: tuple(routes) for name, routes in by_name.items()}


def _keys(table: Table) -> dict[str, tuple[KeyEntry, ...]]:
    by_name: dict[str, tuple[KeyEntry, ...]] = {}
    for entry in table.keys:
        by_name[entry.name] = (*by_name.get(entry.name, ()), entry)
    return by_name


def _item_changes(
    kind: tuple[str, str], before: Mapping[N, T], after: Mapping[N, T], facts: Callable[[T], Facts]
) -> Iterator[Change]:
    """Only of those that differ are the facts taken: 10,000 routes that stay cost milliseconds."""
    word, stanza = kind
    for name in (*before, *(name for name in after if name not in before)):
        was, now, target = before.get(name), after.get(name), f"{word}/{name}"
        source = "resource" if "/" in name else "file"  # names of the cluster have slashes
        if was is None or now is None:
            gone, came = (None if each is None else str(name) for each in (was, now))
            yield Change(target, stanza, "name", gone, came, source)
        elif was is not now and was != now:
            yield from _fact_changes((target, stanza, source), facts(was), facts(now))


def _fact_changes(place: tuple[str, str, str], before: Facts, after: Facts) -> Iterator[Change]:
    target, stanza, source = place
    for field in dict.fromkeys((*before, *after)):
        was, now = before.get(field), after.get(field)
        if was != now:
            old, new = (None if each is None else each.shown for each in (was, now))
            yield Change(target, stanza, field, old, ANOTHER_VALUE if old == new else new, source)
