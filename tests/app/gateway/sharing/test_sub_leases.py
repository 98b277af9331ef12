import pytest

from app.foundation.clock import now_s
from app.gateway.sharing.leases import Leases
from app.gateway.sharing.sub_leases import SubLeases
from app.limits.lease import Grant, Order
from app.limits.limiter import Limiter
from app.limits.rule import compile_rules
from app.limits.shared import SharedLimiter
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope
from tests.fakes.lease_store import SimulatedStore

KEY = b"acme"


def rule(failure=OnStoreFailure.LOCAL, scope=Scope.GLOBAL):
    written = LimitRule("r", LimitKey.CLIENT, 100, 3600.0, 100, scope=scope)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Parent:
    """A parent whose own store replies as soon as something is asked."""

    def __init__(self) -> None:
        self.store = SimulatedStore()
        self.limiter = SharedLimiter(lambda: None)
        self.leases = SubLeases(self.limiter)
        self.limiter.set_up(1)

    async def lease(self, one, order):
        waiting = self.leases.lease(one, KEY, order)
        step = waiting.__await__()
        try:
            while True:
                next(step)
                self.reply()
        except StopIteration as done:
            self.reply()
            return done.value

    def reply(self) -> None:
        while calls := self.limiter.next_calls(100, now_s()):
            self.limiter.on_reply(calls, self.store.reply([each.sent for each in calls], now_s()), now_s())


@pytest.fixture
def parent():
    return Parent()


async def test_a_worker_gets_what_waits_and_a_part_of_what_is_in_hand(parent):
    grant = await parent.lease(rule(), Order(3, 3))
    assert (grant.granted, grant.left, grant.wait_ms) == (3, 97, 0)
    for _ in range(4):
        grant = await parent.lease(rule(), Order(2, 10))
        assert 2 <= grant.granted <= 10
    (charged,) = parent.store.granted.values()
    assert charged >= 3 + 4 * 2


async def test_what_a_worker_gives_back_is_in_hand_again(parent):
    grant = await parent.lease(rule(), Order(5, 5))
    lease = parent.limiter.leases.groups["p/r"].leases[KEY]
    left = lease.left
    await parent.lease(rule(), Order(0, 0, 4, grant.generation))
    assert lease.left == left + 4
    await parent.lease(rule(), Order(0, 0, 4, grant.generation + 1))
    assert lease.left == left + 4


async def test_what_a_worker_has_may_come_back_long_after_the_parent_heard_of_the_store(parent):
    grant = await parent.lease(rule(), Order(5, 5))
    lease = parent.limiter.leases.groups["p/r"].leases[KEY]
    parent.limiter.leases.sweep(now_s() + 2.0)  # what lies unused goes back, what is idle would be forgotten
    parent.reply()
    left = lease.left
    await parent.lease(rule(), Order(0, 0, 4, grant.generation))
    assert lease.left == left + 4


async def test_nobody_gets_more_than_the_store_has(parent):
    granted = 0
    grant = Grant(0, 1, 0, 0, 0)
    while grant.left:
        grant = await parent.lease(rule(), Order(7, 20))
        granted += grant.granted
    assert granted == 100
    assert (await parent.lease(rule(), Order(1, 1))).wait_ms > 0


@pytest.mark.parametrize(
    ("failure", "granted"),
    [(OnStoreFailure.LOCAL, 5), (OnStoreFailure.OPEN, 5), (OnStoreFailure.CLOSED, None)],
)
async def test_without_the_store_its_failure_policy_decides(parent, failure, granted):
    parent.limiter.set_down(now_s())
    grant = await parent.lease(rule(failure), Order(5, 9, unreported=2))
    assert (grant and grant.granted) == granted


async def test_the_own_part_of_a_rule_may_be_used_up(parent):
    parent.limiter.set_down(now_s())
    grant = await parent.lease(rule(), Order(150, 150))
    assert (grant.granted, grant.left) == (100, 0)
    assert grant.wait_ms > 0


def test_a_limiter_that_has_no_buckets_cannot_lease():
    class Strange:
        """No limiter of ours."""

    strange: Limiter = Strange()  # type: ignore[assignment]
    with pytest.raises(TypeError):
        Leases(None, strange)  # type: ignore[arg-type]
