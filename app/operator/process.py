"""One operator process from start to exit: Kubernetes, certificate, two ports, control plane, watch, signals."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from app.foundation.collector import collect_seldom
from app.foundation.errors import ClusterError, StartFault
from app.foundation.logs import configure_logs
from app.foundation.version import VERSION
from app.operator.cluster.gateway_api import GatewayApi
from app.operator.control_plane import ControlPlane, build_control_plane, new_state
from app.operator.kube.client import KubeClient, connect_kube
from app.operator.kube.lister import WatchScope
from app.operator.kube.watch import Watch
from app.operator.metrics import OperatorCounts
from app.operator.policy.policy_cache import PolicyCache
from app.operator.route_plane import RouteScope, build_route_plane
from app.operator.routes.compile import Compiler
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.rules.route_compiler import RouteCompiler
from app.operator.routes.settings import CompileSettings
from app.operator.serving.admin_api import AdminApi
from app.operator.serving.operator_view import OperatorView
from app.operator.serving.ports import ADMIN_BOUNDS, SYNC_BOUNDS, OpenPorts, Port
from app.operator.settings import OperatorSettings
from app.operator.sync.api import SyncApi
from app.operator.sync.tls import FileTls, SyncTls, load_own_ca_tls
from app.operator.sync.tokens import Tokens
from app.operator.trigger import RoundTrigger

__all__ = ["run_operator"]

LOG = logging.getLogger("tidegate.operator")

T = TypeVar("T")

_TALKATIVE = ("httpx2", "httpcore2", "kopf", "aiohttp")  # a line for every request, or more
_AGAIN_S = 2.0


def run_operator(settings: OperatorSettings) -> int:
    """Until SIGTERM: 0; 1 if a part of it failed. Raises StartFault and ConfigFaults."""
    configure_logs(settings.log_level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for warning in settings.warnings:
        LOG.warning("%s", warning)
    collect_seldom()
    return asyncio.run(_run(settings))


async def _run(settings: OperatorSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client = connect_kube(settings.namespace)
    try:
        return await Operator(settings, client, stop).run()
    finally:
        await client.close()


class Operator:
    """The process. It ends when `stop` is set, or when one of its parts fails."""

    def __init__(self, settings: OperatorSettings, client: KubeClient, stop: asyncio.Event) -> None:
        self._settings, self._client, self._stop = settings, client, stop
        awaited = settings.gateway_api != "false"
        state = self._state = new_state(fleet_namespace=client.namespace, tables_awaited=awaited)
        self._view = OperatorView(
            state.policies, state.fleet, state.served, state.attachments, state.counts, state.clock
        )
        self._ports = OpenPorts()

    async def run(self) -> int:
        """The exit code. Raises StartFault and ConfigFaults."""
        settings = self._settings
        port = Port("ADMIN_PORT", settings.admin_host, settings.admin_port, ADMIN_BOUNDS)
        number = await self._ports.open(AdminApi(self._view), port)
        LOG.info("tidegate operator %s, admin port %d", VERSION, number)
        try:
            tls = await self._once_reachable(self._load_tls)
            return 0 if tls is None else await self._serve(tls)
        finally:
            await self._end()

    async def _serve(self, tls: SyncTls) -> int:
        """From the certificate to the end; the exit code."""
        settings, state = self._settings, self._state
        namespace = None if settings.all_namespaces else self._client.namespace
        scope = WatchScope(namespace or "*", settings.gateway_selector, settings.snapshot_configmap)
        plane = build_control_plane(state, self._client, scope, tls.ca)
        port = Port("SYNC_PORT", settings.sync_host, settings.sync_port, SYNC_BOUNDS)
        number = await self._ports.open(self._sync_api(plane), port, tls)
        self._view.sync_is_open = True
        LOG.info("gateways sync at port %d; policies of %s", number, namespace or "all namespaces")
        parts = [
            plane.run(),
            tls.keep_fresh(),
            _watch(namespace, settings.gateway_selector, state.policies, plane.trigger, state.counts),
        ]
        routes = self._route_plane(plane)
        if routes is not None:
            # before the first round, which must know whose policies count
            await self._once_reachable(routes.look)
            self._view.objects = routes.counts
            parts.append(routes.run())
        return await self._until_one_ends(*parts, self._stopped())

    def _route_plane(self, plane: ControlPlane) -> GatewayApi | None:
        """None where routes come from files only."""
        settings, namespace = self._settings, self._client.namespace
        if settings.gateway_api == "false":
            return None
        compiled = CompileSettings(namespace, settings.gateway_controller, settings.gateway_service_type)
        compiler = Compiler(compiled, RouteCompiler(), ingress_routes)
        scope = RouteScope(settings.gateway_controller, namespace, settings.gateway_selector)
        routes = build_route_plane(self._state, plane, self._client.objects(), scope, compiler.compile)
        if settings.gateway_api == "true":
            routes.activate()
        return routes

    def _sync_api(self, plane: ControlPlane) -> SyncApi:
        state = self._state
        tokens = Tokens(self._client, self._settings.service_accounts, self._client.namespace)
        served, feeds = state.served, state.feeds
        return SyncApi(plane.reports, served, feeds, state.fleet, tokens, state.counts, state.clock)

    async def _until_one_ends(self, *parts: Coroutine[Any, Any, None]) -> int:
        """The exit code: 0 if the part that waits for the signal ended, 1 if another one failed."""
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        failed = [error for task in done if (error := task.exception()) is not None]
        for error in failed:
            LOG.error("the operator ends: %s", error, exc_info=error)
        await self._end()
        await asyncio.wait(tasks)
        return 1 if failed else 0

    async def _stopped(self) -> None:
        await self._stop.wait()

    async def _load_tls(self) -> SyncTls:
        settings = self._settings
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            return FileTls(settings.tls_cert_file, settings.tls_key_file)
        names = settings.sync_names or _service_names(self._client.namespace)
        return await load_own_ca_tls(self._client, settings.sync_ca_secret, names)

    async def _once_reachable(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Waits for an API server that is unavailable; None if the process is to end. Raises StartFault."""
        while not self._stop.is_set():
            try:
                return await call()
            except ClusterError as error:
                if error.code in (401, 403, 404):
                    fix = "apply the chart's roles and objects, or name others in the environment"
                    raise StartFault(f"{error}; {fix}") from error
                LOG.error("trying again in %.0f s: %s", _AGAIN_S, error)
            try:
                async with asyncio.timeout(_AGAIN_S):
                    await self._stop.wait()
            except TimeoutError:
                pass
        return None

    async def _end(self) -> None:
        """Responds to parked polls and closes the ports; a second call does nothing."""
        if not self._view.is_ending:
            self._view.is_ending = True
            self._state.served.close()
            self._state.feeds.close()
            await self._ports.close()
            LOG.info("ended")


