"""Filters of HTTPRoute and GRPCRoute rules, and of their backends (gateway.networking.k8s.io/v1)."""

from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields
from app.operator.routes.objects.references import ObjectRef, read_object_ref

__all__ = [
    "Cors",
    "Filter",
    "HeaderEdit",
    "Mirror",
    "PathEdit",
    "Redirect",
    "UrlRewrite",
    "read_filters",
]


@dataclass(frozen=True, slots=True)
class HeaderEdit:
    """`set`, `add`: pairs of name and value."""

    set: tuple[tuple[str, str], ...]
    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PathEdit:
    """`type`: ReplaceFullPath or ReplacePrefixMatch. `value`: the new path or prefix."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """`port`: None takes the scheme's own port where `scheme` is set, else the listener's."""

    scheme: str | None
    hostname: str | None
    path: PathEdit | None
    port: int | None
    status: int


@dataclass(frozen=True, slots=True)
class UrlRewrite:
    hostname: str | None
    path: PathEdit | None


@dataclass(frozen=True, slots=True)
class Mirror:
    """`percent` or `fraction` (numerator, denominator) of the requests; neither: all of them."""

    upstream: ObjectRef
    port: int | None
    percent: int | None
    fraction: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Cors:
    """`max_age_s`: how long a preflight's response may be kept."""

    allow_origins: tuple[str, ...]
    allow_credentials: bool
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Filter:
    """`type`: as written; the field that belongs to it is set, or none where we do not know the type."""

    type: str
    request_headers: HeaderEdit | None = None
    response_headers: HeaderEdit | None = None
    redirect: Redirect | None = None
    rewrite: UrlRewrite | None = None
    mirror: Mirror | None = None
    cors: Cors | None = None
    extension: ObjectRef | None = None


def read_filters(fields: Fields) -> tuple[Filter, ...]:
    """Those under `filters`, in their order."""
    return tuple(_read_filter(one) for one in fields.children("filters"))


def _read_filter(fields: Fields) -> Filter:
    request, response = (
        fields.optional_child("requestHeaderModifier"),
        fields.optional_child("responseHeaderModifier"),
    )
    redirect, rewrite = fields.optional_child("requestRedirect"), fields.optional_child("urlRewrite")
    mirror, cors = fields.optional_child("requestMirror"), fields.optional_child("cors")
    extension = fields.optional_child("extensionRef")
    return Filter(
        type=fields.text("type"),
        request_headers=None if request is None else _read_header_edit(request),
        response_headers=None if response is None else _read_header_edit(response),
        redirect=None if redirect is None else _read_redirect(redirect),
        rewrite=None
        if rewrite is None
        else UrlRewrite(rewrite.optional_text("hostname"), _read_path_edit(rewrite)),
        mirror=None if mirror is None else _read_mirror(mirror),
        cors=None if cors is None else _read_cors(cors),
        extension=None if extension is None else read_object_ref(extension, ""),
    )


def _read_header_edit(fields: Fields) -> HeaderEdit:
    def pairs(key: str) -> tuple[tuple[str, str], ...]:
        return tuple((one.text("name"), one.text("value")) for one in fields.children(key))

    return HeaderEdit(pairs("set"), pairs("add"), fields.texts("remove"))


def _read_path_edit(fields: Fields) -> PathEdit | None:
    path = fields.optional_child("path")
    if path is None:
        return None
    full, prefix = path.text("replaceFullPath"), path.text("replacePrefixMatch")
    kind = path.text("type")
    return PathEdit(kind, full if kind == "ReplaceFullPath" else prefix)


def _read_redirect(fields: Fields) -> Redirect:
    return Redirect(
        scheme=fields.optional_text("scheme"),
        hostname=fields.optional_text("hostname"),
        path=_read_path_edit(fields),
        port=fields.optional_integer("port"),
        status=fields.integer("statusCode", 302),
    )


def _read_mirror(fields: Fields) -> Mirror:
    upstream = fields.child("backendRef")
    fraction = fields.optional_child("fraction")
    return Mirror(
        upstream=read_object_ref(upstream, "Service"),
        port=upstream.optional_integer("port"),
        percent=fields.optional_integer("percent"),
        fraction=None
        if fraction is None
        else (fraction.integer("numerator"), fraction.integer("denominator", 100)),
    )


def _read_cors(fields: Fields) -> Cors:
    return Cors(
        allow_origins=fields.texts("allowOrigins"),
        allow_credentials=fields.flag("allowCredentials"),
        allow_methods=fields.texts("allowMethods"),
        allow_headers=fields.texts("allowHeaders"),
        expose_headers=fields.texts("exposeHeaders"),
        max_age_s=fields.integer("maxAge", 5),
    )
