from app.telemetry.shadow_counts import PERIOD_S, ShadowCounts, ShadowLately

LABEL = ("trial", "Gateway")
KEY = (*LABEL, "rate_limited")


class Run:
    """A gateway's seconds: totals rise, and are looked at each second."""

    def __init__(self) -> None:
        self.counts = ShadowCounts()
        self.now_s = 0
        self.totals: dict[tuple[str, str, str], int] = {}
        self.use("1/s")

    def use(self, settings: object | None) -> None:
        labels = {} if settings is None else {LABEL: settings}
        self.counts.use(labels, self.totals, self.now_s * 1000)

    def run(self, seconds: int, per_s: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.totals[KEY] = self.totals.get(KEY, 0) + per_s
            self.counts.look(lambda: dict(self.totals), self.now_s * 1000)

    def lately(self) -> ShadowLately:
        return self.counts.lately(self.totals, self.now_s * 1000)[LABEL]


def test_a_young_one_says_since_when():
    run = Run()
    assert run.lately() == ShadowLately(0, {})
    run.run(30, 3)
    assert run.lately() == ShadowLately(0, {"rate_limited": 90})


def test_after_ten_minutes_it_is_the_last_ten_minutes():
    run = Run()
    run.run(PERIOD_S, 5)
    run.run(2 * PERIOD_S, 1)
    lately = run.lately()
    assert lately.since_ms is None
    assert PERIOD_S - 10 <= lately.counts["rate_limited"] <= PERIOD_S
    run.run(PERIOD_S, 0)
    assert run.lately().counts == {}


def test_other_settings_begin_anew_and_the_same_ones_go_on():
    run = Run()
    run.run(100, 2)
    run.use("1/s")
    assert run.lately().counts == {"rate_limited": 200}
    run.use("2/s")
    assert run.lately() == ShadowLately(100_000, {})
    run.run(5, 2)
    assert run.lately().counts == {"rate_limited": 10}


def test_one_that_left_shadow_mode_and_returned_begins_anew():
    run = Run()
    run.run(100, 2)
    run.use(None)
    run.totals.clear()  # as its counters do
    assert run.counts.lately(run.totals, 100_000) == {}
    run.use("1/s")
    run.run(20, 1)
    assert run.lately() == ShadowLately(100_000, {"rate_limited": 20})


def test_one_of_several_that_returned_is_not_measured_by_what_it_was():
    run = Run()
    other = ("other", "Gateway")
    run.counts.use({LABEL: 1, other: 1}, run.totals, 0)
    run.run(50, 10)
    run.counts.use({other: 1}, run.totals, 50_000)
    del run.totals[KEY]
    run.counts.use({LABEL: 1, other: 1}, run.totals, 51_000)
    run.run(20, 1)
    assert run.lately().counts == {"rate_limited": 20}


def test_totals_of_what_is_not_in_force_are_nobodys():
    run = Run()
    run.totals["gone", "Gateway", "rate_limited"] = 5
    assert run.lately().counts == {}
