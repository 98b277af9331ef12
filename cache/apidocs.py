"""The words and examples of the OpenAPI page; the calls themselves are in `calls`."""

from typing import Any

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
    "without_content",
]

Doc = dict[str, Any]  # OpenAPI's own shape

DESCRIPTION = (
    "Values of any bytes under a key, for a while. With Redis behind it a write is acknowledged "
    "(`Cache-Durability: redis`) when Redis has it; while Redis is away writes are kept in memory and "
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
_DOWN = _fault(503, "Service Unavailable", "only with CACHE_REQUIRE_REDIS=true, while Redis is away")
_SLOW = _fault(408, "Request Timeout", "the body was not there after 30 s")
_CODED = _fault(501, "Not Implemented", "the only transfer coding taken here is chunked")
_STRANGER = _fault(401, "Unauthorized", "the call carries no token; send Authorization: Bearer <CACHE_TOKEN>")
_BUSY = {
    **_DOWN,
    "description": "Redis is required and away, or too many large bodies came at once",
}
_KEY: Doc = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "1 to 512 bytes of percent-encoded UTF-8; `a/b` and `a%2Fb` are the same key",
    "schema": {"type": "string"},
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
_BYTES: Doc = {"*/*": {"schema": {"type": "string", "format": "binary"}, "example": '{"name": "Ada"}'}}


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
    },
}
HEAD: Doc = {
    "parameters": GET["parameters"],
    "responses": {
        "200": {"description": "as GET, without the value", "headers": _FRESHNESS},
        "304": {"description": "as GET", "headers": _FRESHNESS},
        "400": {"description": "as GET"},
        "401": {"description": "as GET"},
        "404": {"description": "no such entry"},
    },
}
PUT: Doc = {
    "parameters": [
        _KEY,
        _query("ttl", "seconds to live; default CACHE_DEFAULT_TTL", {"type": "integer", "minimum": 1}, 60),
        _query(
            "tag", "may be given up to 32 times", {"type": "array", "items": {"type": "string"}}, ["users"]
        ),
    ],
    "requestBody": {"required": True, "content": _BYTES},
    "responses": {
        "201": {"description": "stored; there was none", "headers": {**_DURABILITY, **_ETAG}},
        "204": {"description": "stored; an entry was replaced", "headers": {**_DURABILITY, **_ETAG}},
        "400": _BAD,
        "401": _STRANGER,
        "408": _SLOW,
        "413": _LARGE,
        "501": _CODED,
        "503": _BUSY,
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
    },
}
LIST: Doc = {
    "parameters": [
        _query("prefix", "only keys that begin so", {"type": "string"}, "user/"),
        _query(
            "limit", "keys per page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, 100
        ),
        _query("cursor", "the last page's `cursor`", {"type": "string"}, "dXNlci80Mg"),
    ],
    "responses": {
        "200": {
            "description": "a page in order of the keys' bytes; no `cursor` on the last one",
            "content": {
                "application/json": {
                    "example": {"keys": [{"key": "user/42", "size": 15, "ttl": 48}], "cursor": "dXNlci80Mg"}
                }
            },
        },
        "400": _BAD,
        "401": _STRANGER,
    },
}
PURGE: Doc = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {
                            "type": "object",
                            "required": ["tags"],
                            "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
                        },
                        {
                            "type": "object",
                            "required": ["prefix"],
                            "properties": {"prefix": {"type": "string"}},
                        },
                        {"type": "object", "required": ["all"], "properties": {"all": {"const": True}}},
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
            "content": {"application/json": {"example": {"purged": 3}}},
        },
        "400": _BAD,
        "401": _STRANGER,
        "408": _SLOW,
        "413": _LARGE,
        "501": _CODED,
        "503": _BUSY,
    },
}


def _json(description: str, **examples: object) -> Doc:
    """A 200 in JSON; `examples` by name."""
    content = {"examples": {name: {"value": value} for name, value in examples.items()}}
    return {"description": description, "content": {"application/json": content}}


LIVEZ: Doc = {"responses": {"200": _json("the process answers", ok={"status": "ok"})}}
READYZ: Doc = {
    "responses": {
        "200": _json(
            "it takes calls, also while Redis is away",
            ok={"status": "ok", "redis": "up"},
            memory_only={"status": "ok", "redis": "off"},
            degraded={"status": "degraded", "redis": "not reachable"},
        )
    }
}
STATS: Doc = {
    "responses": {
        "200": _json(
            "sizes now; counts since the start",
            full={
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
            },
        ),
        "401": _STRANGER,
    }
}
METRICS: Doc = {
    "responses": {
        "200": {
            "description": "Prometheus text, or OpenMetrics for who asks",
            "content": {"text/plain": {"example": "tidegate_cache_store_up 1.0\n"}},
        }
    }
}
