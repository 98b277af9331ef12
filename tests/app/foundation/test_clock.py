from app.foundation.clock import now_s, wall_s


def test_decisions_take_a_clock_that_never_goes_back_and_people_get_dates():
    earlier = now_s()
    assert now_s() >= earlier
    assert wall_s() > 1_700_000_000
