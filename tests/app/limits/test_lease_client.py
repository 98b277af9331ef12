import asyncio
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager

import pytest

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from app.limits.lease import Grant
from app.limits.lease_client import LATE_S, MAX_CALLS, MAX_PIPELINES, LeaseClient
from app.limits.lease_store import LEASE_S, LeaseCall
from app.limits.limiter import Admitted, Unanswered, Verdict, Waiting
from app.limits.rule import Rule, compile_rules
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit
from tests.fakes.lease_store import SimulatedStore
from tests.fakes.waiting import until


def rule(failure: OnStoreFailure = OnStoreFailure.CLOSED) -> Rule:
    written = LimitRule("r", LimitKey.CLIENT, 1000, 3600.0, 1000)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Store:
    """A `LeaseStore` that responds when `open` is set, and to a heartbeat when `beats_on` is.

    `fails` makes it StoreDown.
    """

    def __init__(self) -> None:
        self.simulated = SimulatedStore()
        self.open = asyncio.Event()
        self.open.set()
        self.beats_on = asyncio.Event()
        self.beats_on.set()
        self.fails = self.bug = self.beat_bug = self.is_closed = False
        self.pipelines: list[int] = []
        self.beats = 0
        self.failures = 0

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        self.pipelines.append(len(calls))
        await self.open.wait()
        if self.bug:
            raise ZeroDivisionError
        if self.fails or self.failures:
            self.failures -= 1
            raise StoreDown("the limit store", "it is a test")
        return self.simulated.reply(calls, now_s())

    async def heartbeat(self) -> int:
        self.beats += 1
        await self.beats_on.wait()
        if self.beat_bug:
            raise ZeroDivisionError
        if self.fails:
            raise StoreDown("the limit store", "it is a test")
        return 3

    async def close(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def running(store: Store):
    heard: list[tuple[bool, str]] = []
    client = LeaseClient(store, asyncio.get_running_loop(), lambda up, why: heard.append((up, why)))
    await client.heartbeat()
    beating = asyncio.create_task(client.run())
    yield client, heard
    beating.cancel()
    await client.close()


def stand_still() -> None:
    """As a process does that gets no processor."""
    time.sleep(LEASE_S + LATE_S + 0.02)


def ask(client: LeaseClient, one: Rule, key: bytes = b"acme") -> list[Verdict]:
    verdicts: list[Verdict] = []
    outcome = client.limiter.admit([one], [key], now_s())
    if isinstance(outcome, Waiting):
        outcome.on_verdict = lambda verdict, _: verdicts.append(verdict)
    else:
        verdicts.append(outcome)
    return verdicts


async def test_calls_of_one_turn_are_one_pipeline():
    store = Store()
    async with running(store) as (client, _):
        told = [ask(client, rule(), b"c%d" % number) for number in range(40)]
        await until(lambda: all(told), "the verdicts")
        assert store.pipelines == [40]
        assert all(isinstance(verdicts[0], Admitted) for verdicts in told)


async def test_a_pipeline_is_bounded_and_so_are_those_under_way(monkeypatch):
    monkeypatch.setattr("app.limits.shared.WAIT_S", 10.0)  # a busy machine is no unavailable store
    store = Store()
    store.open.clear()
    async with running(store) as (client, _):
        told = [ask(client, rule(), b"c%d" % number) for number in range(MAX_CALLS * (MAX_PIPELINES + 1))]
        await until(lambda: len(store.pipelines) == MAX_PIPELINES, "the first pipelines")
        await asyncio.sleep(0)
        assert store.pipelines == [MAX_CALLS] * MAX_PIPELINES
        store.open.set()
        await until(lambda: all(told), "the verdicts")
        assert store.pipelines == [MAX_CALLS] * (MAX_PIPELINES + 1)


async def test_the_heartbeat_tells_how_many_share():
    async with running(Store()) as (client, heard):
        assert client.limiter.replicas == 3
        assert heard == [(True, "3 share it")]


async def test_a_lost_pipeline_is_told_once_and_the_store_is_looked_for_at_once():
    store = Store()
    async with running(store) as (client, heard):
        store.fails = True
        told = [ask(client, rule(), b"a"), ask(client, rule(), b"b")]
        await until(lambda: all(told), "the verdicts")
        assert [type(verdicts[0]) for verdicts in told] == [Unanswered, Unanswered]
        await until(lambda: store.beats >= 3, "two looks for the store")
        assert heard[1:] == [(False, "it is a test")]


async def test_a_store_that_is_back_is_used_again():
    store = Store()
    async with running(store) as (client, heard):
        store.fails = True
        await until(lambda: len(heard) == 2, "the loss")
        store.fails = False
        await until(lambda: len(heard) == 3, "the return")
        assert heard[2][0]
        told = ask(client, rule())
        await until(lambda: bool(told), "the verdict")
        assert isinstance(told[0], Admitted)


async def test_a_store_that_is_away_at_the_start_is_told():
    store = Store()
    store.fails = True
    async with running(store) as (client, heard):
        assert heard == [(False, "it is a test")]
        assert isinstance(ask(client, rule())[0], Unanswered)


async def test_a_silent_store_keeps_nobody_waiting_for_ever():
    store = Store()
    store.open.clear()
    async with running(store) as (client, _):
        told = ask(client, rule())
        await until(lambda: bool(told), "the verdict")
        assert isinstance(told[0], Unanswered)
        store.open.set()


async def test_idle_tokens_go_back_by_themselves():
    store = Store()
    async with running(store) as (client, _):
        told = [ask(client, rule()) for _ in range(30)]
        await until(lambda: all(told), "the verdicts")
        told.append(ask(client, rule()))
        await until(lambda: all(told), "one more")
        (name,) = store.simulated.granted
        assert store.simulated.granted[name] > 31
        await until(lambda: store.simulated.granted[name] == 31, "what is unused to go back")


async def test_the_end_gives_back_and_lets_go():
    store = Store()
    async with running(store) as (client, _):
        told = [ask(client, rule()) for _ in range(30)]
        await until(lambda: all(told), "the verdicts")
        told.append(ask(client, rule()))
        await until(lambda: all(told), "one more")
    (granted,) = store.simulated.granted.values()
    assert granted == 31
    assert store.is_closed


async def test_the_end_does_not_wait_for_a_silent_store(monkeypatch):
    monkeypatch.setattr("app.limits.lease_client.CLOSE_S", 0.05)
    store = Store()
    async with running(store) as (client, _):
        store.open.clear()
        ask(client, rule())
        await until(lambda: bool(store.pipelines), "a pipeline")
    assert store.is_closed


@pytest.mark.parametrize("end", ["close", "use"])
async def test_a_store_is_closed_only_after_the_heartbeat_that_was_under_way(end):
    store = Store()
    client = LeaseClient(store, asyncio.get_running_loop(), lambda *_: None)
    store.beats_on.clear()
    beating = asyncio.create_task(client.heartbeat())
    await until(lambda: store.beats == 1, "the heartbeat")
    ending = asyncio.create_task(client.close() if end == "close" else client.use(Store()))
    for _ in range(10):
        await asyncio.sleep(0)
    closed_meanwhile = store.is_closed
    store.beats_on.set()
    await ending
    assert (closed_meanwhile, store.is_closed) == (False, True)
    await beating
    await client.close()


async def test_a_fault_of_ours_reaches_the_loops_handler():
    store = Store()
    faults: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    async with running(store) as (client, _):
        outcome = client.limiter.admit([rule()], [b"acme"], now_s())
        assert isinstance(outcome, Waiting)

        def fault(*_: object) -> None:
            raise ZeroDivisionError

        outcome.on_verdict = fault
        await until(lambda: bool(faults), "the fault")
    assert isinstance(faults[0], ZeroDivisionError)


@pytest.mark.parametrize("up", [True, False])
async def test_the_heartbeat_ends_when_it_is_cancelled(up):
    store = Store()
    store.fails = not up
    async with running(store):
        await asyncio.sleep(0)
    assert store.is_closed


async def test_after_the_end_there_is_no_heartbeat():
    store = Store()
    async with running(store) as (client, _):
        pass
    beats = store.beats
    await client.heartbeat()
    assert store.beats == beats


async def test_a_process_that_stood_still_asks_again_before_it_believes_the_store_away():
    store = Store()
    async with running(store) as (client, heard):
        store.failures = 1
        store.open.clear()
        told = ask(client, rule())
        await until(lambda: len(store.pipelines) == 1, "the pipeline")
        stand_still()
        store.open.set()
        await until(lambda: bool(told), "the verdict")
        assert len(store.pipelines) == 2
        assert isinstance(told[0], Admitted)
        assert heard == [(True, "3 share it")]


async def test_but_not_twice_in_a_row():
    store = Store()
    async with running(store) as (client, heard):
        store.fails = True
        for round_number in (1, 2):
            store.open.clear()
            ask(client, rule(), b"%d" % round_number)
            await until(lambda: bool(store.pipelines), "the pipeline")
            stand_still()
            store.open.set()
            store.pipelines.clear()
            await asyncio.sleep(0.03)
        await until(lambda: len(heard) == 2, "the loss")
        assert heard == [(True, "3 share it"), (False, "it is a test")]


async def test_a_fault_of_ours_in_a_pipeline_keeps_nobody_waiting():
    faults: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    store = Store()
    store.bug = True
    async with running(store) as (client, _):
        told = ask(client, rule())
        await until(lambda: bool(told), "the verdict")
        assert isinstance(told[0], Unanswered)
    assert isinstance(faults[0], ZeroDivisionError)


async def test_a_fault_of_ours_in_the_heartbeat_does_not_end_it():
    faults: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    store = Store()
    async with running(store) as (client, _):
        client.limiter.set_down(now_s())
        store.beat_bug = True
        await until(lambda: bool(faults), "the fault")
        store.beat_bug = False
        await until(lambda: client.limiter.up, "the heartbeat to go on")
        assert isinstance(faults[0], ZeroDivisionError)


async def test_one_lost_pipeline_alone_is_no_outage():
    store = Store()
    async with running(store) as (client, heard):
        store.failures = 1
        told = ask(client, rule())
        await until(lambda: bool(told), "the verdict")
        assert isinstance(told[0], Unanswered)
        await until(lambda: client.limiter.up, "the heartbeat's word")
        assert heard == [(True, "3 share it")]


async def test_a_store_that_beats_but_does_not_lease_is_told():
    store = Store()
    async with running(store) as (client, heard):
        store.failures = 2
        for key in (b"a", b"b"):
            await until(lambda: client.limiter.up, "the heartbeat's word")
            told = ask(client, rule(), key)
            await until(lambda: bool(told), "the verdict")  # noqa: B023 - waited for here
        assert heard[1:] == [(False, "it is a test")]
        await until(lambda: len(heard) == 3, "the return")