class _WatchEvents:
    """A `WatchListener`: passes on what kopf's thread reports."""

    def __init__(self, trigger: RoundTrigger, counts: OperatorCounts) -> None:
        self._trigger, self._counts = trigger, counts
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[BaseException | None] = self._loop.create_future()

    def on_change(self, kind: str) -> None:
        self._trigger.request_threadsafe(f"a {kind} changed")

    def on_relist(self) -> None:
        self._counts.watch_restarts += 1

    def on_end(self, error: BaseException | None) -> None:
        self._loop.call_soon_threadsafe(self.ended.set_result, error)


async def _watch(
    namespace: str | None,
    selector: str,
    policies: PolicyCache,
    trigger: RoundTrigger,
    counts: OperatorCounts,
) -> None:
    """Runs kopf once the kind is known to exist, since kopf never looks for it again. Raises StartFault."""
    while not policies.has_synced:  # noqa: ASYNC110 - at start only
        await asyncio.sleep(0.05)
    events = _WatchEvents(trigger, counts)
    watch = Watch(namespace, selector, events)
    watch.start()
    try:
        error = await asyncio.shield(events.ended)
    finally:
        watch.stop()
        await asyncio.to_thread(watch.join)
    raise StartFault(f"the watch ended: {error or 'kopf ended by itself'}")


def _service_names(namespace: str) -> tuple[str, ...]:
    """The Service that the chart makes by its default names, and this machine."""
    service = "tidegate-operator"
    return (
        service,
        f"{service}.{namespace}",
        f"{service}.{namespace}.svc",
        f"{service}.{namespace}.svc.cluster.local",
        "localhost",
        "127.0.0.1",
    )
