"""Which settings are in force for each route, and the breakers that are used: the hierarchy applied to routes. Pure."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Generic, TypeVar

from app.config.model import ListenerName, Route
from app.policy.effective import Effective, Origin, Source
from app.policy.merge import Hierarchy, Levels, Setting, resolve, strongest
from app.policy.model import BreakerOverride, CircuitBreaker, RateLimit, Retry, Timeout
from app.policy.objects import gateway_of, whole_of

__all__ = ["ChosenSettings", "RouteSettings", "SettledRoutes"]

T = TypeVar("T")

_BUILT_IN = Origin(Source.BUILT_IN, "built-in", "Gateway")
_BREAKER: tuple[Setting[CircuitBreaker], ...] = ((CircuitBreaker(consecutive_failures=3), _BUILT_IN),)
_TIMEOUT: tuple[Setting[Timeout], ...] = ((Timeout(), _BUILT_IN),)
_RETRY: tuple[Setting[Retry | None], ...] = ((None, _BUILT_IN),)
# Gateway API knows neither limits nor breakers: objects of the cluster do what they say until a policy says more
_NEVER_OPENS: tuple[Setting[CircuitBreaker], ...] = ((CircuitBreaker(), _BUILT_IN),)
_NO_LIMIT: tuple[Setting[RateLimit | None], ...] = ((None, _BUILT_IN),)

# of thousands of routes they are put together without a loop of ours
_breakers, _shadow_breakers = attrgetter("breakers"), attrgetter("shadow_breakers")


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A route and what is in force for it.

    `breakers`: the breaker's name for each of `route.upstreams`, in their order: the upstream's name,
    or `upstream@route` where a policy sets a breaker on the route. `shadow_breakers`: likewise the shadow
    that runs beside it, None for none.
    """

    route: Route
    rate_limit: Effective[RateLimit | None]
    timeout: Effective[Timeout]
    retry: Effective[Retry | None]
    breakers: tuple[str, ...]
    shadow_limit: Effective[RateLimit] | None = None
    shadow_breakers: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SettledRoutes:
    """What is in force already, to be taken over where the same hierarchies decide. No override is live in it."""

    routes: tuple[RouteSettings, ...]
    breakers: Mapping[str, Effective[CircuitBreaker]]
    shadow_breakers: Mapping[str, Effective[CircuitBreaker]]

    def by_route(self) -> dict[int, RouteSettings]:
        """By the identity of the route: those of the cluster, whose limits no variable of the environment sets."""
        return {id(each.route): each for each in self.routes if _is_of_cluster(each.route.name)}


class ChosenSettings:
    """Finds what is in force for each route, and collects the breakers that are used, each by its name.

    `gateways`: `NAMESPACE/NAME` of the Gateways, by those listeners whose names do not say it.
    """

    def __init__(
        self, hierarchy: Hierarchy, shadows: Hierarchy, gateways: Mapping[ListenerName, str]
    ) -> None:
        self._hierarchy, self._shadows, self._gateways = hierarchy, shadows, gateways
        self.breakers: dict[str, Effective[CircuitBreaker]] = {}
        self.overrides: dict[str, Effective[BreakerOverride]] = {}
        self.shadow_breakers: dict[str, Effective[CircuitBreaker]] = {}

    def settle(
        self,
        routes: Sequence[Route],
        default_limit: Setting[RateLimit | None],
        known: "SettledRoutes | None" = None,
    ) -> tuple[RouteSettings, ...]:
        """In the order of `routes`; one of several Gateways stands once for each whose settings differ.

        `default_limit`: that of routes of a file, on which no policy sets one. `known`: what was settled by the same
        hierarchies before; what is in force for a route of the cluster that is still the same object is so, too.
        """
        before = {} if known is None else known.by_route()
        chosen = self._hierarchy
        file_limits: _Stanza[RateLimit | None] = _Stanza(chosen.rate_limit, (default_limit,))
        limits: _Stanza[RateLimit | None] = _Stanza(chosen.rate_limit, _NO_LIMIT)
        timeouts, retries = _Stanza(chosen.timeout, _TIMEOUT), _Stanza(chosen.retry, _RETRY)
        named = _named_gateways(chosen) | _named_gateways(self._shadows)
        settled = []
        breakers: dict[tuple[str, ...], tuple[str, ...]] = {}  # routes with the same ones share one object
        shadows: dict[tuple[str | None, ...], tuple[str | None, ...]] = {}
        for route, kept in zip(routes, map(before.get, map(id, routes)), strict=True):
            if kept is not None:
                settled.append(kept)
                continue
            for gateway, part in _parts(route, named, self._gateways):
                names = [upstream.name for upstream in route.upstreams]
                own = tuple([self._breaker(route.name, name, gateway) for name in names])
                own_shadows = tuple([self._shadow_breaker(route.name, name, gateway) for name in names])
                settings = RouteSettings(
                    part,
                    (limits if _is_of_cluster(route.name) else file_limits).of(route.name, gateway),
                    timeouts.of(route.name, gateway, _own(route, route.timeout)),
                    retries.of(route.name, gateway, _own(route, route.retry)),
                    breakers.setdefault(own, own),
                    strongest(self._shadows.rate_limit, route=route.name, gateway=gateway),
                    shadows.setdefault(own_shadows, own_shadows),
                )
                settled.append(settings)
        if known is not None:
            self.breakers = _used(map(_breakers, settled), self.breakers, known.breakers)
            self.shadow_breakers = _used(
                map(_shadow_breakers, settled), self.shadow_breakers, known.shadow_breakers
            )
        return tuple(settled)

    def _breaker(self, route: str, upstream: str, gateway: str | None) -> str:
        """Its name. An override needs a breaker of its own: what it does not cover goes on unforced."""
        settings, overrides = self._hierarchy.circuit_breaker, self._hierarchy.override
        own = _named_first(route, settings.routes, overrides.routes)
        if own is None:
            own_gateway = _with_breaker_of_its_own(gateway, upstream, settings, overrides)
            name = upstream if own_gateway is None else f"{upstream}@{own_gateway}"
        else:
            own_gateway, name = gateway, f"{upstream}@{own}"
        if name not in self.breakers:
            last = _NEVER_OPENS if _is_of_cluster(upstream) else _BREAKER
            self.breakers[name] = resolve(settings, last, route=own, upstream=upstream, gateway=own_gateway)
            override = strongest(overrides, route=own, upstream=upstream, gateway=own_gateway)
            if override is not None:
                self.overrides[name] = override
        return name

    def _shadow_breaker(self, route: str, upstream: str, gateway: str | None) -> str | None:
        levels = self._shadows.circuit_breaker
        own = _named_first(route, levels.routes)
        if own is None:
            own_gateway = _with_breaker_of_its_own(gateway, upstream, levels)
            name = upstream if own_gateway is None else f"{upstream}@{own_gateway}"
        else:
            own_gateway, name = gateway, f"{upstream}@{own}"
        if name not in self.shadow_breakers:
            found = strongest(levels, route=own, upstream=upstream, gateway=own_gateway)
            if found is None:
                return None
            self.shadow_breakers[name] = found
        return name


