from app.limits.gcra import Numbers
from app.limits.lease import Grant, Lease, Order
from app.limits.limiter import Waiting

START_S = 1000.0
NUMBERS = Numbers.of(100, 60.0, 100)


def lease() -> Lease:
    return Lease(b"acme", START_S)


def waited_for_by(count: int) -> Lease:
    one = lease()
    one.waiting = [Waiting((), (), START_S + 0.2) for _ in range(count)]
    return one


def granted(
    tokens: int,
    left: int = 50,
    wait_ms: int = 0,
    generation: int = 7,
    full_ms: int = 600,
    at_s: float = START_S,
) -> Lease:
    one = lease()
    one.take_in(Grant(tokens, left, wait_ms, generation, full_ms), NUMBERS, at_s)
    return one


def test_a_first_request_asks_for_itself_alone():
    assert waited_for_by(1).order(START_S) == Order(need=1, want=1)


def test_those_who_are_gone_are_not_asked_for():
    one = waited_for_by(3)
    one.waiting[1].cancel()
    assert one.order(START_S).need == 2


def test_a_lot_is_what_was_needed_in_the_last_tenth_of_a_second():
    one = granted(40)
    one.left -= 30
    assert one.order(START_S + 0.2) == Order(
        need=0, want=0, back=10, generation=7
    )  # too old: first it goes back
    one = granted(40)
    one.left -= 30
    assert one.order(START_S + 0.125) == Order(need=0, want=14, generation=7)  # 24 in 0.1 s, 10 in hand


def test_within_a_tenth_of_a_second_the_lot_follows_the_demand_at_once():
    one = granted(4)
    one.left = 0
    assert one.order(START_S + 0.01) == Order(need=0, want=4, generation=7)


def test_tokens_too_old_go_back_with_the_same_call_that_asks_for_those_who_wait():
    one = granted(5)
    one.waiting = [Waiting((), (), START_S + 9.0)]
    assert one.order(START_S + 0.3) == Order(need=1, want=1, back=5, generation=7)
    assert one.left == 0


def test_only_tokens_of_the_present_era_go_back():
    one = granted(5, generation=7)
    one.take_in(Grant(2, 50, 0, 8, 20), NUMBERS, START_S + 0.01)
    assert one.left == 7
    assert one.give_back(START_S + 0.02) == Order(0, 0, back=2, generation=8)
    assert one.give_back(START_S + 0.03) == Order(0, 0, back=0, generation=8)


def test_a_large_lot_is_renewed_before_it_is_used_up_and_a_small_one_is_not():
    assert (granted(40).low, granted(3).low) == (10, 0)


def test_a_grant_of_nothing_leaves_what_is_in_hand_to_be_used_up():
    one = granted(40)
    one.order(START_S + 0.05)
    one.take_in(Grant(0, 9, 0, 7, 600), NUMBERS, START_S + 0.06)
    assert (one.left, one.low, one.until_s) == (40, 0, START_S + 0.2)


def test_tokens_are_good_for_a_fifth_of_a_second():
    one = granted(5)
    assert one.has_tokens(START_S + 0.19)
    assert not one.has_tokens(START_S + 0.2)
    assert not lease().has_tokens(START_S)


def test_an_empty_bucket_is_not_asked_about_until_it_has_a_token():
    one = granted(0, left=0, wait_ms=40)
    assert (one.empty_until_s, one.next_s, one.ask_from_s) == (START_S + 0.04, START_S + 0.04, START_S + 0.02)


def test_but_a_refusal_rests_on_an_answer_no_older_than_a_tenth_of_a_second():
    one = granted(0, left=0, wait_ms=60_000)
    assert (one.empty_until_s, one.next_s) == (START_S + 0.1, START_S + 60.0)


def test_a_bucket_that_has_tokens_again_may_be_asked_at_once():
    one = granted(0, left=0, wait_ms=60_000)
    one.take_in(Grant(1, 3, 0, 7, 600), NUMBERS, START_S + 0.05)
    assert (one.empty_until_s, one.ask_from_s) == (0.0, 0.0)


def test_never_more_is_told_than_the_bucket_can_hold():
    one = granted(10, left=100)
    assert one.left + one.beyond == 100
    one = granted(150, left=100)
    assert one.beyond == 0


def test_an_answer_that_does_not_come_is_remembered_for_a_while():
    one = waited_for_by(1)
    one.order(START_S)
    one.lose(START_S + 0.1)
    assert (one.asked, one.lost_until_s) == (False, START_S + 0.6)
    one.take_in(Grant(1, 1, 0, 7, 1), NUMBERS, START_S + 0.2)
    assert one.lost_until_s == 0.0
