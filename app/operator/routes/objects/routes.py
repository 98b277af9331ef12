"""HTTPRoute and GRPCRoute as one value: a route with rules (gateway.networking.k8s.io/v1)."""

from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.filters import Filter, read_filters
from app.operator.routes.objects.metadata import Metadata, read_metadata
from app.operator.routes.objects.references import ObjectRef, ParentRef, read_object_ref, read_parent_ref

__all__ = [
    "GrpcMatch",
    "HttpMatch",
    "Retry",
    "Route",
    "RouteRule",
    "Timeouts",
    "UpstreamRef",
    "ValueMatch",
    "read_grpc_route",
    "read_http_route",
]


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A header or query parameter. `type`: Exact or RegularExpression."""

    type: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HttpMatch:
    """`path_type`: Exact, PathPrefix or RegularExpression. All parts must fit."""

    path_type: str
    path: str
    method: str | None
    headers: tuple[ValueMatch, ...]
    query: tuple[ValueMatch, ...]


@dataclass(frozen=True, slots=True)
class GrpcMatch:
    """`type`: Exact or RegularExpression, for `service` and `method`, where None takes all."""

    type: str
    service: str | None
    method: str | None
    headers: tuple[ValueMatch, ...]


@dataclass(frozen=True, slots=True)
class UpstreamRef:
    """A backend of a rule: its share is `weight` of the sum of all weights."""

    ref: ObjectRef
    port: int | None
    weight: int
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """As written (GEP-2257); None where the field is absent, `0s` switches a timeout off."""

    request: str | None
    per_try: str | None


@dataclass(frozen=True, slots=True)
class Retry:
    """`codes`: status codes of the upstream. `attempts`: retries after the first attempt. `backoff`: as written."""

    codes: tuple[int, ...]
    attempts: int
    backoff: str | None


@dataclass(frozen=True, slots=True)
class RouteRule:
    """`matches`: any may fit; the reader puts in the API's own, which takes all, where none is given."""

    name: str | None
    matches: tuple[HttpMatch | GrpcMatch, ...]
    filters: tuple[Filter, ...]
    upstreams: tuple[UpstreamRef, ...]
    timeouts: Timeouts | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """`kind`: HTTPRoute or GRPCRoute. `hostnames`: empty takes those of the listener.

    `unknown`: paths of fields that we do not know, such as `spec.rules[0].sessionPersistence`.
    """

    kind: str
    meta: Metadata
    parents: tuple[ParentRef, ...]
    hostnames: tuple[str, ...]
    rules: tuple[RouteRule, ...]
    unknown: tuple[str, ...]


_EVERY_PATH = HttpMatch("PathPrefix", "/", None, (), ())
_EVERY_METHOD = GrpcMatch("Exact", None, None, ())


def read_http_route(top: Fields, reading: Reading) -> Route:
    meta, spec = read_metadata(top), top.child("spec")
    rules = tuple(_read_http_rule(one) for one in spec.children("rules"))
    if "rules" not in spec:
        rules = (RouteRule(None, (_EVERY_PATH,), (), ()),)
    return _route("HTTPRoute", meta, spec, rules, reading)


def read_grpc_route(top: Fields, reading: Reading) -> Route:
    meta, spec = read_metadata(top), top.child("spec")
    rules = tuple(_read_grpc_rule(one) for one in spec.children("rules"))
    return _route("GRPCRoute", meta, spec, rules, reading)


def _route(kind: str, meta: Metadata, spec: Fields, rules: tuple[RouteRule, ...], reading: Reading) -> Route:
    return Route(
        kind=kind,
        meta=meta,
        parents=tuple(read_parent_ref(one) for one in spec.children("parentRefs")),
        hostnames=spec.texts("hostnames"),
        rules=rules,
        unknown=reading.unknown("spec"),
    )


def _read_http_rule(fields: Fields) -> RouteRule:
    timeouts, retry = fields.optional_child("timeouts"), fields.optional_child("retry")
    return RouteRule(
        name=fields.optional_text("name"),
        matches=tuple(_read_http_match(one) for one in fields.children("matches")) or (_EVERY_PATH,),
        filters=read_filters(fields),
        upstreams=_read_upstreams(fields),
        timeouts=None
        if timeouts is None
        else Timeouts(timeouts.optional_text("request"), timeouts.optional_text("backendRequest")),
        retry=None
        if retry is None
        else Retry(retry.integers("codes"), retry.integer("attempts", 1), retry.optional_text("backoff")),
    )


def _read_grpc_rule(fields: Fields) -> RouteRule:
    return RouteRule(
        name=fields.optional_text("name"),
        matches=tuple(_read_grpc_match(one) for one in fields.children("matches")) or (_EVERY_METHOD,),
        filters=read_filters(fields),
        upstreams=_read_upstreams(fields),
    )


def _read_http_match(fields: Fields) -> HttpMatch:
    path = fields.child("path")
    return HttpMatch(
        path_type=path.text("type", "PathPrefix"),
        path=path.text("value", "/"),
        method=fields.optional_text("method"),
        headers=_read_value_matches(fields, "headers"),
        query=_read_value_matches(fields, "queryParams"),
    )


def _read_grpc_match(fields: Fields) -> GrpcMatch:
    method = fields.child("method")
    return GrpcMatch(
        type=method.text("type", "Exact"),
        service=method.optional_text("service"),
        method=method.optional_text("method"),
        headers=_read_value_matches(fields, "headers"),
    )


def _read_value_matches(fields: Fields, key: str) -> tuple[ValueMatch, ...]:
    return tuple(
        ValueMatch(one.text("type", "Exact"), one.text("name"), one.text("value"))
        for one in fields.children(key)
    )


def _read_upstreams(fields: Fields) -> tuple[UpstreamRef, ...]:
    return tuple(
        UpstreamRef(
            ref=read_object_ref(one, "Service"),
            port=one.optional_integer("port"),
            weight=one.integer("weight", 1),
            filters=read_filters(one),
        )
        for one in fields.children("backendRefs")
    )
