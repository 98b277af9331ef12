"""One gateway process from start to exit: built from its settings, served, drained."""

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

import uvloop

from app.admin.pages import Page
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.dataplane.proxy.context import Observers, ProxyContext
from app.dataplane.upstream.health_check import EndpointChecks
from app.foundation.allocator import keep_freed_memory
from app.foundation.clock import wall_s
from app.foundation.collector import collect_seldom
from app.foundation.cores import usable_cores
from app.foundation.errors import ConfigFaults, StartFault
from app.foundation.logs import configure_logs
from app.foundation.version import VERSION
from app.gateway.breaker_cells import breaker_cells, breaker_settings
from app.gateway.cluster import booted, known_endpoints
from app.gateway.config.bindings import Bindings
from app.gateway.config.configuration import Configuration
from app.gateway.config.file_watch import FileWatch
from app.gateway.config.reloads import Parts, Reloads
from app.gateway.config.secret_files import SecretFiles
from app.gateway.config.snapshots import Snapshots
from app.gateway.config_history import ConfigHistory
from app.gateway.data_path import close_data_path, keep_fresh
from app.gateway.drain import drain
from app.gateway.limits import LimitStore
from app.gateway.listeners import Listeners
from app.gateway.monitor.connections import own_connections
from app.gateway.monitor.monitor import DEMO_VARIABLE, Monitor
from app.gateway.monitor.overrides import Overrides
from app.gateway.monitor.watched import Watched
from app.gateway.ports import Port
from app.gateway.public_port import ClientProtocol
from app.gateway.reachability import Reachability
from app.gateway.readiness import Readiness
from app.gateway.second_hand import SecondHand
from app.gateway.servers import Pages, Servers, serve_locally
from app.gateway.tasks import Tasks
from app.gateway.tls import server_certificate
from app.gateway.view import GatewayView, TrafficSources
from app.settings import Settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.decisions import DecisionRing
from app.telemetry.events import Events, StoreState
from app.telemetry.memory_limit import memory_limit_bytes
from app.telemetry.reading import Sources
from app.telemetry.tracing import open_tracer

if TYPE_CHECKING:
    from app.gateway.config.discovered import Discovered
    from app.gateway.control_plane import ControlPlane
    from app.gateway.parent import Parent

__all__ = ["Gateway", "run_gateway"]

LOG = logging.getLogger("tidegate")


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
    # before the ports open: a caller that sees them open may already send SIGTERM
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.reopen_log)
    await gateway.start()
    collect_seldom()
    await stop.wait()
    await gateway.stop(settings.drain_delay_s, settings.drain_timeout_s)
    return 0


