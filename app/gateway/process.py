"""One gateway process from start to exit: listeners, the second hand, signals, drain."""

import asyncio
import gc
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING

import uvloop

from app.admin.pages import Page
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.config.sources.file import FileSource
from app.dataplane.codec.forwarded import parse_networks
from app.dataplane.downstream.http1_connection import ClientConnection
from app.dataplane.downstream.own_pages import OwnPages
from app.dataplane.downstream.tls_connection import TlsConnection, TlsListener
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.routes import Plans
from app.dataplane.upstream.health_check import EndpointChecks
from app.dataplane.upstream.upstream import RESOLVE_EVERY_S
from app.foundation.allocator import keep_freed_memory
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFaults
from app.foundation.logs import configure_logs
from app.foundation.serving.bounded_http import Bounds
from app.foundation.serving.bounded_port import bounded_protocol
from app.foundation.serving.listener import BACKLOG, listen
from app.foundation.serving.server import Config, OpenServer, open_server, server_config
from app.foundation.version import VERSION
from app.gateway.config.configuration import Configuration
from app.gateway.config.secret_files import SecretFiles
from app.gateway.drain import drain
from app.gateway.limits import LimitStore
from app.gateway.monitor.monitor import DEMO_VARIABLE, Monitor
from app.gateway.reachability import log_unreachable
from app.gateway.tls import Certificate, server_certificate
from app.gateway.view import GatewayView
from app.settings import Settings, secret_files
from app.telemetry.access_log import FLUSH_PERIOD_S, AccessLog
from app.telemetry.counts import Counts
from app.telemetry.memory_limit import memory_limit_bytes
from app.telemetry.tracing import open_tracer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from app.config.sync.snapshot import Snapshot
    from app.gateway.control_plane import ControlPlane

__all__ = ["Gateway", "run_gateway"]

LOG = logging.getLogger("tidegate")
LOG_CLOSE_S = 2.0
SERVERS_END_S = 3.0


