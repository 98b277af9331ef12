"""Reads `routes`: match, upstreams or redirect, rewrite, header edits, auth."""

from enum import StrEnum

from app.config.model import (
    Auth,
    Match,
    PathKind,
    Redirect,
    Rewrite,
    Route,
    RouteName,
    UpstreamName,
    WeightedUpstream,
)
from app.config.parsing.headers import read_header_edits
from app.config.parsing.match import read_match
from app.config.parsing.upstreams import parse_endpoint, raw_path
from app.schema.faults import BadValue, Faults, Path
from app.schema.names import dns_subdomain
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["read_routes"]

_KEYS = ("name", "match", "upstream", "rewrite", "requestHeaders", "responseHeaders", "redirect", "auth")
_REDIRECT_KEYS = ("status", "scheme", "host", "port", "path", "prefix")
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
        route = _read_route(item, path, config.faults)
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


def _read_route(item: object, path: Path, faults: Faults) -> Route | None:
    section = Section.open(item, path, _KEYS, faults)
    if section is None:
        return None
    section.required("name", "a DNS subdomain such as orders")
    # a route without a good name is one fault, not also a duplicate of another such
    name = section.text("name", dns_subdomain, f"{path[-1]}?")
    match = read_match(section)
    is_prefix = match.path_kind is PathKind.PREFIX
    route = Route(
        name=RouteName(name),
        match=match,
        upstreams=_read_upstream_refs(section),
        rewrite=_read_rewrite(section, is_prefix),
        request_headers=read_header_edits(section, "requestHeaders"),
        response_headers=read_header_edits(section, "responseHeaders"),
        redirect=_read_redirect(section, is_prefix),
        auth=section.choice("auth", Auth, Auth.KEY),
    )
    if "upstream" in section and "redirect" in section:
        section.fault("redirect", "stands beside upstream", "a route must have one of the two")
    elif "upstream" not in section and "redirect" not in section:
        faults.add(path, "has neither upstream nor redirect", "give upstream: NAME")
    if "rewrite" in section and "redirect" in section:
        section.fault("rewrite", "has no effect on a redirect", "put path, prefix and host into redirect")
    return route


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


def _read_rewrite(route: Section, is_prefix: bool) -> Rewrite:
    section = route.section("rewrite", ("prefix", "path", "host"))
    if section is None:
        return Rewrite()
    _check_paths(section, is_prefix)
    return Rewrite(
        prefix=section.text("prefix", raw_path, None),
        path=section.text("path", raw_path, None),
        host=section.text("host", _authority, None),
    )


def _read_redirect(route: Section, is_prefix: bool) -> Redirect | None:
    section = route.section("redirect", _REDIRECT_KEYS)
    if section is None:
        return None
    _check_paths(section, is_prefix)
    status = section.raw("status") if "status" in section else Redirect().status
    if isinstance(status, bool) or not isinstance(status, int) or status not in _REDIRECT_STATUSES:
        section.fault("status", f"is {show(status)}", "it must be 301, 302, 303, 307 or 308")
        status = _REDIRECT_STATUSES[0]
    if not any(key in section for key in _REDIRECT_KEYS[1:]):
        route.fault(
            "redirect", "leads back to the same URL", "it must have scheme, host, port, path or prefix"
        )
    return Redirect(
        status=status,
        scheme=str(section.choice("scheme", _Scheme)) if "scheme" in section else None,
        host=section.text("host", _host, None),
        port=section.optional_integer("port", 1, 65_535),
        path=section.text("path", raw_path, None),
        prefix=section.text("prefix", raw_path, None),
    )


def _check_paths(section: Section, is_prefix: bool) -> None:
    if "prefix" in section and "path" in section:
        section.fault("path", "stands beside prefix", "keep one of the two")
    if "prefix" in section and not is_prefix:
        section.fault(
            "prefix", "has no prefix to replace", "match.path must be a prefix; or use path instead"
        )


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
