from app.breaker.values import NO_ERA, Cause, Permit, State


def test_state_words_are_those_of_the_api_and_the_metrics():
    assert [str(state) for state in State] == ["closed", "open", "half_open"]


def test_causes_are_words_that_need_no_quoting():
    assert all(str(cause).replace("_", "").isalpha() for cause in Cause)


def test_only_a_probe_holds_something_to_give_back():
    assert (Permit(3).held, Permit(3, held=True).held) == (False, True)


def test_the_permit_of_no_era_matches_none():
    assert NO_ERA.generation < 1
