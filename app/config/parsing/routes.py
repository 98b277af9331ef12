"""Reads `routes`: matches, upstreams or redirect, rewrite, header edits, mirrors, CORS, times, auth."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from app.config.model import Auth, HeaderEdits, Match, Mirror, PathKind, Rewrite, Route
from app.config.parsing.cors import CORS
from app.config.parsing.destinations import MAX_MIRRORS, MAX_WEIGHT, mirror_record, upstreams_reader
from app.config.parsing.headers import HEADER_EDITS
from app.config.parsing.match import MATCH, unique_texts
from app.config.parsing.redirects import REWRITE, redirect_record
from app.config.parsing.spelling import CLUSTER, FILE, Spelling
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.fields import Choice, Custom
from app.schema.records import ListOf, Nested, Record, Rule, Unique
from app.schema.section import Section

__all__ = ["CLUSTER_ROUTE", "ROUTE", "read_routes"]

MAX_MATCHES = 128
"""HTTPRoute allows a rule 64."""

KEPT_LISTS: Final = 256

Routes = tuple[Route, ...]


def read_routes(config: Section) -> Routes | None:
    """The routes in the file's order, one for each match; none for `routes: []`, None if the file has no `routes`."""
    if "routes" not in config:
        return None
    routes: list[Route] = []
    names: set[str] = set()
    matches: dict[tuple[str, Match], str] = {}
    for path, item in config.items("routes"):
        faults_before = len(config.faults)
        made = ROUTE.open(item, path, config.faults)
        if made is None:
            continue
        name = made[0].name
        if name in names:
            config.faults.add((*path, "name"), f"repeats {name}", "each route must have its own name")
        names.add(name)
        routes += made
        if len(config.faults) > faults_before:
            continue  # what its matches would have been is not known
        for position, route in enumerate(made):
            is_list = isinstance(item, Mapping) and "matches" in item
            place = (*path, "matches", position) if is_list else (*path, "match")
            for listener in route.listeners or ("",):
                first = matches.setdefault((listener, _comparable(route.match)), name)
                if first != name:
                    what = f"takes the same requests as route {first}"
                    fix = "remove one of the two, or tell them apart by match"
                    config.faults.add(place, what, fix)
                    break
    return tuple(routes)


def _comparable(match: Match) -> Match:
    """Equal for matches that take the same requests however they are written."""
    path = match.path.rstrip("/") or "/" if match.path_kind is PathKind.PREFIX else match.path
    return Match(
        hosts=tuple(sorted(match.hosts)),
        path_kind=match.path_kind,
        path=path,
        methods=tuple(sorted(match.methods)),
        headers=tuple(sorted(match.headers, key=lambda header: header.name)),
        query=tuple(sorted(match.query, key=lambda parameter: parameter.name)),
    )


def _check_destination(section: Section, _: Routes) -> None:
    if "upstream" in section and "redirect" in section:
        section.fault("redirect", "stands beside upstream", "a route must have one of the two")
    elif "upstream" not in section and "redirect" not in section:
        section.faults.add(section.path, "has neither upstream nor redirect", "give upstream: NAME")


def _check_rewrite(section: Section, _: Routes) -> None:
    if "rewrite" in section and "redirect" in section:
        section.fault("rewrite", "has no effect on a redirect", "put path, prefix and host into redirect")


def _check_redirect_alone(section: Section, _: Routes) -> None:
    for key in ("mirror", "retry") if "redirect" in section else ():
        if key in section:
            section.fault(key, "has no effect on a redirect", "leave it out")


def _check_prefix(section: Section, routes: Routes) -> None:
    if all(route.match.path_kind is PathKind.PREFIX for route in routes):
        return
    shares = section.raw("upstream")
    places = [((), section.raw), *_share_places(shares if isinstance(shares, list) else [])]
    for place, raw in places:
        for key in ("rewrite", "redirect"):
            value = raw(key)
            if isinstance(value, Mapping) and "prefix" in value:
                fix = "match.path must be a prefix; or use path instead"
                section.faults.add((*section.path, *place, key, "prefix"), "has no prefix to replace", fix)


def _share_places(shares: list[object]) -> list[tuple[tuple[str | int, ...], Callable[[str], object]]]:
    """Each item of `upstream` that is a mapping: its place in the route, and what stands there."""
    return [
        (("upstream", index), share.get) for index, share in enumerate(shares) if isinstance(share, Mapping)
    ]


