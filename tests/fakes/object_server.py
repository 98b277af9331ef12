"""The objects of `objects.py` behind HTTP, in the paths and words of the Kubernetes API."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from aiohttp import web

from app.foundation.errors import ClusterError
from app.operator.kube.kinds import DEFINITION, WATCHED_KINDS, Kind
from app.operator.kube.object_client import ObjectClient
from tests.fakes.objects import FakeObjects

__all__ = ["ObjectRoutes", "faults_as_statuses", "object_client"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ObjectRoutes:
    """The requests for all kinds that the operator watches. `tasks`: of open watches."""

    def __init__(self, objects: FakeObjects) -> None:
        self.objects = objects
        self.tasks: set[asyncio.Task[Any]] = set()

    def add_to(self, app: web.Application, *, without: tuple[Kind, ...] = ()) -> None:
        """`without`: kinds whose lists and watches another one serves."""
        router = app.router
        router.add_get(DEFINITION.path("v1", None, "{name}"), self._of(DEFINITION, self._get))
        for kind in WATCHED_KINDS:
            for version in kind.versions:
                one = kind.path(version, "{namespace}" if kind.is_namespaced else None, "{name}")
                if kind not in without:
                    router.add_get(kind.path(version), self._of(kind, self._list))
                if kind.plural not in ("configmaps", "secrets", "namespaces"):
                    router.add_get(one, self._of(kind, self._get))
                router.add_patch(one, self._of(kind, self._apply))
                router.add_delete(one, self._of(kind, self._delete))
                router.add_patch(f"{one}/status", self._of(kind, self._patch_status))

    def end_watches(self) -> None:
        for task in self.tasks:
            task.cancel()

    def _of(
        self, kind: Kind, handle: Callable[[Kind, web.Request], Awaitable[web.StreamResponse]]
    ) -> Handler:
        async def respond(request: web.Request) -> web.StreamResponse:
            return await handle(kind, request)

        return respond

    async def _list(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(kind, request)
        self.objects.asked("list", kind)
        items = self.objects.listed(kind, request.query.get("fieldSelector", ""))
        start, limit = int(request.query.get("continue") or 0), int(request.query["limit"])
        rest = str(start + limit) if start + limit < len(items) else ""
        metadata = {"resourceVersion": str(self.objects.version), "continue": rest}
        return web.json_response(
            {"kind": f"{kind.name}List", "metadata": metadata, "items": items[start:][:limit]}
        )

    async def _watch(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        objects, since = self.objects, int(request.query["resourceVersion"])
        objects.asked("watch", kind)
        response = web.StreamResponse()
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        breaks = objects.watch_breaks
        try:
            while breaks == objects.watch_breaks:
                changed = objects.change(kind)
                for event, body in objects.since(kind, since):
                    since = int(body["metadata"]["resourceVersion"])
                    await _send(response, event, body)
                    objects.on_sent(body)
                await changed.wait()
        except ClusterError as error:
            await _send(response, "ERROR", {"kind": "Status", "code": error.code, "message": str(error)})
        except ConnectionResetError:
            pass  # the client has gone
        finally:
            self.tasks.discard(task)
        return response

    async def _get(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        self.objects.asked("get", kind)
        body = self.objects.get(kind, _key(request))
        if body is None:
            raise ClusterError("get", request.path, 404, "not found")
        return web.json_response(body)

    async def _apply(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        self.objects.asked("apply", kind)
        assert request.content_type == "application/apply-patch+yaml"
        assert request.query["force"] == "true"
        return web.json_response(self.objects.server_side_apply(kind, _key(request), await request.json()))

    async def _patch_status(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        self.objects.asked("status", kind)
        assert request.content_type == "application/merge-patch+json"
        return web.json_response(self.objects.patch_status(kind, _key(request), await request.json()))

    async def _delete(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        self.objects.asked("delete", kind)
        options = await request.json()
        self.objects.delete(kind, _key(request), options["preconditions"]["uid"])
        return web.json_response({"kind": "Status", "status": "Success"})


@asynccontextmanager
async def object_client(objects: FakeObjects) -> AsyncIterator[ObjectClient]:
    """The product's own client, connected with a server of `objects` on a free port."""
    app = web.Application(middlewares=[faults_as_statuses])
    routes = ObjectRoutes(objects)
    routes.add_to(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    place = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with httpx2.AsyncClient(base_url=place, trust_env=False) as http:
            yield ObjectClient(http)
    finally:
        routes.end_watches()
        await runner.cleanup()


@web.middleware
async def faults_as_statuses(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ClusterError as error:
        code = error.code or 503
        status = {"kind": "Status", "apiVersion": "v1", "code": code, "message": str(error)}
        return web.json_response(status, status=code)


async def _send(response: web.StreamResponse, kind: str, body: Mapping[str, Any]) -> None:
    await response.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")


def _key(request: web.Request) -> tuple[str, str]:
    return (request.match_info.get("namespace", ""), request.match_info["name"])
