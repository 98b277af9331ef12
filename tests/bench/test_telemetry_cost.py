"""What telemetry costs the data path, in µs; printed, not asserted."""

from collections.abc import Callable
from timeit import repeat

import pytest

from app.telemetry.access_log import BATCH_ENTRIES, AccessLog, encode
from app.telemetry.counts import Counts
from app.telemetry.log_subject import SubjectLines
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
    SubjectLines().line_end(SUBJECT, b"/orders/1234567"),
)


def cost_us(call: Callable[[], object], number: int, per_call: int = 1):
    return min(repeat(call, number=number, repeat=7)) / number / per_call * 1e6


def test_cost_of_counting():
    route = Counts("1").route("orders")
    print(f"\ncount    {cost_us(lambda: route.count(b'GET', 200, ''), 20_000):8.2f} µs")
    print(f"observe  {cost_us(lambda: route.duration.observe(0.0034), 20_000):8.2f} µs")


def test_cost_of_a_log_line():
    log, entries = AccessLog("off"), [ENTRY] * BATCH_ENTRIES
    print(f"\nwrite    {cost_us(lambda: log.write(ENTRY), 20_000):8.2f} µs")
    lines, others = SubjectLines(), SubjectLines(capacity=1)
    known = cost_us(lambda: lines.line_end(SUBJECT, b"/orders/1234567"), 20_000)
    strange = cost_us(
        lambda: [others.line_end((*SUBJECT[:9], agent), b"/orders/1") for agent in AGENTS], 5_000
    )
    print(f"line_end {known:8.2f} µs for another path, {strange / len(AGENTS):.2f} µs for another subject")
    print(f"encode   {cost_us(lambda: encode(entries), 20, BATCH_ENTRIES):8.2f} µs a line")


def test_cost_of_a_scrape():
    counts = Counts("1")
    for number in range(200):
        route = counts.route(f"route-{number}")
        route.count(b"GET", 200, "")
        route.duration.observe(0.0034)
    samples = read(counts)
    print(f"\nread     {cost_us(lambda: read(counts), 20) / 1000:8.2f} ms for 200 routes, on the loop")
    print(
        f"encode   {cost_us(lambda: encode_metrics(samples), 3) / 1000:8.2f} ms for 200 routes, in any thread"
    )
