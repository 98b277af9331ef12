"""What a gateway does for its workers, where it has several: it starts and ends them, and writes the pages they relay.

The process that serves no client itself is the parent; it alone has the files, the operator's link, the admin port.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from app.admin.identity import WorkerView
from app.breaker.registry import Breakers
from app.config.sync.newest import NOTHING_HELD, Addresses, Delta
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.proxy.context import ProxyContext
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import StartFault
from app.gateway.config.bindings import Bindings
from app.gateway.config.discovered import DISCOVERED, Discovered
from app.gateway.drain import Draining
from app.gateway.link.message import Message
from app.gateway.monitor.connections import ConnectionNumbers
from app.gateway.sharing.endpoints import EndpointOwner
from app.gateway.sharing.leases import Leases
from app.gateway.sharing.parent_end import Own, ParentEnd
from app.gateway.tasks import Tasks
from app.gateway.workers.change import Change, share_of
from app.gateway.workers.page_server import PageServer
from app.gateway.workers.pool import Workers
from app.gateway.workers.rollout import Rollout
from app.gateway.workers.worker import Worker, WorkerState
from app.settings import Settings
from app.telemetry.events import Events
from app.telemetry.log_turn import new_turn
from app.telemetry.reading import WorkerNumbers

__all__ = ["Parent"]


class Parent:
    """`count`: of workers. Who wants to hear of them subscribes to `workers` before `start`. `events`: get to know
    when one ended, and when its successor serves."""

    def __init__(self, count: int, settings: Settings, tasks: Tasks, events: Events) -> None:
        self.count = count
        self._events = events
        self._paths: list[str] = []
        self._facts: list[Callable[[], Mapping[str, object]]] = []
        self._log_lock = new_turn() if settings.access_log != "off" else -1
        self.workers = Workers(self._boot, tasks, self._log_lock)
        self.rollout = Rollout(self.workers, lambda whole: share_of(whole, count), self.settle)
        self._pages: PageServer | None = None
        self.workers.on_gone(lambda each: self._publish("worker_ended", each, each.why_ended))
        self.workers.on_ready(self._note_ready)
        self.sharing: ParentEnd

    def share(self, context: ProxyContext, breakers: Breakers, bindings: Bindings) -> ConnectionNumbers:
        """Let the workers share these: breakers, limits, counts, decisions. Returns the connections of all."""
        leases = Leases(context, context.limiter)
        endpoints = EndpointOwner(lambda: bindings.upstreams)
        own = Own(
            context,
            breakers,
            bindings.shadows.breakers,
            context.counts,
            leases,
            endpoints,
            context.settings.max_in_flight,
            self.count,
        )
        self.sharing = sharing = ParentEnd(own, context.loop)
        self.workers.on_connected(lambda worker: sharing.connect(worker.link))
        self.workers.on_gone(lambda worker: sharing.disconnect(worker.link))
        return ConnectionNumbers(sharing.clients, sharing.tunnels, context.counts, sharing.connections)

    def share_endpoints(self, discovered: Discovered) -> Callable[[Delta[Addresses]], None]:
        """Let the workers have the endpoints that the operator finds; returns what hands on a change of them."""
        from app.config.sync.newest_codec import ENDPOINTS, encode_delta

        workers = self.workers

        def say_all(worker: Worker) -> None:
            if discovered.held != NOTHING_HELD:  # else the operator has said nothing yet
                worker.link.notify(DISCOVERED, blob=encode_delta(ENDPOINTS, discovered.whole))

        workers.on_opened(say_all)
        return lambda change: workers.notify(DISCOVERED, blob=encode_delta(ENDPOINTS, change))

    def serving(self) -> tuple[int, int]:
        """How many of how many workers serve."""
        return self.workers.ready_count, self.count

    def views(self) -> list[WorkerView]:
        """Each worker as it is now, for the admin API."""
        now, wall = now_s(), wall_s()
        return [
            WorkerView(each.number, each.state.value, each.pid, wall - (now - each.started_s), each.restarts)
            for each in self.workers.each
        ]

    def numbers(self) -> WorkerNumbers:
        """For the metrics."""
        states = Counter(each.state.value for each in self.workers.each)
        return WorkerNumbers(
            {state.value: states[state.value] for state in WorkerState},
            sum(each.restarts for each in self.workers.each),
        )

    def say_at_boot(self, facts: Callable[[], Mapping[str, object]]) -> None:
        """Each worker that starts is told `facts` too, which are JSON."""
        self._facts.append(facts)

    async def settle(self) -> None:
        """Returns when each worker has reported what it met, and has heard what that and this process changed."""
        await self.sharing.settle()
        self.sharing.sweep()
        await self.sharing.settle()

    def use_paths(self, paths: frozenset[bytes]) -> None:
        """What the public port serves itself, from now on."""
        self._paths = sorted(path.decode("latin-1") for path in paths)
        self.workers.notify("paths", self._paths)

    def reopen_log(self) -> None:
        """The access log's file was moved away (SIGHUP)."""
        self.workers.notify("reopen")

    async def start(self, listeners: Sequence[socket.socket], pages: LocalPages, first: Change) -> None:
        """Start a worker on each listener; returns when all serve. `pages`: what they relay. Raises StartFault."""
        self.rollout.in_force = first
        self._pages = PageServer(pages, self._is_worker)
        await self._pages.open()
        try:
            await self.workers.start(listeners)
        except StartFault:
            self.close()
            raise

    async def drain(
        self, context: Draining, delay_s: float, timeout_s: float, end_viewers: Callable[[], None]
    ) -> None:
        """As `gateway.drain` does for one process; returns when all workers have ended."""
        context.draining = True
        await self.workers.drain(delay_s, timeout_s, end_viewers)
        self.close()

    def close(self) -> None:
        """No worker is left."""
        if self._pages is not None:
            self._pages.close()
        if self._log_lock >= 0:
            os.close(self._log_lock)
            self._log_lock = -1

    def _boot(self) -> Message:
        facts: Mapping[str, object] = {
            "localPaths": self._paths,
            "workers": self.count,
            "pagesAddress": self._pages.address if self._pages is not None else "",
            **{name: fact for facts in self._facts for name, fact in facts().items()},
        }
        return self.rollout.boot(facts)

    def _note_ready(self, worker: Worker) -> None:
        if worker.restarts:
            self._publish("worker_started", worker, f"process {worker.pid}")

    def _publish(self, kind: str, worker: Worker, detail: str) -> None:
        self._events.publish(kind, f"worker {worker.number}", detail)

    def _is_worker(self, pid: int) -> bool:
        return any(worker.pid == pid for worker in self.workers.each)