def run_gateway(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises ConfigFaults or StartFault at start."""
    configure_logs(settings.log_level)
    for warning in settings.warnings:
        LOG.warning("%s", warning)
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings))


async def _run(settings: Settings) -> int:
    gateway = Gateway(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # before the ports open: whoever sees them open may already send SIGTERM
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.log.reopen)
    await gateway.start()
    # What start-up made lives to the end; requests leave no cycles, so the collector may look rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await stop.wait()
    await gateway.stop(settings.drain_delay_s, settings.drain_timeout_s)
    return 0


class Gateway:
    """Built from settings; `start` returns when the ports accept, `stop` when all is over."""

    def __init__(self, settings: Settings) -> None:
        settings, snapshot = _booted(settings)
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.counts = Counts(VERSION)
        self.breakers = Breakers()
        self.limits = LimitStore(settings, self.loop, self.counts)
        self.limiter = self.limits.limiter
        self.certificate: Certificate | None = server_certificate(settings)
        self.configuration = Configuration(settings, self.loop, self.breakers, self.limiter, self.counts)
        # before the first reading: a change that comes while it is read must not be missed
        self._files = FileSource(self._watched_paths, self._file_changed)
        plans = self.configuration.load(snapshot)
        self._files.watch(self._watched_paths)
        self.log = AccessLog(settings.access_log)
        self.runtime = ProxyContext(
            settings,
            self.loop,
            plans,
            self.limiter,
            self.counts,
            self.log,
            parse_networks(settings.trusted_proxies),
        )
        self.runtime.tracer = open_tracer(os.environ, VERSION)
        self.runtime.on_internal_error = self._internal_error
        self.runtime.set_date(wall_s())
        self._secrets = SecretFiles(self.runtime, self.configuration, self.limits, self._spawn)
        self.view = GatewayView(
            self.runtime,
            self.breakers,
            lambda *asked: self.monitor.override(*asked),
        )
        self.monitor = Monitor(
            self.runtime,
            self.breakers,
            lambda: self.view.ready()[0],
            self._spawn,
            os.environ.get(DEMO_VARIABLE),
        )
        self.page = Page(on_look=self._serve_locally)
        self.configuration.on_plans = self._swap
        self.configuration.on_event = self.monitor.tell
        self.limits.on_change = lambda up, why: self.monitor.store.report(up, why, wall_s())
        self.counts.breakers = self.view.breaker_cells
        self.counts.breaker_settings = self.view.breaker_settings
        self.counts.memory_limit_bytes = memory_limit_bytes
        self.counts.connections = lambda: [
            cell for each in tuple(self.configuration.upstreams.values()) for cell in each.connections()
        ]
        self.counts.log_lines_dropped = self.log.dropped_lines
        self.breakers.subscribe(_tell_transition)
        self.control_plane = self._control_plane() if _in_cluster(settings) else None
        self.checks = EndpointChecks(lambda: tuple(self.configuration.upstreams.values()))
        self._servers: list[OpenServer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.admin_port = 0

    async def start(self) -> None:
        """Open the ports. Raises ConfigFaults for one that cannot be had."""
        settings = self.settings
        public_socket = listen(settings.host, settings.port, "PORT")
        self.port = self.monitor.port = public_socket.getsockname()[1]
        self.monitor.is_tls = self.certificate is not None
        admin_socket = None
        if settings.admin_port:
            try:
                admin_socket = listen(settings.admin_host, settings.admin_port, "ADMIN_PORT")
            except ConfigFaults:
                public_socket.close()
                raise
            self.admin_port = admin_socket.getsockname()[1]
        await self.limits.start()
        await self._serve(public_socket, self._public_config())
        if admin_socket is not None:
            await self._serve(admin_socket, self._admin_config())
        self.view.listening = True
        self._spawn(self._keep_names_fresh())
        self._spawn(self._files.run())
        self._spawn(self._second_hand())
        if self.control_plane is not None:
            self._spawn(self.control_plane.run())
        self._spawn(self.monitor.run())
        self._spawn(self.limits.run())
        self._spawn(self._flush_log())
        used = {t.upstream.name: t.upstream for plan in self.runtime.plans.plans for t in plan.targets}
        self._spawn(log_unreachable(used.values()))
        scheme = "https" if self.certificate else "http"
        LOG.info("listening on %s://%s:%d", scheme, settings.host, self.port)

    def _public_config(self) -> Config:
        runtime, certificate = self.runtime, self.certificate
        pages_config = self._config(_Pages(self.view, self.settings.expose, self.page))
        pages_config.load()
        pages = OwnPages(pages_config)
        config = self._config(pages_config.app)  # type: ignore[arg-type]

        def client() -> ClientConnection:
            return ClientConnection(runtime, pages)

        config.http = lambda **_: client()  # type: ignore[assignment]
        if certificate is not None:
            listener = TlsListener(
                certificate.context,
                runtime.open_clients,
                self.settings.max_connections,
                runtime.wheel,
                self.settings.header_timeout_s,
            )
            config.http = lambda **_: TlsConnection(listener, client)  # type: ignore[assignment]
            self.counts.certificate_expiry_wall_s = certificate.expiry_wall_s()
        config.load()
        return config

    def _admin_config(self) -> Config:
        from app.admin.lazy_app import LazyApp

        settings = self.settings
        bounds = Bounds(
            settings.max_head_bytes,
            settings.header_timeout_s,
            settings.keep_alive_timeout_s,
            settings.max_connections,
        )
        config = self._config(LazyApp(self.view, page=self.page))
        config.http = bounded_protocol(bounds)  # type: ignore[assignment]
        config.load()
        return config

    def _config(self, app: "ASGIApp") -> Config:
        return server_config(
            app,
            keep_alive_s=int(self.settings.keep_alive_timeout_s) or 1,
            grace_s=1,
            ws=self.monitor.socket,  # called as a class, imports it then
            backlog=BACKLOG,
        )

    async def _serve(self, sock: socket.socket, config: Config) -> None:
        server = await open_server(sock, config)
        server.task.add_done_callback(self._ended)
        self._servers.append(server)

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> "asyncio.Task[None]":
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._internal_error(task.exception())

    def _internal_error(self, bug: BaseException | None) -> None:
        self.counts.internal_errors += 1
        LOG.error("internal error", exc_info=bug)

    def _serve_locally(self, paths: frozenset[str]) -> None:
        """What the public port answers itself: the page's `paths` as they are now, and metrics."""
        expose = self.settings.expose
        pages = {path.encode() for path in paths} if "monitor" in expose else set()
        self.runtime.local_paths = frozenset(pages | ({b"/metrics"} if "metrics" in expose else set()))

    def _control_plane(self) -> "ControlPlane":
        from app.gateway.control_plane import ControlPlane

        made = ControlPlane(
            self.settings,
            self.configuration,
            self.breakers,
            self.counts,
            lambda: self.runtime.plans.table,
        )
        self.view.waiting = made.waiting
        return made

    def _swap(self, plans: Plans) -> None:
        """The reload: one assignment. Running requests finish on the plans they took."""
        self.runtime.plans = plans
        self._look_up_names()
        self._files.watch(self._watched_paths)

    @property
    def _watched_paths(self) -> list[str]:
        return list(dict.fromkeys([*self.configuration.paths, *secret_files(self.settings)]))

    def _file_changed(self, path: str, content: bytes | ConfigFaults) -> None:
        if path in secret_files(self.settings):
            self._secrets.changed(path, content)
        else:
            self.configuration.changed(path, content)

    # What happens beside the traffic

    def _look_up_names(self) -> None:
        for upstream in self.configuration.upstreams.values():
            upstream.look_up()

    async def _keep_names_fresh(self) -> None:
        while True:
            self._look_up_names()
            await asyncio.sleep(RESOLVE_EVERY_S)

    async def _flush_log(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_PERIOD_S)
            self.log.flush()

    async def _second_hand(self) -> None:
        """Once a second: the date, the loop's lag, what ends by time alone."""
        while True:
            due_s = now_s() + 1.0
            await asyncio.sleep(1.0)
            now = now_s()
            self.counts.loop_lag_s = max(0.0, now - due_s)
            self.runtime.set_date(wall_s())
            self.breakers.pass_time(now)
            self.limiter.expire(now)
            self.configuration.shadows.tick(now)
            for upstream in tuple(self.configuration.upstreams.values()):
                upstream.close_stale(now)
            self.checks.start_due(now)
            if self.certificate is not None and self.certificate.renew():
                self.counts.certificate_expiry_wall_s = self.certificate.expiry_wall_s()

    # The end

    async def stop(self, delay_s: float, timeout_s: float) -> None:
        """Drain as contract §8 says, then close everything."""
        self.monitor.tell("drain_started", "", f"up to {delay_s + timeout_s:g} s")
        listeners = [each for server in self._servers[:1] for each in server.listeners]
        await drain(self.runtime, listeners, delay_s, timeout_s, self.monitor.go_away)
        for server in self._servers:
            server.end()
        if self._servers:
            await asyncio.wait([server.task for server in self._servers], timeout=SERVERS_END_S)
        await self.configuration.stop()
        self.monitor.stop()
        await self.checks.stop()
        await self.limits.stop()
        for upstream in self.configuration.upstreams.values():
            upstream.close()
        for task in tuple(self._tasks):
            task.cancel()
        self.runtime.wheel.stop()
        self.runtime.disconnects.stop()
        if self.runtime.tracer is not None:
            await asyncio.to_thread(self.runtime.tracer.close, LOG_CLOSE_S)
        lost = await asyncio.to_thread(self.log.close, LOG_CLOSE_S)
        if lost:
            LOG.warning("%d access log lines could not be written", lost)


class _Pages:
    """The public port's own pages, built with their first request."""

    def __init__(self, view: GatewayView, expose: frozenset[str], page: Page) -> None:
        self._view, self._expose, self._page = view, expose, page
        self._app: ASGIApp | None = None

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        if self._app is None:
            from app.admin.probes import build_public_app

            self._app = build_public_app(self._view, self._expose, self._page)
        await self._app(scope, receive, send)  # type: ignore[arg-type]


def _in_cluster(settings: Settings) -> bool:
    return settings.control_plane_url is not None or settings.snapshot_file is not None


def _booted(settings: Settings) -> "tuple[Settings, Snapshot | None]":
    """With what the pod says of itself, and the mounted snapshot; without a cluster nothing is loaded."""
    if not _in_cluster(settings):
        return settings, None
    from app.gateway.control_plane import boot_snapshot, in_namespace

    return in_namespace(settings), boot_snapshot(settings)


def _tell_transition(moved: BreakerTransition) -> None:
    LOG.warning("breaker %s: %s → %s (%s)", moved.name, moved.from_state, moved.to_state, moved.reason)
