"""One worker of a gateway with several: the data path and what it needs, told by the parent what is in force.

Started by `workers.launch`. It knows no admin port, no files of the configuration and no operator; when the link to
the parent closes, it drains and exits.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

import uvloop

from app.dataplane.proxy.context import Observers, ProxyContext
from app.foundation.allocator import keep_freed_memory
from app.foundation.clock import wall_s
from app.foundation.collector import collect_seldom
from app.foundation.errors import ConfigFaults, StartFault
from app.foundation.logs import configure_logs
from app.foundation.serving.listener import BACKLOG
from app.foundation.version import VERSION
from app.gateway.config.bindings import Bindings
from app.gateway.config.discovered import DISCOVERED, Discovered
from app.gateway.config.preparation import Prepared
from app.gateway.config.received import ReceivedConfiguration
from app.gateway.config.shadows import Shadows
from app.gateway.data_path import close_data_path, keep_fresh
from app.gateway.drain import drain
from app.gateway.link.end import CallFault, LinkEnd, LinkLost, open_link
from app.gateway.link.message import Json, Message
from app.gateway.public_port import ClientProtocol
from app.gateway.second_hand import SecondHand
from app.gateway.sharing.worker_end import Gauges, WorkerEnd
from app.gateway.tasks import Tasks
from app.gateway.tls import server_certificate
from app.gateway.worker_listeners import WorkerListeners
from app.gateway.workers.change import Change
from app.gateway.workers.launch import Descriptors, read_descriptors
from app.gateway.workers.page_relay import RelayedPages
from app.gateway.workers.pool import DRAIN, PING
from app.gateway.workers.rollout import BOOT, COMMIT, PREPARE
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.log_turn import LogTurn
from app.telemetry.tracing import open_tracer

__all__ = ["Worker", "main"]

LOG = logging.getLogger("tidegate.workers")
_OF_THE_PARENT = ("tidegate.config", "tidegate.tls")


def main(words: Sequence[str]) -> int:
    """`words`: what `workers.launch` wrote."""
    # The parent says when to end: a terminal's Ctrl-C and a service manager's SIGTERM reach every process.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(read_descriptors(words)))


async def _run(inherited: Descriptors) -> int:
    worker: Worker | None = None
    parent_gone = asyncio.Event()
    discovered = Discovered()

    def report(bug: BaseException) -> None:
        if worker is None:
            LOG.error("internal error", exc_info=bug)
        else:
            worker.report(bug)

    async def boot(message: Message) -> Json:
        nonlocal worker
        change = Change.of(message)
        configure_logs(change.settings.log_level)
        _name_log_records(inherited.number)
        try:
            worker = Worker(inherited, link, change, message.body, discovered)
            await worker.start()
        except (ConfigFaults, StartFault) as fault:
            raise CallFault(str(fault)) from None
        collect_seldom()
        return VERSION

    link = LinkEnd("parent", lambda _: parent_gone.set(), report)
    link.on_call(BOOT, boot)
    link.on_call(PING, _pong)
    link.on_notice(DISCOVERED, lambda message: discovered.take_packed(message.blob))
    await open_link(link, socket.socket(fileno=inherited.link))
    await parent_gone.wait()
    if worker is not None:
        await worker.stop()
    return 0


def _name_log_records(number: int) -> None:
    """Each line says which worker wrote it; what the parent finds and says as well is said by it alone."""
    make = logging.getLogRecordFactory()

    def named(*given: Any, **more: Any) -> logging.LogRecord:
        record = make(*given, **more)
        record.worker = number
        return record

    logging.setLogRecordFactory(named)
    for name in _OF_THE_PARENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def _pong(_message: Message) -> Json:
    return None


class Worker:
    """Every part is built with what it uses, from the bottom up. Raises ConfigFaults.

    `facts`: what the parent says besides the configuration (`Parent.boot_facts`). `discovered`: follows what it says
    of endpoints.
    """

    def __init__(
        self, inherited: Descriptors, link: LinkEnd, change: Change, facts: Json, discovered: Discovered
    ) -> None:
        self.settings = settings = change.settings
        self.link = link
        self.loop = loop = asyncio.get_running_loop()
        self.counts = counts = Counts(VERSION)
        self.tasks = Tasks(loop, self.report)
        self.certificate = server_certificate(settings)
        self.sharing = sharing = WorkerEnd(link, loop, counts, facts["workers"], settings.decisions_kept)
        turn = LogTurn(inherited.log_lock) if inherited.log_lock >= 0 else None
        self.log = AccessLog(settings.access_log, turn=turn)
        shadows = Shadows(counts, sharing.shadow_breakers, sharing.shadow_limiter)
        self.bindings = Bindings(
            loop, sharing.breakers, sharing.limiter, counts, shadows, facts["workers"], discovered
        )
        self.configuration = ReceivedConfiguration(self.bindings)
        first = self._first(change)
        tracer = open_tracer(os.environ, VERSION)
        observers = Observers(counts, self.log, tracer, self.report, sharing.decisions)
        self.context = context = ProxyContext(settings, loop, first.plans, sharing.limiter, observers)
        context.in_flight = sharing.in_flight
        context.set_date(wall_s())
        context.local_paths = _paths(facts["localPaths"])
        self._pages = RelayedPages(loop, facts["pagesAddress"])
        self._listener = socket.socket(fileno=inherited.listener)
        self._server: asyncio.Server | None = None
        self._listeners = WorkerListeners(context, link, self.tasks, first, facts)
        certificates = self._listeners.certificates
        self.bindings.follow_certificates(certificates.pair, certificates.subscribe)
        self._drained: asyncio.Task[None] | None = None
        self._take_messages()

    def _first(self, change: Change) -> Prepared:
        self.configuration.prepare(change)
        for _ in self.configuration.bind():
            pass
        taken = self.configuration.put_in_force(change.sequence)
        assert taken is not None  # noqa: S101 - it was prepared two lines above
        self.sharing.endpoints.follow(self.bindings.upstreams)
        return taken[1]

    def _take_messages(self) -> None:
        link = self.link
        link.on_call(PREPARE, self._prepare)
        link.on_call(COMMIT, self._commit)
        link.on_call(DRAIN, self._drain)
        link.on_notice("paths", lambda message: self._use_paths(message.body))
        link.on_notice("reopen", lambda _: self.log.reopen())

    def report(self, bug: BaseException) -> None:
        """A fault of ours."""
        self.counts.internal_errors += 1
        LOG.error("internal error", exc_info=bug)

    async def start(self) -> None:
        """Returns once the port is served. Raises StartFault."""
        context, spawn = self.context, self.tasks.spawn
        connections, dropped_lines = self.bindings.connections, self.log.dropped_lines
        try:
            await self.sharing.start(
                Gauges(context.open_clients, context.tunnels, connections, dropped_lines)
            )
        except LinkLost as lost:
            raise StartFault(str(lost)) from None
        spawn(self.sharing.run())
        tls = self.certificate.context if self.certificate is not None else None
        protocol = ClientProtocol(context, self._pages, context.own_entrance, tls)
        self._server = await self.loop.create_server(protocol, sock=self._listener, backlog=BACKLOG)
        await self._listeners.start()
        keep_fresh(self.tasks, self.bindings, self.log)
        spawn(self._second_hand().run())

    async def stop(self) -> None:
        """The parent is gone: what runs may end, unless it did already; then everything is closed."""
        settings = self.settings
        if self._drained is None:
            LOG.error("the parent process is gone, worker ends after its requests")
            await self._drain(Message(DRAIN, [0.0, settings.drain_timeout_s]))
        await close_data_path(self.context, self.bindings, self.tasks)

    def _second_hand(self) -> SecondHand:
        context, certificate = self.context, self.certificate
        return SecondHand(
            self.counts,
            (
                lambda _: context.set_date(wall_s()),
                self.sharing.second,
                self.bindings.shadows.tick,
                self.bindings.leftovers.tick,
                self.bindings.close_stale,
                self._listeners.ports.retry,
                *((lambda _: certificate.renew(),) if certificate is not None else ()),
            ),
        )

    def _use_paths(self, paths: Json) -> None:
        self.context.local_paths = _paths(paths)

    async def _prepare(self, message: Message) -> Json:
        try:
            change = Change.of(message)
            await asyncio.to_thread(self.configuration.prepare, change)
            for _ in self.configuration.bind():
                await asyncio.sleep(0)
        except ConfigFaults as faults:
            raise CallFault("; ".join(map(str, faults.faults))) from None
        return None

    async def _commit(self, message: Message) -> Json:
        taken = self.configuration.put_in_force(message.body)
        if taken is None:
            raise CallFault(f"configuration {message.body} was not prepared here")
        self.context.settings, prepared = taken
        self.context.plans = prepared.plans
        self._listeners.use(prepared)
        self.sharing.endpoints.follow(self.bindings.upstreams)
        self.bindings.look_up_names(again=False)
        return None

    async def _drain(self, message: Message) -> Json:
        delay_s, timeout_s = message.body
        if self._drained is None:
            own = [self._server] if self._server is not None else []
            listeners = [*own, *self._listeners.ports.servers]
            self._drained = self.loop.create_task(drain(self.context, listeners, delay_s, timeout_s))
        await asyncio.shield(self._drained)
        await self.sharing.stop()
        self.log.flush()
        return None


def _paths(given: Json) -> frozenset[bytes]:
    return frozenset(path.encode("latin-1") for path in given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
