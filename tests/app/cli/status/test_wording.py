import pytest

from app.cli.status.wording import breakers_verdict, downtime_lines, state_word, words, worst_first


@pytest.mark.parametrize(
    ("states", "verdict", "tone"),
    [
        ([], "no breakers", "closed"),
        (["closed"], "the breaker is closed", "closed"),
        (["closed", "closed"], "all 2 breakers are closed", "closed"),
        (["closed", "half_open"], "b1 is half-open", "half-open"),
        (["open", "closed", "open"], "2 of 3 breakers open", "open"),
        (["half_open", "half_open"], "2 of 2 breakers half-open", "half-open"),
        (["open", "half_open", "half_open"], "1 of 3 breakers open, 2 half-open", "open"),
    ],
)
def test_the_verdict_says_what_is_broken(states, verdict, tone):
    section = breakers_verdict([(f"b{number}", state) for number, state in enumerate(states)])
    assert (section.title, section.tone) == (verdict, tone)


def test_words_are_written_as_people_write_them():
    assert (words("consecutive_failures"), state_word("half_open")) == ("consecutive failures", "half-open")


def test_a_state_that_no_breaker_has_raises():
    with pytest.raises(ValueError, match="not in tuple"):
        state_word("melted")


WALL_S = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


@pytest.mark.parametrize(
    ("ago_s", "failed", "line"),
    [
        (23, 2, "23 s (since 07:59:37), 2 probes failed"),
        (62, 1, "1 min 2 s (since 07:58:58), 1 probe failed"),
        (0, 0, "0 s (since 08:00:00)"),
        (-5, 0, "0 s (since 08:00:05)"),
        (7_380, 0, "2 h 3 min (since 05:57:00)"),
        (86_400, 9, "24 h 0 min (since 2027-01-14 08:00:00), 9 probes failed"),
    ],
)
def test_a_breaker_that_is_not_closed_says_how_long_and_since_when(ago_s, failed, line):
    (section,) = downtime_lines([("orders", WALL_S - ago_s, failed)], WALL_S)
    assert (section.title, section.tone) == (f"orders down for {line}", "open")


def test_five_that_are_down_the_longest_have_a_line():
    titles = [
        line.title for line in downtime_lines([(f"b{ago}", WALL_S - ago, 0) for ago in range(7)], WALL_S)
    ]
    assert [title.split()[0] for title in titles] == ["b6", "b5", "b4", "b3", "b2", "and"]
    assert titles[-1] == "and 2 more down for less"


def test_breakers_are_sorted_by_requests_lost_then_by_state_and_name():
    rows = [
        ("idle", "closed", (0.0, 0.0, None)),
        ("busy", "closed", (900.0, 0.0, 0.0)),
        ("sideshow", "open", (0.1, 0.6, 1.0)),
        ("failing", "closed", (50.0, 0.0, 0.4)),
        ("unused", "open", (0.0, 0.0, None)),
        ("probed", "half_open", (0.01, 0.0, 1.0)),
    ]
    found = sorted(rows, key=lambda row: worst_first(*row))
    assert [name for name, *_ in found] == ["failing", "sideshow", "unused", "probed", "busy", "idle"]


def test_closed_breakers_are_green_only_where_all_is_well():
    assert breakers_verdict([("b", "closed")], is_all_well=False).tone == ""
    assert breakers_verdict([("b", "open")], is_all_well=False).tone == "open"
