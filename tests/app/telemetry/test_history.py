from app.telemetry.counts import BOUNDS_S, Histogram
from app.telemetry.history import History, Tally

START_MS = 1_800_000_000_000  # on a boundary of ten seconds


def tally(ok: int = 0, clients: int = 0, duration_s: float = 0.02) -> Tally:
    histogram = Histogram()
    for _ in range(ok):
        histogram.observe(duration_s)
    counts = {"outcome.ok": ok} if ok else {}
    return Tally(counts, {"clients": clients}, histogram.cells, histogram.cells)


def filled(seconds: int, history: History | None = None) -> History:
    history = history or History()
    for second in range(1, seconds + 1):
        history.add(START_MS + second * 1000, tally(ok=1, clients=second))
    return history


def test_each_second_is_a_point():
    (point,) = History().add(START_MS + 1000, tally(ok=3, clients=2))
    assert (point.step_s, point.at_ms) == (1, START_MS + 1000)
    assert point.values == {"outcome.ok": 3, "clients": 2, "p50Ms": 17.5, "p90Ms": 23.5, "p99Ms": 24.85}


def test_a_second_without_requests_has_no_percentiles():
    (point,) = History().add(START_MS + 1000, tally())
    assert point.values == {"clients": 0, "p50Ms": None, "p90Ms": None, "p99Ms": None}
    assert History().since(0)[0].columns == {}


def test_ten_seconds_are_one_point_that_ends_on_the_boundary():
    history = filled(10)
    coarse, fine = history.add(START_MS + 11_000, tally(ok=5))
    assert (coarse.step_s, coarse.at_ms) == (10, START_MS + 10_000)
    assert coarse.values["outcome.ok"] == 10
    assert coarse.values["clients"] == 10  # as it was at the end
    assert coarse.values["p50Ms"] == 17.5
    assert fine.step_s == 1


def test_a_step_begins_anew():
    history = filled(10)
    history.add(START_MS + 11_000, tally(ok=5))
    points = history.add(START_MS + 21_000, tally())
    assert [(point.step_s, point.values.get("outcome.ok", 0)) for point in points] == [(10, 5), (1, 0)]


def test_the_past_is_told_in_columns():
    fine, coarse = filled(11).since(0)
    assert (fine.step_s, len(fine.times_ms), coarse.step_s, len(coarse.times_ms)) == (1, 11, 10, 1)
    assert fine.columns["outcome.ok"] == [1] * 11
    assert fine.columns["p50Ms"] == [17.5] * 11
    assert coarse.columns["outcome.ok"] == [10]


def test_what_was_missed_is_told():
    fine, coarse = filled(11).since(START_MS + 9_500)
    assert fine.times_ms == [START_MS + 10_000, START_MS + 11_000]
    assert coarse.times_ms == [START_MS + 10_000]


def test_ten_minutes_and_three_hours_are_kept():
    fine, coarse = filled(3 * 3600 + 60).since(0)
    assert len(fine.times_ms) == 600
    assert len(coarse.times_ms) == 1080
    assert len(fine.columns["clients"]) == 600
    assert fine.times_ms[-1] - fine.times_ms[0] == 599_000


def test_a_gap_leaves_steps_out():
    history = filled(3)
    history.add(START_MS + 60_000, Tally({}, {}, *[[0] * (len(BOUNDS_S) + 1)] * 2))
    fine, coarse = history.since(0)
    assert len(fine.times_ms) == 4
    assert coarse.times_ms == [START_MS + 10_000]


def test_a_seconds_quantiles_are_those_of_the_last_ten():
    quick, slow = tally(ok=30, duration_s=0.02), tally(ok=1, duration_s=2.0)
    recent = [a + b for a, b in zip(quick.cells, slow.cells, strict=True)]
    history = History()
    (point,) = history.add(START_MS + 1000, slow._replace(recent=recent))
    assert point.values["p50Ms"] == 17.75
    (point,) = history.add(START_MS + 2000, Tally({}, {}, [0] * len(recent), recent))
    assert point.values["p50Ms"] == 17.75, "also in a second without a request"
