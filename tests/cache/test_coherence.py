"""When a copy in memory may be served, told as announcements and polls."""

from cache.coherence import BOUND_S, POLL_S, Coherence


def poll(coherence, counter, now_s):
    coherence.ask(now_s)
    coherence.polled(counter, now_s)


def in_step(counter=10, now_s=100.0):
    """The first poll was just before `now_s`."""
    coherence = Coherence()
    poll(coherence, counter, now_s - 0.001)
    return coherence


def test_before_the_first_poll_only_what_was_just_read_is_usable():
    coherence = Coherence()
    coherence.heard(5, 100.0)
    assert coherence.usable(100.0, 100.0 + BOUND_S)
    assert not coherence.usable(100.0, 100.1 + BOUND_S)


def test_in_step_a_copy_of_any_age_is_usable():
    coherence = in_step()
    poll(coherence, 10, 500.0)
    assert coherence.usable(100.0, 500.0)


def test_a_copy_of_before_the_first_poll_is_not():
    assert not in_step(now_s=100.0).usable(90.0, 100.0)


def test_without_polls_memory_is_not_trusted_for_longer_than_the_bound():
    coherence = in_step()
    assert coherence.usable(100.0, 100.0 + BOUND_S)
    assert not coherence.usable(100.0, 100.1 + BOUND_S)


def test_announcements_in_order_keep_it_in_step():
    coherence = in_step(10)
    coherence.heard(11, 100.1)
    coherence.heard(12, 100.1)
    poll(coherence, 12, 105.0)
    assert coherence.usable(100.0, 105.0)
    assert coherence.gaps == 1  # the first poll


def test_a_missing_announcement_is_seen_at_the_next_one():
    coherence = in_step(10)
    coherence.heard(12, 100.5)
    poll(coherence, 12, 105.0)
    assert not coherence.usable(100.4, 105.0)
    assert not coherence.usable(100.5, 105.0)  # of the same instant: read before it, for all that is known
    assert coherence.usable(100.501, 105.0)


def test_a_poll_ahead_of_the_announcements_waits_for_them():
    coherence = in_step(10)
    poll(coherence, 11, 105.0)
    assert not coherence.usable(100.0, 105.0)
    coherence.heard(11, 105.001)
    assert coherence.usable(100.0, 105.1)


def test_a_last_announcement_that_never_comes_is_seen_by_the_second_poll():
    coherence = in_step(10)
    poll(coherence, 11, 105.0)
    poll(coherence, 11, 105.0 + POLL_S)
    assert not coherence.usable(105.1, 106.5)
    assert coherence.usable(105.3, 105.4)
    poll(coherence, 11, 110.0)
    assert coherence.usable(105.3, 110.0)


def test_under_constant_change_it_stays_in_step_one_poll_behind():
    coherence = in_step(10)
    poll(coherence, 12, 101.0)
    coherence.heard(11, 101.0)
    coherence.heard(12, 101.0)
    poll(coherence, 13, 101.2)
    assert coherence.usable(100.0, 101.5)
    coherence.heard(13, 101.3)
    assert coherence.usable(100.0, 101.2 + BOUND_S)


def test_a_counter_that_went_back_means_that_redis_lost_changes():
    coherence = in_step(10)
    poll(coherence, 9, 105.0)
    assert not coherence.usable(104.0, 105.0)
    poll(coherence, 9, 110.0)
    assert coherence.usable(105.001, 110.0)


def test_an_echo_of_what_a_poll_covered_changes_nothing():
    coherence = in_step(10)
    coherence.heard(9, 100.1)
    poll(coherence, 10, 105.0)
    assert coherence.usable(100.0, 105.0)


def test_when_redis_is_away_nothing_is_known_until_the_next_poll():
    coherence = in_step(10)
    coherence.unavailable()
    assert not coherence.usable(100.0, 101.0)
    poll(coherence, 10, 105.0)
    assert not coherence.usable(104.0, 105.0)


def test_announcements_that_overtake_the_polls_answer_are_no_loss():
    coherence = in_step(10)
    coherence.ask(105.0)
    coherence.heard(11, 105.001)
    coherence.polled(10, 105.002)
    assert coherence.usable(100.0, 105.5)
    assert coherence.gaps == 1


def test_redis_lost_between_the_poll_and_its_answer_is_a_new_beginning():
    coherence = in_step(10)
    coherence.ask(105.0)
    coherence.unavailable()
    coherence.polled(10, 105.1)
    assert not coherence.usable(100.0, 105.2)
