"""The matches of a rule in the document's spelling (HTTPRouteMatch, GRPCRouteMatch). Pure.

A gRPC method is the path `/SERVICE/METHOD` of its requests (gRPC over HTTP2: Requests).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from app.config.parsing.match import MATCH
from app.foundation.errors import ConfigFault
from app.operator.routes.objects.routes import GrpcMatch, HttpMatch, ValueMatch
from app.schema.faults import Faults, Path

__all__ = ["MatchDocument", "match_documents"]

MatchDocument = dict[str, object]

_ANY_NAME = "[^/]+"
_PATH_KINDS = {"Exact": "exact", "PathPrefix": "prefix", "RegularExpression": "regex"}
_HTTP_FIELDS = {"path": "path.value", "methods": "method", "query": "queryParams"}
_GRPC_FIELDS = {"path": "method"}


def match_documents(
    matches: Sequence[HttpMatch | GrpcMatch], place: str
) -> tuple[list[MatchDocument], list[ConfigFault]]:
    """Those of `matches` that can be served, without hosts, and what is wrong with the others.

    `place`: the rule's field, such as `spec.rules[0]`. The parser of the gateways judges each of them.
    """
    has_methods = any(isinstance(one, GrpcMatch) and one.service is None and one.method for one in matches)
    documents: list[MatchDocument] = []
    faults: list[ConfigFault] = []
    for index, one in enumerate(matches):
        found = Faults()
        if isinstance(one, HttpMatch):
            document, fields = _http_document(one, found), _HTTP_FIELDS
        else:
            document, fields = _grpc_document(one, has_methods, found), _GRPC_FIELDS
        if not len(found):
            MATCH.open(document, (), found)
        if not len(found):
            documents.append(document)
        faults += [
            ConfigFault(f"{place}.matches[{index}].{_field(each.path, fields)}", each.what, each.fix)
            for each in found.found
        ]
    return documents, faults


def _field(path: Path, fields: Mapping[str, str]) -> str:
    """How the route writes what the document has at `path`; a fault of its type says the type itself."""
    key, name = str(path[0]), path[1:2]
    if name == ("type",):
        return f"{fields[key].partition('.')[0]}.type"
    return fields.get(key, key) + (f"[{name[0]}]" if key in {"headers", "query"} and name else "")


def _http_document(match: HttpMatch, faults: Faults) -> MatchDocument:
    document: MatchDocument = {}
    if (kind := _PATH_KINDS.get(match.path_type)) is None:
        _unknown(faults, ("path", "type"), match.path_type, _PATH_KINDS)
    elif (kind, match.path) != ("prefix", "/"):
        document["path"] = {kind: match.path}
    if match.method is not None:
        document["methods"] = [match.method]
    _put_values(document, "headers", match.headers, faults, ignores_case=True)
    _put_values(document, "query", match.query, faults, ignores_case=False)
    return document


def _grpc_document(match: GrpcMatch, has_methods: bool, faults: Faults) -> MatchDocument:
    document: MatchDocument = {}
    service, method = match.service or None, match.method or None
    if match.type == "RegularExpression":
        parts = (_ANY_NAME if part is None else f"(?:{part})" for part in (service, method))
        document["path"] = {"regex": "/" + "/".join(parts)}
    elif match.type != "Exact":
        _unknown(faults, ("path", "type"), match.type, ("Exact", "RegularExpression"))
    elif service is not None:
        document["path"] = {"prefix": f"/{service}"} if method is None else {"exact": f"/{service}/{method}"}
    elif method is not None:
        document["path"] = {"regex": f"/{_ANY_NAME}/{re.escape(method)}"}
    elif has_methods:  # a prefix would come before the regex of a method, which is more specific
        document["path"] = {"regex": "/.*"}
    _put_values(document, "headers", match.headers, faults, ignores_case=True)
    return document


def _put_values(
    document: MatchDocument, key: str, values: Iterable[ValueMatch], faults: Faults, *, ignores_case: bool
) -> None:
    """Of several with an equivalent name the first counts (HTTPRouteMatch.headers, .queryParams)."""
    found: dict[str, tuple[str, object]] = {}
    for one in values:
        if one.type not in {"Exact", "RegularExpression"}:
            _unknown(faults, (key, one.name), one.type, ("Exact", "RegularExpression"))
        value = {"regex": one.value} if one.type == "RegularExpression" else one.value
        found.setdefault(one.name.lower() if ignores_case else one.name, (one.name, value))
    if found:
        document[key] = dict(found.values())


def _unknown(faults: Faults, path: Path, word: str, known: Iterable[str]) -> None:
    faults.add(path, f"is {word}", f"it must be {' or '.join(known)}")
