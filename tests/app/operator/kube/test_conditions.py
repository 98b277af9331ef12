"""Conditions as they are stored; more of them: `tests/app/operator/policy/test_conditions.py`."""

from app.operator.kube.conditions import instant, merged_conditions
from app.operator.kube.resources import Condition

THEN = "2026-01-01T00:00:00Z"
ACCEPTED = Condition("Accepted", "True", "Accepted", "")


def test_only_the_wanted_ones_of_our_types_stay_and_all_of_others():
    stored: list[dict[str, object]] = [
        {"type": "Programmed", "status": "True", "lastTransitionTime": THEN},
        {"type": "example.com/Seen", "status": "True"},
        {"type": "Accepted", "status": "True", "lastTransitionTime": THEN, "observedGeneration": 1},
    ]
    found = merged_conditions(stored, [ACCEPTED], {"Accepted", "Programmed"}, 2, 0.0)
    assert [one["type"] for one in found] == ["Accepted", "example.com/Seen"]
    assert (found[0]["lastTransitionTime"], found[0]["observedGeneration"]) == (THEN, 2)


def test_a_type_that_is_wanted_is_ours_whatever_the_list_says():
    stored = [{"type": "Accepted", "status": "False", "lastTransitionTime": THEN}]
    (found,) = merged_conditions(stored, [ACCEPTED], (), 1, 1_800_000_000.0)
    assert (found["status"], found["lastTransitionTime"]) == ("True", "2027-01-15T08:00:00Z")


def test_an_instant_is_in_utc_and_whole_seconds():
    assert instant(0.9) == "1970-01-01T00:00:00Z"
