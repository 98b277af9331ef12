from enum import StrEnum

import pytest

from app.schema.faults import Faults
from app.schema.fields import Choice, Duration, Instant, Switch, Text, TextKind, Whole
from app.schema.names import dns_label
from app.schema.section import Section


class Size(StrEnum):
    SMALL = "Small"
    LARGE = "Large"


LABEL = TextKind(dns_label, 63, "[a-z]+", "must be a label")
FIELDS = [
    (Whole("a", 1, 5, "How many."), 3, 3),
    (Duration("a", 1.0, 60.0, "How long.", 2.0), "1m", 60.0),
    (Choice("a", Size, "Which."), "Small", Size.SMALL),
    (Text("a", LABEL, "What."), "orders", "orders"),
    (Switch("a", "Whether."), True, True),
    (Instant("a", "When."), "2027-01-31T12:00:00.000Z", 1_801_396_800.0),
]


def read(field, values):
    faults = Faults()
    return field.read(Section(values, (), faults)), [(found.what, found.fix) for found in faults.found]


@pytest.mark.parametrize(("field", "said", "value"), FIELDS, ids=lambda each: type(each).__name__)
def test_what_is_read_is_written_as_it_was_said(field, said, value):
    assert read(field, {"a": said}) == (value, [])
    assert field.write(value) == said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Whole("a", 1, 5, "How many."), None),
        (Whole("a", 1, 5, "How many.", 4), 4),
        (Duration("a", 1.0, 60.0, "How long.", 2.0), 2.0),
        (Choice("a", Size, "Which.", Size.LARGE), Size.LARGE),
        (Text("a", LABEL, "What."), None),
        (Instant("a", "When."), None),
        (Switch("a", "Whether."), False),
        (Switch("a", "Whether.", default=True), True),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_absent_key_gives_the_default(field, value):
    assert read(field, {}) == (value, [])
    assert not field.is_required


@pytest.mark.parametrize(
    ("field", "fix"),
    [
        (Whole("a", 1, 5, "How many.", is_required=True), "give a whole number from 1 to 5"),
        (
            Duration("a", 1.0, 60.0, "How long.", is_required=True),
            "give a duration such as 250ms, 10s or 1h30m",
        ),
        (Choice("a", Size, "Which."), "give one of Small, Large"),
        (Choice("a", Size, "Which.", cure="Small or Large"), "give Small or Large"),
        (Text("a", LABEL, "What.", "a label such as orders"), "give a label such as orders"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_absent_key_that_is_required_is_a_fault_with_its_cure(field, fix):
    assert read(field, {})[1] == [("is required", fix)]
    assert field.is_required


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("small", "did you mean Small?"),
        ("Medium", "it must be one of Small, Large"),
        (3, "it must be one of Small, Large"),
    ],
)
def test_a_word_that_is_none_of_the_choice_is_a_fault(said, fix):
    assert read(Choice("a", Size, "Which.", Size.LARGE), {"a": said})[1][0][1] == fix


def test_a_default_may_be_left_open_in_the_schema():
    spoken = Duration("a", 0.0, 60.0, "How long.", 2.0)
    silent = Duration("a", 0.0, 60.0, "How long.", 2.0, is_default_open=True)
    assert (spoken.node()["default"], "default" in silent.node()) == ("2s", False)


def test_a_switch_takes_true_and_false_only():
    assert read(Switch("a", "Whether."), {"a": "yes"}) == (False, [("is a text", "it must be true or false")])
    assert Switch("a", "Whether.").node() == {"description": "Whether.", "type": "boolean", "default": False}
