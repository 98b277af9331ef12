"""Problem details (RFC 9457), and that every part of the product writes them alike."""

import json

import pytest

from app.foundation.problem import problem_body, problem_members


def test_a_problem_says_status_title_and_what_is_wrong():
    assert json.loads(problem_body(404, "no such path")) == {
        "title": "Not Found",
        "status": 404,
        "detail": "no such path",
    }


def test_further_members_follow_and_a_title_may_be_given():
    assert problem_body(400, "ü", "Malformed", errors=[]).decode() == (
        '{"title":"Malformed","status":400,"detail":"ü","errors":[]}'
    )


@pytest.mark.parametrize(("status", "title"), [(413, "Content Too Large"), (503, "Service Unavailable")])
def test_the_title_is_the_phrase_of_rfc_9110_on_every_python(status, title):
    assert problem_members(status) == {"title": title, "status": status}
