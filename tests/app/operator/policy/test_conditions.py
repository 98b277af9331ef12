from app.operator.kube.conditions import instant
from app.operator.kube.resources import Condition
from app.operator.policy.conditions import condition_of, dated_conditions
from tests.app.operator.samples import policy

THEN = "2026-01-01T00:00:00Z"
NOW_S = 1_800_000_000.5
READY = Condition("Ready", "True", "Ready", "in force in every gateway")


def stored(kind, status="True", **more):
    return {"type": kind, "status": status, "lastTransitionTime": THEN, **more}


def dated(*conditions, status=()):
    return dated_conditions(policy(generation=3, status={"conditions": list(status)}), conditions, NOW_S)


def test_a_condition_that_is_new_has_changed_now():
    assert dated(READY) == [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "2027-01-15T08:00:00Z",
            "reason": "Ready",
            "message": "in force in every gateway",
        }
    ]


def test_the_time_moves_only_with_the_status():
    (same,) = dated(READY, status=[stored("Ready", reason="Other", message="other")])
    (other,) = dated(READY, status=[stored("Ready", "False")])
    assert (same["lastTransitionTime"], other["lastTransitionTime"]) == (THEN, instant(NOW_S))


def test_a_stored_condition_without_a_time_gets_one():
    (found,) = dated(READY, status=[{"type": "Ready", "status": "True"}])
    assert found["lastTransitionTime"] == instant(NOW_S)


def test_conditions_of_others_stay_and_ours_that_are_over_go():
    foreign = stored("x.io/Seen")
    found = dated(READY, status=[foreign, stored("Stalled")])
    assert [one["type"] for one in found] == ["Ready", "x.io/Seen"]
    assert found[1] == foreign


def test_a_condition_is_found_by_its_type():
    status = {"conditions": [stored("Ready"), stored("Accepted")]}
    found = condition_of(status, "Accepted")
    assert found is not None
    assert found["type"] == "Accepted"
    assert (condition_of(status, "Stalled"), condition_of({}, "Ready")) == (None, None)
