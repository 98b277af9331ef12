import re

import pytest

from app.config.sync.body import body_fault, is_deeper, read_body
from app.foundation.errors import ConfigFaults
from app.schema.fields import Whole
from app.schema.records import Record

COUNT: Record[dict[str, int]] = Record(
    dict, "A count.", {"count": Whole("count", 0, 9, "", is_required=True)}, is_open=True
)


def test_a_body_becomes_what_its_record_builds_and_unknown_keys_are_ignored():
    assert read_body(COUNT, b'{"count": 3, "later": [[1]]}', 3) == {"count": 3}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "body: is no JSON"),
        (b'{"count": 3, "later": [[1]]}', "body: is nested deeper than 2"),
        (b"[]", "body"),
        (b'{"count": 10}', "count"),
        (b"{}", "count"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(body, fault):
    with pytest.raises(ConfigFaults, match=re.escape(fault)):
        read_body(COUNT, body, 2)


def test_a_fault_of_the_whole_body_says_what_would_be_right():
    assert "send less" in str(body_fault("is larger than 3 bytes", "send less"))


@pytest.mark.parametrize(("depth", "deeper"), [(3, True), (4, False), (5, False)])
def test_depth_counts_brackets(depth, deeper):
    assert is_deeper({"a": [{"b": [1]}]}, depth) is deeper
