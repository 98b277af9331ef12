"""Limits shared through a store, by hand: calls, waiting, edits; without the store: test_shared_without_store.py."""

from collections.abc import Callable

import pytest

from app.limits.lease_terms import bucket_name
from app.limits.limiter import Admitted, Limited, Verdict, Waiting
from app.policy.model import Scope
from tests.fakes.shared_limiter import CLOSED, KEY, OPEN, START_S, Gateway, rule


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
