"""The page of metrics: the format a scraper asks for, and the process's own metrics behind ours."""

import pytest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from app.foundation.prometheus_page import metrics_page

OPENMETRICS = "application/openmetrics-text"


def families():
    yield CounterMetricFamily("tidegate_things", "Things.", 3)


@pytest.mark.parametrize(
    ("accept", "media_type", "read"),
    [
        ("", "text/plain", read_plain),
        ("text/html, */*;q=0.1", "text/plain", read_plain),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", OPENMETRICS, read_openmetrics),
        ("text/plain;q=0.5 , Application/OpenMetrics-Text; version=0.0.1", OPENMETRICS, read_openmetrics),
    ],
)
def test_a_scraper_gets_the_format_it_asks_for(accept, media_type, read):
    content_type, body = metrics_page(families, accept)
    assert content_type.startswith(media_type)
    names = [family.name for family in read(body.decode())]
    assert names[0] == "tidegate_things"
    assert "process_cpu_seconds" in names
