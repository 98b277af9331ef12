"""The page of metrics: the format a scraper asks for, and the process's own metrics behind ours."""

import subprocess
import sys

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


def shops(*names: str) -> CounterMetricFamily:
    family = CounterMetricFamily("tidegate_things", "Things.", labels=["shop"])
    for place, name in enumerate(names):
        family.add_metric([name], place)
    return family


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_family_in_parts_is_one_on_the_page(accept):
    def ours(*families: CounterMetricFamily) -> bytes:
        """But for the process's own metrics, which change."""
        other = CounterMetricFamily("tidegate_others", "Others.", 7)
        _, body = metrics_page(lambda: (*families, other), accept)
        return body.partition(b"# HELP process_")[0]

    first, second = shops("a", "b"), shops()
    second.add_metric(["c # d"], 2)
    assert ours(first, second) == ours(shops("a", "b", "c # d"))
    assert b"tidegate_others" in ours(first, second)


def number(page: str, name: str) -> float:
    (line,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_what_children_use_is_in_the_sums():
    command = [sys.executable, "-c", "input('runs\\n')"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        # The kernel counts no memory of a process that has just begun.
        assert child.stdout.readline() == b"runs\n"
        pages = [
            metrics_page(families, "", children)[1].decode() for children in ((), (child.pid, 999_999_999))
        ]
        for name in ("process_resident_memory_bytes", "process_open_fds"):
            assert number(pages[1], name) > number(pages[0], name)
        assert number(pages[1], "process_cpu_seconds_total") >= number(pages[0], "process_cpu_seconds_total")
        assert number(pages[1], "process_max_fds") == number(pages[0], "process_max_fds")
        child.communicate(b"\n")
