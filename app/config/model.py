"""The values of a configuration file (contract: configuration file). Names are DNS subdomains (RFC 1123)."""

from dataclasses import dataclass, field
from enum import StrEnum
from re import Pattern
from typing import NewType

from app.policy.model import Policy

__all__ = [
    "Auth",
    "Config",
    "Credential",
    "Endpoint",
    "HeaderEdits",
    "HealthCheck",
    "KeyEntry",
    "KeyScheme",
    "Match",
    "PathKind",
    "Redirect",
    "Rewrite",
    "Route",
    "RouteName",
    "Upstream",
    "UpstreamName",
    "UpstreamProtocol",
    "UpstreamTls",
    "ValueMatch",
    "WeightedUpstream",
]

RouteName = NewType("RouteName", str)
UpstreamName = NewType("UpstreamName", str)


class Auth(StrEnum):
    KEY = "key"
    NONE = "none"


class PathKind(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


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
    """`ca_file` None: the system's certificates. `server_name` None: the endpoint's host."""

    ca_file: str | None = None
    server_name: str | None = None


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
    """`endpoints`: ≥ 1, unique."""

    name: UpstreamName
    endpoints: tuple[Endpoint, ...]
    tls: UpstreamTls = UpstreamTls()
    health_check: HealthCheck | None = None
    credential: Credential | None = None
    protocol: UpstreamProtocol = UpstreamProtocol.AUTO


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
class WeightedUpstream:
    name: UpstreamName
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`prefix` replaces the matched prefix, `path` the whole path, `host` Host; None leaves it."""

    prefix: str | None = None
    path: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """Applied in the order remove, set, add; names as written, values latin-1."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


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
class Route:
    """`upstreams` is empty exactly when `redirect` is set.

    `not_forwarded`: paths, and what lies below them, rejected with 404 however they are spelt.
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
    """A whole file. `routes` None: the file has no `routes`, the built-in route stays."""

    upstreams: tuple[Upstream, ...] = ()
    routes: tuple[Route, ...] | None = None
    policies: tuple[Policy, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    keys_file: str | None = None
