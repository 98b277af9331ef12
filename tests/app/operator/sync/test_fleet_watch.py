import pytest

from app.operator.sync.fleet_watch import WATCHED_S, FleetWatch


def test_a_look_counts_for_a_while():
    watch = FleetWatch()
    assert not watch.is_on(0.0)
    watch.looked(0.0)
    assert watch.is_on(WATCHED_S - 0.1)
    assert not watch.is_on(WATCHED_S)


def test_only_the_first_look_begins():
    watch = FleetWatch()
    begin = watch.next_begin()
    watch.looked(0.0)
    assert begin.is_set()
    begin = watch.next_begin()
    watch.looked(5.0)
    assert not begin.is_set()
    watch.looked(5.0 + WATCHED_S)
    assert begin.is_set()


@pytest.mark.parametrize(("gateways", "pace_s"), [(0, 2.0), (3, 2.0), (40, 2.0), (100, 5.0)])
def test_many_gateways_report_more_rarely(gateways, pace_s):
    assert FleetWatch().pace_s(gateways) == pace_s
