"""The words and examples of the OpenAPI page; the calls themselves are in `handlers`."""

from collections.abc import Iterable
from typing import Any

from cache.keys import MAX_KEY_BYTES, MAX_TAG_BYTES, MAX_TAGS
from cache.query import MAX_LIMIT, MAX_TTL_S

__all__ = [
    "DELETE",
    "DESCRIPTION",
    "GET",
    "HEAD",
    "LIST",
    "LIVEZ",
    "METRICS",
    "PURGE",
    "PUT",
    "READYZ",
    "STATS",
    "Doc",
    "with_bearer",
    "without_content",
]

Doc = dict[str, Any]  # OpenAPI's own shape

DESCRIPTION = (
    "Values of any bytes under a key, for a while. With Redis behind it a write is acknowledged "
    "(`Cache-Durability: redis`) when Redis has it; while Redis is unavailable writes are kept in memory and "
    "put there later."
)

_PROBLEM: Doc = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["title", "status", "detail"],
            "properties": {
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
        }
    }
}


def _fault(status: int, title: str, detail: str) -> Doc:
    example = {"title": title, "status": status, "detail": detail}
    return {
        "description": title,
        "content": {"application/problem+json": {**_PROBLEM["application/problem+json"], "example": example}},
    }


_BAD = _fault(400, "Bad Request", "ttl must be a whole number from 1 to 315360000")
_MISSING = _fault(404, "Not Found", "no entry with this key, or its time is over")
_LARGE = _fault(413, "Content Too Large", "the body is larger than 1048576 bytes, the most for a value")
_DOWN = _fault(503, "Service Unavailable", "only with CACHE_REQUIRE_REDIS=true, while Redis is unavailable")
_SLOW = _fault(408, "Request Timeout", "the body was not there after 30 s")
_CODED = _fault(501, "Not Implemented", "the only transfer coding taken here is chunked")
_STRANGER = _fault(401, "Unauthorized", "the call carries no token; send Authorization: Bearer <CACHE_TOKEN>")
_OTHER = {
    **_fault(500, "Internal Server Error", "a fault of this service; its log has the details"),
    "description": "any other fault, such as 431 for a head over 32 KiB",
}
_BUSY = {
    **_DOWN,
    "description": "Redis is required and unavailable, or too many large bodies came at once",
}
_KEY: Doc = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "1 to 512 bytes of percent-encoded UTF-8; `a/b` and `a%2Fb` are the same key",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES},
    "example": "user/42",
}
_DURABILITY: Doc = {
    "Cache-Durability": {
        "description": "`redis`; `memory` without Redis; `memory;backlog=full` will never reach Redis",
        "schema": {"type": "string"},
        "example": "redis",
    }
}
_ETAG: Doc = {"ETag": {"schema": {"type": "string"}, "example": '"5f1c8a9be0d54c2f11aa09d3"'}}
_FRESHNESS: Doc = {
    **_ETAG,
    "Age": {"description": "seconds since it was stored", "schema": {"type": "integer"}, "example": 12},
    "Cache-TTL": {"description": "seconds left", "schema": {"type": "integer"}, "example": 48},
}
_TAG: Doc = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TAG_BYTES,
    "pattern": r"^[^\x00-\x1f\x7f]*$",
    "description": f"1 to {MAX_TAG_BYTES} bytes of UTF-8 without control characters",
}
_TAGS: Doc = {"type": "array", "items": _TAG, "maxItems": MAX_TAGS}
_PREFIX: Doc = {"type": "string", "maxLength": MAX_KEY_BYTES, "description": f"at most {MAX_KEY_BYTES} bytes"}
_TTL: Doc = {"type": "integer", "minimum": 1, "maximum": MAX_TTL_S}
_LIMIT: Doc = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}
_CURSOR: Doc = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": 684}
_TEXT: Doc = {"type": "string"}
_COUNT: Doc = {"type": "integer", "minimum": 0}
_BYTES: Doc = {"*/*": {"schema": {"type": "string", "format": "binary"}, "example": '{"name": "Ada"}'}}


def _object(properties: Doc, required: Iterable[str] | None = None) -> Doc:
    """All of `properties` unless `required` says otherwise; a later version may add some."""
    names = list(properties if required is None else required)
    return {"type": "object", "required": names, "properties": properties}


def _only(name: str, schema: Doc) -> Doc:
    """An object of one member, and no other."""
    return {**_object({name: schema}), "additionalProperties": False}


def with_bearer(schema: Doc) -> Doc:
    """The document of a service that has a CACHE_TOKEN; what needs none says `security: []` itself."""
    scheme = {"type": "http", "scheme": "bearer", "description": "the service's CACHE_TOKEN"}
    components = {**schema.get("components", {}), "securitySchemes": {"bearer": scheme}}
    return {**schema, "components": components, "security": [{"bearer": []}]}


def without_content(doc: Doc) -> Doc:
    """The same for HEAD: its responses have no body."""
    responses = {
        status: {name: part for name, part in response.items() if name != "content"}
        for status, response in doc["responses"].items()
    }
    return {**doc, "responses": responses}


def _query(name: str, description: str, schema: Doc, example: object) -> Doc:
    return {"name": name, "in": "query", "description": description, "schema": schema, "example": example}


