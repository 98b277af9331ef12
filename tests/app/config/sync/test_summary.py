from app.config.sync.summary import TrafficSummary


def test_lost_is_what_failed_and_what_was_rejected():
    assert TrafficSummary(10.0, 1.5, 2.0).lost_per_s == 3.5
