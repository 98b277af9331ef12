"""Reads `upstreams`: endpoints, their protocol, TLS towards them, endpoint checks, credentials."""

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
from app.config.parsing.headers import OWN_FIELDS
from app.schema.faults import BadValue, Faults, Path
from app.schema.fields import CheckedText, Choice, Custom, Duration, Whole
from app.schema.names import dns_subdomain, field_name
from app.schema.records import Nested, Record, Rule
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["UPSTREAM", "plain_text", "parse_endpoint", "raw_path", "read_upstreams"]

_PORTS = {"http": 80, "https": 443}
# an underscore is no part of a DNS host name, but container networks resolve such names
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[-_.A-Za-z0-9]*[A-Za-z0-9_])?")
_URL = re.compile(r"(?P<scheme>[A-Za-z][-+.A-Za-z0-9]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>.*))?", re.DOTALL)
_NUMERIC = re.compile(r"[0-9.]+")
_SERVICE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_RAW_PATH = re.compile(r"/[!-~]*")
_EXAMPLE = "write it as http://10.0.0.5:8080 or https://orders.example.com"


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


def parse_endpoint(url: str) -> Endpoint:
    """What `http://host[:port]` or `https://…` names; raises BadValue, which never shows a password."""
    read = _URL.fullmatch(url)
    if read is None or read["scheme"].lower() not in _PORTS:
        if read is None and not re.search(r"[\s@/]", url) and url:
            raise BadValue(f"{url[:80]!r} has no scheme", f"write http://{url[:80]} or https://{url[:80]}")
        raise BadValue("is no http:// or https:// URL", _EXAMPLE)
    if "@" in read["authority"]:
        raise BadValue("holds a user or password", "leave out all before the @")
    if read["rest"] not in {"", "/"}:
        fix = "give scheme, host and port only; a route's rewrite can put a path before the request's"
        raise BadValue("has a path or query", fix)
    scheme = read["scheme"].lower()
    host, port_text = _split_authority(read["authority"])
    port = _PORTS[scheme]
    if port_text is not None:
        if not (re.fullmatch(r"[0-9]{1,5}", port_text) and 1 <= int(port_text) <= 65_535):
            raise BadValue(f"has the port {port_text[:20]!r}", "a port must be from 1 to 65535")
        port = int(port_text)
    return Endpoint(host, port, scheme == "https")


def _split_authority(authority: str) -> tuple[str, str | None]:
    """Host without brackets, and the text of the port; None without one."""
    read = _AUTHORITY.fullmatch(authority)
    if read is None:
        raise BadValue(
            f"has the address {authority[:60]!r}", "put an IPv6 address in brackets: http://[::1]:8080"
        )
    if read["ipv6"] is not None:
        return _ip_address(read["ipv6"], 6), read["port"]
    host = read["host"]
    if not _HOST.fullmatch(host):
        what = f"has the host {host[:60]!r}" if host else "has no host"
        raise BadValue(what, "give a DNS name (xn-- form), an IPv4 address or [IPv6]")
    if _NUMERIC.fullmatch(host):
        return _ip_address(host, 4), read["port"]
    return host, read["port"]


def _ip_address(text: str, version: int) -> str:
    from ipaddress import ip_address

    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "%" in text:
        raise BadValue(f"has the host {text[:60]!r}", f"it must be an IPv{version} address or a DNS name")
    return str(address)


def plain_text(text: str) -> str:
    """Any text but an empty one or one with control characters; raises BadValue."""
    if not text or not text.isprintable():
        raise BadValue("is empty or holds control characters", "write a text on one line")
    return text


def raw_path(text: str) -> str:
    """A path as it stands in a request: from `/` on, visible ASCII, no `?` or `#`; raises BadValue."""
    if not text.startswith("/"):
        raise BadValue(f"is {text[:60]!r}", f"it must start with /, such as /{text[:60].lstrip('/')}")
    if "?" in text or "#" in text:
        raise BadValue("holds ? or #", "give the path only; queries are matched by match.query")
    if not _RAW_PATH.fullmatch(text):
        from urllib.parse import quote

        offer = quote(text[:200], safe="/%!$&'()*+,;=:@~")
        raise BadValue("holds spaces or characters outside ASCII", f"write them percent-encoded: {offer}")
    return text


def _read_upstream(name: str, value: object, path: Path, faults: Faults) -> Upstream:
    path = (*path, name)
    faults.checked(path, dns_subdomain, name)
    fields = UPSTREAM.open(value, path, faults)
    return Upstream(UpstreamName(name), ()) if fields is None else Upstream(UpstreamName(name), **fields)


def _read_endpoints(upstream: Section) -> tuple[Endpoint, ...]:
    endpoints: dict[Endpoint, None] = {}
    for path, endpoint in upstream.texts("endpoints", parse_endpoint, (1, None), noun="URL", cure=_EXAMPLE):
        if endpoint in endpoints:
            upstream.faults.add(path, f"repeats {endpoint.host}:{endpoint.port}", "give each endpoint once")
        endpoints[endpoint] = None
    return tuple(endpoints)


def _check_tls(section: Section, fields: Mapping[str, Any]) -> None:
    endpoints: tuple[Endpoint, ...] = fields["endpoints"]
    if "tls" in section and endpoints and not any(endpoint.tls for endpoint in endpoints):
        section.fault("tls", "has no effect", "it must stand with https:// endpoints, or drop it")


def _server_name(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    raise BadValue(f"is {text[:60]!r}", "it must be the DNS name that the certificate is made for")


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
_TLS = Record(
    UpstreamTls,
    "How certificates of `https://` endpoints are verified.",
    {
        "ca_file": CheckedText(
            "caFile", plain_text, says="File of the CA certificates (PEM). Default: the system's."
        ),
        "server_name": CheckedText(
            "serverName",
            _server_name,
            says="Name that the certificate is made for. Default: the endpoint's host.",
        ),
    },
)
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
UPSTREAM: Record[dict[str, Any]] = Record(
    dict,
    "A service behind the gateway, by name.",
    {
        "endpoints": Custom(
            "endpoints",
            _read_endpoints,
            {
                "description": "Its addresses: `http://host[:port]` or `https://…`, each once. Requests go to the "
                "one with the fewest under way. Required.",
                "type": "array",
                "minItems": 1,
            },
            is_required=True,
        ),
        "protocol": Choice(
            "protocol",
            UpstreamProtocol,
            "`h2`: HTTP/2, in clear without being asked for first (h2c, prior knowledge). `http1`: HTTP/1.1. `auto`: "
            "over TLS the one that the endpoint agrees to (ALPN), in clear HTTP/1.1.",
            UpstreamProtocol.AUTO,
        ),
        "tls": Nested("tls", _TLS, UpstreamTls()),
        "health_check": Nested("healthCheck", _HEALTH_CHECK),
        "credential": Custom("credential", _read_credential, _CREDENTIAL.node()),
    },
    Rule("", "tls must stand with https:// endpoints", _check_tls),
)
