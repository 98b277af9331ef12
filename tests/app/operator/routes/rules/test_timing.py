import pytest

from app.operator.routes.objects.routes import Retry, Timeouts
from app.operator.routes.rules.timing import retry_document, timeout_document


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        (Timeouts("10s", "2s"), {"request": "10s", "perTry": "2s"}),
        (Timeouts(None, "0s"), {"perTry": "0s"}),
        (Timeouts(None, None), {}),
    ],
)
def test_timeouts(timeouts, expected):
    assert timeout_document(timeouts) == expected


def test_connection_errors_are_retried_beside_the_codes():
    assert retry_document(Retry((503, 500, 503), 2, None)) == {
        "attempts": 2,
        "on": ["ConnectError", "Reset", "Timeout", 503, 500],
        "budget": {"percent": 100, "minRetriesPerSecond": 100},
    }


def test_no_attempts_is_off():
    assert retry_document(Retry((500,), 0, "1s")) == {"attempts": 0}


def test_attempts_are_bounded():
    assert retry_document(Retry((), 100, None))["attempts"] == 10


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        ("100ms", {"min": "100ms", "base": "100ms", "max": "1s"}),
        ("50s", {"min": "50s", "base": "50s", "max": "5m"}),
        ("10m", {"min": "10m", "base": "10m", "max": "10m"}),
        ("soon", {"base": "soon"}),
        ("0s", None),
    ],
)
def test_no_pause_is_shorter_than_the_one_that_is_given(backoff, expected):
    assert retry_document(Retry((), 1, backoff)).get("backoff") == expected
