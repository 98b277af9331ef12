"""One tree of errors, and what each says in one line."""

import pytest

from app.foundation import errors
from cache.errors import Rejected


@pytest.mark.parametrize(
    "kind",
    [errors.ClusterError, errors.ConfigFaults, errors.StartFault, errors.StoreDown, Rejected],
)
def test_every_error_hangs_on_the_one_root(kind):
    assert issubclass(kind, errors.TidegateError)


def test_what_cannot_be_read_says_what_is_wrong_and_what_would_be_right():
    bad = errors.BadValue("'1d' is not a duration", "write 24h")
    assert str(bad) == "'1d' is not a duration; write 24h"
    assert isinstance(bad, ValueError)


def test_faults_are_told_a_line_each():
    faults = [errors.ConfigFault("PORT", "is taken", "choose another"), errors.ConfigFault("HOST", "x", "y")]
    assert str(errors.ConfigFaults(faults)) == "PORT: is taken; choose another\nHOST: x; y"


def test_what_is_unavailable_is_named_with_the_cause():
    assert (
        str(errors.StoreDown("redis://h:6379", "not reachable"))
        == "redis://h:6379 is unavailable: not reachable"
    )
    assert (
        str(errors.ClusterError("patch", "configmap a", 403, "forbidden"))
        == "cannot patch configmap a: forbidden"
    )


def test_a_long_text_is_shown_in_part():
    assert errors.quoted("x" * 60) == repr("x" * 60)
    assert errors.quoted("x" * 61) == repr("x" * 60 + "…")
