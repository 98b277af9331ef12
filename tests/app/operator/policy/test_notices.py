import pytest

from app.config.sync.messages import TransitionReport
from app.operator.policy.notices import notices_of_status, notices_of_transition, store_notice


def condition(kind, status, reason, generation=1):
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "m",
        "observedGeneration": generation,
    }


def status(*conditions):
    return {"conditions": list(conditions)}


APPLIED = status(condition("Accepted", "True", "Accepted"), condition("Programmed", "True", "Programmed"))
REJECTED = status(condition("Programmed", "False", "Rejected"))
CONFLICTED = status(condition("Accepted", "False", "Conflicted"))


def reasons(before, after):
    return [one.reason for one in notices_of_status(before, after)]


def test_applied_is_reported_once_a_generation():
    later = status(condition("Programmed", "True", "Programmed", 2))
    assert reasons({}, APPLIED) == reasons(APPLIED, later) == ["Applied"]
    assert reasons(APPLIED, APPLIED) == []


def test_rejected_is_reported_when_it_begins():
    assert reasons({}, REJECTED) == reasons(APPLIED, REJECTED) == ["Rejected"]
    assert reasons(REJECTED, REJECTED) == []


def test_conflicted_is_reported_when_it_begins():
    assert [reasons(APPLIED, CONFLICTED), reasons(CONFLICTED, CONFLICTED)] == [["Conflicted"], []]


def test_other_conditions_are_worth_no_event():
    assert reasons({}, status(condition("Programmed", "False", "Reconciling"))) == []


@pytest.mark.parametrize(
    ("to", "reason", "kind"),
    [
        ("open", "consecutive_failures", "BreakerOpened"),
        ("closed", "probe_succeeded", "BreakerClosed"),
        ("half_open", "open_duration_over", None),
        ("open", "override", "OverrideStarted"),
        ("closed", "override", "OverrideStarted"),
        ("half_open", "override_ended", "OverrideEnded"),
    ],
)
def test_what_a_breaker_did_is_reported_by_its_kind(to, reason, kind):
    moved = TransitionReport(1, "orders", "closed", to, reason, 1.0, ())
    found = notices_of_transition(moved, "gw-0")
    assert [(one.reason, one.subject) for one in found] == ([] if kind is None else [(kind, "orders")])


def test_the_limit_store_goes_and_comes():
    assert [store_notice(is_up=up).reason for up in (False, True)] == ["LimitStoreDown", "LimitStoreUp"]
