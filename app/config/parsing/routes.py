"""Reads `routes`: match, upstreams or redirect, rewrite, header edits, auth."""

from collections.abc import Mapping
from enum import StrEnum

from app.config.model import (
    Auth,
    HeaderEdits,
    Match,
    PathKind,
    Redirect,
    Rewrite,
    Route,
    UpstreamName,
    WeightedUpstream,
)
from app.config.parsing.headers import HEADER_EDITS
from app.config.parsing.match import MATCH
from app.config.parsing.upstreams import parse_endpoint, raw_path
from app.schema.faults import BadValue
from app.schema.fields import CheckedText, Choice, Custom, Whole
from app.schema.names import dns_subdomain
from app.schema.records import Nested, Record, Rule
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["ROUTE", "read_routes"]

_REDIRECT_PARTS = ("scheme", "host", "port", "path", "prefix")
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
MAX_WEIGHT = 1_000_000


class _Scheme(StrEnum):
    HTTP = "http"
    HTTPS = "https"


def read_routes(config: Section) -> tuple[Route, ...] | None:
    """The routes in the file's order; None if the file has no `routes`."""
    if "routes" not in config:
        return None
    routes: dict[str, Route] = {}
    matches: dict[Match, str] = {}
    for path, item in config.items("routes", 1):
        faults_before = len(config.faults)
        route = ROUTE.open(item, path, config.faults)
        if route is None:
            continue
        if route.name in routes:
            config.faults.add((*path, "name"), f"repeats {route.name}", "each route must have its own name")
        routes.setdefault(route.name, route)
        if len(config.faults) > faults_before:
            continue  # what its match would have been is not known
        first = matches.setdefault(_comparable(route.match), route.name)
        if first != route.name:
            what = f"takes the same requests as route {first}"
            config.faults.add((*path, "match"), what, "remove one of the two, or tell them apart by match")
    return tuple(routes.values())


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


def _read_name(route: Section) -> str:
    """A route without a good name is one fault, not also a duplicate of another such."""
    route.required("name", "a DNS subdomain such as orders")
    return route.text("name", dns_subdomain, f"{route.path[-1]}?")


def _check_destination(section: Section, _: Route) -> None:
    if "upstream" in section and "redirect" in section:
        section.fault("redirect", "stands beside upstream", "a route must have one of the two")
    elif "upstream" not in section and "redirect" not in section:
        section.faults.add(section.path, "has neither upstream nor redirect", "give upstream: NAME")


def _check_rewrite(section: Section, _: Route) -> None:
    if "rewrite" in section and "redirect" in section:
        section.fault("rewrite", "has no effect on a redirect", "put path, prefix and host into redirect")


def _check_prefix(section: Section, route: Route) -> None:
    for key in ("rewrite", "redirect"):
        value = section.raw(key)
        if isinstance(value, Mapping) and "prefix" in value and route.match.path_kind is not PathKind.PREFIX:
            fix = "match.path must be a prefix; or use path instead"
            section.faults.add((*section.at(key), "prefix"), "has no prefix to replace", fix)


def _read_upstream_refs(route: Section) -> tuple[WeightedUpstream, ...]:
    if "upstream" not in route:
        return ()
    value = route.raw("upstream")
    if isinstance(value, str):
        name = route.text("upstream", dns_subdomain, value)
        return (WeightedUpstream(UpstreamName(name)),)
    if not isinstance(value, list):
        route.fault("upstream", f"is {kind_of(value)}", "give a name, or a list of {name: .., weight: ..}")
        return ()
    faults_before = len(route.faults)
    found: dict[str, WeightedUpstream] = {}
    for path, item in route.items("upstream", 1):
        section = Section.open(item, path, ("name", "weight"), route.faults)
        if section is None or not section.required("name", "the name of an upstream"):
            continue
        name = section.text("name", dns_subdomain, "")
        if name in found:
            section.fault(
                "name", f"repeats {show(name)}", "give each upstream once, with the sum of the weights"
            )
        weight = section.integer("weight", 0, MAX_WEIGHT, 1)
        found[name] = WeightedUpstream(UpstreamName(name), weight)
    if len(route.faults) == faults_before and not any(ref.weight for ref in found.values()):
        route.fault("upstream", "has no weight above 0", "one upstream must have a weight of at least 1")
    return tuple(found.values())


