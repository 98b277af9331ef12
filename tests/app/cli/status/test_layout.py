import pytest

from app.cli.status.layout import fit, narrowed, widths
from app.cli.tables import Section

ROWS = tuple((f"name-{number}", "closed", "a long story about it", "file defaults") for number in range(20))
TABLE = Section(
    "breakers", ("NAME", "STATE", "WHY", "FROM"), ROWS, spare=("FROM",), elastic=("NAME", "WHY"), least=3
)
LESS = Section("routes", ("NAME", "RPS"), (("shop", "1.0"),) * 9, least=2, rank=1)


def test_what_fits_is_left_as_it_is():
    assert fit([Section("title"), TABLE, LESS], 200, 100) == [Section("title"), TABLE, LESS]


def test_a_table_without_rows_is_left_out():
    assert fit([Section("title"), Section("limits", ("RULE",))], 80, 24) == [Section("title")]


def test_on_a_narrow_screen_cells_are_cut_before_columns_are_left_out():
    (table,) = fit([TABLE], 53, 100)
    assert table.columns == TABLE.columns
    assert widths(table, 53) == (7, 6, 19, 13)
    (table,) = fit([TABLE], 40, 100)
    assert table.columns == ("NAME", "STATE", "WHY")
    assert table.rows[0] == ROWS[0][:3]


@pytest.mark.parametrize("columns", range(27, 80))
def test_no_line_is_longer_than_the_screen_is_wide(columns):
    (table,) = fit([TABLE], columns, 100)
    assert 2 + sum(widths(table, columns)) + 2 * (len(table.columns) - 1) <= columns


def test_on_a_low_screen_rows_are_cut_and_told_the_important_table_has_most():
    title, table, less = fit([Section("title"), TABLE, LESS], 200, 24)
    assert title.title == "title"
    assert (less.title, len(less.rows)) == ("routes, 7 more do not fit", 2)
    assert (table.title, len(table.rows)) == ("breakers, 5 more do not fit", 15)


def test_on_a_very_low_screen_the_least_important_table_goes_whole():
    shown = fit([Section("title"), TABLE, LESS], 200, 10)
    assert [section.title for section in shown] == ["title", "breakers, 14 more do not fit"]


def test_what_is_broken_stays_on_the_smallest_screen():
    shown = fit([Section("demo is open"), LESS, TABLE], 20, 1)
    assert [section.title for section in shown] == ["demo is open"]


def test_text_keeps_every_row_and_cuts_what_does_not_fit():
    title, table = narrowed([Section("a title that is too long", tone="open"), TABLE], 20)
    assert title.title == "a title that is too…"
    assert (table.columns, len(table.rows)) == (("NAME", "STATE", "WHY"), 20)
    assert table.rows[0] == ("name-0", "closed", "a long …")
    (table,) = narrowed([Section("limits rejected lately", ("RULE",), (("a",),))], 20)
    assert table.title == "limits rejected lat…"


FAULT = Section(
    "  gateway.yaml:3: policies[0].spec.timeout.request: is a number, not a duration; write 30s for seconds",
    tone="open",
    wraps=True,
)


@pytest.mark.parametrize("fitted", [narrowed, lambda shown, columns: fit(shown, columns, 50)])
def test_a_fault_is_never_cut_before_it_says_what_would_be_right(fitted):
    lines = fitted([FAULT], 60)
    assert [line.title for line in lines] == [
        "  gateway.yaml:3: policies[0].spec.timeout.request: is a",
        "    number, not a duration; write 30s for seconds",
    ]
    assert {line.tone for line in lines} == {"open"}
    assert fitted([FAULT], 200)[0].title == FAULT.title
