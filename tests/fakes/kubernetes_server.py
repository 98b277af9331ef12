"""The API server in memory (`cluster.py`) behind HTTP on loopback, so that real kopf and lightkube talk to it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, web

from app.config.sync.messages import AUDIENCE
from app.foundation.errors import ClusterError
from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY_CLASS, RESILIENCE_POLICY, ROUTE_KINDS, Kind
from app.operator.kube.resources import Stored, read_policy
from app.policy.kind import GROUP, KIND, PLURAL, VERSION
from tests.fakes.cluster import FakeCluster
from tests.fakes.kubernetes_discovery import POLICIES_PATH, SLICES_PATH, discovery
from tests.fakes.object_server import ObjectRoutes, faults_as_statuses
from tests.fakes.objects import FakeObjects

__all__ = ["KubernetesServer", "kubernetes_server"]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KubernetesServer:
    """`kubeconfig`: how to reach it. `events`: those that were created, by name.

    `ports`: where pods listen on this machine, by (namespace, pod); `operators`: pods that are operators.
    `forbids`: resources that the user may not reach. `objects`: of the kinds that routes are made of;
    those of Gateway API are `missing` from them at first.
    """

    def __init__(self, cluster: FakeCluster, folder: Path) -> None:
        self.cluster = cluster
        self.kubeconfig = folder / "kubeconfig"
        self.events: dict[str, Mapping[str, Any]] = {}
        self.ports: dict[tuple[str, str], int] = {}
        self.operators: list[str] = []
        self.forbids: set[str] = set()
        self._listed: dict[str, tuple[dict[str, str], int]] = {}
        self._changed = {kind: asyncio.Event() for kind in ("policy", "slice")}
        self._generation = 0
        self._streams: set[asyncio.Task[Any]] = set()
        cluster.on_change = self._wake
        self.objects = FakeObjects()
        self.objects.missing |= {kind.name for kind in ROUTE_KINDS if kind.group == GATEWAY_CLASS.group}
        self.objects.on_change = self._wake_of
        self._routes = ObjectRoutes(self.objects)

    def break_watches(self) -> None:
        """Every watch ends as one does whose resourceVersion is too old."""
        self._generation += 1
        for kind in self._changed:
            self._wake(kind)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[faults_as_statuses])
        router = app.router
        for path, found in discovery().items():
            router.add_get(path, _fixed(found))
        for prefix, plural in ((POLICIES_PATH, PLURAL), (SLICES_PATH, "endpointslices")):
            router.add_get(f"{prefix}/{plural}", self._list)
            router.add_get(f"{prefix}/namespaces/{{namespace}}/{plural}", self._list)
        router.add_put(
            f"{POLICIES_PATH}/namespaces/{{namespace}}/{PLURAL}/{{name}}/status", self._write_status
        )
        for kind in ("configmaps", "secrets"):
            router.add_get(f"/api/v1/namespaces/{{namespace}}/{kind}/{{name}}", self._read)
            router.add_put(f"/api/v1/namespaces/{{namespace}}/{kind}/{{name}}", self._write)
        router.add_post("/api/v1/namespaces/{namespace}/events", self._create_event)
        router.add_patch("/api/v1/namespaces/{namespace}/events/{name}", self._patch_event)
        router.add_get("/api/v1/namespaces/{namespace}/pods/{pod}/portforward", self._forward_port)
        router.add_get("/api/v1/namespaces/{namespace}/pods/{target}/proxy/{path:.*}", self._proxy)
        router.add_get("/api/v1/namespaces/{namespace}", self._namespace)
        router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._review)
        self._routes.add_to(app, without=(ENDPOINT_SLICE, RESILIENCE_POLICY))
        return app

    @property
    def watches(self) -> int:
        """How many are open."""
        return len(self._streams)

    def end_watches(self) -> None:
        for task in self._streams:
            task.cancel()
        self._routes.end_watches()

    def _wake(self, kind: str) -> None:
        self._changed[kind].set()
        self._changed[kind] = asyncio.Event()

    def _wake_of(self, kind: Kind) -> None:
        if kind is ENDPOINT_SLICE:
            self._wake("slice")

    async def _made_up(self, request: web.Request) -> list[dict[str, Any]]:
        """Policies, or the slices of pods: what is made anew from what `cluster` knows."""
        namespace = request.match_info.get("namespace", "*")
        if _is_of_slices(request):
            if "endpointslices" in self.forbids:
                raise ClusterError("list", "endpointslices", 403, "forbidden")
            if "component=operator" in request.query.get("labelSelector", ""):
                return [_operator_slice(pod) for pod in self.operators]
            slices = await self.cluster.slices(namespace, "any=one")
            return [_named_slice(number, one) for number, one in enumerate(slices)]
        await self.cluster.policies(namespace)
        bodies = [body for (place, _), body in self.cluster.bodies.items() if namespace in ("*", place)]
        return [{"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, **body} for body in bodies]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        items, since = await self._made_up(request), self.objects.version
        self._listed[_asked(request)] = _versions(items), since
        if _is_of_slices(request) and "component=operator" not in request.query.get("labelSelector", ""):
            items += [body for body in self.objects.listed(ENDPOINT_SLICE) if _is_asked_for(body, request)]
        metadata = {"resourceVersion": str(self.cluster.version)}
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            await self._send_changes(request, response)
        except ConnectionResetError:
            pass  # the client has gone
        finally:
            self._streams.discard(task)
        return response

    async def _send_changes(self, request: web.Request, response: web.StreamResponse) -> None:
        """Until the watches break."""
        listed, since = self._listed.get(_asked(request), ({}, 0))
        known, generation = dict(listed), self._generation
        kind = "slice" if _is_of_slices(request) else "policy"
        bodies: dict[str, dict[str, Any]] = {}
        while self._generation == generation:
            changed = self._changed[kind]
            if kind == "slice":
                since = await self._send_own_slices(request, response, since)
            items = {item["metadata"]["uid"]: item for item in await self._made_up(request)}
            for uid, item in items.items():
                version = item["metadata"]["resourceVersion"]
                if known.get(uid) != version:
                    await _send(response, "MODIFIED" if uid in known else "ADDED", item)
                    known[uid] = version
            for uid in [uid for uid in known if uid not in items]:
                del known[uid]
                await _send(response, "DELETED", bodies.get(uid) or {"metadata": {"uid": uid, "name": uid}})
            bodies = items
            await changed.wait()
        await _send(response, "ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"})

    async def _send_own_slices(self, request: web.Request, response: web.StreamResponse, since: int) -> int:
        """Those of `objects` that changed after version `since`; the version that the watch knows then.

        From the log: to look through thousands of slices for each watch took longer than all else of an edit.
        """
        newer, now = self.objects.newer(ENDPOINT_SLICE, since), self.objects.version
        for event, body in newer:
            if _is_asked_for(body, request):
                await _send(response, event, body)
                self.objects.on_sent(body)
        return now

    async def _write_status(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        place = (request.match_info["namespace"], request.match_info["name"])
        stored = self.cluster.bodies.get(place)
        policy = None if stored is None else read_policy(stored)
        if policy is None:
            raise ClusterError("update", place[1], 404, "not found")
        read = replace(policy, resource_version=body["metadata"]["resourceVersion"])
        await self.cluster.write_status(read, body["status"])
        self._wake("policy")
        return web.json_response(self.cluster.bodies[place])

    async def _read(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if "/secrets/" in request.path:
            secret = await self.cluster.read_secret(name)
            return web.json_response({**_stored(name, secret), "data": _coded(secret), "type": secret.kind})
        configmap = await self.cluster.read_configmap(name)
        return web.json_response({**_stored(name, configmap), "binaryData": _coded(configmap)})

    async def _write(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.json()
        read = Stored(body["metadata"]["resourceVersion"], {}, {}, body.get("type"))
        if "/secrets/" in request.path:
            await self.cluster.write_secret(name, read, _decoded(body.get("data")))
            return web.json_response(_stored(name, self.cluster.secrets[name]))
        written = await self.cluster.write_configmap(
            name, read, _decoded(body.get("binaryData")), body.get("data") or {}
        )
        return web.json_response(_stored(name, written))

    async def _create_event(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.events[body["metadata"]["name"]] = body
        return web.json_response(body, status=201)

    async def _patch_event(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self.events:
            raise ClusterError("patch", f"event {name}", 404, "not found")
        self.events[name] = {**self.events[name], **(await request.json())}
        return web.json_response(self.events[name])

    async def _namespace(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["namespace"]
        if not any(pod.namespace == name for pod in self.cluster.pods.values()) and name != "shop":
            raise ClusterError("get", f"namespace {name}", 404, "not found")
        return web.json_response({"kind": "Namespace", "metadata": {"name": name}})

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        """A pod's own response to a GET, as the API server hands it on."""
        pod, path = request.match_info["target"].partition(":")[0], request.raw_path.partition("/proxy")[2]
        if "pods/proxy" in self.forbids:
            raise ClusterError("get", f"pods/proxy of {pod}", 403, "forbidden")
        port = self.ports.get((request.match_info["namespace"], pod))
        try:
            if port is None:
                raise OSError("there is none")
            async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as found:
                body, kind = await found.read(), found.content_type
                return web.Response(body=body, status=found.status, content_type=kind)
        except (OSError, ClientError) as error:
            raise ClusterError("get", f"pod {pod}", 503, f"no endpoint: {error}") from None

    async def _forward_port(self, request: web.Request) -> web.StreamResponse:
        """As the kubelet does it, over a WebSocket: channel 0 carries data, 1 errors, each begins with the port."""
        pod = request.match_info["pod"]
        if "portforward" in self.forbids:
            raise ClusterError("create", f"pods/portforward of {pod}", 403, "forbidden")
        port = self.ports.get((request.match_info["namespace"], pod))
        if port is None:
            raise ClusterError("get", f"pod {pod}", 404, "not found")
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        named = int(request.query["ports"]).to_bytes(2, "little")
        await socket.send_bytes(b"\0" + named)
        await socket.send_bytes(b"\1" + named)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            await socket.send_bytes(b"\1" + f"cannot connect inside pod {pod}: {error.strerror}".encode())
            await socket.close()
            return socket
        down = asyncio.ensure_future(_send_down(reader, socket))
        self._streams.add(down)
        try:
            async for message in socket:
                writer.write(message.data[1:])
                await writer.drain()
        finally:
            self._streams.discard(down)
            down.cancel()
            writer.close()
        return socket

    async def _review(self, request: web.Request) -> web.StreamResponse:
        spec = (await request.json())["spec"]
        bearer = await self.cluster.review(spec["token"])
        if bearer is None:
            return web.json_response({"spec": spec, "status": {"authenticated": False}}, status=201)
        user = {
            "username": f"system:serviceaccount:{bearer.namespace}:{bearer.service_account}",
            "extra": {
                "authentication.kubernetes.io/pod-name": [bearer.pod_name],
                "authentication.kubernetes.io/pod-uid": [bearer.pod_uid],
            },
        }
        status = {"authenticated": True, "audiences": [AUDIENCE], "user": user}
        return web.json_response({"spec": spec, "status": status}, status=201)


