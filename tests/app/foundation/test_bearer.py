import pytest

from app.foundation.bearer import Guesses, bearer_token, same_token


@pytest.mark.parametrize(
    ("given", "same"),
    [("token", True), (" token ", True), ("Token", False), ("", False), ("tok€n", False), ("\ud800", False)],
)
def test_a_token_is_compared_as_bytes(given, same):
    assert same_token(given, "token") is same


def test_who_was_wrong_waits_a_second():
    guesses = Guesses(1)
    assert guesses.may_try("10.0.0.1", 5.0)
    guesses.was_wrong("10.0.0.1", 5.0)
    assert not guesses.may_try("10.0.0.1", 5.9)
    assert guesses.may_try("10.0.0.2", 5.9)
    assert guesses.may_try("10.0.0.1", 6.0)


def test_more_guesses_are_counted_over_any_second():
    guesses = Guesses(3)
    for at_s in (5.0, 5.4, 5.8):
        assert guesses.may_try("10.0.0.1", at_s)
        guesses.was_wrong("10.0.0.1", at_s)
    assert not guesses.may_try("10.0.0.1", 5.9)
    assert guesses.may_try("10.0.0.1", 6.0)
    guesses.was_wrong("10.0.0.1", 6.0)
    assert not guesses.may_try("10.0.0.1", 6.3)
    assert guesses.may_try("10.0.0.1", 6.4)


def test_many_addresses_are_forgotten_oldest_first():
    guesses = Guesses(1)
    for number in range(1_001):
        guesses.was_wrong(str(number), 5.0)
    assert guesses.may_try("0", 5.1)
    assert not guesses.may_try("1", 5.1)


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc"], "abc"),
        (["bearer  abc "], "abc"),
        (["Basic abc"], None),
        (["Bearer"], None),
        (["Bearer  "], None),
        ([""], None),
        ([], None),
        (["Bearer a", "Bearer a"], None),
    ],
)
def test_a_token_is_found_in_the_one_field_that_carries_it(values, token):
    assert bearer_token(values) == token
