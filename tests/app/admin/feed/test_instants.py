import pytest

from app.admin.feed.instants import ms


@pytest.mark.parametrize(
    ("wall_s", "expected"), [(0.0, 0), (1.0004, 1000), (1_800_000_000.25, 1_800_000_000_250)]
)
def test_instants_are_whole_milliseconds(wall_s, expected):
    assert ms(wall_s) == expected
