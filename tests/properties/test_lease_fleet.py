"""A fleet of gateways over one simulated store: whatever the order of requests, calls, answers, edits and
losses, nobody gets more than the limit and a lot per gateway, and nobody is refused what is there."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from app.limits.lease import RECHECK_S, Grant
from app.limits.lease_terms import bucket_name
from app.limits.limiter import Admitted, Limited, Verdict, Waiting
from app.limits.rule import Rule, compile_rules
from app.limits.rule_leases import Call
from app.limits.shared import SharedLimiter
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit
from tests.fakes.lease_store import SimulatedStore

START_S = 86_400.25
KEY = b"acme"


def rule(requests: int, period_s: float, burst: int, failure: OnStoreFailure = OnStoreFailure.LOCAL) -> Rule:
    written = LimitRule("r", LimitKey.CLIENT, requests, period_s, burst)
    return compile_rules("p", RateLimit((written,), failure))[0]


@dataclass
class Pipeline:
    """`grants` None: the store has not seen it yet."""

    gateway: "Gateway"
    calls: list[Call]
    grants: list[Grant] | None = None
    executed_s: float = 0.0


@dataclass
class Gateway:
    limiter: SharedLimiter
    admitted: int = 0
    waiting: list[Waiting] = field(default_factory=list)
    executed_s: float = 0.0
    replied_s: float = 0.0


class Fleet:
    """`raised_s`: when the bucket last got something other than by time (given back, edited)."""

    def __init__(self, size: int, one: Rule) -> None:
        self.now_s = START_S
        self.store = SimulatedStore()
        self.rule = one
        self.name = bucket_name(one, KEY)
        self.gateways = [Gateway(SharedLimiter(lambda: None)) for _ in range(size)]
        self.pipelines: list[Pipeline] = []
        self.raised_s = START_S
        self.wrong_refusals: list[str] = []
        self.refused = 0
        self.unsettled_ms = 0
        for gateway in self.gateways:
            gateway.limiter.set_up(size)

    @property
    def admitted(self) -> int:
        return sum(gateway.admitted for gateway in self.gateways)

    def in_hand(self) -> int:
        """Tokens charged and not used: with gateways, or on their way."""
        groups = [gateway.limiter._groups.get(self.rule.identity) for gateway in self.gateways]
        held = sum(group.leases[KEY].left for group in groups if group is not None and KEY in group.leases)
        return held + sum(grant.granted for pipeline in self.pipelines for grant in pipeline.grants or ())

    def request(self, at: int) -> None:
        gateway = self.gateways[at % len(self.gateways)]
        outcome = gateway.limiter.admit([self.rule], [KEY], self.now_s)
        if isinstance(outcome, Waiting):
            gateway.waiting.append(outcome)
            outcome.on_verdict = lambda verdict, _: self.judge(gateway, verdict)
        else:
            self.judge(gateway, outcome)

    def judge(self, gateway: Gateway, verdict: Verdict) -> None:
        if isinstance(verdict, Admitted):
            gateway.admitted += 1
        elif isinstance(verdict, Limited):
            self.refused += 1
            if gateway.limiter.up:
                self.judge_refusal(gateway)

    def judge_refusal(self, gateway: Gateway) -> None:
        trip_s = gateway.replied_s - gateway.executed_s
        if self.name not in self.store.buckets:
            left = self.rule.numbers.capacity // self.rule.numbers.cost
        else:
            left = self.store.left(self.name, self.now_s - trip_s)
        gave_back_lately = (
            self.raised_s >= gateway.executed_s and self.now_s - gateway.replied_s < RECHECK_S + 1e-9
        )
        if left > 0 and not gave_back_lately:
            self.wrong_refusals.append(f"{left} left at {self.now_s}")

    def flush(self, at: int) -> None:
        gateway = self.gateways[at % len(self.gateways)]
        calls = gateway.limiter.next_calls(100, self.now_s)
        if calls:
            self.pipelines.append(Pipeline(gateway, calls))

    def execute(self, at: int) -> None:
        """The store carries out a pipeline that it has not seen yet."""
        unseen = [pipeline for pipeline in self.pipelines if pipeline.grants is None]
        if unseen:
            pipeline = unseen[at % len(unseen)]
            if any(call.order.back for call in pipeline.calls):
                self.raised_s = self.now_s
            pipeline.grants = self.store.reply([call.sent for call in pipeline.calls], self.now_s)
            pipeline.executed_s = self.now_s

    def deliver(self, at: int) -> None:
        """A reply arrives."""
        seen = [pipeline for pipeline in self.pipelines if pipeline.grants is not None]
        if seen:
            pipeline = seen[at % len(seen)]
            self.pipelines.remove(pipeline)
            pipeline.gateway.executed_s, pipeline.gateway.replied_s = pipeline.executed_s, self.now_s
            pipeline.gateway.limiter.on_reply(pipeline.calls, pipeline.grants or [], self.now_s)

    def advance(self, by_ms: int) -> None:
        """Time passes in ticks; no pipeline lasts longer than the 0.1 s after which it is lost."""
        for _ in range(max(1, by_ms // 20)):
            self.now_s += min(by_ms, 20) / 1000.0
            for gateway in self.gateways:
                gateway.limiter.tick(self.now_s)

    def settle(self) -> None:
        """All calls go out and all answers come in, at this instant."""
        self.unsettled_ms = 0
        moved = True
        while moved or self.pipelines:
            moved = False
            for at, gateway in enumerate(self.gateways):
                before = len(self.pipelines)
                self.flush(at)
                moved = moved or len(self.pipelines) > before or any(not w.is_over for w in gateway.waiting)
                gateway.waiting = [each for each in gateway.waiting if not each.is_over]
            while self.pipelines:
                self.execute(0)
                self.deliver(0)
            if moved and any(gateway.waiting for gateway in self.gateways):
                self.advance(20)

    def lose(self, at: int) -> None:
        """A pipeline is lost, before or after the store carried it out."""
        if self.pipelines:
            pipeline = self.pipelines.pop(at % len(self.pipelines))
            pipeline.gateway.limiter.on_failure(pipeline.calls, self.now_s)

    def return_to(self, at: int) -> None:
        self.gateways[at % len(self.gateways)].limiter.set_up(len(self.gateways))

    def edit(self, one: Rule) -> None:
        """Everywhere at once."""
        self.rule = one
        self.raised_s = self.now_s
        for gateway in self.gateways:
            gateway.limiter.keep_only([one], self.now_s)


RULES = st.sampled_from(
    [(5, 3600.0, 5), (10, 60.0, 10), (100, 60.0, 100), (1000, 60.0, 1000), (50, 1.0, 50), (20, 1.0, 200)]
)
AT = st.integers(0, 9)
STEP = st.one_of(
    st.tuples(st.just("request"), AT),
    st.tuples(st.just("burst"), AT),
    st.tuples(st.just("flush"), AT),
    st.tuples(st.just("execute"), AT),
    st.tuples(st.just("deliver"), AT),
    st.tuples(st.just("settle"), AT),
    st.tuples(st.just("advance"), st.sampled_from([1, 7, 20, 60, 100, 400, 3000])),
)


def play(fleet: Fleet, step: tuple[str, int]) -> None:
    action, value = step
    if action == "advance":
        fleet.unsettled_ms += value
    if action == "burst":
        for offset in range(30):
            fleet.request(value + offset)
    elif action == "settle":
        fleet.settle()
    elif action == "advance" and fleet.unsettled_ms > 60:
        fleet.settle()  # answers do not take longer
        fleet.advance(value)
    else:
        getattr(fleet, action)(value)


@settings(max_examples=150, deadline=None)
@given(numbers=RULES, size=st.integers(1, 4), steps=st.lists(STEP, max_size=60))
def test_the_fleet_admits_at_most_the_limit_and_a_lot_per_gateway_in_any_stretch_of_time(
    numbers, size, steps
):
    requests, period_s, burst = numbers
    fleet = Fleet(size, rule(*numbers))
    seen = [(fleet.now_s, 0, 0)]
    for step in steps:
        play(fleet, step)
        seen.append((fleet.now_s, fleet.admitted, fleet.in_hand()))
        for since_s, admitted, in_hand in seen:
            refilled = requests * (fleet.now_s - since_s + 0.001) / period_s
            assert fleet.admitted - admitted <= burst + refilled + in_hand


@settings(max_examples=150, deadline=None)
@given(numbers=RULES, size=st.integers(1, 4), steps=st.lists(STEP, max_size=60))
def test_nobody_is_refused_while_the_store_has_a_token_for_them(numbers, size, steps):
    fleet = Fleet(size, rule(*numbers))
    for step in steps:
        play(fleet, step)
    assert fleet.wrong_refusals == []


@settings(max_examples=150, deadline=None)
@given(numbers=RULES, size=st.integers(1, 4), steps=st.lists(STEP, max_size=60))
def test_what_lies_idle_is_a_lot_per_gateway_at_most_and_soon_goes_back(numbers, size, steps):
    fleet = Fleet(size, rule(*numbers))
    for step in steps:
        play(fleet, step)
    fleet.settle()
    assert fleet.in_hand() <= size * (numbers[2] // (10 * size))
    for _ in range(17):  # 0.34 s
        fleet.advance(20)
        fleet.settle()
    assert fleet.in_hand() == 0


@settings(max_examples=100, deadline=None)
@given(burst=st.integers(1, 19), size=st.integers(1, 4), steps=st.lists(STEP, max_size=40))
def test_a_small_limit_is_exact(burst, size, steps):
    fleet = Fleet(size, rule(1, 86_400.0, burst))
    asked = 0
    for step in steps:
        asked += {"request": 1, "burst": 30}.get(step[0], 0)
        play(fleet, step)
        assert fleet.admitted <= burst + 1
    fleet.settle()
    if fleet.now_s - START_S < 60.0:
        assert fleet.admitted == min(asked, burst)


@settings(max_examples=100, deadline=None)
@given(numbers=RULES, size=st.integers(1, 4), steps=st.lists(STEP, max_size=40), later=RULES)
def test_an_edit_gives_no_fresh_budget(numbers, size, steps, later):
    fleet = Fleet(size, rule(*numbers))
    for step in steps:
        play(fleet, step)
    fleet.settle()
    before, began_s = fleet.admitted, fleet.now_s
    used_s = fleet.now_s - START_S
    in_hand = fleet.in_hand()
    still_used = max(0.0, before - numbers[0] * used_s / numbers[1]) if numbers[2] >= before else 0.0
    fleet.edit(rule(*later))
    fleet.settle()
    for at in range(later[2] + 5):
        fleet.request(at)
    fleet.settle()
    refilled = later[0] * (fleet.now_s - began_s + 0.001) / later[1]
    assert fleet.admitted - before <= max(0.0, later[2] - still_used) + refilled + in_hand + 1


FAILING = st.one_of(
    STEP,
    st.tuples(st.just("lose"), AT),
    st.tuples(st.just("return_to"), AT),
    st.tuples(st.just("outage"), AT),
)


@settings(max_examples=150, deadline=None)
@given(numbers=RULES, size=st.integers(1, 4), steps=st.lists(FAILING, max_size=60))
def test_a_store_that_comes_and_goes_gives_no_second_budget(numbers, size, steps):
    """Over the whole story each gateway has, beside the shared budget, its own part once per outage."""
    requests, period_s, burst = numbers
    fleet = Fleet(size, rule(*numbers))
    outages = 0
    for step in steps:
        up = sum(gateway.limiter.up for gateway in fleet.gateways)
        if step[0] == "outage":
            for gateway in fleet.gateways:
                gateway.limiter.set_down(fleet.now_s)
        else:
            play(fleet, step)
        outages += max(0, up - sum(gateway.limiter.up for gateway in fleet.gateways))
        refilled = requests * (fleet.now_s - START_S + 0.001) / period_s
        own = max(1, burst // size)
        assert fleet.admitted <= burst + 2 * refilled + outages * own


@settings(max_examples=100, deadline=None)
@given(
    numbers=RULES, size=st.integers(1, 4), away=st.lists(AT, max_size=80), steps=st.lists(STEP, max_size=20)
)
def test_what_passed_without_the_store_is_charged_when_it_returns(numbers, size, away, steps):
    requests, period_s, burst = numbers
    fleet = Fleet(size, rule(*numbers))
    for step in steps:
        play(fleet, step)
    fleet.settle()
    for gateway in fleet.gateways:
        gateway.limiter.set_down(fleet.now_s)
    for at in away:
        fleet.request(at)
    for at in range(size):
        fleet.return_to(at)
    fleet.settle()
    for at in range(burst + 5):
        fleet.request(at)
    fleet.settle()
    # what each had at the start of the outage is what it knew of the store, divided
    refilled = requests * (fleet.now_s - START_S + 0.001) / period_s
    assert fleet.admitted <= burst + refilled + size * max(1, burst // size)
    if not steps:
        assert fleet.admitted <= max(burst, size) + refilled + 1