def _used(
    names: Iterable[tuple[str | None, ...]],
    found: Mapping[str, Effective[CircuitBreaker]],
    known: Mapping[str, Effective[CircuitBreaker]],
) -> dict[str, Effective[CircuitBreaker]]:
    """The breakers of `names`, in their order: `found` for routes that were settled anew, the others `known`."""
    used = {}
    for name in dict.fromkeys(chain.from_iterable(names)):
        if name is not None:
            was, now = known.get(name), found.get(name)
            effective = was if now is None or now == was else now  # the same object while it is the same
            assert effective is not None  # noqa: S101 - a route that is kept was settled with it
            used[name] = effective
    return used


class _Stanza(Generic[T]):
    """What is in force of one stanza; all routes of which policies name the same share one value."""

    def __init__(self, levels: Levels[T], last: tuple[Setting[T], ...]) -> None:
        self._levels, self._last = levels, last
        self._shared: dict[tuple[str | None, str | None], Effective[T]] = {}

    def of(self, route: str, gateway: str | None, own: tuple[Setting[T], ...] = ()) -> Effective[T]:
        """`own`: what the route itself says; weaker than a policy for it, stronger than one for its Gateway."""
        levels = self._levels
        named = _named_first(route, levels.routes)
        if gateway not in levels.gateways:
            gateway = None
        if own:
            return resolve(levels, self._last, route=named, gateway=gateway, own=own)
        key = (named, gateway)
        if key not in self._shared:
            self._shared[key] = resolve(levels, self._last, route=named, gateway=gateway)
        return self._shared[key]


def _is_of_cluster(name: str) -> bool:
    """Whether a route or an upstream was compiled from an object: those names have slashes, a file's have none."""
    return "/" in name


def _own(route: Route, value: T | None) -> tuple[Setting[T], ...]:
    """What the route itself says about a stanza; nothing where it says nothing."""
    if value is None:
        return ()
    source = Source.FILE if whole_of(route.name) is None else Source.RESOURCE
    return ((value, Origin(source, route.name, f"Route/{route.name}")),)


def _parts(
    route: Route, named: Container[str], gateways: Mapping[ListenerName, str]
) -> Iterator[tuple[str | None, Route]]:
    """The route with its Gateway, once for each Gateway that a policy names; None: none that one names."""
    listeners: dict[str | None, list[ListenerName]] = {}
    for listener in route.listeners:
        said = gateways.get(listener)
        gateway = gateway_of(listener) if said is None else f"gateway/{said}"
        listeners.setdefault(gateway if gateway is not None and gateway in named else None, []).append(
            listener
        )
    if len(listeners) < 2:
        yield next(iter(listeners), None), route
        return
    for gateway, own in listeners.items():
        yield gateway, replace(route, listeners=tuple(own))


def _named_gateways(hierarchy: Hierarchy) -> set[str]:
    every: tuple[Levels[object], ...] = (
        hierarchy.circuit_breaker,
        hierarchy.override,
        hierarchy.rate_limit,
        hierarchy.timeout,
        hierarchy.retry,
    )
    return {name for levels in every for name in levels.gateways}


def _named_first(route: str, *levels: Container[str]) -> str | None:
    """The route, or the whole of which it is a rule, whichever a policy names; None where none does.

    The rules of a route whose whole is named share what is set there.
    """
    whole = whole_of(route)
    names = (route,) if whole is None else (route, whole)
    return next((name for name in names for named in levels if name in named), None)


def _with_breaker_of_its_own(
    gateway: str | None, upstream: str, *chains: Levels[CircuitBreaker] | Levels[BreakerOverride]
) -> str | None:
    """The Gateway, where a policy for it decides about its breaker in front of `upstream`; else None.

    A policy for the upstream is stronger, and the breaker that it sets is one for all Gateways.
    """
    if gateway is None:
        return None
    decides = any(gateway in levels.gateways and not levels.of_upstream(upstream) for levels in chains)
    return gateway if decides else None
