"""The schema against the parser: both refuse and both accept the golden samples, and name the cure."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from app.foundation.errors import ConfigFaults
from app.policy.model import MAX_REQUESTS
from app.policy.parse import parse_spec
from app.policy.schema import spec_schema, strict_schema

GOLDEN = Path(__file__).parents[2] / "golden" / "policy"
BAD = yaml.safe_load((GOLDEN / "bad.yaml").read_text())
GOOD = yaml.safe_load((GOLDEN / "good.yaml").read_text())
CHECKER = jsonschema.Draft202012Validator(strict_schema())


def named(samples):
    return pytest.mark.parametrize("sample", samples, ids=[sample["name"] for sample in samples])


def nodes(node):
    yield node
    for child in node.get("properties", {}).values():
        yield from nodes(child)
    if isinstance(node.get("items"), dict):
        yield from nodes(node["items"])


def test_there_are_enough_samples_with_names_of_their_own():
    assert len(BAD) >= 25
    assert len({sample["name"] for sample in [*BAD, *GOOD]}) == len(BAD) + len(GOOD)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(strict_schema())


@named([sample for sample in BAD if not sample.get("only_rule")])
def test_a_bad_spec_breaks_the_json_schema(sample):
    assert not CHECKER.is_valid(sample["spec"])


@named([sample for sample in BAD if sample.get("only_rule")])
def test_what_needs_a_rule_passes_the_json_schema_alone(sample):
    known = {key: value for key, value in sample["spec"].items() if key != "retry"}
    assert CHECKER.is_valid(sample["spec"]) or CHECKER.is_valid({**known, "retry": {"attempts": 1}})


@named(BAD)
def test_the_parser_refuses_a_bad_spec_and_says_the_cure(sample):
    with pytest.raises(ConfigFaults) as caught:
        parse_spec(sample["spec"])
    assert sample["check"] in str(caught.value)


@named(GOOD)
def test_a_good_spec_passes_schema_and_parser(sample):
    CHECKER.validate(sample["spec"])
    assert parse_spec(sample["spec"]).targets


def test_every_field_says_what_it_is():
    unsaid = [
        (name, child)
        for node in nodes(spec_schema())
        for name, child in node.get("properties", {}).items()
        if len(child["description"]) < 10 or not child["description"].endswith((".", "]"))
    ]
    assert unsaid == []


def test_everything_is_bounded():
    for node in nodes(spec_schema()):
        match node.get("type"):
            case "string":
                assert "enum" in node or node["maxLength"] <= 253
            case "array":
                assert node["maxItems"] <= 16
                assert node["x-kubernetes-list-type"] in {"atomic", "set", "map"}
            case "integer":
                assert node["maximum"] <= MAX_REQUESTS


def test_every_rule_says_must():
    messages = [
        rule["message"] for node in nodes(spec_schema()) for rule in node.get("x-kubernetes-validations", ())
    ]
    assert len(messages) > 40
    assert [message for message in messages if "must" not in message] == []


def test_the_defaults_of_the_schema_are_those_of_the_model():
    def filled(node, value):
        if node.get("type") == "object" and isinstance(value, dict):
            properties = node["properties"]
            value = {**{k: c["default"] for k, c in properties.items() if "default" in c}, **value}
            return {key: filled(properties[key], item) for key, item in value.items()}
        if node.get("type") == "array" and isinstance(value, list):
            return [filled(node["items"], item) for item in value]
        return value

    for sample in GOOD:
        assert parse_spec(filled(spec_schema(), sample["spec"])) == parse_spec(sample["spec"])
