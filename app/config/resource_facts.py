"""Routes, upstreams and keys as comparable facts, with what of each may be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple, TypeAlias

from app.config.model import (
    HeaderEdits,
    HealthCheck,
    KeyEntry,
    Listener,
    Match,
    Redirect,
    Rewrite,
    Route,
    Upstream,
    UpstreamProtocol,
    ValueMatch,
)

__all__ = ["ANOTHER_VALUE", "Fact", "Facts", "key_facts", "listener_facts", "route_facts", "upstream_facts"]

ANOTHER_VALUE = "another value"
"""What is shown of a value that changed and may be a secret."""


class Fact(NamedTuple):
    """`shown`: JSON-able, without secrets; `compared`: all of it."""

    shown: object
    compared: object


Facts: TypeAlias = Mapping[str, Fact]
"""By the name of the field; a field that is not set is left out."""


def route_facts(routes: Sequence[Route]) -> Facts:
    """Of one route, one for each of its matches. Of header fields and query parameters only names are shown."""
    route = routes[0]
    shares = [f"{each.name}:{each.weight}" for each in route.upstreams]
    mirrors = [f"{each.name}:{each.share:g}" for each in route.mirrors]
    return _set(
        {
            **(_match_facts(route.match) if len(routes) == 1 else _matches_facts(routes)),
            "listeners": _plain([*dict.fromkeys(str(name) for each in routes for name in each.listeners)]),
            "upstream": Fact(shares, route.upstreams),
            "mirror": _plain(mirrors),
            "cors": Fact(list(route.cors.origins) if route.cors is not None else None, route.cors),
            "auth": _plain(str(route.auth)),
            "rewrite": _plain(_given(route.rewrite)),
            "redirect": _plain(_given(route.redirect) if route.redirect is not None else {}),
            "requestHeaders": _edits(route.request_headers),
            "responseHeaders": _edits(route.response_headers),
        }
    )


def _match_facts(match: Match) -> Facts:
    return {
        "match.hosts": _plain(list(match.hosts)),
        "match.path": _plain(f"{match.path_kind}:{match.path}"),
        "match.methods": _plain(list(match.methods)),
        "match.headers": _named(match.headers),
        "match.query": _named(match.query),
    }


def _matches_facts(routes: Sequence[Route]) -> Facts:
    """Each on one line, with the names of what else it wants."""
    lines = []
    for match in dict.fromkeys(route.match for route in routes):
        wanted = [f"{each.name}=" for each in (*match.headers, *match.query)]
        path = f"{match.path_kind}:{match.path}"
        lines.append(" ".join((*match.methods, *match.hosts, path, *wanted)))
    return {"matches": Fact(lines, tuple((route.match, route.listeners) for route in routes))}


def _checked(check: HealthCheck) -> str | None:
    return check.path if check.grpc_service is None else f"grpc:{check.grpc_service}"


def upstream_facts(upstream: Upstream) -> Facts:
    check, credential, protocol = upstream.health_check, upstream.credential, upstream.protocol
    return _set(
        {
            "endpoints": _plain([each.url for each in upstream.endpoints]),
            "protocol": _plain(None if protocol is UpstreamProtocol.AUTO else protocol.value),
            "tls.caFile": _plain(upstream.tls.ca_file),
            "tls.serverName": _plain(upstream.tls.server_name),
            "tls.ca": Fact(upstream.tls.ca and "PEM", upstream.tls.ca),
            "tls.subjectAltNames": _plain(list(upstream.tls.subject_names)),
            "tls.clientCertificate": _plain(upstream.tls.client_certificate),
            "discovered": _plain(upstream.is_discovered or None),
            "missing": _plain(upstream.missing),
            "healthCheck": Fact(check and _checked(check), check),
            "credential": Fact(credential and credential.header, credential),
        }
    )


def listener_facts(listener: Listener) -> Facts:
    asked = listener.client_certificates
    return _set(
        {
            "port": _plain(listener.port),
            "protocol": _plain(listener.protocol.value),
            "hosts": _plain(list(listener.hosts)),
            "certificates": _plain(list(listener.certificates)),
            "clientCertificates": Fact(asked and ("required" if asked.is_required else "optional"), asked),
            "publicPort": _plain(listener.public_port),
        }
    )


def key_facts(entries: Sequence[KeyEntry]) -> Facts:
    """Of one client's keys: their tiers, never a hash."""
    compared = [(each.scheme, each.digest, each.tier, each.not_after_wall_s) for each in entries]
    return {"tiers": Fact([each.tier for each in entries], compared)}


def _set(facts: Facts) -> Facts:
    return {name: fact for name, fact in facts.items() if fact.shown not in (None, [], {})}


def _plain(value: object) -> Fact:
    return Fact(value, value)


def _named(matches: tuple[ValueMatch, ...]) -> Fact:
    compared = [(each.name, each.value, each.pattern and each.pattern.pattern) for each in matches]
    return Fact([each.name for each in matches], compared)


def _edits(edits: HeaderEdits) -> Fact:
    names = [f"set {name}" for name, _ in edits.set] + [f"add {name}" for name, _ in edits.add]
    return Fact([*names, *(f"remove {name}" for name in edits.remove)], edits)


def _given(value: Rewrite | Redirect) -> dict[str, object]:
    """Its fields that say something."""
    named = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: said for name, said in named.items() if said is not None}