def _check_matches(section: Section, _: Routes) -> None:
    if "matches" in section and "match" in section:
        section.fault("matches", "stands beside match", "put all of them into matches")


def _routes(match: Match, matches: Sequence[Match], **others: Any) -> Routes:
    return tuple(Route(match=one, **others) for one in matches or (match,))


@lru_cache(KEPT_LISTS)
def _one_object(names: tuple[str, ...]) -> tuple[str, ...]:
    """For all routes of the same listeners, of which there are thousands."""
    return names


def _name_field(spelling: Spelling) -> Custom:
    def read(route: Section) -> str:
        """A route without a good name is one fault, not also a duplicate of another such."""
        route.required("name", spelling.example)
        return route.text("name", spelling.name, f"{route.path[-1]}?")

    says = "Its name in metrics, logs and policies: a DNS subdomain. Required."
    return Custom("name", read, {"description": says, "type": "string"}, is_required=True)


def _listeners_field(spelling: Spelling) -> Custom:
    says = "Names of the listeners that serve it. Default: the gateway's own `PORT`."
    return Custom(
        "listeners",
        lambda route: _one_object(unique_texts(route, "listeners", spelling.label)),
        {"description": says, "type": "array", "minItems": 1},
    )


def _matches_field(spelling: Spelling) -> Custom:
    matches = ListOf(
        "matches",
        MATCH,
        (1, MAX_MATCHES),
        "Instead of `match`: several, of which one must fit.",
        None if spelling.is_compiled else Unique(_comparable, lambda _: "another one", "give it once"),
    )
    return Custom("matches", lambda route: matches.read(route) if "matches" in route else (), matches.node())


def _upstreams_field(spelling: Spelling) -> Custom:
    says = (
        "Name of an upstream, or `[{name: NAME, weight: N}]` for several; weights are "
        f"0 to {MAX_WEIGHT:,}, default 1. An item may also have `requestHeaders`, `responseHeaders`, "
        "`rewrite` and `redirect`, which are for its share of the requests alone."
    )
    return Custom("upstream", upstreams_reader(spelling), {"description": says, "type": "string"})


def _mirrors_field(spelling: Spelling) -> ListOf[Mirror]:
    once: Unique[Mirror] = Unique(
        lambda one: one.name or None, lambda one: one.name, "give it once", "upstream"
    )
    says = "Upstreams that get a copy of the requests."
    unique = None if spelling.is_compiled else once
    return ListOf("mirror", mirror_record(spelling), (0, MAX_MIRRORS), says, unique)


def _route_record(spelling: Spelling) -> Record[Routes]:
    rules = [
        Rule("", "a route must have one of upstream and redirect", _check_destination),
        Rule("", "rewrite must not stand beside redirect", _check_rewrite),
        Rule("", "match.path must be a prefix where a prefix is replaced", _check_prefix),
        Rule("", "match and matches must not stand together", _check_matches),
    ]
    if not spelling.is_compiled:
        rules.append(Rule("", "mirror and retry must not stand beside redirect", _check_redirect_alone))
    return Record(
        _routes,
        "Which requests go where. A file with `routes` replaces the built-in route.",
        {
            "name": _name_field(spelling),
            "listeners": _listeners_field(spelling),
            "match": Nested("match", MATCH, Match()),
            "matches": _matches_field(spelling),
            "upstreams": _upstreams_field(spelling),
            "rewrite": Nested("rewrite", REWRITE, Rewrite()),
            "request_headers": Nested("requestHeaders", HEADER_EDITS, HeaderEdits()),
            "response_headers": Nested("responseHeaders", HEADER_EDITS, HeaderEdits()),
            "redirect": Nested("redirect", redirect_record(may_lead_back=spelling.is_compiled)),
            "mirrors": _mirrors_field(spelling),
            "cors": Nested("cors", CORS),
            "timeout": Nested("timeout", TIMEOUT),
            "retry": Nested("retry", RETRY),
            "auth": Choice(
                "auth", Auth, "`key`: a client needs an API key; `none`: everybody may pass.", Auth.KEY
            ),
        },
        *rules,
    )


ROUTE = _route_record(FILE)
CLUSTER_ROUTE = _route_record(CLUSTER)
