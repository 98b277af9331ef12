import pytest

from app.cli.status.gateway_clock import gateway_wall_s

WALL_S = 1_800_000_000.25  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("date", "ahead_s"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2027 07:59:59 GMT", 0.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 59.75),
        ("Fri, 15 Jan 2027 07:59:00 GMT", -60.25),
        ("yesterday", 0.0),
        (None, 0.0),
    ],
)
def test_the_gateways_time_counts_where_clocks_differ(date, ahead_s):
    assert gateway_wall_s(date, WALL_S) - WALL_S == ahead_s
