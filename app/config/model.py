"""The values of a configuration file (contract: configuration file), and of the tables that an operator compiles.

In a file names are DNS subdomains (RFC 1123). Those of the cluster have slashes, so that neither shadows the other.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from re import Pattern
from typing import NewType

from app.policy.model import Policy, Retry, Timeout

__all__ = [
    "BUILT_IN_ROUTE",
    "CACHE_UPSTREAM",
    "Auth",
    "CertificateFiles",
    "CertificateName",
    "ClientCertificates",
    "Config",
    "Cors",
    "Credential",
    "Endpoint",
    "HeaderEdits",
    "HealthCheck",
    "KeyEntry",
    "KeyScheme",
    "Listener",
    "ListenerName",
    "ListenerProtocol",
    "Match",
    "Mirror",
    "NO_TABLES",
    "PathKind",
    "Redirect",
    "Rewrite",
    "Route",
    "RouteName",
    "Tables",
    "Upstream",
    "UpstreamName",
    "UpstreamProtocol",
    "UpstreamTls",
    "ValueMatch",
    "WeightedUpstream",
]

RouteName = NewType("RouteName", str)
UpstreamName = NewType("UpstreamName", str)
ListenerName = NewType("ListenerName", str)
CertificateName = NewType("CertificateName", str)

BUILT_IN_ROUTE = "default"
"""The one route of a file without `routes`."""

CACHE_UPSTREAM = "cache"
"""The upstream that `CACHE_SERVICE_URL` makes, unless the file has its own of this name."""


class Auth(StrEnum):
    KEY = "key"
    NONE = "none"


class PathKind(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


class ListenerProtocol(StrEnum):
    HTTP = "http"
    HTTPS = "https"


class KeyScheme(StrEnum):
    HMAC_SHA256 = "hmac-sha256"
    SHA256 = "sha256"


class UpstreamProtocol(StrEnum):
    """What an upstream is spoken to in. AUTO: over TLS what ALPN agrees on (RFC 7301), in clear HTTP/1.1.

    H2 over TLS fails where ALPN gives another; in clear it is prior knowledge (RFC 9113 §3.3).
    """

    AUTO = "auto"
    HTTP1 = "http1"
    H2 = "h2"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of an upstream as written: `host`: a name, an IPv4 or an IPv6 address without brackets."""

    host: str
    port: int
    tls: bool = False

    @property
    def authority(self) -> str:
        """The port always (RFC 3986 §3.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """As a configuration file writes it, the port always."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How an endpoint's certificate is verified, and what is shown to it.

    `ca_file`, `ca`: a file or the text (PEM) of the CA certificates, at most one; neither: the system's. `server_name`
    is asked for (SNI); None: the endpoint's host. The certificate must name one of `subject_names`, each a DNS name or
    a URI; empty: `server_name`. `client_certificate`: what the gateway shows where the endpoint asks for one.
    """

    ca_file: str | None = None
    server_name: str | None = None
    ca: str | None = None
    subject_names: tuple[str, ...] = ()
    client_certificate: CertificateName | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """GET `path`, or `grpc.health.v1` of `grpc_service` ("": of the server as a whole); the other one is None.

    `unhealthy` bad responses in a row take an endpoint out, `healthy` good ones bring it back.
    """

    path: str | None = None
    interval_s: float = 3.0
    timeout_s: float = 1.0
    unhealthy: int = 3
    healthy: int = 1
    grpc_service: str | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """What the gateway shows an upstream: in the field `header` (lower-case) `scheme`, a blank and a secret.

    `scheme` may be empty. `file` holds the secret; None: it is that of the environment (CACHE_TOKEN).
    """

    file: str | None = None
    header: str = "authorization"
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class Upstream:
    """`endpoints`: unique, ≥ 1; none for the two kinds of upstream that only tables have.

    `is_discovered`: the operator sends the endpoints apart, and they speak TLS where `is_discovered_tls`. `missing`:
    why there is no such service; its share of requests is rejected with 500 (HTTPRoute: backendRefs).
    """

    name: UpstreamName
    endpoints: tuple[Endpoint, ...]
    tls: UpstreamTls = UpstreamTls()
    health_check: HealthCheck | None = None
    credential: Credential | None = None
    protocol: UpstreamProtocol = UpstreamProtocol.AUTO
    is_discovered: bool = False
    is_discovered_tls: bool = False
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A header (name lower-case) or query parameter that must be `value` or match `pattern` wholly."""

    name: str
    value: str | None = None
    pattern: Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a route takes; empty tuples take all. `hosts`: lower-case, the first label may be `*`."""

    hosts: tuple[str, ...] = ()
    path_kind: PathKind = PathKind.PREFIX
    path: str = "/"
    methods: tuple[str, ...] = ()
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Applied in the order remove, set, add; names as written, values latin-1."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`prefix` replaces the matched prefix, `path` the whole path, `host` Host; None leaves it."""

    prefix: str | None = None
    path: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """None keeps that part of the URL. `prefix` replaces the matched prefix, `path` the whole path."""

    status: int = 302
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class WeightedUpstream:
    """What is done for this upstream alone: edits after the route's for requests, before the route's for responses; a
    rewrite in place of the route's, path and host each by itself; a redirect instead of asking the upstream.
    """

    name: UpstreamName
    weight: int = 1
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    rewrite: Rewrite = Rewrite()
    redirect: Redirect | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """An upstream that gets a copy of `share` (above 0, at most 1) of the requests; its responses are discarded."""

    name: UpstreamName
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Cors:
    """What other origins may do (Fetch §3.3; HTTPRoute: HTTPCORSFilter).

    `origins`: `*` for all, else `scheme://host[:port]`, lower-case, whose host may begin with `*`. `methods`,
    `headers` (lower-case) and `expose_headers`: `*` takes all.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    has_credentials: bool = False
    max_age_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Route:
    """`upstreams` is empty exactly when `redirect` is set. A route with several matches is as many of one name.

    `listeners`: where it is served; none: on the gateway's own port. `timeout`, `retry`: None leaves them to policies
    and the gateway. `not_forwarded`: paths, and what lies below them, rejected with 404 however they are spelt.
    """

    name: RouteName
    match: Match
    upstreams: tuple[WeightedUpstream, ...]
    rewrite: Rewrite = Rewrite()
    request_headers: HeaderEdits = HeaderEdits()
    response_headers: HeaderEdits = HeaderEdits()
    redirect: Redirect | None = None
    auth: Auth = Auth.KEY
    not_forwarded: frozenset[str] = frozenset()
    listeners: tuple[ListenerName, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None
    timeout: Timeout | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """How a client's certificate is verified: by `ca_file` or `ca` (PEM text), exactly one.

    `is_required` False: clients without a certificate, or with one that does not verify, are served all the same.
    """

    ca_file: str | None = None
    ca: str | None = None
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Listener:
    """A port with the hosts it takes (none: all; the first label may be `*`); several may share a port.

    `certificates`: ≥ 1 for HTTPS, none for HTTP. `public_port`: what clients connect to, where a Service maps it to
    `port`; redirects name it. `gateway`: `NAMESPACE/NAME` of its Gateway, where its name does not say it (that of a
    ListenerSet's listener does not).
    """

    name: ListenerName
    port: int
    protocol: ListenerProtocol = ListenerProtocol.HTTP
    hosts: tuple[str, ...] = ()
    certificates: tuple[CertificateName, ...] = ()
    client_certificates: ClientCertificates | None = None
    public_port: int | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate chain and its private key, both PEM."""

    name: CertificateName
    cert_file: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Tables:
    """What the operator compiled from the cluster's objects. Certificates and endpoints come apart."""

    listeners: tuple[Listener, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    routes: tuple[Route, ...] = ()


NO_TABLES = Tables()


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One accepted key of the client `name`; several entries of one name are for rotation."""

    name: str
    scheme: KeyScheme
    digest: bytes = field(repr=False)
    tier: str | None = None
    not_after_wall_s: float | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """A whole file. `routes` None: the file has no `routes`, the built-in route stays; empty: it wants none at all."""

    upstreams: tuple[Upstream, ...] = ()
    routes: tuple[Route, ...] | None = None
    policies: tuple[Policy, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    keys_file: str | None = None
    listeners: tuple[Listener, ...] = ()
    certificates: tuple[CertificateFiles, ...] = ()
