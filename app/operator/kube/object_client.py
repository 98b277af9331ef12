"""The adapter of httpx2 for objects of any kind as plain JSON: pages of lists, watches, and the writes of them.

lightkube's own list and watch build an object of classes for each; for thousands of routes plain JSON costs a
fraction. Every failure is a ClusterError (code 0: no response). Nothing is retried here.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from app.foundation.errors import ClusterError
from app.operator.kube.failures import mapped, response_error
from app.operator.kube.kinds import Kind

__all__ = ["ObjectClient", "ObjectKey", "Page", "WatchEvent"]

Json = Mapping[str, Any]
ObjectKey = tuple[str, str]
"""Namespace (empty for a kind without) and name."""

_CONNECT_S = 10.0
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `version`: of the whole list; `more`: the token of the next page, empty after the last."""

    items: tuple[Json, ...]
    version: str
    more: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`type`: ADDED, MODIFIED, DELETED or BOOKMARK (then `body` has only a version)."""

    type: str
    body: Json


class ObjectClient:
    """Requests by one connection pool. `manager`: the field manager of all writes."""

    def __init__(self, http: httpx2.AsyncClient, manager: str = "tidegate-operator") -> None:
        self._http, self._manager = http, manager

    async def page(self, kind: Kind, version: str, more: str = "") -> Page:
        """The first page of all namespaces' objects, or the one that `more` names. 410: `more` is too old."""
        params: dict[str, str | int] = {"limit": kind.page}
        if kind.fields:
            params["fieldSelector"] = kind.fields
        if more:
            params["continue"] = more
        body = await self._send("list", kind.plural, "GET", kind.path(version), params=params)
        with mapped("list", kind.plural):
            metadata = body["metadata"]
            items = tuple(body.get("items") or ())
            return Page(items, metadata["resourceVersion"], metadata.get("continue") or "")

    async def watch(
        self, kind: Kind, version: str, since: str, *, for_s: int, silence_s: float
    ) -> AsyncGenerator[WatchEvent, None]:
        """What changes after the resource version `since`, for `for_s` at most.

        A silence longer than `silence_s` (the API server sends a bookmark every minute) ends it with code 0;
        code 410: `since` is too old.
        """
        params: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": for_s,
        }
        if kind.fields:
            params["fieldSelector"] = kind.fields
        async with self._stream(kind, version, params, silence_s) as lines:
            async for line in lines:
                if line:
                    yield _event(kind, line)

    async def get(self, kind: Kind, key: ObjectKey, version: str = "v1") -> Json:
        """404: there is none."""
        found: Json = await self._send("read", _what(kind, key), "GET", _path(kind, version, key))
        return found

    async def apply(self, kind: Kind, key: ObjectKey, body: Json, version: str = "v1") -> Json:
        """Server-side apply: creates it or changes it to say `body`, and takes out what an earlier call of ours said.

        What others say of it stays. 409: `body` has a `resourceVersion` that is not the stored one.
        """
        path = _path(kind, version, key)
        named = {"apiVersion": kind.api_version(version), "kind": kind.name, **body}
        stored: Json = await self._send("apply", _what(kind, key), "PATCH", path, named, _APPLY)
        return stored

    async def replace(self, kind: Kind, key: ObjectKey, body: Json, version: str = "v1") -> Json:
        """Compare-and-swap; 409: the `resourceVersion` in `body` is not the stored one. The metadata as stored.

        The API server is asked for these alone (PartialObjectMetadata): what is large need not come back.
        """
        path, what = _path(kind, version, key), _what(kind, key)
        named = {"apiVersion": kind.api_version(version), "kind": kind.name, **body}
        stored = await self._send("write", what, "PUT", path, named)
        with mapped("write", what):
            metadata: Json = stored["metadata"]
            return metadata

    async def delete(self, kind: Kind, key: ObjectKey, uid: str, version: str = "v1") -> None:
        """Only the object of this UID; 409: it is another one, 404: it is gone."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        await self._send("delete", _what(kind, key), "DELETE", _path(kind, version, key), options)

    async def patch_status(self, kind: Kind, key: ObjectKey, patch: Json, version: str = "v1") -> Json:
        """A merge patch (RFC 7396) of the status; 409: the `resourceVersion` in it is not the stored one."""
        path = _path(kind, version, key, "status")
        what = _what(kind, key)
        stored: Json = await self._send("write the status of", what, "PATCH", path, patch, _MERGE)
        return stored

    async def _send(
        self,
        verb: str,
        what: str,
        method: str,
        path: str,
        body: Json | None = None,
        content_type: str = "application/json",
        *,
        params: Mapping[str, str | int] | None = None,
    ) -> Any:
        content = None if body is None else orjson.dumps(body)
        headers = {"accept": _METADATA if method == "PUT" else "application/json"}
        if content is not None:
            headers["content-type"] = content_type
        query: dict[str, str | int] = dict(params or {})
        if method in ("PATCH", "PUT"):
            query["fieldManager"] = self._manager
        if content_type == _APPLY:
            query["force"] = "true"
        with mapped(verb, what):
            response = await self._http.request(method, path, params=query, content=content, headers=headers)
            if response.is_error:
                raise response_error(verb, what, response)
            return orjson.loads(response.content)

    @asynccontextmanager
    async def _stream(
        self, kind: Kind, version: str, params: Mapping[str, str | int], silence_s: float
    ) -> AsyncIterator[AsyncIterator[str]]:
        what, timeout = kind.plural, httpx2.Timeout(_CONNECT_S, read=silence_s)
        with mapped("watch", what):
            request = self._http.build_request("GET", kind.path(version), params=params, timeout=timeout)
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise response_error("watch", what, response)
                yield response.aiter_lines()
            finally:
                await response.aclose()


def _path(kind: Kind, version: str, key: ObjectKey, *below: str) -> str:
    return kind.path(version, key[0] or None, key[1], *below)


def _what(kind: Kind, key: ObjectKey) -> str:
    return f"{kind.name} {'/'.join(part for part in key if part)}"


def _event(kind: Kind, line: str) -> WatchEvent:
    event = orjson.loads(line)
    body = event["object"]
    if event["type"] == "ERROR":
        raise ClusterError(
            "watch", kind.plural, int(body.get("code") or 0), str(body.get("message") or "ended")
        )
    return WatchEvent(event["type"], body)
