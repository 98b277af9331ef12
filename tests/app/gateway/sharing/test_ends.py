import asyncio

import pytest

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.standing import ReportKind
from app.breaker.values import BreakerRejection, BreakerState, Permit
from app.dataplane.upstream.outlier import record_check, record_failure, record_success
from app.foundation.clock import now_s
from app.gateway.link import end as link_end
from app.gateway.link.message import Message
from app.gateway.sharing import lease_link, parent_end, worker_end
from app.limits.lease import Order
from app.limits.limiter import Limited
from app.policy.model import CircuitBreaker
from app.telemetry.decisions import Filter
from tests.app.gateway.sharing.test_decision_messages import ENTRY
from tests.fakes.plans import plans_of
from tests.fakes.sharing import ROUTE, UPSTREAM, SharingGateway, until

BREAKER = (
    "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], "
    "circuitBreaker: {consecutiveFailures: 3, openDuration: 1h, halfOpenRequests: 2}}}]\n"
)
RATE = BREAKER.replace("consecutiveFailures: 3", "failureRate: {percent: 50, minimumRequests: 4}")
LIMIT = (
    "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], "
    "rateLimit: {rules: [{name: all, key: Global, requests: 100, period: 1h%s}]}}}]\n"
)


@pytest.fixture
async def gateway():
    made: list[SharingGateway] = []

    async def make(policies: str = "", workers: int = 3) -> SharingGateway:
        made.append(SharingGateway(policies))
        return await made[0].add(workers)

    yield make
    for each in made:
        await each.close()


def fail(worker, times=1):
    """So many that were under way together."""
    breaker = worker.end.breakers.known("u")
    for permit in [breaker.admit(now_s()) for _ in range(times)]:
        assert isinstance(permit, Permit)
        breaker.fail(permit, now_s(), "status_503")


def state(worker):
    return worker.end.breakers.known("u").standing.state


async def test_failures_at_all_workers_open_one_breaker_for_all(gateway):
    known = await gateway(BREAKER)
    for worker in known.workers:
        fail(worker)
    await until(lambda: all(state(worker) is BreakerState.OPEN for worker in known.workers))
    rejection = known.workers[0].end.breakers.known("u").admit(now_s())
    assert isinstance(rejection, BreakerRejection)
    late = await known.add(1)
    assert state(late.workers[-1]) is BreakerState.OPEN


async def test_half_open_lends_its_permits_over_all_workers_and_takes_those_of_a_dead_one_back(gateway):
    known = await gateway(BREAKER)
    fail(known.workers[0], 3)
    await until(lambda: all(state(worker) is BreakerState.OPEN for worker in known.workers))
    breaker = known.breakers.known("u")
    breaker.machine.opened_at_s -= 3600
    known.end.second(now_s())
    await until(lambda: all(state(worker) is BreakerState.OPEN for worker in known.workers))
    verdicts: list[object] = []
    waits = 0
    await until(lambda: known.workers[1].end.breakers.known("u").standing.until_s < now_s())
    for worker in known.workers[:2]:
        for _ in range(2):
            awaited = worker.end.breakers.known("u").admit(now_s())
            if isinstance(awaited, AwaitedPermit):
                waits += 1
                awaited.on_verdict = lambda verdict, _: verdicts.append(verdict)
    await until(lambda: len(verdicts) == waits)
    assert sum(isinstance(verdict, Permit) for verdict in verdicts) == 2
    assert breaker.machine.probes_in_flight == 2
    for worker in known.workers[:2]:
        worker.link.close()
    await until(lambda: breaker.machine.probes_in_flight == 0)


async def test_a_share_of_failures_waits_for_what_other_workers_have_not_reported(gateway):
    known = await gateway(RATE)
    one, other, _ = known.workers
    for _ in range(20):
        breaker = other.end.breakers.known("u")
        breaker.succeed(breaker.admit(now_s()), now_s())
    fail(one, 4)
    breaker = known.breakers.known("u")
    await until(lambda: breaker.machine.window.total == 24)
    assert breaker.machine.state is BreakerState.CLOSED


async def test_a_worker_that_stands_still_does_not_hold_results_up(gateway):
    known = await gateway(RATE)
    reports = known.workers[1].end.breakers.reports
    reports.send_now = lambda: None
    fail(known.workers[0], 4)
    breaker = known.breakers.known("u")
    await until(lambda: breaker.machine.state is BreakerState.OPEN)
    assert not known.end.owner.is_looking
    assert [report.kind for report in reports.reports] == [ReportKind.LOOKED]  # which it could not say


