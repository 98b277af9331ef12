"""Routes and upstreams as a configuration file writes them. Pure."""

from app.config.model import (
    ClientCertificates,
    Cors,
    Credential,
    HeaderEdits,
    HealthCheck,
    Listener,
    ListenerProtocol,
    Match,
    Mirror,
    Redirect,
    Rewrite,
    Route,
    Upstream,
    UpstreamProtocol,
    UpstreamTls,
    ValueMatch,
    WeightedUpstream,
)
from app.policy.model import Timeout
from app.policy.traffic_fields import RETRY, TIMEOUT
from app.schema.durations import format_duration

__all__ = [
    "Written",
    "is_without_values",
    "said",
    "written_cors",
    "written_credential",
    "written_listener",
    "written_match",
    "written_mirror",
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
    match, edits = route.match, [route.request_headers, route.response_headers]
    for each in route.upstreams:
        edits += (each.request_headers, each.response_headers)
    return not (match.headers or match.query or any(each.set or each.add for each in edits))


def written_route(route: Route, *others: Route) -> Written:
    """One that is without values, whole; `others`: the same for its further matches."""
    matches = [written_match(each.match) for each in (route, *others)]
    shares = [_share(each) for each in route.upstreams]
    upstream: object = shares[0]["name"] if shares and shares == [{"name": shares[0]["name"]}] else shares
    return said(
        name=str(route.name),
        listeners=[str(name) for name in route.listeners],
        match=None if others else matches[0],
        matches=matches if others else None,
        upstream=upstream,
        redirect=written_redirect(route.redirect),
        rewrite=written_rewrite(route.rewrite),
        requestHeaders=_removals(route.request_headers),
        responseHeaders=_removals(route.response_headers),
        mirror=[written_mirror(each) for each in route.mirrors],
        cors=written_cors(route.cors),
        timeout=_timeout(route.timeout),
        retry=None if route.retry is None else RETRY.write(route.retry),
        auth=route.auth.value,
    )


def _timeout(timeout: Timeout | None) -> Written | None:
    """Without what is the default: spelled out, `connect` may be longer than `request`, which nobody may write."""
    if timeout is None:
        return None
    default = TIMEOUT.write(Timeout())
    return {key: value for key, value in TIMEOUT.write(timeout).items() if value != default[key]}


def _share(share: WeightedUpstream) -> Written:
    return said(
        name=str(share.name),
        weight=None if share.weight == 1 else share.weight,
        requestHeaders=_removals(share.request_headers),
        responseHeaders=_removals(share.response_headers),
    )


def written_mirror(mirror: Mirror) -> Written:
    """An item of `mirror`; the share as a fraction, which holds any."""
    if mirror.share == 1.0:
        return {"upstream": str(mirror.name)}
    from fractions import Fraction  # half a MiB, which only who has mirrors pays

    share = Fraction(mirror.share).limit_denominator(1_000_000)
    fraction = {"numerator": share.numerator, "denominator": share.denominator}
    return {"upstream": str(mirror.name), "fraction": fraction}


def written_cors(cors: Cors | None) -> Written | None:
    """None for none; origins as browsers write them."""
    if cors is None:
        return None
    return said(
        allowOrigins=list(cors.origins),
        allowMethods=list(cors.methods),
        allowHeaders=list(cors.headers),
        exposeHeaders=list(cors.expose_headers),
        allowCredentials=cors.has_credentials or None,
        maxAge=format_duration(cors.max_age_s),
    )


def written_listener(listener: Listener) -> Written:
    """Whole, as an item of the file's list."""
    return said(
        name=str(listener.name),
        port=listener.port,
        protocol=None if listener.protocol is ListenerProtocol.HTTP else listener.protocol.value,
        hosts=list(listener.hosts),
        certificates=[str(name) for name in listener.certificates],
        clientCertificates=_client_certificates(listener.client_certificates),
        publicPort=listener.public_port,
    )


def _client_certificates(asked: ClientCertificates | None) -> Written | None:
    if asked is None:
        return None
    return said(caFile=asked.ca_file, ca=asked.ca, mode=None if asked.is_required else "optional")


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
        discovered=upstream.is_discovered or None,
        missing=upstream.missing,
        tls=_tls(upstream.tls),
        healthCheck=check
        and {
            **_check_kind(check),
            "interval": format_duration(check.interval_s),
            "timeout": format_duration(check.timeout_s),
            "unhealthy": check.unhealthy,
            "healthy": check.healthy,
        },
    )


def _tls(tls: UpstreamTls) -> Written:
    return said(
        caFile=tls.ca_file,
        serverName=tls.server_name,
        ca=tls.ca,
        subjectAltNames=list(tls.subject_names),
        clientCertificate=tls.client_certificate,
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
