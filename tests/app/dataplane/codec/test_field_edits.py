from app.config.model import HeaderEdits, Match, Route, RouteName
from app.dataplane.codec.field_edits import (
    compile_request_edits,
    compile_response_edits,
    edited,
    without,
)

NO_EDITS = HeaderEdits()


def route(request: HeaderEdits = NO_EDITS, response: HeaderEdits = NO_EDITS) -> Route:
    return Route(RouteName("r"), Match(), (), request_headers=request, response_headers=response)


def request_edited(edits: HeaderEdits, lines: bytes) -> bytes:
    compiled = compile_request_edits(route(edits))
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


def test_response_header_modifier_is_compiled_on_its_own():
    it = route(response=HeaderEdits(remove=("Server",)))
    assert compile_request_edits(it) is None
    compiled = compile_response_edits(it)
    assert compiled is not None
    assert edited(b"server: x\r\na: 1\r\n", compiled) == b"a: 1\r\n"


def test_a_route_without_edits_compiles_to_nothing():
    assert compile_request_edits(route()) is None
    assert compile_response_edits(route()) is None


def test_lines_go_by_their_whole_name_in_any_case():
    lines = b"x-a: x-b: 1\r\nX-B: 2\r\nx-bc: 3\r\nx-b: \r\n"
    assert without(lines, {b"x-b"}) == b"x-a: x-b: 1\r\nx-bc: 3\r\n"
    assert without(b"", {b"x-b"}) == b""