async def test_shadow_breakers_are_shared_as_well(gateway):
    known = await gateway()
    settings = CircuitBreaker(consecutive_failures=2)
    known.shadow_breakers.get("p u", settings)
    for worker in known.workers[:2]:
        shadow = worker.end.shadow_breakers.get("p u", settings)
        shadow.fail(shadow.admit(now_s()), now_s())
    await until(lambda: known.shadow_breakers.known("p u").machine.state is BreakerState.OPEN)
    shadows = [worker.end.shadow_breakers.known("p u") for worker in known.workers[:2]]
    await until(lambda: all(shadow.standing.state is BreakerState.OPEN for shadow in shadows))
    assert known.breakers.known("u").machine.consecutive_failures == 0  # the enforced one heard nothing of it


@pytest.mark.parametrize("scope", ["", ", scope: Local"])
async def test_a_limit_is_exact_over_all_workers(gateway, scope):
    known = await gateway(LIMIT % scope)
    (rule,) = known.rules
    admitted = 0
    for _ in range(60):
        found = await asyncio.gather(*(worker.admits(rule, b"", now_s()) for worker in known.workers))
        admitted += sum(found)
    assert 0 <= 100 - admitted <= 10  # what other workers hold, until they give it back
    assert known.limiter.used(rule, b"", now_s()) == 100
    verdict = await known.workers[0].admit(rule, b"", now_s())
    assert isinstance(verdict, Limited)


async def test_a_rule_that_the_parent_does_not_know_is_counted_by_the_worker_itself(gateway):
    known = await gateway(LIMIT % "")
    (rule,) = known.rules
    known.leases._plans = known.in_force.plans
    assert await known.workers[0].admits(rule, b"", now_s())


async def test_counts_decisions_and_connections_are_the_parents(gateway):
    known = await gateway(workers=2)
    for worker in known.workers:
        worker.counts.route("r").count(b"GET", 200, "")
        worker.counts.route("r").duration.observe(0.1)
        worker.counts.in_flight = 2
        worker.clients.add(worker)
        worker.end.decisions.record(ENTRY)
    await known.end.settle()
    assert known.counts.route("r").requests == {(b"GET", 200, ""): 2}
    assert known.counts.in_flight == 4
    assert (known.end.clients(), known.end.tunnels()) == (2, 0)
    assert known.end.connections() == [("u", "idle", 4)]
    assert known.end.log_lines_dropped() == 2
    assert len(known.in_force.decisions.recent(Filter(), 9).entries) == 2
    known.workers[0].link.close()
    await until(lambda: known.counts.in_flight == 2)
    assert known.end.log_lines_dropped() == 2


async def test_who_looks_waits_for_a_worker_that_does_not_reply_only_a_while(gateway, monkeypatch):
    known = await gateway(workers=2)
    called: list[Message] = []

    async def stand_still(message: Message) -> None:
        called.append(message)
        await asyncio.Event().wait()

    for worker in known.workers:
        worker.counts.route("r").count(b"GET", 200, "")
        worker.counts.route("r").duration.observe(0.1)
        worker.link.on_call(worker_end.SETTLE, stand_still)
    monkeypatch.setattr(parent_end, "SETTLE_S", 0.0)
    await known.end.settle()
    assert known.counts.route("r").requests == {}
    await until(lambda: len(called) == 2)
    for worker in known.workers:
        worker.link.on_call(worker_end.SETTLE, worker.end._settle)
    monkeypatch.undo()
    await known.end.settle()
    assert known.counts.route("r").requests == {(b"GET", 200, ""): 2}


async def test_a_parent_without_a_ring_drops_decisions_and_takes_the_counts_beside_them(gateway):
    known = await gateway(workers=1)
    known.in_force.decisions = None
    known.workers[0].end.decisions.record(ENTRY)
    known.workers[0].counts.route("r").count(b"GET", 200, "")
    known.workers[0].counts.route("r").duration.observe(0.1)
    await known.end.settle()
    assert known.counts.route("r").requests == {(b"GET", 200, ""): 1}


async def test_a_permit_that_does_not_come_is_a_rejection(gateway, monkeypatch):
    known = await gateway(BREAKER, workers=1)
    (worker,) = known.workers
    breaker = worker.end.breakers.known("u")
    fail(worker, 3)
    await until(lambda: state(worker) is BreakerState.OPEN)
    verdicts: list[object] = []
    worker.of_parent.notify = lambda *_: None
    awaited = breaker.admit(now_s() + 7200)
    assert isinstance(awaited, AwaitedPermit)
    awaited.due_s = 0.0
    awaited.on_verdict = lambda verdict, _: verdicts.append(verdict)
    await until(lambda: verdicts)
    assert isinstance(verdicts[0], BreakerRejection)


