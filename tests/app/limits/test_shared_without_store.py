"""A shared limit while its store is away, or not known yet."""

import pytest

from app.limits.limiter import Admitted, Unanswered, Waiting
from tests.fakes.shared_limiter import CLOSED, LOCAL, OPEN, START_S, Gateway, rule


@pytest.fixture
def gateway():
    return Gateway()


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


def test_a_call_that_had_not_left_when_the_store_went_is_made_anew_when_it_is_back(gateway):
    one = rule(100, failure=CLOSED)
    gateway.ask(one)
    gateway.limiter.set_down(gateway.now_s)
    assert isinstance(gateway.verdicts[0], Unanswered)
    gateway.limiter.set_up(1)
    assert isinstance(gateway.asked(one), Admitted)
    assert gateway.used(one) == 1


def test_usage_that_was_won_back_meanwhile_is_not_reported(gateway):
    gateway.limiter.set_down(gateway.now_s)
    gateway.ask(rule(100, 1.0))
    gateway.advance(3.0)
    gateway.limiter.set_up(1)
    assert gateway.calls() == []
    assert gateway.limiter.clients == 1
