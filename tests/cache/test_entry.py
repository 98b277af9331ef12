"""What HTTP says about an entry: age, time left, validator, condition."""

from cache.entry import NEVER_S, Content, entry_of, etag_of

CONTENT = Content(b"v", "text/plain", ("a",))


def test_age_is_rounded_down_and_time_left_up():
    entry = entry_of(CONTENT, '"e"', 10, 100.0)
    assert (entry.age_s(100.9), entry.ttl_s(100.9)) == (0, 10)
    assert (entry.age_s(109.5), entry.ttl_s(109.5)) == (9, 1)


def test_a_whole_number_of_seconds_is_that_number():
    now_s = 983.92337566
    entry = entry_of(CONTENT, '"e"', 60, now_s)
    assert entry.expires_at_s - now_s > 60
    assert entry.ttl_s(now_s) == 60


def test_a_living_entry_never_says_0():
    entry = entry_of(CONTENT, '"e"', 1, 0.0)
    assert (entry.ttl_s(1 - 1e-9), entry.ttl_s(1.0)) == (1, 0)


def test_neither_is_ever_negative():
    entry = entry_of(CONTENT, '"e"', 10, 100.0)
    assert (entry.age_s(99.0), entry.ttl_s(200.0)) == (0, 0)


def test_a_new_entry_is_not_confirmed_by_redis():
    assert entry_of(CONTENT, '"e"', 10, 100.0).as_of_s == NEVER_S


def test_the_etag_is_strong_and_does_not_depend_on_tags():
    assert etag_of(CONTENT) == etag_of(Content(b"v", "text/plain"))
    assert etag_of(CONTENT).startswith('"')
    assert etag_of(Content(b"", "text/plain")) != etag_of(Content(b"plain", "text/"))