def _read_status(redirect: Section) -> int:
    status = redirect.raw("status") if "status" in redirect else Redirect().status
    if isinstance(status, bool) or not isinstance(status, int) or status not in _REDIRECT_STATUSES:
        redirect.fault("status", f"is {show(status)}", "it must be 301, 302, 303, 307 or 308")
        return _REDIRECT_STATUSES[0]
    return status


def _read_scheme(redirect: Section) -> str | None:
    return str(redirect.choice("scheme", _Scheme)) if "scheme" in redirect else None


def _check_one_path(section: Section, _: object) -> None:
    if "prefix" in section and "path" in section:
        section.fault("path", "stands beside prefix", "keep one of the two")


def _check_change(section: Section, _: Redirect) -> None:
    if not any(key in section for key in _REDIRECT_PARTS):
        fix = "it must have scheme, host, port, path or prefix"
        section.faults.add(section.path, "leads back to the same URL", fix)


def _host(text: str) -> str:
    """A host without port; an IPv6 address in brackets."""
    if ":" in _authority(text).rpartition("]")[2]:
        raise BadValue(f"is {show(text)}", "put the port into redirect.port")
    return text


def _authority(text: str) -> str:
    """A host with an optional port, as in a Host field."""
    if "/" in text or "@" in text or "?" in text or "#" in text:
        raise BadValue(
            f"is {show(text)}", "it must be a host such as api.example.com, with a port if need be"
        )
    parse_endpoint(f"http://{text}")
    return text


_PREFIX = CheckedText("prefix", raw_path, says="Replaces the prefix that `match.path` matched.")
_PATH = CheckedText("path", raw_path, says="Replaces the whole path; not beside `prefix`.")
_REWRITE: Record[Rewrite] = Record(
    Rewrite,
    "What the upstream gets instead of what the client sent.",
    {
        "prefix": _PREFIX,
        "path": _PATH,
        "host": CheckedText("host", _authority, says="Replaces Host. Default: as the client sent it."),
    },
    Rule("", "path and prefix must not stand together", _check_one_path),
)
_REDIRECT: Record[Redirect] = Record(
    Redirect,
    "Replies with a redirect instead of asking an upstream; what is left out stays as the client sent it.",
    {
        "status": Custom(
            "status",
            _read_status,
            {"description": "Its status.", "enum": [*_REDIRECT_STATUSES], "default": Redirect().status},
        ),
        "scheme": Custom(
            "scheme", _read_scheme, {"description": "Another scheme.", "enum": [str(one) for one in _Scheme]}
        ),
        "host": CheckedText("host", _host, says="Another host, without port."),
        "port": Whole("port", 1, 65_535, "Another port."),
        "path": _PATH,
        "prefix": _PREFIX,
    },
    Rule("", "path and prefix must not stand together", _check_one_path),
    Rule("", "redirect must have scheme, host, port, path or prefix", _check_change),
)
ROUTE = Record(
    Route,
    "Which requests go where. A file with `routes` replaces the built-in route.",
    {
        "name": Custom(
            "name",
            _read_name,
            {
                "description": "Its name in metrics, logs and policies: a DNS subdomain. Required.",
                "type": "string",
            },
            is_required=True,
        ),
        "match": Nested("match", MATCH, Match()),
        "upstreams": Custom(
            "upstream",
            _read_upstream_refs,
            {
                "description": "Name of an upstream, or `[{name: NAME, weight: N}]` for several; weights are "
                f"0 to {MAX_WEIGHT:,}, default 1.",
                "type": "string",
            },
        ),
        "rewrite": Nested("rewrite", _REWRITE, Rewrite()),
        "request_headers": Nested("requestHeaders", HEADER_EDITS, HeaderEdits()),
        "response_headers": Nested("responseHeaders", HEADER_EDITS, HeaderEdits()),
        "redirect": Nested("redirect", _REDIRECT),
        "auth": Choice(
            "auth", Auth, "`key`: a client needs an API key; `none`: everybody may pass.", Auth.KEY
        ),
    },
    Rule("", "a route must have one of upstream and redirect", _check_destination),
    Rule("", "rewrite must not stand beside redirect", _check_rewrite),
    Rule("", "match.path must be a prefix where a prefix is replaced", _check_prefix),
)
