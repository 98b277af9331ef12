"""Reads `upstreams`: endpoints, their protocol, TLS towards them, endpoint checks, credentials.

Those of the cluster are named, not keyed, and may have no endpoints: the operator sends them apart.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.config.model import (
    Credential,
    Endpoint,
    HealthCheck,
    Upstream,
    UpstreamName,
    UpstreamProtocol,
    UpstreamTls,
)
from app.config.parsing.addresses import URL_EXAMPLE, parse_endpoint, plain_text, raw_path
from app.config.parsing.headers import OWN_FIELDS
from app.config.parsing.spelling import CLUSTER, FILE
from app.config.parsing.upstream_tls import upstream_tls_record
from app.schema.faults import BadValue, Faults, Path
from app.schema.fields import CheckedText, Choice, Custom, Duration, Switch, Whole
from app.schema.names import dns_subdomain, field_name
from app.schema.records import Nested, Record, Rule
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["CLUSTER_UPSTREAM", "UPSTREAM", "read_upstreams"]

_SERVICE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def read_upstreams(config: Section) -> tuple[Upstream, ...]:
    """The upstreams of a file, in its order; none if it has none."""
    if "upstreams" not in config:
        return ()
    faults, values = config.faults, config.raw("upstreams")
    if not isinstance(values, dict):
        config.fault("upstreams", f"is {kind_of(values)}, not a mapping", "write name: {endpoints: [..]}")
        return ()
    return tuple(
        _read_upstream(name, value, config.at("upstreams"), faults) for name, value in values.items()
    )


def _read_upstream(name: str, value: object, path: Path, faults: Faults) -> Upstream:
    path = (*path, name)
    faults.checked(path, dns_subdomain, name)
    fields = UPSTREAM.open(value, path, faults)
    return Upstream(UpstreamName(name), ()) if fields is None else Upstream(UpstreamName(name), **fields)


def _read_endpoints(upstream: Section) -> tuple[Endpoint, ...]:
    endpoints: dict[Endpoint, None] = {}
    for path, endpoint in upstream.texts(
        "endpoints", parse_endpoint, (1, None), noun="URL", cure=URL_EXAMPLE
    ):
        if endpoint in endpoints:
            upstream.faults.add(path, f"repeats {endpoint.host}:{endpoint.port}", "give each endpoint once")
        endpoints[endpoint] = None
    return tuple(endpoints)


def _check_tls(section: Section, fields: Mapping[str, Any]) -> None:
    endpoints: tuple[Endpoint, ...] = fields["endpoints"]
    if "tls" in section and endpoints and not any(endpoint.tls for endpoint in endpoints):
        section.fault("tls", "has no effect", "it must stand with https:// endpoints, or drop it")


def _check_path(text: str) -> str:
    """A request target in origin form: a path, with a query if the check wants one."""
    path, mark, query = text.partition("?")
    raw_path(path)
    if mark and not re.fullmatch(r"[!-\"$-~]*", query):
        raise BadValue("holds a query with odd characters", "write it percent-encoded")
    return text


def _read_credential(upstream: Section) -> Credential | None:
    if isinstance(upstream.raw("credential"), str):
        fix = "put it into a file that only this user reads, and write credential: {file: PATH}"
        upstream.fault("credential", "is a text, but no secret may stand in a configuration file", fix)
        return None
    return Nested("credential", _CREDENTIAL).read(upstream)


def _credential(file: str, header: str, scheme: str | None) -> Credential:
    """Without `scheme`: `Bearer` in Authorization, none elsewhere."""
    plain = "Bearer" if header == "authorization" else ""
    return Credential(file, header, plain if scheme is None else scheme)


def _credential_field(text: str) -> str:
    name = field_name(text).lower()
    if name in OWN_FIELDS:
        raise BadValue(
            f"is {text}, which the gateway itself makes", "write Authorization, or such as X-Token"
        )
    return name


def _scheme(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z][-.0-9A-Za-z]{0,31}", text):
        raise BadValue(f"is {text[:60]!r}", 'it must be a word such as Bearer, or "" for none')
    return text


def _check_kind(section: Section, _check: HealthCheck) -> None:
    if ("path" in section) == ("grpc" in section):
        what = "has both path and grpc" if "path" in section else "has neither path nor grpc"
        section.faults.add(section.path, what, "give path: /healthz, or grpc: {} for grpc.health.v1")


def _service_name(text: str) -> str:
    if text and not _SERVICE.fullmatch(text):
        raise BadValue(f"is {text[:60]!r}", 'it must be a full name such as orders.v1.Orders, or ""')
    return text


def _service(service: str) -> str:
    return service


_CHECK = HealthCheck()
_GRPC_CHECK: Record[str] = Record(
    _service,
    "Instead of `path`: `grpc.health.v1.Health/Check`, over HTTP/2. `{}` asks for the server as a whole.",
    {
        "service": CheckedText(
            "service",
            _service_name,
            says='Whose health is asked for, such as `orders.v1.Orders`. Default `""`: the server\'s.',
            default="",
        ),
    },
)
_HEALTH_CHECK = Record(
    HealthCheck,
    "Active checks: endpoints that do not respond to them with 2xx, or as SERVING by gRPC, get no requests.",
    {
        "path": CheckedText(
            "path",
            _check_path,
            says="Path to GET, with a query if need be. Either this or `grpc`.",
        ),
        "grpc_service": Nested("grpc", _GRPC_CHECK),
        "interval_s": Duration(
            "interval",
            0.1,
            3600.0,
            "Pause between two checks of an endpoint: 100ms to 1h, default 3s.",
            _CHECK.interval_s,
            bare_seconds=True,
        ),
        "timeout_s": Duration(
            "timeout",
            0.001,
            60.0,
            "A check that takes longer is a bad one: 1ms to 1m, default 1s.",
            _CHECK.timeout_s,
            bare_seconds=True,
        ),
        "unhealthy": Whole(
            "unhealthy", 1, 100, "Bad checks in a row that take an endpoint out; default 3.", _CHECK.unhealthy
        ),
        "healthy": Whole(
            "healthy", 1, 100, "Good checks in a row that bring it back; default 1.", _CHECK.healthy
        ),
    },
    Rule("", "must have exactly one of path and grpc", _check_kind),
)
_CREDENTIAL = Record(
    _credential,
    "What the gateway presents to the upstream. No secret stands in the file itself.",
    {
        "file": CheckedText(
            "file",
            plain_text,
            "the path of a file that holds the secret",
            "File that holds the secret; read again when it changes. Required.",
        ),
        "header": CheckedText(
            "header",
            _credential_field,
            says="Field that carries it. Default `authorization`.",
            default="authorization",
        ),
        "scheme": CheckedText(
            "scheme",
            _scheme,
            says='Word before the secret, `""` for none. Default: `Bearer` in Authorization, none in another field.',
        ),
    },
)
_ENDPOINTS = Custom(
    "endpoints",
    _read_endpoints,
    {
        "description": "Its addresses: `http://host[:port]` or `https://…`, each once. Requests go to the "
        "one with the fewest under way. Required.",
        "type": "array",
        "minItems": 1,
    },
    is_required=True,
)
_PROTOCOL = Choice(
    "protocol",
    UpstreamProtocol,
    "`h2`: HTTP/2, in clear without being asked for first (h2c, prior knowledge). `http1`: HTTP/1.1. `auto`: "
    "over TLS the one that the endpoint agrees to (ALPN), in clear HTTP/1.1.",
    UpstreamProtocol.AUTO,
)
UPSTREAM: Record[dict[str, Any]] = Record(
    dict,
    "A service behind the gateway, by name.",
    {
        "endpoints": _ENDPOINTS,
        "protocol": _PROTOCOL,
        "tls": Nested("tls", upstream_tls_record(FILE), UpstreamTls()),
        "health_check": Nested("healthCheck", _HEALTH_CHECK),
        "credential": Custom("credential", _read_credential, _CREDENTIAL.node()),
    },
    Rule("", "tls must stand with https:// endpoints", _check_tls),
)


def _cluster_upstream(
    name: str,
    discovered: bool,
    missing: str | None,
    protocol: UpstreamProtocol,
    tls: UpstreamTls | None,
) -> Upstream:
    return Upstream(
        UpstreamName(name),
        (),
        UpstreamTls() if tls is None else tls,
        protocol=protocol,
        is_discovered=discovered,
        is_discovered_tls=discovered and tls is not None,
        missing=missing,
    )


def _check_discovery(section: Section, upstream: Upstream) -> None:
    if upstream.is_discovered == (upstream.missing is not None):
        what = "is both discovered and missing" if upstream.is_discovered else "has no endpoints"
        section.faults.add(section.path, what, "give discovered: true, or why it is missing")


CLUSTER_UPSTREAM: Record[Upstream] = Record(
    _cluster_upstream,
    "A service of the cluster.",
    {
        "name": CheckedText("name", CLUSTER.name, CLUSTER.example),
        "discovered": Switch("discovered", ""),
        "missing": CheckedText("missing", plain_text),
        "protocol": _PROTOCOL,
        "tls": Nested("tls", upstream_tls_record(CLUSTER)),
    },
    Rule("", "", _check_discovery, compares_values=True),
)
"""`tls`: its endpoints speak TLS; `{}` is TLS with the defaults."""
