import pytest

from app.dataplane.proxy.tunnel import FrameMeter, close_frame

FRAMES = {
    "empty": b"\x89\x00",
    "short": b"\x81\x05hello",
    "masked": b"\x81\x85\1\2\3\4hello",
    "two bytes of length": b"\x82\x7e\x01\x00" + b"x" * 256,
    "masked with two bytes of length": b"\x82\xfe\x01\x00\1\2\3\4" + b"x" * 256,
    "eight bytes of length": b"\x82\x7f" + (70_000).to_bytes(8, "big") + b"x" * 70_000,
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_meter_is_between_frames_only_at_the_end_of_one(name):
    frame, meter = FRAMES[name], FrameMeter()
    step = max(1, len(frame) // 300)
    for at in range(0, len(frame), step):
        assert meter.between_frames == (at == 0)
        meter.feed(frame[at : at + step])
    assert meter.between_frames


def test_the_meter_follows_many_frames_in_one_piece():
    meter = FrameMeter()
    meter.feed(b"".join(FRAMES.values()) * 3 + b"\x81")
    assert not meter.between_frames
    meter.feed(b"\x00")
    assert meter.between_frames


def test_a_close_frame_carries_its_code():
    assert close_frame(1001, masked=False) == b"\x88\x02\x03\xe9"


def test_a_clients_close_frame_is_masked():
    assert close_frame(1001, masked=True) == b"\x88\x82\0\0\0\0\x03\xe9"
