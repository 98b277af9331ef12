"""Tables on the pages that mirror the code are those of the code."""

import pytest

from app.foundation.reasons import REASONS
from tools.pages import CURES, PAGES, TABLES, written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page):
    assert written(page.read_text()) == page.read_text(), "run make generate"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_stands_on_one_page(name):
    assert [f"<!-- generated: {name} -->" in page.read_text() for page in PAGES].count(True) == 1


def test_every_reason_has_a_cure():
    assert set(CURES) == set(REASONS)
