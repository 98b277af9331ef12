from collections.abc import Callable

import pytest

from app.limits.lease_terms import bucket_name
from app.limits.limiter import Admitted, Limited, Unanswered, Verdict, Waiting
from app.limits.rule import Rule, compile_rules
from app.limits.rule_leases import Call
from app.limits.shared import SharedLimiter
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit, Scope
from tests.fakes.lease_store import SimulatedStore

START_S = 86_400.25
KEY = b"acme"
OPEN, CLOSED, LOCAL = OnStoreFailure.OPEN, OnStoreFailure.CLOSED, OnStoreFailure.LOCAL


def rule(
    requests: int,
    period_s: float = 3600.0,
    name: str = "r",
    failure: OnStoreFailure = LOCAL,
    scope: Scope = Scope.GLOBAL,
) -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, period_s, max(1, requests), scope=scope)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Gateway:
    """One limiter by hand: `verdicts` in the order in which they were told."""

    def __init__(self, store: SimulatedStore | None = None, replicas: int = 1) -> None:
        self.store = store or SimulatedStore()
        self.woken = 0
        self.limiter = SharedLimiter(self._wake)
        self.now_s = START_S
        self.verdicts: list[Verdict] = []
        if replicas:
            self.limiter.set_up(replicas)

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, *rules: Rule, key: bytes = KEY) -> Verdict | Waiting:
        outcome = self.limiter.admit(rules, [key] * len(rules), self.now_s)
        if isinstance(outcome, Waiting):
            outcome.on_verdict = lambda verdict, _: self.verdicts.append(verdict)
        else:
            self.verdicts.append(outcome)
        return outcome

    def calls(self) -> list[Call]:
        return self.limiter.next_calls(100, self.now_s)

    def land(self, calls: list[Call]) -> None:
        self.limiter.on_reply(calls, self.store.reply([call.sent for call in calls], self.now_s), self.now_s)

    def deliver(self) -> None:
        while calls := self.calls():
            self.land(calls)

    def asked(self, *rules: Rule, key: bytes = KEY) -> Verdict:
        """The verdict, with the store's answer where it is needed."""
        self.ask(*rules, key=key)
        self.deliver()
        return self.verdicts[-1]

    def advance(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / 0.02))):
            self.now_s += min(seconds, 0.02)
            self.limiter.tick(self.now_s)

    def used(self, one: Rule, key: bytes = KEY) -> int:
        """Requests charged in the store."""
        bucket = self.store.buckets.get(bucket_name(one, key))
        return 0 if bucket is None else -(-bucket.level // bucket.period_ms)


@pytest.fixture
def gateway():
    return Gateway()


def test_a_first_request_waits_for_the_store(gateway):
    assert isinstance(gateway.ask(rule(100)), Waiting)
    assert gateway.verdicts == []
    gateway.deliver()
    assert isinstance(gateway.verdicts[0], Admitted)
    assert gateway.used(rule(100)) == 1


def test_all_calls_of_a_turn_go_together(gateway):
    one = rule(1000)
    for number in range(50):
        gateway.ask(one, key=b"c%d" % number)
    (calls,) = [gateway.calls()]
    assert len(calls) == 50
    assert gateway.calls() == []


def test_requests_that_wait_for_one_bucket_share_a_call(gateway):
    for _ in range(20):
        gateway.ask(rule(1000))
    calls = gateway.calls()
    assert [call.order.need for call in calls] == [20]
    gateway.land(calls)
    assert len(gateway.verdicts) == 20


def test_with_tokens_in_hand_the_answer_is_immediate(gateway):
    one = rule(10_000, 1.0)
    for _ in range(40):
        gateway.ask(one)
    gateway.deliver()
    before = gateway.store.calls
    gateway.asked(one)
    gateway.verdicts.clear()
    assert isinstance(gateway.ask(one), Admitted)
    assert isinstance(gateway.verdicts[0], Admitted)
    assert gateway.store.calls - before <= 1


def test_a_busy_client_costs_some_calls_a_second_whatever_its_rate(gateway):
    one = rule(1_000_000, 1.0)
    for _ in range(500):
        for _ in range(10):
            gateway.ask(one)
        gateway.deliver()
        gateway.now_s += 0.002
        gateway.limiter.tick(gateway.now_s)
    assert len([v for v in gateway.verdicts if isinstance(v, Admitted)]) == 5000
    assert gateway.store.calls < 30  # in one second


def test_a_used_up_limit_is_refused_without_asking_for_every_request(gateway):
    one = rule(3)
    for _ in range(3):
        gateway.asked(one)
    gateway.asked(one)
    before = gateway.store.calls
    for _ in range(100):
        verdict = gateway.ask(one)
        assert isinstance(verdict, Limited)
        assert (verdict.retry_after_s, verdict.header) == (1200, b'"r";r=0;t=3600')
    assert gateway.store.calls == before


def test_but_a_tenth_of_a_second_later_the_store_is_asked_again(gateway):
    one = rule(1)
    gateway.asked(one)
    gateway.asked(one)
    gateway.advance(0.11)
    assert isinstance(gateway.ask(one), Waiting)


def test_a_fast_limit_that_is_used_up_is_asked_about_in_turns(gateway):
    one = rule(1000, 1.0)
    for _ in range(1500):
        gateway.ask(one)
    gateway.deliver()
    before = gateway.store.calls
    for _ in range(100):
        gateway.now_s += 0.002
        for _ in range(5):
            gateway.ask(one)
        gateway.limiter.tick(gateway.now_s) if gateway.now_s % 0.02 < 0.002 else None
        gateway.deliver()
    assert gateway.store.calls - before < 25  # of 500 requests in 0.2 s


def test_who_goes_away_while_waiting_is_charged_nothing(gateway):
    one = rule(5)
    waiting = gateway.ask(one)
    assert isinstance(waiting, Waiting)
    waiting.cancel()
    assert gateway.calls() == []
    gateway.ask(one)
    gateway.deliver()
    assert gateway.used(one) == 1


def test_a_token_for_someone_who_left_meanwhile_serves_the_next_or_goes_back(gateway):
    one = rule(5)
    waiting = gateway.ask(one)
    assert isinstance(waiting, Waiting)
    calls = gateway.calls()
    waiting.cancel()
    gateway.land(calls)
    assert gateway.verdicts == []
    assert gateway.used(one) == 1
    gateway.advance(0.36)
    gateway.deliver()
    assert gateway.used(one) == 0


def test_all_rules_or_none_are_charged(gateway):
    wide, narrow = rule(100, name="wide"), rule(1, name="narrow")
    assert isinstance(gateway.asked(wide, narrow), Admitted)
    for _ in range(5):
        assert isinstance(gateway.asked(wide, narrow), Limited)
    gateway.advance(0.5)
    gateway.deliver()
    assert gateway.used(wide) == 1


def test_a_request_under_two_rules_waits_once_for_both(gateway):
    gateway.ask(rule(100, name="a"), rule(100, name="b"))
    calls = gateway.calls()
    assert len(calls) == 2
    gateway.land(calls[:1])
    assert gateway.verdicts == []
    gateway.land(calls[1:])
    assert isinstance(gateway.verdicts[0], Admitted)
    assert gateway.verdicts[0].header == b'"a";r=99;t=36, "b";r=99;t=36'


def test_a_local_rule_never_asks_the_store(gateway):
    one = rule(2, scope=Scope.LOCAL)
    assert [type(gateway.ask(one)) for _ in range(3)] == [Admitted, Admitted, Limited]
    assert gateway.store.calls == gateway.woken == 0


def test_a_local_rule_beside_a_shared_one_is_charged_with_it(gateway):
    here, shared = rule(2, name="here", scope=Scope.LOCAL), rule(100, name="shared")
    headers = [gateway.asked(here, shared).header for _ in range(3)]
    assert headers == [
        b'"here";r=1;t=1800, "shared";r=99;t=36',
        b'"here";r=0;t=3600, "shared";r=98;t=72',
        b'"here";r=0;t=3600, "shared";r=98;t=72',
    ]
    gateway.advance(0.36)
    gateway.deliver()
    assert gateway.used(shared) == 2


def test_a_limit_of_no_requests_refuses_without_a_store(gateway):
    assert isinstance(gateway.ask(rule(0)), Limited)
    gateway.limiter.set_down(START_S)
    assert isinstance(gateway.ask(rule(0, failure=OPEN)), Limited)
    assert gateway.store.calls == 0


def test_a_limit_of_which_nothing_is_known_is_told_as_unused(gateway):
    verdict = gateway.ask(rule(0, name="shut"), rule(9))
    assert verdict.header == b'"shut";r=0, "r";r=9;t=0'


@pytest.mark.parametrize(
    ("failure", "kind", "header"),
    [
        (OPEN, Admitted, b'"r";r=8;t=0'),
        (CLOSED, Unanswered, b'"r";r=8;t=0'),
        (LOCAL, Admitted, b'"r";r=1;t=1800'),
    ],
)
def test_without_a_store_the_rules_choice_holds_at_once(failure, kind, header):
    gateway = Gateway(replicas=4)
    gateway.limiter.set_down(START_S)
    verdict = gateway.ask(rule(8, failure=failure))
    assert isinstance(verdict, kind)
    assert verdict.header == header


def test_local_means_the_limit_divided_by_the_gateways_last_seen():
    gateway = Gateway(replicas=4)
    gateway.limiter.set_down(START_S)
    verdicts = [gateway.ask(rule(100)) for _ in range(30)]
    assert len([each for each in verdicts if isinstance(each, Admitted)]) == 25


def test_local_counts_from_what_the_store_said_last():
    gateway = Gateway()
    for _ in range(6):
        gateway.asked(rule(10))
    gateway.limiter.set_down(gateway.now_s)
    verdicts = [gateway.ask(rule(10)) for _ in range(9)]
    assert len([each for each in verdicts if isinstance(each, Admitted)]) == 4


def test_also_of_a_client_that_was_idle_for_long():
    gateway = Gateway()
    for _ in range(6):
        gateway.asked(rule(10))
    gateway.advance(5.0)
    gateway.deliver()
    assert gateway.limiter.clients == 1  # what the count here was told
    gateway.limiter.set_down(gateway.now_s)
    verdicts = [gateway.ask(rule(10)) for _ in range(9)]
    assert len([each for each in verdicts if isinstance(each, Admitted)]) == 4


def test_whoever_waits_when_the_store_goes_is_decided_by_the_rules_choice(gateway):
    for failure in (OPEN, CLOSED, LOCAL):
        gateway.ask(rule(9, name=failure.lower(), failure=failure))
    gateway.limiter.on_failure(gateway.calls(), gateway.now_s)
    assert [type(each) for each in gateway.verdicts] == [Admitted, Unanswered, Admitted]


def test_nobody_waits_longer_than_a_fifth_of_a_second(gateway):
    waiting = gateway.ask(rule(9, failure=CLOSED))
    gateway.calls()
    gateway.advance(0.17)
    assert gateway.verdicts == []
    gateway.advance(0.02)
    assert isinstance(gateway.verdicts[0], Unanswered)
    assert isinstance(waiting, Waiting)
    assert waiting.is_over


def test_tokens_in_hand_are_used_up_also_without_the_store(gateway):
    one = rule(1000, failure=CLOSED)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    gateway.ask(one)
    gateway.deliver()
    gateway.verdicts.clear()
    gateway.limiter.set_down(gateway.now_s)
    kinds = [type(gateway.ask(one)) for _ in range(200)]
    assert kinds[0] is Admitted
    assert kinds[-1] is Unanswered


def test_what_passed_without_the_store_is_charged_with_the_clients_next_call(gateway):
    one = rule(100)
    gateway.limiter.set_down(gateway.now_s)
    for _ in range(7):
        gateway.ask(one)
    gateway.limiter.set_up(1)
    gateway.asked(one)
    assert gateway.used(one) == 8


def test_or_by_itself_if_the_client_does_not_come_again(gateway):
    one = rule(100)
    gateway.limiter.set_down(gateway.now_s)
    for number in range(100):
        gateway.ask(one, key=b"c%d" % number)
    woken = gateway.woken
    gateway.limiter.set_up(1)
    assert gateway.woken > woken
    gateway.deliver()
    assert all(gateway.used(one, b"c%d" % number) == 1 for number in range(100))


def test_unreported_usage_waits_for_the_call_that_is_under_way(gateway):
    one = rule(100)
    gateway.ask(one)
    calls = gateway.calls()
    gateway.limiter.set_down(gateway.now_s)
    gateway.ask(one)
    gateway.limiter.set_up(1)
    assert gateway.calls() == []
    gateway.land(calls)
    gateway.deliver()
    assert gateway.used(one) >= 2


def test_what_was_let_pass_under_open_is_not_owed(gateway):
    one = rule(100, failure=OPEN)
    gateway.limiter.set_down(gateway.now_s)
    for _ in range(7):
        gateway.ask(one)
    gateway.limiter.set_up(1)
    gateway.asked(one)
    assert gateway.used(one) == 1


def test_a_part_of_the_store_that_is_away_concerns_its_own_clients_only(gateway):
    one = rule(100, failure=CLOSED)
    gateway.ask(one, key=b"a")
    gateway.ask(one, key=b"b")
    calls = gateway.calls()
    grants = [None, *gateway.store.reply([calls[1].sent], gateway.now_s)]
    gateway.limiter.on_reply(calls, grants, gateway.now_s)
    assert [type(each) for each in gateway.verdicts] == [Unanswered, Admitted]
    assert isinstance(gateway.ask(one, key=b"a"), Unanswered)  # not asked again for a while
    gateway.advance(0.6)
    assert isinstance(gateway.asked(one, key=b"a"), Admitted)


def test_an_edit_keeps_usage_and_gives_back_what_is_in_hand(gateway):
    one, other = rule(100), rule(200)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    gateway.asked(one)
    gateway.limiter.keep_only([other], gateway.now_s)
    gateway.deliver()
    assert gateway.used(other) == 31
    assert gateway.asked(other).header.startswith(b'"r";r=168;')


def test_who_waits_during_an_edit_is_judged_by_the_new_numbers(gateway):
    gateway.ask(rule(100))
    calls = gateway.calls()
    gateway.limiter.keep_only([rule(200)], gateway.now_s)
    gateway.land(calls)
    gateway.deliver()
    assert gateway.verdicts[0].header.startswith(b'"r";r=199;')
    assert gateway.used(rule(200)) == 1


def test_who_waits_for_a_call_that_had_not_left_when_the_edit_came_is_not_forgotten(gateway):
    gateway.ask(rule(100))
    gateway.limiter.keep_only([rule(200)], gateway.now_s)
    gateway.deliver()
    assert isinstance(gateway.verdicts[0], Admitted)


def test_a_pipeline_that_we_were_too_late_for_is_asked_anew_for_whoever_still_waits(gateway):
    gateway.ask(rule(100))
    leaving = gateway.ask(rule(100), key=b"gone")
    late = gateway.calls()
    leaving.cancel()
    gateway.limiter.retry(late, gateway.now_s)
    assert gateway.verdicts == []
    anew = gateway.calls()
    assert [call.sent.name for call in anew] == [bucket_name(rule(100), KEY)]
    gateway.land(anew)
    assert isinstance(gateway.verdicts[0], Admitted)


def test_a_rule_that_is_gone_gives_back_what_it_holds(gateway):
    one = rule(1000)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    for _ in range(3):
        gateway.asked(one)
    gateway.limiter.keep_only([], gateway.now_s)
    gateway.deliver()
    assert gateway.used(one) == 33


def test_at_the_end_everything_in_hand_goes_back(gateway):
    one = rule(1000)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    gateway.asked(one)
    gateway.limiter.give_back_all()
    gateway.deliver()
    assert gateway.used(one) == 31


def test_an_idle_client_leaves_nothing_behind_here(gateway):
    gateway.asked(rule(100, failure=CLOSED))
    assert gateway.limiter.clients == 1
    more = True
    for _ in range(60):
        gateway.now_s += 0.02
        more = gateway.limiter.tick(gateway.now_s)
    assert gateway.limiter.clients == 0
    assert not more


def test_tokens_without_a_store_to_go_back_to_are_forgotten(gateway):
    one = rule(1000, failure=CLOSED)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    gateway.asked(one)
    gateway.limiter.set_down(gateway.now_s)
    gateway.advance(1.0)
    assert gateway.limiter.clients == 0


def test_a_call_that_waited_for_its_turn_when_the_store_went_is_not_sent(gateway):
    one = rule(3, 0.01 * 100)
    for _ in range(6):
        gateway.ask(one)
    gateway.deliver()
    gateway.advance(0.001)
    gateway.ask(one)
    gateway.limiter.set_down(gateway.now_s)
    assert gateway.calls() == []


def test_results_are_counted(gateway):
    one = rule(40)
    for _ in range(30):
        gateway.ask(one)
    gateway.deliver()
    for _ in range(20):
        gateway.asked(one)
    gateway.advance(0.12)
    gateway.asked(one)
    gateway.ask(rule(5, name="other"))
    gateway.limiter.on_failure(gateway.calls(), gateway.now_s)
    gateway.limiter.set_up(1)
    gateway.asked(rule(10_000, name="large"))
    for _ in range(50):
        gateway.ask(rule(10_000, name="large"))
    gateway.deliver()
    gateway.ask(rule(10_000, name="large"))
    gateway.deliver()
    gateway.advance(0.4)
    gateway.deliver()
    assert set(gateway.limiter.results) == {"granted", "empty", "failed", "returned"}


def test_a_verdict_told_inside_another_ones_telling_is_right(gateway):
    one = rule(2)
    order: list[str] = []

    def then_ask(verdict: Verdict, _: float) -> None:
        order.append(type(verdict).__name__)
        gateway.ask(one)

    outcome = gateway.limiter.admit([one], [KEY], gateway.now_s)
    assert isinstance(outcome, Waiting)
    hear: Callable[[Verdict, float], None] = then_ask
    outcome.on_verdict = hear
    gateway.deliver()
    assert order == ["Admitted"]
    assert isinstance(gateway.verdicts[0], Admitted)
    assert gateway.used(one) == 2


def test_a_reload_edits_a_local_rule_too(gateway):
    gateway.ask(rule(10, scope=Scope.LOCAL))
    gateway.limiter.keep_only([rule(20, scope=Scope.LOCAL)], gateway.now_s)
    assert gateway.ask(rule(20, scope=Scope.LOCAL)).header == b'"r";r=18;t=360'


def test_a_call_that_had_not_left_when_the_store_went_is_made_anew_when_it_is_back(gateway):
    one = rule(100, failure=CLOSED)
    gateway.ask(one)
    gateway.limiter.set_down(gateway.now_s)
    assert isinstance(gateway.verdicts[0], Unanswered)
    gateway.limiter.set_up(1)
    assert isinstance(gateway.asked(one), Admitted)
    assert gateway.used(one) == 1


def test_many_idle_clients_are_forgotten_in_pieces(gateway):
    for number in range(700):
        gateway.ask(rule(100, failure=CLOSED), key=b"c%d" % number)
    while calls := gateway.calls():
        gateway.land(calls)
    gateway.now_s += 5.0
    assert gateway.limiter.tick(gateway.now_s)
    assert gateway.limiter.clients == 200
    gateway.limiter.tick(gateway.now_s)
    assert gateway.limiter.clients == 0


def test_usage_that_was_won_back_meanwhile_is_not_reported(gateway):
    gateway.limiter.set_down(gateway.now_s)
    gateway.ask(rule(100, 1.0))
    gateway.advance(3.0)
    gateway.limiter.set_up(1)
    assert gateway.calls() == []
    assert gateway.limiter.clients == 1
