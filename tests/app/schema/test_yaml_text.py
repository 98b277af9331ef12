"""YAML text: reads back as what it was made from, in the readers of YAML 1.1 too."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.schema.yaml_text import yaml_text

words = st.sampled_from(
    [
        "on",
        "No",
        "null",
        "1e3",
        "0x1f",
        ".5",
        "1:30",
        "~",
        "a: b",
        "- a",
        "# no",
        "it's",
        "=",
        "yes ",
        "2027-01-01",
    ]
)
texts = st.one_of(words, st.text(max_size=12), st.text("ab ", max_size=200))
values = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner.filter(lambda x: not isinstance(x, list)), max_size=3),
        st.dictionaries(texts, inner, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=3))
def test_what_is_written_reads_back(value):
    assert (yaml.safe_load(yaml_text(value)) or {}) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": {"b": [1, "x"]}}, "a:\n  b:\n    - 1\n    - x\n"),
        ({"on": "true"}, "'on': 'true'\n"),
        ({"a": []}, "a: []\n"),
        ({"a": 2.5, "b": [0.25]}, "a: 2.5\nb:\n  - 0.25\n"),
        ({"a": [{"b": 1, "c": {}}]}, "a:\n  - b: 1\n    c: {}\n"),
    ],
)
def test_it_is_written_as_people_would(value, text):
    assert yaml_text(value) == text


def test_a_long_text_is_folded_at_its_spaces():
    long = "word " * 40 + "end"
    text = yaml_text({"a": {"says": long}})
    assert text.startswith("a:\n  says: >-\n    word word")
    assert max(map(len, text.splitlines())) <= 104
    assert yaml.safe_load(text) == {"a": {"says": long}}
