from app.limits.gcra import TICKS_PER_S, Numbers, advance, carry, is_full, quota, retry_after_s

PER_MINUTE = Numbers.of(requests=100, period_s=60.0, burst=100)
ONE_PER_SECOND = Numbers.of(requests=1, period_s=1.0, burst=1)
NONE = Numbers.of(requests=0, period_s=60.0, burst=7)


def ticks(seconds: float) -> int:
    return int(seconds * TICKS_PER_S)


def spend(tat: int, requests: int, now_ticks: int, numbers: Numbers) -> int:
    for _ in range(requests):
        tat = advance(tat, now_ticks, numbers)
    return tat


def test_an_unused_bucket_admits_its_burst_and_not_one_more():
    now = ticks(5000.0)
    tat = spend(0, 100, now, PER_MINUTE)
    assert tat > 0
    assert advance(tat, now, PER_MINUTE) < 0


def test_burst_bounds_what_comes_at_once_not_what_comes_evenly():
    numbers = Numbers.of(requests=60, period_s=60.0, burst=1)
    tat = 0
    for second in range(120):
        tat = advance(tat, ticks(second), numbers)
        assert tat > 0
        assert advance(tat, ticks(second), numbers) < 0


def test_a_bucket_refills_evenly():
    now = ticks(5000.0)
    tat = spend(0, 100, now, PER_MINUTE)
    assert quota(tat, now + ticks(30.0), PER_MINUTE) == (50, 30)


def test_an_unused_bucket_is_full_and_has_nothing_to_wait_for():
    assert quota(0, ticks(5000.0), PER_MINUTE) == (100, 0)
    assert is_full(0, ticks(5000.0), PER_MINUTE)


def test_a_used_bucket_is_full_again_exactly_when_its_reset_says():
    now = ticks(5000.0)
    tat = spend(0, 100, now, PER_MINUTE)
    assert quota(tat, now, PER_MINUTE) == (0, 60)
    assert not is_full(tat, now + ticks(60.0) - 1, PER_MINUTE)
    assert is_full(tat, now + ticks(60.0), PER_MINUTE)


def test_the_wait_for_one_second_is_one_second_and_not_two():
    tat = advance(0, ticks(0.1), ONE_PER_SECOND)
    assert retry_after_s(-advance(tat, ticks(0.1), ONE_PER_SECOND), ONE_PER_SECOND) == 1


def test_the_wait_is_at_least_one_second():
    lack = -advance(spend(0, 100, ticks(9.0), PER_MINUTE), ticks(9.0), PER_MINUTE)
    assert retry_after_s(lack, PER_MINUTE) == 1


def test_zero_requests_refuse_all_and_name_the_period():
    lack = -advance(0, ticks(5000.0), NONE)
    assert lack > 0
    assert retry_after_s(lack, NONE) == 60


def test_a_raised_limit_keeps_what_was_used():
    now = ticks(5000.0)
    raised = Numbers.of(requests=1000, period_s=60.0, burst=1000)
    tat = carry(spend(0, 70, now, PER_MINUTE), PER_MINUTE, raised, now)
    assert quota(tat, now, raised) == (930, 5)


def test_a_lowered_limit_keeps_what_was_used_but_no_more_than_a_whole_bucket():
    now = ticks(5000.0)
    lowered = Numbers.of(requests=10, period_s=60.0, burst=10)
    tat = carry(spend(0, 70, now, PER_MINUTE), PER_MINUTE, lowered, now)
    assert quota(tat, now, lowered) == (0, 60)
    assert retry_after_s(-advance(tat, now, lowered), lowered) == 6


def test_a_new_period_keeps_the_share_that_was_used():
    now = ticks(5000.0)
    hourly = Numbers.of(requests=100, period_s=3600.0, burst=100)
    tat = carry(spend(0, 50, now, PER_MINUTE), PER_MINUTE, hourly, now)
    assert quota(tat, now, hourly) == (50, 1800)


def test_usage_is_kept_while_a_limit_is_shut():
    now = ticks(5000.0)
    shut = carry(spend(0, 60, now, PER_MINUTE), PER_MINUTE, NONE, now)
    assert not is_full(shut, now + ticks(3600.0), NONE)
    opened = carry(shut, NONE, PER_MINUTE, now + ticks(3600.0))
    assert quota(opened, now + ticks(3600.0), PER_MINUTE) == (40, 36)


def test_usage_that_was_won_back_before_the_edit_is_not_carried():
    tat = spend(0, 50, ticks(5000.0), PER_MINUTE)
    assert carry(tat, PER_MINUTE, ONE_PER_SECOND, ticks(5030.0)) == 0


def test_a_bucket_drains_within_the_period_or_what_a_larger_burst_takes():
    assert PER_MINUTE.drain_ticks == ticks(60.0)
    assert Numbers.of(requests=100, period_s=60.0, burst=1).drain_ticks == ticks(60.0)
    assert Numbers.of(requests=100, period_s=60.0, burst=200).drain_ticks == ticks(120.0)
    assert NONE.drain_ticks == ticks(60.0)
