import pytest

from app.foundation.errors import ConfigFault
from app.operator.routes.attachment import Attachment
from app.operator.routes.compiled import condition
from app.operator.routes.objects.references import GATEWAY_GROUP, ParentRef
from app.operator.routes.rules.rule import CompiledRule
from app.operator.routes.rules.upstreams import Problem
from app.operator.routes.rules.verdicts import parent_status

PARENT = ParentRef(GATEWAY_GROUP, "Gateway", "web")
ACCEPTED = condition("Accepted", True, "Accepted", "Attached")
FAULT = ConfigFault("spec.rules[1].x", "is odd", "remove it")


def rule(faults=(), problems=(), notes=()):
    return CompiledRule((), {}, (), tuple(problems), tuple(faults), tuple(notes))


def said(*rules, accepted=ACCEPTED):
    status = parent_status(Attachment(PARENT, accepted), rules)
    assert status.ref == PARENT
    return [(one.type, one.status, one.reason, one.message) for one in status.conditions]


def test_rules_without_faults_leave_the_verdict_to_attachment():
    rejected = condition("Accepted", False, "NoMatchingParent", "no listener")
    for accepted in (ACCEPTED, rejected):
        assert said(rule(), accepted=accepted)[0] == (
            "Accepted",
            accepted.status,
            accepted.reason,
            accepted.message,
        )


def test_attachment_comes_before_faults_of_rules():
    rejected = condition("Accepted", False, "NoMatchingParent", "no listener")
    assert said(rule([FAULT]), accepted=rejected)[0][2] == "NoMatchingParent"


def test_a_route_none_of_whose_rules_is_served_is_not_accepted():
    assert said(rule([FAULT]), rule([FAULT]))[0] == (
        "Accepted",
        "False",
        "UnsupportedValue",
        "spec.rules[1].x: is odd; remove it. Until then its requests get 500",
    )


def test_a_route_some_of_whose_rules_are_served_is_partially_invalid():
    assert [one[:3] for one in said(rule(), rule([FAULT]))] == [
        ("Accepted", "True", "Accepted"),
        ("ResolvedRefs", "True", "ResolvedRefs"),
        ("PartiallyInvalid", "True", "UnsupportedValue"),
    ]
    assert said(rule(), rule([FAULT]))[2][3].startswith("Dropped Rule 1: spec.rules[1].x: is odd")


def test_what_is_served_otherwise_than_written_is_said():
    assert said(rule(notes=["fewer attempts"]))[0][3] == "Attached; fewer attempts"


def test_references_that_lead_nowhere_are_listed_with_the_first_ones_reason():
    problems = [Problem("BackendNotFound", "a"), Problem("InvalidKind", "b"), Problem("BackendNotFound", "a")]
    assert said(rule(problems=problems))[1] == ("ResolvedRefs", "False", "BackendNotFound", "a; b")


@pytest.mark.parametrize("count", [10, 12])
def test_long_lists_are_cut(count):
    message = said(rule(problems=[Problem("R", f"p{number}") for number in range(count)]))[1][3]
    assert message.endswith("p9 (and 2 more)" if count == 12 else "p9")
