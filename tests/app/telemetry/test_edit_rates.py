from app.config.edits import Edit
from app.telemetry.edit_rates import EditRates, Rates, rates
from app.telemetry.history import History, Span, Tally

AT_S = 1_000
AT_MS = AT_S * 1000


def edit(sequence: int, at_s: float = AT_S) -> Edit:
    return Edit(at_s, sequence, "gw.yaml", ())


class Seconds:
    """A history that is filled second by second, and looked at in each, as the gateway does it."""

    def __init__(self, *edits: Edit) -> None:
        self.history = History()
        self.rates = EditRates()
        self.edits = edits

    def run(self, from_s: int, to_s: int, *, missing: tuple[int, ...] = (), **counts: int) -> None:
        for second in range(from_s + 1, to_s + 1):
            if second not in missing:
                columns = {f"outcome.{word}": count for word, count in counts.items()}
                self.history.add(
                    second * 1000, Tally({**columns, "limit.a.allowed": 7}, {"clients": 3}, *[[0] * 14] * 2)
                )
            now = [each for each in self.edits if each.at_wall_s <= second]
            self.rates.look(now, self.history.since, second * 1000)

    def of(self, sequence: int) -> tuple[Rates | None, Rates | None]:
        return self.rates.of[sequence]


def per_s(found: Rates | None) -> dict[str, float]:
    assert found is not None
    return dict(found.per_s)


def test_a_minute_before_and_a_minute_after():
    seconds = Seconds(edit(2))
    seconds.run(AT_S - 100, AT_S, ok=30)
    seconds.run(AT_S, AT_S + 60, ok=10, rate_limited=20)
    before, after = seconds.of(2)
    assert before == Rates(60, (("ok", 30.0),))
    assert after is None, "the window is complete with the second after its end"
    seconds.run(AT_S + 60, AT_S + 61, ok=1)
    _, after = seconds.of(2)
    assert (after and after.seconds, per_s(after)) == (60, {"ok": 10.0, "rate_limited": 20.0})


def test_what_was_found_stays_when_the_history_has_forgotten_it():
    seconds = Seconds(edit(2))
    seconds.run(AT_S - 60, AT_S + 61, ok=3)
    found = seconds.of(2)
    seconds.run(AT_S + 61, AT_S + 1000, ok=9)
    assert seconds.of(2) is found


def test_the_window_ends_at_the_next_edit_and_begins_after_the_last_one():
    seconds = Seconds(edit(3, AT_S + 20), edit(2))
    seconds.run(AT_S - 60, AT_S, ok=30)
    seconds.run(AT_S, AT_S + 20, ok=10)
    seconds.run(AT_S + 20, AT_S + 90, ok=50)
    assert seconds.of(2)[1] == Rates(20, (("ok", 10.0),))
    assert (per_s(seconds.of(3)[0]), per_s(seconds.of(3)[1])) == ({"ok": 10.0}, {"ok": 50.0})


def test_of_too_few_seconds_nothing_is_said():
    seconds = Seconds(edit(3, AT_S + 5), edit(2))
    seconds.run(AT_S - 9, AT_S + 6, ok=30)
    assert seconds.of(2) == (None, None)
    assert seconds.of(3) == (None, None)


def test_an_edit_that_is_forgotten_is_forgotten_here_too():
    seconds = Seconds(edit(2))
    seconds.run(AT_S - 20, AT_S + 62, ok=1)
    seconds.edits = (edit(9, AT_S + 62),)
    seconds.run(AT_S + 62, AT_S + 63, ok=1)
    assert set(seconds.rates.of) == {9}


def test_seconds_that_are_missing_do_not_make_the_rate_smaller():
    span = Span(1, [1000, 2000, 4000, *range(5000, 15000, 1000)], {"outcome.ok": [10, 10, 20, *[10] * 10]})
    assert rates(span, 0, 14_000) == Rates(14, (("ok", 10.0),))
    assert rates(span, 20_000, 40_000) is None


def test_a_second_without_requests_counts_as_one():
    seconds = Seconds(edit(2))
    seconds.run(AT_S - 30, AT_S - 15)
    seconds.run(AT_S - 15, AT_S + 1, ok=4)
    assert per_s(seconds.of(2)[0]) == {"ok": 2.0}
