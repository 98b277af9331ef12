"""What a valid configuration file allows and its author may not mean: warnings, never faults."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from app.config.model import Auth, Config, Endpoint, Match, PathKind, Route, UpstreamName
from app.schema.faults import Faults, Path

__all__ = ["find_hazards", "find_oversights"]

_CONTROLS = "".join(map(chr, range(0x20))) + "\x7f"
_NEVER_IN_PATH = _CONTROLS + " #?"  # such requests are rejected, or it ends there
_NEVER_IN_HEADER = _CONTROLS.replace("\t", "")

_GROWTH = {  # by the words of `Growth`
    "exponential": "can take twice as long with each more character: one request can stop the gateway",
    "polynomial": "can take time that grows with the square of the text's length, or faster",
    "unknown": "is too complicated to tell how long it can take",
}
_SIMPLIFY = (
    "write it so that a text matches in one way only: no quantifier around another as in (a+)+, no "
    "alternatives that overlap under one, no two in a row that take the same; or a++, which never goes back "
    "(from Python 3.11.5 on)"
)


def find_hazards(config: Config, *, raw_paths: bool) -> Faults:
    """The warnings, by path in the file; `config` was read without a fault. `raw_paths`: PATHS is `raw`."""
    hazards = Faults()
    routes = config.routes or ()
    for place, route in _placed(routes):
        _find_slow_regexes(place, route.match, hazards)
    if raw_paths:
        endpoints = {upstream.name: upstream.endpoints for upstream in config.upstreams}
        _find_ways_past_a_key(routes, endpoints, hazards)
    return hazards


def find_oversights(config: Config, default_auth: str, *, has_key: bool, is_empty: bool) -> Faults:
    """What `tidegate check` alone warns of: a file that says nothing, keys that are missing, upstreams left over.

    `default_auth`: AUTH; `has_key`: API_KEY is set where the check runs; `is_empty`: the file says nothing at all.
    """
    oversights = Faults()
    if is_empty:
        oversights.add(
            (),
            "is empty: the gateway then has its one built-in route, / to the upstream cache",
            "give upstreams and routes, write {} for that route alone, or routes: [] for none",
        )
        return oversights
    _find_missing_keys(config, default_auth, has_key, oversights)
    if config.routes is not None:
        used = {one.name for route in config.routes for one in route.upstreams}
        used.update(one.name for route in config.routes for one in route.mirrors)
        for upstream in config.upstreams:
            if upstream.name not in used:
                oversights.add(
                    ("upstreams", upstream.name),
                    "is used by no route",
                    "name it in a route, or leave it out",
                )
    return oversights


def _find_missing_keys(config: Config, default_auth: str, has_key: bool, oversights: Faults) -> None:
    if has_key or config.keys or config.keys_file is not None:
        return
    fix = "set API_KEY where it runs, give keys or keysFile, or write auth: none"
    if config.routes is None:
        if default_auth == "key":
            what = "holds no keys, and the built-in route wants one: the gateway starts only with a key"
            oversights.add((), what, fix.replace("write auth: none", "set AUTH=none"))
        return
    wanting = {route.name: place[:2] for place, route in _placed(config.routes) if route.auth is Auth.KEY}
    if wanting:
        more = f" (and {len(wanting) - 1} more)" if len(wanting) > 1 else ""
        what = f"wants a key{more}, and no key is known here: the gateway starts only with one"
        oversights.add(next(iter(wanting.values())), what, fix)


def _placed(routes: Sequence[Route]) -> Iterator[tuple[Path, Route]]:
    """Each with the place of its match in the file, where several of one name are one route with `matches`."""
    for index, (_, group) in enumerate(itertools.groupby(routes, lambda route: route.name)):
        made = tuple(group)
        for position, route in enumerate(made):
            place: Path = (
                ("routes", index, "match") if len(made) == 1 else ("routes", index, "matches", position)
            )
            yield place, route


def _find_slow_regexes(place: Path, match: Match, hazards: Faults) -> None:
    if match.path_kind is PathKind.REGEX:
        _judge((*place, "path", "regex"), re.compile(match.path), _NEVER_IN_PATH, hazards)
    for key, values, never in (("headers", match.headers, _NEVER_IN_HEADER), ("query", match.query, "")):
        for value in values:
            if value.pattern is not None:
                _judge((*place, key, value.name, "regex"), value.pattern, never, hazards)


def _judge(place: Path, pattern: re.Pattern[str], never: str, hazards: Faults) -> None:
    from app.config.parsing.regex_growth import Growth, growth_of  # for those who have one

    growth = growth_of(pattern, never)
    if growth is not Growth.LINEAR:
        hazards.add(place, _GROWTH[growth], _SIMPLIFY)


def _find_ways_past_a_key(
    routes: Sequence[Route], endpoints: Mapping[UpstreamName, Sequence[Endpoint]], hazards: Faults
) -> None:
    """Open routes that forward dot segments to a server where another route wants a key."""
    wanting = {
        server: route.name
        for route in reversed(routes)
        if route.auth is Auth.KEY
        for server in _servers(route, endpoints)
    }
    warned: set[Path] = set()
    for place, route in _placed(routes):
        if route.auth is Auth.KEY or not _passes_path_on(route) or place[:2] in warned:
            continue
        past = next((wanting[server] for server in _servers(route, endpoints) if server in wanting), None)
        if past is not None:
            what = (
                f"wants no key, and route {past} with the same upstream does: with PATHS=raw a path with .. "
                "may reach here what that one protects"
            )
            warned.add(place[:2])
            hazards.add(place[:2], what, "leave PATHS at reject, or let the upstream reject such paths")


def _passes_path_on(route: Route) -> bool:
    """Whether a client chooses what the upstream gets as path, at least its end."""
    return route.rewrite.path is None and route.match.path_kind is not PathKind.EXACT


def _servers(
    route: Route, endpoints: Mapping[UpstreamName, Sequence[Endpoint]]
) -> Iterator[Endpoint | UpstreamName]:
    """Where the route leads; an upstream that the environment defines stands for its endpoint."""
    for upstream in route.upstreams:
        yield from endpoints.get(upstream.name, (upstream.name,))
