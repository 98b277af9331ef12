"""A parent and its workers over real socket pairs, in one process."""

import asyncio
import socket
from dataclasses import dataclass
from typing import Any

from app.breaker.registry import Breakers
from app.dataplane.proxy.routes import Plans
from app.gateway.link.end import LinkEnd, open_link
from app.gateway.sharing.endpoints import EndpointOwner
from app.gateway.sharing.leases import Leases
from app.gateway.sharing.parent_end import Own, ParentEnd
from app.gateway.sharing.worker_end import Gauges, WorkerEnd
from app.limits.limiter import Admitted, Limiter, Verdict, Waiting
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule
from app.telemetry.counts import Counts
from app.telemetry.decisions import DecisionRing
from tests.fakes.exchange import within
from tests.fakes.plans import plans_of

__all__ = ["SharedWorker", "SharingGateway", "until"]

UPSTREAM = 'upstreams: {u: {endpoints: ["http://127.0.0.1:9"]}}\n'
ROUTE = "routes: [{name: r, match: {path: {prefix: /}}, upstream: u, auth: none}]\n"


async def until(condition: Any) -> None:
    """Returns when it holds."""
    async with within("it to come true"):
        while not condition():  # noqa: ASYNC110 - any turn of the loop may bring it
            await asyncio.sleep(0)


@dataclass
class InForce:
    plans: Plans
    decisions: DecisionRing | None
    limiter: Limiter
    settings: Any = None
    draining: bool = False


class SharedWorker:
    """One worker: `end` is its side of what is shared."""

    def __init__(self, gateway: "SharingGateway", workers: int) -> None:
        loop = asyncio.get_running_loop()
        self.counts = Counts("1")
        self.bugs: list[BaseException] = []
        self.lost: list[str] = []
        self.link = LinkEnd("parent", self.lost.append, self.bugs.append)
        self.of_parent = LinkEnd("worker", lambda _: gateway.end.disconnect(self.of_parent), self.bugs.append)
        self.end = WorkerEnd(self.link, loop, self.counts, workers, 100)
        self.clients: set[object] = set()

    async def start(self, gateway: "SharingGateway") -> None:
        ours, theirs = socket.socketpair()
        gateway.end.connect(self.of_parent)
        await open_link(self.of_parent, ours)
        await open_link(self.link, theirs)
        gauges = Gauges(self.clients, set(), lambda: [("u", "idle", 2)], lambda: 1)
        await self.end.start(gauges)

    async def admit(self, rule: Rule, key: bytes, now_s: float) -> Verdict:
        verdict = self.end.limiter.admit([rule], [key], now_s)
        if not isinstance(verdict, Waiting):
            return verdict
        decided: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        verdict.on_verdict = lambda verdict, _: decided.set_result(verdict)
        async with within("it to come true"):
            return await decided

    async def admits(self, rule: Rule, key: bytes, now_s: float) -> bool:
        return isinstance(await self.admit(rule, key, now_s), Admitted)


class SharingGateway:
    """The parent with `workers`; its routes come from `policies`, which is YAML."""

    def __init__(self, policies: str = "", limiter: Limiter | None = None) -> None:
        self.breakers, self.shadow_breakers = Breakers(), Breakers()
        self.counts = Counts("1")
        self.limiter = MemoryLimiter() if limiter is None else limiter
        plans = plans_of(UPSTREAM + ROUTE + policies, breakers=self.breakers, counts=self.counts)
        self.in_force = InForce(plans, DecisionRing(100), self.limiter)
        self.leases = Leases(self.in_force, self.limiter)
        upstream = self.in_force.plans.plans[0].targets[0].upstream
        self.upstreams = {upstream.name: upstream}
        endpoints = EndpointOwner(lambda: self.upstreams)
        own = Own(
            self.in_force, self.breakers, self.shadow_breakers, self.counts, self.leases, endpoints, 10, 2
        )
        self.end = ParentEnd(own, asyncio.get_running_loop())
        self.workers: list[SharedWorker] = []

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.in_force.plans.plans[0].rules

    async def add(self, workers: int) -> "SharingGateway":
        for _ in range(workers):
            worker = SharedWorker(self, workers)
            self.workers.append(worker)
            await worker.start(self)
            for breaker in self.breakers.all():
                worker.end.breakers.get(breaker.name, breaker.settings)
        return self

    async def close(self) -> None:
        for worker in self.workers:
            await worker.end.stop()
            worker.link.close()
            worker.of_parent.close()
        await asyncio.sleep(0)
        assert [worker.bugs for worker in self.workers] == [[] for _ in self.workers]
