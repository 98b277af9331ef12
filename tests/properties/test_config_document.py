"""The YAML reader against PyYAML's own writer."""

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


@given(values)
def test_what_pyyaml_writes_reads_back(value):
    # the writer quotes whatever YAML 1.1 would misread, which covers YAML 1.2
    text = yaml.safe_dump(value, allow_unicode=True)
    assert load_document(text.encode(), "f").value == value