@asynccontextmanager
async def kubernetes_server(cluster: FakeCluster, folder: Path) -> AsyncIterator[KubernetesServer]:
    """Serves `cluster` on a free port; the file of `kubeconfig` is in `folder`."""
    server = KubernetesServer(cluster, folder)
    runner = web.AppRunner(server.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{port}"))
    try:
        yield server
    finally:
        server.end_watches()
        await runner.cleanup()


async def _send_down(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    while data := await reader.read(32 << 10):
        await socket.send_bytes(b"\0" + data)
    await socket.close()


async def _send(response: web.StreamResponse, kind: str, body: Mapping[str, Any]) -> None:
    await response.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")


def _fixed(found: Mapping[str, Any]) -> Handler:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.json_response(found)

    return respond


def _operator_slice(pod: str) -> dict[str, Any]:
    endpoint = {
        "targetRef": {"kind": "Pod", "name": pod},
        "conditions": {"ready": True},
        "addresses": ["::1"],
    }
    return {"metadata": {"name": pod, "uid": pod, "resourceVersion": "1"}, "endpoints": [endpoint]}


def _named_slice(number: int, one: Mapping[str, Any]) -> dict[str, Any]:
    uid = one["endpoints"][0]["targetRef"]["uid"]
    metadata = {**one["metadata"], "name": f"slice-{number}", "uid": f"slice-{uid}", "resourceVersion": "1"}
    return {**one, "metadata": metadata}


def _asked(request: web.Request) -> str:
    """What a list and the watch that follows it have in common."""
    return f"{request.path}?{request.query.get('labelSelector', '')}"


def _is_of_slices(request: web.Request) -> bool:
    return request.path.endswith("endpointslices")


def _is_asked_for(body: Mapping[str, Any], request: web.Request) -> bool:
    namespace, selector = request.match_info.get("namespace"), request.query.get("labelSelector", "")
    wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair).items()
    metadata = body["metadata"]
    return namespace in (None, metadata["namespace"]) and wanted <= (metadata.get("labels") or {}).items()


def _versions(items: list[dict[str, Any]]) -> dict[str, str]:
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in items}


def _stored(name: str, stored: Stored) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": stored.version}}


def _coded(stored: Stored) -> dict[str, str]:
    return {key: base64.b64encode(content).decode() for key, content in stored.data.items()}


def _decoded(data: Mapping[str, str] | None) -> dict[str, bytes]:
    return {key: base64.b64decode(text) for key, text in (data or {}).items()}


def _kubeconfig(server: str) -> str:
    """Kubernetes clients read JSON as YAML."""
    return json.dumps(
        {
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "operator", "user": {"token": "of-nobody"}}],
            "contexts": [
                {"name": "fake", "context": {"cluster": "fake", "user": "operator", "namespace": "shop"}}
            ],
            "current-context": "fake",
        }
    )
