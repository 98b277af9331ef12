import pytest

from app.dataplane.codec.head_buffer import SHORT_BYTES, HeadBuffer

HEADS = (b"GET /x HTTP/1.1\r\nHost: a\r\nX: \t \xff~", b"HTTP/1.1 200 OK", b"A\r\nB")


def filled(*pieces: bytes) -> HeadBuffer:
    buffer = HeadBuffer()
    for piece in pieces:
        buffer.add(piece)
    return buffer


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 1000])
def test_heads_come_out_one_by_one_in_pieces_of_any_size(size):
    stream = b"".join(head + b"\r\n\r\n" for head in HEADS) + b"rest"
    buffer, taken = HeadBuffer(), []
    for start in range(0, len(stream), size):
        buffer.add(stream[start : start + size])
        while (head := buffer.take_head()) is not None:
            taken.append(head)
        assert not buffer.fault
    assert taken == list(HEADS)
    assert (buffer.unread_bytes, buffer.take_rest(), buffer.unread_bytes) == (4, b"rest", 0)


def test_a_head_is_found_wherever_its_end_is_cut():
    whole = HEADS[0] + b"\r\n\r\n"
    for cut in range(len(whole)):
        buffer = filled(whole[:cut])
        assert buffer.take_head() is None
        buffer.add(whole[cut:] + b"more")
        assert (buffer.take_head(), buffer.take_rest(), buffer.fault) == (HEADS[0], b"more", "")


@pytest.mark.parametrize("behind", [b"", b"more", b"x" * SHORT_BYTES])
@pytest.mark.parametrize("length", [5, SHORT_BYTES])
def test_a_long_head_and_a_short_one_are_taken_alike(length, behind):
    head = b"A\r\nB:" + b"b" * length
    buffer = filled(head + b"\r\n\r\n" + behind)
    assert (buffer.take_head(), buffer.unread_bytes, buffer.fault) == (head, len(behind), "")
    assert buffer.take_rest() == behind


def test_an_empty_buffer_has_no_head():
    buffer = HeadBuffer()
    assert (buffer.take_head(), buffer.first_line(), buffer.take_rest(), buffer.fault) == (
        None,
        None,
        b"",
        "",
    )


@pytest.mark.parametrize(
    "data",
    [b"A\nB", b"A\r\nB\n", b"A\rB", b"A\r\rB", b"\n", b"A\r\n\n", b"A\n\r\n", b"A\r\n\rB"],
)
@pytest.mark.parametrize("by_bytes", [True, False])
def test_a_bare_cr_or_lf_is_a_fault_before_the_end_comes(data, by_bytes):
    buffer = HeadBuffer()
    for piece in [bytes([octet]) for octet in data] if by_bytes else [data]:
        buffer.add(piece)
        assert buffer.take_head() is None
    assert buffer.fault == "a line of it does not end in CRLF"


def test_a_cr_at_the_end_may_still_become_a_line_end():
    buffer = filled(b"A\r")
    assert (buffer.take_head(), buffer.fault) == (None, "")
    buffer.add(b"\n\r")
    assert (buffer.take_head(), buffer.fault) == (None, "")
    buffer.add(b"\n")
    assert (buffer.take_head(), buffer.fault) == (b"A", "")


@pytest.mark.parametrize("octet", [0x00, 0x01, 0x08, 0x0B, 0x0C, 0x1F, 0x7F])
def test_a_control_character_is_a_fault_at_once(octet):
    buffer = filled(b"GET /", bytes([octet]))
    assert buffer.take_head() is None
    assert buffer.fault == "a control character is in it"


@pytest.mark.parametrize("octet", [0x09, 0x20, 0x7E, 0x80, 0xFF])
def test_other_octets_are_none(octet):
    buffer = filled(bytes([octet]))
    assert buffer.take_head() is None
    assert not buffer.fault


def test_each_byte_is_checked_once_though_what_was_taken_differs():
    """The check goes on where it stopped, also when heads before it were taken and bytes came behind."""
    buffer = filled(b"A\r\n\r\nB\r\nC")
    assert buffer.take_head() == b"A"
    assert buffer.take_head() is None
    buffer.add(b"\nD")
    assert buffer.take_head() is None
    assert buffer.fault


def test_empty_lines_before_a_head_are_skipped_and_no_others():
    buffer = filled(b"\r\n\r\n\r\nA\r\n\r\n\r\n")
    buffer.skip_empty_lines()
    assert buffer.take_head() == b"A"
    assert buffer.unread_bytes == 2
    buffer.skip_empty_lines()
    assert (buffer.unread_bytes, buffer.take_head()) == (0, None)


def test_half_an_empty_line_waits_for_its_other_half():
    buffer = filled(b"\r")
    buffer.skip_empty_lines()
    assert (buffer.take_head(), buffer.fault, buffer.unread_bytes) == (None, "", 1)
    buffer.add(b"\nA\r\n\r\n")
    buffer.skip_empty_lines()
    assert buffer.take_head() == b"A"


def test_the_first_line_is_known_before_the_head_is_whole():
    buffer = filled(b"GET /x HT")
    assert buffer.first_line() is None
    buffer.add(b"TP/1.1\r\nHos")
    assert buffer.first_line() == b"GET /x HTTP/1.1"
    buffer.add(b"t: a\r\n\r\nNEXT\r\n")
    assert buffer.take_head() == b"GET /x HTTP/1.1\r\nHost: a"
    assert buffer.first_line() == b"NEXT"


def test_bytes_may_be_taken_past_the_buffer():
    """A body's reader moves `at` itself; what is left is looked through from there."""
    buffer = filled(b"A\r\n\r\n\n\n\nB")
    assert buffer.take_head() == b"A"
    buffer.at += 3
    assert (buffer.take_head(), buffer.fault) == (None, "")
    buffer.add(b"\r\n\r\n")
    assert buffer.take_head() == b"B"


def test_what_was_taken_whole_is_let_go():
    buffer = filled(b"GET / HTTP/1.1\r\n\r\nbody")
    assert buffer.take_head() == b"GET / HTTP/1.1"
    assert buffer.unread_bytes == 4
    buffer.take_to(len(buffer.data))
    assert (buffer.data, buffer.at) == (b"", 0)
    buffer.add(b"HEAD / HTTP/1.1\r\n\r\n")
    assert buffer.take_head() == b"HEAD / HTTP/1.1"
    assert (buffer.data, buffer.at) == (b"", 0)
