from app.policy.model import RetryOn
from app.policy.statuses import FailureStatuses, RetryTriggers
from app.schema.faults import Faults
from app.schema.section import Section

FAILURES = FailureStatuses("failureOn", "Which.", frozenset(range(500, 600)))
TRIGGERS = RetryTriggers("on", "Which.", RetryOn())


def read(field, values):
    faults = Faults()
    return field.read(Section(values, (), faults)), [found.what for found in faults.found]


def test_classes_are_expanded_and_written_as_classes_again():
    statuses, faults = read(FAILURES, {"failureOn": ["5xx", 404, "429"]})
    assert (len(statuses), faults) == (102, [])
    assert FAILURES.write(statuses) == ["5xx", 404, 429]


def test_none_at_all_is_not_the_default():
    assert FAILURES.write(frozenset()) == []


def test_a_status_outside_the_errors_is_a_fault():
    assert read(FAILURES, {"failureOn": [200, "6xx", True]})[1] == ["is 200", "is '6xx'", "is true/false"]


def test_a_retry_follows_words_and_statuses():
    on, faults = read(TRIGGERS, {"on": ["Reset", 503]})
    assert (on, faults) == (RetryOn(frozenset({"Reset"}), frozenset({503})), [])
    assert TRIGGERS.write(on) == ["Reset", 503]


def test_absent_they_give_their_defaults():
    assert (read(FAILURES, {})[0], read(TRIGGERS, {})[0]) == (FAILURES.default, RetryOn())