class Gateway:
    """Every part is built with what it uses, from the bottom up.

    `start` returns when the ports accept, `stop` when everything has ended. Raises ConfigFaults.
    """

    def __init__(self, settings: Settings) -> None:
        settings, snapshot = booted(settings)
        self.settings = settings
        self.loop = loop = asyncio.get_running_loop()
        self.counts = counts = Counts(VERSION)
        self.events = events = Events()
        self.breakers = breakers = Breakers()
        breakers.subscribe(_log_transition)
        self.tasks = tasks = Tasks(loop, self._internal_error)
        count = settings.workers or usable_cores()
        self.parent = parent = _parent(count, settings, tasks, events)
        self.certificate = server_certificate(settings)
        self.public = Port(settings.host, settings.port, "PORT", is_tls=self.certificate is not None)
        self.admin = Port(settings.admin_host, settings.admin_port, "ADMIN_PORT")
        store = StoreState(events, "limit store")
        self.limits = limits = LimitStore(settings, loop, store)
        self.limiter = limits.limiter
        self.log = AccessLog(settings.access_log)

        self.snapshots = snapshots = Snapshots()
        if snapshot is not None:
            snapshots.offer(snapshot, "configmap")
        discovered = known_endpoints(settings)
        self.bindings = bindings = Bindings(loop, breakers, limits.limiter, counts, discovered=discovered)
        self.configuration = configuration = Configuration(settings, bindings, snapshots, counts)
        self.watch = FileWatch(settings, configuration)
        plans = configuration.load()
        self.watch.follow()
        tracer = open_tracer(os.environ, VERSION)
        self.decisions = _decision_ring(settings, count)
        observers = Observers(counts, self.log, tracer, self._internal_error, self.decisions)
        self.context = context = ProxyContext(settings, loop, plans, limits.limiter, observers)
        self.listeners = Listeners(context, tasks, parent, self._report_ports)
        certificates = self.listeners.certificates
        bindings.follow_certificates(certificates.pair, certificates.subscribe)
        history = ConfigHistory()
        self.reloads = Reloads(self._parts(history), tasks, loop)
        self.secrets = SecretFiles(context, self.reloads, limits, tasks)
        self.control_plane = self._control_plane(discovered) if discovered is not None else None

        waiting = self.control_plane.waiting if self.control_plane is not None else _nothing
        serving = parent.serving if parent is not None else None
        self.readiness = Readiness(context, waiting, history, serving, self.listeners.ports)
        self.overrides = Overrides(breakers, events, loop)
        self.connections = own_connections(context, bindings)
        if parent is not None:
            self.connections = parent.share(context, breakers, bindings)
            self.overrides.subscribe(parent.sharing.sweep)
        self.reachability = Reachability()
        watched = self._watched(store, history)
        self.monitor = Monitor(watched, tasks, loop)
        self.view = self._view()
        settle = parent.sharing.settle if parent is not None else None
        page = Page(on_look=serve_locally(context, parent.use_paths if parent is not None else None))
        self.servers = Servers(settings, Pages(self.view, page, self.monitor.socket, settle), tasks)
        self.checks = EndpointChecks(lambda: tuple(bindings.upstreams.values()))
        self.second_hand = self._second_hand()

    def _parts(self, history: ConfigHistory) -> Parts:
        """What a reload works on."""
        return Parts(
            self.configuration,
            self.bindings,
            self.snapshots,
            self.watch,
            self.context,
            self.counts,
            self.events,
            history,
            self.parent.rollout if self.parent is not None else None,
            self.listeners.follow,
        )

    def _watched(self, store: StoreState, history: ConfigHistory) -> Watched:
        context, counts, bindings, limits = self.context, self.counts, self.bindings, self.limits
        return Watched(
            context,
            self.connections,
            counts,
            self.breakers,
            limits.limiter,
            store,
            lambda: limits.is_up,
            self.events,
            history,
            self.overrides,
            self.readiness,
            self.public,
            os.environ.get(DEMO_VARIABLE),
            lambda: self.view.upstreams(),  # made after it
            lambda: self.reachability.why(bindings.upstreams.values()),
        )

    def _view(self) -> GatewayView:
        bindings = self.bindings
        return GatewayView(
            self.context,
            self.breakers,
            self.overrides,
            self.readiness,
            self.counts,
            self._sources(),
            TrafficSources(
                lambda: tuple(bindings.upstreams.values()),
                self.monitor.meter_of,
                self.monitor.problems,
                self.monitor.shadows,
                self.parent.views if self.parent is not None else tuple,
                lambda: self.listeners.views(self.context.plans.table.listeners),
            ),
        )

    def _sources(self) -> Sources:
        """What a scrape reads besides the counters."""
        parent = self.parent
        return Sources(
            breakers=lambda: breaker_cells(self.breakers),
            breaker_settings=lambda: breaker_settings(self.breakers),
            connections=self.connections.upstreams,
            certificate_ends_wall_s=lambda: self.listeners.certificates.ends_wall_s,
            leases=lambda: self.limits.leases,
            memory_limit_bytes=memory_limit_bytes,
            store_up=lambda: self.limits.is_up,
            log_lines_dropped=parent.sharing.log_lines_dropped if parent else self.log.dropped_lines,
            workers=parent.numbers if parent else _nothing,
        )

    def _report_ports(self) -> None:
        if self.control_plane is not None:
            self.control_plane.report_soon()

    def _second_hand(self) -> SecondHand:
        context = self.context
        context.set_date(wall_s())
        return SecondHand(
            self.counts,
            (
                lambda _: context.set_date(wall_s()),
                self.breakers.pass_time,
                self.limiter.expire,
                self.counts.rejected.pass_time,
                *((self.decisions.pass_time,) if self.decisions is not None else ()),
                *((self.parent.sharing.second,) if self.parent is not None else ()),
                self.bindings.shadows.tick,
                self.bindings.leftovers.tick,
                self.bindings.close_stale,
                self.checks.start_due,
                self._renew_certificate,
                self.listeners.retry,
            ),
        )

    def _control_plane(self, discovered: "Discovered") -> "ControlPlane":
        from app.gateway.control_plane import ControlPlane
        from app.gateway.deliveries import Deliveries
        from app.gateway.sync_report import SyncReport, listeners_now

        limits, context = self.limits, self.context
        listeners = self.listeners
        deliveries = Deliveries(discovered, listeners.certificates, self.settings.endpoints_file)
        if self.parent is not None:
            deliveries.spread_to(self.parent.share_endpoints(discovered))
        report = SyncReport(
            self.settings,
            self.snapshots,
            self.breakers,
            lambda: context.plans.table,
            lambda: limits.is_up,
            lambda: listeners_now(listeners.ports, deliveries.certificates_held),
        )
        plane = ControlPlane(
            self.settings,
            self.reloads,
            self.snapshots,
            report,
            deliveries,
            self.counts,
            lambda digest_held: self.monitor.summarize(digest_held),  # made after it
        )
        self.breakers.subscribe(plane.moved)
        return plane

    @property
    def port(self) -> int:
        """The public port; 0 before the start."""
        return self.public.number

    @property
    def admin_port(self) -> int:
        return self.admin.number

    async def start(self) -> None:
        """Open the ports. Raises StartFault or ConfigFaults for one that cannot be had, or a worker that cannot."""
        parent = self.parent
        public = [self.public.open()] if parent is None else self.public.open_shared(parent.count)
        admin_socket = None
        if self.settings.admin_port:
            try:
                admin_socket = self.admin.open()
            except (ConfigFaults, StartFault):
                for listener in public:
                    listener.close()
                raise
        await self.limits.start()
        if self.certificate is not None:
            self.counts.certificate_expiry_wall_s = self.certificate.expiry_wall_s()
        pages = self.servers.own_pages()
        if parent is None:
            tls = self.certificate.context if self.certificate is not None else None
            client = ClientProtocol(self.context, pages, self.context.own_entrance, tls)
            await self.servers.serve_public(public[0], client)
        else:
            await parent.start(public, pages, self.configuration.in_force)
        await self.listeners.follow(self.configuration.prepared)
        if admin_socket is not None:
            await self.servers.serve_admin(admin_socket)
        self.readiness.listening = True
        self._spawn_all()
        scheme = "https" if self.certificate else "http"
        by = f", {parent.count} workers" if parent is not None else ""
        LOG.info("listening on %s://%s:%d%s", scheme, self.settings.host, self.port, by)

    def _spawn_all(self) -> None:
        spawn = self.tasks.spawn
        keep_fresh(self.tasks, self.bindings, self.log)
        spawn(self.watch.run(self.secrets.changed, self.reloads.changed))
        spawn(self.second_hand.run())
        if self.control_plane is not None:
            spawn(self.control_plane.run())
        spawn(self.monitor.run())
        spawn(self.limits.run())
        targets = [target for plan in self.context.plans.plans for target in plan.targets]
        used = {t.upstream.name: t.upstream for t in targets if not t.upstream.model.is_discovered}
        spawn(self.reachability.look(used.values()))

    def _renew_certificate(self, _now_s: float) -> None:
        if self.certificate is not None and self.certificate.renew():
            self.counts.certificate_expiry_wall_s = self.certificate.expiry_wall_s()

    def _internal_error(self, bug: BaseException) -> None:
        self.counts.internal_errors += 1
        LOG.error("internal error", exc_info=bug)

    def reopen_log(self) -> None:
        """The access log's file was moved away: go on in a new one of the same name."""
        self.log.reopen()
        if self.parent is not None:
            self.parent.reopen_log()

    async def stop(self, delay_s: float, timeout_s: float) -> None:
        """Drain as contract §8 says, then close everything."""
        self.events.publish("drain_started", "", f"up to {delay_s + timeout_s:g} s")
        if self.parent is None:
            listeners = [*self.servers.public_listeners, *self.listeners.servers]
            await drain(self.context, listeners, delay_s, timeout_s, self.monitor.disconnect)
        else:
            await self.parent.drain(self.context, delay_s, timeout_s, self.monitor.disconnect)
        self.listeners.close()
        await self.servers.stop()
        await self.reloads.stop()
        self.monitor.stop()
        await self.checks.stop()
        await self.limits.stop()
        await close_data_path(self.context, self.bindings, self.tasks)


def _parent(count: int, settings: Settings, tasks: Tasks, events: Events) -> "Parent | None":
    if count == 1:
        return None
    from app.gateway.parent import Parent  # a gateway without workers is smaller by 1 MiB

    return Parent(count, settings, tasks, events)


def _decision_ring(settings: Settings, workers: int) -> DecisionRing | None:
    if not settings.decisions_kept:
        return None
    started_ms = int(wall_s() * 1000)
    is_shared = settings.redis_url is not None or workers > 1
    return DecisionRing(settings.decisions_kept, started_ms, limits_shared=is_shared)


def _nothing() -> None:
    return None


def _log_transition(transition: BreakerTransition) -> None:
    LOG.warning(
        "breaker %s: %s → %s (%s)",
        transition.name,
        transition.from_state,
        transition.to_state,
        transition.reason,
    )
