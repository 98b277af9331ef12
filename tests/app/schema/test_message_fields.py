import pytest

from app.schema.faults import Faults
from app.schema.fields import CheckedText
from app.schema.message_fields import Flag, Measure, Numbers, ShortText, Texts, WallTime
from app.schema.names import dns_label
from app.schema.section import Section

NAME = CheckedText("a", dns_label, "a name")
MAYBE_NAME = CheckedText("a", dns_label, takes_null=True)


def read(field, values):
    faults = Faults()
    return field.read(Section(values, (), faults)), [found.what for found in faults.found]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (NAME, "orders"),
        (MAYBE_NAME, "orders"),
        (ShortText("a", 4), "four"),
        (Texts("a", 2, 4), ("one", "two")),
        (Numbers("a", 2, 9), (1, 9)),
        (WallTime("a"), 1_700_000_000.25),
        (Measure("a"), 0.25),
        (Flag("a"), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_written_reads_back(field, value):
    assert read(field, {"a": field.write(value)}) == (value, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (MAYBE_NAME, None),
        (ShortText("a", 4, None), None),
        (Flag("a"), None),
        (WallTime("a", is_required=False), None),
        (Measure("a"), 0.0),
        (Measure("a", None), None),
    ],
)
@pytest.mark.parametrize("values", [{}, {"a": None}])
def test_null_is_as_good_as_absent(field, value, values):
    assert read(field, values) == (value, [])


@pytest.mark.parametrize(
    ("field", "values", "faults"),
    [
        (NAME, {}, ["is required"]),
        (ShortText("a", 4, example="a word"), {}, ["is required"]),
        (ShortText("a", 4), {"a": "fives"}, ["has 5 characters"]),
        (Texts("a", 2, 4), {"a": ["", "fives"]}, ["is ''", "is 'fives'"]),
        (Numbers("a", 2, 9), {"a": [True, 10]}, ["is true/false", "is 10"]),
        (Numbers("a", 2, 9), {}, ["is required"]),
        (WallTime("a"), {"a": -1}, ["is -1"]),
        (Measure("a"), {"a": -1}, ["is -1"]),
        (Measure("a"), {"a": True}, ["is true/false"]),
        (Measure("a"), {"a": 2e9}, ["is 2000000000.0"]),
        (WallTime("a"), {}, ["is empty"]),
        (Flag("a"), {"a": 1}, ["is a number"]),
    ],
)
def test_a_value_outside_its_bounds_is_a_fault(field, values, faults):
    assert read(field, values)[1] == faults


def test_a_text_that_is_too_long_is_cut_when_written():
    assert ShortText("a", 4).write("fives") == "five"


def test_a_field_that_nobody_documents_has_no_schema():
    assert Flag("a").node() == {}
