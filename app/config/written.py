"""Routes and upstreams as a configuration file writes them. Pure."""

from app.config.model import (
    Credential,
    HeaderEdits,
    HealthCheck,
    Match,
    Redirect,
    Rewrite,
    Route,
    Upstream,
    UpstreamProtocol,
    ValueMatch,
)
from app.schema.durations import format_duration

__all__ = [
    "Written",
    "is_without_values",
    "said",
    "written_credential",
    "written_match",
    "written_redirect",
    "written_rewrite",
    "written_route",
    "written_upstream",
]

Written = dict[str, object]


def said(**fields: object) -> Written:
    """The fields without those that are None or an empty collection."""
    return {name: value for name, value in fields.items() if value is not None and value not in ([], {})}


def is_without_values(route: Route) -> bool:
    """Whether all of it may be shown: values of header fields and query parameters may be secrets."""
    match, edits = route.match, (route.request_headers, route.response_headers)
    return not (match.headers or match.query or any(each.set or each.add for each in edits))


def written_route(route: Route) -> Written:
    """One that is without values, whole."""
    shares = [{"name": str(each.name), "weight": each.weight} for each in route.upstreams]
    upstream = shares[0]["name"] if len(shares) == 1 and shares[0]["weight"] == 1 else shares
    return said(
        name=str(route.name),
        match=written_match(route.match),
        upstream=upstream,
        redirect=written_redirect(route.redirect),
        rewrite=written_rewrite(route.rewrite),
        requestHeaders=_removals(route.request_headers),
        responseHeaders=_removals(route.response_headers),
        auth=route.auth.value,
    )


def written_match(match: Match) -> Written:
    return said(
        hosts=list(match.hosts),
        path={match.path_kind.value: match.path},
        methods=list(match.methods),
        headers=[_value_match(field) for field in match.headers],
        query=[_value_match(field) for field in match.query],
    )


def written_redirect(redirect: Redirect | None) -> Written | None:
    if redirect is None:
        return None
    return said(
        status=redirect.status,
        scheme=redirect.scheme,
        host=redirect.host,
        port=redirect.port,
        path=redirect.path,
        prefix=redirect.prefix,
    )


def written_rewrite(rewrite: Rewrite) -> Written:
    return said(prefix=rewrite.prefix, path=rewrite.path, host=rewrite.host)


def written_upstream(upstream: Upstream) -> Written:
    """Without name and credential."""
    check, protocol = upstream.health_check, upstream.protocol
    return said(
        endpoints=[endpoint.url for endpoint in upstream.endpoints],
        protocol=None if protocol is UpstreamProtocol.AUTO else protocol.value,
        tls=said(caFile=upstream.tls.ca_file, serverName=upstream.tls.server_name),
        healthCheck=check
        and {
            **_check_kind(check),
            "interval": format_duration(check.interval_s),
            "timeout": format_duration(check.timeout_s),
            "unhealthy": check.unhealthy,
            "healthy": check.healthy,
        },
    )


def _check_kind(check: HealthCheck) -> Written:
    return {"path": check.path} if check.grpc_service is None else {"grpc": {"service": check.grpc_service}}


def written_credential(credential: Credential | None) -> Written | None:
    """Where its secret is found, never itself; None where the environment has it."""
    if credential is None or credential.file is None:
        return None
    return {"file": credential.file, "header": credential.header, "scheme": credential.scheme}


def _value_match(wanted: ValueMatch) -> Written:
    return said(
        name=wanted.name, value=wanted.value, regex=None if wanted.pattern is None else wanted.pattern.pattern
    )


def _removals(edits: HeaderEdits) -> Written:
    return said(remove=list(edits.remove))
