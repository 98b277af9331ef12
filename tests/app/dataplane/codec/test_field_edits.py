from app.config.model import HeaderEdits
from app.dataplane.codec.field_edits import compile_edits, edited, in_turn, without


def request_edited(edits: HeaderEdits, lines: bytes) -> bytes:
    compiled = compile_edits(edits)
    assert compiled is not None
    return edited(lines, compiled)


def test_request_header_modifier_removes_sets_and_adds_in_this_order():
    edits = HeaderEdits(
        set=(("X-Set", "new"),), add=(("X-Add", "2"), ("X-Gone", "back")), remove=("X-Gone", "X-set")
    )
    lines = b"x-set: old\r\nx-add: 1\r\nx-gone: 1\r\nx-set: old2\r\nx-keep: k\r\nvia: 1.1 tidegate\r\n"
    assert request_edited(edits, lines) == (
        b"x-add: 1\r\nx-keep: k\r\nvia: 1.1 tidegate\r\nX-Set: new\r\nX-Add: 2\r\nX-Gone: back\r\n"
    )


def test_adding_alone_leaves_all_else_in_place():
    edits = HeaderEdits(add=(("a", "\xff"),))
    assert request_edited(edits, b"a: 1\r\nb: 2\r\n") == b"a: 1\r\nb: 2\r\na: \xff\r\n"


def test_the_gateways_own_lines_can_be_edited():
    edits = HeaderEdits(set=(("X-Forwarded-Proto", "https"),), remove=("via", "x-forwarded-for"))
    lines = (
        b"x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\nvia: 1.1 tidegate\r\nx-request-id: i\r\n"
    )
    assert request_edited(edits, lines) == b"x-request-id: i\r\nX-Forwarded-Proto: https\r\n"


def test_the_last_set_of_a_name_wins():
    assert request_edited(HeaderEdits(set=(("a", "1"), ("A", "2"))), b"b: 1\r\n") == b"b: 1\r\nA: 2\r\n"


def test_edits_that_do_nothing_compile_to_nothing():
    assert compile_edits(HeaderEdits()) is None


def test_edits_in_turn_do_what_one_after_the_other_does():
    first = compile_edits(HeaderEdits(set=(("a", "1"), ("b", "1")), add=(("c", "1"),), remove=("d",)))
    second = compile_edits(HeaderEdits(set=(("b", "2"),), add=(("a", "2"),), remove=("C",)))
    assert first is not None
    assert second is not None
    joined = in_turn(first, second)
    assert joined is not None
    lines = b"a: 0\r\nb: 0\r\nc: 0\r\nd: 0\r\ne: 0\r\n"
    assert edited(lines, joined) == edited(edited(lines, first), second)
    assert edited(lines, joined) == b"e: 0\r\na: 1\r\nb: 2\r\na: 2\r\n"


def test_in_turn_with_none_is_the_other_one():
    some = compile_edits(HeaderEdits(remove=("a",)))
    assert in_turn(some, None) is in_turn(None, some) is some
    assert in_turn(None, None) is None


def test_lines_go_by_their_whole_name_in_any_case():
    lines = b"x-a: x-b: 1\r\nX-B: 2\r\nx-bc: 3\r\nx-b: \r\n"
    assert without(lines, {b"x-b"}) == b"x-a: x-b: 1\r\nx-bc: 3\r\n"
    assert without(b"", {b"x-b"}) == b""


def test_edits_of_the_same_names_share_one_set_of_them():
    one, other = (compile_edits(HeaderEdits(set=(("X-Edition", value),))) for value in "12")
    assert one is not None
    assert other is not None
    assert one.drop is other.drop == {b"x-edition"}
    assert one.lines != other.lines