GET: Doc = {
    "parameters": [
        _KEY,
        {
            "name": "If-None-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "304 when it still matches",
            "example": '"5f1c8a9be0d54c2f11aa09d3"',
        },
    ],
    "responses": {
        "200": {
            "description": "the value, with the media type it was stored with",
            "headers": _FRESHNESS,
            "content": _BYTES,
        },
        "304": {"description": "the client's copy is still the value", "headers": _FRESHNESS},
        "400": _BAD,
        "401": _STRANGER,
        "404": _MISSING,
        "default": _OTHER,
    },
}
HEAD: Doc = without_content(GET)
PUT: Doc = {
    "parameters": [
        _KEY,
        _query("ttl", "seconds to live; default CACHE_DEFAULT_TTL", _TTL, 60),
        _query("tag", f"may be given up to {MAX_TAGS} times", _TAGS, ["users"]),
    ],
    "requestBody": {"description": "the value; it may be empty", "content": _BYTES},
    "responses": {
        "201": {"description": "stored; there was none", "headers": {**_DURABILITY, **_ETAG}},
        "204": {"description": "stored; an entry was replaced", "headers": {**_DURABILITY, **_ETAG}},
        "400": _BAD,
        "401": _STRANGER,
        "408": _SLOW,
        "413": _LARGE,
        "501": _CODED,
        "503": _BUSY,
        "default": _OTHER,
    },
}
DELETE: Doc = {
    "parameters": [_KEY],
    "responses": {
        "204": {"description": "removed", "headers": _DURABILITY},
        "400": _BAD,
        "401": _STRANGER,
        "404": _MISSING,
        "503": _DOWN,
        "default": _OTHER,
    },
}
_MAY_BE_EMPTY = {"allowEmptyValue": True}
LIST: Doc = {
    "parameters": [  # an empty value is as good as an absent one
        {**_query("prefix", "only keys that begin so", _PREFIX, "user/"), **_MAY_BE_EMPTY},
        {**_query("limit", "keys per page", _LIMIT, 100), **_MAY_BE_EMPTY},
        {
            **_query("cursor", "the last page's `cursor`, unchanged; opaque", _CURSOR, "dXNlci80Mg"),
            **_MAY_BE_EMPTY,
        },
    ],
    "responses": {
        "200": {
            "description": "a page in order of the keys' bytes; no `cursor` on the last one",
            "content": {
                "application/json": {
                    "schema": _object(
                        {
                            "keys": {
                                "type": "array",
                                "items": _object({"key": {"type": "string"}, "size": _COUNT, "ttl": _COUNT}),
                            },
                            "cursor": _CURSOR,
                        },
                        required=("keys",),
                    ),
                    "example": {"keys": [{"key": "user/42", "size": 15, "ttl": 48}], "cursor": "dXNlci80Mg"},
                }
            },
        },
        "400": _BAD,
        "401": _STRANGER,
        "default": _OTHER,
    },
}
PURGE: Doc = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        _only("tags", {**_TAGS, "minItems": 1}),
                        _only("prefix", {**_PREFIX, "minLength": 1}),
                        _only("all", {"const": True}),
                    ]
                },
                "examples": {
                    "tags": {"value": {"tags": ["users"]}},
                    "prefix": {"value": {"prefix": "user/"}},
                    "all": {"value": {"all": True}},
                },
            }
        },
    },
    "responses": {
        "200": {
            "description": "how many entries were removed",
            "headers": _DURABILITY,
            "content": {
                "application/json": {"schema": _object({"purged": _COUNT}), "example": {"purged": 3}}
            },
        },
        "400": _BAD,
        "401": _STRANGER,
        "408": _SLOW,
        "413": _LARGE,
        "501": _CODED,
        "503": _BUSY,
        "default": _OTHER,
    },
}


def _json(description: str, schema: Doc, **examples: object) -> Doc:
    """A response in JSON; `examples` by name."""
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"description": description, "content": {"application/json": content}}


_READINESS = _object(
    {
        "status": {"type": "string", "enum": ["ok", "degraded", "draining"]},
        "redis": {"type": "string", "description": "`up`, `off` without one, or why it does not serve"},
    }
)
LIVEZ: Doc = {
    "security": [],
    "responses": {
        "200": _json("the process responds", _object({"status": {"const": "ok"}}), ok={"status": "ok"}),
        "default": _OTHER,
    },
}
READYZ: Doc = {
    "security": [],
    "responses": {
        "200": _json(
            "it takes calls, also while Redis is unavailable",
            _READINESS,
            ok={"status": "ok", "redis": "up"},
            memory_only={"status": "ok", "redis": "off"},
            degraded={"status": "degraded", "redis": "not reachable"},
        ),
        "503": _json("it ends", _READINESS, draining={"status": "draining", "redis": "up"}),
        "default": _OTHER,
    },
}
_STATISTICS: Doc = {
    "entries": 1,
    "bytes": 22,
    "max_bytes": 268435456,
    "hits": 3,
    "misses": 1,
    "evictions": 0,
    "expirations": 0,
    "redis": "up",
    "backlog_bytes": 0,
    "backlog_drops": 0,
    "requests": {"get.hit": 3, "get.miss": 1, "put.created": 1},
}
STATS: Doc = {
    "responses": {
        "200": _json(
            "sizes now; counts since the start",
            _object(
                {
                    **dict.fromkeys(_STATISTICS, _COUNT),
                    "redis": {"type": "string"},
                    "requests": {"type": "object", "additionalProperties": _COUNT},
                }
            ),
            full=_STATISTICS,
        ),
        "401": _STRANGER,
        "default": _OTHER,
    }
}
METRICS: Doc = {
    "security": [],
    "responses": {
        "200": {
            "description": "Prometheus text, or OpenMetrics for who asks",
            "content": {
                "text/plain": {"schema": _TEXT, "example": "tidegate_cache_store_up 1.0\n"},
                "application/openmetrics-text": {
                    "schema": _TEXT,
                    "example": "tidegate_cache_store_up 1.0\n# EOF\n",
                },
            },
        },
        "default": _OTHER,
    },
}
