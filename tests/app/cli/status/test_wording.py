import pytest

from app.cli.status.wording import breakers_verdict, state_word, words


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
