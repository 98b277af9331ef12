import pytest
from websockets.frames import Frame, Opcode

from app.admin.feed.frames import PING_FRAME, text_frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_is_what_a_library_would_send(length):
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_so_is_a_ping():
    assert Frame(Opcode.PING, b"").serialize(mask=False) == PING_FRAME
