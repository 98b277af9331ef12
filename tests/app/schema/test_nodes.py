import pytest

from app.schema.nodes import closed, duration, items, mapping, rules, status_or_word, text, whole


def test_closed_takes_away_what_only_kubernetes_knows_and_lets_no_other_key_in():
    node = mapping("All.", {"list": items("Some.", whole("One."), (0, 3))}) | rules(("true", "must be"))
    assert closed(node) == {
        "description": "All.",
        "type": "object",
        "properties": {
            "list": {
                "description": "Some.",
                "type": "array",
                "maxItems": 3,
                "items": {
                    "description": "One.",
                    "type": "integer",
                    "format": "int32",
                    "minimum": 0,
                    "maximum": 2**31 - 1,
                },
            }
        },
        "additionalProperties": False,
    }


def test_a_pattern_matches_the_whole_text_in_one_spelling():
    assert text("What.", 63, "(?:a|b)+", "must be a or b")["pattern"] == "^(a|b)+$"


@pytest.mark.parametrize(
    ("bounds_s", "message"), [((0.0, 60.0), "must be at most 1m"), ((0.5, 60.0), "must be from 500ms to 1m")]
)
def test_the_bounds_of_a_duration_are_a_rule_in_words(bounds_s, message):
    validations = duration("How long.", bounds_s)["x-kubernetes-validations"]
    assert isinstance(validations, list)
    assert validations[-1]["message"] == message


def test_a_status_is_a_number_or_one_of_the_words():
    node = status_or_word(("[45]xx",), "must be a status")
    assert (node["minimum"], node["maximum"], node["pattern"]) == (400, 599, "^([45]xx|[45][0-9][0-9])$")
