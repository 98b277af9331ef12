"""What the parent shares with its workers: it has the breakers, the buckets and the counts, as one gateway."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from app.breaker.owner import BreakerOwner, Changes
from app.breaker.registry import Breaker, Breakers
from app.breaker.standing import Verdict
from app.breaker.transitions import BreakerTransition
from app.foundation.clock import now_s
from app.gateway.in_force import InForce
from app.gateway.link.end import CallFault, LinkEnd, LinkLost
from app.gateway.link.message import Json, Message
from app.gateway.sharing.breaker_messages import reports_of, standings_json, verdicts_json
from app.gateway.sharing.count_rises import add_rises
from app.gateway.sharing.decision_messages import entry_of
from app.gateway.sharing.endpoints import EndpointOwner
from app.gateway.sharing.in_flight_parts import InFlightParts
from app.gateway.sharing.lease_link import LEASE, lease_server
from app.gateway.sharing.leases import Leases
from app.gateway.sharing.worker_end import (
    BREAKERS,
    CHECKS,
    ENDPOINTS,
    IN_FLIGHT,
    JOIN,
    ROWS,
    SECOND,
    SETTLE,
    SPARE,
    STANDINGS,
    TICK_S,
    VERDICTS,
)
from app.telemetry.counts import Counts

__all__ = ["Own", "ParentEnd"]

SETTLE_S: Final = 0.25
"""How long somebody who looks waits for what workers have not reported yet."""


@dataclass(frozen=True, slots=True)
class Own:
    """The parent's parts that are all workers'. `most_workers`: how many there are when all serve."""

    in_force: InForce
    breakers: Breakers
    shadow_breakers: Breakers
    counts: Counts
    leases: Leases
    endpoints: EndpointOwner
    max_in_flight: int
    most_workers: int


class _Worker:
    """One process of a worker: its link, and the gauges that it sent last."""

    __slots__ = ("gauges", "has_joined", "link", "log_lines_dropped")

    def __init__(self, link: LinkEnd) -> None:
        self.link = link
        self.has_joined = False
        self.gauges: Mapping[str, Json] = {}
        self.log_lines_dropped = 0


class ParentEnd:
    """`connect` a worker's link before it says anything, `disconnect` it when its process has ended."""

    def __init__(self, own: Own, loop: asyncio.AbstractEventLoop) -> None:
        self._own = own
        self._loop = loop
        self._workers: dict[int, _Worker] = {}
        self._numbers = 0
        self._lost_lines = 0
        self._ticker: asyncio.TimerHandle | None = None
        self._parts = InFlightParts(
            own.max_in_flight, own.most_workers, self._send_part, lambda number: self._send(number, SPARE)
        )
        self.owner = BreakerOwner(self._known, self._breakers, self._publish, self._reply)
        for breakers in (own.breakers, own.shadow_breakers):
            breakers.subscribe(self._moved)

    # Workers

    def connect(self, link: LinkEnd) -> None:
        """Another process of a worker; it shares once it asks to."""
        self._numbers += 1
        number = self._numbers
        self._workers[number] = worker = _Worker(link)
        link.on_notice(BREAKERS, lambda message: self._on_breakers(number, message))
        link.on_notice(SECOND, lambda message: self._on_second(worker, message))
        link.on_notice(ENDPOINTS, self._on_endpoints)
        link.on_notice(IN_FLIGHT, lambda message: self._parts.on_ask(number, message.body))
        link.on_notice(SPARE, lambda message: self._parts.on_spare(number, message.body))
        link.on_call(LEASE, lease_server(self._own.leases.lease))

        async def join(_message: Message) -> Json:
            worker.has_joined = True
            self._own.leases.workers = self.sharing
            # not as the reply: that is read with a later turn of its loop
            link.notify(STANDINGS, standings_json(self.owner.join(number)))
            self._parts.join(number)
            link.notify(ROWS, self._own.endpoints.rows())
            link.notify(CHECKS, self._own.endpoints.checks())

        link.on_call(JOIN, join)

    def disconnect(self, link: LinkEnd) -> None:
        """Its process has ended: what it held comes back."""
        for number, worker in tuple(self._workers.items()):
            if worker.link is link:
                del self._workers[number]
                self._lost_lines += worker.log_lines_dropped
                self.owner.leave(number, now_s())
                self._parts.leave(number)
        self._sum_up()

    @property
    def sharing(self) -> int:
        """Workers that share now, at least 1."""
        return max(1, sum(worker.has_joined for worker in self._workers.values()))

    async def settle(self) -> None:
        """Returns when every worker has reported what it had, or after a while."""
        links = [worker.link for worker in self._workers.values() if worker.has_joined]

        async def one(link: LinkEnd) -> None:
            try:
                async with asyncio.timeout(SETTLE_S):
                    await link.call(SETTLE)
            except (LinkLost, CallFault, TimeoutError):
                return  # what it has reported before is what is known

        await asyncio.gather(*map(one, links))
        self._show_endpoints()

    def second(self, now: float) -> None:
        """To be called every second."""
        self.sweep()
        self._show_endpoints()
        self._own.leases.expire(now)

    def _show_endpoints(self) -> None:
        gauges = [worker.gauges.get("endpoints", ()) for worker in self._workers.values()]
        self._own.endpoints.show(gauges)

    # Breakers

    def sweep(self) -> None:
        """Publish at once what an override, a configuration or a check of an endpoint changed."""
        self.owner.sweep(now_s())
        if (checks := self._own.endpoints.changed_checks()) is not None:
            self._notify(CHECKS, checks)

    def _known(self, name: str) -> Breaker | None:
        own = self._own
        return (own.shadow_breakers if " " in name else own.breakers).known(name)

    def _breakers(self) -> Iterator[Breaker]:
        return chain(self._own.breakers.all(), self._own.shadow_breakers.all())

    def _moved(self, transition: BreakerTransition) -> None:
        """With the turn of the loop: the breaker is amid its transition."""
        self._loop.call_soon(lambda: self.owner.refresh(transition.name, now_s()))

    def _publish(self, changes: Changes) -> None:
        self._notify(STANDINGS, standings_json(changes))

    def _reply(self, worker: int, verdicts: Sequence[Verdict]) -> None:
        self._workers[worker].link.notify(VERDICTS, verdicts_json(verdicts))

    def _notify(self, kind: str, body: Json) -> None:
        for worker in self._workers.values():
            if worker.has_joined:
                worker.link.notify(kind, body)

    def _on_endpoints(self, message: Message) -> None:
        rows = self._own.endpoints.on_report(message.body, now_s())
        if rows:
            self._notify(ROWS, rows)

    def _on_breakers(self, number: int, message: Message) -> None:
        now = now_s()
        reports, requests = message.body
        if reports:
            self.owner.on_reports(number, reports_of(reports), now)
        if requests:
            self.owner.on_requests(number, ((each, name) for each, name in requests), now)
        self._tick_soon()

    def _tick_soon(self) -> None:
        if self._ticker is None and self.owner.is_looking:
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self.owner.end_looks(now_s())
        self._tick_soon()

    # Requests in flight

    def _send_part(self, number: int, part: int, is_full: bool) -> None:
        self._send(number, IN_FLIGHT, [part, is_full])

    def _send(self, number: int, kind: str, body: Json = None) -> None:
        if number in self._workers:
            self._workers[number].link.notify(kind, body)

    # Counts

    def _on_second(self, worker: _Worker, message: Message) -> None:
        body, own = message.body, self._own
        add_rises(own.counts, body["counts"])
        ring = own.in_force.decisions
        if ring is not None:
            for entry in body["decisions"]:
                ring.record(entry_of(entry))
        worker.gauges = body["gauges"]
        worker.log_lines_dropped = worker.gauges.get("logLinesDropped") or 0
        self._sum_up()

    def _sum_up(self) -> None:
        counts = self._own.counts
        counts.in_flight = int(sum(self._gauges("inFlight")))
        counts.loop_lag_s = max(self._gauges("lagS"), default=0.0)

    def clients(self) -> int:
        """Connections of clients with all workers."""
        return int(sum(self._gauges("clients")))

    def tunnels(self) -> int:
        """WebSockets through all workers."""
        return int(sum(self._gauges("tunnels")))

    def _gauges(self, name: str) -> Iterable[float]:
        return [worker.gauges[name] for worker in self._workers.values() if name in worker.gauges]

    def connections(self) -> list[tuple[str, str, int]]:
        """(upstream, active or idle, how many) over all workers."""
        sums: dict[tuple[str, str], int] = {}
        for worker in self._workers.values():
            for upstream, state, number in worker.gauges.get("upstreams", ()):
                sums[upstream, state] = sums.get((upstream, state), 0) + number
        return [(*cell, number) for cell, number in sums.items()]

    def log_lines_dropped(self) -> int:
        """By all workers since the start."""
        return self._lost_lines + sum(worker.log_lines_dropped for worker in self._workers.values())
