import sys

import pytest

from app.dataplane.codec import field_lines
from app.dataplane.codec.field_lines import Field, FieldLines, pairs_of


def role_of(name: bytes) -> int:
    return {b"host": 2}.get(name, field_lines.PASS)


@pytest.fixture
def lines() -> FieldLines:
    return FieldLines(role_of)


def read(lines: FieldLines, line: bytes) -> Field:
    field = lines.read(line)
    assert field is not None
    return field


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"Accept: */*", b"accept", b"*/*"),
        (b"accept:*/*", b"accept", b"*/*"),
        (b"X:", b"x", b""),
        (b"X: \t ", b"x", b""),
        (b"X: \t a b\t c \t", b"x", b"a b\t c"),
        (b"X: a: b:", b"x", b"a: b:"),
        (b"X: caf\xe9 \x80\xff", b"x", b"caf\xe9 \x80\xff"),
        (b"!#$%&'*+-.^_`|~09azAZ: 1", b"!#$%&'*+-.^_`|~09azaz", b"1"),
    ],
)
def test_a_line_is_a_name_in_lower_case_and_a_value_without_the_blanks_around_it(lines, line, name, value):
    field = read(lines, line)
    assert (field.name, field.value, field.line) == (name, value, b"%b: %b\r\n" % (name, value))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no colon",
        b": empty name",
        b" X: leading blank",
        b"\tX: leading tab",
        b" folded",
        b"X : blank before the colon",
        b"X Y: blank in the name",
        b"X\x00: nul in the name",
        b"X\xe9: obs-text in the name",
        b"X(: no token",
        b"X: nul \x00",
        b"X: bare \r cr",
        b"X: bare \n lf",
        b"X: ends in cr\r",
        b"X: \x0b",
        b"X: delete \x7f",
        b"X: \x1f",
    ],
)
def test_a_malformed_line_is_none_every_time(lines, line):
    assert [lines.read(line) for _ in range(3)] == [None] * 3
    assert not lines.kept


def test_a_field_knows_what_its_name_means(lines):
    assert read(lines, b"HOST: a").role == 2
    assert read(lines, b"x-host: a").role == field_lines.PASS


def test_a_line_is_kept_at_second_sight(lines):
    read(lines, b"X: a")
    assert not lines.kept
    field = read(lines, b"X: a")
    assert lines.kept == {b"X: a": field}


def test_a_kept_line_gives_the_same_object_again_and_costs_nothing_more(lines):
    read(lines, b"X: a")
    field, kept_bytes = read(lines, b"X: a"), lines._kept_bytes
    assert [read(lines, b"X: a") for _ in range(3)] == [field] * 3
    assert lines._kept_bytes == kept_bytes


def test_lines_that_differ_only_in_case_are_kept_apart(lines):
    for line in (b"X: a", b"x: a") * 2:
        read(lines, line)
    assert set(lines.kept) == {b"X: a", b"x: a"}


def test_a_line_longer_than_the_bound_is_never_kept(lines):
    longest = b"X: " + b"a" * (field_lines.MAX_KEPT_LINE_BYTES - 3)
    for line in (longest, longest + b"a") * 3:
        read(lines, line)
    assert set(lines.kept) == {longest}


def test_lines_that_never_come_again_push_nothing_out(lines):
    for _ in range(2):
        field = read(lines, b"Accept: */*")
    for number in range(3000):
        read(lines, b"Cookie: session=%d" % number)
    assert read(lines, b"Accept: */*") is field
    assert len(lines.kept) < 50  # strangers with the same hash bits


@pytest.fixture
def small() -> FieldLines:
    """Keeps ten lines in each generation."""
    return FieldLines(role_of, max_kept_bytes=10 * (3 * 6 + field_lines.KEPT_OVERHEAD_BYTES))


def keep(lines: FieldLines, *numbers: int) -> None:
    for number in numbers:
        for _ in range(2):
            read(lines, b"X: %03d" % number)


def test_a_full_generation_becomes_the_old_one(small):
    keep(small, *range(10))
    first = dict(small.kept)
    assert len(first) == 10
    keep(small, 10)
    assert set(small.kept) == {b"X: 010"}
    assert small._old == first


def test_what_is_used_of_the_old_generation_moves_to_the_young_one_as_it_is(small):
    keep(small, *range(10))
    field = small.kept[b"X: 003"]
    keep(small, 10)
    assert read(small, b"X: 003") is field
    assert small.kept[b"X: 003"] is field


def test_what_is_not_used_for_a_generation_is_forgotten(small):
    keep(small, *range(21))
    assert b"X: 000" not in small.kept | small._old
    read(small, b"X: 000")
    assert b"X: 000" not in small.kept, "it is at its first sight again"


def test_never_more_than_two_generations_are_held_in_the_stated_bytes(lines):
    """Measured with what Python says of its objects, whatever the lines' length."""
    for number in range(4000):
        keep_line = b"X-%04d: %b" % (number, b"v" * (number * 7 % 900))
        read(lines, keep_line)
        read(lines, keep_line)
    for generation in (lines.kept, lines._old):
        assert generation
        held = sum(
            sum(map(sys.getsizeof, (line, field, field.name, field.value, field.line)))
            for line, field in generation.items()
        )
        assert held + sys.getsizeof(generation) <= field_lines.MAX_KEPT_BYTES
    assert sys.getsizeof(lines._seen) <= field_lines.SEEN_BITS // 8 + 100


def test_pairs_are_names_and_values_in_order(lines):
    fields = [read(lines, line) for line in (b"B: 1", b"A: 2", b"B: 3")]
    assert pairs_of(fields) == [(b"b", b"1"), (b"a", b"2"), (b"b", b"3")]


def test_names_are_kept_as_they_were_received(lines):
    for line, name in ((b"Accept: a", b"accept"), (b"ACCEPT: b", b"accept"), (b"accept: c", b"accept")):
        assert read(lines, line).name == name
    assert set(lines._names) == {b"Accept", b"ACCEPT", b"accept"}


def test_a_name_longer_than_the_bound_is_never_kept(lines):
    longest = b"x" * field_lines.MAX_NAME_BYTES
    for name in (longest, longest + b"x"):
        assert read(lines, name + b": 1").name == name
    assert set(lines._names) == {longest}


def test_made_up_names_neither_grow_the_memory_nor_keep_others_out_for_ever(lines):
    for number in range(3 * field_lines.MAX_NAMES):
        read(lines, b"x-made-up-%d: 1" % number)
        assert len(lines._names) <= field_lines.MAX_NAMES
    read(lines, b"Accept: a")
    assert b"Accept" in lines._names


def test_lines_without_a_colon_leave_no_names_behind(lines):
    assert lines.read(b"nonsense") is None
    assert lines.read(b"nonsense") is None
    assert not lines._names
