"""The resource's schema and the parser on bent specs: on what a single field may be, both agree."""

from pathlib import Path

import jsonschema
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.foundation.errors import ConfigFaults
from app.policy.parse import parse_spec
from app.policy.schema import strict_schema

GOOD = [
    sample["spec"]
    for sample in yaml.safe_load((Path(__file__).parents[1] / "golden" / "policy" / "good.yaml").read_text())
]
CHECKER = jsonschema.Draft202012Validator(strict_schema())

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 1_100_000_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            "",
            "1s",
            "0s",
            "100ms",
            "1.5s",
            "2h",
            "1h30m",
            "25h",
            "10",
            "Gateway",
            "Open",
            "5xx",
            "404",
            "a" * 300,
            "A_b",
            "x.y",
        ]
    ),
    st.lists(st.sampled_from(["4xx", "5xx", 400, 599, 600, "gold", {}]), max_size=20),
    st.dictionaries(st.sampled_from(["percent", "window", "state", "zz"]), st.integers(0, 101), max_size=2),
)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*path, key))


def bent(value, path, new):
    """`value` with `new` at `path`; where that is None, without what is there."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        if not rest and new is None:
            return {key: child for key, child in value.items() if key != head}
        return {**value, head: bent(value[head], rest, new)}
    return [*value[:head], bent(value[head], rest, new), *value[head + 1 :]]


@st.composite
def bent_specs(draw):
    spec = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(sorted(places(spec), key=repr)))
        spec = bent(spec, path, draw(odd))
    return spec


def accepts(spec):
    try:
        parse_spec(spec)
    except ConfigFaults:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(bent_specs())
def test_what_the_parser_accepts_the_schema_accepts(spec):
    if accepts(spec):
        CHECKER.validate(spec)


@settings(max_examples=300, deadline=None)
@given(bent_specs())
def test_what_the_schema_refuses_the_parser_refuses(spec):
    if not CHECKER.is_valid(spec):
        assert not accepts(spec)
