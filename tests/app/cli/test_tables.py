from app.cli.tables import Section, columns_text, plain_text


def test_columns_are_aligned_under_their_names():
    assert columns_text(("A", "B"), [("long", "x"), ("s", "y")], " ") == " A     B\n long  x\n s     y\n"


def test_nothing_a_terminal_would_obey_is_shown():
    assert columns_text(("A",), [("\x1b[2J\n",)]) == "A\n?[2J?\n"


def test_a_section_without_columns_is_its_title():
    assert plain_text([Section("one"), Section("two")]) == "one\ntwo\n"
