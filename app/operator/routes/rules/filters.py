"""The filters of a rule and of its upstreams in the document's spelling (HTTPRouteFilter, GRPCRouteFilter). Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from app.foundation.errors import ConfigFault
from app.operator.routes.objects.filters import (
    Cors,
    Filter,
    HeaderEdit,
    Mirror,
    PathEdit,
    Redirect,
    UrlRewrite,
)

__all__ = ["SHARE_KEYS", "FilterDocument", "PlacedMirror", "filter_document"]

_T = TypeVar("_T")

SHARE_KEYS = ("requestHeaders", "responseHeaders", "rewrite", "redirect")
"""What one upstream of several can have for itself."""

_DAY_S = 86_400
_PATH_KEYS = {"ReplaceFullPath": "path", "ReplacePrefixMatch": "prefix"}


@dataclass(frozen=True, slots=True)
class PlacedMirror:
    """`field`: where it stands in the route."""

    mirror: Mirror
    field: str


@dataclass(frozen=True, slots=True)
class FilterDocument:
    """`parts`: by their keys in a route of the document. `faults`: filters that we cannot serve."""

    parts: Mapping[str, object]
    mirrors: tuple[PlacedMirror, ...]
    faults: tuple[ConfigFault, ...]


def filter_document(filters: Iterable[Filter], place: str) -> FilterDocument:
    """`place`: the field that holds the filters, such as `spec.rules[0].filters`."""
    parts: dict[str, object] = {}
    mirrors: list[PlacedMirror] = []
    faults: list[ConfigFault] = []
    for index, one in enumerate(filters):
        at = f"{place}[{index}]"
        if one.type == "RequestMirror" and one.mirror is not None:
            mirrors.append(PlacedMirror(one.mirror, f"{at}.requestMirror"))
            continue
        made = _part(one)
        if isinstance(made, str):
            faults.append(ConfigFault(f"{at}.type", f"is {one.type}", made))
            continue
        key, part = made
        if key in parts:
            faults.append(ConfigFault(f"{at}.type", f"repeats {one.type}", "put both into one filter"))
        elif part:
            parts[key] = part
    return FilterDocument(parts, tuple(mirrors), tuple(faults))


def _part(one: Filter) -> tuple[str, Mapping[str, object]] | str:
    """Its key and value in the document; a text says what would be right."""
    match one:
        case Filter(type="RequestHeaderModifier", request_headers=HeaderEdit() as edit):
            return "requestHeaders", _header_edits(edit)
        case Filter(type="ResponseHeaderModifier", response_headers=HeaderEdit() as edit):
            return "responseHeaders", _header_edits(edit)
        case Filter(type="RequestRedirect", redirect=Redirect() as redirect):
            return "redirect", _redirect(redirect)
        case Filter(type="URLRewrite", rewrite=UrlRewrite() as rewrite):
            return "rewrite", _located(rewrite.hostname, rewrite.path)
        case Filter(type="CORS", cors=Cors() as cors):
            return "cors", _cors(cors)
        case Filter(type="ExtensionRef"):
            return "Tidegate has no filters of its own: remove it; a ResiliencePolicy can target the route"
    return (
        "it must be RequestHeaderModifier, ResponseHeaderModifier, RequestMirror, RequestRedirect, URLRewrite or CORS, "
        "with the field of that name"
    )


def _header_edits(edit: HeaderEdit) -> Mapping[str, object]:
    document: dict[str, object] = {}
    for key, pairs in (("set", edit.set), ("add", edit.add)):
        if pairs:
            document[key] = dict(_first_of_each(pairs, lambda pair: pair[0]))
    if edit.remove:
        document["remove"] = _first_of_each(edit.remove, str)
    return document


def _first_of_each(items: Iterable[_T], name: Callable[[_T], str]) -> list[_T]:
    """Of several with an equivalent name the first counts (HTTPHeaderFilter)."""
    found: dict[str, _T] = {}
    for item in items:
        found.setdefault(name(item).lower(), item)
    return list(found.values())


def _located(hostname: str | None, path: PathEdit | None) -> dict[str, object]:
    """An empty path or prefix means the root (HTTPPathModifier)."""
    document: dict[str, object] = {}
    if hostname is not None:
        document["host"] = hostname
    if path is not None:
        document[_PATH_KEYS.get(path.type, path.type)] = path.value or "/"
    return document


def _redirect(redirect: Redirect) -> Mapping[str, object]:
    document = {"status": redirect.status, **_located(redirect.hostname, redirect.path)}
    if redirect.scheme is not None:
        document["scheme"] = redirect.scheme
    if redirect.port is not None:
        document["port"] = redirect.port
    return document


def _cors(cors: Cors) -> Mapping[str, object]:
    document: dict[str, object] = {}
    lists = {
        "allowOrigins": cors.allow_origins,
        "allowMethods": cors.allow_methods,
        "allowHeaders": cors.allow_headers,
        "exposeHeaders": cors.expose_headers,
    }
    for key, values in lists.items():
        if values:
            document[key] = list(dict.fromkeys(values))
    if cors.allow_credentials:
        document["allowCredentials"] = True
    document["maxAge"] = f"{min(cors.max_age_s, _DAY_S)}s"  # no browser keeps it for longer
    return document
