"""The YAML reader against PyYAML's own writer."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.schema.document import load_document

characters = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], exclude_characters="\ufeff")
texts = st.text(characters, max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


class Writer(yaml.SafeDumper):
    """PyYAML's own, which quotes what YAML 1.1 would misread; here also what only YAML 1.2 takes for a number."""


# YAML 1.2.2, 10.3.2: a float needs neither a point nor a sign in its exponent, and 0o7 is octal
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
Writer.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))
Writer.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"0o[0-7]+"), ["0"])


@given(values)
def test_what_pyyaml_writes_reads_back(value):
    text = yaml.dump(value, Dumper=Writer, allow_unicode=True)
    assert load_document(text.encode(), "f").value == value


@pytest.mark.parametrize(
    ("text", "number"), [("0E0", 0.0), ("1e3", 1000.0), ("-1.5e2", -150.0), ("+.5", 0.5), ("0o17", 15)]
)
def test_a_number_of_yaml_1_2_is_one_unless_it_is_quoted(text, number):
    assert load_document(f"a: {text}\nb: '{text}'\n".encode(), "f").value == {"a": number, "b": text}
