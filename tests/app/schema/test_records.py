from dataclasses import dataclass
from typing import Any

import pytest

from app.schema.faults import Faults, spell
from app.schema.fields import Text, TextKind, Whole
from app.schema.names import dns_label
from app.schema.records import Ignored, ListOf, Nested, Record, Rule, TextList, Unique

LABEL = TextKind(dns_label, 63, "[a-z]+", "must be a label")


@dataclass(frozen=True, slots=True)
class Box:
    low: int = 1
    high: int = 9
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shelf:
    name: str
    boxes: tuple[Box, ...] = ()
    spare: Box | None = None


def in_order(section, box):
    if box.low > box.high:
        section.fault("low", "is above high", "low must be at most high")


def is_there(section, box):
    if "low" not in section:
        section.fault("low", "is missing", "give it")


BOX = Record(
    Box,
    "A box.",
    {
        "low": Whole("low", 1, 9, "Least.", 1),
        "high": Whole("high", 1, 9, "Most.", 9),
        "marks": TextList("marks", LABEL, (0, 2), "Marks.", "mark", "A mark."),
        "old": Ignored("true", {"description": "Never set."}),
    },
    Rule("self.low <= self.high", "low must be at most high", in_order, True),
    Rule("has(self.low)", "low must be set", is_there),
)
SHELF = Record(
    Shelf,
    "A shelf.",
    {
        "name": Text("name", LABEL, "Its name.", "a label"),
        "boxes": ListOf(
            "boxes",
            BOX,
            (1, 3),
            "Boxes.",
            Unique(lambda box: box.low, lambda box: str(box.low), "differ", "low"),
        ),
        "spare": Nested("spare", BOX),
    },
)


def read(record, value):
    faults = Faults()
    return record.open(value, (), faults), [f"{spell(found.path)}: {found.what}" for found in faults.found]


def test_a_mapping_becomes_the_value_it_describes():
    shelf, faults = read(
        SHELF, {"name": "top", "boxes": [{"low": 2, "marks": ["a", "b"]}], "spare": {"low": 1}}
    )
    assert faults == []
    assert shelf == Shelf("top", (Box(2, 9, frozenset({"a", "b"})),), Box())


def test_what_is_no_mapping_is_one_fault():
    assert read(SHELF, []) == (None, [": is a list, not a mapping"])


def test_a_written_value_says_the_same_and_leaves_out_what_is_empty():
    said = SHELF.write(Shelf("top", (Box(2, 9, frozenset({"b", "a"})),)))
    assert said == {"name": "top", "boxes": [{"low": 2, "high": 9, "marks": ["a", "b"]}]}


@pytest.mark.parametrize(
    ("box", "faults"),
    [
        ({"low": 8, "high": 2}, ["boxes[0].low: is above high"]),
        (
            {"low": 8, "high": 0},
            ["boxes[0].high: is 0"],
        ),  # what stands for a bad value is compared with nothing
        ({"high": 0}, ["boxes[0].high: is 0", "boxes[0].low: is missing"]),
        ({"low": 1, "true": 1}, ["boxes[0].true: is not a known key"]),
        ({"low": 1, "marks": ["a", "a"]}, ["boxes[0].marks[1]: repeats a"]),
        ({"low": 1, "marks": [1]}, ["boxes[0].marks[0]: is a number, not a mark name"]),
        ({"low": 1, "marks": ["A"]}, ["boxes[0].marks[0]: 'A' is not a DNS label"]),
    ],
)
def test_all_faults_of_an_item_are_found(box, faults):
    assert read(SHELF, {"name": "top", "boxes": [box]})[1] == faults


def test_an_item_that_repeats_a_key_of_its_own_is_a_fault_there():
    assert read(SHELF, {"name": "top", "boxes": [{"low": 2}, {"low": 2}]})[1] == ["boxes[1].low: repeats 2"]


def test_whole_items_are_compared_only_where_they_are_sound():
    boxes = ListOf("boxes", BOX, (0, 3), "Boxes.", Unique(lambda box: box, lambda box: "a box", "differ"))
    record: Record[dict[str, object]] = Record(dict, "Boxes.", {"boxes": boxes})
    assert read(record, {"boxes": [{"low": 1}, {"low": 1}]})[1] == ["boxes[1]: repeats a box"]
    assert read(record, {"boxes": [{"low": 0}, {"low": 0}]})[1] == [
        "boxes[0].low: is 0",
        "boxes[1].low: is 0",
    ]
    assert read(record, {"boxes": [7]})[1] == ["boxes[0]: is a number, not a mapping"]


def test_the_schema_has_the_same_keys_bounds_and_rules():
    node: Any = SHELF.node()
    assert node["required"] == ["name", "boxes"]
    assert list(node["properties"]) == ["name", "boxes", "spare"]
    box = node["properties"]["boxes"]["items"]
    assert list(box["properties"]) == ["low", "high", "marks", "true"]
    assert [rule["rule"] for rule in box["x-kubernetes-validations"]] == [
        "self.low <= self.high",
        "has(self.low)",
    ]
    assert (node["properties"]["boxes"]["minItems"], box["properties"]["high"]["maximum"]) == (1, 9)
