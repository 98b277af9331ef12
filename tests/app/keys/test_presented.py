import pytest

from app.keys.presented import presented_key


def test_a_key_in_x_api_key_is_found_and_authorization_did_not_carry_it():
    assert presented_key(b"tg_abc", None) == (b"tg_abc", False)


def test_x_api_key_wins_over_a_bearer_token_which_may_then_pass():
    assert presented_key(b"tg_abc", b"Bearer other") == (b"tg_abc", False)


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
def test_a_bearer_token_is_the_key_in_any_case_of_the_scheme(scheme):
    assert presented_key(None, scheme + b" tg_abc") == (b"tg_abc", True)


def test_more_than_one_space_after_the_scheme_is_not_part_of_the_key():
    assert presented_key(None, b"Bearer   tg_abc ") == (b"tg_abc", True)


@pytest.mark.parametrize(
    "authorization",
    [b"Basic dXNlcjpwYXNz", b"Bearer", b"Bearer ", b"Bearer\t", b"Bearertg_abc", b"", b"tg_abc"],
)
def test_authorization_without_a_bearer_token_carries_no_key_and_passes(authorization):
    assert presented_key(None, authorization) == (None, False)


@pytest.mark.parametrize("empty", [b"", b" ", b"\t "])
def test_an_empty_x_api_key_is_no_key_and_authorization_is_not_looked_at(empty):
    assert presented_key(empty, b"Bearer tg_abc") == (None, False)


def test_blanks_around_the_key_are_not_part_of_it():
    assert presented_key(b" tg_abc\t", None) == (b"tg_abc", False)


def test_no_field_is_no_key():
    assert presented_key(None, None) == (None, False)


def test_a_repeated_field_stays_one_value_that_no_key_equals():
    assert presented_key(b"tg_abc, tg_def", None) == (b"tg_abc, tg_def", False)
