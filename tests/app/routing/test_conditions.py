import re

import pytest

from app.config.model import Match, ValueMatch
from app.routing.conditions import ConditionResult, Conditions, Fields, RequestValues


def judge(match: Match, method: bytes = b"GET", headers: Fields = (), query: bytes = b"") -> ConditionResult:
    return Conditions(match, 0).judge(method, RequestValues(headers, query))


def test_a_repeated_header_is_compared_as_one_list():
    match = Match(headers=(ValueMatch("x-env", "a, b"),))
    assert judge(match, headers=[(b"x-env", b"a"), (b"x-env", b"b")]) == ConditionResult.MET


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (b"staging", ConditionResult.MET),
        (b"Staging", ConditionResult.FAILED),
        (b"staging ", ConditionResult.FAILED),
    ],
)
def test_a_header_value_is_compared_exactly(value, result):
    assert judge(Match(headers=(ValueMatch("x-env", "staging"),)), headers=[(b"x-env", value)]) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [(b"v12", ConditionResult.MET), (b"v12b", ConditionResult.FAILED), (b"\xff", ConditionResult.FAILED)],
)
def test_a_pattern_must_match_the_whole_value(value, result):
    match = Match(headers=(ValueMatch("x-v", pattern=re.compile("v[0-9]+")),))
    assert judge(match, headers=[(b"x-v", value)]) == result


def test_an_absent_header_fails_even_a_pattern_that_takes_all():
    assert judge(Match(headers=(ValueMatch("x-v", pattern=re.compile(".*")),))) == ConditionResult.FAILED


@pytest.mark.parametrize(
    ("query", "result"),
    [
        (b"a=b%20c", ConditionResult.MET),
        (b"%61=b%20c", ConditionResult.MET),
        (b"x=y&a=b%20c&z", ConditionResult.MET),
        (b"a=b+c", ConditionResult.FAILED),
        (b"a=other&a=b%20c", ConditionResult.FAILED),
        (b"A=b%20c", ConditionResult.FAILED),
        (b"a", ConditionResult.FAILED),
        (b"", ConditionResult.FAILED),
    ],
)
def test_a_parameter_is_compared_decoded_and_its_first_value_counts(query, result):
    assert judge(Match(query=(ValueMatch("a", "b c"),)), query=query) == result


def test_a_parameter_without_equals_sign_is_empty():
    assert judge(Match(query=(ValueMatch("flag", ""),)), query=b"flag") == ConditionResult.MET


def test_a_parameter_pattern_sees_decoded_text():
    match = Match(query=(ValueMatch("name", pattern=re.compile("caf.")),))
    assert judge(match, query=b"name=caf%C3%A9") == ConditionResult.MET


def test_several_conditions_must_all_hold():
    match = Match(headers=(ValueMatch("a", "1"), ValueMatch("b", "2")), query=(ValueMatch("c", "3"),))
    headers = [(b"a", b"1"), (b"b", b"2")]
    assert judge(match, headers=headers, query=b"c=3") == ConditionResult.MET
    assert judge(match, headers=headers[:1], query=b"c=3") == ConditionResult.FAILED


def test_a_method_fails_alone_only_when_all_else_holds():
    match = Match(methods=("POST",), headers=(ValueMatch("a", "1"),))
    assert judge(match, headers=[(b"a", b"1")]) == ConditionResult.ONLY_METHOD_FAILS
    assert judge(match, headers=[(b"a", b"2")]) == ConditionResult.FAILED
