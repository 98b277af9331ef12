import pytest

from app.dataplane.codec.http2_abuse import MAX_CONTROL_FRAMES, MAX_RESETS, NO_FRAMES, FrameCount, counted


def test_a_second_holds_as_many_as_may_come_and_not_one_more():
    full = counted(NO_FRAMES, MAX_RESETS, MAX_CONTROL_FRAMES, now=5.0)
    assert full == FrameCount(5.0, MAX_RESETS, MAX_CONTROL_FRAMES)
    assert counted(full, 1, 0, now=5.9).fault == "more than 200 streams reset in a second"
    assert counted(full, 0, 1, now=5.9).fault == "more than 1,000 control frames in a second"


@pytest.mark.parametrize(("now", "resets"), [(5.99, 3), (6.0, 1), (60.0, 1)])
def test_the_next_second_begins_anew(now, resets):
    assert counted(FrameCount(5.0, 2, 7), 1, 0, now).resets == resets
