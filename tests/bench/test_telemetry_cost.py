"""What telemetry costs the data path, in µs; printed, not asserted."""

from collections.abc import Callable
from timeit import repeat

import orjson
import pytest

from app.telemetry.access_log import LineEncoder
from app.telemetry.counts import Counts
from app.telemetry.log_subject import SubjectLines, path_in_json
from app.telemetry.metrics import encode as encode_metrics
from app.telemetry.reading import read

pytestmark = pytest.mark.bench

SUBJECT = (
    "default",
    "127.0.0.1",
    b"GET",
    b"localhost:8080",
    "orders",
    "orders",
    "10.0.0.5:8080",
    "HTTP/1.1",
    None,
    b"wrk/4.1.0",
)
AGENTS = (b"a/1", b"b/2", b"c/3")  # one more than two generations of one hold
ENTRY = (
    1_700_000_000.1239,
    b"0123456789abcdef0123456789abcdef",
    200,
    "",
    0,
    248,
    1.2345,
    0.98765,
    1,
    None,
    SUBJECT,
    b"/orders/1234567",
)


def cost_us(call: Callable[[], object], number: int, per_call: int = 1):
    return min(repeat(call, number=number, repeat=7)) / number / per_call * 1e6


def test_cost_of_counting():
    route = Counts("1").route("orders")
    print(f"\ncount    {cost_us(lambda: route.count(b'GET', 200, ''), 20_000):8.2f} µs")
    print(f"observe  {cost_us(lambda: route.duration.observe(0.0034), 20_000):8.2f} µs")
    assert sum(route.requests.values()) == sum(route.duration.cells) == 7 * 20_000


def test_cost_of_a_log_line():
    encoder = LineEncoder()
    print(f"\nline     {cost_us(lambda: encoder.line(ENTRY), 20_000):8.2f} µs")
    lines, others = SubjectLines(), SubjectLines(capacity=1)
    known = cost_us(lambda: lines.around_path(SUBJECT), 20_000)
    strange = cost_us(lambda: [others.around_path((*SUBJECT[:9], agent)) for agent in AGENTS], 5_000)
    path = cost_us(lambda: path_in_json(b"/orders/1234567"), 20_000)
    print(f"of it    {known:8.2f} µs for a known subject, {strange / len(AGENTS):.2f} µs for another")
    print(f"         {path:8.2f} µs for the path")
    assert orjson.loads(encoder.line(ENTRY))["path"] == "/orders/1234567"


def test_cost_of_a_scrape():
    counts = Counts("1")
    for number in range(200):
        route = counts.route(f"route-{number}")
        route.count(b"GET", 200, "")
        route.duration.observe(0.0034)
    samples = read(counts)
    assert encode_metrics(samples)[1].count(b"tidegate_requests_total{") == 200
    print(f"\nread     {cost_us(lambda: read(counts), 20) / 1000:8.2f} ms for 200 routes, on the loop")
    print(
        f"encode   {cost_us(lambda: encode_metrics(samples), 3) / 1000:8.2f} ms for 200 routes, in any thread"
    )
