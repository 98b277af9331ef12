"""The operator's admin port: `/livez`, `/readyz`, `/metrics`, `GET /v1/instances`, `GET /v1/targets`.

Plain ASGI, reads only.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import asdict
from typing import Any, Protocol

import orjson

from app.operator.sync.fleet import InstanceView, KnownTargets

__all__ = ["AdminApi", "Inside"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Inside(Protocol):
    """What the port shows."""

    def unready(self) -> list[str]:
        """Why the operator is not ready, empty if it is."""

    def sequence(self) -> int:
        """Of the snapshot that is served; 0 without any."""

    def instances(self) -> Iterable[InstanceView]: ...

    def targets(self) -> Mapping[str, KnownTargets]:
        """What policies may name, by namespace."""

    def metrics(self) -> tuple[str, bytes]:
        """Content type and body."""


class AdminApi:
    """The ASGI application."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = self._answer(scope["method"], scope["path"])
        head = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return _json(405, {"title": "Method not allowed", "status": 405})
        inside = self._inside
        match path:
            case "/livez":
                return _json(200, {"status": "ok"})
            case "/readyz":
                missing = inside.unready()
                state = "unready" if missing else "ok"
                return _json(503 if missing else 200, {"status": state, "missing": missing})
            case "/metrics":
                return 200, *inside.metrics()
            case "/v1/instances":
                rows = [asdict(instance) for instance in inside.instances()]
                return _json(200, {"sequence": inside.sequence(), "instances": rows})
            case "/v1/targets":
                return _json(200, {name: _known(known) for name, known in inside.targets().items()})
        return _json(404, {"title": "No such path", "status": 404})


def _known(known: KnownTargets) -> dict[str, list[str]]:
    return {name: sorted(names) for name, names in asdict(known).items()}


def _json(status: int, value: object) -> tuple[int, str, bytes]:
    return status, "application/json", orjson.dumps(value)
