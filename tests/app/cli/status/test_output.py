import json

import pytest

from app.cli.status.output import Output, document_text
from app.schema.document import load_document

DOCUMENT = {"b": [1, 2.5, None], "a": {"on": "yes", "at": "2027-01-15T08:00:00Z", "ü": "1:30"}}


def test_json_is_one_line_in_the_given_order():
    text = document_text(DOCUMENT, Output.JSON)
    assert (json.loads(text), text.count("\n"), text[:4]) == (DOCUMENT, 1, '{"b"')


def test_yaml_reads_back_in_the_given_order():
    text = document_text(DOCUMENT, Output.YAML)
    assert load_document(text.encode(), "out").value == DOCUMENT
    assert text.startswith("b:\n  - 1\n")


@pytest.mark.parametrize(
    ("output", "is_document"), [("table", False), ("wide", False), ("json", True), ("yaml", True)]
)
def test_documents_are_for_programs(output, is_document):
    assert Output(output).is_document == is_document
