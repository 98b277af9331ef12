from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.commands import BadField
from app.admin.feed.decision_query import DecisionQuery, read_decision_query, read_request_id
from app.telemetry.decisions import Filter, Mark
from tests.app.admin.test_commands import JSON


def test_nothing_asked_is_the_last_hundred():
    assert read_decision_query({}) == DecisionQuery(Filter(), 100, None)


def test_each_field_narrows():
    fields = {
        "reason": "rate_limited",
        "route": "r",
        "client": "c",
        "breaker": "b",
        "policy": "p",
        "limit": 7,
        "after": "3-4",
    }
    wanted = Filter("rate_limited", "r", "c", "b", "p")
    assert read_decision_query(fields) == DecisionQuery(wanted, 7, Mark(3, 4))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("limit", 0, "from 1 to 100"),
        ("limit", 101, "from 1 to 100"),
        ("limit", True, "from 1 to 100"),
        ("limit", "7", "from 1 to 100"),
        ("route", 7, "route: must be a text"),
        ("client", "x" * 301, "of up to 300 characters"),
        ("after", "odd", "after: must be the mark"),
    ],
)
def test_what_is_wrong_is_named(field, value, says):
    with pytest.raises(BadField, match=says):
        read_decision_query({field: value})


def test_a_request_is_named_by_its_id():
    assert read_request_id({"requestId": "abc"}) == "abc"
    for odd in ({}, {"requestId": ""}, {"requestId": 7}, {"requestId": "x" * 301}):
        with pytest.raises(BadField, match="requestId"):
            read_request_id(odd)


@given(st.dictionaries(st.sampled_from(["reason", "route", "limit", "after", "requestId"]), JSON))
def test_whatever_comes_is_read_or_a_bad_field(fields):
    for read in (read_decision_query, read_request_id):
        with suppress(BadField):
            assert isinstance(read(fields), DecisionQuery | str)
