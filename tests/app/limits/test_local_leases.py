import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limits.lease import Grant, Order
from app.limits.lease_store import LeaseCall
from app.limits.local_leases import KNOWN_S, LocalLeases
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit
from tests.fakes.lease_store import SimulatedStore

NOW_S = 1024.0
KEY = b"acme"


def rule(requests: int = 100, period_s: float = 100.0, burst: int = 100) -> Rule:
    return compile_rules("p", RateLimit((LimitRule("r", LimitKey.CLIENT, requests, period_s, burst),)))[0]


class Leasing:
    def __init__(self) -> None:
        self.memory = MemoryLimiter()
        self.leases = LocalLeases(self.memory)

    def lease(self, order: Order, now_s: float = NOW_S, workers: int = 1, one: Rule | None = None) -> Grant:
        return self.leases.lease(one or rule(), KEY, order, workers, now_s)


@pytest.fixture
def leasing():
    return Leasing()


def test_a_lot_is_a_part_of_what_is_left_for_each_worker(leasing):
    assert leasing.lease(Order(1, 50), workers=2) == Grant(5, 95, 0, 1, 5000)
    assert leasing.lease(Order(0, 3), workers=2) == Grant(3, 92, 0, 1, 8000)


def test_what_waits_is_served_before_any_lot(leasing):
    assert leasing.lease(Order(70, 90)).granted == 70
    assert leasing.lease(Order(70, 90)) == Grant(30, 0, 1000, 1, 100_000)
    assert leasing.lease(Order(1, 1), NOW_S + 0.5) == Grant(0, 0, 500, 1, 99_500)
    assert leasing.lease(Order(1, 1), NOW_S + 1.0).granted == 1


def test_the_buckets_are_those_that_a_single_process_counts_in(leasing):
    leasing.lease(Order(40, 40))
    assert leasing.memory.used(rule(), KEY, NOW_S) == 40
    assert leasing.memory.usage("p/r", NOW_S) == (1, 0.4)


def test_what_comes_back_is_no_longer_used(leasing):
    grant = leasing.lease(Order(10, 10))
    leasing.lease(Order(0, 0, back=10, generation=grant.generation))
    assert leasing.memory.used_units(rule(), KEY, NOW_S) == 0


def test_tokens_of_an_earlier_generation_are_worth_nothing(leasing):
    grant = leasing.lease(Order(10, 10))
    leasing.lease(Order(10, 10), NOW_S + 10.0)
    leasing.lease(Order(0, 0, back=10, generation=grant.generation), NOW_S + 10.0)
    assert leasing.memory.used(rule(), KEY, NOW_S + 10.0) == 10


def test_tokens_of_a_generation_that_is_forgotten_are_lost(leasing):
    grant = leasing.lease(Order(10, 10))
    leasing.leases.expire(NOW_S)
    leasing.leases.expire(NOW_S + KNOWN_S)
    back = Order(0, 0, back=10, generation=grant.generation)
    leasing.lease(back, NOW_S + KNOWN_S)
    assert leasing.memory.used(rule(), KEY, NOW_S + KNOWN_S) == 5


def test_what_passed_without_the_link_is_charged_but_not_beyond_the_bucket(leasing):
    leasing.lease(Order(90, 90))
    assert leasing.lease(Order(1, 1, unreported=50)) == Grant(0, 0, 1000, 1, 100_000)


def test_an_edit_that_halves_a_bucket_in_use_leaves_nothing(leasing):
    leasing.lease(Order(100, 100))
    half = rule(50, 100.0, 50)
    assert leasing.lease(Order(5, 5), one=half).granted == 0


STEP = st.tuples(
    st.integers(0, 20_000),  # ms since the last call
    st.integers(0, 20),  # need
    st.integers(0, 200),  # want beyond it
    st.integers(1, 5),  # workers
    st.booleans(),  # give back what came last
)


@given(
    numbers=st.sampled_from([(1, 1.0, 1), (8, 1.0, 8), (100, 64.0, 100), (1024, 1.0, 4096)]),
    steps=st.lists(STEP, max_size=25),
)
def test_it_grants_what_the_script_would(numbers, steps):
    """Where all divides without rest: the script counts in milliseconds, this in 2^-20 s."""
    leasing, store, one, now_s = Leasing(), SimulatedStore(), rule(*numbers), NOW_S
    requests, period_s, burst = numbers
    last, expected = Grant(0, 0, 0, 0, 0), Grant(0, 0, 0, 0, 0)
    for eighths, need, more, workers, is_back in steps:
        now_s += eighths / 8
        back = last.granted if is_back else 0
        want = need + more
        last = leasing.lease(Order(need, want, back, last.generation), now_s, workers, one)
        call = (requests, int(period_s * 1000), burst, 0, need, want, workers, back, expected.generation, 0)
        expected = store.lease(LeaseCall(b"b", call), int(now_s * 1000))
        assert (last.granted, last.left) == (expected.granted, expected.left)
        assert abs(last.wait_ms - expected.wait_ms) <= 1
        assert abs(last.full_ms - expected.full_ms) <= 1
