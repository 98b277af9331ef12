"""Every reason word has its status and title."""

from app.foundation.reasons import REASONS, Reason, Rejection


def test_every_reason_has_a_status_of_an_error_and_a_title():
    assert set(REASONS) == set(Reason)
    assert all(400 <= status <= 599 and title for status, title in REASONS.values())


def test_a_rejection_is_compared_by_what_it_says_not_by_kept_bytes():
    assert Rejection(Reason.NO_ROUTE, "none") == Rejection(Reason.NO_ROUTE, "none")
    assert Rejection(Reason.NO_ROUTE, "none") != Rejection(Reason.NO_ROUTE, "other")
