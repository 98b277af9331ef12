from app.gateway.workers.backoff import LONGEST_PAUSE_S, Backoff


def test_the_first_death_is_followed_at_once_and_each_further_one_later():
    backoff = Backoff()
    assert [backoff.pause_s(0.1) for _ in range(9)] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff.deaths == 9


def test_a_worker_that_lived_makes_the_next_death_a_first_one():
    backoff = Backoff()
    for _ in range(4):
        backoff.pause_s(0.1)
    assert backoff.pause_s(60.0) == 0.0
    assert backoff.pause_s(0.1) == 0.5


def test_deaths_without_end_do_not_overflow():
    backoff = Backoff()
    backoff.deaths = 5_000
    assert backoff.pause_s(0.0) == LONGEST_PAUSE_S