async def test_a_limit_whose_parent_is_gone_is_counted_by_the_worker_itself(gateway):
    known = await gateway(LIMIT % "", workers=2)
    (rule,) = known.rules
    worker = known.workers[0]
    worker.of_parent.close()
    await until(lambda: worker.lost)
    assert await worker.admits(rule, b"", now_s())
    for client in worker.end._lease_clients:
        await client.heartbeat()
    assert not worker.end._lease_clients[0].limiter.up


async def test_what_a_parent_that_reads_nothing_has_not_heard_goes_in_sum_with_a_later_second(
    gateway, monkeypatch
):
    known = await gateway(workers=1)
    (worker,) = known.workers
    monkeypatch.setattr(link_end, "FULL_BYTES", 0)
    for _ in range(3):
        worker.counts.route("r").count(b"GET", 200, "")
        worker.counts.route("r").duration.observe(0.1)
        sent = worker.link.sent
        worker.end.second(now_s())
        assert worker.link.sent == sent
    monkeypatch.undo()
    worker.end.second(now_s())
    await until(lambda: known.counts.route("r").requests == {(b"GET", 200, ""): 3})
    assert worker.link.sent == sent + 1


async def test_an_endpoint_that_fails_at_any_worker_stands_in_one_row(gateway):
    known = await gateway(workers=2)
    copies = [plans_of(UPSTREAM + ROUTE).plans[0].targets[0].upstream for _ in known.workers]
    for worker, own in zip(known.workers, copies, strict=True):
        worker.end.endpoints.follow({"u": own})
        record_failure(own.states[0], own.states, now_s())
        assert own.on_failure is not None
        own.on_failure(own, own.addresses[0])
    await until(lambda: [own.states[0].consecutive_failures for own in copies] == [2, 2])
    record_success(copies[1].states[0], now_s())
    await until(lambda: copies[0].states[0].consecutive_failures == 0)
    copies[1].states[0].in_flight = 3
    await known.end.settle()
    known.end.second(now_s())
    assert known.upstreams["u"].states[0].in_flight == 3


async def test_what_a_check_found_is_known_to_all_workers_with_what_else_changed(gateway):
    known = await gateway(workers=2)
    text = UPSTREAM.replace('"]', '"], healthCheck: {path: /ready}') + ROUTE
    own, *copies = (plans_of(text).plans[0].targets[0].upstream for _ in range(3))
    known.upstreams["u"] = own
    for worker, copy in zip(known.workers, copies, strict=True):
        worker.end.endpoints.follow({"u": copy})
    record_check(own.states[0], False, 1, 1)
    known.end.sweep()
    await until(lambda: not any(copy.states[0].check_ok for copy in copies))


async def test_requests_in_flight_are_bounded_over_all_workers(gateway):
    known = await gateway(workers=2)
    one, other = known.workers
    await until(lambda: one.end.in_flight.most == other.end.in_flight.most == 5)
    places: list[bool] = []
    for _ in range(8):
        one.counts.in_flight += 1
        if one.counts.in_flight > one.end.in_flight.most:
            awaited = one.end.in_flight.wait(now_s())
            assert awaited is not None
            awaited.on_place = lambda has_place, _: places.append(has_place)
    await until(lambda: len(places) == 3)
    assert places == [True] * 3
    assert one.end.in_flight.most + other.end.in_flight.most <= 10
    one.link.close()
    await until(lambda: one.of_parent not in [each.link for each in known.end._workers.values()])
    other.counts.in_flight = 10
    awaited = other.end.in_flight.wait(now_s())
    assert awaited is not None
    await until(lambda: other.end.in_flight.most == 10)


async def test_a_place_that_does_not_come_is_none(gateway):
    known = await gateway(workers=1)
    (worker,) = known.workers
    await until(lambda: worker.end.in_flight.most > 0)
    worker.of_parent.notify = lambda *_: None
    places: list[bool] = []
    worker.counts.in_flight = 99
    awaited = worker.end.in_flight.wait(now_s() - 60)
    assert awaited is not None
    awaited.on_place = lambda has_place, _: places.append(has_place)
    await until(lambda: places == [False])


async def test_tokens_that_come_too_late_go_back(gateway, monkeypatch):
    known = await gateway(LIMIT % "", workers=1)
    (rule,), (worker,) = known.rules, known.workers
    monkeypatch.setattr(lease_link, "REPLY_S", 0.0)
    assert await worker.admits(rule, b"", now_s())  # by the rule's `onStoreFailure`
    await until(lambda: known.limiter.clients > 0)
    monkeypatch.undo()
    await until(lambda: known.limiter.used_units(rule, b"", now_s()) == 0)
    whole = await known.leases.lease(rule.identity, b"", Order(100, 100))
    assert whole is not None
    assert whole.granted == 100
