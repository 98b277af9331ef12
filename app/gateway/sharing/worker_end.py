"""What a worker shares with its siblings: its breakers, limits, counts and decisions, all of them the parent's."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Final

from app.breaker.follower import Followers, Reports
from app.dataplane.proxy.in_flight import InFlightLimit
from app.foundation.clock import now_s
from app.gateway.link.end import LinkEnd
from app.gateway.link.message import Json, Message
from app.gateway.sharing.breaker_messages import reports_json, standings_of, verdicts_of
from app.gateway.sharing.count_rises import CountRises
from app.gateway.sharing.decision_messages import entry_json
from app.gateway.sharing.endpoints import EndpointFollower
from app.gateway.sharing.lease_link import LinkLeaseStore
from app.limits.lease_client import LeaseClient
from app.limits.limiter import Limiter
from app.telemetry.counts import Counts
from app.telemetry.decisions import FREE_PASSES_PER_S, DecisionRing

__all__ = [
    "BREAKERS",
    "CHECKS",
    "ENDPOINTS",
    "IN_FLIGHT",
    "JOIN",
    "ROWS",
    "SECOND",
    "SETTLE",
    "SPARE",
    "STANDINGS",
    "TICK_S",
    "VERDICTS",
    "Gauges",
    "WorkerEnd",
]

LOG = logging.getLogger("tidegate.workers")

JOIN: Final = "join"
"""A call: the worker begins to share; how the breakers stand is published before the reply."""
BREAKERS: Final = "breakers"
"""A notice: [reports, requests for permits]."""
STANDINGS: Final = "standings"
VERDICTS: Final = "verdicts"
SECOND: Final = "second"
"""A notice with every second: what was counted, decided, and how many connections there are."""
SETTLE: Final = "settle"
"""A call of the parent: everything that is not reported yet is, before the reply."""

ENDPOINTS: Final = "endpoints"
"""A notice: what endpoints did, as `EndpointFollower.take` says it."""
ROWS: Final = "rows"
CHECKS: Final = "checks"
IN_FLIGHT: Final = "in flight"
"""A notice of a worker: how many requests it has, more than its part. The parent's: [its part, whether that is all]."""
SPARE: Final = "spare"
"""A notice of the parent: give up what can be spared. The worker's: how many."""

TICK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Gauges:
    """What the worker has now. `upstreams`: (upstream, active or idle, connections)."""

    clients: Set[object]
    tunnels: Set[object]
    upstreams: Callable[[], Iterable[tuple[str, str, int]]]
    log_lines_dropped: Callable[[], int | None]


