import gc

import pytest

from app.foundation.collector import collect_seldom


@pytest.fixture
def collector():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_the_collector_leaves_what_start_up_made_alone():
    collect_seldom()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == 50_000