class WorkerEnd:
    """`breakers`, `limiter`, `decisions` are for the data path, `shadow_…` for policies in Shadow mode.

    `workers`: how many share. To be started before the port is served; `second` is to be called every second.
    """

    def __init__(
        self,
        link: LinkEnd,
        loop: asyncio.AbstractEventLoop,
        counts: Counts,
        workers: int,
        decisions_kept: int,
    ) -> None:
        self._link = link
        self._loop = loop
        self._counts = counts
        self._rises = CountRises(counts)
        self._reports = reports = Reports(self._with_this_turn, self._tick_soon)
        self.breakers = Followers(reports)
        self.shadow_breakers = Followers(reports)
        self.endpoints = EndpointFollower(self._with_this_turn)
        self.in_flight = InFlightLimit(0, self._ask_for_places)
        store = LinkLeaseStore(link, workers)
        self._lease_clients = [
            LeaseClient(store, loop, self._link_changed, is_own_store=True) for _ in range(2)
        ]
        self.limiter: Limiter = self._lease_clients[0].limiter
        self.shadow_limiter: Limiter = self._lease_clients[1].limiter
        free_passes = -(-FREE_PASSES_PER_S // workers)
        self.decisions = (
            DecisionRing(decisions_kept, limits_shared=True, free_passes_per_s=free_passes)
            if decisions_kept
            else None
        )
        self._gauges: Gauges | None = None
        self._turn: asyncio.Handle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        link.on_notice(STANDINGS, self._follow)
        link.on_notice(VERDICTS, self._take_verdicts)
        link.on_notice(ROWS, lambda message: self.endpoints.take_rows(message.body))
        link.on_notice(CHECKS, lambda message: self.endpoints.take_checks(message.body))
        link.on_notice(IN_FLIGHT, self._take_part)
        link.on_notice(SPARE, self._spare)
        link.on_call(SETTLE, self._settle)

    async def start(self, gauges: Gauges) -> None:
        """Learn how everything stands. Raises LinkLost and CallFault."""
        self._gauges = gauges
        await self._link.call(JOIN)
        for client in self._lease_clients:
            await client.heartbeat()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for client in self._lease_clients:
                tasks.create_task(client.run())

    async def stop(self) -> None:
        """Give back what is leased, and report the rest; no request may come after it."""
        for client in self._lease_clients:
            await client.close()
        self._report_all(now_s())
        for handle in (self._turn, self._ticker):
            if handle is not None:
                handle.cancel()

    def second(self, now: float) -> None:
        """Report what was counted, and let time pass for what is kept here."""
        if not self._link.is_full:  # else the parent reads nothing: it goes in sum with a later second
            self._report_all(now)
        for client in self._lease_clients:
            client.limiter.expire(now)
        self.endpoints.apply_checks()
        if self.decisions is not None:
            self.decisions.pass_time(now)

    # Breakers

    def _with_this_turn(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._send)

    def _tick_soon(self) -> None:
        if self._ticker is None:
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self._send()
        now = now_s()
        self._reports.lapse(now)
        self.in_flight.lapse(now)

    def _send(self) -> None:
        self._turn = None
        reports, requests = self._reports.take()
        if reports or requests:
            self._link.notify(BREAKERS, [reports_json(reports), requests])
        if (endpoints := self.endpoints.take()) is not None:
            self._link.notify(ENDPOINTS, endpoints)
        if self._reports.asked or self.endpoints.is_watching or self.in_flight.waiting:
            self._tick_soon()

    def _follow(self, message: Message) -> None:
        now = now_s()
        for name, standing in standings_of(message.body).items():
            followers = self.shadow_breakers if " " in name else self.breakers
            followers.follow(name, standing, now)

    def _take_verdicts(self, message: Message) -> None:
        self.breakers.take(verdicts_of(message.body), now_s())

    # Requests in flight

    def _ask_for_places(self) -> None:
        """With the turn of the loop: more requests may come in it."""
        self._loop.call_soon(lambda: self._link.notify(IN_FLIGHT, self._counts.in_flight))
        self._tick_soon()

    def _take_part(self, message: Message) -> None:
        part, is_full = message.body
        self.in_flight.take(part, is_full, self._counts.in_flight, now_s())

    def _spare(self, _message: Message) -> None:
        self._link.notify(SPARE, self.in_flight.spare(self._counts.in_flight))

    # Counts

    async def _settle(self, _message: Message) -> Json:
        self._report_all(now_s())
        return None

    def _report_all(self, now: float) -> None:
        self.breakers.sum_up(now)
        self.shadow_breakers.sum_up(now)
        self._send()
        decisions = self.decisions.take() if self.decisions is not None else ()
        body = {
            "counts": self._rises.take(),
            "decisions": [entry_json(entry) for entry in decisions],
            "gauges": self._gauges_now(),
        }
        self._link.notify(SECOND, body)

    def _gauges_now(self) -> Json:
        gauges = self._gauges
        if gauges is None:
            return {}
        return {
            "clients": len(gauges.clients),
            "tunnels": len(gauges.tunnels),
            "inFlight": self._counts.in_flight,
            "lagS": self._counts.loop_lag_s,
            "upstreams": list(gauges.upstreams()),
            "endpoints": self.endpoints.gauges(),
            "logLinesDropped": gauges.log_lines_dropped(),
        }

    def _link_changed(self, is_up: bool, why: str) -> None:
        if not is_up:
            LOG.error("limits cannot be counted with the other workers (%s)", why)
